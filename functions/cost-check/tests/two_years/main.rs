//! Two years of hourly events on a bill that is late, revised and credited, while everything breaks: each day, scope
//! and level is told once, none is lost and none is told twice. And what the guide's loop would have sent.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod generated;
mod oracle;
mod outages;
mod simulation;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;

use domain::Day;
use generated::Generated;
use simulation::{Happened, Simulation};
use testkit::day;

const HOURS: usize = 730 * 24;
/// Days of the comparison with the guide's loop.
const DAYS: i32 = 365;
const USUAL: u64 = 20_280_229;
const MILLION: i64 = 1_000_000;

/// Seeds to play; `COST_CHECK_SEED=7 cargo test -p cost-check --test two_years` plays one of your own.
#[expect(clippy::disallowed_methods, reason = "a test is told which seed to repeat")]
fn seed(usual: u64) -> u64 {
    std::env::var("COST_CHECK_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

fn play(seed: u64, first: Day, hours: usize) -> Happened {
    println!("seed {seed}, from {first}");
    let mut simulation = Simulation::new(seed, first);
    for _ in 0..hours {
        simulation.hour();
    }
    let happened = simulation.end();
    println!("{}", happened.line());
    happened
}

#[test]
fn two_years_of_a_broken_world_tell_each_day_and_level_once() {
    // The leap day of 2028 is in it.
    let happened = play(seed(USUAL), day("2027-06-01"), HOURS);
    assert_eq!(happened.events, HOURS);
    assert!(happened.most_pages_on_a_day <= 12 && happened.pages <= 12 * 731, "{}", happened.line());
    // That enough happens is a matter of the seed.
    if seed(USUAL) == USUAL {
        assert!(happened.opened > 100 && happened.escalated > 50 && happened.resolved > 5, "{}", happened.line());
        assert!(happened.opened_again > 0 && happened.unknown >= 4, "{}", happened.line());
        assert!(happened.deliveries > happened.read, "some were delivered again, under their ids: {}", happened.line());
    }
}

#[test]
fn other_seeds_tell_each_day_and_level_once_too() {
    for usual in 1..=3 {
        play(seed(usual), day("2026-11-20"), 60 * 24);
    }
}

#[test]
fn the_guides_loop_would_have_sent_24_notices_a_day() {
    let generated = Generated { seed: USUAL, first: day("2027-06-01") };
    let mut sent: BTreeMap<Day, u32> = BTreeMap::new();
    let mut over: BTreeMap<Day, bool> = BTreeMap::new();
    for number in 1..=DAYS {
        let (today, yesterday) = (generated.first.plus(number), generated.first.plus(number - 1));
        for hour in 0..24 {
            let now = today.start() + jiff::SignedDuration::from_hours(hour);
            // The guide: yesterday's blended cost of everything, above 1000, each hour.
            let total = generated.shown(yesterday, now).map_or(0, |shown| shown.with_adjustments());
            if total > 1000 * MILLION {
                *sent.entry(yesterday).or_default() += 1;
            }
        }
        let at_last = generated.shown(yesterday, today.plus(30).start()).unwrap();
        over.insert(yesterday, at_last.total() > 1000 * MILLION);
    }
    let notices: u32 = sent.values().sum();
    let all_day = sent.values().filter(|&&sent| sent == 24).count();
    let missed = over.iter().filter(|(day, over)| **over && !sent.contains_key(day)).count();
    let false_alarms = sent.keys().filter(|day| !over[day]).count();
    println!(
        "the guide's loop: {notices} notices for {} days, 24 of them on {all_day} days; {missed} days over were missed, {false_alarms} days told were not over",
        sent.len()
    );

    let ours = Simulation::undisturbed(USUAL, generated.first, HOURS / 2);
    let account = ours.told.iter().filter(|id| id.starts_with("cost/account/") && !id.contains("resolved")).count();
    let days = ours
        .told
        .iter()
        .filter_map(|id| id.strip_prefix("cost/account/")?.get(..10))
        .collect::<std::collections::BTreeSet<_>>();
    println!("ours: {account} notices for {} days of the account", days.len());
    assert!(all_day > 10, "{all_day} days with 24 notices");
    assert!(sent.values().all(|&sent| sent <= 24));
    assert!(notices > 5 * u32::try_from(account).unwrap(), "{notices} against {account}");
    assert!(
        missed > 0 && false_alarms > 0,
        "credits hide, tax looks like usage, and late items are never looked at again"
    );
    let untold: Vec<&Day> = over
        .iter()
        .filter(|(day, over)| **over && !days.contains(day.to_string().as_str()))
        .map(|(day, _)| day)
        .collect();
    assert!(
        untold.iter().all(|day| **day >= generated.first.plus(DAYS - 12)),
        "only the last days may still be revised: {untold:?}"
    );
}
