//! The frame of every Lambda function: start-up, configuration, deadline, failures as answers, metrics and the account
//! of each invocation.
//!
//! A function implements [`Function`]; its `main` calls [`run`]. This crate owns the wall clock and the environment;
//! it knows no AWS service and no function.

mod aws;
mod config;
mod deadline;
mod failure;
mod frame;
mod metrics;
mod report;

pub use config::{ConfigError, Vars};
pub use deadline::Deadline;
pub use failure::diagnostic;
pub use frame::{Function, Invocation, run};
pub use metrics::{Metric, Unit};
pub use report::{NOTHING, Outcome, Report, Status};

/// The SDK's shared configuration, handed to [`Function::start`].
pub use aws_config::SdkConfig;
