//! What the simulator does, as facts.

mod conservation;
mod forecast;
mod load;
mod outages;
mod paging;
mod revisions;
mod wire;

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::{CostExplorer, Scenario};

const AUTUMN: &str = include_str!("../testdata/autumn.yaml");

fn simulator(yaml: &str) -> CostExplorer {
    CostExplorer::new(Scenario::from_yaml(yaml).unwrap()).unwrap()
}

fn autumn() -> CostExplorer {
    simulator(AUTUMN)
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// A request for unblended costs by day.
fn daily(start: &str, end: &str) -> Value {
    json!({
        "TimePeriod": { "Start": start, "End": end }, "Granularity": "DAILY", "Metrics": ["UnblendedCost"],
    })
}

fn with(mut request: Value, member: &str, value: Value) -> Value {
    request[member] = value;
    request
}

fn by(request: Value, groups: &[(&str, &str)]) -> Value {
    let groups: Value = groups.iter().map(|(kind, key)| json!({ "Type": kind, "Key": key })).collect();
    with(request, "GroupBy", groups)
}

/// A request that must succeed.
fn ask(simulator: &CostExplorer, request: &Value, now: &str) -> Value {
    let answer = simulator.handle("GetCostAndUsage", request.to_string().as_bytes(), at(now));
    assert_eq!(answer.error, None, "{}", answer.body);
    assert_eq!(answer.status, 200);
    answer.body
}

/// A request that must be refused: the name and the message.
fn refused(simulator: &CostExplorer, operation: &str, request: &Value, now: &str) -> (&'static str, String) {
    let answer = simulator.handle(operation, request.to_string().as_bytes(), at(now));
    let name = answer.error.unwrap_or_else(|| panic!("answered: {}", answer.body));
    assert_eq!(answer.status, if name == "InternalFailure" { 500 } else { 400 });
    assert_eq!(answer.body["__type"], name);
    (name, answer.body["message"].as_str().unwrap().to_owned())
}

/// All pages, put together as a careful client does: by period, each group once.
fn all_pages(simulator: &CostExplorer, request: &Value, now: &str) -> Vec<Value> {
    let mut request = request.clone();
    let mut periods: Vec<Value> = Vec::new();
    loop {
        let page = ask(simulator, &request, now);
        for result in page["ResultsByTime"].as_array().unwrap() {
            match periods.last_mut() {
                Some(last) if last["TimePeriod"] == result["TimePeriod"] => {
                    let more = result["Groups"].as_array().unwrap().clone();
                    last["Groups"].as_array_mut().unwrap().extend(more);
                }
                _ => periods.push(result.clone()),
            }
        }
        match page.get("NextPageToken") {
            Some(token) => request["NextPageToken"] = token.clone(),
            None => return periods,
        }
    }
}

/// An amount in an answer.
fn amount(metrics: &Value, metric: &str) -> Decimal {
    assert_eq!(metrics[metric]["Unit"], "USD");
    decimal(metrics[metric]["Amount"].as_str().unwrap())
}

/// The groups of a period by their keys, joined with `|`.
fn groups(period: &Value) -> BTreeMap<String, Decimal> {
    let groups = period["Groups"].as_array().unwrap();
    let by_keys: BTreeMap<_, _> = groups
        .iter()
        .map(|group| {
            let keys: Vec<_> = group["Keys"].as_array().unwrap().iter().map(|key| key.as_str().unwrap()).collect();
            (keys.join("|"), amount(&group["Metrics"], "UnblendedCost"))
        })
        .collect();
    assert_eq!(by_keys.len(), groups.len(), "a group came twice");
    by_keys
}
