//! The SDK's clients for setting up, and how their errors are told.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_iam::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_lambda::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

/// The root of the local account: may do everything, and is used for setting up and looking only.
const ROOT: &str = "test";

/// One client per service, all at one endpoint, as the root of the account.
#[derive(Clone, Debug)]
pub struct Clients {
    /// Roles.
    pub iam: aws_sdk_iam::Client,
    /// Functions.
    pub lambda: aws_sdk_lambda::Client,
    /// Rules.
    pub events: aws_sdk_eventbridge::Client,
    /// Topics.
    pub sns: aws_sdk_sns::Client,
    /// Queues.
    pub sqs: aws_sdk_sqs::Client,
    /// Buckets.
    pub s3: aws_sdk_s3::Client,
    /// Log groups.
    pub logs: aws_sdk_cloudwatchlogs::Client,
}

impl Clients {
    /// Clients for an endpoint such as `http://127.0.0.1:4566`. Nothing is sent yet.
    ///
    /// Nothing of the caller's environment or AWS profile is read: it could point at a real account.
    #[must_use]
    pub fn connect(endpoint: &str, region: &str) -> Self {
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .endpoint_url(endpoint)
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                ROOT,
                ROOT,
                None,
                None,
                "local root",
            )))
            .build();
        Self {
            iam: aws_sdk_iam::Client::new(&config),
            lambda: aws_sdk_lambda::Client::new(&config),
            events: aws_sdk_eventbridge::Client::new(&config),
            sns: aws_sdk_sns::Client::new(&config),
            sqs: aws_sdk_sqs::Client::new(&config),
            s3: aws_sdk_s3::Client::new(&config),
            logs: aws_sdk_cloudwatchlogs::Client::new(&config),
        }
    }
}

/// Why the wiring or a look at it failed.
#[derive(Debug, thiserror::Error)]
pub enum WiringError {
    /// A call was refused or did not arrive.
    #[error("cannot {action}: {reason}")]
    Call {
        /// What was tried, such as `create the role cost-check`.
        action: String,
        /// The service's code and message, or what happened on the way.
        reason: String,
    },
    /// An answer lacked something, or a document in it could not be read.
    #[error("cannot {action}: the answer has no usable {missing}")]
    Answer {
        /// What was tried.
        action: String,
        /// What the answer lacks.
        missing: String,
    },
    /// The options name something that the description does not have.
    #[error("{0}")]
    Options(String),
    /// Something did not happen in time.
    #[error("{what} did not happen within {} s{details}", within.as_secs())]
    Late {
        /// What was waited for.
        what: String,
        /// How long.
        within: std::time::Duration,
        /// What was seen instead; empty, or starts on a new line.
        details: String,
    },
}

/// Turns an SDK answer into ours.
pub(super) trait Told<T> {
    /// Says what was tried.
    fn told(self, action: impl FnOnce() -> String) -> Result<T, WiringError>;
    /// The answer, or `None` when the service says that there is no such thing.
    fn if_there(self, action: impl FnOnce() -> String) -> Result<Option<T>, WiringError>;
}

/// How the services say that something does not exist.
const ABSENT: [&str; 7] = [
    "NoSuchEntity",
    "ResourceNotFoundException",
    "NotFound",
    "NoSuchBucket",
    "NoSuchPublicAccessBlockConfiguration",
    "QueueDoesNotExist",
    "AWS.SimpleQueueService.NonExistentQueue",
];

impl<T, E, R> Told<T> for Result<T, SdkError<E, R>>
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
    R: std::fmt::Debug,
{
    fn told(self, action: impl FnOnce() -> String) -> Result<T, WiringError> {
        self.map_err(|error| WiringError::Call {
            action: action(),
            reason: match (error.code(), error.message()) {
                (Some(code), Some(message)) => format!("{code}: {message}"),
                (Some(code), None) => code.to_owned(),
                (None, _) => DisplayErrorContext(error).to_string(),
            },
        })
    }

    fn if_there(self, action: impl FnOnce() -> String) -> Result<Option<T>, WiringError> {
        match self {
            Err(error) if error.code().is_some_and(|code| ABSENT.contains(&code)) => Ok(None),
            other => other.told(action).map(Some),
        }
    }
}

/// The part of an answer that must be there.
pub(super) fn needed<T>(part: Option<T>, action: impl FnOnce() -> String, missing: &str) -> Result<T, WiringError> {
    part.ok_or_else(|| WiringError::Answer { action: action(), missing: missing.to_owned() })
}
