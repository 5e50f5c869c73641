//! A bill of two years that is a function of a seed: what was used, and how much of it AWS shows when.

use std::collections::BTreeMap;

use domain::cost::{Amounts, DayCosts, UsageRow};
use domain::{Day, Usd};
use jiff::Timestamp;
use rust_decimal::Decimal;

/// A millionth of a dollar.
pub type Micros = i64;

const ROWS: [(&str, &str, Micros); 4] = [
    ("Amazon Elastic Compute Cloud - Compute", "acme", 350_000_000),
    ("Amazon Elastic Compute Cloud - Compute", "globex", 200_000_000),
    ("Amazon Elastic Compute Cloud - Compute", "", 70_000_000),
    ("Amazon Relational Database Service", "shared", 130_000_000),
];

/// Days of which AWS changes something after the first day, and shows late items.
const REVISED_DAYS: u64 = 10;

/// SplitMix64: the same numbers on every machine.
pub struct Dice(pub u64);

impl Dice {
    /// Dice for one thing, whatever was thrown for others.
    pub fn of(parts: &[u64]) -> Self {
        let mut dice = Self(0);
        for part in parts {
            dice.0 = dice.next() ^ part.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        }
        dice
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// 0 to `sides - 1`.
    pub fn throw(&mut self, sides: u64) -> u64 {
        self.next() % sides
    }

    /// True in `percent` of a hundred throws.
    pub fn in_hundred(&mut self, percent: u64) -> bool {
        self.throw(100) < percent
    }

    /// `from` to `to`, both included.
    pub fn between(&mut self, from: i64, to: i64) -> i64 {
        from + i64::try_from(self.throw(u64::try_from(to - from + 1).unwrap())).unwrap()
    }
}

/// The bill of a seed, from its first day on.
#[derive(Clone, Copy)]
pub struct Generated {
    pub seed: u64,
    pub first: Day,
}

/// A day as the bill shows it at a time: row by row, unblended and net amortized.
pub struct ShownDay {
    pub rows: Vec<(&'static str, &'static str, Micros, Micros)>,
    pub credit: Micros,
    pub tax: Micros,
    pub estimated: bool,
}

impl ShownDay {
    pub fn total(&self) -> Micros {
        self.rows.iter().map(|row| row.2).sum()
    }

    pub fn of_tenant(&self, tag: &str) -> Micros {
        self.rows.iter().filter(|row| row.1 == tag).map(|row| row.3).sum()
    }

    /// What a careless sum over everything gives.
    pub fn with_adjustments(&self) -> Micros {
        self.total() + self.credit + self.tax
    }
}

impl Generated {
    /// `day` as the bill shows it at `now`; `None` when it tells nothing of it yet.
    pub fn shown(&self, day: Day, now: Timestamp) -> Option<ShownDay> {
        let number = u64::try_from(day.days_since(self.first) + 400).unwrap();
        // The bill is refreshed every eight hours, an hour and a half past.
        let refreshed = (now.as_second() - 5_400).div_euclid(8 * 3_600) * 8 * 3_600 + 5_400;
        let age_hours = (refreshed - day.end().as_second()).div_euclid(3_600);
        let mut dice = Dice::of(&[self.seed, number]);
        let first_shown = if dice.in_hundred(8) { dice.between(0, 20) } else { -9 };
        if age_hours < first_shown {
            return None;
        }
        // Of a thousand: the day comes in bit by bit, and is whole after three days.
        let lag = match age_hours {
            ..0 => 550,
            0..8 => 720,
            8..16 => 880,
            16..24 => 960,
            24..48 => 985,
            48..72 => 997,
            _ => 1000,
        };
        let busy = Self::busy(&mut dice);
        let revised = self.revised(number, age_hours);
        let mut rows: Vec<_> = ROWS
            .into_iter()
            .enumerate()
            .map(|(index, (service, tag, micros))| {
                let noise = 1000 + Dice::of(&[self.seed, number, 1, index as u64]).between(-60, 60);
                let gpu = if index == busy.0 { busy.1 } else { 1000 };
                let used = micros * noise / 1000 * gpu / 1000 * Self::season(day, number) / 1000;
                let unblended = used * lag / 1000 * revised / 1000 + i64::try_from(index).unwrap();
                (service, tag, unblended, unblended * 92 / 100)
            })
            .collect();
        let mut later = Dice::of(&[self.seed, number, 2]);
        if later.in_hundred(6) && age_hours >= later.between(60, 220) {
            let late = later.between(20_000_000, 500_000_000);
            rows.push(("AWS Support (Business)", "", late, late));
        }
        let credit = if later.in_hundred(10) && age_hours >= later.between(24, 290) {
            -later.between(1, 900_000_000)
        } else {
            0
        };
        let tax = if day.first_of_month() == day { 3_100_000_000 } else { 0 };
        let closed = day.first_of_next_month().plus(5).start().as_second();
        Some(ShownDay { rows, credit, tax, estimated: refreshed < closed })
    }

    /// Weekends are quiet, and the platform grows.
    fn season(day: Day, number: u64) -> i64 {
        let weekday = if day.weekday() > 5 { 780 } else { 1090 };
        weekday * (1000 + i64::try_from(number).unwrap() / 12) / 1000
    }

    /// Which row is far above its usual, and by how much, of a thousand.
    fn busy(dice: &mut Dice) -> (usize, i64) {
        if dice.in_hundred(6) {
            (usize::try_from(dice.throw(3)).unwrap(), dice.between(1_300, 6_000))
        } else {
            (0, 1000)
        }
    }

    /// Revisions up to this age, of a thousand.
    fn revised(&self, number: u64, age_hours: i64) -> i64 {
        let mut factor = 1000;
        for back in 1..=REVISED_DAYS {
            let mut dice = Dice::of(&[self.seed, number, 3, back]);
            let when = i64::try_from(back).unwrap() * 24 + dice.between(0, 23);
            let by = dice.between(-120, 120);
            if dice.in_hundred(20) && age_hours >= when {
                factor = factor * (1000 + by) / 1000;
            }
        }
        factor
    }

    /// Days `from` to before `until`, as Cost Explorer serves them at `now`.
    pub fn days(&self, from: Day, until: Day, now: Timestamp) -> BTreeMap<Day, DayCosts> {
        let days = std::iter::successors(Some(from), |day| Some(day.plus(1))).take_while(|day| *day < until);
        days.filter_map(|day| Some((day, costs(&self.shown(day, now)?)))).collect()
    }
}

fn usd(micros: Micros) -> Usd {
    Usd::new(Decimal::new(micros, 6))
}

fn costs(shown: &ShownDay) -> DayCosts {
    let same = |micros| Amounts { unblended: usd(micros), net_amortized: usd(micros) };
    let row = |&(service, tag, unblended, net): &(&str, &str, Micros, Micros)| UsageRow {
        service: service.to_owned(),
        tag: tag.to_owned(),
        amounts: Amounts { unblended: usd(unblended), net_amortized: usd(net) },
    };
    let adjustments = [("Credit", shown.credit), ("Tax", shown.tax)];
    DayCosts {
        estimated: shown.estimated,
        usage: shown.rows.iter().map(row).collect(),
        rounding: Amounts::default(),
        adjustments: adjustments
            .into_iter()
            .filter(|(_, micros)| *micros != 0)
            .map(|(kind, micros)| (kind.to_owned(), same(micros)))
            .collect(),
    }
}
