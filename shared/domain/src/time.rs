//! Days and windows. Billing days are UTC days.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

/// A UTC day, the unit of a bill.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Day(Date);

impl Day {
    /// The UTC day that contains `instant`.
    pub fn of(instant: Timestamp) -> Self {
        Self(instant.to_zoned(TimeZone::UTC).date())
    }

    /// The day `days` later (earlier when negative); the calendar's first or last day where it ends.
    pub fn plus(self, days: i32) -> Self {
        Self(self.0.saturating_add(i64::from(days).days()))
    }

    /// The first day of this day's month.
    pub fn first_of_month(self) -> Self {
        Self(self.0.first_of_month())
    }

    /// The first day of the next month.
    pub fn first_of_next_month(self) -> Self {
        Self(self.0.last_of_month()).plus(1)
    }

    /// Midnight at which the day begins.
    pub fn start(self) -> Timestamp {
        self.0.to_zoned(TimeZone::UTC).map_or(Timestamp::MIN, |midnight| midnight.timestamp())
    }

    /// Midnight at which the day is over.
    pub fn end(self) -> Timestamp {
        self.plus(1).start()
    }

    /// Monday is 1, Sunday is 7.
    pub fn weekday(self) -> i8 {
        self.0.weekday().to_monday_one_offset()
    }

    /// Whole days from `other` to this day.
    pub fn days_since(self, other: Self) -> i32 {
        self.0.since(other.0).map_or(0, |span| span.get_days())
    }
}

impl From<Date> for Day {
    fn from(date: Date) -> Self {
        Self(date)
    }
}

/// ISO 8601, as Cost Explorer takes it: `2026-11-24`.
impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_string())
    }
}

impl FromStr for Day {
    type Err = jiff::Error;
    fn from_str(text: &str) -> Result<Self, jiff::Error> {
        text.parse().map(Self)
    }
}

/// Days from `start` to the day before `end`; Cost Explorer's `End` is exclusive too.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub struct Window {
    /// The first day.
    pub start: Day,
    /// The day after the last one.
    pub end: Day,
}

impl Window {
    /// The `length` days before `end`.
    pub fn before(end: Day, length: u16) -> Self {
        Self { start: end.plus(-i32::from(length)), end }
    }

    /// Whether `day` is inside.
    pub fn contains(&self, day: Day) -> bool {
        self.start <= day && day < self.end
    }

    /// The days, first to last.
    pub fn days(self) -> impl Iterator<Item = Day> {
        std::iter::successors(Some(self.start), |day| Some(day.plus(1))).take_while(move |day| *day < self.end)
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.start, self.end.plus(-1))
    }
}

/// Whole hours from `earlier` to `later`; 0 when `later` is not later.
pub fn whole_hours(earlier: Timestamp, later: Timestamp) -> i64 {
    (later.as_second() - earlier.as_second()).max(0) / 3600
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn months_end_where_the_calendar_ends_them() {
        for (of, first, next) in [
            ("2028-02-29", "2028-02-01", "2028-03-01"),
            ("2026-12-31", "2026-12-01", "2027-01-01"),
            ("2026-02-01", "2026-02-01", "2026-03-01"),
        ] {
            assert_eq!((day(of).first_of_month(), day(of).first_of_next_month()), (day(first), day(next)));
        }
    }

    #[test]
    fn a_window_ends_before_its_end() {
        let window = Window::before(day("2028-03-01"), 3);
        let days: Vec<String> = window.days().map(|d| d.to_string()).collect();
        assert_eq!(days, ["2028-02-27", "2028-02-28", "2028-02-29"]);
        assert!(window.contains(day("2028-02-29")) && !window.contains(day("2028-03-01")));
        assert_eq!(window.to_string(), "2028-02-27 to 2028-02-29");
    }

    #[test]
    fn a_day_begins_and_ends_at_midnight_utc() {
        let first_second: Timestamp = "2026-11-24T00:00:00Z".parse().unwrap();
        assert_eq!(Day::of(first_second), day("2026-11-24"));
        assert_eq!(day("2026-11-23").end(), first_second);
    }
}
