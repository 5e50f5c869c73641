//! Cost Explorer as it behaves: data of the last refresh, revised for days, in pages, at a price.
//!
//! The real one refreshes its data at most three times a day, is about a day behind, revises a day until its bill
//! closes, cuts answers into pages and charges for each. No emulator does any of that.
//! Here a described account ([`Scenario`]) is shown through the same window. The clock is an argument; the same
//! scenario, request and instant give the same answer.
//!
//! What AWS documents and what people report of it is followed, error messages included where they are known. What is
//! valid on AWS and missing here (hourly data, usage quantities, other dimensions, cost categories) is answered with
//! `NotSimulatedException`, never with a made-up number.

mod calendar;
mod error;
mod filter;
mod forecast;
mod ledger;
mod load;
mod money;
mod request;
pub mod scenario;
pub mod served;
mod token;
mod usage;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Value, json};

pub use self::ledger::{DayCosts, Line};
pub use self::load::ScenarioError;
pub use self::money::{Amounts, Metric};
pub use self::scenario::Scenario;

use self::error::ApiError;

/// Content type of requests and answers.
pub const CONTENT_TYPE: &str = "application/x-amz-json-1.1";
/// What `X-Amz-Target` begins with; the operation's name follows.
pub const TARGET_PREFIX: &str = "AWSInsightsIndexService.";

/// The operations that are simulated.
pub const OPERATIONS: [&str; 2] = ["GetCostAndUsage", "GetCostForecast"];

/// An answer on the wire.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The HTTP status: 200, 400 or 500.
    pub status: u16,
    /// The JSON body, of type [`CONTENT_TYPE`]. For an error `{"__type": ..., "message": ...}`.
    pub body: Value,
    /// The error's name, `None` if there is none.
    pub error: Option<&'static str>,
}

/// The simulator. Shared between threads by reference.
#[derive(Debug)]
pub struct CostExplorer {
    scenario: Scenario,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    now: Option<Timestamp>,
    pages_by_day: BTreeMap<Date, u64>,
    refused: u64,
    repeat_token: bool,
}

impl CostExplorer {
    /// A simulator of a described account.
    ///
    /// # Errors
    ///
    /// [`ScenarioError::Value`] if the scenario breaks a rule ([`Scenario::check`]).
    pub fn new(scenario: Scenario) -> Result<Self, ScenarioError> {
        scenario.check()?;
        Ok(Self { scenario, state: Mutex::default() })
    }

    /// Answers a call at `now`. `operation` is the operation's name, with or without [`TARGET_PREFIX`].
    ///
    /// Each answered page counts; refused calls are counted apart and cost nothing here (AWS does not say).
    pub fn handle(&self, operation: &str, body: &[u8], now: Timestamp) -> Answer {
        let operation = operation.strip_prefix(TARGET_PREFIX).unwrap_or(operation);
        let repeat_token = self.state().repeat_token;
        let answer = self.answer(operation, body, now, repeat_token);
        let mut state = self.state();
        match answer {
            Ok(body) => {
                *state.pages_by_day.entry(calendar::day_of(now)).or_default() += 1;
                Answer { status: 200, body, error: None }
            }
            Err(error) => {
                state.refused += 1;
                let body = json!({ "__type": error.name(), "message": error.message() });
                Answer { status: error.status(), body, error: Some(error.name()) }
            }
        }
    }

    fn answer(&self, operation: &str, body: &[u8], now: Timestamp, repeat_token: bool) -> Result<Value, ApiError> {
        if !OPERATIONS.contains(&operation) {
            return Err(ApiError::UnknownOperation);
        }
        let hit = |outage: &&scenario::Outage| {
            outage.from <= now
                && now < outage.until
                && (outage.operations.is_empty() || outage.operations.iter().any(|name| name == operation))
        };
        if let Some(outage) = self.scenario.outages.iter().find(hit) {
            return Err(outage.error.into());
        }
        if operation == "GetCostForecast" {
            forecast::answer(&self.scenario, body, now)
        } else {
            usage::answer(&self.scenario, body, now, repeat_token)
        }
    }

    /// Sets the clock of [`handle_now`](Self::handle_now).
    pub fn set_now(&self, now: Timestamp) {
        self.state().now = Some(now);
    }

    /// The clock that was set, if it was.
    pub fn now(&self) -> Option<Timestamp> {
        self.state().now
    }

    /// Answers a call at the instant of the clock; with `otherwise` while none is set.
    pub fn handle_now(&self, operation: &str, body: &[u8], otherwise: Timestamp) -> Answer {
        let now = self.now().unwrap_or(otherwise);
        self.handle(operation, body, now)
    }

    /// A fault for tests: a page that was asked for by token is answered with that same token, for ever.
    pub fn repeat_token(&self, repeat: bool) {
        self.state().repeat_token = repeat;
    }

    /// Pages answered, of all operations.
    pub fn pages(&self) -> u64 {
        self.state().pages_by_day.values().sum()
    }

    /// Pages answered, by the UTC day of the call.
    pub fn pages_by_day(&self) -> BTreeMap<Date, u64> {
        self.state().pages_by_day.clone()
    }

    /// Calls answered with an error.
    pub fn refused(&self) -> u64 {
        self.state().refused
    }

    /// What the answered pages cost, in USD.
    pub fn price(&self) -> Decimal {
        Decimal::from(self.pages()) * self.scenario.price_per_page
    }

    /// The described account.
    #[must_use]
    pub const fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// The final costs of a day: see [`Scenario::truth`].
    #[must_use]
    pub fn truth(&self, day: Date) -> DayCosts<'_> {
        self.scenario.truth(day)
    }

    /// What is visible of a day at `now`: see [`Scenario::visible`].
    #[must_use]
    pub fn visible(&self, day: Date, now: Timestamp) -> DayCosts<'_> {
        self.scenario.visible(day, now)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the state; if something did, counters are still counters.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
