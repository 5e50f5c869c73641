//! Whether to ask Cost Explorer: a page costs 0.01 USD, and an hourly question would show something new in 3 of 24
//! answers. Pure.

use std::fmt;

use domain::cost::DayCosts;
use domain::time::whole_hours;
use domain::{Day, Usd};
use jiff::{SignedDuration, Timestamp};

use crate::config::Policy;
use crate::state::{Observation, State};

/// Cost Explorer refreshes at most three times a day.
const REFRESH: SignedDuration = SignedDuration::from_hours(8);
/// Near a limit the next refresh matters, and it may come sooner than eight hours after our last look.
const REFRESH_NEAR: SignedDuration = SignedDuration::from_hours(4);
/// A schedule is not exact: a run a little early for its interval still counts.
const SLACK: SignedDuration = SignedDuration::from_mins(10);
/// From this share of a limit on, a day is near it.
const NEAR_PERCENT: u32 = 80;
/// After failed attempts in a row the next waits one hour longer each time, to this many.
const LONGEST_WAIT_HOURS: u32 = 3;
/// Pages of the first reading, when nothing is known: one for each question.
const QUESTIONS: u32 = 2;

/// What to do about the bill in this run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reading {
    /// Ask, because the answer can have changed.
    Ask {
        /// Why.
        why: String,
        /// Pages to book first.
        book: u32,
        /// Whether to ask for a forecast too (it is one of the booked pages).
        forecast: bool,
    },
    /// Work with the last observation.
    Reuse {
        /// Why.
        why: String,
    },
    /// It is time to ask, and the page budget of the day does not allow it: work with the last observation.
    NoPagesLeft {
        /// How many pages are booked, and how many it takes.
        why: String,
    },
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ask { why, book, forecast } => {
                let with = if *forecast { ", forecast included" } else { "" };
                write!(f, "ask Cost Explorer ({book} pages{with}): {why}")
            }
            Self::Reuse { why } | Self::NoPagesLeft { why } => write!(f, "keep to the last observation: {why}"),
        }
    }
}

/// Decides, from what is stored.
pub fn decide(policy: &Policy, state: &State, observation: Option<&Observation>, as_of: Timestamp) -> Reading {
    let today = Day::of(as_of);
    let why = match due(policy, state, observation, as_of) {
        Ok(why) => why,
        Err(why) => return Reading::Reuse { why },
    };
    let pages = observation.map_or(QUESTIONS, |seen| seen.pages.max(QUESTIONS));
    let (booked, limit) = (state.pages.on(today), policy.pages_per_day);
    if booked + pages > limit {
        let why = format!("{booked} of {limit} pages of the day are booked, and a reading takes {pages}");
        return Reading::NoPagesLeft { why };
    }
    // The days matter more than the forecast: it is left out where both do not fit.
    let known = observation.and_then(|seen| seen.forecast.as_ref()).is_some_and(|known| known.asked_on == today);
    let forecast = !known && booked + pages < limit;
    Reading::Ask { why, book: pages + u32::from(forecast), forecast }
}

/// Why a reading is due, or why not.
fn due(policy: &Policy, state: &State, observation: Option<&Observation>, as_of: Timestamp) -> Result<String, String> {
    // The pages of one day only are remembered: a late event must not start the count of a later day anew.
    if let Some(day) = state.pages.day.filter(|day| *day > Day::of(as_of)) {
        return Err(format!("this event is older than the pages that are booked on {day}"));
    }
    if let Some(attempt) = state.attempt.as_ref().filter(|attempt| attempt.failures > 0) {
        let wait = SignedDuration::from_hours(i64::from(attempt.failures.min(LONGEST_WAIT_HOURS)));
        let problem = attempt.problem.as_deref().unwrap_or("unknown");
        return if as_of >= attempt.at + wait - SLACK {
            Ok(format!("attempt {} after: {problem}", attempt.failures + 1))
        } else {
            Err(format!("the last attempt failed at {}: {problem}", attempt.at))
        };
    }
    let Some(seen) = observation else { return Ok("nothing has been read yet".to_owned()) };
    let hours = whole_hours(seen.taken_at, as_of);
    if as_of <= seen.taken_at {
        return Err(format!("it is from {}, no older than this event", seen.taken_at));
    }
    if Day::of(as_of) > Day::of(seen.taken_at) {
        return Ok("a new day: another day is yesterday".to_owned());
    }
    let ordinary = ordinary_interval(policy, seen);
    if as_of >= seen.taken_at + ordinary - SLACK {
        let hours = ordinary.as_hours();
        return Ok(format!(
            "{hours} hours or more since the last reading: the data is refreshed at most three times a day"
        ));
    }
    let near = near_a_limit(policy, seen, Day::of(as_of).plus(-1));
    let leaves = leaves_enough(policy, state, seen, ordinary, as_of);
    if near && leaves && as_of >= seen.taken_at + REFRESH_NEAR - SLACK {
        return Ok(format!("yesterday is above {NEAR_PERCENT} % of a limit, and the last reading is 4 hours old"));
    }
    Err(format!("it is {hours} h old, and the data is refreshed at most three times a day"))
}

/// Eight hours; longer for a bill of so many pages that the budget does not last for three readings (and a forecast),
/// so that those it lasts for are spread over the day.
fn ordinary_interval(policy: &Policy, seen: &Observation) -> SignedDuration {
    let readings = policy.pages_per_day.saturating_sub(1) / seen.pages.max(QUESTIONS);
    REFRESH.max(SignedDuration::from_hours(24) / i32::try_from(readings.max(1)).unwrap_or(1))
}

/// Whether a reading out of turn leaves pages for the ordinary ones until midnight.
fn leaves_enough(
    policy: &Policy,
    state: &State,
    seen: &Observation,
    ordinary: SignedDuration,
    as_of: Timestamp,
) -> bool {
    let today = Day::of(as_of);
    let ordinary_ones = (1..).take_while(|&n| Day::of(as_of + ordinary * n) == today).count();
    let readings = u32::try_from(1 + ordinary_ones).unwrap_or(u32::MAX);
    state.pages.on(today) + readings * seen.pages.max(QUESTIONS) <= policy.pages_per_day
}

fn near_a_limit(policy: &Policy, seen: &Observation, yesterday: Day) -> bool {
    let near = |value: Usd, limit: Usd| value > limit.percent(NEAR_PERCENT) && value <= limit;
    seen.days.get(&yesterday).is_some_and(|costs: &DayCosts| {
        near(costs.usage_total().unblended, policy.threshold)
            || policy
                .budgets
                .iter()
                .any(|(tenant, budget)| near(costs.usage_of(tenant.as_str()).net_amortized, *budget))
    })
}

#[cfg(test)]
#[path = "reading_tests.rs"]
mod tests;
