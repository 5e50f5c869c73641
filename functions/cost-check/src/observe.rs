//! Reads the world: the state, the last observation, and the bill when it is time to.

use domain::cost::{BillQuery, PageToken};
use domain::ports::{Bill, Put, StateStore, Version};
use domain::{Day, Failure, FailureKind, Window};
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use crate::assemble::{self, Pages as Answer};
use crate::config::Policy;
use crate::plan::{BillView, Snapshot};
use crate::reading::{self, Reading};
use crate::state::{Forecast, OBSERVATION_KEY, Observation, Pages, STATE_KEY, State};

/// Days asked for: five weeks hold a whole month, four of each weekday, and every day that is still revised.
pub const WINDOW_DAYS: u16 = 35;

/// The versions of what was read, for writing with conditions.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Versions {
    /// Of the state.
    pub state: Option<Version>,
    /// Of the observation.
    pub observation: Option<Version>,
}

/// What identifies a run.
#[derive(Clone, Debug)]
pub struct Run {
    /// Lambda's request id.
    pub id: String,
    /// The event's time.
    pub as_of: Timestamp,
    /// A dry run writes nothing, and so books no pages: it keeps to the last observation.
    pub dry_run: bool,
}

/// Observes.
///
/// # Errors
/// When the state cannot be read or the pages cannot be booked. A bill that cannot be read is no error: it is part of
/// the snapshot.
pub async fn observe(
    policy: &Policy,
    store: &impl StateStore,
    bill: &impl Bill,
    run: &Run,
) -> Result<(Snapshot, Versions), Failure> {
    let (state, state_version) = read::<State>(store, STATE_KEY).await?.unzip();
    let (stored, observation_version) = read::<Observation>(store, OBSERVATION_KEY).await?.unzip();
    let mut state = state.unwrap_or_default();
    let mut versions = Versions { state: state_version, observation: observation_version };
    let reading = reading::decide(policy, &state, stored.as_ref(), run.as_of);
    let view = match reading {
        Reading::Ask { book, forecast, .. } if !run.dry_run => {
            let mut budget =
                Budget { store, policy, run, state: &mut state, version: &mut versions.state, left: 0, spent: 0 };
            budget.book(book).await?;
            match read_bill(policy, bill, run, stored.as_ref(), forecast, &mut budget).await {
                Ok(observation) => BillView::Fresh { observation, spent: budget.spent },
                Err(failure) => {
                    BillView::Stored { observation: stored, failed: Some((failure.to_string(), budget.spent)) }
                }
            }
        }
        Reading::Ask { .. } | Reading::Reuse { .. } | Reading::NoPagesLeft { .. } => {
            BillView::Stored { observation: stored, failed: None }
        }
    };
    Ok((Snapshot { as_of: run.as_of, run: run.id.clone(), state, reading, bill: view }, versions))
}

/// Reads and parses an object.
async fn read<T: DeserializeOwned>(store: &impl StateStore, key: &str) -> Result<Option<(T, Version)>, Failure> {
    let Some(stored) = store.get(key).await? else { return Ok(None) };
    let value = domain::envelope::parse_bytes(&stored.body).map_err(|error| {
        let next = "restore an earlier version of the object, or remove it to start anew";
        Failure::new(FailureKind::Permanent, format!("{key} is damaged: {error}; {next}"))
    })?;
    Ok(Some((value, stored.version)))
}

/// The page budget of the day: booked in the state before a page is asked for.
struct Budget<'a, S> {
    store: &'a S,
    policy: &'a Policy,
    run: &'a Run,
    state: &'a mut State,
    version: &'a mut Option<Version>,
    left: u32,
    spent: u32,
}

impl<S: StateStore> Budget<'_, S> {
    async fn book(&mut self, pages: u32) -> Result<(), Failure> {
        let today = Day::of(self.run.as_of);
        let booked = self.state.pages.on(today) + pages;
        if booked > self.policy.pages_per_day {
            let limit = self.policy.pages_per_day;
            let problem = format!("the bill has more pages than the {limit} that MAX_PAGES_PER_DAY leaves for a day");
            return Err(Failure::new(FailureKind::Refused, problem));
        }
        let pages_of_day = Pages { day: Some(today), booked };
        let state = State { written_by: self.run.id.clone(), pages: pages_of_day, ..self.state.clone() };
        match self.store.put(STATE_KEY, encode(&state)?, self.version.as_ref()).await? {
            Put::Done(version) => {
                (*self.state, *self.version) = (state, Some(version));
                self.left += pages;
                Ok(())
            }
            Put::Conflict => Err(another_run()),
        }
    }

    async fn spend(&mut self) -> Result<(), Failure> {
        if self.left == 0 {
            self.book(1).await?;
        }
        self.left -= 1;
        self.spent += 1;
        Ok(())
    }
}

/// The failure of a run that meets another one.
pub fn another_run() -> Failure {
    Failure::new(FailureKind::Transient, "another run wrote the state meanwhile; the next attempt sees what it did")
}

/// An object's bytes.
///
/// # Errors
/// Never in practice: our types have no map with keys that are no text.
pub fn encode(value: &impl serde::Serialize) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(value).map_err(|error| Failure::from_error(FailureKind::Permanent, &error))
}

async fn read_bill<S: StateStore>(
    policy: &Policy,
    bill: &impl Bill,
    run: &Run,
    stored: Option<&Observation>,
    ask_forecast: bool,
    budget: &mut Budget<'_, S>,
) -> Result<Observation, Failure> {
    let today = Day::of(run.as_of);
    let window = Window::before(today, WINDOW_DAYS);
    let usage = pages(bill, &BillQuery::Usage { window, tag_key: policy.tag_key.clone() }, budget).await?;
    let charge_types = pages(bill, &BillQuery::ChargeTypes { window }, budget).await?;
    let count = usage.count() + charge_types.count();
    let days = assemble::days(window, usage, charge_types)?;
    let rest = Window { start: today, end: today.plus(-1).first_of_next_month() };
    let forecast = if !ask_forecast {
        stored.and_then(|seen| seen.forecast.clone())
    } else if rest.start >= rest.end {
        Some(Forecast { asked_on: today, window: rest, amount: None })
    } else {
        let amount = match budget.spend().await {
            Ok(()) => bill.forecast(rest).await,
            // The bill grew by the page that was booked for the forecast: the days matter more.
            Err(failure) if failure.kind == FailureKind::Refused => Err(failure),
            Err(failure) => return Err(failure),
        };
        let amount = amount.inspect_err(|failure| tracing::info!(%failure, "no forecast")).ok();
        Some(Forecast { asked_on: today, window: rest, amount })
    };
    Ok(Observation { written_by: run.id.clone(), taken_at: run.as_of, window, days, pages: count, forecast })
}

async fn pages<S: StateStore>(
    bill: &impl Bill,
    query: &BillQuery,
    budget: &mut Budget<'_, S>,
) -> Result<Answer, Failure> {
    let mut answer = Answer::default();
    let mut token: Option<PageToken> = None;
    loop {
        budget.spend().await?;
        match answer.take(bill.page(query, token.as_ref()).await?)? {
            Some(next) => token = Some(next),
            None => return Ok(answer),
        }
    }
}
