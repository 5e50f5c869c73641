//! Whole days: schedule, built binary, Cost Explorer, SNS, a subscribed queue.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use local_platform::platform::Platform;
use local_platform::play::{Account, Scenario, play};
use local_platform::simulators::cost_explorer::Metric;
use local_platform::wiring::WiringOptions;
use platform_tests::{FUNCTION, World, counted, options, prepared, said, scenario};

async fn played(scenario: &Scenario) -> (Platform, Account) {
    let platform = Platform::start(prepared().await, scenario.bill.clone(), &options(scenario), &|_: &str| {}).await;
    let platform = platform.unwrap();
    let account = play(&platform, scenario, &mut |_| {}).await.unwrap();
    (platform, account)
}

fn assert_as_expected(account: &Account, scenario: &Scenario) {
    for verdict in account.verdicts(&scenario.expect) {
        assert!(verdict.holds, "{}: {}; seen: {}", scenario.title, verdict.what, verdict.seen);
    }
}

#[tokio::test]
async fn a_node_left_on_raises_exactly_one_alert_in_a_day() {
    let scenario = scenario("gpu-left-on");
    let (platform, account) = played(&scenario).await;
    assert_as_expected(&account, &scenario);
    let [notice] = account.notices.as_slice() else { panic!("one notice, not {:?}", account.notices) };
    assert_eq!(notice.topic_arn, platform.wired.notice_topic_arn);
    let subject = notice.subject.as_deref().unwrap();
    assert!(subject.contains("1,030.69 USD on 2026-11-23") && subject.len() < 100, "{subject}");
    assert!(account.invocations.iter().all(|played| played.attempt == 1 && played.said("status") == "done"));
    assert_eq!(account.invocations.len(), 24);

    // 85 % of what was used, credit and tax apart, as the bill itself says.
    let at = "2026-11-24T16:00:00Z".parse().unwrap();
    let day = platform.cost_explorer.visible("2026-11-23".parse().unwrap(), at);
    let usage = day.lines.iter().filter(|line| line.item.record_type.name() == "Usage");
    let total: rust_decimal::Decimal = usage.map(|line| line.amounts.get(Metric::UnblendedCost)).sum();
    assert_eq!(total.round_dp(2).to_string(), "1030.69");
    platform.stop().await.unwrap();
}

#[tokio::test]
async fn a_bad_day_tells_the_same_truth() {
    let scenario = scenario("bad-day");
    let (platform, account) = played(&scenario).await;
    assert_as_expected(&account, &scenario);
    assert_eq!(account.notices.len(), scenario.expect.notices.len(), "none of these faults repeats a notice");
    let failed: Vec<_> = account.invocations.iter().filter(|played| played.failed()).collect();
    let [failed] = failed.as_slice() else { panic!("one invocation fails, not {failed:?}") };
    assert_eq!((failed.said("error_type"), failed.attempt), ("Throttled", 1));
    assert!(failed.said("error").contains("cost/tenant/acme/2026-11-23/120"), "{}", failed.said("error"));
    platform.stop().await.unwrap();
}

#[tokio::test]
async fn two_platforms_side_by_side_do_not_disturb_each_other() {
    // The same day on both, but only one of them has a budget for acme and a low threshold.
    let scenario = scenario("gpu-left-on");
    let other = WiringOptions {
        environment: BTreeMap::from([
            ("DAILY_THRESHOLD_USD".to_owned(), "10000".to_owned()),
            ("TENANT_BUDGETS_USD".to_owned(), "acme=400".to_owned()),
        ]),
        ..WiringOptions::default()
    };
    let usual = WiringOptions::default();
    let (one, two) = tokio::join!(World::start(&scenario, &usual), World::start(&scenario, &other));
    assert_ne!(one.platform.gateway.url(), two.platform.gateway.url());
    let hours = ["2026-11-24T15:00:00Z", "2026-11-24T16:00:00Z"].map(|hour| hour.parse::<Timestamp>().unwrap());
    let run = async |world: &World| {
        for hour in hours {
            for finished in world.deliver(hour).await {
                assert_eq!(said(&finished, "status"), "done", "{}", finished.line);
            }
        }
        world.notice_ids().await
    };
    let (first, second) = tokio::join!(run(&one), run(&two));
    assert_eq!(first, ["cost/account/2026-11-23/100"]);
    assert_eq!(second, ["cost/tenant/acme/2026-11-23/150"]);
    assert_eq!((one.platform.cost_explorer.pages(), two.platform.cost_explorer.pages()), (3, 3));

    // One goes; the other goes on.
    one.stop().await;
    assert_eq!(two.deliver("2026-11-24T17:00:00Z".parse().unwrap()).await.len(), 1);
    two.stop().await;
}

#[tokio::test]
async fn a_day_whose_every_event_comes_twice_sends_and_asks_nothing_more() {
    let scenario = scenario("gpu-left-on");
    let world = World::start(&scenario, &options(&scenario)).await;
    let hours: Vec<Timestamp> = scenario.hours().collect();
    for hour in &hours {
        world.deliver(*hour).await;
    }
    let notices: BTreeSet<String> = world.notice_ids().await.into_iter().collect();
    assert_eq!(notices, scenario.expect.notices.iter().cloned().collect());
    let (state, pages, last) = (world.state().await, world.platform.cost_explorer.pages(), world.last_call());

    // All of them again, a day late and the newest first. An event that was delivered before has its answer in the log
    // already: each is waited for by its own request.
    for hour in hours.iter().rev() {
        let again = world.call(*hour).await;
        assert_eq!((said(&again, "status"), said(&again, "did")), ("done", "nothing"), "{}", again.line);
    }
    assert_eq!(world.notice_ids().await, [""; 0]);
    assert_eq!((world.state().await, world.platform.cost_explorer.pages()), (state, pages));
    let calls = world.calls_since(last);
    assert_eq!(counted(&calls), BTreeMap::from([("GetObject", 48)]), "they only look");
    world.stop().await;
}

#[tokio::test]
async fn a_dry_run_shows_the_plan_and_does_nothing() {
    let scenario = scenario("gpu-left-on");
    let world = World::start(&scenario, &options(&scenario)).await;
    world.deliver("2026-11-24T07:00:00Z".parse().unwrap()).await;
    let (state, pages, last) = (world.state().await, world.platform.cost_explorer.pages(), world.last_call());
    let event = serde_json::json!({ "action": "check", "as_of": "2026-11-24T16:00:00Z", "dry_run": true });
    let planned = world.platform.wiring.call(FUNCTION, &event, platform_tests::PATIENCE).await.unwrap();
    assert_eq!((said(&planned, "status"), said(&planned, "did")), ("planned", "nothing"));
    let text = said(&planned, "text");
    assert!(text.contains("cost-check as of 2026-11-24T16:00:00Z\n  bill: ask Cost Explorer"), "{text}");
    assert_eq!((world.state().await, world.platform.cost_explorer.pages()), (state, pages));
    assert_eq!(counted(&world.calls_since(last)), BTreeMap::from([("GetObject", 2)]));
    world.stop().await;
}

/// The control: what the guide's loop (`BlendedCost` of yesterday over 1,000, every hour) would have sent.
#[test]
fn the_guides_loop_is_blind_to_the_day_and_without_the_credit_alerts_every_hour() {
    let alerts = |scenario: &Scenario| {
        let bill = local_platform::simulators::cost_explorer::CostExplorer::new(scenario.bill.clone()).unwrap();
        let over = |hour: &Timestamp| {
            let day = bill.visible("2026-11-23".parse().unwrap(), *hour);
            let total: rust_decimal::Decimal = day.lines.iter().map(|line| line.amounts.get(Metric::BlendedCost)).sum();
            total > rust_decimal::Decimal::ONE_THOUSAND
        };
        scenario.hours().filter(over).collect::<Vec<Timestamp>>()
    };
    let mut scenario = scenario("gpu-left-on");
    assert_eq!(alerts(&scenario), []);
    scenario.bill.items.retain(|item| item.record_type.name() != "Credit");
    let from_15 = scenario.day.start() + SignedDuration::from_hours(15);
    assert_eq!(alerts(&scenario), scenario.hours().filter(|hour| *hour >= from_15).collect::<Vec<_>>());
}
