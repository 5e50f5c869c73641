//! Every call of a run, with every fault: the next hourly run brings the world to where a run without fault left it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cost_check::run::run;
use cost_check::state::{Kind, OBSERVATION_KEY, Observation, Scope};
use domain::cost::DayCosts;
use domain::{Day, FailureKind, Usd};
use jiff::{SignedDuration, Timestamp};
use runtime::Status;
use support::{Memory, hourly, policy, run_over};
use testkit::bill::day_costs;
use testkit::{Fault, Faults, InTurns, Turns, at, day};

/// A day to play: what the bill shows at a time, what happened before, and the hour whose run meets the fault.
struct Script {
    name: &'static str,
    shown: fn(Timestamp) -> Vec<(&'static str, DayCosts)>,
    before: &'static [&'static str],
    /// Of `before`: the hours at which SNS was down.
    silent: &'static [&'static str],
    hour: &'static str,
    told: &'static [&'static str],
}

fn total(acme: &str) -> DayCosts {
    day_costs(&[("EC2", "acme", acme), ("EC2", "globex", "100"), ("RDS", "shared", "50")], &[("Tax", "1")])
}

/// The very first run: nothing is stored, and the bill has more pages than were booked for it.
const FIRST: Script = Script { name: "first", before: &[], told: OPENS.told, ..OPENS };

/// The first crossing: a new day, an alert, its notice.
const OPENS: Script = Script {
    name: "opens",
    shown: |now| if now < at("2026-11-24T00:00:00Z") { vec![] } else { vec![("2026-11-23", total("900"))] },
    before: &["2026-11-23T16:00:00Z"],
    silent: &[],
    hour: "2026-11-24T00:00:00Z",
    told: &["cost/account/2026-11-23/100", "cost/tenant/acme/2026-11-23/150"],
};

/// One day rises, another falls back, a third opens, and a notice of the day before still waits in the outbox.
const MOVES: Script = Script {
    name: "moves",
    shown: |now| match Day::of(now).to_string().as_str() {
        "2026-11-22" => vec![("2026-11-21", total("900"))],
        "2026-11-23" => vec![("2026-11-21", total("900")), ("2026-11-22", total("1000"))],
        _ => vec![("2026-11-21", total("1500")), ("2026-11-22", total("700")), ("2026-11-23", total("2500"))],
    },
    before: &["2026-11-22T16:00:00Z", "2026-11-23T00:00:00Z", "2026-11-23T16:00:00Z"],
    silent: &["2026-11-23T00:00:00Z", "2026-11-23T16:00:00Z"],
    hour: "2026-11-24T00:00:00Z",
    told: &[
        "cost/account/2026-11-21/100",
        "cost/account/2026-11-21/150",
        "cost/account/2026-11-22/100",
        "cost/account/2026-11-22/resolved",
        "cost/account/2026-11-23/200",
        "cost/tenant/acme/2026-11-21/150",
        "cost/tenant/acme/2026-11-21/200",
        "cost/tenant/acme/2026-11-22/150",
        "cost/tenant/acme/2026-11-23/200",
    ],
};

impl Script {
    /// The world just before the hour.
    async fn begin(&self) -> Memory {
        let shown = self.shown;
        // 42 of 105 groups of usage and of 70 charge types: five pages, and one for the forecast.
        let memory = Memory::new(
            42,
            Arc::new(move |now| {
                let mut days: BTreeMap<Day, DayCosts> =
                    (1..=40).map(|back| (Day::of(now).plus(-back), total("300"))).collect();
                days.extend(shown(now).into_iter().map(|(text, costs)| (day(text), costs)));
                Ok(Arc::new(days))
            }),
        );
        for hour in self.before {
            if self.silent.contains(hour) {
                let time = at(hour);
                memory.set_clock(time);
                let run_id = format!("run of {time}");
                let ports = (memory.store.clone(), Silent, memory.bill.clone());
                let outcome = run_over(&policy(), ports, (time, &run_id)).await;
                assert_eq!(outcome.failure.unwrap().kind, FailureKind::Transient);
            } else {
                assert!(memory.clean_run(&policy(), at(hour)).await.failure.is_none());
            }
        }
        memory
    }

    fn hour(&self, later: i64) -> Timestamp {
        at(self.hour) + SignedDuration::from_hours(later)
    }

    /// A run of the hour that meets the fault; the names of its calls.
    async fn run_with(&self, memory: &Memory, faults: &Faults) -> Vec<String> {
        let time = self.hour(0);
        memory.set_clock(time);
        let ports = (
            faults.around(memory.store.clone()),
            faults.around(memory.topic.clone()),
            faults.around(memory.bill.clone()),
        );
        let _ = faults.run(run_over(&policy(), ports, (time, "the run of the hour"))).await;
        faults.calls()
    }
}

/// SNS that is down.
struct Silent;

impl domain::ports::NoticeTopic for Silent {
    async fn publish(&self, _: &domain::Notice) -> Result<(), domain::Failure> {
        Err(domain::Failure::new(FailureKind::Transient, "SNS is down"))
    }
}

/// What must be the same, whatever happened on the way: who wrote, when and after how many pages is not.
#[derive(Debug, PartialEq)]
struct Told {
    alerts: Vec<(Kind, Scope, Day, u32, bool, u32)>,
    /// Id and subject of each notice that was read.
    read: BTreeSet<(String, String)>,
    waiting: usize,
    failures: u32,
    /// The sum of all days that were read.
    figures: Usd,
}

fn told(memory: &Memory) -> Told {
    let state = memory.state();
    let read: Vec<_> = memory.topic.read().into_iter().map(|notice| (notice.id, notice.subject)).collect();
    let unique: BTreeSet<_> = read.iter().cloned().collect();
    assert_eq!(unique.len(), read.len());
    let observation =
        memory.store.text(OBSERVATION_KEY).map(|text| serde_json::from_str::<Observation>(&text).unwrap());
    Told {
        alerts: state.alerts.into_iter().map(|a| (a.kind, a.scope, a.day, a.level, a.open, a.episode)).collect(),
        read: unique,
        waiting: state.outbox.len(),
        failures: state.attempt.map_or(0, |attempt| attempt.failures),
        figures: observation.iter().flat_map(|seen| seen.days.values()).map(DayCosts::bill).sum(),
    }
}

/// A script that is begun, and how it ends without fault.
struct Begun {
    script: Script,
    memory: Memory,
    control: Told,
    calls: Vec<String>,
}

async fn begun(script: Script) -> Begun {
    let memory = script.begin().await;
    let clean = memory.fork();
    let calls = script.run_with(&clean, &Faults::none()).await;
    assert_eq!(calls.iter().filter(|call| call.starts_with("page")).count(), 5, "several pages: {calls:?}");
    let control = told(&clean);
    let ids: BTreeSet<&str> = control.read.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, script.told.iter().copied().collect(), "{}", script.name);
    Begun { script, memory, control, calls }
}

/// Runs hour after hour until the world is as without fault; how many runs it took.
async fn runs_until(memory: &Memory, hours: impl IntoIterator<Item = Timestamp>, control: &Told, what: &str) -> usize {
    let mut runs = 0;
    for time in hours {
        assert!(memory.clean_run(&policy(), time).await.failure.is_none(), "{what}");
        runs += 1;
        if told(memory) == *control {
            break;
        }
    }
    assert_eq!(told(memory), *control, "{what}, after {runs} runs");
    within_the_page_budget(memory, what);
    runs
}

fn within_the_page_budget(memory: &Memory, what: &str) {
    let booked = memory.state().pages;
    for (day, asked) in memory.asked() {
        assert!(asked <= 12, "{what}: {asked} pages on {day}");
        assert!(
            booked.day != Some(day) || asked <= booked.booked && booked.booked <= 12,
            "{what}: {asked} of {booked:?}"
        );
    }
}

async fn every_fault_at_every_call(script: Script, second_attempt: bool) {
    let Begun { script, memory, control, calls } = begun(script).await;
    for (number, call) in calls.iter().enumerate() {
        for fault in Fault::ALL {
            let what = format!("{}: {fault:?} at call {number}, {call}", script.name);
            let memory = memory.fork();
            script.run_with(&memory, &Faults::at(number, fault)).await;
            if second_attempt {
                assert!(memory.clean_run(&policy(), script.hour(0)).await.failure.is_none(), "{what}");
            }
            let runs = runs_until(&memory, (1..=3).map(|later| script.hour(later)), &control, &what).await;
            assert_eq!(runs, 1, "{what}");
        }
    }
}

#[tokio::test]
async fn after_any_fault_at_any_call_the_next_hourly_run_converges() {
    every_fault_at_every_call(FIRST, false).await;
    every_fault_at_every_call(OPENS, false).await;
    every_fault_at_every_call(MOVES, false).await;
}

#[tokio::test]
async fn a_second_attempt_of_the_same_event_does_no_harm_on_the_way() {
    every_fault_at_every_call(FIRST, true).await;
    every_fault_at_every_call(OPENS, true).await;
    every_fault_at_every_call(MOVES, true).await;
}

#[tokio::test]
async fn an_event_that_comes_again_after_success_plans_nothing_writes_nothing_and_asks_nothing() {
    for script in [OPENS, MOVES] {
        let memory = script.begin().await;
        script.run_with(&memory, &Faults::none()).await;
        let before = (memory.store.contents(), memory.store.writes(), memory.topic.deliveries(), memory.asked());
        for time in [script.hour(0), script.hour(0), script.hour(-1), at(script.before[0]), script.hour(-24 * 100)] {
            let outcome = memory.clean_run(&policy(), time).await;
            assert!(outcome.failure.is_none());
            assert!(outcome.report.text.ends_with("  no alert moves\n  nothing to do\n"), "{}", outcome.report.text);
        }
        assert_eq!((memory.store.contents(), memory.store.writes(), memory.topic.deliveries(), memory.asked()), before);
    }
}

#[tokio::test]
async fn a_dry_run_writes_nothing_sends_nothing_and_asks_nothing() {
    for script in [OPENS, MOVES] {
        for begun in [true, false] {
            let memory =
                if begun { script.begin().await } else { Memory::new(42, Arc::new(|_| unreachable!("a question"))) };
            let before = (memory.store.contents(), memory.store.writes(), memory.topic.deliveries(), memory.asked());
            let outcome = run(&policy(), &memory.world(), hourly(script.hour(0)), "dry", true).await;
            assert_eq!((outcome.report.status, outcome.failure), (Status::Planned, None));
            assert!(outcome.report.text.contains("bill: ask Cost Explorer"), "{}", outcome.report.text);
            assert_eq!(
                (memory.store.contents(), memory.store.writes(), memory.topic.deliveries(), memory.asked()),
                before
            );
        }
    }
}

/// The first run stops before its `n`th call, the second runs to before its `m`th; then the first ends, then the second.
async fn every_meeting(script: Script, second_event: i64) {
    let Begun { script, memory, control, calls } = begun(script).await;
    for (n, m) in (0..calls.len()).flat_map(|n| (0..=calls.len()).map(move |m| (n, m))) {
        let memory = memory.fork();
        memory.set_clock(script.hour(0));
        let ports = || (InTurns(memory.store.clone()), InTurns(memory.topic.clone()), InTurns(memory.bill.clone()));
        let policy = policy();
        let mut first = Turns::of(run_over(&policy, ports(), (script.hour(0), "the first")));
        let mut second = Turns::of(run_over(&policy, ports(), (script.hour(second_event), "the second")));
        assert!((0..=n).all(|_| first.go_on()), "the first run has a call {n}");
        for _ in 0..=m {
            second.go_on();
        }
        let failures = [first.finish().0.failure, second.finish().0.failure];
        assert!(failures.iter().flatten().all(|failure| failure.kind.retry_can_help()), "{failures:?}");
        let what = format!("{}: before call {n} of the first and call {m} of the second", script.name);
        runs_until(&memory, [script.hour(2)], &control, &what).await;
    }
}

#[tokio::test]
async fn two_deliveries_that_meet_at_any_pair_of_calls_lose_nothing_and_tell_nothing_twice() {
    every_meeting(FIRST, 0).await;
    every_meeting(OPENS, 0).await;
    every_meeting(MOVES, 0).await;
}

#[tokio::test]
async fn a_run_that_meets_the_next_hours_run_at_any_pair_of_calls_loses_nothing_and_tells_nothing_twice() {
    every_meeting(MOVES, 1).await;
}
