//! The alert state machine: opened, escalated, resolved, opened again. Pure.

use std::fmt;

use domain::time::whole_hours;
use domain::{Day, Usd};
use jiff::{SignedDuration, Timestamp};

use crate::config::Policy;
use crate::state::{Alert, Kind, Limit, Observation, Scope, State};

/// Levels, in percent of the limit. Each is told once for a day.
pub const LEVELS: [u32; 4] = [100, 120, 150, 200];
/// AWS tells of a day within a day after its end; before that, no data is no news.
const LAG: SignedDuration = SignedDuration::from_hours(24);

/// How an alert moves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// It is new.
    Opened,
    /// It reached a higher level.
    Escalated,
    /// What it was about is over.
    Resolved,
    /// It was resolved, and is true again.
    OpenedAgain,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Opened => "opened",
            Self::Escalated => "escalated",
            Self::Resolved => "resolved",
            Self::OpenedAgain => "opened again",
        })
    }
}

/// A cost against its limit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Measure {
    /// The cost of the day.
    pub value: Usd,
    /// The limit of its scope.
    pub limit: Usd,
}

impl Measure {
    /// The highest level that the cost exceeds.
    pub fn level(self) -> Option<u32> {
        LEVELS.into_iter().rev().find(|&level| self.value > self.limit.percent(level))
    }

    /// Whole percent of the limit, rounded down so that a level is never claimed before it is exceeded.
    pub fn percent(self) -> String {
        self.value.percent_of(self.limit).map_or_else(|| "?".to_owned(), |percent| percent.floor().to_string())
    }
}

/// One alert that moves.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change {
    /// How.
    pub step: Step,
    /// The alert as it is afterwards.
    pub alert: Alert,
    /// The cost behind it; `None` for [`Kind::Unknown`].
    pub measure: Option<Measure>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, alert, measure } = self;
        match (alert.kind, measure) {
            (Kind::Cost, Some(measure)) => {
                let Measure { value, limit } = measure;
                let (scope, day, level, percent) = (&alert.scope, alert.day, alert.level, measure.percent());
                write!(
                    f,
                    "alert {step}: {scope} on {day} at level {level} %: {value} USD is {percent} % of {limit} USD"
                )
            }
            _ => write!(f, "alert {step}: the bill is out of view since {}", alert.day),
        }
    }
}

/// The next step of a day's alert, given the level that its cost exceeds now.
pub fn step(alert: Option<&Alert>, level: Option<u32>) -> Option<Step> {
    match (alert, level) {
        (None, Some(_)) => Some(Step::Opened),
        (Some(alert), Some(level)) if alert.open && level > alert.level => Some(Step::Escalated),
        (Some(alert), Some(_)) if !alert.open => Some(Step::OpenedAgain),
        (Some(alert), None) if alert.open => Some(Step::Resolved),
        _ => None,
    }
}

/// The limits of `policy`. A limit that is new or lower is held to from yesterday on: what was over it before is no
/// news, and nobody is to be woken by five weeks of days at once.
pub fn limits(policy: &Policy, known: &[Limit], as_of: Timestamp) -> Vec<Limit> {
    let tenants = policy.budgets.iter().map(|(tenant, usd)| (Scope::Tenant(tenant.clone()), *usd));
    std::iter::once((Scope::Account, policy.threshold))
        .chain(tenants)
        .map(|(scope, usd)| {
            let before = known.iter().find(|before| before.scope == scope && before.usd <= usd);
            Limit { from: before.map_or_else(|| Day::of(as_of).plus(-1), |before| before.from), scope, usd }
        })
        .collect()
}

/// All changes that the observation and the time ask for, oldest day first. `state` has the limits of `policy`.
pub fn changes(policy: &Policy, state: &State, observation: Option<&Observation>, as_of: Timestamp) -> Vec<Change> {
    let mut changes: Vec<Change> = Vec::new();
    for (day, costs) in observation.iter().flat_map(|seen| &seen.days).filter(|(_, costs)| costs.has_data()) {
        for Limit { scope, usd, from } in &state.limits {
            let value = match scope {
                Scope::Account => costs.usage_total().unblended,
                Scope::Tenant(tenant) => costs.usage_of(tenant.as_str()).net_amortized,
            };
            let measure = Measure { value, limit: *usd };
            let known = state.alerts.iter().find(|alert| alert.identity() == (Kind::Cost, scope, *day));
            let judged = |step: &Step| day >= from || *step == Step::Resolved;
            if let Some(step) = step(known, measure.level()).filter(judged) {
                let level = measure.level().unwrap_or_default();
                let alert = moved(step, known, (Kind::Cost, scope.clone(), *day), level, as_of);
                changes.push(Change { step, alert, measure: Some(measure) });
            }
        }
    }
    changes.extend(blindness(policy, state, observation, state.since.unwrap_or(as_of), as_of));
    changes
}

/// Up to when the bill was in view: the last reading, or a day after the newest day that AWS tells of, whichever is
/// earlier.
pub fn in_view_until(observation: Option<&Observation>, since: Timestamp) -> Timestamp {
    let Some(seen) = observation else { return since };
    let told = seen.newest_with_data().map_or(since, |day| day.end() + LAG);
    seen.taken_at.min(told)
}

fn blindness(
    policy: &Policy,
    state: &State,
    observation: Option<&Observation>,
    since: Timestamp,
    as_of: Timestamp,
) -> Option<Change> {
    let seen = in_view_until(observation, since);
    let blind = whole_hours(seen, as_of) >= policy.unknown_after_hours;
    let open = state.alerts.iter().find(|alert| alert.kind == Kind::Unknown && alert.open);
    match open {
        None if blind => {
            let identity = (Kind::Unknown, Scope::Account, Day::of(seen));
            let known = state.alerts.iter().find(|alert| alert.identity() == (identity.0, &identity.1, identity.2));
            let step = if known.is_some() { Step::OpenedAgain } else { Step::Opened };
            Some(Change { step, alert: moved(step, known, identity, 0, as_of), measure: None })
        }
        // An event from before the alert says nothing about its end.
        Some(alert) if !blind && as_of > alert.changed => {
            let identity = (Kind::Unknown, Scope::Account, alert.day);
            Some(Change {
                step: Step::Resolved,
                alert: moved(Step::Resolved, Some(alert), identity, 0, as_of),
                measure: None,
            })
        }
        _ => None,
    }
}

fn moved(
    step: Step,
    known: Option<&Alert>,
    (kind, scope, day): (Kind, Scope, Day),
    level: u32,
    as_of: Timestamp,
) -> Alert {
    let episode = known.map_or(1, |alert| alert.episode + u32::from(step == Step::OpenedAgain));
    let level = if step == Step::Resolved { known.map_or(level, |alert| alert.level) } else { level };
    Alert { kind, scope, day, level, open: step != Step::Resolved, episode, changed: as_of }
}

/// The alerts after `changes`, without those whose day is out of view.
pub fn after(alerts: &[Alert], changes: &[Change], first_in_view: Option<Day>) -> Vec<Alert> {
    let mut next: Vec<Alert> = alerts
        .iter()
        .filter(|alert| !changes.iter().any(|change| change.alert.identity() == alert.identity()))
        .chain(changes.iter().map(|change| &change.alert))
        .filter(|alert| {
            alert.kind == Kind::Unknown && alert.open || first_in_view.is_none_or(|first| alert.day >= first)
        })
        .cloned()
        .collect();
    next.sort_by(|a, b| (a.day, a.kind, &a.scope).cmp(&(b.day, b.kind, &b.scope)));
    next
}

#[cfg(test)]
#[path = "alerts_tests.rs"]
mod tests;
