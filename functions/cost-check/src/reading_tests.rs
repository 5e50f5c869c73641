use testkit::{at, day};

use super::*;
use crate::state::{Attempt, Forecast, Pages};
use crate::testing::{dollars, observation, policy};

/// Read at eight on the 24th, when the day before came to `yesterday`; the forecast of the day is known.
fn seen(yesterday: &str) -> Observation {
    let mut seen = observation("2026-11-24T08:00:00Z", [("2026-11-23", dollars(yesterday))]);
    let window = domain::Window { start: day("2026-11-24"), end: day("2026-12-01") };
    seen.forecast = Some(Forecast { asked_on: day("2026-11-24"), window, amount: None });
    seen
}

fn booked(pages: u32) -> State {
    State { pages: Pages { day: Some(day("2026-11-24")), booked: pages }, ..State::default() }
}

fn failed(at_: &str, failures: u32) -> State {
    let attempt = Attempt { at: at(at_), failures, problem: Some("throttled".to_owned()) };
    State { attempt: Some(attempt), ..booked(2) }
}

fn decided(state: &State, seen: Option<&Observation>, as_of: &str) -> String {
    decide(&policy(), state, seen, at(as_of)).to_string()
}

#[test]
fn a_reading_is_asked_for_when_the_bill_can_have_changed() {
    let (low, near, over) = (seen("700"), seen("800.01"), seen("1000.01"));
    for (seen, as_of, decision) in [
        (None, "2026-11-24T08:00:00Z", "ask Cost Explorer (3 pages, forecast included): nothing has been read yet"),
        (
            Some(&low),
            "2026-11-24T09:00:00Z",
            "keep to the last observation: it is 1 h old, and the data is refreshed at most three times a day",
        ),
        (
            Some(&low),
            "2026-11-24T15:49:00Z",
            "keep to the last observation: it is 7 h old, and the data is refreshed at most three times a day",
        ),
        (
            Some(&low),
            "2026-11-24T15:50:00Z",
            "ask Cost Explorer (2 pages): 8 hours or more since the last reading: the data is refreshed at most three times a day",
        ),
        (
            Some(&low),
            "2026-11-25T00:00:00Z",
            "ask Cost Explorer (3 pages, forecast included): a new day: another day is yesterday",
        ),
        (
            Some(&low),
            "2026-11-24T12:00:00Z",
            "keep to the last observation: it is 4 h old, and the data is refreshed at most three times a day",
        ),
        (
            Some(&near),
            "2026-11-24T11:49:00Z",
            "keep to the last observation: it is 3 h old, and the data is refreshed at most three times a day",
        ),
        (
            Some(&near),
            "2026-11-24T12:00:00Z",
            "ask Cost Explorer (2 pages): yesterday is above 80 % of a limit, and the last reading is 4 hours old",
        ),
        // Over the limit it has been told; what comes next can wait for the ordinary reading.
        (
            Some(&over),
            "2026-11-24T12:00:00Z",
            "keep to the last observation: it is 4 h old, and the data is refreshed at most three times a day",
        ),
    ] {
        assert_eq!(decided(&booked(2), seen, as_of), decision, "as of {as_of}");
    }
}

/// The hours of a day whose runs ask, when the day before is near its limit, or not.
fn hours_that_ask(pages: u32, yesterday: &str) -> Vec<i8> {
    let midnight = at("2026-11-24T00:00:00Z");
    let mut seen = Observation { pages, taken_at: midnight, ..seen(yesterday) };
    let mut state = booked(pages + 1);
    let mut asked = vec![0];
    for hour in 1..24 {
        let as_of = midnight + SignedDuration::from_hours(hour.into());
        if let Reading::Ask { book, .. } = decide(&policy(), &state, Some(&seen), as_of) {
            seen.taken_at = as_of;
            state.pages.booked += book;
            asked.push(hour);
        }
    }
    assert!(state.pages.booked <= 12);
    asked
}

#[test]
fn readings_are_spread_over_the_day_as_far_as_the_pages_last() {
    for (pages, ordinary, near) in [
        (2, &[0, 8, 16][..], &[0, 4, 8, 12, 16][..]),
        (3, &[0, 8, 16], &[0, 8, 16]),
        (4, &[0, 12], &[0, 12]),
        (5, &[0, 12], &[0, 12]),
        (6, &[0], &[0]),
        (11, &[0], &[0]),
    ] {
        assert_eq!(
            (hours_that_ask(pages, "700"), hours_that_ask(pages, "900")),
            (ordinary.to_vec(), near.to_vec()),
            "{pages} pages"
        );
    }
}

#[test]
fn near_a_tenants_budget_is_near_too() {
    let tenant = testkit::bill::day_costs(&[("EC2", "acme", "45")], &[]);
    let seen = Observation { days: [(day("2026-11-23"), tenant)].into(), ..seen("0") };
    assert!(decided(&booked(2), Some(&seen), "2026-11-24T12:00:00Z").contains("above 80 % of a limit"));
}

#[test]
fn an_event_that_is_no_newer_than_the_reading_asks_for_nothing() {
    for as_of in ["2026-11-24T08:00:00Z", "2026-11-24T07:00:00Z", "2026-11-20T08:00:00Z"] {
        assert!(decided(&State::default(), Some(&seen("900")), as_of).contains("no older than this event"), "{as_of}");
    }
}

#[test]
fn each_failed_attempt_in_a_row_waits_an_hour_longer_to_three() {
    for (failures, too_early, due) in [
        (1, "2026-11-24T10:49:00Z", "2026-11-24T10:50:00Z"),
        (2, "2026-11-24T11:00:00Z", "2026-11-24T12:00:00Z"),
        (3, "2026-11-24T12:00:00Z", "2026-11-24T13:00:00Z"),
        (40, "2026-11-24T12:00:00Z", "2026-11-24T13:00:00Z"),
    ] {
        let state = failed("2026-11-24T10:00:00Z", failures);
        for seen in [None, Some(&seen("700"))] {
            let early = decided(&state, seen, too_early);
            assert_eq!(
                early,
                "keep to the last observation: the last attempt failed at 2026-11-24T10:00:00Z: throttled"
            );
            assert!(decided(&state, seen, due).contains(&format!("attempt {} after: throttled", failures + 1)));
        }
    }
}

#[test]
fn the_page_budget_of_the_day_is_kept() {
    let low = seen("700");
    let large = Observation { pages: 5, ..seen("700") };
    let new_day = "2026-11-25T00:00:00Z";
    let eight_later = "2026-11-24T16:00:00Z";
    let twelve_later = "2026-11-24T20:00:00Z";
    for (state, seen, as_of, decision) in [
        (booked(10), &low, eight_later, "ask Cost Explorer (2 pages): 8 h"),
        (
            booked(11),
            &low,
            eight_later,
            "keep to the last observation: 11 of 12 pages of the day are booked, and a reading takes 2",
        ),
        (booked(12), &low, new_day, "ask Cost Explorer (3 pages, forecast included): a new day"),
        (booked(7), &large, twelve_later, "ask Cost Explorer (5 pages): 12 h"),
        (
            booked(8),
            &large,
            twelve_later,
            "keep to the last observation: 8 of 12 pages of the day are booked, and a reading takes 5",
        ),
    ] {
        let decided = decided(&state, Some(seen), as_of);
        assert!(decided.starts_with(decision), "{decided}");
    }
}

#[test]
fn the_days_are_read_without_a_forecast_where_both_do_not_fit() {
    let huge = Observation { pages: 12, forecast: None, ..seen("700") };
    let decided = decided(&booked(0), Some(&huge), "2026-11-25T00:00:00Z");
    assert!(decided.starts_with("ask Cost Explorer (12 pages): "), "{decided}");
}

#[test]
fn a_late_event_does_not_start_the_count_of_a_later_day_anew() {
    // Midnight's run booked its pages and was killed; the event of the hour before arrives only now.
    let state = State { pages: Pages { day: Some(day("2026-11-25")), booked: 3 }, ..State::default() };
    let decided = decided(&state, Some(&seen("900")), "2026-11-24T23:00:00Z");
    assert_eq!(
        decided,
        "keep to the last observation: this event is older than the pages that are booked on 2026-11-25"
    );
}
