//! What is told to a person.

use serde::{Deserialize, Serialize};

/// One message to the people on call. The same id is the same news: a subscriber that has seen it may drop it.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// Derived from what the notice is about, never from when it is sent.
    pub id: String,
    /// Shown first; see [`Notice::problem`] for its limits.
    pub subject: String,
    /// Plain text that reads well on a phone.
    pub body: String,
}

impl Notice {
    /// SNS takes fewer than 100 characters of ASCII without line breaks or control characters, and beginning with a
    /// letter, number or punctuation mark.
    pub const SUBJECT_LIMIT: usize = 100;
    /// SNS takes 256 KiB; email clients and phones want far less. 16 KiB leaves room for encodings and attributes.
    pub const BODY_LIMIT: usize = 16 * 1024;

    /// What SNS would refuse, in words; `None` for a notice that can be sent.
    pub fn problem(&self) -> Option<String> {
        if self.subject.len() >= Self::SUBJECT_LIMIT {
            return Some(format!("subject of {} characters, and SNS takes fewer than 100", self.subject.len()));
        }
        if !self.subject.bytes().all(|b| (b' '..=b'~').contains(&b))
            || !self.subject.starts_with(|c: char| c.is_ascii_graphic())
        {
            return Some(format!("subject `{}` is not one line of printable ASCII", self.subject.escape_debug()));
        }
        if self.body.is_empty() || self.body.len() > Self::BODY_LIMIT {
            return Some(format!("body of {} bytes, outside 1 to {}", self.body.len(), Self::BODY_LIMIT));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sns_refuses_is_found_before_it_is_sent() {
        let good = Notice { id: "a".into(), subject: "Cost alert".into(), body: "text".into() };
        assert_eq!(good.problem(), None);
        for subject in ["", " x", "two\nlines", "caf\u{e9}", &"x".repeat(100)] {
            assert!(Notice { subject: subject.into(), ..good.clone() }.problem().is_some(), "{subject:?}");
        }
        assert!(Notice { body: String::new(), ..good }.problem().is_some());
    }
}
