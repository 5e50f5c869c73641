//! Every AWS call of the hour that decides, failed in every way: the hours that follow come to the same alerts.
//!
//! The points are the calls that the function made when nothing failed: a new call is a new point by itself.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use local_platform::gateway::{FaultAction, FaultHandle, FaultRule, Nth};
use local_platform::wiring::WiringOptions;
use platform_tests::{FUNCTION, OBSERVATION, STATE, World, said, scenario};
use serde_json::Value;

/// Attempts of the SDK for one call (shared/runtime). Cost Explorer's have a price: there is one.
const SDK_ATTEMPTS: u64 = 3;

/// One call of the function, by what is asked of what for the how-manieth time.
#[derive(Clone, Debug, PartialEq)]
struct Point {
    operation: String,
    resource: Option<String>,
    nth: u64,
}

impl Point {
    fn name(&self) -> String {
        let Self { operation, resource, nth } = self;
        let resource = resource.as_deref().unwrap_or_default().rsplit(['/', ':']).next().unwrap_or_default();
        format!("{operation} {resource} {nth}")
    }

    /// Fails so many attempts of the call, one after another.
    fn fail(&self, world: &World, action: FaultAction, attempts: u64) -> Vec<FaultHandle> {
        let rule = FaultRule { resource_contains: self.resource.clone(), ..FaultRule::new(action) };
        let rule = rule.role(FUNCTION).operation(&self.operation);
        let calls = self.nth..self.nth + attempts;
        calls.map(|call| world.platform.gateway.inject(rule.clone().nth(Nth::Nth(call)))).collect()
    }

    fn attempts(&self) -> u64 {
        if self.operation.starts_with("GetCost") { 1 } else { SDK_ATTEMPTS }
    }
}

/// What must come out the same.
#[derive(Debug, PartialEq)]
struct Truth {
    notices: BTreeSet<String>,
    alerts: Value,
}

/// A platform on which the evening before was played: state and observation are there.
struct Stage {
    world: World,
    before: [(&'static str, Vec<u8>); 2],
    truth: Truth,
    points: Vec<Point>,
}

fn at(hour: &str) -> Timestamp {
    hour.parse().unwrap()
}

impl Stage {
    async fn set() -> Self {
        let options = WiringOptions {
            environment: BTreeMap::from([("TENANT_BUDGETS_USD".to_owned(), "acme=400".to_owned())]),
            ..WiringOptions::default()
        };
        let world = World::start(&scenario("gpu-left-on"), &options).await;
        world.deliver(at("2026-11-23T23:00:00Z")).await;
        assert_eq!(world.notice_ids().await, [""; 0]);
        let before =
            [(STATE, world.object(STATE).await.unwrap()), (OBSERVATION, world.object(OBSERVATION).await.unwrap())];

        let mark = world.last_call();
        let answers = world.deliver(at("2026-11-24T16:00:00Z")).await;
        assert_eq!(said(&answers[0], "status"), "done");
        let mut points: Vec<Point> = Vec::new();
        for call in world.calls_since(mark) {
            let same = |point: &&Point| point.operation == call.operation && point.resource == call.resource;
            let nth = 1 + points.iter().filter(same).count() as u64;
            points.push(Point { operation: call.operation, resource: call.resource, nth });
        }
        for hour in ["2026-11-24T17:00:00Z", "2026-11-24T18:00:00Z"] {
            world.deliver(at(hour)).await;
        }
        let notices = world.notice_ids().await.into_iter().collect();
        let truth = Truth { notices, alerts: alerts(&world.state().await) };
        Self { world, before, truth, points }
    }

    /// Plays the same hours with a fault in the first, and compares.
    async fn play(&self, number: usize, point: &Point, action: FaultAction, attempts: u64) {
        let (world, name) = (&self.world, format!("{action:?} at {}", point.name()));
        for (key, was) in &self.before {
            world.restore(key, Some(was)).await;
        }
        let (pages, mark) = (world.platform.cost_explorer.pages(), world.last_call());
        let faults = point.fail(world, action, attempts);
        // Some seconds apart: an event that comes again is another event of the same hour, with an id of its own.
        let late = SignedDuration::from_secs(i64::try_from(number + 1).unwrap());
        for hour in ["2026-11-24T16:00:00Z", "2026-11-24T17:00:00Z", "2026-11-24T18:00:00Z"] {
            world.deliver(at(hour) + late).await;
        }
        for fault in faults {
            assert_eq!((fault.fired(), fault.problem()), (1, None), "{name} meets its calls");
            fault.remove();
        }
        let notices = world.notice_ids().await;
        let state = world.state().await;
        let found = Truth { notices: notices.iter().cloned().collect(), alerts: alerts(&state) };
        assert_eq!(found, self.truth, "{name}");
        assert_eq!(state["outbox"], Value::Array(Vec::new()), "{name}: nothing waits");

        let answered = world.platform.cost_explorer.pages() - pages;
        let asked = world.calls_since(mark).iter().filter(|call| call.service == "ce").count() as u64;
        let booked = state["pages"]["booked"].as_u64().unwrap();
        assert!(answered <= asked && asked <= booked && booked <= 12, "{name}: {answered} {asked} {booked}");
        // Notices go out again only where a publishing or the note of it was hit: all of the run, or one for each reply
        // that was lost.
        let repeated = notices.len() - found.notices.len();
        let may_repeat = match point.operation.as_str() {
            "Publish" | "PutObject" => self.truth.notices.len().max(usize::try_from(attempts).unwrap()),
            _ => 0,
        };
        assert!(repeated <= may_repeat, "{name}: {notices:?}");
    }

    async fn play_all(self, action: FaultAction, attempts: impl Fn(&Point) -> u64) {
        for (number, point) in self.points.iter().enumerate() {
            self.play(number, point, action, attempts(point)).await;
        }
        self.world.stop().await;
    }
}

/// Identity and stand of each alert. When it changed depends on when it could be seen.
fn alerts(state: &Value) -> Value {
    let mut alerts = state["alerts"].clone();
    for alert in alerts.as_array_mut().unwrap() {
        alert.as_object_mut().unwrap().remove("changed").unwrap();
    }
    alerts
}

async fn play_all(action: FaultAction, attempts: impl Fn(&Point) -> u64) {
    Stage::set().await.play_all(action, attempts).await;
}

#[tokio::test]
async fn the_points_are_every_call_of_the_deciding_hour() {
    let stage = Stage::set().await;
    let names: Vec<String> = stage.points.iter().map(Point::name).collect();
    let expected = [
        "GetObject state.json 1",
        "GetObject observation.json 1",
        "PutObject state.json 1", // pages are booked
        "GetCostAndUsage  1",
        "GetCostAndUsage  2",
        "GetCostForecast  1",
        "PutObject observation.json 1",
        "PutObject state.json 2", // alerts and outbox
        "Publish operations 1",
        "Publish operations 2",
        "PutObject state.json 3", // the outbox is empty
    ];
    assert_eq!(names, expected);
    let notices = ["cost/account/2026-11-23/100", "cost/tenant/acme/2026-11-23/150"];
    assert_eq!(stage.truth.notices, notices.map(str::to_owned).into());
    stage.world.stop().await;
}

// Two kinds in one test: they wait more than they work.

#[tokio::test]
async fn a_service_that_fails_or_throttles_changes_nothing_in_the_end() {
    let fails = play_all(FaultAction::ServerError(500), Point::attempts);
    tokio::join!(fails, play_all(FaultAction::Throttle, Point::attempts));
}

#[tokio::test]
async fn a_lost_reply_changes_nothing_in_the_end_be_it_one_or_all_that_the_sdk_asks_for() {
    tokio::join!(play_all(FaultAction::LostReply, |_| 1), play_all(FaultAction::LostReply, Point::attempts));
}

#[tokio::test]
async fn a_function_killed_before_or_after_a_call_is_made_good() {
    tokio::join!(play_all(FaultAction::KillBefore, |_| 1), play_all(FaultAction::KillAfter, |_| 1));
}

#[tokio::test]
async fn an_hour_that_fails_at_every_attempt_is_made_good_by_the_next() {
    let stage = Stage::set().await;
    let world = &stage.world;
    for (key, was) in &stage.before {
        world.restore(key, Some(was)).await;
    }
    let fault = FaultRule::new(FaultAction::Throttle).role(FUNCTION).operation("Publish");
    let fault = world.platform.gateway.inject(fault);
    let answers = world.deliver(at("2026-11-24T16:00:01Z")).await;
    let types: Vec<&str> = answers.iter().map(|answer| said(answer, "error_type")).collect();
    assert_eq!(types, ["Throttled"; 3], "Lambda tries three times");
    assert_eq!(world.notice_ids().await, [""; 0]);
    assert_eq!(world.state().await["outbox"].as_array().map(Vec::len), Some(2));
    let queue = &world.platform.wired.failure_queue_urls["cost-check-failed"];
    let kept = world.platform.wiring.wait_for_messages(queue, 1, platform_tests::PATIENCE).await.unwrap();
    assert!(kept[0].contains("2026-11-24T16:00:01Z"), "the event is kept: {kept:?}");

    fault.remove();
    let answers = world.deliver(at("2026-11-24T17:00:01Z")).await;
    assert_eq!(said(&answers[0], "did"), "sent cost/account/2026-11-23/100, sent cost/tenant/acme/2026-11-23/150");
    let notices: BTreeSet<String> = world.notice_ids().await.into_iter().collect();
    assert_eq!(notices, stage.truth.notices);
    assert_eq!(alerts(&world.state().await), stage.truth.alerts);
    stage.world.stop().await;
}
