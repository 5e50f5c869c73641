use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;

use super::*;

/// All samples of `events/`, by `folder/name`.
fn samples() -> BTreeMap<String, Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
    let mut samples = BTreeMap::new();
    for folder in std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        for file in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            let name = format!("{}/{}", folder.file_name().unwrap().display(), file.file_stem().unwrap().display());
            samples.insert(name, serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap());
        }
    }
    samples
}

fn sample(name: &str) -> Value {
    samples().remove(name).unwrap()
}

fn kind(event: &Value) -> String {
    match Envelope::parse(event).unwrap() {
        Envelope::Schedule(_) => "schedule".to_owned(),
        Envelope::Event(event) => format!("event {} {}", event.source, event.detail_type),
        Envelope::Sns(records) => format!("sns {}", records.len()),
        Envelope::Alarm(_) => "alarm".to_owned(),
        Envelope::Direct(call) => format!("direct {}", call.action),
        Envelope::Unknown { looks_like } => looks_like,
    }
}

#[test]
fn every_sample_is_told_by_its_envelope() {
    let told: BTreeMap<String, String> = samples().iter().map(|(name, event)| (name.clone(), kind(event))).collect();
    let expected = [
        ("cost-check/direct-dry-run", "direct check"),
        ("cost-check/hourly-schedule", "schedule"),
        ("cost-check/hourly-scheduler", "schedule"),
        ("cost-check/scheduler-with-input", "direct check"),
        ("cross-region-backup/rds-snapshot-created", "event aws.rds RDS DB Snapshot Event"),
        ("gpu-scaler/alarm-direct", "alarm"),
        ("gpu-scaler/alarm-event-composite-without-suppressor", "event aws.cloudwatch CloudWatch Alarm State Change"),
        ("gpu-scaler/alarm-event-daily-period", "event aws.cloudwatch CloudWatch Alarm State Change"),
        ("gpu-scaler/alarm-event-metric", "event aws.cloudwatch CloudWatch Alarm State Change"),
        ("gpu-scaler/alarm-event-metric-math", "event aws.cloudwatch CloudWatch Alarm State Change"),
        ("gpu-scaler/alarm-sns", "sns 1"),
        ("gpu-scaler/alarm-sns-2025", "sns 1"),
        ("gpu-scaler/alarm-sns-anomaly", "sns 1"),
        ("gpu-scaler/alarm-sns-composite", "sns 1"),
        ("gpu-scaler/alarm-sns-metric-math", "sns 1"),
        ("spot-interruption/health-operational-issue", "event aws.health AWS Health Event"),
        ("spot-interruption/health-scheduled-change", "event aws.health AWS Health Event"),
        ("spot-interruption/instance-state-change", "event aws.ec2 EC2 Instance State-change Notification"),
        ("spot-interruption/interruption-warning", "event aws.ec2 EC2 Spot Instance Interruption Warning"),
        ("spot-interruption/interruption-warning-zone-in-arn", "event aws.ec2 EC2 Spot Instance Interruption Warning"),
        ("spot-interruption/lifecycle-terminate", "event aws.autoscaling EC2 Instance-terminate Lifecycle Action"),
        ("spot-interruption/rebalance-recommendation", "event aws.ec2 EC2 Instance Rebalance Recommendation"),
    ];
    assert_eq!(told, expected.into_iter().map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect());
}

#[test]
fn both_spellings_of_a_schedule_give_its_time_and_its_rule() {
    for (name, time, arn) in [
        (
            "cost-check/hourly-schedule",
            "2026-11-24T16:00:00Z",
            "arn:aws:events:us-east-1:123456789012:rule/cost-check-hourly",
        ),
        (
            "cost-check/hourly-scheduler",
            "2024-06-13T12:30:00Z",
            "arn:aws:scheduler:us-east-2:257676781382:schedule/default/name",
        ),
    ] {
        let Envelope::Schedule(schedule) = Envelope::parse(&sample(name)).unwrap() else { panic!("{name}") };
        assert_eq!((schedule.time, schedule.schedule_arn.as_str()), (time.parse().unwrap(), arn));
    }
}

#[test]
fn cloudwatch_writes_offsets_without_a_colon() {
    let Envelope::Alarm(alarm) = Envelope::parse(&sample("gpu-scaler/alarm-direct")).unwrap() else { panic!() };
    assert_eq!(alarm.time, "2026-11-24T02:58:11.589Z".parse().unwrap());
}

#[test]
fn what_is_not_known_is_handed_on() {
    for (event, looks_like) in [
        (json!({"hello": 1, "world": 2}), "an object with the keys [hello, world]"),
        (json!([1]), "an array of 1"),
        (json!(null), "null"),
        (json!({"Records": [{"eventSource": "aws:s3"}]}), "an object with the keys [Records]"),
    ] {
        assert_eq!(kind(&event), looks_like);
    }
}

#[test]
fn a_known_event_that_is_wrong_names_the_field() {
    let mut no_time = sample("cost-check/hourly-schedule");
    no_time.as_object_mut().unwrap().remove("time");
    let mut bad_time = sample("cost-check/hourly-schedule");
    bad_time["time"] = json!("yesterday");
    let mut bad_record = sample("gpu-scaler/alarm-sns");
    bad_record["Records"][0]["Sns"]["Message"] = json!(7);
    for (event, message) in [
        (no_time, "event field `.`: missing field `time`"),
        (bad_time, "event field `time`: `yesterday` is not an instant such as 2026-11-24T07:00:00Z"),
        (bad_record, "event field `Records.[0].Sns.Message`: invalid type: integer `7`, expected a string"),
        (json!({"action": 3}), "event field `action`: is not a text"),
    ] {
        let failure = Envelope::parse(&event).unwrap_err();
        assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::InvalidInput, message));
    }
}
