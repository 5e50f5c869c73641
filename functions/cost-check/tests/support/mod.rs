//! The world in memory, with one clock for the bill and a count of the pages that were really asked for.
#![allow(dead_code, reason = "each test uses its part of it")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use cost_check::config::Policy;
use cost_check::run::{World, run};
use cost_check::state::{STATE_KEY, State};
use domain::cost::DayCosts;
use domain::envelope::{Envelope, Schedule};
use domain::ports::{Bill, NoticeTopic, StateStore};
use domain::{Day, Failure, FailureKind, Usd};
use jiff::Timestamp;
use runtime::Outcome;
use testkit::{MemoryBill, MemoryStore, MemoryTopic, usd};

/// The guide's threshold, and budgets for two tenants.
pub fn policy() -> Policy {
    Policy {
        threshold: usd("1000"),
        tag_key: "tenant".to_owned(),
        shared: ["shared".to_owned()].into(),
        budgets: [("acme".parse().unwrap(), usd("500")), ("globex".parse().unwrap(), usd("300"))].into(),
        unknown_after_hours: 24,
        pages_per_day: 12,
    }
}

/// The hourly event.
pub fn hourly(time: Timestamp) -> Envelope {
    let id = format!("event of {time}");
    Envelope::Schedule(Schedule {
        id,
        time,
        schedule_arn: "arn:aws:events:us-east-1:123456789012:rule/hourly".to_owned(),
    })
}

/// What the bill says at a time: the days it tells of, or why it tells of none.
pub type Shown = dyn Fn(Timestamp) -> Result<Arc<BTreeMap<Day, DayCosts>>, Failure> + Send + Sync;

/// Store, topic and bill. Clones share them.
#[derive(Clone)]
pub struct Memory {
    pub store: MemoryStore,
    pub topic: MemoryTopic,
    pub bill: MemoryBill,
    now: Arc<Mutex<Timestamp>>,
    asked: Arc<Mutex<BTreeMap<Day, u32>>>,
    shown: Arc<Shown>,
    groups_per_page: usize,
}

impl Memory {
    /// A world whose bill shows what `shown` says, so many groups on a page.
    pub fn new(groups_per_page: usize, shown: Arc<Shown>) -> Self {
        let (now, asked) = (Arc::new(Mutex::new(Timestamp::UNIX_EPOCH)), Arc::new(Mutex::new(BTreeMap::new())));
        let told = shown.clone();
        let count = {
            let (now, asked) = (now.clone(), asked.clone());
            move || {
                let now = *now.lock().unwrap();
                *asked.lock().unwrap().entry(Day::of(now)).or_default() += 1;
                now
            }
        };
        let counted = count.clone();
        let forecasts = shown.clone();
        let bill = MemoryBill::new(
            move |query, token| Ok(testkit::bill::page(&*told(count())?, query, token, groups_per_page)),
            move |window| {
                let days = forecasts(counted())?;
                let history = days.values().filter(|costs| costs.has_data()).count();
                let no_history =
                    || Failure::new(FailureKind::Transient, "no history").with_code(Some("DataUnavailableException"));
                if history < 30 { Err(no_history()) } else { Ok(Usd::new((window.days().count() as i64 * 900).into())) }
            },
        );
        Self { store: MemoryStore::default(), topic: MemoryTopic::default(), bill, now, asked, shown, groups_per_page }
    }

    /// A copy that goes its own way.
    pub fn fork(&self) -> Self {
        self.with_pages_of(self.groups_per_page)
    }

    /// A copy that goes its own way, with so many groups on a page.
    pub fn with_pages_of(&self, groups: usize) -> Self {
        let fork = Self::new(groups, self.shown.clone());
        *fork.asked.lock().unwrap() = self.asked();
        Self { store: self.store.fork(), topic: self.topic.fork(), ..fork }
    }

    /// The time the bill is told at.
    pub fn set_clock(&self, now: Timestamp) {
        *self.now.lock().unwrap() = now;
    }

    /// The ports.
    pub fn world(&self) -> World<MemoryStore, MemoryTopic, MemoryBill> {
        World { store: self.store.clone(), topic: self.topic.clone(), bill: self.bill.clone() }
    }

    /// A run for the hour `time`, which is now.
    pub async fn clean_run(&self, policy: &Policy, time: Timestamp) -> Outcome {
        self.set_clock(time);
        run(policy, &self.world(), hourly(time), &format!("run of {time}"), false).await
    }

    /// Pages that were really asked for on each day of the clock.
    pub fn asked(&self) -> BTreeMap<Day, u32> {
        self.asked.lock().unwrap().clone()
    }

    /// The stored state.
    pub fn state(&self) -> State {
        self.store.text(STATE_KEY).map(|text| serde_json::from_str(&text).unwrap()).unwrap_or_default()
    }
}

/// A run over ports of any kind.
pub async fn run_over(
    policy: &Policy,
    (store, topic, bill): (impl StateStore, impl NoticeTopic, impl Bill),
    (event, run_id): (Timestamp, &str),
) -> Outcome {
    run(policy, &World { store, topic, bill }, hourly(event), run_id, false).await
}
