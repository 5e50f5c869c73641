//! What the tests of the whole platform share: a prepared platform, and one function on it that is looked at from
//! outside, as AWS and the people on call see it.
#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "a test that cannot go on stops at once")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use local_platform::gateway::CallRecord;
use local_platform::package::{Profile, binaries};
use local_platform::platform::{Platform, Prepared, workspace};
use local_platform::play::Scenario;
use local_platform::wiring::{Finished, WiringOptions, documents};
use serde_json::Value;
use tokio::sync::OnceCell;

/// The function under test.
pub const FUNCTION: &str = "cost-check";
/// What it remembers.
pub const STATE: &str = "cost-check/state.json";
/// The last reading of the bill.
pub const OBSERVATION: &str = "cost-check/observation.json";
/// Far more than an invocation with all of Lambda's retries takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// The Python environment and the functions' code: once per process.
pub async fn prepared() -> &'static Prepared {
    static PREPARED: OnceCell<Prepared> = OnceCell::const_new();
    let prepare = async || Prepared::prepare(Profile::Dev, &|_: &str| {}).await.expect("the platform is prepared");
    PREPARED.get_or_init(prepare).await
}

/// A binary of the workspace, built as it is now.
pub async fn built(name: &str) -> PathBuf {
    let mut built = binaries(&workspace(), &[name], Profile::Dev, &|_: &str| {}).await.expect("the workspace builds");
    built.remove(name).expect("the binary was asked for")
}

/// A built-in scenario.
pub fn scenario(name: &str) -> Scenario {
    Scenario::load(Some(name)).expect("a built-in scenario loads")
}

/// The options that a scenario asks for.
pub fn options(scenario: &Scenario) -> WiringOptions {
    WiringOptions { environment: scenario.environment.clone(), ..WiringOptions::default() }
}

/// A platform, with somebody who reads the notices.
pub struct World {
    /// The platform.
    pub platform: Platform,
    queue: String,
}

impl World {
    /// Starts a platform with a scenario's bill.
    pub async fn start(scenario: &Scenario, options: &WiringOptions) -> Self {
        let platform = Platform::start(prepared().await, scenario.bill.clone(), options, &|_: &str| {}).await;
        let platform = platform.expect("the platform starts");
        let topic = &platform.wiring.automation().platform.notice_topic.name;
        let queue = platform.wiring.subscribe_queue(topic, "on-call").await.expect("a queue subscribes");
        Self { platform, queue }
    }

    /// Wires the running platform anew.
    pub async fn wire(&self, options: &WiringOptions) {
        self.platform.wire(prepared().await, options).await.expect("the platform is wired");
    }

    /// Delivers the hourly event as EventBridge does, and waits until Lambda gives no further attempt: what each attempt
    /// said that was not killed.
    pub async fn deliver(&self, at: Timestamp) -> Vec<Finished> {
        self.platform.cost_explorer.set_now(at);
        let wiring = &self.platform.wiring;
        let attempts = 1 + wiring.automation().functions.get(FUNCTION).map_or(0, |f| f.asynchronous.retries);
        let event = wiring.play_schedule(FUNCTION, "hourly", at).await.expect("Lambda takes the event");
        let mut answers = Vec::new();
        for nth in 1..=usize::try_from(attempts).unwrap_or(1) {
            let waited = wiring.wait_for_nth_result(FUNCTION, &event, nth, PATIENCE).await;
            let answer = waited.unwrap_or_else(|late| panic_with(&format!("attempt {nth} at {at}: {late}")));
            let failed = said(&answer, "status") == "failed";
            answers.push(answer);
            if !failed {
                break;
            }
        }
        answers
    }

    /// Hands the hourly event over and waits for its one answer: nothing is tried again.
    pub async fn call(&self, at: Timestamp) -> Finished {
        self.platform.cost_explorer.set_now(at);
        let automation = self.platform.wiring.automation();
        let function = automation.functions.get(FUNCTION).expect("cost-check is described");
        let schedule = function.schedules().next().expect("cost-check has a schedule");
        let event = documents::played_schedule(automation, function, schedule, at);
        self.platform.wiring.call(FUNCTION, &event, PATIENCE).await.expect("the function answers")
    }

    /// Ids of the notices that have arrived since the last look, repeated ones too.
    pub async fn notice_ids(&self) -> Vec<String> {
        let notices = self.platform.wiring.take_notices(&self.queue).await.expect("the queue can be read");
        notices.iter().map(|notice| notice.id().unwrap_or("(a notice without an id)").to_owned()).collect()
    }

    /// An object of the state bucket, if it is there.
    pub async fn object(&self, key: &str) -> Option<Vec<u8>> {
        let get = self.platform.wiring.clients().s3.get_object().bucket(&self.platform.wired.bucket).key(key);
        let object = get.send().await.ok()?;
        Some(object.body.collect().await.expect("the object can be read").to_vec())
    }

    /// Puts an object back as it was, or removes it.
    pub async fn restore(&self, key: &str, was: Option<&[u8]>) {
        let (s3, bucket) = (&self.platform.wiring.clients().s3, &self.platform.wired.bucket);
        match was {
            Some(body) => {
                let put = s3.put_object().bucket(bucket).key(key).body(body.to_vec().into());
                put.send().await.map(drop).expect("the object can be written");
            }
            None => s3.delete_object().bucket(bucket).key(key).send().await.map(drop).expect("it can be deleted"),
        }
    }

    /// Lets the function forget everything.
    pub async fn forget(&self) {
        for key in [STATE, OBSERVATION] {
            self.restore(key, None).await;
        }
    }

    /// What the function remembers; `null` before its first run.
    pub async fn state(&self) -> Value {
        let object = self.object(STATE).await;
        object.map_or(Value::Null, |body| serde_json::from_slice(&body).expect("the state is JSON"))
    }

    /// The function's calls since a record.
    pub fn calls_since(&self, sequence: u64) -> Vec<CallRecord> {
        let calls = self.platform.gateway.calls_since(sequence);
        calls.into_iter().filter(|call| call.role.as_deref() == Some(FUNCTION)).collect()
    }

    /// The last record.
    pub fn last_call(&self) -> u64 {
        self.platform.gateway.calls().last().map_or(0, |call| call.sequence)
    }

    /// Ends the platform.
    pub async fn stop(self) {
        self.platform.stop().await.expect("the platform stops");
    }
}

/// A text of a result line.
pub fn said<'a>(finished: &'a Finished, key: &str) -> &'a str {
    finished.line.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// How often each operation was called.
pub fn counted(calls: &[CallRecord]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for call in calls {
        *counts.entry(call.operation.as_str()).or_default() += 1;
    }
    counts
}

#[expect(clippy::panic, reason = "a test that cannot go on stops at once")]
fn panic_with(why: &str) -> ! {
    panic!("{why}")
}
