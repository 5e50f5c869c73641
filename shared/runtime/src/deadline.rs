//! How much time is left.

use std::time::{Duration, SystemTime};

/// The end of an invocation, by the wall clock. What the work is for comes from the event, never from here.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(SystemTime);

impl Deadline {
    /// What is kept back so that the account of an unfinished invocation can still be given.
    pub const RESERVE: Duration = Duration::from_millis(500);

    /// A deadline at a point of the wall clock.
    pub const fn at(end: SystemTime) -> Self {
        Self(end)
    }

    /// A deadline some time from now.
    #[expect(clippy::disallowed_methods, reason = "the room that owns the wall clock")]
    pub fn after(time: Duration) -> Self {
        Self(SystemTime::now() + time)
    }

    /// The time left for work: nothing once only the reserve is left.
    #[expect(clippy::disallowed_methods, reason = "the room that owns the wall clock")]
    pub fn remaining(&self) -> Duration {
        self.0.duration_since(SystemTime::now()).unwrap_or_default().saturating_sub(Self::RESERVE)
    }
}
