//! Failures on request: which calls fail, and how.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::Call;

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultAction {
    /// Refused as too many calls, in the words of the call's protocol. Nothing happens.
    Throttle,
    /// Refused with a server error (500, 503). Nothing happens.
    ServerError(u16),
    /// Refused as an IAM denial. Nothing happens.
    Denied,
    /// Not answered until [`FaultHandle::release`], after which it goes on as if nothing had been; or until the
    /// client goes away.
    Hang,
    /// Carried out, but the connection closes instead of an answer.
    LostReply,
    /// The calling process is killed (SIGKILL) before anything happens.
    KillBefore,
    /// The calling process is killed once the call has been carried out.
    KillAfter,
}

impl FaultAction {
    /// As it stands in a call record.
    pub(super) fn in_words(self) -> String {
        match self {
            Self::Throttle => "throttled".to_owned(),
            Self::ServerError(status) => format!("server error {status}"),
            Self::Denied => "denied".to_owned(),
            Self::Hang => "hung".to_owned(),
            Self::LostReply => "reply lost".to_owned(),
            Self::KillBefore => "caller killed before".to_owned(),
            Self::KillAfter => "caller killed after".to_owned(),
        }
    }
}

/// Which of the matching calls fail. An SDK's retry is a call of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nth {
    /// All.
    Every,
    /// One, counted from 1.
    Nth(u64),
    /// The first so many.
    First(u64),
}

/// Which calls fail and how; a part that is `None` matches all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultRule {
    /// The caller's role.
    pub role: Option<String>,
    /// The service of the signature's scope.
    pub service: Option<String>,
    /// The operation.
    pub operation: Option<String>,
    /// A part of the call's resource.
    pub resource_contains: Option<String>,
    /// Which of them.
    pub nth: Nth,
    /// How.
    pub action: FaultAction,
}

impl FaultRule {
    /// Every call fails so.
    #[must_use]
    pub fn new(action: FaultAction) -> Self {
        Self { role: None, service: None, operation: None, resource_contains: None, nth: Nth::Every, action }
    }

    /// Only calls of a role.
    #[must_use]
    pub fn role(mut self, role: impl Into<String>) -> Self {
        self.role = Some(role.into());
        self
    }

    /// Only calls of a service.
    #[must_use]
    pub fn service(mut self, service: impl Into<String>) -> Self {
        self.service = Some(service.into());
        self
    }

    /// Only calls of an operation.
    #[must_use]
    pub fn operation(mut self, operation: impl Into<String>) -> Self {
        self.operation = Some(operation.into());
        self
    }

    /// Only calls whose resource contains this.
    #[must_use]
    pub fn resource_contains(mut self, part: impl Into<String>) -> Self {
        self.resource_contains = Some(part.into());
        self
    }

    /// Only some of the matching calls.
    #[must_use]
    pub fn nth(mut self, nth: Nth) -> Self {
        self.nth = nth;
        self
    }

    fn matches(&self, call: &Call, role: Option<&str>) -> bool {
        let same = |wanted: &Option<String>, found: Option<&str>| wanted.as_deref().is_none_or(|w| found == Some(w));
        same(&self.role, role)
            && same(&self.service, Some(&call.service))
            && same(&self.operation, Some(&call.operation))
            && self
                .resource_contains
                .as_deref()
                .is_none_or(|part| call.resource.as_deref().is_some_and(|resource| resource.contains(part)))
    }

    fn selects(&self, count: u64) -> bool {
        match self.nth {
            Nth::Every => true,
            Nth::Nth(wanted) => count == wanted,
            Nth::First(last) => count <= last,
        }
    }
}

/// A rule at work.
struct Active {
    rule: FaultRule,
    matched: Mutex<u64>,
    fired: watch::Sender<u64>,
    released: watch::Sender<bool>,
    removed: AtomicBool,
    problem: Mutex<Option<String>>,
}

/// What can be known of an injected rule, and done with it.
#[derive(Clone)]
pub struct FaultHandle(Arc<Active>);

impl FaultHandle {
    /// How many calls it has failed.
    #[must_use]
    pub fn fired(&self) -> u64 {
        *self.0.fired.borrow()
    }

    /// Waits until it has failed so many calls; `false` when it did not in time.
    pub async fn wait_fired(&self, times: u64, within: Duration) -> bool {
        let mut fired = self.0.fired.subscribe();
        matches!(timeout(within, fired.wait_for(|count| *count >= times)).await, Ok(Ok(_)))
    }

    /// Lets hanging calls go on, and those to come not hang.
    pub fn release(&self) {
        self.0.released.send_replace(true);
    }

    /// Ends the rule. Calls that hang by it go on.
    pub fn remove(&self) {
        self.0.removed.store(true, Ordering::Release);
        self.release();
    }

    /// Why a caller could not be killed, when that was asked for and failed.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        lock(&self.0.problem).clone()
    }

    pub(super) fn action(&self) -> FaultAction {
        self.0.rule.action
    }

    pub(super) fn set_problem(&self, problem: String) {
        *lock(&self.0.problem) = Some(problem);
    }

    pub(super) async fn hang(&self) {
        let mut released = self.0.released.subscribe();
        // The sender lives in `self`: this cannot fail.
        let _released = released.wait_for(|released| *released).await;
    }
}

impl std::fmt::Debug for FaultHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FaultHandle").field("rule", &self.0.rule).field("fired", &self.fired()).finish_non_exhaustive()
    }
}

/// The rules of one gateway.
#[derive(Default)]
pub(super) struct Faults(Mutex<Vec<FaultHandle>>);

impl Faults {
    pub(super) fn add(&self, rule: FaultRule) -> FaultHandle {
        let handle = FaultHandle(Arc::new(Active {
            rule,
            matched: Mutex::new(0),
            fired: watch::Sender::new(0),
            released: watch::Sender::new(false),
            removed: AtomicBool::new(false),
            problem: Mutex::new(None),
        }));
        lock(&self.0).push(handle.clone());
        handle
    }

    /// The rule that fails this call, if one does. Every matching rule counts the call, the oldest that selects it
    /// takes it.
    pub(super) fn take(&self, call: &Call, role: Option<&str>) -> Option<FaultHandle> {
        let mut rules = lock(&self.0);
        rules.retain(|handle| !handle.0.removed.load(Ordering::Acquire));
        let mut taken = None;
        for handle in rules.iter().filter(|handle| handle.0.rule.matches(call, role)) {
            let mut matched = lock(&handle.0.matched);
            *matched += 1;
            if taken.is_none() && handle.0.rule.selects(*matched) {
                taken = Some(handle.clone());
            }
        }
        if let Some(handle) = &taken {
            handle.0.fired.send_modify(|fired| *fired += 1);
        }
        taken
    }
}

/// Counters and lists stay whole when a holder panics.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::super::Protocol;
    use super::*;

    fn call(service: &str, operation: &str, resource: Option<&str>) -> Call {
        Call {
            service: service.to_owned(),
            operation: operation.to_owned(),
            region: "us-east-1".to_owned(),
            resource: resource.map(str::to_owned),
            protocol: Protocol::AwsJson,
            access_key: None,
        }
    }

    #[test]
    fn every_part_of_a_rule_narrows_it() {
        let put = call("s3", "PutObject", Some("state/cost-check/alerts.json"));
        let rule = FaultRule::new(FaultAction::Throttle);
        let rows = [
            (rule.clone(), true),
            (rule.clone().service("s3").operation("PutObject").role("cost-check"), true),
            (rule.clone().resource_contains("alerts"), true),
            (rule.clone().service("sns"), false),
            (rule.clone().operation("GetObject"), false),
            (rule.clone().role("health-check"), false),
            (rule.clone().resource_contains("lease"), false),
        ];
        for (rule, expected) in rows {
            assert_eq!(rule.matches(&put, Some("cost-check")), expected, "{rule:?}");
        }
        assert!(!rule.clone().role("cost-check").matches(&put, None));
        assert!(!rule.resource_contains("a").matches(&call("ce", "GetCostAndUsage", None), None));
    }

    #[test]
    fn the_counted_calls_fail_and_no_others() {
        let rows = [
            (Nth::Every, [true, true, true, true]),
            (Nth::Nth(2), [false, true, false, false]),
            (Nth::First(2), [true, true, false, false]),
        ];
        for (nth, expected) in rows {
            let faults = Faults::default();
            let handle = faults.add(FaultRule::new(FaultAction::Throttle).service("s3").nth(nth));
            let failed = expected.map(|_| {
                assert!(faults.take(&call("sns", "Publish", None), None).is_none());
                faults.take(&call("s3", "PutObject", None), None).is_some()
            });
            assert_eq!(failed, expected, "{nth:?}");
            assert_eq!(handle.fired(), expected.iter().filter(|hit| **hit).count() as u64);
        }
    }

    #[test]
    fn of_two_rules_the_older_takes_a_call_and_both_count_it() {
        let faults = Faults::default();
        let first = faults.add(FaultRule::new(FaultAction::Throttle).nth(Nth::First(1)));
        let second = faults.add(FaultRule::new(FaultAction::LostReply).nth(Nth::Nth(2)));
        let put = call("s3", "PutObject", None);
        let actions = [(); 3].map(|()| faults.take(&put, None).map(|handle| handle.action()));
        assert_eq!(actions, [Some(FaultAction::Throttle), Some(FaultAction::LostReply), None]);
        assert_eq!((first.fired(), second.fired()), (1, 1));
    }

    #[test]
    fn a_removed_rule_fails_nothing() {
        let faults = Faults::default();
        let handle = faults.add(FaultRule::new(FaultAction::Denied));
        handle.remove();
        assert!(faults.take(&call("s3", "PutObject", None), None).is_none());
    }

    #[tokio::test]
    async fn a_hang_ends_with_its_release() {
        let handle = Faults::default().add(FaultRule::new(FaultAction::Hang));
        assert!(timeout(Duration::from_millis(20), handle.hang()).await.is_err());
        handle.release();
        assert!(timeout(Duration::from_secs(5), handle.hang()).await.is_ok());
    }
}
