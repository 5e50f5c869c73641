//! One wire test per call of an adapter: the request as AWS receives it, the answers as AWS gives them.

use aws::cost_explorer::CostExplorer;
use aws::sns::Topic;
use aws::state::StateBucket;
use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use domain::cost::{BillQuery, PageToken};
use domain::ports::{Bill, NoticeTopic, Put, StateStore, Version};
use domain::{FailureKind, Notice, Window};
use serde_json::{Value, json};
use testkit::wire::{Answer, WireServer};
use testkit::{day, usd};

fn sdk(server: &WireServer) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("eu-central-1"))
        .endpoint_url(server.url())
        .credentials_provider(SharedCredentialsProvider::new(Credentials::for_tests()))
        .retry_config(RetryConfig::standard().with_max_attempts(1))
        .build()
}

fn window() -> Window {
    Window { start: day("2026-11-22"), end: day("2026-11-24") }
}

#[tokio::test]
async fn a_page_of_usage_asks_for_both_groupings_and_leaves_out_adjustments() {
    let server = WireServer::answering(vec![Answer::new(
        200,
        json!({
            "GroupDefinitions": [{"Type": "DIMENSION", "Key": "SERVICE"}, {"Type": "TAG", "Key": "tenant"}],
            "ResultsByTime": [{
                "TimePeriod": {"Start": "2026-11-22", "End": "2026-11-23"}, "Total": {}, "Estimated": true,
                "Groups": [
                    {"Keys": ["Amazon EC2", "tenant$acme"], "Metrics": {
                        "UnblendedCost": {"Amount": "12.0000000123", "Unit": "USD"},
                        "NetAmortizedCost": {"Amount": "1E-10", "Unit": "USD"}}},
                    {"Keys": ["Amazon S3", "tenant$"], "Metrics": {
                        "UnblendedCost": {"Amount": "-0.5", "Unit": "USD"},
                        "NetAmortizedCost": {"Amount": "0", "Unit": "USD"}}},
                ],
            }],
            "NextPageToken": "page 3",
        })
        .to_string(),
    )])
    .await;
    let query = BillQuery::Usage { window: window(), tag_key: "tenant".into() };
    let page = CostExplorer::new(&sdk(&server)).page(&query, Some(&PageToken("page 2".into()))).await.unwrap();

    let day_22 = &page.days[0];
    assert_eq!((day_22.day, day_22.estimated), (day("2026-11-22"), true));
    assert_eq!(day_22.groups[0].keys, ["Amazon EC2", "acme"]);
    assert_eq!(day_22.groups[0].amounts.unblended, usd("12.0000000123"));
    assert_eq!(day_22.groups[0].amounts.net_amortized, usd("0.0000000001"));
    assert_eq!(day_22.groups[1].keys, ["Amazon S3", ""]);
    assert_eq!(page.next, Some(PageToken("page 3".into())));

    let asked = &server.asked()[0];
    assert_eq!(asked.header("x-amz-target"), Some("AWSInsightsIndexService.GetCostAndUsage"));
    assert!(asked.header("authorization").unwrap().contains("/us-east-1/ce/"), "Cost Explorer has one region");
    let body: Value = serde_json::from_str(&asked.body).unwrap();
    assert_eq!(
        body,
        json!({
            "TimePeriod": {"Start": "2026-11-22", "End": "2026-11-24"},
            "Granularity": "DAILY",
            "Metrics": ["UnblendedCost", "NetAmortizedCost"],
            "GroupBy": [{"Type": "DIMENSION", "Key": "SERVICE"}, {"Type": "TAG", "Key": "tenant"}],
            "Filter": {"Not": {"Dimensions": {
                "Key": "RECORD_TYPE", "Values": ["Credit", "Refund", "SavingsPlanUpfrontFee", "Tax", "Upfront"]}}},
            "NextPageToken": "page 2",
        })
    );
}

#[tokio::test]
async fn a_page_of_charge_types_asks_for_the_whole_bill() {
    let server = WireServer::answering(vec![Answer::new(200, json!({
        "ResultsByTime": [{
            "TimePeriod": {"Start": "2026-11-22", "End": "2026-11-23"}, "Total": {}, "Estimated": false,
            "Groups": [{"Keys": ["Credit"], "Metrics": {
                "UnblendedCost": {"Amount": "-300", "Unit": "USD"}, "NetAmortizedCost": {"Amount": "-300", "Unit": "USD"}}}],
        }],
    }).to_string())]).await;
    let page = CostExplorer::new(&sdk(&server)).page(&BillQuery::ChargeTypes { window: window() }, None).await.unwrap();
    assert_eq!(page.days[0].groups[0].keys, ["Credit"]);
    assert_eq!((page.days[0].estimated, page.next), (false, None));
    let body: Value = serde_json::from_str(&server.asked()[0].body).unwrap();
    assert_eq!((body.get("Filter"), &body["GroupBy"]), (None, &json!([{"Type": "DIMENSION", "Key": "RECORD_TYPE"}])));
}

#[tokio::test]
async fn another_currency_is_refused_with_its_name() {
    let server = WireServer::answering(vec![Answer::new(200, json!({
        "ResultsByTime": [{
            "TimePeriod": {"Start": "2026-11-22", "End": "2026-11-23"}, "Estimated": false,
            "Groups": [{"Keys": ["Usage"], "Metrics": {
                "UnblendedCost": {"Amount": "3", "Unit": "CNY"}, "NetAmortizedCost": {"Amount": "3", "Unit": "CNY"}}}],
        }],
    }).to_string())])
    .await;
    let query = BillQuery::ChargeTypes { window: window() };
    let failure = CostExplorer::new(&sdk(&server)).page(&query, None).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Refused);
    assert!(failure.message.contains("2026-11-22: UnblendedCost: the amount is in CNY"), "{failure}");
}

#[tokio::test]
async fn errors_of_cost_explorer_keep_their_code() {
    for (status, code, kind) in [
        (400, "DataUnavailableException", FailureKind::Permanent),
        (400, "LimitExceededException", FailureKind::Throttled),
        (400, "RequestChangedException", FailureKind::Permanent),
        (400, "AccessDeniedException", FailureKind::Refused),
        (500, "InternalServerException", FailureKind::Transient),
    ] {
        let answer = Answer::new(status, json!({"__type": code, "message": "because"}).to_string());
        let server = WireServer::answering(vec![answer]).await;
        let query = BillQuery::ChargeTypes { window: window() };
        let failure = CostExplorer::new(&sdk(&server)).page(&query, None).await.unwrap_err();
        assert_eq!((failure.kind, failure.code.as_deref()), (kind, Some(code)));
        assert_eq!(failure.message, format!("ask Cost Explorer for 2026-11-22 to 2026-11-23: {code}: because"));
    }
}

#[tokio::test]
async fn a_forecast_is_one_amount_for_the_window() {
    let server = WireServer::answering(vec![Answer::new(
        200,
        json!({
            "Total": {"Amount": "5230.25", "Unit": "USD"}, "ForecastResultsByTime": [],
        })
        .to_string(),
    )])
    .await;
    let forecast = CostExplorer::new(&sdk(&server)).forecast(window()).await.unwrap();
    assert_eq!(forecast, usd("5230.25"));
    let asked = &server.asked()[0];
    assert_eq!(asked.header("x-amz-target"), Some("AWSInsightsIndexService.GetCostForecast"));
    let body: Value = serde_json::from_str(&asked.body).unwrap();
    let period = json!({"Start": "2026-11-22", "End": "2026-11-24"});
    assert_eq!(body, json!({"TimePeriod": period, "Metric": "UNBLENDED_COST", "Granularity": "MONTHLY"}));
}

#[tokio::test]
async fn a_notice_is_published_with_its_id_as_an_attribute() {
    let published = "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult>\
        <MessageId>1</MessageId></PublishResult></PublishResponse>";
    let server = WireServer::answering(vec![Answer::new(200, published)]).await;
    let notice =
        Notice { id: "cost/account/2026-11-23/120".into(), subject: "Cost alert".into(), body: "1,240 USD".into() };
    Topic::new(&sdk(&server), "arn:aws:sns:eu-central-1:123456789012:operations").publish(&notice).await.unwrap();
    let body = &server.asked()[0].body;
    for part in [
        "Action=Publish",
        "TopicArn=arn%3Aaws%3Asns%3Aeu-central-1%3A123456789012%3Aoperations",
        "Subject=Cost%20alert",
        "Message=1%2C240%20USD",
        "MessageAttributes.entry.1.Name=notice_id",
        "MessageAttributes.entry.1.Value.StringValue=cost%2Faccount%2F2026-11-23%2F120",
    ] {
        assert!(body.contains(part), "{part} is not in {body}");
    }
}

#[tokio::test]
async fn a_throttled_notice_says_so() {
    let throttled = "<ErrorResponse><Error><Type>Sender</Type><Code>Throttled</Code><Message>Rate exceeded</Message></Error></ErrorResponse>";
    let server = WireServer::answering(vec![Answer::new(400, throttled)]).await;
    let notice = Notice { id: "n".into(), subject: "s".into(), body: "b".into() };
    let failure = Topic::new(&sdk(&server), "arn:t").publish(&notice).await.unwrap_err();
    assert_eq!(
        (failure.kind, failure.message.as_str()),
        (FailureKind::Throttled, "publish notice n to arn:t: Throttled: Rate exceeded")
    );
}

#[tokio::test]
async fn an_object_is_read_with_its_version_and_a_missing_one_is_none() {
    let missing = "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>";
    let server =
        WireServer::answering(vec![Answer::new(200, "{\"a\":1}").header("etag", "\"e1\""), Answer::new(404, missing)])
            .await;
    let bucket = StateBucket::new(&sdk(&server), "state");
    let stored = bucket.get("cost-check/state.json").await.unwrap().unwrap();
    assert_eq!((stored.body.as_slice(), stored.version), (&b"{\"a\":1}"[..], Version("\"e1\"".into())));
    assert_eq!(bucket.get("cost-check/state.json").await.unwrap(), None);
    let asked = &server.asked()[0];
    assert_eq!((asked.method.as_str(), asked.target.split('?').next()), ("GET", Some("/state/cost-check/state.json")));
}

#[tokio::test]
async fn a_write_creates_only_what_is_not_there_and_replaces_only_what_was_read() {
    let server = WireServer::answering(vec![
        Answer::new(200, "").header("etag", "\"e1\""),
        Answer::new(200, "").header("etag", "\"e2\""),
    ])
    .await;
    let bucket = StateBucket::new(&sdk(&server), "state");
    assert_eq!(bucket.put("k", b"{}".to_vec(), None).await.unwrap(), Put::Done(Version("\"e1\"".into())));
    let replaced = bucket.put("k", b"{}".to_vec(), Some(&Version("\"e1\"".into()))).await.unwrap();
    assert_eq!(replaced, Put::Done(Version("\"e2\"".into())));
    let asked = server.asked();
    assert_eq!((asked[0].header("if-none-match"), asked[0].header("if-match")), (Some("*"), None));
    assert_eq!((asked[1].header("if-none-match"), asked[1].header("if-match")), (None, Some("\"e1\"")));
    assert_eq!(asked[0].header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn a_write_that_lost_is_a_conflict_and_a_write_whose_reply_was_lost_is_known_by_its_bytes() {
    let stale = "<Error><Code>PreconditionFailed</Code><Message>At least one condition did not hold</Message></Error>";
    for (found, outcome) in
        [("{\"run\":\"other\"}", Put::Conflict), ("{\"run\":\"mine\"}", Put::Done(Version("\"e9\"".into())))]
    {
        let answers = vec![Answer::new(412, stale), Answer::new(200, found).header("etag", "\"e9\"")];
        let server = WireServer::answering(answers).await;
        let bucket = StateBucket::new(&sdk(&server), "state");
        let put = bucket.put("k", b"{\"run\":\"mine\"}".to_vec(), Some(&Version("\"e1\"".into()))).await;
        assert_eq!(put.unwrap(), outcome);
    }
}

#[tokio::test]
async fn a_denied_read_names_the_object_and_what_is_missing() {
    let denied =
        "<Error><Code>AccessDenied</Code><Message>User: r is not authorized to perform: s3:GetObject</Message></Error>";
    let server = WireServer::answering(vec![Answer::new(403, denied)]).await;
    let failure = StateBucket::new(&sdk(&server), "state").get("k").await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Refused);
    assert_eq!(failure.message, "read s3://state/k: AccessDenied: User: r is not authorized to perform: s3:GetObject");
}
