//! The documents that AWS is given, built from the description and nothing else.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::automation::{Automation, Function, Schedule, Statement};

const POLICY_VERSION: &str = "2012-10-17";

/// What the function's role may do: its statements, without the one named by `without`.
#[must_use]
pub fn role_policy(function: &Function, without: Option<&str>) -> Value {
    let statements: Vec<Value> = function
        .statements
        .iter()
        .filter(|statement| Some(statement.sid.as_str()) != without)
        .map(statement_document)
        .collect();
    json!({ "Version": POLICY_VERSION, "Statement": statements })
}

fn statement_document(statement: &Statement) -> Value {
    let Statement { sid, why: _, actions, resources, conditions } = statement;
    let mut document = Map::new();
    document.insert("Sid".into(), json!(sid));
    document.insert("Effect".into(), json!("Allow"));
    document.insert("Action".into(), one_or_many(actions));
    document.insert("Resource".into(), one_or_many(resources));
    if !conditions.is_empty() {
        document.insert("Condition".into(), json!(conditions));
    }
    Value::Object(document)
}

/// IAM stores a list of one as it was sent; the usual form is the text alone.
fn one_or_many(texts: &[String]) -> Value {
    match texts {
        [one] => json!(one),
        many => json!(many),
    }
}

/// Who may take the function's role: the Lambda service.
#[must_use]
pub fn role_trust() -> Value {
    json!({
        "Version": POLICY_VERSION,
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": "lambda.amazonaws.com" },
            "Action": "sts:AssumeRole",
        }],
    })
}

/// Lets the rules of every function that names the queue send to it. Lambda itself sends in the name of the
/// function's role and needs no line here.
#[must_use]
pub fn failure_queue_policy(automation: &Automation, queue: &str) -> Option<Value> {
    let rules: Vec<String> = automation
        .functions
        .values()
        .flat_map(|function| {
            function
                .schedules()
                .filter(|schedule| schedule.dead_letter_queue == queue)
                .map(|schedule| automation.rule_arn(&function.rule_name(schedule)))
        })
        .collect();
    (!rules.is_empty()).then(|| {
        queue_policy("UndeliveredEvents", "events.amazonaws.com", &automation.queue_arn(queue), one_or_many(&rules))
    })
}

/// Lets a topic send to the queue.
#[must_use]
pub fn subscriber_queue_policy(automation: &Automation, queue: &str, topic: &str) -> Value {
    let topic = json!(automation.topic_arn(topic));
    queue_policy("Notices", "sns.amazonaws.com", &automation.queue_arn(queue), topic)
}

fn queue_policy(sid: &str, service: &str, queue_arn: &str, source: Value) -> Value {
    json!({
        "Version": POLICY_VERSION,
        "Statement": [{
            "Sid": sid,
            "Effect": "Allow",
            "Principal": { "Service": service },
            "Action": "sqs:SendMessage",
            "Resource": queue_arn,
            "Condition": { "ArnEquals": { "aws:SourceArn": source } },
        }],
    })
}

/// The event that the schedule's rule sends at a time: what AWS sends, with an id that follows from rule and time, so
/// that playing the same moment twice is a duplicate delivery.
#[must_use]
pub fn played_schedule(automation: &Automation, function: &Function, schedule: &Schedule, time: Timestamp) -> Value {
    let rule = automation.rule_arn(&function.rule_name(schedule));
    let time = time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    json!({
        "version": "0",
        "id": event_id(&rule, &time),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": automation.account,
        "time": time,
        "region": automation.region,
        "resources": [rule],
        "detail": {},
    })
}

/// A UUID (version 8: made by a rule of one's own) from the digest of what it stands for.
fn event_id(rule: &str, time: &str) -> String {
    let digest = Sha256::new().chain_update(rule).chain_update("\n").chain_update(time).finalize();
    let mut id = String::with_capacity(36);
    for (index, byte) in digest.iter().take(16).enumerate() {
        if [4, 6, 8, 10].contains(&index) {
            id.push('-');
        }
        let byte = match index {
            6 => byte & 0x0f | 0x80,
            8 => byte & 0x3f | 0x80,
            _ => *byte,
        };
        id.push_str(&format!("{byte:02x}"));
    }
    id
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn automation() -> Automation {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../automation");
        Automation::read(&folder, "123456789012", "us-east-1").unwrap()
    }

    #[test]
    fn the_role_policy_is_exactly_the_statements() {
        let automation = automation();
        let function = &automation.functions["cost-check"];
        let policy = role_policy(function, None);
        let statements = policy["Statement"].as_array().unwrap();
        assert_eq!(statements.len(), function.statements.len());
        assert_eq!(
            statements[2],
            json!({
                "Sid": "ReadState",
                "Effect": "Allow",
                "Action": "s3:GetObject",
                "Resource": "arn:aws:s3:::openwebui-state-123456789012-us-east-1/cost-check/*",
            })
        );
        assert_eq!(statements[4]["Condition"], json!({ "StringLikeIfExists": { "s3:prefix": ["cost-check/*"] } }));
        // The limit of all inline policies of a role, without white space.
        assert!(policy.to_string().len() < 10_240);
    }

    #[test]
    fn one_statement_can_be_left_out() {
        let automation = automation();
        let policy = role_policy(&automation.functions["cost-check"], Some("ReadState"));
        let text = policy.to_string();
        assert!(!text.contains("s3:GetObject") && text.contains("s3:PutObject"), "{text}");
    }

    #[test]
    fn only_the_functions_rules_may_send_to_its_failure_queue() {
        let policy = failure_queue_policy(&automation(), "cost-check-failed").unwrap();
        assert_eq!(
            policy["Statement"][0]["Condition"],
            json!({ "ArnEquals": { "aws:SourceArn": "arn:aws:events:us-east-1:123456789012:rule/cost-check-hourly" } })
        );
        assert_eq!(failure_queue_policy(&automation(), "other"), None);
    }

    #[test]
    fn a_played_schedule_has_the_shape_that_aws_sends_and_a_repeatable_id() {
        let automation = automation();
        let function = &automation.functions["cost-check"];
        let schedule = function.schedules().next().unwrap();
        let play = |time: &str| played_schedule(&automation, function, schedule, time.parse().unwrap());
        assert_eq!(
            play("2026-03-01T00:00:00.5Z"),
            json!({
                "version": "0",
                "id": "078c7e68-da23-834e-adbd-386480c6eb8b",
                "detail-type": "Scheduled Event",
                "source": "aws.events",
                "account": "123456789012",
                "time": "2026-03-01T00:00:00Z",
                "region": "us-east-1",
                "resources": ["arn:aws:events:us-east-1:123456789012:rule/cost-check-hourly"],
                "detail": {},
            })
        );
        assert_ne!(play("2026-03-01T00:00:00Z")["id"], play("2026-03-01T01:00:00Z")["id"]);
    }
}
