//! The limits of AWS and the rules of this project, applied to what was written. Everything wrong is collected.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::Path;

use serde_saphyr::{Location, Spanned};

use super::description::{Asynchronous, Automation, Function, Platform, Schedule, Statement, Topic, Trigger};
use super::problem::Problem;
use super::written::{
    AsynchronousEntry, FunctionFile, PlatformFile, ScheduleEntry, StatementEntry, Text, TriggerEntry,
};

// Limits of the Lambda API (botocore 2026-11-17, ordinary functions).
const MEMORY_MB: RangeInclusive<u32> = 128..=10_240;
const TIMEOUT_SECONDS: RangeInclusive<u32> = 1..=900;
const ASYNCHRONOUS_RETRIES: RangeInclusive<u32> = 0..=2;
const ASYNCHRONOUS_AGE_SECONDS: RangeInclusive<u32> = 60..=21_600;
const DESCRIPTION_LENGTH: RangeInclusive<usize> = 1..=256;
// Limits of an EventBridge target (the same source).
const DELIVERY_RETRIES: RangeInclusive<u32> = 0..=185;
const DELIVERY_AGE_SECONDS: RangeInclusive<u32> = 60..=86_400;
// Limit of SQS.
const QUEUE_RETENTION_SECONDS: RangeInclusive<u32> = 60..=1_209_600;
/// What CloudWatch Logs takes as a retention, in days.
const LOG_RETENTION_DAYS: [u32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

pub fn platform(file: &Path, written: PlatformFile) -> Result<Platform, Vec<Problem>> {
    let PlatformFile { state_bucket, notice_topic, failure_queues, logs } = written;
    let mut check = Check { file, problems: Vec::new() };
    let bucket = &state_bucket.name;
    let characters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !(3..=63).contains(&bucket.value.len()) || !bucket.value.chars().all(characters) {
        check.refuse(bucket, "state_bucket.name", "must be 3 to 63 lower-case letters, digits and hyphens");
    }
    check.name(&notice_topic.name, "notice_topic.name", 256);
    check.range(&failure_queues.retention_seconds, "failure_queues.retention_seconds", QUEUE_RETENTION_SECONDS);
    let days = &logs.retention_days;
    if !LOG_RETENTION_DAYS.contains(&days.value) {
        check.refuse(days, "logs.retention_days", "is not a retention that CloudWatch Logs takes, such as 7, 30 or 90");
    }
    check.done(Platform {
        state_bucket: state_bucket.name.value,
        notice_topic: Topic { name: notice_topic.name.value, display_name: notice_topic.display_name.value },
        failure_retention_seconds: failure_queues.retention_seconds.value,
        log_format: logs.format,
        log_retention_days: days.value,
    })
}

pub fn function(file: &Path, written: FunctionFile, automation: &Automation) -> Result<Function, Vec<Problem>> {
    let mut check = Check { file, problems: Vec::new() };
    let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    if !is_name(&name, 64) {
        check.refuse_at(
            Location::UNKNOWN,
            ".",
            "the file's name, which names the function, must be lower-case letters, digits and hyphens, 64 at most",
        );
    }
    if !DESCRIPTION_LENGTH.contains(&written.description.value.chars().count()) {
        check.refuse(&written.description, "description", "must have 1 to 256 characters");
    }
    check.range(&written.memory_mb, "memory_mb", MEMORY_MB);
    check.range(&written.timeout_seconds, "timeout_seconds", TIMEOUT_SECONDS);
    for (variable, value) in &written.environment {
        check.variable(variable, value);
    }
    let asynchronous = check.asynchronous(written.asynchronous);
    let triggers = check.triggers(written.triggers.value);
    let publishes_to = check.topics(&written.publishes_to, automation);
    let statements_at = written.statements.referenced;
    let statements = check.statements(written.statements);
    let function = Function {
        name,
        description: written.description.value,
        memory_mb: written.memory_mb.value,
        timeout_seconds: written.timeout_seconds.value,
        network: written.network,
        reserved_concurrency: written.reserved_concurrency.map(|limit| limit.value),
        environment: written.environment.into_iter().map(|(name, value)| (name, value.value)).collect(),
        asynchronous,
        triggers,
        publishes_to,
        statements,
    };
    check.publishing(&function, &written.publishes_to, automation);
    check.service_grants(&function, statements_at, automation);
    check.done(function)
}

struct Check<'f> {
    file: &'f Path,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn done<T>(mut self, checked: T) -> Result<T, Vec<Problem>> {
        self.problems.sort();
        if self.problems.is_empty() { Ok(checked) } else { Err(self.problems) }
    }

    fn refuse<T>(&mut self, value: &Spanned<T>, field: &str, message: &str) {
        self.refuse_at(value.referenced, field, message);
    }

    fn refuse_at(&mut self, at: Location, field: &str, message: &str) {
        self.problems.push(Problem {
            file: self.file.to_owned(),
            line: at.line(),
            column: at.column(),
            field: field.to_owned(),
            message: message.to_owned(),
        });
    }

    fn range(&mut self, value: &Spanned<u32>, field: &str, range: RangeInclusive<u32>) {
        if !range.contains(&value.value) {
            let (from, to) = range.into_inner();
            self.refuse(value, field, &format!("must be {from} to {to}, not {}", value.value));
        }
    }

    fn name(&mut self, name: &Text, field: &str, longest: usize) {
        if !is_name(&name.value, longest) {
            let message = format!("must be lower-case letters, digits and hyphens, {longest} at most");
            self.refuse(name, field, &message);
        }
    }

    fn variable(&mut self, variable: &str, value: &Text) {
        let allowed = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let field = format!("environment.{variable}");
        if !variable.starts_with(|c: char| c.is_ascii_uppercase()) || !variable.chars().all(allowed) {
            self.refuse(value, &field, "names of variables are capitals, digits and underscores");
        } else if variable.starts_with("AWS_") {
            // Lambda refuses most of them, and the rest belong to the place where the function runs.
            self.refuse(value, &field, "names that start with AWS_ belong to Lambda and the SDK");
        }
    }

    fn asynchronous(&mut self, written: AsynchronousEntry) -> Asynchronous {
        let AsynchronousEntry { retries, maximum_event_age_seconds, on_failure_queue } = written;
        self.range(&retries, "asynchronous.retries", ASYNCHRONOUS_RETRIES);
        self.range(&maximum_event_age_seconds, "asynchronous.maximum_event_age_seconds", ASYNCHRONOUS_AGE_SECONDS);
        self.name(&on_failure_queue, "asynchronous.on_failure_queue", 80);
        Asynchronous {
            retries: retries.value,
            maximum_event_age_seconds: maximum_event_age_seconds.value,
            on_failure_queue: on_failure_queue.value,
        }
    }

    fn triggers(&mut self, written: Vec<TriggerEntry>) -> Vec<Trigger> {
        let mut names = BTreeSet::new();
        let mut triggers = Vec::new();
        for (index, entry) in written.into_iter().enumerate() {
            let TriggerEntry::Schedule(schedule) = entry;
            let field = format!("triggers[{index}].schedule");
            if !names.insert(schedule.name.value.clone()) {
                self.refuse(&schedule.name, &format!("{field}.name"), "names two triggers");
            }
            triggers.push(Trigger::Schedule(self.schedule(&field, schedule)));
        }
        triggers
    }

    fn schedule(&mut self, field: &str, written: ScheduleEntry) -> Schedule {
        let ScheduleEntry { name, expression, retries, maximum_event_age_seconds, dead_letter_queue } = written;
        self.name(&name, &format!("{field}.name"), 32);
        if !is_schedule(&expression.value) {
            self.refuse(
                &expression,
                &format!("{field}.expression"),
                "must be rate(1 minute|hour|day), rate(N minutes|hours|days) or cron(with six fields)",
            );
        }
        self.range(&retries, &format!("{field}.retries"), DELIVERY_RETRIES);
        self.range(&maximum_event_age_seconds, &format!("{field}.maximum_event_age_seconds"), DELIVERY_AGE_SECONDS);
        self.name(&dead_letter_queue, &format!("{field}.dead_letter_queue"), 80);
        Schedule {
            name: name.value,
            expression: expression.value,
            retries: retries.value,
            maximum_event_age_seconds: maximum_event_age_seconds.value,
            dead_letter_queue: dead_letter_queue.value,
        }
    }

    fn topics(&mut self, written: &[Text], automation: &Automation) -> Vec<String> {
        let known = &automation.platform.notice_topic.name;
        for (index, topic) in written.iter().enumerate() {
            if topic.value != *known {
                let message = format!("is no topic of platform.yaml; known is {known}");
                self.refuse(topic, &format!("publishes_to[{index}]"), &message);
            }
        }
        written.iter().map(|topic| topic.value.clone()).collect()
    }

    fn statements(&mut self, written: Spanned<Vec<StatementEntry>>) -> Vec<Statement> {
        let mut sids = BTreeSet::new();
        let mut statements = Vec::new();
        for (index, entry) in written.value.into_iter().enumerate() {
            let field = format!("statements[{index}]");
            let sid = &entry.sid;
            if sid.value.is_empty() || !sid.value.chars().all(|c| c.is_ascii_alphanumeric()) {
                self.refuse(sid, &format!("{field}.sid"), "must be letters and digits");
            }
            if !sids.insert(sid.value.clone()) {
                self.refuse(sid, &format!("{field}.sid"), "names two statements");
            }
            statements.push(self.statement(&field, entry));
        }
        statements
    }

    fn statement(&mut self, field: &str, written: StatementEntry) -> Statement {
        let StatementEntry { sid, why, actions, resources, conditions } = written;
        let why = match why.filter(|why| !why.value.trim().is_empty()) {
            Some(why) => why.value,
            None => {
                let message = if resources.value.iter().any(|resource| resource.value == "*") {
                    "a statement on every resource (\"*\") must say why no narrower one can be named"
                } else {
                    "must say what the function needs it for"
                };
                self.refuse(&sid, &format!("{field}.why"), message);
                String::new()
            }
        };
        if actions.value.is_empty() {
            self.refuse(&actions, &format!("{field}.actions"), "must name an action");
        }
        for (index, action) in actions.value.iter().enumerate() {
            if !is_action(&action.value) {
                let message = "must be one exact action such as s3:GetObject, without wildcards";
                self.refuse(action, &format!("{field}.actions[{index}]"), message);
            }
        }
        if resources.value.is_empty() {
            self.refuse(&resources, &format!("{field}.resources"), "must name a resource");
        }
        for (index, resource) in resources.value.iter().enumerate() {
            let alone = resource.value == "*" && resources.value.len() == 1;
            if !alone && !is_arn(&resource.value) {
                let message = "must be an ARN with wildcards only in its last part, or \"*\" alone";
                self.refuse(resource, &format!("{field}.resources[{index}]"), message);
            }
        }
        let texts = |list: Spanned<Vec<Text>>| list.value.into_iter().map(|text| text.value).collect();
        Statement { sid: sid.value, why, actions: texts(actions), resources: texts(resources), conditions }
    }

    /// `publishes_to` and the right to publish name the same topics.
    fn publishing(&mut self, function: &Function, written: &[Text], automation: &Automation) {
        for (index, place) in written.iter().enumerate() {
            if !allows(function, "sns:Publish", &automation.topic_arn(&place.value)) {
                self.refuse(place, &format!("publishes_to[{index}]"), "no statement allows sns:Publish on it");
            }
        }
        let wants: BTreeSet<String> = written.iter().map(|topic| automation.topic_arn(&topic.value)).collect();
        for (index, statement) in function.statements.iter().enumerate() {
            let publishes = statement.actions.iter().any(|action| action == "sns:Publish");
            if publishes && !statement.resources.iter().all(|resource| wants.contains(resource)) {
                let place = written.first().map_or(Location::UNKNOWN, |topic| topic.referenced);
                let message = "allows sns:Publish on a topic that publishes_to does not name";
                self.refuse_at(place, &format!("statements[{index}].resources"), message);
            }
        }
    }

    /// What Lambda itself does in the name of the role. No emulator asks for it, so it would be missed on AWS only.
    fn service_grants(&mut self, function: &Function, at: Location, automation: &Automation) {
        let Automation { account, region, .. } = automation;
        let log_group = format!("arn:aws:logs:{region}:{account}:log-group:{}:*", function.log_group());
        let queue = automation.queue_arn(&function.asynchronous.on_failure_queue);
        for (action, resource) in
            [("logs:CreateLogStream", &log_group), ("logs:PutLogEvents", &log_group), ("sqs:SendMessage", &queue)]
        {
            if !allows(function, action, resource) {
                self.refuse_at(
                    at,
                    "statements",
                    &format!("Lambda needs {action} on {resource} in the name of the role"),
                );
            }
        }
    }
}

fn allows(function: &Function, action: &str, resource: &str) -> bool {
    let has = |texts: &[String], text: &str| texts.iter().any(|found| found == text);
    function.statements.iter().any(|statement| has(&statement.actions, action) && has(&statement.resources, resource))
}

fn is_name(name: &str, longest: usize) -> bool {
    (1..=longest).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

fn is_action(action: &str) -> bool {
    action.split_once(':').is_some_and(|(service, name)| {
        let plain = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        plain(service) && plain(name)
    })
}

fn is_arn(resource: &str) -> bool {
    let parts: Vec<&str> = resource.splitn(6, ':').collect();
    let [arn, partition, service, region, account, last] = parts.as_slice() else { return false };
    *arn == "arn"
        && !service.is_empty()
        && !last.is_empty()
        && *last != "*"
        && ![partition, service, region, account].iter().any(|part| part.contains(['*', '?']))
}

/// EventBridge refuses `rate(1 hours)` and `rate(2 hour)`.
fn is_schedule(expression: &str) -> bool {
    let inside = |kind: &str| expression.strip_prefix(kind)?.strip_prefix('(')?.strip_suffix(')');
    if let Some(rate) = inside("rate") {
        let Some((count, unit)) = rate.split_once(' ') else { return false };
        return match count.parse::<u32>() {
            Ok(0) | Err(_) => false,
            Ok(1) => ["minute", "hour", "day"].contains(&unit),
            Ok(_) => ["minutes", "hours", "days"].contains(&unit),
        };
    }
    inside("cron").is_some_and(|fields| fields.split_whitespace().count() == 6)
}
