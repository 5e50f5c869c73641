//! What people read of a day and a month: rows that add up, causes, and where the month is going. Pure.

use std::collections::BTreeMap;

use domain::cost::{Amounts, DayCosts};
use domain::money::rounded_to_add_up;
use domain::{Day, Usd, Window};
use rust_decimal::Decimal;
use serde::Serialize;

use crate::config::Policy;
use crate::state::{Observation, Scope};

/// Days of the same kind that a cost is compared with.
const BASELINE_DAYS: u16 = 7;
/// Weeks that our own forecast looks back.
const FORECAST_WEEKS: i32 = 4;

/// A name and an amount.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Row {
    /// The service, tenant or charge type.
    pub name: String,
    /// Dollars, rounded to cents so that the rows of a column add up.
    pub usd: Usd,
}

/// One day, in rows that add up to its bill to the cent.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct DayView {
    /// The day.
    pub day: Day,
    /// Whether AWS still calls it an estimate.
    pub estimated: bool,
    /// What the invoice will say: `by_service` and `adjustments` together.
    pub bill: Usd,
    /// Usage before adjustments: what is compared with the threshold.
    pub usage: Usd,
    /// Usage by service (unblended).
    pub by_service: Vec<Row>,
    /// Usage by tenant (net amortized), with `shared` and `untagged` named.
    pub by_tenant: Vec<Row>,
    /// Credits, refunds, tax and upfront fees.
    pub adjustments: Vec<Row>,
}

impl DayView {
    /// The view of one day; largest amounts first.
    pub fn of(policy: &Policy, day: Day, costs: &DayCosts) -> Self {
        let mut services: BTreeMap<String, Usd> = BTreeMap::new();
        let mut tenants: BTreeMap<String, Usd> = BTreeMap::new();
        for row in &costs.usage {
            *services.entry(row.service.clone()).or_default() += row.amounts.unblended;
            *tenants.entry(tag_name(policy, &row.tag)).or_default() += row.amounts.net_amortized;
        }
        if costs.rounding != Amounts::default() {
            services.insert("(rounding)".to_owned(), costs.rounding.unblended);
            tenants.insert("(rounding)".to_owned(), costs.rounding.net_amortized);
        }
        // Services and adjustments are one column: the bill.
        let adjustments: Vec<(String, Usd)> =
            costs.adjustments.iter().map(|(name, amounts)| (name.clone(), amounts.unblended)).collect();
        let services = largest_first(services);
        let mut bill = rows(services.iter().chain(&adjustments));
        let adjustments = bill.split_off(services.len());
        Self {
            day,
            estimated: costs.estimated,
            bill: costs.bill().rounded_to_cents(),
            usage: costs.usage_total().unblended,
            by_service: bill,
            by_tenant: rows(largest_first(tenants).iter()),
            adjustments,
        }
    }
}

fn largest_first(amounts: BTreeMap<String, Usd>) -> Vec<(String, Usd)> {
    let mut amounts: Vec<(String, Usd)> = amounts.into_iter().collect();
    amounts.sort_by(|(a_name, a), (b_name, b)| b.cmp(a).then(a_name.cmp(b_name)));
    amounts
}

fn rows<'a>(amounts: impl Iterator<Item = &'a (String, Usd)>) -> Vec<Row> {
    let (names, exact): (Vec<&String>, Vec<Usd>) = amounts.map(|(name, usd)| (name, *usd)).unzip();
    names.into_iter().zip(rounded_to_add_up(&exact)).map(|(name, usd)| Row { name: name.clone(), usd }).collect()
}

/// What a value of the tenant tag is called.
pub fn tag_name(policy: &Policy, tag: &str) -> String {
    match tag {
        "" => "untagged".to_owned(),
        shared if policy.shared.contains(shared) => "shared".to_owned(),
        tenant => format!("tenant {tenant}"),
    }
}

/// What drives a cost.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Cause {
    /// The service, and the tenant where the scope is the account.
    pub name: String,
    /// Its cost on the day.
    pub usd: Usd,
    /// Against its mean of the days before; `None` without such days.
    pub change: Option<Usd>,
}

/// The three rows of the day that grew most against their mean of the week before; the largest where there is no such
/// week. Rows that did not grow are named only when none did.
pub fn causes(policy: &Policy, scope: &Scope, day: Day, observation: &Observation) -> Vec<Cause> {
    let amounts = |costs: &DayCosts| {
        let mut amounts: BTreeMap<String, Usd> = BTreeMap::new();
        for row in &costs.usage {
            let (name, usd) = match scope {
                Scope::Account => (format!("{}, {}", row.service, tag_name(policy, &row.tag)), row.amounts.unblended),
                Scope::Tenant(id) if row.tag == id.as_str() => (row.service.clone(), row.amounts.net_amortized),
                Scope::Tenant(_) => continue,
            };
            *amounts.entry(name).or_default() += usd;
        }
        amounts
    };
    let week: Vec<BTreeMap<String, Usd>> = Window::before(day, BASELINE_DAYS)
        .days()
        .filter_map(|day| observation.days.get(&day).filter(|costs| costs.has_data()).map(amounts))
        .collect();
    let mean = |name: &str| {
        let total: Usd = week.iter().filter_map(|day| day.get(name)).copied().sum();
        total.dollars().checked_div(Decimal::from(week.len())).map(Usd::new)
    };
    let mut causes: Vec<Cause> = observation
        .days
        .get(&day)
        .map(amounts)
        .unwrap_or_default()
        .into_iter()
        .map(|(name, usd)| Cause { change: mean(&name).map(|mean| usd - mean), name, usd })
        .collect();
    causes.sort_by(|a, b| {
        (b.change.unwrap_or(b.usd), b.usd).cmp(&(a.change.unwrap_or(a.usd), a.usd)).then(a.name.cmp(&b.name))
    });
    // What did not grow is no cause, as long as anything did.
    let grew = |cause: &Cause| cause.change.is_none_or(|change| change.rounded_to_cents() > Usd::ZERO);
    if causes.iter().any(grew) {
        causes.retain(grew);
    }
    causes.truncate(3);
    causes
}

/// Where the month of yesterday stands.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Month {
    /// Its first day.
    pub first: Day,
    /// The last day that is counted: the newest that AWS tells of; `None` when it tells of none yet.
    pub through: Option<Day>,
    /// The bill of those days, adjustments included.
    pub so_far: Usd,
    /// What the whole month is expected to cost.
    pub forecast: Option<Usd>,
    /// Where the forecast is from.
    pub method: &'static str,
}

/// The month of the day before `today`.
pub fn month(today: Day, observation: &Observation) -> Month {
    let yesterday = today.plus(-1);
    let (first, end) = (yesterday.first_of_month(), yesterday.first_of_next_month());
    let so_far: Usd = observation.days.range(first..today).map(|(_, costs)| costs.bill()).sum();
    // Days without data are not free: they are ahead, like those that have not been.
    let through = observation.days.range(first..today).rev().find(|(_, costs)| costs.has_data()).map(|(day, _)| *day);
    let ahead = Window { start: through.map_or(first, |day| day.plus(1)), end };
    let asked = observation
        .forecast
        .as_ref()
        .filter(|asked| asked.window.end == end && asked.window.start >= ahead.start)
        .and_then(|asked| Some((asked.window.start, asked.amount?)));
    let (expected, method) = match asked {
        _ if ahead.start >= end => (Some(Usd::ZERO), "the month is complete"),
        Some((start, amount)) if start == ahead.start => (Some(amount), "Cost Explorer"),
        Some((start, amount)) => {
            let gap = own_forecast(Window { start: ahead.start, end: start }, observation);
            (gap.map(|gap| gap + amount), "Cost Explorer, and ours for days without data")
        }
        None => (own_forecast(ahead, observation), "ours: the median of the same weekday in the last four weeks"),
    };
    Month { first, through, so_far, forecast: expected.map(|expected| so_far + expected), method }
}

/// For each day that is left, the median usage of its weekday in the four weeks before.
fn own_forecast(rest: Window, observation: &Observation) -> Option<Usd> {
    rest.days()
        .map(|day| {
            let mut same: Vec<Usd> = observation
                .days
                .range(rest.start.plus(-7 * FORECAST_WEEKS)..rest.start)
                .filter(|(seen, costs)| seen.weekday() == day.weekday() && costs.has_data())
                .map(|(_, costs)| costs.usage_total().unblended)
                .collect();
            same.sort();
            let upper = same.get(same.len() / 2).copied()?;
            let lower = same.get(same.len().saturating_sub(1) / 2).copied()?;
            Some((lower + upper).percent(50))
        })
        .sum()
}

#[cfg(test)]
#[path = "views_tests.rs"]
mod tests;
