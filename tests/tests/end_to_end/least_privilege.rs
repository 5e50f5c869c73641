//! The role may do what is described, and each statement is needed: without it something that can be seen goes wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use jiff::Timestamp;
use local_platform::automation::{Automation, AutomationError, Statement};
use local_platform::gateway::CallRecord;
use local_platform::parts::ACCOUNT;
use local_platform::platform::{REGION, workspace};
use local_platform::wiring::{Finished, WiringOptions};
use platform_tests::{FUNCTION, World, counted, options, said, scenario};

/// What Lambda does in the name of the role. ministack does not ask for it, so nothing of it is seen in a run.
const OF_LAMBDA_ITSELF: [&str; 3] = ["logs:CreateLogStream", "logs:PutLogEvents", "sqs:SendMessage"];

fn deciding_hour() -> Timestamp {
    "2026-11-24T16:00:00Z".parse().unwrap()
}

fn statements(world: &World) -> Vec<Statement> {
    world.platform.wiring.automation().functions[FUNCTION].statements.clone()
}

/// The IAM action behind a call. S3 asks for `ListBucket` too before it tells that a key is missing.
fn actions(call: &CallRecord) -> Vec<String> {
    let mut actions = vec![format!("{}:{}", call.service, call.operation)];
    if call.operation == "GetObject" && call.status == Some(404) {
        actions.push("s3:ListBucket".to_owned());
    }
    actions
}

#[tokio::test]
async fn the_permissions_are_those_that_a_day_uses_and_those_that_lambda_needs() {
    let scenario = scenario("gpu-left-on");
    let world = World::start(&scenario, &options(&scenario)).await;
    for hour in scenario.hours() {
        for finished in world.deliver(hour).await {
            assert_eq!(said(&finished, "status"), "done", "{}", finished.line);
        }
    }
    let calls = world.calls_since(0);
    let refused: Vec<_> = calls.iter().filter(|call| matches!(call.status, Some(401 | 403))).collect();
    assert!(refused.is_empty(), "{refused:?}");
    assert!(calls.iter().all(|call| call.principal.as_deref().unwrap().contains(":assumed-role/cost-check/")));

    let used: BTreeSet<String> = calls.iter().flat_map(actions).chain(OF_LAMBDA_ITSELF.map(str::to_owned)).collect();
    let described: BTreeSet<String> = statements(&world).into_iter().flat_map(|statement| statement.actions).collect();
    assert_eq!(used, described, "a permission is missing, or one is needless");
    world.stop().await;
}

#[tokio::test]
async fn without_any_one_statement_something_goes_wrong() {
    let world = World::start(&scenario("gpu-left-on"), &WiringOptions::default()).await;
    for statement in statements(&world) {
        let sid = statement.sid.as_str();
        world.forget().await;
        world.wire(&WiringOptions { without_statement: Some(sid.to_owned()), ..WiringOptions::default() }).await;
        match sid {
            "ReadCosts" => the_bill_is_not_read(&world).await,
            "ReadForecast" => the_forecast_is_ours(&world).await,
            "ReadState" => the_run_is_refused(&world, "s3:GetObject", &[("GetObject", 1)]).await,
            // Pages are booked before they are asked for: nothing is paid.
            "WriteState" => the_run_is_refused(&world, "s3:PutObject", &[("GetObject", 2), ("PutObject", 1)]).await,
            "TellMissingState" => only_the_first_run_is_refused(&world).await,
            "PublishNotices" => the_notice_waits(&world).await,
            "StartLogStream" | "WriteLogs" | "KeepFailedEvents" => {
                assert!(!may(&world, &statement).await, "{sid}");
                the_reader_refuses_the_description(&statement);
            }
            _ => panic!("the statement {sid} has no proof here that it is needed"),
        }
        world.notice_ids().await;
    }

    // With all of them again the same hour goes well.
    world.forget().await;
    world.wire(&WiringOptions::default()).await;
    for statement in statements(&world) {
        assert!(may(&world, &statement).await, "{}", statement.sid);
    }
    let finished = world.call(deciding_hour()).await;
    assert_eq!(said(&finished, "did"), "stored the bill, sent cost/account/2026-11-23/100");
    world.stop().await;
}

fn assert_denied(told: &str, action: &str) {
    assert!(told.contains(&format!("is not authorized to perform: {action} ")), "{told}");
}

async fn the_bill_is_not_read(world: &World) {
    let finished = world.call(deciding_hour()).await;
    assert_eq!(said(&finished, "status"), "done", "{}", finished.line);
    assert_denied(finished.line["result"]["problem"].as_str().unwrap(), "ce:GetCostAndUsage");
    assert!(finished.line["result"]["day"].is_null(), "no data is not zero: {}", finished.line);
    assert_eq!(world.state().await["attempt"]["failures"], 1);
    assert!(world.object(platform_tests::OBSERVATION).await.is_none());
    assert_eq!(world.notice_ids().await, [""; 0]);
}

async fn the_forecast_is_ours(world: &World) {
    let finished = world.call(deciding_hour()).await;
    assert_eq!(said(&finished, "did"), "stored the bill, sent cost/account/2026-11-23/100");
    let method = finished.line["result"]["month"]["method"].as_str().unwrap();
    assert!(method.starts_with("ours: "), "{method}");
    assert!(
        world.platform.wiring.logs(FUNCTION).await.unwrap().iter().any(|line| {
            line.message.contains("no forecast") && line.message.contains("perform: ce:GetCostForecast ")
        })
    );
}

async fn the_run_is_refused(world: &World, action: &str, calls: &[(&str, usize)]) {
    let mark = world.last_call();
    let finished = world.call(deciding_hour()).await;
    assert_refused(&finished, action);
    assert_eq!(counted(&world.calls_since(mark)), calls.iter().copied().collect::<BTreeMap<_, _>>());
}

fn assert_refused(finished: &Finished, action: &str) {
    assert_eq!((said(finished, "status"), said(finished, "error_type")), ("failed", "Refused"), "{}", finished.line);
    assert_denied(said(finished, "error"), action);
}

async fn only_the_first_run_is_refused(world: &World) {
    the_run_is_refused(world, "s3:ListBucket", &[("GetObject", 1)]).await;
    world.wire(&WiringOptions::default()).await;
    assert_eq!(said(&world.call(deciding_hour()).await, "status"), "done");
    let sid = Some("TellMissingState".to_owned());
    world.wire(&WiringOptions { without_statement: sid, ..WiringOptions::default() }).await;
    assert_eq!(said(&world.call("2026-11-24T17:00:00Z".parse().unwrap()).await, "status"), "done");
}

async fn the_notice_waits(world: &World) {
    let finished = world.call(deciding_hour()).await;
    assert_refused(&finished, "sns:Publish");
    assert_eq!(finished.line["result"]["waiting"], serde_json::json!(["cost/account/2026-11-23/100"]));
    assert_eq!(world.state().await["outbox"][0]["id"], "cost/account/2026-11-23/100");
    assert_eq!(world.notice_ids().await, [""; 0]);
    // What is decided is not forgotten meanwhile.
    world.wire(&WiringOptions::default()).await;
    let finished = world.call("2026-11-24T17:00:00Z".parse().unwrap()).await;
    assert_eq!(said(&finished, "did"), "sent cost/account/2026-11-23/100");
}

async fn may(world: &World, statement: &Statement) -> bool {
    let wiring = &world.platform.wiring;
    let simulate = wiring.clients().iam.simulate_principal_policy();
    let simulate = simulate.policy_source_arn(wiring.automation().role_arn(FUNCTION));
    let resource = statement.resources[0].replace("/*", "/state.json");
    let answer = simulate.action_names(&statement.actions[0]).resource_arns(resource).send().await.unwrap();
    answer.evaluation_results()[0].eval_decision().as_str() == "allowed"
}

/// A description without the statement does not get as far as AWS.
fn the_reader_refuses_the_description(statement: &Statement) {
    let folder = tempfile::tempdir().unwrap();
    let automation = workspace().join("infra/automation");
    fs::copy(automation.join("platform.yaml"), folder.path().join("platform.yaml")).unwrap();
    let text = fs::read_to_string(automation.join("cost-check.yaml")).unwrap();
    let entry = format!("  - sid: {}\n", statement.sid);
    let (before, rest) = text.split_once(&entry).unwrap();
    let after = rest.find("\n  - sid: ").map_or("", |next| &rest[next + 1..]);
    fs::write(folder.path().join("cost-check.yaml"), format!("{before}{after}")).unwrap();
    let refused = Automation::read(folder.path(), ACCOUNT, REGION).unwrap_err();
    let AutomationError::Invalid(problems) = &refused else { panic!("{refused}") };
    let [problem] = problems.as_slice() else { panic!("{refused}") };
    let needs = format!("Lambda needs {} on ", statement.actions[0]);
    assert!(problem.message.starts_with(&needs) && problem.line > 0, "{refused}");
}
