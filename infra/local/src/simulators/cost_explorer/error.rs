//! The errors Cost Explorer gives, by name, HTTP status and message.

use super::scenario::OutageError;

/// An answer that is an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ApiError {
    /// The request is not JSON of the operation's shape.
    Serialization(String),
    UnknownOperation,
    /// The request breaks a rule of the operation. Messages are AWS's where they are known.
    Validation(String),
    /// AWS may answer this; the simulator cannot. Named apart, so that nobody takes it for a rule of AWS.
    NotSimulated(String),
    DataUnavailable(String),
    LimitExceeded,
    Throttling,
    InternalFailure,
    InvalidNextToken,
    RequestChanged(String),
}

impl ApiError {
    pub fn validation(message: impl Into<String>) -> Self {
        Self::Validation(message.into())
    }

    /// What AWS says when a required member is absent.
    pub fn missing(member: &str) -> Self {
        Self::Validation(format!(
            "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
        ))
    }

    pub const fn name(&self) -> &'static str {
        match self {
            Self::Serialization(_) => "SerializationException",
            Self::UnknownOperation => "UnknownOperationException",
            Self::Validation(_) => "ValidationException",
            Self::NotSimulated(_) => "NotSimulatedException",
            Self::DataUnavailable(_) => "DataUnavailableException",
            Self::LimitExceeded => "LimitExceededException",
            Self::Throttling => "ThrottlingException",
            Self::InternalFailure => "InternalFailure",
            Self::InvalidNextToken => "InvalidNextTokenException",
            Self::RequestChanged(_) => "RequestChangedException",
        }
    }

    pub const fn status(&self) -> u16 {
        if matches!(self, Self::InternalFailure) { 500 } else { 400 }
    }

    pub fn message(&self) -> &str {
        match self {
            Self::Serialization(message)
            | Self::Validation(message)
            | Self::NotSimulated(message)
            | Self::DataUnavailable(message)
            | Self::RequestChanged(message) => message,
            Self::UnknownOperation => "unknown operation",
            Self::LimitExceeded => "You made too many calls in a short period of time. Try again later.",
            Self::Throttling => "Rate exceeded",
            Self::InternalFailure => "internal failure",
            Self::InvalidNextToken => "The pagination token is invalid. Try again without a pagination token.",
        }
    }
}

impl From<OutageError> for ApiError {
    fn from(error: OutageError) -> Self {
        match error {
            OutageError::DataUnavailableException => Self::DataUnavailable("The requested data is unavailable.".into()),
            OutageError::LimitExceededException => Self::LimitExceeded,
            OutageError::ThrottlingException => Self::Throttling,
            OutageError::InternalFailure => Self::InternalFailure,
        }
    }
}
