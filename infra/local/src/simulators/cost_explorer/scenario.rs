//! What the account costs and how Cost Explorer behaves, described in YAML. Unknown fields are refused.
//!
//! ```yaml
//! seed: 7                                   # the noise of every item comes from this number
//! tags: [{ key: tenant, activated: 2026-09-15 }]
//! lag:                                      # what share of a day is visible how long after its end
//!   - { hours: 8, percent: 62 }
//!   - { hours: 32, percent: 97 }
//!   - { hours: 240, percent: 100 }
//! items:
//!   - { service: Amazon EC2, tags: { tenant: acme }, from: 2026-08-01, to: 2026-12-31, amount: 312.50, noise_percent: 4 }
//!   - { service: Tax, record_type: Tax, from: 2026-08-01, to: 2026-12-31, day_of_month: 1, amount: 190 }
//!   - { service: Amazon EC2, record_type: Credit, from: 2026-11-10, amount: -400, appears: 2026-11-13T10:00:00Z }
//! outages:
//!   - { from: 2026-11-14T02:00:00Z, until: 2026-11-14T05:00:00Z, error: DataUnavailableException }
//! ```
//!
//! Amounts and percentages are decimals and read exactly as written; quoting them is allowed, not needed.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use rust_decimal::Decimal;
use serde::Deserialize;

use super::money::Metric;

/// A whole described account. See the [module](self) for an example.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Decides all noise. The same scenario with the same seed gives the same digits on any machine.
    pub seed: u64,
    /// The unit of every amount. Default `USD`; AWS China answers `CNY`.
    #[serde(default = "default_currency")]
    pub currency: String,
    /// The account of items that name none: twelve digits. Default `111122223333`.
    #[serde(default = "default_account")]
    pub account: String,
    /// Names of accounts, given as `description` beside groups by `LINKED_ACCOUNT`. Default: the account's id.
    #[serde(default)]
    pub account_names: BTreeMap<String, String>,
    /// The cost allocation tags. An item may only carry tags that are listed here.
    #[serde(default)]
    pub tags: Vec<Tag>,
    /// Groups on one page of `GetCostAndUsage`; without grouping, periods on one page. Default 1000.
    /// AWS does not publish its number.
    #[serde(default = "default_page_size")]
    pub page_size: NonZeroUsize,
    /// Price of one answered page, in USD. Default 0.01.
    #[serde(default = "default_price")]
    pub price_per_page: Decimal,
    /// UTC times of day at which new data becomes visible; between them nothing changes. One to three.
    /// Default 08:00, 15:00, 22:00.
    #[serde(default = "default_refreshes")]
    pub refreshes: Vec<Time>,
    /// Refreshes that did not happen. Each must be an instant at which there would have been one.
    #[serde(default)]
    pub missed_refreshes: Vec<Timestamp>,
    /// The day of the following month, 1 to 28, on which a month's bill is final: from the first refresh after its
    /// midnight all costs of the month are complete and no longer `Estimated`. Default 7.
    #[serde(default = "default_close")]
    pub bill_closes_on: i8,
    /// What share of a day's cost is visible. Default: 60 % eight hours after the day's end, 85 % after 15 hours,
    /// 97 % after 32 hours, 99.5 % after four days, all of it after ten.
    #[serde(default = "default_lag")]
    pub lag: Vec<LagPoint>,
    /// What costs money, when.
    pub items: Vec<Item>,
    /// When Cost Explorer answers with an error.
    #[serde(default)]
    pub outages: Vec<Outage>,
}

/// A cost allocation tag.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tag {
    /// The tag's key, for example `tenant`.
    pub key: String,
    /// First day whose costs carry the tag; activation is not retroactive. Default: always active.
    #[serde(default)]
    pub activated: Option<Date>,
}

/// From `hours` after a day's end (UTC midnight), a refresh sees `percent` of the day's final cost.
///
/// The curve is a staircase: between two points the earlier one holds, before the first the day has no data.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LagPoint {
    /// Hours since the day's end; negative while the day is still running. Rising from point to point.
    pub hours: i32,
    /// Share of the final cost, 0 to 1000. Above 100 for a day that is first seen too dear. The last point is 100.
    pub percent: Decimal,
}

/// One kind of cost on one or many days.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// The first day.
    pub from: Date,
    /// The last day, included. Default: the first day.
    #[serde(default)]
    pub to: Option<Date>,
    /// Only on this day of each month, 1 to 31; in shorter months on the last day. For fees and tax.
    #[serde(default)]
    pub day_of_month: Option<i8>,
    /// Share of the amount on Saturdays and Sundays, 0 to 1000. Default 100.
    #[serde(default = "hundred")]
    pub weekend_percent: Decimal,
    /// The `SERVICE` dimension, for example `Amazon Elastic Compute Cloud - Compute`.
    pub service: String,
    /// The `RECORD_TYPE` dimension. Default `Usage`.
    #[serde(default)]
    pub record_type: RecordType,
    /// Tag values by key, for example `tenant: acme`. Without a value for a key the cost is in the group `key$`.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// The `LINKED_ACCOUNT` dimension. Default: the scenario's account.
    #[serde(default)]
    pub account: Option<String>,
    /// Cost of one day. Negative for credits and refunds.
    pub amount: Decimal,
    /// Metrics that differ from the amount. Default: all five are equal.
    #[serde(default)]
    pub metrics: BTreeMap<Metric, Override>,
    /// Each day's cost differs from the amount by at most this, 0 to 100, decided by the seed. Default 0.
    #[serde(default)]
    pub noise_percent: Decimal,
    /// A lag curve of its own, for services that report sooner or later. Default: the scenario's.
    #[serde(default)]
    pub lag: Option<Vec<LagPoint>>,
    /// A late item: nothing of it is seen before, all of it from the first refresh at or after this instant, also
    /// when the bill is closed. For credits, corrections and late usage. Excludes `lag`.
    #[serde(default)]
    pub appears: Option<Timestamp>,
}

/// How one metric differs from an item's amount.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Override {
    /// Share of the amount, -1000 to 1000. 0 for an up-front fee in the amortized metrics.
    Percent(Decimal),
    /// A daily amount of its own; noise and weekends apply to it too.
    Amount(Decimal),
}

/// The `RECORD_TYPE` dimension ("charge type" in the console).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum RecordType {
    /// On-demand usage.
    #[default]
    Usage,
    /// Usage covered by a reservation.
    DiscountedUsage,
    /// Usage covered by a Savings Plan.
    SavingsPlanCoveredUsage,
    /// The counter-entry to covered usage.
    SavingsPlanNegation,
    /// Recurring fee of a Savings Plan.
    SavingsPlanRecurringFee,
    /// Up-front fee of a Savings Plan.
    SavingsPlanUpfrontFee,
    /// Up-front fee of a reservation.
    Upfront,
    /// Recurring fee of a reservation, as the cost and usage report names it.
    RIFee,
    /// Recurring fee of a reservation, as Cost Explorer names it.
    Recurring,
    /// A credit.
    Credit,
    /// A refund.
    Refund,
    /// Tax.
    Tax,
    /// The fee of a support plan.
    Support,
    /// What fits nowhere else.
    Other,
}

impl RecordType {
    /// The name on the wire and in YAML.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Usage => "Usage",
            Self::DiscountedUsage => "DiscountedUsage",
            Self::SavingsPlanCoveredUsage => "SavingsPlanCoveredUsage",
            Self::SavingsPlanNegation => "SavingsPlanNegation",
            Self::SavingsPlanRecurringFee => "SavingsPlanRecurringFee",
            Self::SavingsPlanUpfrontFee => "SavingsPlanUpfrontFee",
            Self::Upfront => "Upfront",
            Self::RIFee => "RIFee",
            Self::Recurring => "Recurring",
            Self::Credit => "Credit",
            Self::Refund => "Refund",
            Self::Tax => "Tax",
            Self::Support => "Support",
            Self::Other => "Other",
        }
    }
}

/// A time in which calls are refused.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    /// The first refused instant.
    pub from: Timestamp,
    /// The first instant that is answered again.
    pub until: Timestamp,
    /// What callers are told.
    pub error: OutageError,
    /// Only these operations, for example `[GetCostForecast]`. Default: all.
    #[serde(default)]
    pub operations: Vec<String>,
}

/// The error of an outage, by its name on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub enum OutageError {
    /// The requested data is unavailable. Not retried by the SDK.
    DataUnavailableException,
    /// Too many calls, in the words of Cost Explorer. The SDK retries it.
    LimitExceededException,
    /// Too many calls, in the words of AWS's front door. The SDK retries it.
    ThrottlingException,
    /// HTTP 500. The SDK retries it.
    InternalFailure,
}

fn default_currency() -> String {
    "USD".to_owned()
}

fn default_account() -> String {
    "111122223333".to_owned()
}

const fn default_page_size() -> NonZeroUsize {
    NonZeroUsize::MIN.saturating_add(999)
}

fn default_price() -> Decimal {
    Decimal::new(1, 2)
}

fn default_refreshes() -> Vec<Time> {
    [8, 15, 22].into_iter().filter_map(|hour| Time::new(hour, 0, 0, 0).ok()).collect()
}

const fn default_close() -> i8 {
    7
}

fn default_lag() -> Vec<LagPoint> {
    [(8, 600), (15, 850), (32, 970), (96, 995), (240, 1000)]
        .map(|(hours, tenths)| LagPoint { hours, percent: Decimal::new(tenths, 1) })
        .to_vec()
}

const fn hundred() -> Decimal {
    Decimal::ONE_HUNDRED
}
