//! Failures as Lambda answers.

use domain::Failure;
use lambda_runtime::Diagnostic;

/// The one mapping from a failure to what Lambda, a state machine or a person sees: the stable name of its kind, and
/// the whole chain of causes. (`Diagnostic::from` would give a Rust type name and the outermost message only.)
pub fn diagnostic(failure: &Failure) -> Diagnostic {
    Diagnostic { error_type: failure.kind.name().to_owned(), error_message: failure.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::FailureKind;

    #[test]
    fn a_failure_answers_with_its_stable_name_and_its_whole_chain() {
        let answer = diagnostic(&Failure::new(FailureKind::Throttled, "publish: rate exceeded").while_doing("notices"));
        assert_eq!(
            (answer.error_type.as_str(), answer.error_message.as_str()),
            ("Throttled", "notices: publish: rate exceeded")
        );
    }
}
