//! Ids, money, days and windows, event envelopes, failures and the ports through which functions see the world.
//!
//! This crate does no I/O, reads no clock and no environment, and knows neither tokio nor the AWS SDK nor Kubernetes:
//! everything here can be called from a pure `plan`.

pub mod cost;
pub mod envelope;
pub mod failure;
pub mod id;
pub mod money;
pub mod notice;
pub mod ports;
pub mod time;

pub use envelope::Envelope;
pub use failure::{Failure, FailureKind};
pub use money::Usd;
pub use notice::Notice;
pub use time::{Day, Window};
