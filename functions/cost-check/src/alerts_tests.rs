use testkit::bill::day_costs;
use testkit::{at, day, usd};

use super::*;
use crate::testing::{Story, dollars, observation, planned};

const NOTHING: [&str; 0] = [];

#[test]
fn a_level_is_reached_only_above_it() {
    for (value, level) in [
        ("-20", None),
        ("0", None),
        ("1000", None),
        ("1000.0000000001", Some(100)),
        ("1200", Some(100)),
        ("1200.01", Some(120)),
        ("1500", Some(120)),
        ("1500.01", Some(150)),
        ("2000", Some(150)),
        ("2000.01", Some(200)),
        ("99999", Some(200)),
    ] {
        assert_eq!(Measure { value: usd(value), limit: usd("1000") }.level(), level, "{value}");
    }
}

#[test]
fn an_alert_moves_up_level_by_level_down_only_to_resolved_and_opens_again() {
    let alert = |level, open| {
        let (kind, scope, day) = (Kind::Cost, Scope::Account, day("2026-11-23"));
        Alert { kind, scope, day, level, open, episode: 1, changed: at("2026-11-24T00:00:00Z") }
    };
    for (before, level, moves) in [
        (None, None, None),
        (None, Some(150), Some(Step::Opened)),
        (Some(alert(120, true)), Some(150), Some(Step::Escalated)),
        (Some(alert(120, true)), Some(120), None),
        (Some(alert(120, true)), Some(100), None),
        (Some(alert(120, true)), None, Some(Step::Resolved)),
        (Some(alert(120, false)), None, None),
        (Some(alert(120, false)), Some(100), Some(Step::OpenedAgain)),
        (Some(alert(120, false)), Some(200), Some(Step::OpenedAgain)),
    ] {
        assert_eq!(step(before.as_ref(), level), moves, "{before:?} at {level:?}");
    }
}

#[test]
fn a_day_is_told_once_at_each_level_it_reaches() {
    let mut story = Story::begun();
    for (as_of, cost, told) in [
        ("2026-11-24T00:00:00Z", "1000", &NOTHING[..]),
        ("2026-11-24T08:00:00Z", "1000.01", &["cost/account/2026-11-23/100"]),
        ("2026-11-24T09:00:00Z", "1000.01", &[]),
        ("2026-11-24T16:00:00Z", "1201", &["cost/account/2026-11-23/120"]),
        ("2026-11-25T00:00:00Z", "1100", &[]),
        ("2026-11-25T08:00:00Z", "1201", &[]),
        ("2026-11-25T16:00:00Z", "2500", &["cost/account/2026-11-23/200"]),
    ] {
        assert_eq!(story.shows(as_of, [("2026-11-23", dollars(cost))]), told, "{as_of}");
    }
}

#[test]
fn a_jump_over_levels_is_one_alert_at_the_highest() {
    let told = Story::begun().shows("2026-11-24T00:00:00Z", [("2026-11-23", dollars("1777"))]);
    assert_eq!(told, ["cost/account/2026-11-23/150"]);
}

#[test]
fn a_day_that_is_revised_over_the_limit_weeks_later_alerts_once() {
    let mut story = Story::begun();
    assert_eq!(story.shows("2026-11-02T00:00:00Z", [("2026-11-01", dollars("990"))]), NOTHING);
    assert_eq!(story.shows("2026-11-24T00:00:00Z", [("2026-11-01", dollars("1010"))]), ["cost/account/2026-11-01/100"]);
    assert_eq!(story.shows("2026-11-24T08:00:00Z", [("2026-11-01", dollars("1011"))]), NOTHING);
}

#[test]
fn a_day_that_falls_back_is_resolved_and_can_open_again() {
    let mut story = Story::begun();
    let id = |what: &str| vec![format!("cost/account/2026-11-23/{what}")];
    for (as_of, cost, told) in [
        ("2026-11-24T00:00:00Z", "1300", id("120")),
        ("2026-11-24T08:00:00Z", "1000", id("resolved")),
        ("2026-11-24T16:00:00Z", "900", Vec::new()),
        ("2026-11-25T00:00:00Z", "1001", id("100/2")),
        ("2026-11-25T08:00:00Z", "1600", id("150/2")),
        ("2026-11-25T16:00:00Z", "1", id("resolved/2")),
    ] {
        assert_eq!(story.shows(as_of, [("2026-11-23", dollars(cost))]), told, "{as_of}");
    }
}

#[test]
fn a_day_without_data_resolves_nothing() {
    let mut story = Story::begun();
    story.shows("2026-11-24T00:00:00Z", [("2026-11-23", dollars("1300"))]);
    let emptied = observation("2026-11-24T08:00:00Z", [("2026-11-22", dollars("1"))]);
    assert_eq!(story.sees("2026-11-24T08:00:00Z", Some(&emptied)), NOTHING);
}

#[test]
fn credits_hide_no_usage_and_tax_is_none() {
    let mut story = Story::begun();
    let hidden = day_costs(&[("EC2", "", "1500.01")], &[("Credit", "-1500.01")]);
    let taxed = day_costs(&[("EC2", "", "10")], &[("Tax", "5000"), ("Upfront", "8000")]);
    let told = story.shows("2026-11-24T00:00:00Z", [("2026-11-22", taxed), ("2026-11-23", hidden)]);
    assert_eq!(told, ["cost/account/2026-11-23/150"]);
}

#[test]
fn a_tenant_has_its_own_budget_in_net_amortized_cost() {
    let mut costs =
        day_costs(&[("EC2", "acme", "70"), ("RDS", "acme", "10"), ("EC2", "globex", "500"), ("EC2", "", "60")], &[]);
    costs.usage[0].amounts.net_amortized = usd("52");
    let mut story = Story::begun();
    let told = story.shows("2026-11-24T00:00:00Z", [("2026-11-23", costs)]);
    assert_eq!(told, ["cost/tenant/acme/2026-11-23/120"], "62 net amortized, not 80 unblended, of 50");
}

#[test]
fn the_first_run_judges_yesterday_and_no_day_before() {
    let mut story = Story { state: State::default(), ..Story::begun() };
    let days = || [("2026-11-21", dollars("9000")), ("2026-11-22", dollars("9000")), ("2026-11-23", dollars("1001"))];
    assert_eq!(story.shows("2026-11-24T10:00:00Z", days()), ["cost/account/2026-11-23/100"]);
    assert_eq!(story.shows("2026-12-01T10:00:00Z", days()), NOTHING, "nor does a later run");
}

#[test]
fn a_budget_that_is_new_or_lower_judges_yesterday_and_no_day_before() {
    let mut story = Story::begun();
    let days = || {
        ["2026-11-20", "2026-11-21", "2026-11-22", "2026-11-23"]
            .map(|day| (day, day_costs(&[("EC2", "acme", "49"), ("EC2", "globex", "700")], &[])))
    };
    assert_eq!(story.shows("2026-11-24T00:00:00Z", days()), NOTHING);
    story.policy.budgets.insert("globex".parse().unwrap(), usd("600"));
    story.policy.threshold = usd("740");
    let told = ["cost/account/2026-11-23/100", "cost/tenant/globex/2026-11-23/100"];
    assert_eq!(story.shows("2026-11-24T08:00:00Z", days()), told);
    assert_eq!(story.shows("2026-11-24T16:00:00Z", days()), NOTHING);
    // A higher one resolves what it no longer covers, and goes on judging the days that it judged.
    story.policy.threshold = usd("745");
    assert_eq!(story.shows("2026-11-24T17:00:00Z", days()), NOTHING);
    story.policy.threshold = usd("800");
    assert_eq!(story.shows("2026-11-24T18:00:00Z", days()), ["cost/account/2026-11-23/resolved"]);
    assert_eq!(
        story.shows("2026-12-01T00:00:00Z", [("2026-11-23", dollars("801"))]),
        ["cost/account/2026-11-23/100/2", "cost/tenant/globex/2026-11-23/resolved"]
    );
}

#[test]
fn old_and_repeated_events_change_nothing() {
    let mut story = Story::begun();
    let seen = observation("2026-11-24T08:00:00Z", [("2026-11-22", dollars("1300")), ("2026-11-23", dollars("1001"))]);
    assert_eq!(
        story.sees("2026-11-24T08:00:00Z", Some(&seen)),
        ["cost/account/2026-11-22/120", "cost/account/2026-11-23/100"]
    );
    for as_of in ["2026-11-24T08:00:00Z", "2026-11-24T07:00:00Z", "2026-11-23T00:00:00Z", "2026-08-01T00:00:00Z"] {
        let plan = planned(&story.policy, &story.state, Some(&seen), at(as_of));
        assert_eq!((plan.state, plan.notices, plan.observation), (None, Vec::new(), None), "{as_of}");
    }
}

#[test]
fn a_bill_out_of_view_is_told_once_and_told_again_when_it_is_back() {
    let mut story = Story::begun();
    let seen = observation("2026-11-20T10:00:00Z", [("2026-11-19", dollars("5"))]);
    for (as_of, told) in [
        ("2026-11-21T09:59:59Z", &NOTHING[..]),
        ("2026-11-21T10:00:00Z", &["unknown/account/2026-11-20/open"]),
        ("2026-11-21T10:00:00Z", &[]),
        ("2026-11-21T11:00:00Z", &[]),
        ("2026-11-20T12:00:00Z", &[]),
        ("2026-11-25T11:00:00Z", &[]),
    ] {
        assert_eq!(story.sees(as_of, Some(&seen)), told, "{as_of}");
    }
    let back = observation("2026-11-25T12:00:00Z", [("2026-11-24", dollars("5"))]);
    assert_eq!(story.sees("2026-11-25T12:00:00Z", Some(&back)), ["unknown/account/2026-11-20/resolved"]);
    assert_eq!(story.sees("2026-11-25T12:00:00Z", Some(&back)), NOTHING);
    assert_eq!(
        story.sees("2026-11-22T12:00:00Z", Some(&back)),
        NOTHING,
        "a late event from the dark hours opens nothing"
    );
    assert_eq!(
        story.sees("2026-11-26T12:00:00Z", Some(&back)),
        ["unknown/account/2026-11-25/open"],
        "the next darkness is news"
    );
}

#[test]
fn a_new_account_that_is_never_told_anything_is_unknown_a_day_after_the_first_run() {
    let mut story = Story { state: State::default(), ..Story::begun() };
    assert_eq!(story.sees("2026-11-20T10:00:00Z", None), NOTHING);
    assert_eq!(story.sees("2026-11-21T09:00:00Z", None), NOTHING);
    assert_eq!(story.sees("2026-11-21T10:00:00Z", None), ["unknown/account/2026-11-20/open"]);
}

#[test]
fn readings_that_tell_of_no_new_day_are_blindness_too() {
    let mut story = Story::begun();
    let stuck = |as_of| observation(as_of, [("2026-11-19", dollars("5"))]);
    for (as_of, told) in [
        ("2026-11-21T00:00:00Z", &NOTHING[..]),
        ("2026-11-21T23:00:00Z", &[]),
        ("2026-11-22T00:00:00Z", &["unknown/account/2026-11-21/open"]),
        ("2026-11-22T08:00:00Z", &[]),
    ] {
        assert_eq!(story.sees(as_of, Some(&stuck(as_of))), told, "{as_of}");
    }
    let told = story.shows("2026-11-22T16:00:00Z", [("2026-11-19", dollars("5")), ("2026-11-21", dollars("5"))]);
    assert_eq!(told, ["unknown/account/2026-11-21/resolved"]);
}

#[test]
fn alerts_are_kept_while_their_day_can_be_read() {
    let mut story = Story::begun();
    story.shows("2026-11-24T00:00:00Z", [("2026-11-23", dollars("1300"))]);
    story.shows("2026-12-28T00:00:00Z", [("2026-11-23", dollars("1300"))]);
    assert_eq!(story.state.alerts.len(), 1, "the 35th day");
    story.shows("2026-12-29T00:00:00Z", [("2026-12-28", dollars("1"))]);
    assert!(story.state.alerts.is_empty());
}
