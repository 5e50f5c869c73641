//! Applies a checked plan: one attempt, in an order in which every step can be the last.
//!
//! The observation first (alerts can be decided from it again), then alerts and outbox in one conditional write, then
//! the notices, then the outbox without what was sent. Killed anywhere, the next run does the rest; at worst it sends
//! a notice once more under the same id.

use domain::ports::{NoticeTopic, Put, StateStore};
use domain::{Failure, Notice};

use crate::observe::{Versions, another_run, encode};
use crate::plan::Plan;
use crate::state::{OBSERVATION_KEY, STATE_KEY, State};

/// What was done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Applied {
    /// Ids of notices that were sent.
    pub sent: Vec<String>,
    /// Ids of notices that wait for the next run, and why.
    pub waiting: Vec<(String, Failure)>,
    /// Why it could not be stored that notices are sent: the next run sends them once more, under the same ids.
    pub unsettled: Option<Failure>,
}

/// Applies.
///
/// # Errors
/// When the observation or the state cannot be written. Notices that cannot be sent are in [`Applied::waiting`].
pub async fn apply(
    plan: &Plan,
    stored: &State,
    run_id: &str,
    versions: Versions,
    store: &impl StateStore,
    topic: &impl NoticeTopic,
) -> Result<Applied, Failure> {
    if let Some(observation) = &plan.observation {
        put(store, OBSERVATION_KEY, encode(observation)?, &versions.observation).await?;
    }
    let mut version = versions.state;
    if let Some(state) = &plan.state {
        version = Some(put(store, STATE_KEY, encode(state)?, &version).await?);
    }
    let mut applied = Applied::default();
    // A topic that is throttled or out of reach is so for all notices: what time is left goes into noting what was sent.
    // One that refuses a notice may take the next.
    let mut out_of_reach: Option<Failure> = None;
    for notice in &plan.notices {
        let sent = match &out_of_reach {
            Some(failure) => Err(failure.clone()),
            None => topic.publish(notice).await,
        };
        match sent {
            Ok(()) => applied.sent.push(notice.id.clone()),
            Err(failure) => {
                out_of_reach = failure.kind.retry_can_help().then(|| failure.clone());
                applied.waiting.push((notice.id.clone(), failure));
            }
        }
    }
    if !applied.sent.is_empty() {
        let state = plan.state.as_ref().unwrap_or(stored);
        let still_waiting = |notice: &&Notice| !applied.sent.contains(&notice.id);
        let outbox = state.outbox.iter().filter(still_waiting).cloned().collect();
        let state = State { written_by: format!("{run_id} after sending"), outbox, ..state.clone() };
        applied.unsettled = put(store, STATE_KEY, encode(&state)?, &version).await.err();
    }
    Ok(applied)
}

async fn put(
    store: &impl StateStore,
    key: &str,
    body: Vec<u8>,
    expected: &Option<domain::ports::Version>,
) -> Result<domain::ports::Version, Failure> {
    match store.put(key, body, expected.as_ref()).await? {
        Put::Done(version) => Ok(version),
        Put::Conflict => Err(another_run()),
    }
}
