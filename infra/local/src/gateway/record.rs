//! Who called what: the record that tests and the timeline read.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

/// One call that reached the gateway. It holds no body, no header and no credential.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CallRecord {
    /// From 1, in the order in which calls ended.
    pub sequence: u64,
    /// When it arrived, by the wall clock.
    pub at: Timestamp,
    /// Whose key the call names: `arn:aws:sts::123456789012:assumed-role/ROLE/SESSION` for a function; `None` without a
    /// known key. A call with a wrong signature names somebody, too; its status tells.
    pub principal: Option<String>,
    /// `ROLE`, when the signer is a session of a role.
    pub role: Option<String>,
    /// The service of the signature's scope: `ce`, `s3`, `sns`, `sts`, `lambda`, `monitoring`.
    pub service: String,
    /// The API's name for the operation: `GetCostAndUsage`, `PutObject`.
    pub operation: String,
    /// The region of the signature's scope, empty without a signature.
    pub region: String,
    /// `bucket/key`, a topic ARN, a queue URL, a function's name.
    pub resource: Option<String>,
    /// The answer's status, also when a fault kept the answer from the caller: the effect happened then. `None` when
    /// the call was not answered.
    pub status: Option<u16>,
    /// From its arrival to the head of its answer.
    pub duration: Duration,
    /// Whether one of our simulators answered instead of ministack.
    pub simulated: bool,
    /// The fault that was put into it, in words.
    pub fault: Option<String>,
}

/// All records of one gateway.
pub(super) struct Records {
    kept: Mutex<Vec<CallRecord>>,
    last: watch::Sender<u64>,
}

impl Default for Records {
    fn default() -> Self {
        Self { kept: Mutex::default(), last: watch::Sender::new(0) }
    }
}

impl Records {
    fn kept(&self) -> MutexGuard<'_, Vec<CallRecord>> {
        // A panic while pushing leaves a whole vector behind.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, mut record: CallRecord) {
        let mut kept = self.kept();
        record.sequence = kept.last().map_or(1, |last| last.sequence + 1);
        let sequence = record.sequence;
        kept.push(record);
        drop(kept);
        self.last.send_modify(|last| *last = sequence.max(*last));
    }

    pub(super) fn since(&self, sequence: u64) -> Vec<CallRecord> {
        let kept = self.kept();
        let from = kept.partition_point(|record| record.sequence <= sequence);
        kept.get(from..).unwrap_or_default().to_vec()
    }

    pub(super) async fn wait_for(&self, matches: impl Fn(&CallRecord) -> bool, within: Duration) -> Option<CallRecord> {
        let search = async {
            let (mut changes, mut seen) = (self.last.subscribe(), 0);
            loop {
                for record in self.since(seen) {
                    seen = record.sequence;
                    if matches(&record) {
                        return Some(record);
                    }
                }
                changes.changed().await.ok()?;
            }
        };
        timeout(within, search).await.ok().flatten()
    }
}

/// A call under way. It is recorded when this is dropped, so that one whose client went away is recorded too.
pub(super) struct Entry<'a> {
    records: &'a Records,
    started: Instant,
    /// What is known so far.
    pub(super) record: CallRecord,
}

impl<'a> Entry<'a> {
    /// `record` with its sequence, time and duration still to be filled.
    pub(super) fn new(records: &'a Records, started: Instant, record: CallRecord) -> Self {
        Self { records, started, record }
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.record.duration = self.started.elapsed();
        self.records.add(self.record.clone());
    }
}

/// The wall clock, which the record of a call is about.
#[expect(clippy::disallowed_methods, reason = "a call record says when the call really arrived")]
pub(super) fn now() -> Timestamp {
    Timestamp::now()
}

/// `ROLE` of `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`.
pub(super) fn role_of(principal: &str) -> Option<String> {
    let (_, rest) = principal.split_once(":assumed-role/")?;
    rest.split('/').next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(operation: &str) -> CallRecord {
        CallRecord {
            sequence: 0,
            at: Timestamp::UNIX_EPOCH,
            principal: None,
            role: None,
            service: "s3".to_owned(),
            operation: operation.to_owned(),
            region: String::new(),
            resource: None,
            status: None,
            duration: Duration::ZERO,
            simulated: false,
            fault: None,
        }
    }

    #[test]
    fn a_role_is_read_from_a_sessions_arn_only() {
        let session = "arn:aws:sts::123456789012:assumed-role/cost-check/cost-check-fn";
        assert_eq!(role_of(session).as_deref(), Some("cost-check"));
        assert_eq!(role_of("arn:aws:iam::123456789012:root"), None);
    }

    #[test]
    fn records_are_numbered_from_one_and_read_from_any_point() {
        let records = Records::default();
        for operation in ["a", "b", "c"] {
            records.add(record(operation));
        }
        let names = |found: Vec<CallRecord>| found.into_iter().map(|r| (r.sequence, r.operation)).collect::<Vec<_>>();
        assert_eq!(names(records.since(1)), [(2, "b".to_owned()), (3, "c".to_owned())]);
        assert_eq!(records.since(3), []);
        assert_eq!(records.since(0).len(), 3);
    }

    #[tokio::test]
    async fn waiting_sees_past_and_coming_calls_and_ends_in_time() {
        let records = Records::default();
        records.add(record("past"));
        let moment = Duration::from_millis(20);
        assert!(records.wait_for(|r| r.operation == "past", moment).await.is_some());
        assert!(records.wait_for(|r| r.operation == "never", moment).await.is_none());
        let waiting = records.wait_for(|r| r.operation == "coming", Duration::from_secs(5));
        let adding = async { records.add(record("coming")) };
        assert!(tokio::join!(waiting, adding).0.is_some());
    }
}
