use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::{at, decimal, refused, simulator, with};

const NOW: &str = "2026-11-20T12:00:00Z";
/// 10 a day, 4 on weekends, with a credit that one can filter out.
const STEADY: &str = "
seed: 1
items:
  - { service: Amazon EC2, from: 2026-09-01, to: 2028-12-31, amount: 10, weekend_percent: 40 }
  - { service: Amazon S3, record_type: Credit, from: 2026-10-24, to: 2026-11-19, amount: -1 }
";

fn request(start: &str, end: &str) -> Value {
    json!({ "TimePeriod": { "Start": start, "End": end }, "Granularity": "DAILY", "Metric": "UNBLENDED_COST" })
}

fn usage_only(request: Value) -> Value {
    with(request, "Filter", json!({ "Dimensions": { "Key": "RECORD_TYPE", "Values": ["Usage"] } }))
}

fn forecast(yaml: &str, request: &Value, now: &str) -> Value {
    let answer = simulator(yaml).handle("GetCostForecast", request.to_string().as_bytes(), at(now));
    assert_eq!(answer.error, None, "{}", answer.body);
    answer.body
}

fn bound(result: &Value, name: &str) -> Decimal {
    decimal(result[name].as_str().unwrap())
}

#[test]
fn steady_costs_are_forecast_as_they_are_weekday_by_weekday() {
    let lag = "\nlag: [{ hours: 8, percent: 100 }]";
    let answer = forecast(&format!("{STEADY}{lag}"), &usage_only(request("2026-11-20", "2026-11-24")), NOW);
    let means: Vec<_> = answer["ForecastResultsByTime"]
        .as_array()
        .unwrap()
        .iter()
        .map(|day| day["MeanValue"].as_str().unwrap())
        .collect();
    assert_eq!(means, ["10", "4", "4", "10"]);
    assert_eq!(answer["Total"], json!({ "Amount": "28", "Unit": "USD" }));
    assert_eq!(answer["ForecastResultsByTime"][0]["TimePeriod"], json!({ "Start": "2026-11-20", "End": "2026-11-21" }));
    assert_eq!(answer["ForecastResultsByTime"][0]["PredictionIntervalLowerBound"], "10");
}

#[test]
fn months_add_up_what_is_over_and_what_is_to_come() {
    let monthly = with(usage_only(request("2026-11-01", "2027-01-01")), "Granularity", json!("MONTHLY"));
    let yaml = format!("{STEADY}\nlag: [{{ hours: -24, percent: 100 }}]");
    let answer = forecast(&yaml, &monthly, NOW);
    // November 2026 has 9 weekend days, December 8.
    let means: Vec<_> = answer["ForecastResultsByTime"]
        .as_array()
        .unwrap()
        .iter()
        .map(|month| month["MeanValue"].as_str().unwrap())
        .collect();
    assert_eq!(means, ["246", "262"]);
    assert_eq!(answer["Total"]["Amount"], "508");
}

#[test]
fn a_higher_level_gives_wider_bounds_around_the_same_mean() {
    let noisy = STEADY.replace("weekend_percent: 40", "noise_percent: 30");
    let levels = [51, 80, 99];
    let [narrow, middle, wide] = levels.map(|level| {
        let request = with(request("2026-11-20", "2026-11-21"), "PredictionIntervalLevel", json!(level));
        let answer = forecast(&noisy, &request, NOW);
        let result = &answer["ForecastResultsByTime"][0];
        let [lower, mean, upper] = ["PredictionIntervalLowerBound", "MeanValue", "PredictionIntervalUpperBound"]
            .map(|name| bound(result, name));
        assert_eq!(mean - lower, upper - mean);
        (mean, upper - lower)
    });
    assert!(narrow.0 == middle.0 && middle.0 == wide.0);
    assert!(Decimal::ZERO < narrow.1 && narrow.1 < middle.1 && middle.1 < wide.1);
}

#[test]
fn the_days_of_a_forecast_add_up_to_its_total() {
    let noisy = STEADY.replace("weekend_percent: 40", "noise_percent: 30");
    let answer = forecast(&noisy, &request("2026-11-01", "2027-01-15"), NOW);
    let days = answer["ForecastResultsByTime"].as_array().unwrap();
    assert_eq!(days.iter().map(|day| bound(day, "MeanValue")).sum::<Decimal>(), bound(&answer["Total"], "Amount"));
}

#[test]
fn a_filter_narrows_the_forecast() {
    let credit = with(
        request("2026-11-20", "2026-11-21"),
        "Filter",
        json!({ "Dimensions": { "Key": "RECORD_TYPE", "Values": ["Credit"] } }),
    );
    let mean = |request: &Value| bound(&forecast(STEADY, request, NOW)["ForecastResultsByTime"][0], "MeanValue");
    let day = || request("2026-11-20", "2026-11-21");
    assert!(mean(&credit) < Decimal::ZERO);
    assert_eq!(mean(&day()), mean(&credit) + mean(&usage_only(day())));
}

#[test]
fn less_than_a_billing_cycle_of_history_is_not_enough() {
    let young = "{ seed: 1, items: [{ service: S, from: 2026-10-21, to: 2026-12-31, amount: 3 }] }";
    let request = request("2026-11-20", "2026-11-21");
    let told = refused(&simulator(young), "GetCostForecast", &request, NOW);
    assert_eq!(told, ("DataUnavailableException", "Insufficient amount of historical data.".to_owned()));
    forecast(
        young,
        &with(request, "TimePeriod", json!({ "Start": "2026-11-21", "End": "2026-11-22" })),
        "2026-11-21T12:00:00Z",
    );
    let none = "{ seed: 1, items: [] }";
    assert_eq!(
        refused(&simulator(none), "GetCostForecast", &self::request("2026-11-20", "2026-11-21"), NOW).0,
        "DataUnavailableException"
    );
}

#[test]
fn wrong_requests_are_refused() {
    let good = || request("2026-11-20", "2026-12-01");
    let cases = [
        // The last day of the month, asked by "tomorrow to the end of the month".
        (request("2026-12-01", "2026-12-01"), "Requested Start: 2026-12-01 must be before requested End: 2026-12-01"),
        (request("2026-12-01", "2026-11-30"), "Requested Start: 2026-12-01 must be before requested End: 2026-11-30"),
        (request("2026-11-21", "2026-12-01"), "no later than the current date"),
        (request("2026-11-20", "2027-02-21"), "3 months DAILY"),
        (with(request("2026-11-01", "2028-06-01"), "Granularity", json!("MONTHLY")), "18 months MONTHLY"),
        (with(good(), "Metric", Value::Null), "Value null at 'metric'"),
        (with(good(), "Metric", json!("COST")), "Invalid metric"),
        (with(good(), "Granularity", Value::Null), "Value null at 'granularity'"),
        (with(good(), "PredictionIntervalLevel", json!(50)), "not between 51 and 99"),
        (with(good(), "PredictionIntervalLevel", json!(100)), "not between 51 and 99"),
        (
            with(good(), "Filter", json!({ "Not": { "Tags": { "Key": "tenant", "Values": ["acme"] } } })),
            "Tags expressions",
        ),
    ];
    for (request, message) in cases {
        let (name, given) = refused(&simulator(STEADY), "GetCostForecast", &request, NOW);
        assert_eq!(name, "ValidationException");
        assert!(given.contains(message), "{given:?} is not {message:?}");
    }
}

#[test]
fn the_longest_intervals_are_answered() {
    forecast(STEADY, &request("2026-11-20", "2027-02-20"), NOW);
    forecast(STEADY, &with(request("2026-11-01", "2028-05-01"), "Granularity", json!("MONTHLY")), NOW);
}
