//! Plays a day: the schedules of every function at their hours, against a bill that AWS tells bit by bit.

mod account;
mod scenario;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

pub use account::Account;
pub use scenario::{Expect, PlayError, Scenario};

use crate::gateway::FaultHandle;
use crate::platform::Platform;
use crate::wiring::{Finished, Notice, WiringError};

/// Far more than an invocation with all of Lambda's retries takes here.
const PATIENCE: Duration = Duration::from_secs(60);
/// The queue of the person who plays.
const READER: &str = "reader";

/// One invocation of the played day.
#[derive(Clone, Debug)]
pub struct Played {
    /// The played time.
    pub at: Timestamp,
    /// The function.
    pub function: String,
    /// The schedule.
    pub schedule: String,
    /// Which attempt: Lambda tries again after a failure.
    pub attempt: usize,
    /// What the function said.
    pub finished: Finished,
}

impl Played {
    /// A text of the function's result line.
    pub fn said(&self, key: &str) -> &str {
        self.finished.line.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether the invocation failed.
    pub fn failed(&self) -> bool {
        self.said("status") == "failed"
    }
}

/// What happens while a day is played, for whoever watches.
#[derive(Clone, Copy, Debug)]
pub enum Happened<'a> {
    /// Something is about to go wrong.
    Fault(Timestamp, &'a str),
    /// It went wrong in the invocations that follow here: so many calls met it.
    Met(Timestamp, &'a str, u64),
    /// An invocation is over.
    Invocation(&'a Played),
    /// A notice was read.
    Notice(&'a Notice),
}

/// Plays `scenario` on a platform that was started with its bill, and gives the account of it.
///
/// # Errors
/// When an event cannot be delivered or is not answered in time.
pub async fn play(
    platform: &Platform,
    scenario: &Scenario,
    watch: &mut dyn FnMut(Happened<'_>),
) -> Result<Account, WiringError> {
    let wiring = &platform.wiring;
    let topic = wiring.automation().platform.notice_topic.name.clone();
    let queue = wiring.subscribe_queue(&topic, READER).await?;
    let first_call = platform.gateway.calls().last().map_or(0, |call| call.sequence);
    let mut account = Account::default();
    let mut faults: Vec<(&str, FaultHandle)> = Vec::new();
    for hour in scenario.hours() {
        platform.cost_explorer.set_now(hour);
        for fault in scenario.faults_at(hour) {
            watch(Happened::Fault(hour, &fault.story));
            faults.push((&fault.story, platform.gateway.inject(fault.rule())));
        }
        for (function, schedule) in schedules(platform) {
            let before: Vec<u64> = faults.iter().map(|(_, fault)| fault.fired()).collect();
            let answers = deliver(platform, &function, &schedule, hour).await?;
            for ((story, fault), before) in faults.iter().zip(before) {
                if fault.fired() > before {
                    watch(Happened::Met(hour, story, fault.fired() - before));
                }
            }
            for played in answers {
                watch(Happened::Invocation(&played));
                account.invocations.push(played);
            }
        }
        for notice in wiring.take_notices(&queue).await? {
            watch(Happened::Notice(&notice));
            account.notices.push(notice);
        }
    }
    account.faults_missed = faults.iter().filter(|(_, fault)| fault.fired() == 0).count();
    account.pages = platform.cost_explorer.pages();
    account.price = platform.cost_explorer.price();
    let mut calls: BTreeMap<(String, String, String), usize> = BTreeMap::new();
    for call in platform.gateway.calls_since(first_call) {
        if let Some(role) = call.role {
            *calls.entry((role, call.service, call.operation)).or_default() += 1;
        }
    }
    account.calls = calls;
    Ok(account)
}

fn schedules(platform: &Platform) -> Vec<(String, String)> {
    let functions = platform.wiring.automation().functions.values();
    functions.flat_map(|function| function.schedules().map(|s| (function.name.clone(), s.name.clone()))).collect()
}

/// Delivers a schedule's event and waits for the answer, and for Lambda's retries while it is a failure.
async fn deliver(
    platform: &Platform,
    function: &str,
    schedule: &str,
    at: Timestamp,
) -> Result<Vec<Played>, WiringError> {
    let wiring = &platform.wiring;
    let event = wiring.play_schedule(function, schedule, at).await?;
    let attempts = wiring.automation().functions.get(function).map_or(0, |f| f.asynchronous.retries) + 1;
    let mut answers = Vec::new();
    for attempt in 1..=usize::try_from(attempts).unwrap_or(1) {
        let finished = wiring.wait_for_nth_result(function, &event, attempt, PATIENCE).await?;
        let played = Played { at, function: function.to_owned(), schedule: schedule.to_owned(), attempt, finished };
        let failed = played.failed();
        answers.push(played);
        if !failed {
            break;
        }
    }
    Ok(answers)
}
