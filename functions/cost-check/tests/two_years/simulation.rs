//! Hour after hour of a world in which everything breaks, followed by an oracle.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use cost_check::config::Policy;
use cost_check::state::OBSERVATION_KEY;
use domain::ports::{NoticeTopic, Put, StateStore, Stored, Version};
use domain::{Day, Failure, FailureKind, Notice};
use jiff::{SignedDuration, Timestamp};
use runtime::Outcome;
use serde_json::Value;
use testkit::{Fault, Faults, InTurns, MemoryStore, MemoryTopic, Turns, usd};

use crate::generated::{Dice, Generated};
use crate::oracle::Oracle;
use crate::outages::{Outage, failure, outages, told_at};
use crate::support::{Memory, policy, run_over};

/// What came of it.
#[derive(Debug, Default)]
pub struct Happened {
    pub events: usize,
    pub opened: usize,
    pub escalated: usize,
    pub opened_again: usize,
    pub resolved: usize,
    pub unknown: usize,
    pub deliveries: usize,
    pub read: usize,
    pub pages: u32,
    pub most_pages_on_a_day: u32,
    pub faults: usize,
    pub kills: usize,
    pub woven: usize,
    pub repeated: usize,
    pub late: usize,
    pub lost: usize,
    pub told: BTreeSet<String>,
}

impl Happened {
    /// The figures, without every id.
    pub fn line(&self) -> String {
        let text = format!("{self:?}");
        text.split_once(", told:").map_or_else(String::new, |(figures, _)| figures.to_owned())
    }
}

/// Keeps the state, and notes each decision that is written into it.
#[derive(Clone)]
struct Watched {
    store: MemoryStore,
    decided: Arc<Mutex<usize>>,
    /// As of when the stored observation is.
    taken_at: Arc<Mutex<Option<Timestamp>>>,
}

impl StateStore for Watched {
    async fn get(&self, key: &str) -> Result<Option<Stored>, Failure> {
        self.store.get(key).await
    }

    async fn put(&self, key: &str, body: Vec<u8>, expected: Option<&Version>) -> Result<Put, Failure> {
        let before = self.store.text(key);
        let written: Value = serde_json::from_slice(&body).unwrap();
        let put = self.store.put(key, body, expected).await?;
        if put == Put::Conflict {
            return Ok(put);
        }
        if key == OBSERVATION_KEY {
            *self.taken_at.lock().unwrap() = Some(written["taken_at"].as_str().unwrap().parse().unwrap());
        } else if without_booking(before.map(|text| serde_json::from_str(&text).unwrap()))
            != without_booking(Some(written))
        {
            *self.decided.lock().unwrap() += 1;
        }
        Ok(put)
    }
}

/// A state without what the booking of pages changes in it.
fn without_booking(state: Option<Value>) -> Option<Value> {
    let mut state = state?;
    let fields = state.as_object_mut().unwrap();
    fields.remove("pages");
    fields.remove("written_by");
    (fields.get("since") != Some(&Value::Null)).then_some(state)
}

/// SNS, which fails for hours now and then, before or after it has sent.
#[derive(Clone)]
struct Flaky {
    topic: MemoryTopic,
    dice: Arc<Mutex<Dice>>,
    read: Arc<Mutex<BTreeSet<String>>>,
    down: bool,
}

impl NoticeTopic for Flaky {
    async fn publish(&self, notice: &Notice) -> Result<(), Failure> {
        let arrives = !self.down || self.dice.lock().unwrap().in_hundred(50);
        if arrives {
            self.topic.publish(notice).await?;
            self.read.lock().unwrap().insert(notice.id.clone());
        }
        if !self.down {
            return Ok(());
        }
        Err(Failure::new(FailureKind::Transient, "SNS: connection reset"))
    }
}

pub struct Simulation {
    policy: Policy,
    generated: Generated,
    memory: Memory,
    store: Watched,
    dice: Dice,
    sns: Arc<Mutex<Dice>>,
    read: Arc<Mutex<BTreeSet<String>>>,
    outages: Arc<Vec<Outage>>,
    now: Timestamp,
    calm_since: Timestamp,
    down_until: Timestamp,
    disturbed: bool,
    oracle: Oracle,
    happened: Happened,
}

impl Simulation {
    pub fn new(seed: u64, first: Day) -> Self {
        Self::with(seed, first, true)
    }

    /// The same bill in a world where nothing breaks.
    pub fn undisturbed(seed: u64, first: Day, hours: usize) -> Happened {
        let mut simulation = Self::with(seed, first, false);
        for _ in 0..hours {
            simulation.hour();
        }
        simulation.end()
    }

    fn with(seed: u64, first: Day, disturbed: bool) -> Self {
        let generated = Generated { seed, first };
        let now = first.plus(1).start();
        let outages = Arc::new(if disturbed { outages(seed, first) } else { Vec::new() });
        let (bill, known) = (outages.clone(), Mutex::new(None));
        let shown = move |now: Timestamp| {
            failure(&bill, now).map_or(Ok(()), Err)?;
            let mut known = known.lock().unwrap();
            if let Some((at, days)) = &*known
                && *at == now
            {
                return Ok(Arc::clone(days));
            }
            let today = Day::of(now);
            let days = Arc::new(generated.days(today.plus(-36), today.plus(1), told_at(&bill, now)));
            *known = Some((now, Arc::clone(&days)));
            Ok(days)
        };
        let memory = Memory::new(100, Arc::new(shown));
        Self {
            policy: policy(),
            generated,
            store: Watched { store: memory.store.clone(), decided: Arc::default(), taken_at: Arc::default() },
            memory,
            dice: Dice::of(&[seed, 4]),
            sns: Arc::new(Mutex::new(Dice::of(&[seed, 5]))),
            read: Arc::default(),
            outages,
            now,
            calm_since: now,
            down_until: now,
            disturbed,
            oracle: Oracle::default(),
            happened: Happened::default(),
        }
    }

    /// One hour: its event, and what goes wrong with it.
    pub fn hour(&mut self) {
        let time = self.now;
        self.now = time + SignedDuration::from_hours(1);
        self.memory.set_clock(time);
        self.happened.events += 1;
        if self.disturbed && self.dice.in_hundred(1) && time > self.down_until {
            self.down_until = time + SignedDuration::from_hours(self.dice.between(1, 6));
        }
        if failure(&self.outages, time).is_some() || told_at(&self.outages, time) != time || time < self.down_until {
            self.calm_since = self.now;
        }
        match if self.disturbed { self.dice.throw(100) } else { 99 } {
            0 => self.happened.lost += 1,
            1..7 => {
                self.happened.faults += 1;
                let fault = [Fault::FailsBefore, Fault::LostReply, Fault::Throttled]
                    [usize::try_from(self.dice.throw(3)).unwrap()];
                let call = usize::try_from(self.dice.throw(14)).unwrap();
                self.alone(time, &Faults::at(call, fault), None);
            }
            7..11 => {
                self.happened.kills += 1;
                let turns = usize::try_from(self.dice.throw(14)).unwrap();
                self.alone(time, &Faults::none(), Some(turns));
            }
            11..14 => self.woven(time),
            _ => return self.clean(time),
        }
        self.calm_since = self.now;
        if self.dice.in_hundred(50) {
            self.clean(time);
            self.calm_since = self.now;
        }
    }

    fn ports(
        &self,
        faults: &Faults,
    ) -> (impl StateStore + use<>, impl NoticeTopic + use<>, impl domain::ports::Bill + use<>) {
        let down = self.now <= self.down_until;
        let topic = Flaky { topic: self.memory.topic.clone(), dice: self.sns.clone(), read: self.read.clone(), down };
        (
            InTurns(faults.around(self.store.clone())),
            InTurns(faults.around(topic)),
            InTurns(faults.around(self.memory.bill.clone())),
        )
    }

    /// One run, killed after so many calls or not at all.
    fn alone(&mut self, time: Timestamp, faults: &Faults, killed_after: Option<usize>) -> Option<Outcome> {
        let run_id = format!("{time} {}", self.memory.store.writes());
        let policy = self.policy.clone();
        let mut run = Turns::of(run_over(&policy, self.ports(faults), (time, &run_id)));
        let outcome = match killed_after {
            Some(turns) => {
                let going_on = (0..=turns).all(|_| run.go_on());
                (!going_on).then(|| run.finish().0)
            }
            None => Some(run.finish().0),
        };
        self.follow(time, false);
        outcome
    }

    /// Two deliveries of the event at once, their calls in any order.
    fn woven(&mut self, time: Timestamp) {
        self.happened.woven += 1;
        let policy = self.policy.clone();
        let ids = [format!("{time} a"), format!("{time} b")];
        let none = Faults::none();
        let mut runs = ids.each_ref().map(|id| Turns::of(run_over(&policy, self.ports(&none), (time, id))));
        let mut going_on = [true, true];
        while going_on.contains(&true) {
            let next = usize::try_from(self.dice.throw(2)).unwrap();
            going_on[next] = runs[next].go_on();
            // A decision of one is followed before the other goes on.
            self.follow(time, false);
        }
        for run in runs {
            let failure = run.finish().0.failure;
            assert!(failure.is_none_or(|failure| failure.kind.retry_can_help()));
        }
    }

    /// A run that nobody disturbs, and what must be true after it.
    fn clean(&mut self, time: Timestamp) {
        let outcome = self.alone(time, &Faults::none(), None).unwrap();
        let down = self.now <= self.down_until;
        assert!(outcome.failure.is_none() || down, "{time}: {:?}", outcome.failure);
        self.follow(time, true);
        let waiting: BTreeSet<String> = self.memory.state().outbox.into_iter().map(|notice| notice.id).collect();
        assert!(waiting.is_empty() || down, "{time}: {waiting:?}");
        let read = self.read.lock().unwrap().clone();
        assert!(
            read.union(&waiting).eq(&self.oracle.told),
            "{time}: {read:?} and {waiting:?}, not {:?}",
            self.oracle.told
        );
        self.money_adds_up(time, &outcome.report.result);
        let age = outcome.report.result["figures_age_hours"].as_i64();
        if time > self.calm_since + SignedDuration::from_hours(36) {
            assert!(age.is_some_and(|age| age <= 8), "{time}: the figures are {age:?} hours old");
        }
        if waiting.is_empty() && self.disturbed && self.dice.in_hundred(3) {
            self.happened.repeated += 1;
            self.changes_nothing(time, time);
        }
        if waiting.is_empty() && self.disturbed && self.dice.in_hundred(3) {
            self.happened.late += 1;
            let hours = self.dice.between(1, 60);
            self.changes_nothing(time, time - SignedDuration::from_hours(hours));
        }
    }

    fn changes_nothing(&mut self, now: Timestamp, event: Timestamp) {
        let before = (self.memory.store.writes(), self.memory.topic.deliveries().len(), self.memory.asked());
        self.alone(event, &Faults::none(), None);
        let after = (self.memory.store.writes(), self.memory.topic.deliveries().len(), self.memory.asked());
        assert_eq!(before, after, "at {now}, the event of {event}");
    }

    /// Tells the oracle of decisions that were written, or of a run that came to its end.
    fn follow(&mut self, as_of: Timestamp, ended: bool) {
        let decisions = std::mem::take(&mut *self.store.decided.lock().unwrap());
        if decisions == 0 && !ended {
            return;
        }
        let taken_at = *self.store.taken_at.lock().unwrap();
        let (generated, outages) = (self.generated, self.outages.clone());
        let told = taken_at.map(|taken_at| told_at(&outages, taken_at));
        self.oracle.decided(as_of, taken_at, |day| generated.shown(day, told?));
    }

    fn money_adds_up(&self, time: Timestamp, result: &Value) {
        let day = &result["day"];
        if day.is_null() || result["figures_of"] != serde_json::json!(time) {
            return;
        }
        let amount = |value: &Value| usd(value.as_str().unwrap()).dollars();
        let sum = |rows: &str| {
            day[rows].as_array().unwrap().iter().map(|row| amount(&row["usd"])).sum::<rust_decimal::Decimal>()
        };
        let shown = self.generated.shown(Day::of(time).plus(-1), told_at(&self.outages, time)).unwrap();
        let micros = |micros| rust_decimal::Decimal::new(micros, 6);
        let cents = |micros: i64| domain::Usd::new(rust_decimal::Decimal::new(micros, 6)).rounded_to_cents().dollars();
        assert_eq!(amount(&day["usage"]), micros(shown.total()), "{time}");
        assert_eq!(amount(&day["bill"]), cents(shown.with_adjustments()), "{time}");
        assert_eq!(sum("by_service") + sum("adjustments"), cents(shown.with_adjustments()), "{time}");
        assert_eq!(sum("by_tenant"), cents(shown.rows.iter().map(|row| row.3).sum()), "{time}");
    }

    /// Ends it in peace.
    pub fn end(mut self) -> Happened {
        self.disturbed = false;
        self.down_until = self.now;
        self.now += SignedDuration::from_hours(1);
        let time = self.now;
        self.now += SignedDuration::from_hours(1);
        self.memory.set_clock(time);
        self.clean(time);
        assert!(self.memory.state().outbox.is_empty());
        let asked = self.memory.asked();
        assert!(asked.values().all(|&pages| pages <= self.policy.pages_per_day), "{asked:?}");
        let told = self.oracle.told;
        let count = |holds: fn(&str) -> bool| told.iter().filter(|id| holds(id)).count();
        let again = |id: &str| id.matches('/').count() > 3 + usize::from(id.contains("tenant/"));
        let mut levels: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
        for id in told.iter().filter(|id| id.starts_with("cost/") && !id.contains("resolved") && !again(id)) {
            *levels.entry(id.rsplit_once('/').unwrap().0.to_owned()).or_default() += 1;
        }
        Happened {
            opened: levels.len(),
            escalated: levels.values().map(|levels| levels - 1).sum(),
            opened_again: told
                .iter()
                .filter(|id| id.starts_with("cost/") && !id.contains("resolved") && again(id))
                .count(),
            resolved: count(|id| id.starts_with("cost/") && id.contains("resolved")),
            unknown: count(|id| id.starts_with("unknown/") && id.contains("/open")),
            deliveries: self.memory.topic.deliveries().len(),
            read: self.memory.topic.read().len(),
            pages: asked.values().sum(),
            most_pages_on_a_day: asked.values().copied().max().unwrap_or_default(),
            told,
            ..self.happened
        }
    }
}
