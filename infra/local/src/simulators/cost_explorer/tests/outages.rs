use serde_json::{Value, json};

use super::{ask, at, autumn, daily, day, decimal, refused, simulator};

fn usage() -> Value {
    daily("2026-11-01", "2026-11-02")
}

fn forecast() -> Value {
    json!({
        "TimePeriod": { "Start": "2026-11-17", "End": "2026-11-18" }, "Granularity": "DAILY", "Metric": "UNBLENDED_COST",
    })
}

#[test]
fn an_outage_holds_from_its_beginning_to_before_its_end() {
    let simulator = autumn();
    for now in ["2026-11-16T02:00:00Z", "2026-11-16T04:59:59Z"] {
        for (operation, request) in [("GetCostAndUsage", usage()), ("GetCostForecast", forecast())] {
            assert_eq!(refused(&simulator, operation, &request, now).0, "DataUnavailableException");
        }
    }
    ask(&simulator, &usage(), "2026-11-16T01:59:59Z");
    ask(&simulator, &usage(), "2026-11-16T05:00:00Z");
    assert_eq!(refused(&simulator, "GetCostAndUsage", &usage(), "2026-11-17T10:00:00Z").0, "ThrottlingException");
}

#[test]
fn an_outage_may_be_of_one_operation() {
    let simulator = autumn();
    let now = "2026-11-17T10:30:00Z";
    assert_eq!(refused(&simulator, "GetCostForecast", &forecast(), now).0, "LimitExceededException");
    ask(&simulator, &usage(), now);
}

#[test]
fn an_internal_failure_is_a_500() {
    let yaml = "{ seed: 1, items: [], outages: [{ from: 2026-11-17T00:00:00Z, until: 2026-11-18T00:00:00Z, error: InternalFailure }] }";
    assert_eq!(refused(&simulator(yaml), "GetCostAndUsage", &usage(), "2026-11-17T12:00:00Z").0, "InternalFailure");
}

#[test]
fn operations_that_are_not_simulated_are_unknown() {
    for operation in ["GetAnomalies", "getCostAndUsage", "AWSInsightsIndexService.ListCostAllocationTags", ""] {
        assert_eq!(refused(&autumn(), operation, &usage(), "2026-11-20T12:00:00Z").0, "UnknownOperationException");
    }
}

#[test]
fn the_target_header_may_be_handed_on_whole() {
    let answer = autumn().handle(
        "AWSInsightsIndexService.GetCostAndUsage",
        usage().to_string().as_bytes(),
        at("2026-11-20T12:00:00Z"),
    );
    assert_eq!(answer.status, 200);
}

#[test]
fn answered_pages_cost_and_refused_calls_are_counted_apart() {
    let simulator = autumn();
    ask(&simulator, &usage(), "2026-11-15T23:59:59Z");
    ask(&simulator, &usage(), "2026-11-16T00:00:00Z");
    ask(&simulator, &usage(), "2026-11-16T01:00:00Z");
    refused(&simulator, "GetCostAndUsage", &usage(), "2026-11-16T02:00:00Z");
    assert_eq!(
        simulator.handle("GetCostForecast", forecast().to_string().as_bytes(), at("2026-11-17T12:00:00Z")).status,
        200
    );
    assert_eq!(simulator.pages(), 4);
    assert_eq!(simulator.refused(), 1);
    assert_eq!(simulator.price(), decimal("0.04"));
    let days = [("2026-11-15", 1), ("2026-11-16", 2), ("2026-11-17", 1)].map(|(text, pages)| (day(text), pages));
    assert_eq!(simulator.pages_by_day(), days.into());
}

#[test]
fn a_clock_that_is_set_decides() {
    let simulator = autumn();
    let body = usage().to_string();
    let ask = || simulator.handle_now("GetCostAndUsage", body.as_bytes(), at("2026-11-20T00:00:00Z")).error;
    assert_eq!(simulator.now(), None);
    assert_eq!(ask(), None);
    simulator.set_now(at("2026-11-16T03:00:00Z"));
    assert_eq!(simulator.now(), Some(at("2026-11-16T03:00:00Z")));
    assert_eq!(ask(), Some("DataUnavailableException"));
}
