//! What the wiring made.

use std::collections::BTreeMap;

/// Everything that now stands, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wired {
    /// Name of the state bucket.
    pub bucket: String,
    /// ARN of the topic of notices.
    pub notice_topic_arn: String,
    /// URLs of the queues for failed events, by queue name.
    pub failure_queue_urls: BTreeMap<String, String>,
    /// The functions, by name.
    pub functions: BTreeMap<String, WiredFunction>,
    /// What this run changed, in order and in words; empty when all was there already.
    pub changes: Vec<String>,
}

/// One function as it now stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WiredFunction {
    /// Its ARN, without a version.
    pub arn: String,
    /// The ARN of its role.
    pub role_arn: String,
    /// The log group that it writes to.
    pub log_group: String,
    /// The ARNs of its rules, by the name of the trigger.
    pub rule_arns: BTreeMap<String, String>,
}

/// Collects what was changed.
#[derive(Default)]
pub(super) struct Changes(pub Vec<String>);

impl Changes {
    pub fn add(&mut self, change: String) {
        tracing::debug!(change, "wiring");
        self.0.push(change);
    }
}
