//! What a run is for.

use domain::envelope::{Envelope, instant, parse_known};
use domain::{Failure, FailureKind};
use jiff::Timestamp;
use serde::Deserialize;

/// A run for a moment: the bill as it could be known then, days up to the day before.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Trigger {
    /// Check the bill. The time is the event's, so that a replay works on the same days.
    Check {
        /// When the event was due.
        as_of: Timestamp,
    },
    /// Not an event of this function.
    Ignored(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DirectCheck {
    #[serde(rename = "action")]
    _action: String,
    as_of: String,
    #[serde(default, rename = "dry_run")]
    _dry_run: bool,
    #[serde(default, rename = "event_id")]
    _event_id: Option<String>,
}

impl Trigger {
    /// Reads the event: a schedule, or a direct call
    /// `{"action": "check", "as_of": "2026-11-24T16:00:00Z", "dry_run": true}`.
    ///
    /// # Errors
    /// `InvalidInput` naming the field, for a direct call that is wrong.
    pub fn of(envelope: Envelope) -> Result<Self, Failure> {
        match envelope {
            Envelope::Schedule(schedule) => Ok(Self::Check { as_of: schedule.time }),
            Envelope::Direct(call) if call.action == "check" => {
                let check: DirectCheck = parse_known(&call.input, "")?;
                Ok(Self::Check { as_of: instant("as_of", &check.as_of)? })
            }
            Envelope::Direct(call) => Err(Failure::new(
                FailureKind::InvalidInput,
                format!("event field `action`: `{}` is not known; cost-check knows `check`", call.action),
            )),
            Envelope::Event(event) => Ok(Self::Ignored(format!("{} from {}", event.detail_type, event.source))),
            Envelope::Sns(records) => Ok(Self::Ignored(format!("{} SNS notifications", records.len()))),
            Envelope::Alarm(alarm) => Ok(Self::Ignored(format!("alarm {}", alarm.alarm_arn))),
            Envelope::Unknown { looks_like } => Ok(Self::Ignored(looks_like)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use testkit::at;

    fn sample(name: &str) -> Value {
        let path = format!("{}/../../events/{name}.json", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    fn of(event: &Value) -> Result<Trigger, Failure> {
        Trigger::of(Envelope::parse(event)?)
    }

    #[test]
    fn schedules_and_direct_calls_are_checks_as_of_their_time() {
        for (name, as_of) in [
            ("cost-check/hourly-schedule", "2026-11-24T16:00:00Z"),
            ("cost-check/hourly-scheduler", "2024-06-13T12:30:00Z"),
            ("cost-check/scheduler-with-input", "2026-11-24T16:00:00Z"),
            ("cost-check/direct-dry-run", "2026-11-24T16:00:00Z"),
        ] {
            assert_eq!(of(&sample(name)).unwrap(), Trigger::Check { as_of: at(as_of) }, "{name}");
        }
    }

    #[test]
    fn events_of_other_functions_are_ignored() {
        for (name, why) in [
            ("spot-interruption/interruption-warning", "EC2 Spot Instance Interruption Warning from aws.ec2"),
            ("gpu-scaler/alarm-sns", "1 SNS notifications"),
            ("gpu-scaler/alarm-direct", "alarm arn:aws:cloudwatch:us-east-1:123456789012:alarm:gpu-idle"),
        ] {
            assert_eq!(of(&sample(name)).unwrap(), Trigger::Ignored(why.to_owned()), "{name}");
        }
    }

    #[test]
    fn a_direct_call_that_is_wrong_names_the_field() {
        for (event, message) in [
            (json!({"action": "chek"}), "event field `action`: `chek` is not known; cost-check knows `check`"),
            (json!({"action": "check"}), "event field `.`: missing field `as_of`"),
            (
                json!({"action": "check", "as_of": "now"}),
                "event field `as_of`: `now` is not an instant such as 2026-11-24T07:00:00Z",
            ),
            (
                json!({"action": "check", "as_of": "2026-11-24T16:00:00Z", "dryrun": true}),
                "event field `dryrun`: unknown field `dryrun`, expected one of `action`, `as_of`, `dry_run`, `event_id`",
            ),
        ] {
            let failure = of(&event).unwrap_err();
            assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::InvalidInput, message));
        }
    }
}
