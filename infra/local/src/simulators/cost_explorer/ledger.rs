//! The account's costs: what they truly are, and what a refresh shows of them.
//!
//! This is the oracle of tests and reports. It knows nothing of requests, groups and pages.

use std::collections::BTreeMap;

use jiff::civil::{Date, Time, Weekday};
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

use super::calendar::{instant, next_day};
use super::money::{Amounts, draw, percent_of};
use super::scenario::{Item, LagPoint, Override, RecordType, Scenario};

/// One cost of one day.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// The item it comes from: service, record type.
    pub item: &'a Item,
    /// The account that pays.
    pub account: &'a str,
    /// What it costs.
    pub amounts: Amounts,
}

/// The costs of one day.
#[derive(Debug, Clone)]
pub struct DayCosts<'a> {
    /// The day.
    pub day: Date,
    /// Whether the bill of its month is still open.
    pub estimated: bool,
    /// Its costs, in the order of the scenario. Empty: no data.
    pub lines: Vec<Line<'a>>,
    scenario: &'a Scenario,
}

impl<'a> DayCosts<'a> {
    /// The sum.
    #[must_use]
    pub fn total(&self) -> Amounts {
        self.lines.iter().map(|line| line.amounts).sum()
    }

    /// Sums by service.
    #[must_use]
    pub fn by_service(&self) -> BTreeMap<&'a str, Amounts> {
        self.by(|line| line.item.service.as_str())
    }

    /// Sums by record type.
    #[must_use]
    pub fn by_record_type(&self) -> BTreeMap<RecordType, Amounts> {
        self.by(|line| line.item.record_type)
    }

    /// Sums by the value of a tag; `None` is untagged, which all costs are before the tag's activation.
    #[must_use]
    pub fn by_tag(&self, key: &str) -> BTreeMap<Option<&'a str>, Amounts> {
        self.by(|line| self.scenario.tag_value(line.item, key, self.day))
    }

    fn by<K: Ord>(&self, key: impl Fn(&Line<'a>) -> K) -> BTreeMap<K, Amounts> {
        let mut sums = BTreeMap::<K, Amounts>::new();
        for line in &self.lines {
            *sums.entry(key(line)).or_default() += line.amounts;
        }
        sums
    }
}

impl Scenario {
    /// The final costs of a day, with everything that will ever appear.
    #[must_use]
    pub fn truth(&self, day: Date) -> DayCosts<'_> {
        self.costs(day, false, |_| Some(Decimal::ONE_HUNDRED))
    }

    /// What Cost Explorer shows of a day at `now`: the data of the last refresh.
    #[must_use]
    pub fn visible(&self, day: Date, now: Timestamp) -> DayCosts<'_> {
        match self.last_refresh(now) {
            Some(refresh) => {
                let open = refresh < self.bill_closes(day);
                self.costs(day, open, |item| self.share(item, day, refresh, open))
            }
            None => DayCosts { day, estimated: true, lines: Vec::new(), scenario: self },
        }
    }

    /// The value of an item's tag on a day, if it has one and the tag is active.
    #[must_use]
    pub fn tag_value<'a>(&'a self, item: &'a Item, key: &str, day: Date) -> Option<&'a str> {
        let tag = self.tags.iter().find(|tag| tag.key == key)?;
        if tag.activated.is_some_and(|activated| day < activated) {
            return None;
        }
        item.tags.get(key).map(String::as_str)
    }

    fn costs(&self, day: Date, estimated: bool, share: impl Fn(&Item) -> Option<Decimal>) -> DayCosts<'_> {
        let lines = self
            .items
            .iter()
            .filter(|item| item.falls_on(day))
            .filter_map(|item| {
                let amounts = item.amounts(self.seed, day).percent(share(item)?);
                Some(Line { item, account: item.account.as_deref().unwrap_or(&self.account), amounts })
            })
            .collect();
        DayCosts { day, estimated, lines, scenario: self }
    }

    /// The percentage of an item that a refresh shows; `None` if it has not seen the item yet.
    fn share(&self, item: &Item, day: Date, refresh: Timestamp, open: bool) -> Option<Decimal> {
        if let Some(appears) = item.appears {
            return (refresh >= appears).then_some(Decimal::ONE_HUNDRED);
        }
        if !open {
            return Some(Decimal::ONE_HUNDRED);
        }
        let age = refresh.duration_since(instant(next_day(day), Time::midnight()));
        let reached = |point: &&LagPoint| SignedDuration::from_hours(i64::from(point.hours)) <= age;
        item.lag.as_ref().unwrap_or(&self.lag).iter().take_while(reached).last().map(|point| point.percent)
    }
}

impl Item {
    fn falls_on(&self, day: Date) -> bool {
        self.from <= day
            && day <= self.to.unwrap_or(self.from)
            && self.day_of_month.is_none_or(|wanted| day.day() == wanted.min(day.days_in_month()))
    }

    /// The final amounts of one day.
    fn amounts(&self, seed: u64, day: Date) -> Amounts {
        let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
        let weekday_percent = if weekend { self.weekend_percent } else { Decimal::ONE_HUNDRED };
        let percent = weekday_percent + self.noise(seed, day) * weekday_percent / Decimal::ONE_HUNDRED;
        Amounts::by(|metric| match self.metrics.get(&metric) {
            None => percent_of(self.amount, percent),
            // Of the quantised amount, so that 50 percent in two places add up to what one reads in the first.
            Some(Override::Percent(share)) => percent_of(percent_of(self.amount, percent), *share),
            Some(Override::Amount(amount)) => percent_of(*amount, percent),
        })
    }

    /// The day's deviation in percent. Drawn from what the item is, so that another item beside it changes nothing.
    fn noise(&self, seed: u64, day: Date) -> Decimal {
        if self.noise_percent.is_zero() {
            return Decimal::ZERO;
        }
        let day = day.to_string();
        let from = self.from.to_string();
        let own = [self.service.as_str(), self.record_type.name(), &from, &day];
        let tags = self.tags.iter().flat_map(|(key, value)| [key.as_str(), value.as_str()]);
        draw(seed, own.into_iter().chain(self.account.as_deref()).chain(tags)) * self.noise_percent
    }
}
