//! What went wrong, told apart by what can be done about it.

use std::error::Error;
use std::fmt;

/// The kinds of failure. Their names are the `error_type` of a Lambda answer, so a state machine's `Retry` and `Catch`
/// match on them: they never change.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum FailureKind {
    /// The event or the configuration is known and wrong; nothing was touched. A retry cannot help.
    InvalidInput,
    /// A plan broke an invariant or a permission is missing; nothing was touched. A retry cannot help.
    Refused,
    /// AWS asked for fewer calls. A later retry helps.
    Throttled,
    /// A fault that passes: a lost connection, a 5xx answer, another run in the way. A retry helps.
    Transient,
    /// A fault that stays until somebody changes something. A retry cannot help.
    Permanent,
    /// The deadline came first; what is done is done, the next run does the rest.
    OutOfTime,
}

impl FailureKind {
    /// All kinds, in the order of their declaration.
    pub const ALL: [Self; 6] =
        [Self::InvalidInput, Self::Refused, Self::Throttled, Self::Transient, Self::Permanent, Self::OutOfTime];

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidInput => "InvalidInput",
            Self::Refused => "Refused",
            Self::Throttled => "Throttled",
            Self::Transient => "Transient",
            Self::Permanent => "Permanent",
            Self::OutOfTime => "OutOfTime",
        }
    }

    /// Whether the same call can succeed later without anybody changing anything.
    pub const fn retry_can_help(self) -> bool {
        match self {
            Self::Throttled | Self::Transient | Self::OutOfTime => true,
            Self::InvalidInput | Self::Refused | Self::Permanent => false,
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A failure with its kind, the service's own code where there is one, and the whole chain of causes as text.
///
/// Whoever builds one leaves secrets out: the text is logged and answered.
#[derive(Clone, Eq, PartialEq)]
pub struct Failure {
    /// What can be done about it.
    pub kind: FailureKind,
    /// The error code of the service (`AccessDeniedException`), for branching and for search engines.
    pub code: Option<String>,
    /// The chain of causes, outermost first, joined by `: `.
    pub message: String,
}

impl Failure {
    /// A failure of our own making.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, code: None, message: message.into() }
    }

    /// A failure from an error and everything below it.
    pub fn from_error(kind: FailureKind, error: &(dyn Error + '_)) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(next) = cause {
            let text = next.to_string();
            if !message.ends_with(&text) {
                message.push_str(": ");
                message.push_str(&text);
            }
            cause = next.source();
        }
        Self { kind, code: None, message }
    }

    /// The same failure with the service's code.
    #[must_use]
    pub fn with_code(mut self, code: Option<&str>) -> Self {
        self.code = code.map(str::to_owned);
        self
    }

    /// The same failure, said to have happened while `doing` something.
    #[must_use]
    pub fn while_doing(mut self, doing: &str) -> Self {
        self.message = format!("{doing}: {}", self.message);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// The runtime logs handler errors with `{:?}`: this one shows what `Display` shows, and no field a derive would.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}

impl Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read the state")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn the_whole_chain_of_causes_is_kept() {
        let error = Outer(std::io::Error::other("connection reset"));
        let failure = Failure::from_error(FailureKind::Transient, &error).while_doing("cost-check");
        assert_eq!(failure.to_string(), "cost-check: cannot read the state: connection reset");
        assert_eq!(format!("{failure:?}"), "Transient: cost-check: cannot read the state: connection reset");
    }

    #[test]
    fn only_failures_that_pass_are_worth_a_retry() {
        let worth: Vec<&str> =
            FailureKind::ALL.into_iter().filter(|kind| kind.retry_can_help()).map(FailureKind::name).collect();
        assert_eq!(worth, ["Throttled", "Transient", "OutOfTime"]);
    }
}
