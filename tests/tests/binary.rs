//! The built binary in Lambda's hands: a fake Runtime API feeds it events, fake endpoints answer for AWS.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use domain::FailureKind;
use platform_tests::built;
use serde_json::{Value, json};
use testkit::lambda::{Answered, Running};
use testkit::wire::{Answer, WireServer};
use tokio::net::TcpListener;
use tokio::sync::OnceCell;

/// As long as cost-check has on AWS.
const TIME: Duration = Duration::from_secs(60);
const TOPIC: (&str, &str) = ("NOTICE_TOPIC_ARN", "arn:aws:sns:us-east-1:123456789012:operations");
const BUCKET: (&str, &str) = ("STATE_BUCKET", "openwebui-state");
/// The samples' times may be ahead of this machine's.
const AHEAD: (&str, &str) = ("EVENT_AHEAD_MINUTES", "4294967295");
const SECRET: (&str, &str) = ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI-a-secret-key");
const TOKEN: (&str, &str) = ("AWS_SESSION_TOKEN", "IQoJb3JpZ2luX2Vj-a-session-token");

async fn binary() -> PathBuf {
    static BINARY: OnceCell<PathBuf> = OnceCell::const_new();
    BINARY.get_or_init(async || built("cost-check").await).await.clone()
}

async fn started(endpoint: &str, more: &[(&str, &str)]) -> Running {
    let mut environment = vec![TOPIC, BUCKET, AHEAD, SECRET, TOKEN, ("AWS_ENDPOINT_URL", endpoint)];
    environment.extend(more);
    Running::start(&binary().await, &environment).await.unwrap_or_else(|problem| panic!("{problem}"))
}

fn sample(name: &str) -> Value {
    let path = format!("{}/../events/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn missing_key() -> Answer {
    Answer::new(404, "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>")
}

fn denied() -> Answer {
    Answer::new(
        403,
        "<Error><Code>AccessDenied</Code><Message>not authorized to perform: s3:GetObject</Message></Error>",
    )
}

/// `errorType` and `errorMessage` of an error.
fn error(answered: &Answered) -> (String, String) {
    let Answered::Error(error) = answered else { panic!("an error, not {answered:?}") };
    let text = |name: &str| error[name].as_str().unwrap().to_owned();
    (text("errorType"), text("errorMessage"))
}

fn lines(output: &str) -> Vec<Value> {
    output.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"))).collect()
}

#[tokio::test]
async fn a_wrong_configuration_names_every_variable_and_asks_for_no_event() {
    let aws = WireServer::answering(Vec::new()).await;
    let environment = [
        ("DRY_RUN", "perhaps"),
        ("DAILY_THRESHOLD_USD", "1e3 dollars"),
        ("TENANT_BUDGETS_USD", "acme"),
        ("UNKNOWN_AFTER_HOURS", "0"),
        ("MAX_PAGES_PER_DAY", "-1"),
        ("AWS_ENDPOINT_URL", aws.url()),
    ];
    let refused = Running::start(&binary().await, &environment).await.err().unwrap();
    let (status, output) = refused.split_once('\n').unwrap();
    assert_eq!(status, "ended before its first request: Some(1)");
    let lines = lines(output);
    let [line] = lines.as_slice() else { panic!("one line, not {output}") };
    assert_eq!((&line["level"], &line["function"]), (&"ERROR".into(), &"cost-check".into()));
    let message = line["message"].as_str().unwrap();
    for name in [
        "DRY_RUN",
        "STATE_BUCKET is not set",
        "NOTICE_TOPIC_ARN is not set",
        "DAILY_THRESHOLD_USD",
        "TENANT_BUDGETS_USD",
        "UNKNOWN_AFTER_HOURS",
        "MAX_PAGES_PER_DAY",
    ] {
        assert!(message.contains(name), "{name}: {message}");
    }
    assert!(aws.asked().is_empty());
}

#[tokio::test]
async fn an_event_of_another_function_is_logged_and_answered_with_null() {
    let aws = WireServer::answering(Vec::new()).await;
    let mut running = started(aws.url(), &[]).await;
    let events = [
        sample("spot-interruption/interruption-warning"),
        sample("gpu-scaler/alarm-sns"),
        json!({ "what": "is this" }),
        json!([1, 2]),
        json!("text"),
        Value::Null,
    ];
    for event in &events {
        assert_eq!(running.invoke(event, TIME).await, Answered::Response(Value::Null), "{event}");
    }
    running.idle().await;
    let results: Vec<Value> =
        lines(&running.stop().await).into_iter().filter(|line| line.get("result").is_some()).collect();
    assert_eq!(results.len(), events.len());
    for line in results {
        assert_eq!((&line["status"], &line["did"]), (&"ignored".into(), &"nothing".into()), "{line}");
        assert!(line["decided"].as_str().unwrap().starts_with("ignored: not an event"), "{line}");
    }
    assert!(aws.asked().is_empty());
}

#[tokio::test]
async fn a_known_event_that_is_wrong_is_refused_by_its_field_and_touches_nothing() {
    let aws = WireServer::answering(Vec::new()).await;
    let mut running = started(aws.url(), &[]).await;
    let schedule = |field: &str, value: Value| {
        let mut event = sample("cost-check/hourly-schedule");
        event[field] = value;
        event
    };
    for (event, field) in [
        (schedule("time", json!("yesterday")), "time"),
        (schedule("time", Value::Null), "time"),
        (json!({ "action": "check", "as_of": "now" }), "as_of"),
        (json!({ "action": "check", "as_of": 1_795_536_000 }), "as_of"),
        (json!({ "action": "check", "as_of": "2026-11-24T16:00:00Z", "dryrun": true }), "dryrun"),
        (json!({ "action": "chek", "as_of": "2026-11-24T16:00:00Z" }), "action"),
    ] {
        let (kind, message) = error(&running.invoke(&event, TIME).await);
        assert_eq!(kind, "InvalidInput", "{event}");
        assert!(message.contains(&format!("event field `{field}`")), "{event}: {message}");
    }
    assert!(aws.asked().is_empty(), "nothing was touched");
    running.stop().await;
}

#[tokio::test]
async fn failures_answer_with_the_stable_names_of_their_kinds() {
    let slow =
        || Answer::new(503, "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>");
    let broken = || Answer::new(500, "<Error><Code>InternalError</Code><Message>Please try again.</Message></Error>");
    let damaged = Answer::new(200, "{\"alerts\": 7}").header("etag", "\"1\"");
    // Three attempts of the SDK for what can pass, one for what cannot.
    let answers = vec![slow(), slow(), slow(), broken(), broken(), broken(), denied(), damaged];
    let aws = WireServer::answering(answers).await;
    let mut running = started(aws.url(), &[]).await;
    let event = sample("cost-check/hourly-schedule");
    let mut names = BTreeSet::new();
    for (kind, part) in [
        ("Throttled", "SlowDown: Please reduce your request rate."),
        ("Transient", "InternalError: Please try again."),
        ("Refused", "AccessDenied: not authorized to perform: s3:GetObject"),
        ("Permanent", "cost-check/state.json is damaged"),
    ] {
        let (found, message) = error(&running.invoke(&event, TIME).await);
        assert_eq!(found, kind, "{message}");
        assert!(message.contains(part), "{message}");
        names.insert(found);
    }
    assert_eq!(aws.asked().len(), 8);
    names.insert(error(&running.invoke(&json!({ "action": "chek" }), TIME).await).0);
    running.stop().await;

    // It takes connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut running = started(&format!("http://{}", silent.local_addr().unwrap()), &[]).await;
    let (found, message) = error(&running.invoke(&event, Duration::from_secs(2)).await);
    assert_eq!(found, "OutOfTime", "{message}");
    names.insert(found);
    running.idle().await;
    let output = running.stop().await;
    assert!(
        lines(&output).iter().any(|line| line["error_type"] == "OutOfTime" && line["status"] == "failed"),
        "{output}"
    );
    assert_eq!(names, FailureKind::ALL.map(|kind| kind.name().to_owned()).into());
}

#[tokio::test]
async fn an_invocation_is_one_result_line_and_one_metric_line() {
    // Nothing is stored, then access is denied.
    let aws = WireServer::answering(vec![missing_key(), missing_key(), denied()]).await;
    let mut running = started(aws.url(), &[]).await;
    let dry_run = sample("cost-check/direct-dry-run");
    let answered = running.invoke(&dry_run, TIME).await;
    let Answered::Response(result) = &answered else { panic!("{answered:?}") };
    assert_eq!(error(&running.invoke(&sample("cost-check/hourly-schedule"), TIME).await).0, "Refused");
    assert_eq!(running.invoke(&sample("gpu-scaler/alarm-sns"), TIME).await, Answered::Response(Value::Null));
    running.idle().await;
    let output = running.stop().await;
    let lines = lines(&output);
    for (request, status) in [("request-1", "planned"), ("request-2", "failed"), ("request-3", "ignored")] {
        let of_request = |key: &str| -> Vec<&Value> {
            lines.iter().filter(|line| line["request_id"] == request && line.get(key).is_some()).collect()
        };
        let (results, metrics) = (of_request("result"), of_request("_aws"));
        let ([line], [metrics]) = (results.as_slice(), metrics.as_slice()) else {
            panic!("one line of each for {request}: {output}")
        };
        assert_eq!(line["status"], status, "{line}");
        let failed = u8::from(status == "failed");
        assert_eq!((&metrics["Failed"], &metrics["function"]), (&failed.into(), &"cost-check".into()), "{metrics}");
        assert_eq!(line["event_id"], metrics["event_id"]);
        let definitions = metrics["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap();
        assert!(definitions.iter().all(|metric| metrics[metric["Name"].as_str().unwrap()].is_number()), "{metrics}");
    }
    let planned = lines.iter().find(|line| line["status"] == "planned").unwrap();
    assert_eq!(&planned["result"], result, "what is answered is what is logged");
    assert!(planned["text"].as_str().unwrap().lines().count() > 3, "a plan has lines: {planned}");
    assert!(aws.asked().iter().all(|asked| asked.method == "GET"), "a dry run and a refused one write nothing");
}

#[tokio::test]
async fn no_secret_is_printed_at_any_log_level() {
    for level in ["info", "debug", "trace"] {
        let aws = WireServer::answering(vec![missing_key(), missing_key(), denied()]).await;
        let mut running = started(aws.url(), &[("AWS_LAMBDA_LOG_LEVEL", level)]).await;
        running.invoke(&sample("cost-check/direct-dry-run"), TIME).await;
        running.invoke(&sample("cost-check/hourly-schedule"), TIME).await;
        running.idle().await;
        let output = running.stop().await;
        assert!(output.contains("\"status\":\"planned\"") && output.contains("\"error_type\":\"Refused\""), "{output}");
        let shouted = format!("\"level\":\"{}\"", level.to_uppercase());
        assert!(level == "info" || output.contains(&shouted), "the level is in use: {output}");
        // The server has seen that the token was in use.
        assert!(aws.asked().iter().all(|asked| asked.header("x-amz-security-token") == Some(TOKEN.1)));
        for (name, secret) in [SECRET, TOKEN] {
            let printed: Vec<&str> = output.lines().filter(|line| line.contains(secret)).collect();
            assert!(printed.is_empty(), "{name} at level {level}: {printed:#?}");
        }
    }
}

#[tokio::test]
async fn an_event_from_the_future_is_refused_before_anything_is_touched() {
    let server = WireServer::answering(Vec::new()).await;
    let mut running = started(server.url(), &[("EVENT_AHEAD_MINUTES", "15")]).await;
    let mut schedule = sample("cost-check/hourly-schedule");
    schedule["time"] = json!("2999-12-24T16:00:00Z");
    let direct = json!({"action": "check", "as_of": "2999-12-24T16:00:00Z"});
    for (event, field) in [(schedule, "time"), (direct, "as_of")] {
        let (kind, message) = error(&running.invoke(&event, TIME).await);
        assert_eq!(kind, "InvalidInput");
        assert!(
            message.starts_with(&format!("event field `{field}`: 2999-12-24T16:00:00Z is ahead of the clock")),
            "{message}"
        );
    }
    assert!(server.asked().is_empty());
    running.stop().await;
}
