use insta::assert_snapshot;
use testkit::bill::day_costs;
use testkit::{at, day, usd};

use super::*;
use crate::plan::{BillView, Plan, Snapshot, plan};
use crate::reading::Reading;
use crate::state::{Attempt, Forecast, State};
use crate::testing::{EC2, RDS, Story, observation, planned, policy, stored};

fn costs(acme: &str) -> domain::cost::DayCosts {
    let mut costs = day_costs(
        &[
            (EC2, "acme", acme),
            (EC2, "globex", "168.5"),
            (RDS, "shared", "48.36"),
            ("Amazon Simple Storage Service", "", "3.021"),
        ],
        &[("Credit", "-400"), ("Tax", "31.25")],
    );
    costs.estimated = true;
    costs.usage[0].amounts.net_amortized = usd("44");
    costs
}

/// A reading at eight, of a quiet week before a day that came to `acme` and a bit.
fn seen(acme: &str) -> Observation {
    let mut seen = observation("2026-11-24T08:00:00Z", [("2026-11-23", costs(acme))]);
    for back in 2..=35 {
        let mut quiet = day_costs(&[(EC2, "acme", "241.92"), (EC2, "globex", "170.1"), (RDS, "shared", "48.36")], &[]);
        quiet.usage[0].amounts.net_amortized = usd("30.5");
        seen.days.insert(day("2026-11-24").plus(-back), quiet);
    }
    let window = domain::Window { start: day("2026-11-24"), end: day("2026-12-01") };
    seen.forecast = Some(Forecast { asked_on: day("2026-11-24"), window, amount: Some(usd("3211.5")) });
    seen
}

fn read(plan: &Plan) -> String {
    plan.notices.iter().map(|notice| format!("[{}]\n{}\n\n{}", notice.id, notice.subject, notice.body)).collect()
}

/// What is sent when the day comes to `acme`, after it came to the figures before.
fn after(before: &[&str], acme: &str) -> String {
    let mut story = Story::begun();
    for acme in before {
        story.sees("2026-11-24T08:00:00Z", Some(&seen(acme)));
    }
    read(&planned(&story.policy, &story.state, Some(&seen(acme)), at("2026-11-24T08:00:00Z")))
}

#[test]
fn an_alert_that_opens() {
    assert_snapshot!(after(&[], "1020.68"), @r"
    [cost/account/2026-11-23/120]
    Cost alert: 1,240.56 USD on 2026-11-23, 124 % of 1,000.00

    2026-11-23: 1,240.56 USD, 124 % of the daily threshold of 1,000.00 USD.
    Still an estimate: AWS revises a day until the bill of its month closes.
    The next notice of this day comes above 1,500.00 USD (150 %).

    What grew most, against the mean of the 7 days before:
    1. Amazon Elastic Compute Cloud - Compute, tenant acme: 1,020.68 (+778.76)
    2. Amazon Simple Storage Service, untagged: 3.02 (+3.02)

    Not in that figure: Credit -400.00, Tax 31.25. The bill of the day is 871.81 USD.
    Month from 2026-11-01 to 2026-11-23: 11,000.17 USD. Whole month: 14,211.67 USD (Cost Explorer).

    Do: open the link, group by usage type, stop what should not run. If the cost is right, raise DAILY_THRESHOLD_USD.
    Look: https://us-east-1.console.aws.amazon.com/costmanagement/home#/cost-explorer?granularity=Daily&historicalRelativeRange=CUSTOM&startDate=2026-11-23&endDate=2026-11-23&groupBy=%5B%22Service%22%5D
    Read from Cost Explorer at 2026-11-24 08:00 UTC.
    ");
}

#[test]
fn an_alert_that_rises_to_the_highest_level() {
    assert_snapshot!(after(&["1020.68"], "2001"), @r"
    [cost/account/2026-11-23/200]
    Cost rising: 2,220.88 USD on 2026-11-23, 222 % of 1,000.00

    2026-11-23: 2,220.88 USD, 222 % of the daily threshold of 1,000.00 USD.
    Still an estimate: AWS revises a day until the bill of its month closes.
    Above 200 % there is no further notice of this day.

    What grew most, against the mean of the 7 days before:
    1. Amazon Elastic Compute Cloud - Compute, tenant acme: 2,001.00 (+1,759.08)
    2. Amazon Simple Storage Service, untagged: 3.02 (+3.02)

    Not in that figure: Credit -400.00, Tax 31.25. The bill of the day is 1,852.13 USD.
    Month from 2026-11-01 to 2026-11-23: 11,980.49 USD. Whole month: 15,191.99 USD (Cost Explorer).

    Do: open the link, group by usage type, stop what should not run. If the cost is right, raise DAILY_THRESHOLD_USD.
    Look: https://us-east-1.console.aws.amazon.com/costmanagement/home#/cost-explorer?granularity=Daily&historicalRelativeRange=CUSTOM&startDate=2026-11-23&endDate=2026-11-23&groupBy=%5B%22Service%22%5D
    Read from Cost Explorer at 2026-11-24 08:00 UTC.
    ");
}

#[test]
fn an_alert_that_is_over() {
    assert_snapshot!(after(&["1020.68"], "700"), @r"
    [cost/account/2026-11-23/resolved]
    Cost back: 919.88 USD on 2026-11-23, 91 % of 1,000.00

    2026-11-23: 919.88 USD, 91 % of the daily threshold of 1,000.00 USD.
    The day is no longer over: AWS revised it, or the limit was raised. Nothing to do.

    Not in that figure: Credit -400.00, Tax 31.25. The bill of the day is 551.13 USD.
    Month from 2026-11-01 to 2026-11-23: 10,679.49 USD. Whole month: 13,890.99 USD (Cost Explorer).

    Look: https://us-east-1.console.aws.amazon.com/costmanagement/home#/cost-explorer?granularity=Daily&historicalRelativeRange=CUSTOM&startDate=2026-11-23&endDate=2026-11-23&groupBy=%5B%22Service%22%5D
    Read from Cost Explorer at 2026-11-24 08:00 UTC.
    ");
}

#[test]
fn an_alert_that_opens_again() {
    let text = after(&["1020.68", "700"], "800");
    assert!(
        text.starts_with(
            "[cost/account/2026-11-23/100/2]\nCost again: 1,019.88 USD on 2026-11-23, 101 % of 1,000.00\n"
        ),
        "{text}"
    );
}

#[test]
fn a_tenant_over_its_budget() {
    let mut policy = policy();
    policy.budgets = [("acme".parse().unwrap(), usd("40"))].into();
    let state = State { since: Some(at("2026-11-24T08:00:00Z")), ..State::default() };
    let seen = seen("241");
    assert_snapshot!(read(&planned(&policy, &state, Some(&seen), at("2026-11-24T08:00:00Z"))), @r"
    [cost/tenant/acme/2026-11-23/100]
    Cost alert acme: 44.00 USD on 2026-11-23, 110 % of 40.00

    2026-11-23: 44.00 USD, 110 % of acme's daily budget of 40.00 USD.
    Still an estimate: AWS revises a day until the bill of its month closes.
    The next notice of this day comes above 48.00 USD (120 %).

    What grew most, against the mean of the 7 days before:
    1. Amazon Elastic Compute Cloud - Compute: 44.00 (+13.50)

    All tenants. Month from 2026-11-01 to 2026-11-23: 10,220.49 USD. Whole month: 13,431.99 USD (Cost Explorer).

    Do: open the link, group by usage type, stop what should not run. If the cost is right, raise TENANT_BUDGETS_USD.
    Look: https://us-east-1.console.aws.amazon.com/costmanagement/home#/cost-explorer?granularity=Daily&historicalRelativeRange=CUSTOM&startDate=2026-11-23&endDate=2026-11-23&groupBy=%5B%22Service%22%5D
    Read from Cost Explorer at 2026-11-24 08:00 UTC.
    ");
}

#[test]
fn a_bill_that_is_out_of_view_and_back() {
    let mut story = Story::begun();
    let problem = "ask Cost Explorer for 2026-10-21 to 2026-11-24: AccessDeniedException: User is not authorized to perform: ce:GetCostAndUsage";
    story.state.attempt =
        Some(Attempt { at: at("2026-11-25T07:00:00Z"), failures: 9, problem: Some(problem.to_owned()) });
    let dark = planned(&story.policy, &story.state, Some(&seen("241")), at("2026-11-25T08:00:00Z"));
    assert_snapshot!(read(&dark), @r"
    [unknown/account/2026-11-24/open]
    Cost unknown since 2026-11-24

    The bill has not been seen since 2026-11-24. No data is not zero: the cost may be anything.

    Why: ask Cost Explorer for 2026-10-21 to 2026-11-24: AccessDeniedException: User is not authorized to perform: ce:GetCostAndUsage

    Do: if access is denied, restore ce:GetCostAndUsage for the role of cost-check and the account's access to billing. If AWS has no data, look at https://health.aws.amazon.com/health/status
    Look: https://us-east-1.console.aws.amazon.com/costmanagement/home#/cost-explorer?granularity=Daily&historicalRelativeRange=CUSTOM&startDate=2026-11-24&endDate=2026-11-24&groupBy=%5B%22Service%22%5D
    ");
    let state = State { outbox: Vec::new(), ..dark.state.unwrap() };
    let mut back = seen("241");
    back.taken_at = at("2026-11-25T11:00:00Z");
    back.days.insert(day("2026-11-24"), costs("1"));
    assert_snapshot!(read(&planned(&story.policy, &state, Some(&back), at("2026-11-25T11:00:00Z"))), @r"
    [unknown/account/2026-11-24/resolved]
    Cost in view again

    The bill, last seen on 2026-11-24, is in view again as of 2026-11-25 11:00 UTC. Nothing to do: days that went over meanwhile have notices of their own.
    ");
}

#[test]
fn a_darkness_without_an_error_says_whose_it_is() {
    let why = |state: &State, seen: Option<&Observation>, as_of: &str| {
        let text = read(&planned(&policy(), state, seen, at(as_of)));
        text.lines().find_map(|line| line.strip_prefix("Why: ")).unwrap_or("nothing is said").to_owned()
    };
    let since = State { since: Some(at("2026-11-20T00:00:00Z")), ..State::default() };
    let fresh = |newest: &'static str| observation("2026-11-24T08:00:00Z", [(newest, costs("1"))]);
    assert_eq!(
        why(&since, Some(&fresh("2026-11-20")), "2026-11-24T09:00:00Z"),
        "Cost Explorer answers, and tells of no day after 2026-11-20"
    );
    assert_eq!(
        why(&since, Some(&observation("2026-11-24T08:00:00Z", [])), "2026-11-24T09:00:00Z"),
        "Cost Explorer answers, and tells of no day at all"
    );
    let huge = Observation { pages: 13, ..fresh("2026-11-23") };
    assert_eq!(
        why(&since, Some(&huge), "2026-11-25T09:00:00Z"),
        "0 of 12 pages of the day are booked, and a reading takes 13; raise MAX_PAGES_PER_DAY (0.01 USD a page)"
    );
}

#[test]
fn a_notice_can_be_sent_whatever_the_tenant_is_called_and_however_much_it_costs() {
    let longest = "a".repeat(63);
    let mut policy = policy();
    policy.threshold = usd("100000000");
    policy.budgets = [(longest.parse().unwrap(), usd("12345678.9"))].into();
    let day = day_costs(&[(EC2, longest.as_str(), "99999999.99")], &[]);
    let state = State { since: Some(at("2026-11-24T08:00:00Z")), ..State::default() };
    let seen = observation("2026-11-24T08:00:00Z", [("2026-11-23", day)]);
    let plan = planned(&policy, &state, Some(&seen), at("2026-11-24T08:00:00Z"));
    assert_eq!(
        plan.notices[0].subject,
        "Cost alert aaaaaaaaaaaaaaaaaaaaaa..: 99,999,999.99 USD on 2026-11-23, 810 % of 12,345,678.90"
    );
    assert!(plan.notices[0].body.contains(&longest), "the body has the whole name");
}

#[test]
fn a_reason_of_any_length_makes_a_notice_that_can_be_sent() {
    let attempt = Attempt { at: at("2026-11-24T08:00:00Z"), failures: 1, problem: Some("\u{e9}".repeat(40_000)) };
    let state = State { since: Some(at("2026-11-20T00:00:00Z")), attempt: Some(attempt), ..State::default() };
    let plan = planned(&policy(), &state, None, at("2026-11-24T08:30:00Z"));
    assert_eq!(plan.notices.len(), 1);
}

#[test]
fn a_plan_says_what_it_read_what_moves_and_what_it_will_do() {
    let (story, seen) = (Story::begun(), seen("1020.68"));
    let snapshot = Snapshot {
        reading: Reading::Ask { why: "a new day: another day is yesterday".to_owned(), book: 3, forecast: true },
        bill: BillView::Fresh { observation: seen, spent: 3 },
        ..stored(&story.policy, &story.state, None, at("2026-11-24T08:00:00Z"))
    };
    assert_snapshot!(plan(&story.policy, &snapshot).to_string(), @r"
    cost-check as of 2026-11-24T08:00:00Z
      bill: ask Cost Explorer (3 pages, forecast included): a new day: another day is yesterday
      2026-11-23: 1,240.56 USD of usage, bill 871.81 USD, an estimate (figures of 2026-11-24T08:00:00Z)
      Month from 2026-11-01 to 2026-11-23: 11,000.17 USD. Whole month: 14,211.67 USD (Cost Explorer).
      alert opened: account on 2026-11-23 at level 120 %: 1,240.56 USD is 124 % of 1,000.00 USD
      write the observation of 2026-10-20 to 2026-11-23 (2 pages)
      write the state
      send cost/account/2026-11-23/120: Cost alert: 1,240.56 USD on 2026-11-23, 124 % of 1,000.00
    ");
}

#[test]
fn a_plan_that_does_nothing_says_so() {
    let mut story = Story::begun();
    let seen = seen("241");
    story.sees("2026-11-24T08:00:00Z", Some(&seen));
    assert_snapshot!(planned(&story.policy, &story.state, Some(&seen), at("2026-11-24T11:00:00Z")).to_string(), @r"
    cost-check as of 2026-11-24T11:00:00Z
      bill: keep to the last observation: it is 3 h old, and the data is refreshed at most three times a day
      2026-11-23: 460.88 USD of usage, bill 92.13 USD, an estimate (figures of 2026-11-24T08:00:00Z)
      Month from 2026-11-01 to 2026-11-23: 10,220.49 USD. Whole month: 13,431.99 USD (Cost Explorer).
      no alert moves
      nothing to do
    ");
}
