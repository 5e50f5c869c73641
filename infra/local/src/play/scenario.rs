//! A day to play: what happens when, and what must be true afterwards. YAML; unknown fields are refused.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use domain::Day;
use jiff::civil::Time;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::gateway::{FaultAction, FaultRule, Nth};
use crate::simulators::cost_explorer::Scenario as Bill;

/// The scenarios that come with the platform; the first is the default.
const BUILT_IN: [(&str, &str); 2] = [
    ("gpu-left-on", include_str!("../../scenarios/gpu-left-on.yaml")),
    ("bad-day", include_str!("../../scenarios/bad-day.yaml")),
];

/// Why a scenario cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum PlayError {
    /// There is no such scenario.
    #[error("no scenario `{name}`: give the path of a file, or one of {known}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// It is not a scenario.
    #[error("scenario {name}: {source}")]
    Yaml {
        /// Its name.
        name: String,
        /// What is wrong, and where.
        #[source]
        source: Box<serde_saphyr::Error>,
    },
}

/// A day to play.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it is called.
    pub title: String,
    /// What happens, for a reader.
    pub story: String,
    /// The day that is played, hour by hour: every schedule of every function at every full hour.
    pub day: Day,
    /// Variables of the functions in place of those in `infra/automation/`.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// What goes wrong, besides the bill.
    #[serde(default)]
    pub faults: Vec<Fault>,
    /// What the account costs, and how Cost Explorer behaves.
    pub bill: Bill,
    /// What must be true afterwards.
    pub expect: Expect,
}

/// A fault from one hour on.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// From when on.
    pub at: Time,
    /// What a person reads in the timeline.
    pub story: String,
    /// The operation it meets, for example `Publish`.
    pub operation: String,
    /// What happens to the call.
    pub action: Action,
    /// Which of the calls from then on it meets; every one when absent. An SDK's retry is a call of its own.
    #[serde(default)]
    pub calls: Option<Calls>,
}

/// Some of the calls that a fault could meet.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Calls {
    /// One, counted from 1.
    Nth(u64),
    /// The first so many.
    First(u64),
}

/// What happens to a call.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// AWS asks for fewer calls.
    Throttle,
    /// AWS answers 500.
    ServerError,
    /// The call has its effect, and the answer is lost.
    LostReply,
    /// The function is killed before the call has its effect.
    KillBefore,
    /// The function is killed after the call had its effect.
    KillAfter,
}

impl Fault {
    /// The gateway's rule for it.
    pub fn rule(&self) -> FaultRule {
        let action = match self.action {
            Action::Throttle => FaultAction::Throttle,
            Action::ServerError => FaultAction::ServerError(500),
            Action::LostReply => FaultAction::LostReply,
            Action::KillBefore => FaultAction::KillBefore,
            Action::KillAfter => FaultAction::KillAfter,
        };
        let calls = match self.calls {
            None => Nth::Every,
            Some(Calls::Nth(nth)) => Nth::Nth(nth),
            Some(Calls::First(count)) => Nth::First(count),
        };
        FaultRule::new(action).operation(&self.operation).nth(calls)
    }
}

/// What must be true afterwards.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// Ids of the notices that a subscriber has read, in any order; repeated ones count once.
    pub notices: Vec<String>,
    /// The most pages of Cost Explorer that may have been paid for.
    pub pages_at_most: u64,
    /// Invocations that may fail, because a fault of the scenario makes them.
    #[serde(default)]
    pub failed_invocations_at_most: usize,
}

impl Scenario {
    /// A built-in scenario by name, or a file; the default without a name.
    ///
    /// # Errors
    /// When there is none, or it is wrong.
    pub fn load(name: Option<&str>) -> Result<Self, PlayError> {
        let (default, _) = BUILT_IN[0];
        let name = name.unwrap_or(default);
        let built_in = BUILT_IN.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned());
        let text = match built_in {
            Some(text) => text,
            None if Path::new(name).exists() => {
                std::fs::read_to_string(name).map_err(|source| PlayError::Read { path: name.into(), source })?
            }
            None => {
                let known = BUILT_IN.map(|(known, _)| known).join(", ");
                return Err(PlayError::Unknown { name: name.to_owned(), known });
            }
        };
        serde_saphyr::from_str(&text)
            .map_err(|source| PlayError::Yaml { name: name.to_owned(), source: Box::new(source) })
    }

    /// The full hours of the day.
    pub fn hours(&self) -> impl Iterator<Item = Timestamp> + use<> {
        let start = self.day.start();
        (0..24).map(move |hour| start + SignedDuration::from_hours(hour))
    }

    /// The faults that begin in the hour from `from` on.
    pub fn faults_at(&self, from: Timestamp) -> impl Iterator<Item = &Fault> {
        let hour = i8::try_from((from.as_second() - self.day.start().as_second()) / 3600).unwrap_or_default();
        self.faults.iter().filter(move |fault| fault.at.hour() == hour)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_scenarios_load() {
        for (name, _) in BUILT_IN {
            let scenario = Scenario::load(Some(name)).unwrap();
            crate::simulators::cost_explorer::CostExplorer::new(scenario.bill).unwrap();
        }
    }

    #[test]
    fn an_unknown_scenario_is_refused_with_those_there_are() {
        let error = Scenario::load(Some("gpu-lef-on")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no scenario `gpu-lef-on`: give the path of a file, or one of gpu-left-on, bad-day"
        );
    }

    #[test]
    fn a_day_has_24_hours() {
        let scenario = Scenario::load(None).unwrap();
        let hours: Vec<Timestamp> = scenario.hours().collect();
        assert_eq!((hours.len(), hours[23]), (24, "2026-11-24T23:00:00Z".parse().unwrap()));
    }
}
