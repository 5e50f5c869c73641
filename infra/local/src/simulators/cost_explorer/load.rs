//! Reading a scenario and refusing one that could not be.

use std::collections::BTreeSet;

use rust_decimal::Decimal;
use thiserror::Error;

use super::OPERATIONS;
use super::calendar::{day_of, instant};
use super::scenario::{Item, LagPoint, Override, Scenario};

/// AWS says that Cost Explorer refreshes its data at least once and at most three times a day.
const MOST_REFRESHES: usize = 3;
/// Far above any bill, far below the range of a decimal with ten places.
const LARGEST_AMOUNT: Decimal = Decimal::from_parts(1_000_000_000, 0, 0, false, 0);
const LARGEST_PERCENT: Decimal = Decimal::from_parts(1_000, 0, 0, false, 0);

/// Why a scenario was refused. No retry can help.
#[derive(Debug, Error)]
pub enum ScenarioError {
    /// Not the YAML of a [`Scenario`]; the message names field, line and column.
    #[error("the scenario cannot be read")]
    Yaml(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A value that makes no sense.
    #[error("{field}: {problem}")]
    Value {
        /// The path of the field, for example `items[3].day_of_month`.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
}

fn refuse<T>(field: impl Into<String>, problem: impl Into<String>) -> Result<T, ScenarioError> {
    Err(ScenarioError::Value { field: field.into(), problem: problem.into() })
}

impl Scenario {
    /// Reads and checks a scenario.
    ///
    /// # Errors
    ///
    /// [`ScenarioError::Yaml`] for wrong YAML, unknown or missing fields; [`ScenarioError::Value`] for what
    /// [`check`](Self::check) refuses.
    pub fn from_yaml(yaml: &str) -> Result<Self, ScenarioError> {
        let scenario: Self = serde_saphyr::from_str(yaml).map_err(|error| ScenarioError::Yaml(Box::new(error)))?;
        scenario.check()?;
        Ok(scenario)
    }

    /// Checks what the types cannot: ranges, order, references between fields.
    ///
    /// # Errors
    ///
    /// [`ScenarioError::Value`] names the first wrong field.
    pub fn check(&self) -> Result<(), ScenarioError> {
        if self.currency.len() != 3 || !self.currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return refuse("currency", "not three capital letters");
        }
        check_account("account", &self.account)?;
        if self.price_per_page < Decimal::ZERO || self.price_per_page > LARGEST_AMOUNT {
            return refuse("price_per_page", "out of range");
        }
        self.check_refreshes()?;
        if !(1..=28).contains(&self.bill_closes_on) {
            return refuse("bill_closes_on", "not a day from 1 to 28");
        }
        check_lag("lag", &self.lag)?;

        let keys: BTreeSet<_> = self.tags.iter().map(|tag| tag.key.as_str()).collect();
        if keys.len() != self.tags.len() || keys.contains("") {
            return refuse("tags", "a key is empty or listed twice");
        }
        for (index, item) in self.items.iter().enumerate() {
            check_item(&format!("items[{index}]"), item, &keys)?;
        }
        for (index, outage) in self.outages.iter().enumerate() {
            if outage.until <= outage.from {
                return refuse(format!("outages[{index}].until"), "not after its beginning");
            }
            if let Some(unknown) = outage.operations.iter().find(|name| !OPERATIONS.contains(&name.as_str())) {
                return refuse(format!("outages[{index}].operations"), format!("no operation {unknown} is simulated"));
            }
        }
        Ok(())
    }

    fn check_refreshes(&self) -> Result<(), ScenarioError> {
        if self.refreshes.is_empty() || self.refreshes.len() > MOST_REFRESHES {
            return refuse("refreshes", "Cost Explorer refreshes one to three times a day");
        }
        if self.refreshes.iter().collect::<BTreeSet<_>>().len() != self.refreshes.len() {
            return refuse("refreshes", "a time is listed twice");
        }
        for (index, missed) in self.missed_refreshes.iter().enumerate() {
            if !self.refreshes.iter().any(|time| instant(day_of(*missed), *time) == *missed) {
                return refuse(format!("missed_refreshes[{index}]"), "there would have been no refresh");
            }
        }
        Ok(())
    }
}

fn check_account(field: &str, account: &str) -> Result<(), ScenarioError> {
    if account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(())
    } else {
        refuse(field, "not twelve digits (quote it)")
    }
}

fn check_lag(field: &str, lag: &[LagPoint]) -> Result<(), ScenarioError> {
    if lag.iter().any(|point| point.percent < Decimal::ZERO || point.percent > LARGEST_PERCENT) {
        return refuse(field, "a percentage is not from 0 to 1000");
    }
    if !lag.iter().zip(lag.iter().skip(1)).all(|(earlier, later)| earlier.hours < later.hours) {
        return refuse(field, "the hours do not rise");
    }
    if lag.last().is_none_or(|point| point.percent != Decimal::ONE_HUNDRED) {
        return refuse(field, "does not end at 100 percent");
    }
    Ok(())
}

fn check_item(field: &str, item: &Item, keys: &BTreeSet<&str>) -> Result<(), ScenarioError> {
    let inside = |name: &str, value: Decimal, least: Decimal, most: Decimal| {
        if value < least || value > most {
            refuse(format!("{field}.{name}"), format!("not from {least} to {most}"))
        } else {
            Ok(())
        }
    };
    if item.service.is_empty() {
        return refuse(format!("{field}.service"), "empty");
    }
    if item.to.is_some_and(|to| to < item.from) {
        return refuse(format!("{field}.to"), "before the first day");
    }
    if item.day_of_month.is_some_and(|day| !(1..=31).contains(&day)) {
        return refuse(format!("{field}.day_of_month"), "not a day from 1 to 31");
    }
    if let Some(account) = &item.account {
        check_account(&format!("{field}.account"), account)?;
    }
    if let Some(key) = item.tags.keys().find(|key| !keys.contains(key.as_str())) {
        return refuse(format!("{field}.tags.{key}"), "not among the scenario's tags");
    }
    if let Some((key, _)) = item.tags.iter().find(|(_, value)| value.is_empty()) {
        return refuse(format!("{field}.tags.{key}"), "empty; leave an absent tag out");
    }
    inside("amount", item.amount, -LARGEST_AMOUNT, LARGEST_AMOUNT)?;
    inside("noise_percent", item.noise_percent, Decimal::ZERO, Decimal::ONE_HUNDRED)?;
    inside("weekend_percent", item.weekend_percent, Decimal::ZERO, LARGEST_PERCENT)?;
    for (metric, value) in &item.metrics {
        let name = format!("metrics.{}", metric.name());
        match value {
            Override::Percent(percent) => inside(&name, *percent, -LARGEST_PERCENT, LARGEST_PERCENT)?,
            Override::Amount(amount) => inside(&name, *amount, -LARGEST_AMOUNT, LARGEST_AMOUNT)?,
        }
    }
    match (&item.lag, item.appears) {
        (Some(_), Some(_)) => refuse(format!("{field}.appears"), "a late item has no lag curve"),
        (Some(lag), None) => check_lag(&format!("{field}.lag"), lag),
        (None, _) => Ok(()),
    }
}
