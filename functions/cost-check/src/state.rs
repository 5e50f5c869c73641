//! What cost-check remembers: two small JSON objects in the state bucket.

use std::collections::BTreeMap;

use domain::cost::DayCosts;
use domain::id::TenantId;
use domain::{Day, Notice, Usd, Window};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Alerts, outbox and the page budget; written only with conditions.
pub const STATE_KEY: &str = "cost-check/state.json";
/// The last reading of the bill; replaced whole.
pub const OBSERVATION_KEY: &str = "cost-check/observation.json";

/// `cost-check/state.json`.
#[derive(Clone, Debug, Default, Eq, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// The run that wrote it. No two runs write the same bytes.
    pub written_by: String,
    /// When the function first ran: blindness is counted from here.
    pub since: Option<Timestamp>,
    /// The limits that are held to.
    pub limits: Vec<Limit>,
    /// The page budget.
    pub pages: Pages,
    /// The last attempt to read the bill.
    pub attempt: Option<Attempt>,
    /// Alerts of the days in view, in the order of day, kind and scope.
    pub alerts: Vec<Alert>,
    /// Notices that are decided and not yet known to be sent, oldest first.
    pub outbox: Vec<Notice>,
}

/// Pages of Cost Explorer booked on one UTC day. Booked before they are asked for: a killed run has spent them too.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Pages {
    /// The day, by the time of the events.
    pub day: Option<Day>,
    /// Pages booked on it.
    pub booked: u32,
}

impl Pages {
    /// What is booked on `day`.
    pub fn on(self, day: Day) -> u32 {
        if self.day == Some(day) { self.booked } else { 0 }
    }
}

/// An attempt to read the bill.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    /// As of when.
    pub at: Timestamp,
    /// Failed attempts in a row, this one included.
    pub failures: u32,
    /// Why it failed, or `None`.
    pub problem: Option<String>,
}

/// What an alert is about.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A day's cost is over its limit.
    Cost,
    /// The bill has not been seen for too long: no data is not zero.
    Unknown,
}

/// Whose cost.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// All usage of the account.
    Account,
    /// The usage of one tenant.
    Tenant(TenantId),
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Account => f.write_str("account"),
            Self::Tenant(id) => write!(f, "tenant/{id}"),
        }
    }
}

/// A limit, and since when it is held to.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Whose.
    pub scope: Scope,
    /// For one day.
    pub usd: Usd,
    /// The first day that is judged by it.
    pub from: Day,
}

/// One alert: a day of a scope, and how far it has come.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Alert {
    /// What it is about.
    pub kind: Kind,
    /// Whose.
    pub scope: Scope,
    /// The day it is for; the last day seen, for [`Kind::Unknown`].
    pub day: Day,
    /// The highest level told, in percent of the limit; 0 for [`Kind::Unknown`].
    pub level: u32,
    /// Whether it stands.
    pub open: bool,
    /// 1, and one more each time a resolved alert came back.
    pub episode: u32,
    /// As of when it last changed.
    pub changed: Timestamp,
}

impl Alert {
    /// What makes it the same alert.
    pub fn identity(&self) -> (Kind, &Scope, Day) {
        (self.kind, &self.scope, self.day)
    }
}

/// `cost-check/observation.json`.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Observation {
    /// The run that wrote it.
    pub written_by: String,
    /// As of when the bill was read.
    pub taken_at: Timestamp,
    /// The days that were asked for.
    pub window: Window,
    /// Those days; days AWS says nothing about are there without data.
    pub days: BTreeMap<Day, DayCosts>,
    /// How many pages the two questions took.
    pub pages: u32,
    /// What AWS expects for the rest of the month; asked once a day.
    pub forecast: Option<Forecast>,
}

/// A forecast of Cost Explorer.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Forecast {
    /// The day it was asked on.
    pub asked_on: Day,
    /// The days it is for.
    pub window: Window,
    /// The expected cost, or `None` when Cost Explorer has none.
    pub amount: Option<Usd>,
}

impl Observation {
    /// The newest day that AWS says anything about.
    pub fn newest_with_data(&self) -> Option<Day> {
        self.days.iter().rev().find(|(_, costs)| costs.has_data()).map(|(day, _)| *day)
    }
}
