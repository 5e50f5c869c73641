//! SDK errors as failures.

use std::error::Error;
use std::fmt::Debug;

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::http::Response;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use domain::{Failure, FailureKind};

/// Error codes by which services ask for fewer calls. (`aws_runtime` keeps such a list too, but private.)
const THROTTLED: [&str; 9] = [
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "SlowDown",
    "Throttled",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// Error codes that say a permission is missing. The message names the caller, the action and the resource.
const DENIED: [&str; 6] = [
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "AuthorizationErrorException",
    "NotAuthorized",
    "UnauthorizedOperation",
];

/// The failure behind an SDK error, said to have happened while `doing` something. Only the service's code and
/// message and the causes of a lost connection get in: no headers, no request, nothing signed.
pub fn failure<E>(doing: &str, error: &SdkError<E, Response>) -> Failure
where
    E: ProvideErrorMetadata + Error + Debug + 'static,
{
    let failure = match error {
        SdkError::ServiceError(service) => {
            let status = service.raw().status().as_u16();
            let code = service.err().code();
            let kind = kind(code, status);
            let said = service.err().message().unwrap_or("no message");
            let message = code.map_or_else(|| format!("HTTP {status}: {said}"), |code| format!("{code}: {said}"));
            Failure::new(kind, message).with_code(code)
        }
        SdkError::ConstructionFailure(_) => Failure::from_error(FailureKind::Permanent, error),
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => {
            Failure::from_error(FailureKind::Transient, error)
        }
        _ => Failure::from_error(FailureKind::Transient, error),
    };
    failure.while_doing(doing)
}

fn kind(code: Option<&str>, status: u16) -> FailureKind {
    match code {
        Some(code) if THROTTLED.contains(&code) => FailureKind::Throttled,
        Some(code) if DENIED.contains(&code) => FailureKind::Refused,
        _ if status == 429 || status == 503 => FailureKind::Throttled,
        _ if status >= 500 => FailureKind::Transient,
        _ if status == 403 => FailureKind::Refused,
        _ => FailureKind::Permanent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_say_what_can_be_done() {
        for (code, status, expected) in [
            (Some("ThrottlingException"), 400, FailureKind::Throttled),
            (Some("SlowDown"), 503, FailureKind::Throttled),
            (Some("AccessDenied"), 403, FailureKind::Refused),
            (Some("InternalFailure"), 500, FailureKind::Transient),
            (Some("ValidationException"), 400, FailureKind::Permanent),
            (None, 503, FailureKind::Throttled),
            (None, 502, FailureKind::Transient),
        ] {
            assert_eq!(kind(code, status), expected, "{code:?} {status}");
        }
    }
}
