//! What the tests of this crate build their worlds from.

use std::collections::BTreeMap;

use domain::Window;
use domain::cost::DayCosts;
use jiff::Timestamp;
use testkit::{at, day, usd};

use crate::alerts;
use crate::check::check;
use crate::config::Policy;
use crate::observe::WINDOW_DAYS;
use crate::plan::{BillView, Plan, Snapshot, plan};
use crate::reading;
use crate::state::{Observation, State};

pub const EC2: &str = "Amazon Elastic Compute Cloud - Compute";
pub const RDS: &str = "Amazon Relational Database Service";

/// The guide's threshold, and a budget for one tenant.
pub fn policy() -> Policy {
    Policy {
        threshold: usd("1000"),
        tag_key: "tenant".to_owned(),
        shared: ["shared".to_owned()].into(),
        budgets: [("acme".parse().unwrap(), usd("50"))].into(),
        unknown_after_hours: 24,
        pages_per_day: 12,
    }
}

/// A reading that knows `days` and nothing of the other days of its window.
pub fn observation(taken_at: &str, days: impl IntoIterator<Item = (&'static str, DayCosts)>) -> Observation {
    let taken_at = at(taken_at);
    let window = Window::before(domain::Day::of(taken_at), WINDOW_DAYS);
    let mut all: BTreeMap<_, _> = window.days().map(|day| (day, DayCosts::default())).collect();
    all.extend(days.into_iter().map(|(text, costs)| (day(text), costs)));
    Observation { written_by: "an earlier run".to_owned(), taken_at, window, days: all, pages: 2, forecast: None }
}

/// The account's usage of one day, all of it untagged.
pub fn dollars(amount: &str) -> DayCosts {
    testkit::bill::flat(usd(amount))
}

/// A plan made without asking, checked.
pub fn planned(policy: &Policy, state: &State, seen: Option<&Observation>, as_of: Timestamp) -> Plan {
    let snapshot = stored(policy, state, seen, as_of);
    check(policy, &snapshot, plan(policy, &snapshot)).unwrap()
}

/// The snapshot of a run that does not ask.
pub fn stored(policy: &Policy, state: &State, seen: Option<&Observation>, as_of: Timestamp) -> Snapshot {
    Snapshot {
        as_of,
        run: "this run".to_owned(),
        state: state.clone(),
        reading: reading::decide(policy, state, seen, as_of),
        bill: BillView::Stored { observation: seen.cloned(), failed: None },
    }
}

/// A sequence of runs, each of which sends what it plans.
pub struct Story {
    pub policy: Policy,
    pub state: State,
}

impl Story {
    /// First run well before everything, so that every day is judged.
    pub fn begun() -> Self {
        let (policy, first_run) = (policy(), at("2026-01-01T00:00:00Z"));
        let limits = alerts::limits(&policy, &[], first_run);
        Self { policy, state: State { since: Some(first_run), limits, ..State::default() } }
    }

    /// What a person is told when the bill shows `days` at `as_of`, and at least a dollar for the day before: the ids
    /// of the notices.
    pub fn shows(&mut self, as_of: &str, days: impl IntoIterator<Item = (&'static str, DayCosts)>) -> Vec<String> {
        let mut seen = observation(as_of, days);
        let yesterday = seen.days.entry(seen.window.end.plus(-1)).or_default();
        if !yesterday.has_data() {
            *yesterday = dollars("1");
        }
        self.sees(as_of, Some(&seen))
    }

    /// What a person is told when the last observation is `seen`.
    pub fn sees(&mut self, as_of: &str, seen: Option<&Observation>) -> Vec<String> {
        let plan = planned(&self.policy, &self.state, seen, at(as_of));
        if let Some(state) = plan.state {
            self.state = State { outbox: Vec::new(), ..state };
        }
        plan.notices.into_iter().map(|notice| notice.id).collect()
    }
}
