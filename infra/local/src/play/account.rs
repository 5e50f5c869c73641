//! What a played day came to, against what was expected.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use super::{Expect, Played};
use crate::wiring::Notice;

/// What a played day came to.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// Every invocation, in order.
    pub invocations: Vec<Played>,
    /// Every notice that a subscriber got, repeated ones too.
    pub notices: Vec<Notice>,
    /// Faults that met no call.
    pub faults_missed: usize,
    /// Pages of Cost Explorer.
    pub pages: u64,
    /// What they cost.
    pub price: Decimal,
    /// AWS calls of the functions, by role, service and operation.
    pub calls: BTreeMap<(String, String, String), usize>,
}

/// One thing that was expected.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verdict {
    /// What.
    pub what: String,
    /// Whether it holds.
    pub holds: bool,
    /// What was seen.
    pub seen: String,
}

impl Account {
    /// Ids of the notices read, each once.
    pub fn notice_ids(&self) -> BTreeSet<String> {
        self.notices.iter().map(|notice| notice.id().unwrap_or("(a notice without an id)").to_owned()).collect()
    }

    /// Compares with what was expected.
    pub fn verdicts(&self, expect: &Expect) -> Vec<Verdict> {
        let expected: BTreeSet<String> = expect.notices.iter().cloned().collect();
        let read = self.notice_ids();
        let failed = self.invocations.iter().filter(|played| played.failed()).count();
        let list = |ids: &BTreeSet<String>| ids.iter().cloned().collect::<Vec<_>>().join(", ");
        vec![
            Verdict {
                what: format!("the notices of the day are {}", list(&expected)),
                holds: read == expected,
                seen: list(&read),
            },
            Verdict {
                what: format!("at most {} pages of Cost Explorer were paid for", expect.pages_at_most),
                holds: self.pages <= expect.pages_at_most,
                seen: format!("{} pages, {} USD", self.pages, self.price),
            },
            Verdict {
                what: format!("at most {} invocations failed", expect.failed_invocations_at_most),
                holds: failed <= expect.failed_invocations_at_most,
                seen: format!("{failed} of {}", self.invocations.len()),
            },
            Verdict {
                what: "every fault met a call".to_owned(),
                holds: self.faults_missed == 0,
                seen: format!("{} did not", self.faults_missed),
            },
        ]
    }
}
