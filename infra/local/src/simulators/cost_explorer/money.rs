//! The five cost metrics and exact arithmetic over them.

use std::ops::AddAssign;

use rust_decimal::Decimal;
use serde::Deserialize;

/// Decimal places of an amount: Cost Explorer gives ten, for example `0.0000000123`.
pub const PLACES: u32 = 10;

/// A cost metric of Cost Explorer. The usage metrics (`UsageQuantity`, `NormalizedUsageAmount`) are not simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum Metric {
    /// The invoice view: what is charged on the day it is charged.
    UnblendedCost,
    /// Up-front and recurring fees spread over the time they cover.
    AmortizedCost,
    /// Unblended after all discounts.
    NetUnblendedCost,
    /// Amortized after all discounts: the view to allocate costs with.
    NetAmortizedCost,
    /// The average over an organisation.
    BlendedCost,
}

impl Metric {
    /// All metrics, in the order [`Amounts`] keeps them.
    pub const ALL: [Self; 5] =
        [Self::UnblendedCost, Self::AmortizedCost, Self::NetUnblendedCost, Self::NetAmortizedCost, Self::BlendedCost];

    /// The name in the answers of `GetCostAndUsage`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnblendedCost => "UnblendedCost",
            Self::AmortizedCost => "AmortizedCost",
            Self::NetUnblendedCost => "NetUnblendedCost",
            Self::NetAmortizedCost => "NetAmortizedCost",
            Self::BlendedCost => "BlendedCost",
        }
    }

    /// The name in requests to `GetCostForecast`; `GetCostAndUsage` takes it as well.
    #[must_use]
    pub const fn upper_name(self) -> &'static str {
        match self {
            Self::UnblendedCost => "UNBLENDED_COST",
            Self::AmortizedCost => "AMORTIZED_COST",
            Self::NetUnblendedCost => "NET_UNBLENDED_COST",
            Self::NetAmortizedCost => "NET_AMORTIZED_COST",
            Self::BlendedCost => "BLENDED_COST",
        }
    }
}

/// One amount for each metric.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amounts {
    unblended: Decimal,
    amortized: Decimal,
    net_unblended: Decimal,
    net_amortized: Decimal,
    blended: Decimal,
}

impl Amounts {
    /// Builds the amounts by asking for each metric once.
    pub fn by(mut amount: impl FnMut(Metric) -> Decimal) -> Self {
        Self {
            unblended: amount(Metric::UnblendedCost),
            amortized: amount(Metric::AmortizedCost),
            net_unblended: amount(Metric::NetUnblendedCost),
            net_amortized: amount(Metric::NetAmortizedCost),
            blended: amount(Metric::BlendedCost),
        }
    }

    /// The amount of one metric.
    #[must_use]
    pub const fn get(&self, metric: Metric) -> Decimal {
        match metric {
            Metric::UnblendedCost => self.unblended,
            Metric::AmortizedCost => self.amortized,
            Metric::NetUnblendedCost => self.net_unblended,
            Metric::NetAmortizedCost => self.net_amortized,
            Metric::BlendedCost => self.blended,
        }
    }

    /// `percent` of each amount, quantised.
    #[must_use]
    pub fn percent(&self, percent: Decimal) -> Self {
        if percent == Decimal::ONE_HUNDRED { *self } else { Self::by(|metric| percent_of(self.get(metric), percent)) }
    }
}

impl AddAssign for Amounts {
    fn add_assign(&mut self, other: Self) {
        self.unblended += other.unblended;
        self.amortized += other.amortized;
        self.net_unblended += other.net_unblended;
        self.net_amortized += other.net_amortized;
        self.blended += other.blended;
    }
}

impl std::iter::Sum for Amounts {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::default(), |mut sum, part| {
            sum += part;
            sum
        })
    }
}

/// `percent` of `amount`, quantised to [`PLACES`].
pub(super) fn percent_of(amount: Decimal, percent: Decimal) -> Decimal {
    (amount * percent / Decimal::ONE_HUNDRED).round_dp(PLACES)
}

/// An amount as Cost Explorer writes it: no exponent, no trailing zeros, never `-0`.
pub(super) fn written(amount: Decimal) -> String {
    if amount.is_zero() { "0".to_owned() } else { amount.normalize().to_string() }
}

/// A whole number of millionths in `-1 ..= 1`, drawn from a hash: the same for the same seed and words, on any machine.
pub(super) fn draw<'a>(seed: u64, words: impl IntoIterator<Item = &'a str>) -> Decimal {
    // FNV-1a over the words, then the finaliser of SplitMix64 so that neighbouring days are not alike.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ seed;
    for word in words {
        for byte in word.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^= hash >> 31;
    Decimal::new(i64::try_from(hash % 2_000_001).unwrap_or_default() - 1_000_000, 6)
}
