use domain::Notice;
use testkit::bill::day_costs;
use testkit::{at, usd};

use super::*;
use crate::alerts::Change;
use crate::plan::{BillView, plan};
use crate::reading::Reading;
use crate::state::{Pages, State};
use crate::testing::{Story, observation, policy};

/// A run that reads an alert into being, and has one notice left over.
fn good() -> (Snapshot, Plan) {
    let mut story = Story::begun();
    story.shows("2026-11-23T00:00:00Z", [("2026-11-22", day_costs(&[("EC2", "", "1300")], &[]))]);
    let left_over =
        Notice { id: "cost/account/2026-11-22/120".into(), subject: "Cost alert".into(), body: "left over".into() };
    let pages = Pages { day: Some(testkit::day("2026-11-24")), booked: 3 };
    let state = State { outbox: vec![left_over], pages, ..story.state };
    let day = |usd| {
        day_costs(&[("EC2", "", usd), ("EC2", "acme", "60"), ("RDS", "shared", "0.005")], &[("Credit", "-5.001")])
    };
    let seen = observation("2026-11-24T00:00:00Z", [("2026-11-22", day("1240")), ("2026-11-23", day("1000"))]);
    let snapshot = Snapshot {
        as_of: at("2026-11-24T00:00:00Z"),
        run: "this run".to_owned(),
        state,
        reading: Reading::Ask { why: "a new day".to_owned(), book: 3, forecast: true },
        bill: BillView::Fresh { observation: seen, spent: 3 },
    };
    let plan = plan(&policy(), &snapshot);
    (snapshot, plan)
}

/// Why a good plan is refused once it is broken so.
fn refused(break_it: impl FnOnce(&mut Snapshot, &mut Plan)) -> String {
    let (mut snapshot, mut plan) = good();
    break_it(&mut snapshot, &mut plan);
    let failure = check(&policy(), &snapshot, plan).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Refused);
    failure.message.strip_prefix("the plan was refused and nothing was written: ").unwrap().to_owned()
}

fn state(plan: &mut Plan) -> &mut State {
    plan.state.as_mut().unwrap()
}

#[test]
fn a_good_plan_passes_unchanged() {
    let (snapshot, plan) = good();
    assert_eq!(check(&policy(), &snapshot, plan.clone()).unwrap(), plan);
    assert_eq!(plan.changes.len(), 3, "the account, and acme on two days");
}

#[test]
fn rows_that_do_not_add_up_are_refused() {
    let refusal = refused(|_, plan| plan.day.as_mut().unwrap().by_service[0].usd += usd("0.01"));
    assert_eq!(refusal, "the rows shown of 2026-11-23 do not add up to its bill");
    let refusal = refused(|_, plan| plan.day.as_mut().unwrap().by_tenant[0].usd += usd("0.01"));
    assert_eq!(refusal, "the tenants shown of 2026-11-23 do not add up to its usage");
    let refusal = refused(|_, plan| plan.day.as_mut().unwrap().usage += usd("0.01"));
    assert_eq!(refusal, "what is shown of 2026-11-23 is not what was read");
    let refusal = refused(|_, plan| plan.day.as_mut().unwrap().day = testkit::day("2026-11-24"));
    assert_eq!(refusal, "2026-11-24 is shown and was not read");
    let refusal = refused(|_, plan| {
        let days = &mut plan.observation.as_mut().unwrap().days;
        days.get_mut(&testkit::day("2026-11-22")).unwrap().rounding.net_amortized = usd("-0.0101");
    });
    assert_eq!(refusal, "the rows of 2026-11-22 do not add up to its bill");
}

#[test]
fn an_alert_that_goes_back_is_refused() {
    let back = |edit: fn(&mut Alert)| {
        refused(|_, plan| {
            let alert = state(plan).alerts.iter_mut().find(|alert| alert.level == 120).unwrap();
            edit(alert);
        })
    };
    let lower = back(|alert| alert.level = 100);
    assert!(
        lower.contains("Cost account 2026-11-22 goes back; Cost account 2026-11-22 moves without a reason"),
        "{lower}"
    );
    assert!(back(|alert| alert.episode = 0).starts_with("Cost account 2026-11-22 goes back"));
    let closed = back(|alert| alert.open = false);
    assert!(closed.contains("account is over its limit on 2026-11-22 and nobody is told"), "{closed}");
}

#[test]
fn an_alert_that_opens_without_a_new_episode_is_refused() {
    let refusal = refused(|snapshot, _| snapshot.state.alerts[0].open = false);
    assert_eq!(refusal, "Cost account 2026-11-22 goes back; Cost account 2026-11-22 moves without a reason");
}

#[test]
fn an_alert_that_is_there_twice_or_forgotten_is_refused() {
    let twice = refused(|_, plan| {
        let first = state(plan).alerts[0].clone();
        state(plan).alerts.push(first);
    });
    assert_eq!(twice, "Cost account 2026-11-22 is there twice");
    // Below the limit today: only what is remembered knows that it was told.
    let forgotten = refused(|snapshot, plan| {
        snapshot.state.alerts[0].day = testkit::day("2026-11-20");
        snapshot.state.alerts[0].open = false;
        state(plan).alerts.remove(0);
    });
    assert!(forgotten.contains("Cost account 2026-11-20 is forgotten"), "{forgotten}");
}

#[test]
fn a_level_that_does_not_exist_is_refused() {
    assert!(refused(|_, plan| state(plan).alerts[0].level = 130).contains("Cost account 2026-11-22 has the level 130"));
}

#[test]
fn an_alert_against_its_own_figures_is_refused() {
    let against = |edit: fn(&mut Change)| refused(|_, plan| edit(plan.changes.last_mut().unwrap()));
    assert!(
        against(|change| change.step = Step::Resolved)
            .contains("an alert of 2026-11-23 is resolved against its own figures")
    );
    assert_eq!(
        against(|change| change.measure.as_mut().unwrap().value = usd("50")),
        "an alert of 2026-11-23 is opened against its own figures"
    );
}

#[test]
fn a_day_over_its_limit_that_nobody_is_told_of_is_refused() {
    let refusal = refused(|_, plan| {
        let change = plan.changes.pop().unwrap();
        state(plan).alerts.retain(|alert| alert.identity() != change.alert.identity());
        plan.notices.pop();
        state(plan).outbox.pop();
    });
    assert_eq!(refusal, "tenant/acme is over its limit on 2026-11-23 and nobody is told");
}

#[test]
fn a_notice_that_is_lost_doubled_or_not_stored_is_refused() {
    let lost = refused(|_, plan| drop((plan.notices.remove(0), state(plan).outbox.remove(0))));
    assert_eq!(lost, "notice cost/account/2026-11-22/120 was waiting and is gone");
    let untold = refused(|_, plan| drop((plan.notices.pop(), state(plan).outbox.pop())));
    assert_eq!(untold, "the alert of 2026-11-23 is opened and nobody is told");
    let unstored = refused(|_, plan| drop(state(plan).outbox.pop()));
    assert_eq!(unstored, "what is sent is not what is stored as waiting");
    let doubled = refused(|_, plan| {
        plan.notices.push(plan.notices[0].clone());
        let outbox = &mut state(plan).outbox;
        outbox.push(outbox[0].clone());
    });
    assert_eq!(doubled, "notice cost/account/2026-11-22/120 is there twice");
    let unwritten = refused(|_, plan| plan.state = None);
    assert!(unwritten.contains("alerts move and the state is not written"), "{unwritten}");
}

#[test]
fn a_notice_that_sns_would_not_take_is_refused() {
    let refusal = refused(|_, plan| {
        plan.notices[1].subject = "x".repeat(100);
        state(plan).outbox[1].subject = "x".repeat(100);
    });
    assert_eq!(
        refusal,
        "notice cost/tenant/acme/2026-11-22/100: subject of 100 characters, and SNS takes fewer than 100"
    );
}

#[test]
fn more_pages_than_a_day_may_take_are_refused() {
    assert_eq!(refused(|_, plan| state(plan).pages.booked = 13), "13 pages of a day are over the limit of 12");
    // A limit that was lowered during the day refuses no plan: nothing can be unspent.
    let (mut snapshot, mut plan) = good();
    (snapshot.state.pages.booked, state(&mut plan).pages.booked) = (13, 13);
    assert!(check(&policy(), &snapshot, plan).is_ok());
}

#[test]
fn everything_that_is_broken_is_named_at_once() {
    let refusal = refused(|_, plan| {
        state(plan).pages.booked = 20;
        plan.notices[0].body.clear();
    });
    assert_eq!(refusal.split("; ").count(), 4, "{refusal}");
}
