//! What tests share: in-memory twins of the ports, a wrapper that fails calls on purpose, a server for wire tests and
//! a fake Lambda Runtime API that runs a built binary. A dev-dependency only.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a broken test shall stop at once; the harness owns the clock"
)]

pub mod bill;
mod faults;
pub mod lambda;
mod memory;
mod turns;
pub mod wire;

pub use faults::{Fault, Faults, Faulty};
pub use memory::{MemoryBill, MemoryStore, MemoryTopic};
pub use turns::{InTurns, Turns};

/// The instant written in RFC 3339. For tests: panics on anything else.
pub fn at(text: &str) -> jiff::Timestamp {
    text.parse().expect("an instant such as 2026-11-24T16:00:00Z")
}

/// The day written `YYYY-MM-DD`. For tests: panics on anything else.
pub fn day(text: &str) -> domain::Day {
    text.parse().expect("a day such as 2026-11-24")
}

/// The amount written as a decimal number of dollars. For tests: panics on anything else.
pub fn usd(text: &str) -> domain::Usd {
    text.parse().expect("an amount such as 1240.56")
}
