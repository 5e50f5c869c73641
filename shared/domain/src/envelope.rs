//! What a Lambda function is invoked with: which kind of event it is, and what is in it.
//!
//! Own types, because `aws_lambda_events` rejects real alarms and Health events. Parsing is lenient: unknown fields are
//! ignored, and what is not known at all is handed on as [`Envelope::Unknown`], never as an error. Samples of every
//! kind are in `events/`.

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::failure::{Failure, FailureKind};

/// An event, told apart by its envelope.
#[derive(Clone, Debug, PartialEq)]
pub enum Envelope {
    /// A schedule came due: an EventBridge rule (`aws.events`) or an EventBridge Scheduler entry without input
    /// (`aws.scheduler`).
    Schedule(Schedule),
    /// Any other event from an EventBridge bus.
    Event(BusEvent),
    /// One or more SNS notifications. Parse each message by itself: one bad record must not take the others with it.
    Sns(Vec<SnsRecord>),
    /// A CloudWatch alarm that calls the function itself.
    Alarm(DirectAlarm),
    /// A direct invocation, a Step Functions task or a Scheduler entry with input: an object with an `action`.
    Direct(DirectCall),
    /// Anything else: to be logged and ignored.
    Unknown {
        /// What it looks like, for the log; no payload.
        looks_like: String,
    },
}

/// A schedule that came due.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Schedule {
    /// The event's id; the same for each delivery.
    pub id: String,
    /// When it was due. This, and not the clock, says which day the work is for.
    pub time: Timestamp,
    /// The ARN of the rule or schedule.
    pub schedule_arn: String,
}

/// An event from an EventBridge bus.
#[derive(Clone, Debug, PartialEq)]
pub struct BusEvent {
    /// The event's id; the same for each delivery.
    pub id: String,
    /// `aws.ec2`, `aws.rds`, ...
    pub source: String,
    /// `EC2 Spot Instance Interruption Warning`, ...
    pub detail_type: String,
    /// When it happened.
    pub time: Timestamp,
    /// The account it happened in.
    pub account: String,
    /// The region it happened in.
    pub region: String,
    /// ARNs of what it is about. The region place of an EC2 ARN may hold a zone: take ids from `detail`.
    pub resources: Vec<String>,
    /// The body.
    pub detail: Value,
}

/// One SNS notification.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SnsRecord {
    /// The message's id; the same for each delivery.
    pub message_id: String,
    /// The topic.
    pub topic_arn: String,
    /// Often null.
    pub subject: Option<String>,
    /// The body; JSON as a string when an alarm sent it.
    pub message: String,
    /// When it was published.
    pub time: Timestamp,
}

/// An alarm that calls the function itself.
#[derive(Clone, Debug, PartialEq)]
pub struct DirectAlarm {
    /// The alarm's ARN. Its region is here, in code form.
    pub alarm_arn: String,
    /// When its state changed.
    pub time: Timestamp,
    /// `alarmName`, `state`, `previousState`, `configuration`.
    pub data: Value,
}

/// A call that names what it wants.
#[derive(Clone, Debug, PartialEq)]
pub struct DirectCall {
    /// What is asked for.
    pub action: String,
    /// The whole input, `action` included.
    pub input: Value,
}

impl Envelope {
    /// The time the event is for, and the field that says so; `None` for an event that names no time.
    pub fn time(&self) -> Option<(&'static str, Timestamp)> {
        match self {
            Self::Schedule(schedule) => Some(("time", schedule.time)),
            Self::Event(event) => Some(("time", event.time)),
            Self::Sns(records) => {
                records.iter().map(|record| record.time).max().map(|time| ("Records.Sns.Timestamp", time))
            }
            Self::Alarm(alarm) => Some(("time", alarm.time)),
            Self::Direct(call) => {
                let as_of = call.input.get("as_of")?.as_str()?;
                Some(("as_of", instant("as_of", as_of).ok()?))
            }
            Self::Unknown { .. } => None,
        }
    }

    /// Tells the kinds apart.
    ///
    /// # Errors
    /// [`FailureKind::InvalidInput`] with the path of the field when an event says what it is and then is not.
    pub fn parse(event: &Value) -> Result<Self, Failure> {
        let has = |key: &str| event.get(key).is_some();
        let text = |key: &str| event.get(key).and_then(Value::as_str);
        if has("detail-type") && has("source") {
            return bus_event(event);
        }
        if event.pointer("/Records/0/EventSource").and_then(Value::as_str) == Some("aws:sns") {
            return sns(event);
        }
        if has("alarmArn") && text("source") == Some("aws.cloudwatch") {
            let alarm: RawAlarm = parse_known(event, "")?;
            return Ok(Self::Alarm(DirectAlarm {
                alarm_arn: alarm.alarm_arn,
                time: instant("time", &alarm.time)?,
                data: alarm.alarm_data,
            }));
        }
        if let Some(action) = event.get("action") {
            let action = action.as_str().ok_or_else(|| invalid("action", "is not a text"))?;
            return Ok(Self::Direct(DirectCall { action: action.to_owned(), input: event.clone() }));
        }
        Ok(Self::Unknown { looks_like: outline(event) })
    }
}

/// Reads `value`, which is known to be a `T`; `at` is its path in the event.
///
/// # Errors
/// [`FailureKind::InvalidInput`] with the path of the field that is wrong.
pub fn parse_known<T: DeserializeOwned>(value: &Value, at: &str) -> Result<T, Failure> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let within = error.path().to_string();
        let path = [at, if within == "." { "" } else { &within }].into_iter().filter(|p| !p.is_empty());
        let path = path.collect::<Vec<_>>().join(".");
        Failure::new(
            FailureKind::InvalidInput,
            format!("event field `{}`: {}", if path.is_empty() { "." } else { &path }, error.inner()),
        )
    })
}

/// Reads JSON bytes as a `T`.
///
/// # Errors
/// With the path of what is wrong.
pub fn parse_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, serde_path_to_error::Error<serde_json::Error>> {
    serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_slice(bytes))
}

fn invalid(path: &str, what: &str) -> Failure {
    Failure::new(FailureKind::InvalidInput, format!("event field `{path}`: {what}"))
}

/// An instant as AWS writes them: RFC 3339, or with the offset `+0000` as CloudWatch does.
///
/// # Errors
/// [`FailureKind::InvalidInput`] naming `path`.
pub fn instant(path: &str, text: &str) -> Result<Timestamp, Failure> {
    text.parse()
        .or_else(|_| Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%z", text))
        .map_err(|_| invalid(path, &format!("`{text}` is not an instant such as 2026-11-24T07:00:00Z")))
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct RawBusEvent {
    id: String,
    source: String,
    detail_type: String,
    time: String,
    #[serde(default)]
    account: String,
    #[serde(default)]
    region: String,
    #[serde(default)]
    resources: Vec<String>,
    #[serde(default)]
    detail: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawAlarm {
    alarm_arn: String,
    time: String,
    alarm_data: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawSnsRecord {
    sns: RawSns,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawSns {
    message_id: String,
    topic_arn: String,
    subject: Option<String>,
    message: String,
    timestamp: String,
}

fn bus_event(event: &Value) -> Result<Envelope, Failure> {
    let raw: RawBusEvent = parse_known(event, "")?;
    let time = instant("time", &raw.time)?;
    let schedules = ["aws.events", "aws.scheduler"];
    if schedules.contains(&raw.source.as_str()) && raw.detail_type == "Scheduled Event" {
        let schedule_arn = raw.resources.into_iter().next().unwrap_or_default();
        return Ok(Envelope::Schedule(Schedule { id: raw.id, time, schedule_arn }));
    }
    // EventBridge Scheduler sends the detail as a JSON string.
    let decoded = raw.detail.as_str().and_then(|text| serde_json::from_str(text).ok());
    let detail = decoded.unwrap_or(raw.detail);
    Ok(Envelope::Event(BusEvent {
        id: raw.id,
        source: raw.source,
        detail_type: raw.detail_type,
        time,
        account: raw.account,
        region: raw.region,
        resources: raw.resources,
        detail,
    }))
}

fn sns(event: &Value) -> Result<Envelope, Failure> {
    let raw: Vec<RawSnsRecord> = parse_known(event.get("Records").unwrap_or(&Value::Null), "Records")?;
    raw.into_iter()
        .enumerate()
        .map(|(index, RawSnsRecord { sns })| {
            Ok(SnsRecord {
                message_id: sns.message_id,
                topic_arn: sns.topic_arn,
                subject: sns.subject,
                message: sns.message,
                time: instant(&format!("Records[{index}].Sns.Timestamp"), &sns.timestamp)?,
            })
        })
        .collect::<Result<_, Failure>>()
        .map(Envelope::Sns)
}

fn outline(event: &Value) -> String {
    match event {
        Value::Object(fields) => {
            let keys: Vec<&str> = fields.keys().take(8).map(String::as_str).collect();
            format!("an object with the keys [{}]", keys.join(", "))
        }
        Value::Array(items) => format!("an array of {}", items.len()),
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "a boolean".to_owned(),
        Value::Number(_) => "a number".to_owned(),
        Value::String(_) => "a text".to_owned(),
    }
}

#[cfg(test)]
#[path = "envelope_tests.rs"]
mod tests;
