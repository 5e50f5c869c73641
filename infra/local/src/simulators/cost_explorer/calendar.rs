//! Days, months, refreshes and the closing of bills, all in UTC.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::scenario::Scenario;

/// The UTC day of an instant.
pub(super) fn day_of(instant: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(instant).date()
}

/// The instant of a UTC day and time. Beyond the years that can be expressed it is the last instant.
pub(super) fn instant(day: Date, time: Time) -> Timestamp {
    TimeZone::UTC.to_timestamp(day.to_datetime(time)).unwrap_or(Timestamp::MAX)
}

/// The day after.
pub(super) fn next_day(day: Date) -> Date {
    day.saturating_add(1.day())
}

/// The first day of the month after.
pub(super) fn next_month(day: Date) -> Date {
    next_day(day.last_of_month())
}

/// The days of `from .. to`, `to` excluded.
pub(super) fn days(from: Date, to: Date) -> impl Iterator<Item = Date> {
    std::iter::successors(Some(from), |day| day.tomorrow().ok()).take_while(move |day| *day < to)
}

impl Scenario {
    /// The refresh whose data is what a caller sees at `now`.
    #[must_use]
    pub fn last_refresh(&self, now: Timestamp) -> Option<Timestamp> {
        self.refreshes_from(day_of(now), -1).find(|refresh| *refresh <= now)
    }

    /// The next instant at which data can change.
    #[must_use]
    pub fn next_refresh(&self, now: Timestamp) -> Option<Timestamp> {
        self.refreshes_from(day_of(now), 1).find(|refresh| *refresh > now)
    }

    /// Refreshes from a day on, forwards (`1`) or backwards (`-1`). Ends a little after the missed ones are passed.
    fn refreshes_from(&self, day: Date, direction: i32) -> impl Iterator<Item = Timestamp> {
        let reach = i32::try_from(self.missed_refreshes.len()).unwrap_or(i32::MAX).saturating_add(2);
        (0..reach).flat_map(move |step| {
            let day = day.saturating_add((step * direction).days());
            let mut of_day: Vec<_> = self
                .refreshes
                .iter()
                .map(|time| instant(day, *time))
                .filter(|refresh| !self.missed_refreshes.contains(refresh))
                .collect();
            of_day.sort_unstable();
            if direction < 0 {
                of_day.reverse();
            }
            of_day
        })
    }

    /// When the bill of the day's month is final: from the first refresh after this, nothing is estimated.
    #[must_use]
    pub fn bill_closes(&self, day: Date) -> Timestamp {
        let first = next_month(day);
        instant(first.saturating_add((i32::from(self.bill_closes_on) - 1).days()), Time::midnight())
    }
}
