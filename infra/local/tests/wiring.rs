//! The wiring against a real (local) account: what is described is there, and events go through it.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod wiring_platform;

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_lambda::types::{Architecture, LogFormat, Runtime};
use aws_sdk_s3::types::BucketVersioningStatus;
use local_platform::wiring::{Wiring, WiringError, WiringOptions, documents};
use serde_json::{Value, json};
use wiring_platform::{Platform, start};

const FUNCTION: &str = "cost-check";
/// An answer takes 0.2 s here; a busy machine takes ten times that.
const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn what_is_described_is_there_and_a_second_run_changes_nothing() {
    let platform = start().await;
    let Platform { wiring, packages, .. } = &platform;
    let options = WiringOptions::default();
    let wired = wiring.wire(packages, &options).await.unwrap();
    assert!(wired.changes.len() > 10, "{:?}", wired.changes);
    assert_eq!(wired.functions[FUNCTION].arn, "arn:aws:lambda:us-east-1:123456789012:function:cost-check");
    assert_eq!(wired.functions[FUNCTION].role_arn, "arn:aws:iam::123456789012:role/cost-check");

    let again = wiring.wire(packages, &options).await.unwrap();
    assert_eq!(again.changes, Vec::<String>::new());
    assert_eq!((again.bucket, again.functions), (wired.bucket.clone(), wired.functions));

    let clients = wiring.clients();
    let found = clients.lambda.get_function().function_name(FUNCTION).send().await.unwrap();
    let function = found.configuration.unwrap();
    assert_eq!((function.memory_size, function.timeout), (Some(256), Some(60)));
    assert_eq!(function.runtime, Some(Runtime::Providedal2023));
    assert_eq!(function.architectures, Some(vec![Architecture::X8664]));
    assert_eq!(function.logging_config.unwrap().log_format, Some(LogFormat::Json));
    assert_eq!(function.code_sha256.as_ref(), Some(&packages[FUNCTION].code_sha256));
    assert_eq!(found.concurrency.unwrap().reserved_concurrent_executions, Some(1));
    let versioning = clients.s3.get_bucket_versioning().bucket(&wired.bucket).send().await.unwrap();
    assert_eq!(versioning.status, Some(BucketVersioningStatus::Enabled));

    // The grants that no emulator enforces are those that AWS needs.
    let policy = clients.lambda.get_policy().function_name(FUNCTION).send().await.unwrap().policy.unwrap();
    let policy: Value = serde_json::from_str(&policy).unwrap();
    let rule = "arn:aws:events:us-east-1:123456789012:rule/cost-check-hourly";
    assert_eq!(policy["Statement"].as_array().unwrap().len(), 1);
    assert_eq!(policy["Statement"][0]["Principal"], json!({ "Service": "events.amazonaws.com" }));
    assert_eq!(policy["Statement"][0]["Condition"], json!({ "ArnLike": { "AWS:SourceArn": rule } }));
    let targets = clients.events.list_targets_by_rule().rule("cost-check-hourly").send().await.unwrap();
    let [target] = targets.targets() else { panic!("{targets:?}") };
    assert_eq!(target.retry_policy().unwrap().maximum_retry_attempts(), Some(10));
    assert_eq!(
        target.dead_letter_config().unwrap().arn(),
        Some("arn:aws:sqs:us-east-1:123456789012:cost-check-failed")
    );
}

#[tokio::test]
async fn what_was_lost_or_changed_is_put_right() {
    let platform = start().await;
    let Platform { wiring, packages, .. } = &platform;
    let options = WiringOptions::default();
    wiring.wire(packages, &options).await.unwrap();

    let clients = wiring.clients();
    clients.iam.delete_role_policy().role_name(FUNCTION).policy_name("statements").send().await.unwrap();
    clients.lambda.delete_function_concurrency().function_name(FUNCTION).send().await.unwrap();
    clients.lambda.update_function_configuration().function_name(FUNCTION).timeout(3).send().await.unwrap();
    clients.events.remove_targets().rule("cost-check-hourly").ids("function").send().await.unwrap();
    clients
        .lambda
        .remove_permission()
        .function_name(FUNCTION)
        .statement_id("rule-cost-check-hourly")
        .send()
        .await
        .unwrap();
    clients.logs.delete_log_group().log_group_name("/aws/lambda/cost-check").send().await.unwrap();

    let repaired = wiring.wire(packages, &options).await.unwrap();
    assert_eq!(
        repaired.changes,
        [
            "set the policy of the role cost-check",
            "created the log group /aws/lambda/cost-check",
            "set the retention of the log group /aws/lambda/cost-check",
            "configured the function cost-check",
            "set the concurrency of cost-check",
            "let the rule cost-check-hourly call cost-check",
            "aimed the rule cost-check-hourly at cost-check",
        ]
    );
    assert_eq!(wiring.wire(packages, &options).await.unwrap().changes, Vec::<String>::new());
}

#[tokio::test]
async fn a_played_schedule_is_answered_and_playing_it_again_is_a_second_delivery() {
    let platform = start().await;
    let Platform { wiring, packages, .. } = &platform;
    let options = WiringOptions {
        environment: BTreeMap::from([("DAILY_THRESHOLD_USD".into(), "50".into())]),
        local_environment: BTreeMap::from([("AWS_ENDPOINT_URL_EKS".into(), "http://127.0.0.1:1".into())]),
        ..WiringOptions::default()
    };
    wiring.wire(packages, &options).await.unwrap();

    let at = "2026-03-01T00:00:00Z".parse().unwrap();
    let id = wiring.play_schedule(FUNCTION, "hourly", at).await.unwrap();
    let finished = wiring.wait_for_result(FUNCTION, &id, SOON).await.unwrap();
    let described = &wiring.automation().functions[FUNCTION];
    let schedule = described.schedules().next().unwrap();
    let event = documents::played_schedule(wiring.automation(), described, schedule, at);
    assert_eq!(finished.line["result"]["event"], event);
    assert_eq!(finished.line["result"]["environment"]["DAILY_THRESHOLD_USD"], "50");
    assert_eq!(finished.line["result"]["environment"]["TENANT_TAG_KEY"], "tenant");
    assert_eq!(finished.line["result"]["environment"]["AWS_ENDPOINT_URL_EKS"], "http://127.0.0.1:1");
    let report = finished.report.unwrap();
    assert!(report.duration > Duration::ZERO && report.duration < SOON, "{report:?}");

    assert_eq!(wiring.play_schedule(FUNCTION, "hourly", at).await.unwrap(), id);
    let second = wiring.wait_for_nth_result(FUNCTION, &id, 2, SOON).await.unwrap();
    assert_ne!(second.line["request_id"], finished.line["request_id"]);
    assert_eq!(wiring.results(FUNCTION, &id).await.unwrap().len(), 2);

    let late = wiring.wait_for_result(FUNCTION, "no-such-event", Duration::from_millis(200)).await.unwrap_err();
    assert!(matches!(&late, WiringError::Late { .. }));
    assert!(late.to_string().contains("REPORT RequestId"), "{late}");
}

#[tokio::test]
async fn an_event_that_keeps_failing_ends_in_the_failure_queue() {
    let platform = start().await;
    let Platform { wiring, packages, .. } = &platform;
    let wired = wiring.wire(packages, &WiringOptions::default()).await.unwrap();
    let queue = &wired.failure_queue_urls["cost-check-failed"];

    wiring.deliver(FUNCTION, &json!({ "id": "e-1", "detail": { "fail": true } })).await.unwrap();
    wiring.wait_for_nth_result(FUNCTION, "e-1", 3, SOON).await.unwrap();
    let messages = wiring.wait_for_messages(queue, 1, SOON).await.unwrap();
    let message: Value = serde_json::from_str(&messages[0]).unwrap();
    assert_eq!(message["requestPayload"]["id"], "e-1", "{message}");
    assert_eq!(wiring.results(FUNCTION, "e-1").await.unwrap().len(), 3);
}

#[tokio::test]
async fn notices_reach_a_subscribed_queue() {
    let platform = start().await;
    let Platform { wiring, packages, .. } = &platform;
    let wired = wiring.wire(packages, &WiringOptions::default()).await.unwrap();
    let queue = wiring.subscribe_queue("operations", "inbox").await.unwrap();
    assert_eq!(wiring.subscribe_queue("operations", "inbox").await.unwrap(), queue);

    let publish = wiring.clients().sns.publish().topic_arn(&wired.notice_topic_arn);
    publish.subject("Cost of 1 March").message("1,200 USD of 1,000 USD").send().await.unwrap();
    let notices = wiring.wait_for_notices(&queue, 1, SOON).await.unwrap();
    assert_eq!(notices.len(), 1, "one subscription, however often it was asked for");
    assert_eq!(notices[0].subject.as_deref(), Some("Cost of 1 March"));
    assert_eq!(notices[0].message, "1,200 USD of 1,000 USD");
    assert_eq!(notices[0].topic_arn, wired.notice_topic_arn);
    assert_eq!(wiring.take_notices(&queue).await.unwrap(), []);
}

#[tokio::test]
async fn the_role_may_do_each_statement_and_without_it_may_not() {
    let platform = start().await;
    let Platform { wiring, packages, .. } = &platform;
    wiring.wire(packages, &WiringOptions::default()).await.unwrap();
    let statements = &wiring.automation().functions[FUNCTION].statements;
    for statement in statements {
        assert!(may(wiring, statement).await, "{}", statement.sid);
    }
    for statement in statements {
        let options = WiringOptions { without_statement: Some(statement.sid.clone()), ..WiringOptions::default() };
        wiring.wire(packages, &options).await.unwrap();
        assert!(!may(wiring, statement).await, "{}", statement.sid);
    }
}

async fn may(wiring: &Wiring, statement: &local_platform::automation::Statement) -> bool {
    let simulate = wiring.clients().iam.simulate_principal_policy();
    let simulate = simulate.policy_source_arn(wiring.automation().role_arn(FUNCTION));
    let resource = statement.resources[0].replace("/*", "/alerts.json");
    let answer = simulate.action_names(&statement.actions[0]).resource_arns(resource).send().await.unwrap();
    answer.evaluation_results()[0].eval_decision().as_str() == "allowed"
}

#[tokio::test]
async fn a_schedule_fires_by_itself_with_the_event_that_is_played() {
    let platform = start().await;
    let Platform { wiring, packages, .. } = &platform;
    let often = BTreeMap::from([("cost-check-hourly".into(), "rate(1 minute)".into())]);
    let options = WiringOptions { schedule_expressions: often, ..WiringOptions::default() };
    wiring.wire(packages, &options).await.unwrap();

    // The emulator looks every 10 s.
    let rule = "arn:aws:events:us-east-1:123456789012:rule/cost-check-hourly";
    let found = wiring.wait_for_line(FUNCTION, rule, Duration::from_secs(100)).await.unwrap();
    let fired = &serde_json::from_str::<Value>(&found.message).unwrap()["result"]["event"];
    let described = &wiring.automation().functions[FUNCTION];
    let at = fired["time"].as_str().unwrap().parse().unwrap();
    let played = documents::played_schedule(wiring.automation(), described, described.schedules().next().unwrap(), at);
    let mut fired = fired.clone();
    assert_eq!(fired["id"].as_str().map(str::len), Some(36));
    fired["id"] = played["id"].clone();
    assert_eq!(fired, played);
}

#[tokio::test]
async fn options_that_do_not_fit_are_refused_before_anything_is_called() {
    // Nothing listens here.
    let wiring = Wiring::connect("http://127.0.0.1:1", wiring_platform::automation());
    let packages = wiring_platform::packages("/usr/bin/python3".as_ref());
    let one = |name: &str| BTreeMap::from([(name.to_owned(), String::new())]);
    let defaults = WiringOptions::default;
    for (options, expected) in [
        (WiringOptions { environment: one("DAYLY"), ..defaults() }, "no function describes the variable DAYLY"),
        (
            WiringOptions { local_environment: one("STATE_BUCKET"), ..defaults() },
            "the variable STATE_BUCKET is described: override it instead",
        ),
        (
            WiringOptions { without_statement: Some("ReadAll".into()), ..defaults() },
            "no function has a statement ReadAll",
        ),
        (WiringOptions { schedule_expressions: one("hourly"), ..defaults() }, "there is no rule hourly"),
    ] {
        assert_eq!(wiring.wire(&packages, &options).await.unwrap_err().to_string(), expected);
    }
    let error = wiring.wire(&BTreeMap::new(), &defaults()).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no package of the function cost-check");
}
