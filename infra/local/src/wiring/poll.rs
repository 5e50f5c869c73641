//! Waiting for something to be true, with a deadline.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, timeout};

use super::clients::WiringError;

/// Short against what is waited for (an invocation takes 10 ms and more), long against one look (1 ms).
const PAUSE: Duration = Duration::from_millis(25);

/// Looks until there is something to return.
pub(super) async fn until<T>(
    within: Duration,
    what: String,
    mut look: impl AsyncFnMut() -> Result<Option<T>, WiringError>,
) -> Result<T, WiringError> {
    let mut pause = interval(PAUSE);
    pause.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let looking = async {
        loop {
            pause.tick().await;
            if let Some(found) = look().await? {
                return Ok(found);
            }
        }
    };
    timeout(within, looking).await.unwrap_or(Err(WiringError::Late { what, within, details: String::new() }))
}
