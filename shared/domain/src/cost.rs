//! The words of a bill.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::money::Usd;
use crate::time::{Day, Window};

/// Charge types (`RECORD_TYPE`) that are no use of anything: a credit hides an explosion, and tax, refunds and upfront
/// fees on the first of the month look like one. They are kept apart from usage and compared with nothing.
pub const ADJUSTMENTS: [&str; 5] = ["Credit", "Refund", "SavingsPlanUpfrontFee", "Tax", "Upfront"];

/// One amount in the two views we need.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Amounts {
    /// What the invoice of this account says.
    pub unblended: Usd,
    /// Reservations and savings plans spread over what used them, after discounts: what allocation takes.
    pub net_amortized: Usd,
}

impl std::ops::AddAssign for Amounts {
    fn add_assign(&mut self, other: Self) {
        self.unblended += other.unblended;
        self.net_amortized += other.net_amortized;
    }
}

impl std::ops::Sub for Amounts {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self { unblended: self.unblended - other.unblended, net_amortized: self.net_amortized - other.net_amortized }
    }
}

impl std::iter::Sum for Amounts {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::default(), |mut sum, next| {
            sum += next;
            sum
        })
    }
}

/// What is asked of the bill, day by day.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum BillQuery {
    /// Everything but [`ADJUSTMENTS`], grouped by service and by the value of a cost allocation tag.
    /// A group's keys are the service and the tag's value (empty when untagged).
    Usage {
        /// The days.
        window: Window,
        /// The tag's key, for example `tenant`.
        tag_key: String,
    },
    /// The whole bill, grouped by charge type. A group's only key is the charge type.
    ChargeTypes {
        /// The days.
        window: Window,
    },
}

impl BillQuery {
    /// The days that are asked for.
    pub const fn window(&self) -> Window {
        match self {
            Self::Usage { window, .. } | Self::ChargeTypes { window } => *window,
        }
    }
}

/// The token of the next page. Opaque.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct PageToken(pub String);

/// One page of an answer. Each page costs 0.01 USD.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct BillPage {
    /// The days on this page; a day may go on on the next page.
    pub days: Vec<BillDay>,
    /// Present when there is more.
    pub next: Option<PageToken>,
}

/// The groups of one day.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BillDay {
    /// The day.
    pub day: Day,
    /// Whether AWS still calls the amounts an estimate.
    pub estimated: bool,
    /// The groups.
    pub groups: Vec<BillGroup>,
}

/// One group.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BillGroup {
    /// One key for each grouping, in the order of [`BillQuery`].
    pub keys: Vec<String>,
    /// Its amounts.
    pub amounts: Amounts,
}

/// What is known of one day.
#[derive(Clone, Debug, Default, Eq, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DayCosts {
    /// Whether AWS still calls the amounts an estimate.
    pub estimated: bool,
    /// Usage, by service and tag value, in that order.
    pub usage: Vec<UsageRow>,
    /// What is missing from the sum of `usage` to the usage on the bill, because AWS rounds each group: less than a
    /// cent. With it the rows add up to the last digit.
    pub rounding: Amounts,
    /// Amounts of [`ADJUSTMENTS`] by charge type.
    pub adjustments: BTreeMap<String, Amounts>,
}

/// The usage of one service under one tag value on one day.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct UsageRow {
    /// The service, as Cost Explorer names it.
    pub service: String,
    /// The tag's value; empty when untagged.
    pub tag: String,
    /// The amounts.
    pub amounts: Amounts,
}

impl DayCosts {
    /// All usage of the day.
    pub fn usage_total(&self) -> Amounts {
        self.usage.iter().map(|row| row.amounts).chain([self.rounding]).sum()
    }

    /// All usage under one value of the tag.
    pub fn usage_of(&self, tag: &str) -> Amounts {
        self.usage.iter().filter(|row| row.tag == tag).map(|row| row.amounts).sum()
    }

    /// All adjustments of the day.
    pub fn adjustments_total(&self) -> Amounts {
        self.adjustments.values().copied().sum()
    }

    /// What the invoice will say of the day: usage and adjustments.
    pub fn bill(&self) -> Usd {
        self.usage_total().unblended + self.adjustments_total().unblended
    }

    /// Whether AWS has told of any usage on the day yet. No data is not zero, and a tax or a credit that comes first
    /// tells nothing of the usage.
    pub fn has_data(&self) -> bool {
        !self.usage.is_empty()
    }
}
