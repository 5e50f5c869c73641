//! Our reading of Cost Explorer's wire format against others': the Rust SDK, boto3 with AWS's own service model, and
//! moto. The same answers are read from moto and from the simulator, and nothing may be lost on the way.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "helpers of tests")]

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;

use aws_sdk_costexplorer::Client;
use aws_sdk_costexplorer::config::retry::RetryConfig;
use aws_sdk_costexplorer::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_costexplorer::error::ProvideErrorMetadata;
use aws_sdk_costexplorer::operation::get_cost_and_usage::builders::GetCostAndUsageFluentBuilder;
use aws_sdk_costexplorer::operation::get_cost_and_usage::{GetCostAndUsageError, GetCostAndUsageOutput};
use aws_sdk_costexplorer::operation::get_cost_forecast::GetCostForecastError;
use aws_sdk_costexplorer::types::{
    DateInterval, Dimension, DimensionValues, Expression, GroupDefinition, GroupDefinitionType, Metric, MetricValue,
};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use local_platform::simulators::cost_explorer::{CONTENT_TYPE, CostExplorer, Scenario};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

#[path = "cost_explorer_moto/python.rs"]
mod python;

const AUTUMN: &str = include_str!("../src/simulators/cost_explorer/testdata/autumn.yaml");
const NOW: &str = "2026-11-20T12:00:00Z";

/// The simulator on a port of its own, as bare as it can be.
struct Served {
    simulator: Arc<CostExplorer>,
    address: SocketAddr,
}

impl Served {
    async fn start() -> Self {
        let simulator = Arc::new(CostExplorer::new(Scenario::from_yaml(AUTUMN).unwrap()).unwrap());
        simulator.set_now(NOW.parse().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::clone(&simulator);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let simulator = Arc::clone(&shared);
                let service = service_fn(move |request| answer(Arc::clone(&simulator), request));
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Self { simulator, address }
    }

    fn at(&self, now: &str) -> &Self {
        self.simulator.set_now(now.parse().unwrap());
        self
    }

    /// Without the network.
    fn directly(&self, operation: &str, request: &Value) -> Value {
        let answer = self.simulator.handle_now(operation, request.to_string().as_bytes(), NOW.parse().unwrap());
        assert_eq!(answer.error, None, "{}", answer.body);
        answer.body
    }
}

async fn answer(
    simulator: Arc<CostExplorer>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let target = request.headers()["x-amz-target"].to_str().unwrap().to_owned();
    let body = request.into_body().collect().await?.to_bytes();
    let answer = simulator.handle_now(&target, &body, NOW.parse().unwrap());
    let response = Response::builder().status(answer.status).header("content-type", CONTENT_TYPE);
    Ok(response.body(Full::new(Bytes::from(answer.body.to_string()))).unwrap())
}

/// moto's server on a port that the system gave it. It ends with its standard input, however this process ends.
struct Moto {
    _process: Child,
    address: SocketAddr,
}

impl Moto {
    async fn start(python: &std::path::Path) -> Self {
        const PROGRAM: &str = "
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
from moto.server import main
main(['-H', '127.0.0.1', '-p', '0'])
";
        let mut process = Command::new(python)
            .args(["-c", PROGRAM])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut said = String::new();
        let address = loop {
            let line = lines.next_line().await.unwrap().unwrap_or_else(|| panic!("moto ended: {said}"));
            if let Some((_, address)) = line.split_once("Running on http://") {
                break address.trim().parse().unwrap();
            }
            said.push_str(&line);
        };
        // A pipe that nobody reads would stop it one day.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { _process: process, address }
    }

    /// Puts answers into the queue; each request that moto has not seen takes the next.
    async fn queue(&self, answers: &[Value]) {
        let body = json!({ "results": answers }).to_string();
        let mut stream = tokio::net::TcpStream::connect(self.address).await.unwrap();
        let head = format!(
            "POST /moto-api/static/ce/cost-and-usage-results HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            self.address,
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body.as_bytes()).await.unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).await.unwrap();
        assert!(response.starts_with("HTTP/1.1 201"), "{response}");
    }
}

fn client(address: SocketAddr) -> Client {
    let config = aws_sdk_costexplorer::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret", None, None, "test"))
        .endpoint_url(format!("http://{address}"))
        .retry_config(RetryConfig::disabled())
        .build();
    Client::from_conf(config)
}

fn interval(request: &Value) -> DateInterval {
    let text = |name: &str| request["TimePeriod"][name].as_str().unwrap();
    DateInterval::builder().start(text("Start")).end(text("End")).build().unwrap()
}

/// The same request for the Rust SDK. Of filters only `Not` one dimension is needed here.
fn call(client: &Client, request: &Value) -> GetCostAndUsageFluentBuilder {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut call = client
        .get_cost_and_usage()
        .time_period(interval(request))
        .granularity(text(&request["Granularity"]).as_str().into())
        .set_next_page_token(request["NextPageToken"].as_str().map(str::to_owned));
    for metric in list(&request["Metrics"]) {
        call = call.metrics(text(&metric));
    }
    for group in list(&request["GroupBy"]) {
        let kind = GroupDefinitionType::from(text(&group["Type"]).as_str());
        call = call.group_by(GroupDefinition::builder().r#type(kind).key(text(&group["Key"])).build());
    }
    if let Some(dimension) = request.pointer("/Filter/Not/Dimensions") {
        let values = list(&dimension["Values"]).iter().map(text).collect();
        let key = Dimension::from(text(&dimension["Key"]).as_str());
        let dimension = DimensionValues::builder().key(key).set_values(Some(values)).build();
        let operand = Expression::builder().dimensions(dimension).build();
        call = call.filter(Expression::builder().not(operand).build());
    }
    call
}

/// What the Rust SDK read, written as JSON again: equal to what was sent, or something was lost.
fn read_by_sdk(output: &GetCostAndUsageOutput) -> Value {
    let money = |value: &MetricValue| json!({ "Amount": value.amount(), "Unit": value.unit() });
    let metrics = |metrics: &std::collections::HashMap<String, MetricValue>| -> Map<String, Value> {
        metrics.iter().map(|(name, value)| (name.clone(), money(value))).collect()
    };
    let mut read = Map::new();
    if let Some(token) = output.next_page_token() {
        read.insert("NextPageToken".into(), token.into());
    }
    if let Some(groups) = &output.group_definitions {
        let definition =
            |group: &GroupDefinition| json!({ "Type": group.r#type().unwrap().as_str(), "Key": group.key() });
        read.insert("GroupDefinitions".into(), groups.iter().map(definition).collect());
    }
    let results = output.results_by_time().iter().map(|result| {
        let period = result.time_period().unwrap();
        let groups = result.groups().iter();
        let groups = groups.map(|group| json!({ "Keys": group.keys(), "Metrics": metrics(group.metrics().unwrap()) }));
        json!({
            "TimePeriod": { "Start": period.start(), "End": period.end() },
            "Total": metrics(result.total().unwrap()),
            "Groups": groups.collect::<Value>(),
            "Estimated": result.estimated(),
        })
    });
    read.insert("ResultsByTime".into(), results.collect());
    let attributes = output.dimension_value_attributes().iter();
    let attributes = attributes.map(|value| json!({ "Value": value.value(), "Attributes": value.attributes() }));
    read.insert("DimensionValueAttributes".into(), attributes.collect());
    read.into()
}

/// A few requests that differ in shape: groups in pages, names of accounts, totals of months with a filter, no data.
fn requests() -> Vec<Value> {
    let request = |start: &str, end: &str, granularity: &str, metrics: Value, groups: Value| {
        json!({
            "TimePeriod": { "Start": start, "End": end }, "Granularity": granularity, "Metrics": metrics, "GroupBy": groups,
        })
    };
    let service_and_tenant = json!([{ "Type": "DIMENSION", "Key": "SERVICE" }, { "Type": "TAG", "Key": "tenant" }]);
    let account = json!([{ "Type": "DIMENSION", "Key": "LINKED_ACCOUNT" }]);
    let both = json!(["UnblendedCost", "NetAmortizedCost"]);
    let mut months = request("2026-09-10", "2026-12-01", "MONTHLY", both.clone(), json!([]));
    months["Filter"] = json!({ "Not": { "Dimensions": { "Key": "RECORD_TYPE", "Values": ["Credit", "Refund"] } } });
    vec![
        request("2026-11-10", "2026-11-21", "DAILY", both, service_and_tenant),
        request("2026-11-01", "2026-11-03", "DAILY", json!(["BlendedCost"]), account),
        months,
        request("2026-11-20", "2026-11-21", "DAILY", json!(["AmortizedCost"]), json!([])),
    ]
}

/// Each request with each of its pages, and the answer.
fn pages(served: &Served) -> Vec<(Value, Value)> {
    let mut pages = Vec::new();
    for mut request in requests() {
        loop {
            let answer = served.directly("GetCostAndUsage", &request);
            let token = answer.get("NextPageToken").cloned();
            pages.push((request.clone(), answer));
            match token {
                Some(token) => request["NextPageToken"] = token,
                None => break,
            }
        }
    }
    pages
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rust_sdk_and_boto3_read_the_same_from_moto_and_from_the_simulator() {
    let served = Served::start().await;
    let pages = pages(&served);
    assert!(pages.len() > requests().len(), "nothing was paged");
    let python = tokio::task::spawn_blocking(python::with_moto).await.unwrap();
    let moto = Moto::start(&python).await;
    let (asked, answers): (Vec<Value>, Vec<Value>) = pages.into_iter().unzip();

    moto.queue(&answers).await;
    let (from_moto, from_simulator) = (client(moto.address), client(served.address));
    for (request, answer) in asked.iter().zip(&answers) {
        let by_moto = call(&from_moto, request).send().await.unwrap();
        let by_simulator = call(&from_simulator, request).send().await.unwrap();
        assert_eq!(by_moto.results_by_time, by_simulator.results_by_time);
        assert_eq!(read_by_sdk(&by_moto), *answer);
        assert_eq!(read_by_sdk(&by_simulator), *answer);
    }

    // boto3 writes its requests differently, so moto takes them for new ones. It drops what AWS's model does not have.
    moto.queue(&answers).await;
    let calls: Vec<_> = asked.iter().map(|request| ("get_cost_and_usage", request.clone())).collect();
    let expected: Vec<_> = answers.iter().map(|answer| json!({ "answer": answer })).collect();
    assert_eq!(python::boto3(&python, moto.address, &calls).await, expected);
    assert_eq!(python::boto3(&python, served.address, &calls).await, expected);

    // With its queue empty moto answers with the members that an answer without groups must have.
    let mut other = requests().remove(2);
    other["TimePeriod"]["Start"] = json!("2026-09-11");
    let empty = python::boto3(&python, moto.address, &[("get_cost_and_usage", other.clone())]).await.remove(0);
    let ours = served.directly("GetCostAndUsage", &other);
    let members = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<std::collections::BTreeSet<_>>();
    assert_eq!(members(&empty["answer"]), members(&ours));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn boto3_reads_forecasts_and_errors_by_the_names_of_the_service_model() {
    let served = Served::start().await;
    let python = tokio::task::spawn_blocking(python::with_moto).await.unwrap();
    let forecast = json!({
        "TimePeriod": { "Start": "2026-11-20", "End": "2026-12-01" }, "Granularity": "DAILY", "Metric": "NET_AMORTIZED_COST",
        "PredictionIntervalLevel": 90,
    });
    let [first, second] = [0, 1].map(|index| requests().remove(index));
    let token = served.directly("GetCostAndUsage", &first)["NextPageToken"].clone();
    let with_token = |mut request: Value, token: Value| {
        request["NextPageToken"] = token;
        ("get_cost_and_usage", request)
    };
    let mut backwards = second.clone();
    backwards["TimePeriod"] = json!({ "Start": "2026-11-03", "End": "2026-11-03" });
    let calls = [
        ("get_cost_forecast", forecast.clone()),
        with_token(first.clone(), json!("made up")),
        with_token(second, token),
        ("get_cost_and_usage", backwards),
        ("get_anomalies", json!({ "DateInterval": { "StartDate": "2026-11-01" } })),
    ];
    assert_eq!(
        python::boto3(&python, served.address, &calls).await,
        [
            json!({ "answer": served.directly("GetCostForecast", &forecast) }),
            json!({ "error": "InvalidNextTokenException", "type": "InvalidNextTokenException" }),
            json!({ "error": "RequestChangedException", "type": "RequestChangedException" }),
            json!({ "error": "ValidationException", "type": "ClientError" }),
            json!({ "error": "UnknownOperationException", "type": "ClientError" }),
        ]
    );
    served.at("2026-11-16T03:00:00Z");
    let told = python::boto3(&python, served.address, &[("get_cost_forecast", forecast)]).await;
    assert_eq!(told, [json!({ "error": "DataUnavailableException", "type": "DataUnavailableException" })]);
}

#[tokio::test]
async fn the_rust_sdk_reads_errors_as_its_typed_errors() {
    let served = Served::start().await;
    let client = client(served.address);
    let [first, second] = [0, 1].map(|index| requests().remove(index));
    let refusal = async |request: &Value| call(&client, request).send().await.unwrap_err().into_service_error();

    let token = served.directly("GetCostAndUsage", &first)["NextPageToken"].clone();
    let mut other = second.clone();
    other["NextPageToken"] = token.clone();
    assert!(matches!(refusal(&other).await, GetCostAndUsageError::RequestChangedException(_)));
    let mut later = first.clone();
    later["NextPageToken"] = token;
    served.at("2026-11-20T15:00:00Z");
    assert!(matches!(refusal(&later).await, GetCostAndUsageError::RequestChangedException(_)));
    later["NextPageToken"] = json!("made up");
    assert!(matches!(refusal(&later).await, GetCostAndUsageError::InvalidNextTokenException(_)));

    served.at("2026-11-16T03:00:00Z");
    let told = refusal(&second).await;
    assert!(matches!(told, GetCostAndUsageError::DataUnavailableException(_)));
    assert_eq!(told.message(), Some("The requested data is unavailable."));
    served.at("2026-11-17T10:15:00Z");
    assert_eq!(refusal(&second).await.code(), Some("ThrottlingException"));

    served.at("2026-11-17T10:45:00Z");
    let forecast = || client.get_cost_forecast().metric(Metric::UnblendedCost).granularity("DAILY".into());
    let days = |start: &str, end: &str| DateInterval::builder().start(start).end(end).build().unwrap();
    let told = forecast().time_period(days("2026-11-17", "2026-12-01")).send().await.unwrap_err().into_service_error();
    assert!(matches!(told, GetCostForecastError::LimitExceededException(_)));

    served.at(NOW);
    let told = forecast().time_period(days("2026-11-21", "2026-11-21")).send().await.unwrap_err().into_service_error();
    assert_eq!(told.code(), Some("ValidationException"));
    let answer = forecast().time_period(days("2026-11-20", "2026-12-01")).send().await.unwrap();
    assert_eq!(answer.forecast_results_by_time().len(), 11);
    assert_eq!(answer.total().unwrap().unit(), Some("USD"));
    let day = &answer.forecast_results_by_time()[0];
    assert!(day.mean_value().is_some() && day.prediction_interval_lower_bound().is_some());
}
