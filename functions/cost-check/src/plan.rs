//! What to do. Pure: no I/O, no clock, no randomness.

use std::fmt;

use domain::{Day, Notice};
use jiff::Timestamp;

use crate::alerts::{self, Change};
use crate::config::Policy;
use crate::notice;
use crate::reading::Reading;
use crate::state::{Attempt, Observation, Pages, State};
use crate::views::{self, DayView, Month};

/// What is known when the decision is made.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The event's time: it says which day is yesterday.
    pub as_of: Timestamp,
    /// The id of this run.
    pub run: String,
    /// The state as stored, or an empty one.
    pub state: State,
    /// What was decided about reading the bill.
    pub reading: Reading,
    /// What came of it.
    pub bill: BillView,
}

/// The bill as this run sees it.
#[derive(Clone, Debug)]
pub enum BillView {
    /// Read just now; spent so many pages.
    Fresh {
        /// The reading.
        observation: Observation,
        /// Pages asked for in this run.
        spent: u32,
    },
    /// The last reading, or none: this run did not ask, or could not.
    Stored {
        /// The last reading.
        observation: Option<Observation>,
        /// What went wrong in this run, and the pages it spent before.
        failed: Option<(String, u32)>,
    },
}

impl BillView {
    /// The observation to work with.
    pub const fn observation(&self) -> Option<&Observation> {
        match self {
            Self::Fresh { observation, .. } => Some(observation),
            Self::Stored { observation, .. } => observation.as_ref(),
        }
    }
}

/// Everything this run will do, in order: store the observation, store the state, send the notices, store that they
/// are sent.
#[must_use = "a plan that is not applied is work that nobody does"]
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// As of when.
    pub as_of: Timestamp,
    /// What was done about reading the bill, and why.
    pub reading: Reading,
    /// What went wrong with it.
    pub problem: Option<String>,
    /// As of when the figures are.
    pub figures_of: Option<Timestamp>,
    /// Yesterday in rows, if there is data.
    pub day: Option<DayView>,
    /// The month, if anything was read.
    pub month: Option<Month>,
    /// Alerts that move.
    pub changes: Vec<Change>,
    /// The observation to store, if it is new.
    pub observation: Option<Observation>,
    /// The state to store, if it differs from the stored one. Its outbox holds what is to be sent.
    pub state: Option<State>,
    /// What is to be sent: notices left over from earlier runs, then those of this one.
    pub notices: Vec<Notice>,
}

/// Decides.
pub fn plan(policy: &Policy, snapshot: &Snapshot) -> Plan {
    let Snapshot { as_of, run, state: stored, reading, bill } = snapshot;
    let (as_of, today) = (*as_of, Day::of(*as_of));
    let observation = bill.observation();
    let mut state = stored.clone();
    state.since = Some(stored.since.unwrap_or(as_of));
    state.limits = alerts::limits(policy, &stored.limits, as_of);

    let problem = match bill {
        BillView::Fresh { spent, .. } => {
            settle(&mut state, stored, reading, *spent, today);
            state.attempt = Some(Attempt { at: as_of, failures: 0, problem: None });
            None
        }
        BillView::Stored { failed: Some((problem, spent)), .. } => {
            settle(&mut state, stored, reading, *spent, today);
            let failures = stored.attempt.as_ref().map_or(0, |attempt| attempt.failures) + 1;
            state.attempt = Some(Attempt { at: as_of, failures, problem: Some(problem.clone()) });
            Some(problem.clone())
        }
        BillView::Stored { failed: None, .. } => None,
    };

    let changes = alerts::changes(policy, &state, observation, as_of);
    state.alerts = alerts::after(&stored.alerts, &changes, observation.map(|seen| seen.window.start));
    let because = blind_because(reading, &state, observation);
    for change in &changes {
        let news = notice::of(policy, change, observation, &because, as_of);
        if !state.outbox.iter().any(|waiting| waiting.id == news.id) {
            state.outbox.push(news);
        }
    }

    let yesterday = today.plus(-1);
    let seen = observation.and_then(|seen| seen.days.get(&yesterday)).filter(|costs| costs.has_data());
    let notices = state.outbox.clone();
    let state = (state != *stored).then(|| State { written_by: run.clone(), ..state });
    Plan {
        as_of,
        reading: reading.clone(),
        problem,
        figures_of: observation.map(|seen| seen.taken_at),
        day: seen.map(|costs| DayView::of(policy, yesterday, costs)),
        month: observation.map(|seen| views::month(today, seen)),
        changes,
        observation: match bill {
            BillView::Fresh { observation, .. } => Some(observation.clone()),
            BillView::Stored { .. } => None,
        },
        state,
        notices,
    }
}

/// Replaces what was booked for a reading by what it took.
fn settle(state: &mut State, stored: &State, reading: &Reading, spent: u32, today: Day) {
    let booked = match reading {
        Reading::Ask { book, .. } => *book,
        Reading::Reuse { .. } | Reading::NoPagesLeft { .. } => 0,
    };
    let before = stored.pages.on(today).saturating_sub(booked.max(spent));
    state.pages = Pages { day: Some(today), booked: before + spent };
}

fn blind_because(reading: &Reading, state: &State, observation: Option<&Observation>) -> String {
    if let Reading::NoPagesLeft { why } = reading {
        return format!("{why}; raise MAX_PAGES_PER_DAY (0.01 USD a page)");
    }
    if let Some(problem) = state.attempt.as_ref().and_then(|attempt| attempt.problem.as_deref()) {
        return problem.to_owned();
    }
    match observation.and_then(Observation::newest_with_data) {
        Some(day) => format!("Cost Explorer answers, and tells of no day after {day}"),
        None => "Cost Explorer answers, and tells of no day at all".to_owned(),
    }
}

/// What a person reads: a line for each thing, and why.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { as_of, reading, problem, figures_of, day, month, changes, observation, state, notices } = self;
        writeln!(f, "cost-check as of {as_of}")?;
        writeln!(f, "  bill: {reading}")?;
        if let Some(problem) = problem {
            writeln!(f, "  bill: could not be read: {problem}")?;
        }
        match (day, figures_of) {
            (Some(day), Some(figures_of)) => {
                let estimate = if day.estimated { ", an estimate" } else { "" };
                writeln!(
                    f,
                    "  {}: {} USD of usage, bill {} USD{estimate} (figures of {figures_of})",
                    day.day, day.usage, day.bill
                )?;
            }
            _ => writeln!(f, "  yesterday: no data, which is not zero")?,
        }
        if let Some(month) = month {
            writeln!(f, "  {}", notice::month(month))?;
        }
        for change in changes {
            writeln!(f, "  {change}")?;
        }
        if changes.is_empty() {
            writeln!(f, "  no alert moves")?;
        }
        if let Some(observation) = observation {
            writeln!(f, "  write the observation of {} ({} pages)", observation.window, observation.pages)?;
        }
        if state.is_some() {
            writeln!(f, "  write the state")?;
        }
        for notice in notices {
            writeln!(f, "  send {}: {}", notice.id, notice.subject)?;
        }
        if observation.is_none() && state.is_none() && notices.is_empty() {
            writeln!(f, "  nothing to do")?;
        }
        Ok(())
    }
}
