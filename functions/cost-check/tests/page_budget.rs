//! A bill of any size costs at most the pages of the day, each booked before it is asked for.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use cost_check::state::{OBSERVATION_KEY, Observation};
use domain::Day;
use domain::cost::DayCosts;
use jiff::{SignedDuration, Timestamp};
use support::{Memory, policy};
use testkit::{at, bill, day, usd};

const MIDNIGHT: &str = "2026-11-24T00:00:00Z";

/// A bill of 35 groups of usage and 35 charge types, so many of them on a page.
fn bill_of(groups_per_page: usize) -> Memory {
    let shown = |now| {
        let days: BTreeMap<Day, DayCosts> =
            (1..=40).map(|back| (Day::of(now).plus(-back), bill::flat(usd("900")))).collect();
        Ok(Arc::new(days))
    };
    Memory::new(groups_per_page, Arc::new(shown))
}

async fn runs(memory: &Memory, hours: std::ops::Range<i64>) {
    for hour in hours {
        let time: Timestamp = at(MIDNIGHT) + SignedDuration::from_hours(hour);
        let outcome = memory.clean_run(&policy(), time).await;
        assert!(outcome.failure.is_none(), "{time}: {:?}", outcome.failure);
        let (asked, booked) = (memory.asked().get(&Day::of(time)).copied().unwrap_or_default(), memory.state().pages);
        assert!(asked <= booked.on(Day::of(time)), "{time}: {asked} asked, {booked:?}");
    }
}

fn asked(memory: &Memory) -> Vec<u32> {
    memory.asked().into_values().collect()
}

fn observation(memory: &Memory) -> Option<Observation> {
    memory.store.text(OBSERVATION_KEY).map(|text| serde_json::from_str(&text).unwrap())
}

#[tokio::test]
async fn pages_that_nobody_expected_are_booked_one_by_one() {
    let memory = bill_of(15);
    runs(&memory, 0..1).await;
    assert_eq!((asked(&memory), memory.state().pages.booked), (vec![7], 7), "six pages and a forecast");
    assert_eq!(observation(&memory).unwrap().pages, 6);
}

#[tokio::test]
async fn a_bill_that_takes_the_whole_budget_is_read_once_a_day_without_a_forecast() {
    let memory = bill_of(6);
    runs(&memory, 0..48).await;
    assert_eq!(asked(&memory), [12, 12]);
    let observation = observation(&memory).unwrap();
    assert_eq!((observation.taken_at, observation.pages), (at("2026-11-25T00:00:00Z"), 12));
}

#[tokio::test]
async fn a_bill_over_the_budget_is_not_read_and_says_so_a_day_later() {
    let memory = bill_of(5);
    runs(&memory, 0..48).await;
    assert_eq!(asked(&memory), [12, 12], "and not one page more");
    assert_eq!(observation(&memory), None);
    let read = memory.topic.read();
    let [notice] = read.as_slice() else { panic!("{read:?}") };
    assert_eq!(notice.id, "unknown/account/2026-11-24/open");
    assert!(
        notice.body.contains("12 of 12 pages")
            || notice.body.contains("more pages than the 12 that MAX_PAGES_PER_DAY leaves"),
        "{}",
        notice.body
    );
}

#[tokio::test]
async fn a_bill_that_grew_over_the_budget_is_told_of_a_day_after_it_was_last_seen() {
    let memory = bill_of(100);
    runs(&memory, 0..20).await;
    let grown = memory.with_pages_of(5);
    runs(&grown, 20..72).await;
    let ids: Vec<String> = grown.topic.read().into_iter().map(|notice| notice.id).collect();
    assert_eq!(ids, ["unknown/account/2026-11-24/open"]);
    assert_eq!(observation(&grown).unwrap().newest_with_data(), Some(day("2026-11-23")));
}
