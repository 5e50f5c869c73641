//! The files as they are written: every field that a check may refuse keeps its place.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::description::{LogFormat, Network};

pub type Text = Spanned<String>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlatformFile {
    pub state_bucket: BucketEntry,
    pub notice_topic: TopicEntry,
    pub failure_queues: QueuesEntry,
    pub logs: LogsEntry,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BucketEntry {
    pub name: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicEntry {
    pub name: Text,
    pub display_name: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueuesEntry {
    pub retention_seconds: Spanned<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogsEntry {
    pub format: LogFormat,
    pub retention_days: Spanned<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunctionFile {
    pub description: Text,
    pub memory_mb: Spanned<u32>,
    pub timeout_seconds: Spanned<u32>,
    pub network: Network,
    pub reserved_concurrency: Option<Spanned<u32>>,
    #[serde(default)]
    pub environment: BTreeMap<String, Text>,
    pub asynchronous: AsynchronousEntry,
    pub triggers: Spanned<Vec<TriggerEntry>>,
    #[serde(default)]
    pub publishes_to: Vec<Text>,
    pub statements: Spanned<Vec<StatementEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AsynchronousEntry {
    pub retries: Spanned<u32>,
    pub maximum_event_age_seconds: Spanned<u32>,
    pub on_failure_queue: Text,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TriggerEntry {
    Schedule(ScheduleEntry),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleEntry {
    pub name: Text,
    pub expression: Text,
    pub retries: Spanned<u32>,
    pub maximum_event_age_seconds: Spanned<u32>,
    pub dead_letter_queue: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatementEntry {
    pub sid: Text,
    pub why: Option<Text>,
    pub actions: Spanned<Vec<Text>>,
    pub resources: Spanned<Vec<Text>>,
    #[serde(default)]
    pub conditions: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}
