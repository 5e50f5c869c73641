//! Money: decimal dollars, exact arithmetic, and rounding that keeps sums.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// An amount in US dollars. Never a float; serialised as a decimal string, as Cost Explorer sends it.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Usd(#[serde(with = "rust_decimal::serde::str")] Decimal);

/// Why a text is not an amount in US dollars.
#[derive(Debug, Clone, Eq, PartialEq, thiserror::Error)]
pub enum MoneyError {
    /// The number does not parse.
    #[error("`{0}` is not a decimal amount")]
    NotDecimal(String),
    /// The amount is in another currency: sums and thresholds in dollars would be wrong.
    #[error("the amount is in {0}, and only USD can be compared with a threshold in USD")]
    Currency(String),
}

impl Usd {
    /// No money.
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// Wraps a decimal number of dollars.
    pub const fn new(dollars: Decimal) -> Self {
        Self(dollars)
    }

    /// The amount as Cost Explorer gives it: a decimal string (sometimes with an exponent) and a unit.
    ///
    /// # Errors
    /// [`MoneyError::Currency`] for any unit but `USD`, [`MoneyError::NotDecimal`] for a text that is no number.
    pub fn from_billing(amount: &str, unit: &str) -> Result<Self, MoneyError> {
        if unit != "USD" {
            return Err(MoneyError::Currency(unit.to_owned()));
        }
        amount.parse()
    }

    /// The number of dollars.
    pub const fn dollars(self) -> Decimal {
        self.0
    }

    /// Rounded half away from zero to whole cents, as an invoice is.
    pub fn rounded_to_cents(self) -> Self {
        Self(self.0.round_dp_with_strategy(2, rust_decimal::RoundingStrategy::MidpointAwayFromZero))
    }

    /// `self` as a share of `whole` in percent; `None` when there is no whole to compare with.
    pub fn percent_of(self, whole: Self) -> Option<Decimal> {
        self.0.checked_mul(Decimal::ONE_HUNDRED)?.checked_div(whole.0)
    }

    /// `percent` percent of this amount.
    pub fn percent(self, percent: u32) -> Self {
        Self(self.0 * Decimal::from(percent) / Decimal::ONE_HUNDRED)
    }
}

impl FromStr for Usd {
    type Err = MoneyError;
    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let text = text.trim();
        Decimal::from_str_exact(text)
            .or_else(|_| Decimal::from_scientific(text))
            .map(Self)
            .map_err(|_| MoneyError::NotDecimal(text.to_owned()))
    }
}

/// Cents with thousands separators: `1,240.56`.
impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:.2}", self.rounded_to_cents().0.abs());
        let (whole, cents) = text.split_once('.').unwrap_or((&text, "00"));
        let mut grouped = String::with_capacity(whole.len() + whole.len() / 3 + 4);
        if self.rounded_to_cents().0.is_sign_negative() && !self.rounded_to_cents().0.is_zero() {
            grouped.push('-');
        }
        for (position, digit) in whole.chars().enumerate() {
            if position > 0 && (whole.len() - position).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        f.pad(&format!("{grouped}.{cents}"))
    }
}

impl Add for Usd {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl AddAssign for Usd {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl Sub for Usd {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Sum for Usd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

/// Rounds `amounts` to cents so that the rounded amounts add up to the rounded total, to the cent (largest remainder
/// method; ties go to the earlier amount). Each result differs from its amount by less than one cent.
pub fn rounded_to_add_up(amounts: &[Usd]) -> Vec<Usd> {
    let cent = Decimal::new(1, 2);
    let total = amounts.iter().copied().sum::<Usd>().rounded_to_cents().0;
    let mut floors: Vec<Decimal> = amounts.iter().map(|a| (a.0 / cent).floor() * cent).collect();
    let mut missing = total - floors.iter().sum::<Decimal>();
    let mut by_remainder: Vec<(Decimal, usize)> =
        amounts.iter().zip(&floors).enumerate().map(|(index, (amount, floor))| (amount.0 - *floor, index)).collect();
    by_remainder.sort_by(|(a, i), (b, j)| b.cmp(a).then(i.cmp(j)));
    for (_, index) in by_remainder {
        if missing < cent {
            break;
        }
        if let Some(floor) = floors.get_mut(index) {
            *floor += cent;
            missing -= cent;
        }
    }
    floors.into_iter().map(Usd).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn usd(text: &str) -> Usd {
        text.parse().unwrap()
    }

    #[test]
    fn amounts_parse_as_cost_explorer_writes_them() {
        for (text, dollars) in
            [("0.0000000123", Decimal::new(123, 10)), ("1E-10", Decimal::new(1, 10)), ("-5", Decimal::from(-5))]
        {
            assert_eq!(usd(text).dollars(), dollars, "{text}");
        }
        assert_eq!("12,5".parse::<Usd>(), Err(MoneyError::NotDecimal("12,5".to_owned())));
    }

    #[test]
    fn another_currency_is_refused() {
        assert_eq!(Usd::from_billing("1", "CNY"), Err(MoneyError::Currency("CNY".to_owned())));
    }

    #[test]
    fn people_read_cents_with_thousands() {
        for (amount, text) in
            [("1240.555", "1,240.56"), ("-0.001", "0.00"), ("-1234567.8", "-1,234,567.80"), ("999", "999.00")]
        {
            assert_eq!(usd(amount).to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn rounded_amounts_add_up_to_the_rounded_total(units in prop::collection::vec(-10_000_000_000i64..10_000_000_000, 0..40)) {
            let amounts: Vec<Usd> = units.iter().map(|n| Usd(Decimal::new(*n, 7))).collect();
            let rounded = rounded_to_add_up(&amounts);
            prop_assert_eq!(rounded.iter().copied().sum::<Usd>(), amounts.iter().copied().sum::<Usd>().rounded_to_cents());
            for (before, after) in amounts.iter().zip(&rounded) {
                prop_assert!((before.0 - after.0).abs() < Decimal::new(1, 2));
            }
        }
    }
}
