//! What an invocation did.

use domain::Failure;
use serde::Serialize;
use serde_json::Value;

use crate::metrics::Metric;

/// What a run without effect did.
pub const NOTHING: &str = "nothing";

/// How an invocation ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The plan was applied.
    Done,
    /// Dry run: the plan was made and checked, and nothing was applied.
    Planned,
    /// The event is none of this function's.
    Ignored,
    /// Something failed; the result says what was done nevertheless.
    Failed,
}

/// The account of one invocation.
#[derive(Clone, Debug)]
pub struct Report {
    /// How it ended.
    pub status: Status,
    /// What was decided and why, in one line.
    pub decided: String,
    /// What was done, in one line.
    pub did: String,
    /// What a machine reads: the answer of the invocation.
    pub result: Value,
    /// What a person reads: the plan and what came of it, in lines.
    pub text: String,
    /// The function's own metrics.
    pub metrics: Vec<Metric>,
}

impl Report {
    /// Nothing was done, because the event is none of this function's.
    pub fn ignored(why: impl Into<String>) -> Self {
        let why = why.into();
        let decided = format!("ignored: {why}");
        Self {
            status: Status::Ignored,
            decided,
            did: NOTHING.to_owned(),
            result: Value::Null,
            text: why,
            metrics: Vec::new(),
        }
    }

    /// Nothing came of it.
    pub fn failed(failure: &Failure) -> Self {
        Self {
            status: Status::Failed,
            decided: format!("{}: {failure}", failure.kind),
            did: NOTHING.to_owned(),
            result: Value::Null,
            text: failure.to_string(),
            metrics: Vec::new(),
        }
    }
}

/// A report, and the failure that Lambda shall answer with if there was one.
#[must_use = "an unread outcome is an invocation nobody can account for"]
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What was done.
    pub report: Report,
    /// What was not.
    pub failure: Option<Failure>,
}

impl From<Report> for Outcome {
    fn from(report: Report) -> Self {
        Self { report, failure: None }
    }
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        Self { report: Report::failed(&failure), failure: Some(failure) }
    }
}
