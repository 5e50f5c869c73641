//! Hours in which Cost Explorer throttles, has no data, denies, or tells nothing new.

use domain::{Day, Failure, FailureKind};
use jiff::{SignedDuration, Timestamp};

use crate::generated::Dice;

/// A time in which Cost Explorer is not well.
#[derive(Clone, Copy)]
pub struct Outage {
    from: Timestamp,
    until: Timestamp,
    kind: OutageKind,
}

#[derive(Clone, Copy, PartialEq)]
enum OutageKind {
    Throttled,
    DataUnavailable,
    Denied,
    /// It answers, and tells nothing new.
    Stuck,
}

/// The outages of two years.
pub fn outages(seed: u64, first: Day) -> Vec<Outage> {
    use OutageKind::{DataUnavailable, Denied, Stuck, Throttled};
    let mut dice = Dice::of(&[seed, 6]);
    let kinds = [
        (Throttled, 2, 6),
        (DataUnavailable, 3, 40),
        (Stuck, 60, 90),
        (Throttled, 2, 9),
        (DataUnavailable, 20, 30),
        (Denied, 48, 60),
    ];
    let mut outages = Vec::new();
    // One in each month or so, the kinds in turn.
    for (number, (kind, shortest, longest)) in (0..24).zip(kinds.into_iter().cycle()) {
        let from = first.plus(10 + 30 * number).start() + SignedDuration::from_hours(dice.between(0, 20 * 24));
        outages.push(Outage { from, until: from + SignedDuration::from_hours(dice.between(shortest, longest)), kind });
    }
    outages
}

/// What Cost Explorer answers instead of its figures.
pub fn failure(outages: &[Outage], now: Timestamp) -> Option<Failure> {
    let outage = outages.iter().find(|outage| outage.from <= now && now < outage.until)?;
    let (kind, code) = match outage.kind {
        OutageKind::Throttled => (FailureKind::Throttled, "LimitExceededException"),
        OutageKind::DataUnavailable => (FailureKind::Transient, "DataUnavailableException"),
        OutageKind::Denied => (FailureKind::Refused, "AccessDeniedException"),
        OutageKind::Stuck => return None,
    };
    Some(Failure::new(kind, format!("ask Cost Explorer: {code}")).with_code(Some(code)))
}

/// As of when the bill tells at `now`: earlier while it is stuck.
pub fn told_at(outages: &[Outage], now: Timestamp) -> Timestamp {
    let stuck =
        outages.iter().find(|outage| outage.kind == OutageKind::Stuck && outage.from <= now && now < outage.until);
    stuck.map_or(now, |outage| outage.from)
}
