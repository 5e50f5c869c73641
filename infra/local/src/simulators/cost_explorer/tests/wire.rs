use serde_json::{Value, json};

use super::{all_pages, amount, ask, autumn, by, daily, decimal, groups, refused, simulator, with};

const NOW: &str = "2026-11-20T12:00:00Z";
const SMALL: &str = "
seed: 1
tags: [{ key: tenant }]
items:
  - { service: Amazon EC2, from: 2026-01-01, to: 2028-12-31, amount: 10.5, tags: { tenant: acme } }
  - { service: Amazon S3, from: 2026-01-01, to: 2028-12-31, amount: 0.0000000123 }
  - { service: Amazon S3, record_type: Credit, from: 2026-01-01, to: 2028-12-31, amount: -0.25, account: '999900001111' }
";

#[test]
fn an_answer_with_groups_is_shaped_like_the_real_one() {
    let request = by(daily("2026-09-01", "2026-09-02"), &[("DIMENSION", "SERVICE"), ("TAG", "tenant")]);
    let usd = |amount: &str| json!({ "UnblendedCost": { "Amount": amount, "Unit": "USD" } });
    assert_eq!(
        ask(&simulator(SMALL), &request, NOW),
        json!({
            "GroupDefinitions": [{ "Type": "DIMENSION", "Key": "SERVICE" }, { "Type": "TAG", "Key": "tenant" }],
            "ResultsByTime": [{
                "TimePeriod": { "Start": "2026-09-01", "End": "2026-09-02" },
                "Total": {},
                "Groups": [
                    { "Keys": ["Amazon EC2", "tenant$acme"], "Metrics": usd("10.5") },
                    { "Keys": ["Amazon S3", "tenant$"], "Metrics": usd("-0.2499999877") },
                ],
                "Estimated": false,
            }],
            "DimensionValueAttributes": [],
        })
    );
}

#[test]
fn an_answer_without_groups_has_a_total_of_every_metric_asked_for() {
    let request = with(daily("2026-11-01", "2026-11-02"), "Metrics", json!(["NET_AMORTIZED_COST", "UnblendedCost"]));
    let money = json!({ "Amount": "10.2500000123", "Unit": "USD" });
    assert_eq!(
        ask(&simulator(SMALL), &request, NOW),
        json!({
            "ResultsByTime": [{
                "TimePeriod": { "Start": "2026-11-01", "End": "2026-11-02" },
                "Total": { "NetAmortizedCost": money, "UnblendedCost": money },
                "Groups": [],
                "Estimated": true,
            }],
            "DimensionValueAttributes": [],
        })
    );
}

#[test]
fn tiny_amounts_are_written_without_an_exponent() {
    let request = with(
        daily("2026-09-01", "2026-09-02"),
        "Filter",
        json!({ "And": [
            { "Dimensions": { "Key": "SERVICE", "Values": ["Amazon S3"], "MatchOptions": ["EQUALS"] } },
            { "Not": { "Dimensions": { "Key": "RECORD_TYPE", "Values": ["Credit"] } } },
        ] }),
    );
    let answer = ask(&simulator(SMALL), &request, NOW);
    assert_eq!(answer["ResultsByTime"][0]["Total"]["UnblendedCost"]["Amount"], "0.0000000123");
}

#[test]
fn end_is_exclusive() {
    let days = ask(&simulator(SMALL), &daily("2026-10-30", "2026-11-02"), NOW);
    let ends: Vec<_> = days["ResultsByTime"].as_array().unwrap().iter().map(|day| &day["TimePeriod"]["End"]).collect();
    assert_eq!(ends, ["2026-10-31", "2026-11-01", "2026-11-02"]);
}

#[test]
fn months_are_cut_at_the_ends_of_the_interval_and_a_leap_february_has_29_days() {
    let request = with(daily("2028-01-31", "2028-03-02"), "Granularity", json!("MONTHLY"));
    let request = with(request, "Filter", json!({ "Dimensions": { "Key": "SERVICE", "Values": ["Amazon EC2"] } }));
    let answer = ask(&simulator(SMALL), &request, "2028-03-20T00:00:00Z");
    let months = answer["ResultsByTime"].as_array().unwrap();
    let read: Vec<_> = months
        .iter()
        .map(|month| {
            let period = &month["TimePeriod"];
            let sum = amount(&month["Total"], "UnblendedCost");
            (period["Start"].as_str().unwrap(), period["End"].as_str().unwrap(), sum, month["Estimated"] == true)
        })
        .collect();
    assert_eq!(
        read,
        [
            ("2028-01-31", "2028-02-01", decimal("10.5"), false),
            ("2028-02-01", "2028-03-01", decimal("304.5"), false),
            ("2028-03-01", "2028-03-02", decimal("10.5"), true),
        ]
    );
}

#[test]
fn a_day_without_data_has_no_groups_a_total_of_zero_and_is_estimated() {
    for request in
        [daily("2026-11-20", "2026-11-21"), by(daily("2026-11-20", "2026-11-21"), &[("DIMENSION", "SERVICE")])]
    {
        let answer = ask(&simulator(SMALL), &request, NOW);
        let result = &answer["ResultsByTime"][0];
        assert_eq!(result["Groups"], json!([]));
        assert_eq!(result["Total"], json!({ "UnblendedCost": { "Amount": "0", "Unit": "USD" } }));
        assert_eq!(result["Estimated"], true);
    }
}

#[test]
fn a_filter_that_matches_nothing_answers_zero() {
    let nothing = json!({ "Dimensions": { "Key": "SERVICE", "Values": ["Amazon Nothing"] } });
    let answer = ask(&simulator(SMALL), &with(daily("2026-09-01", "2026-09-03"), "Filter", nothing), NOW);
    for result in answer["ResultsByTime"].as_array().unwrap() {
        assert_eq!(result["Total"], json!({ "UnblendedCost": { "Amount": "0", "Unit": "USD" } }));
        assert_eq!(result["Estimated"], false);
    }
}

#[test]
fn filters_combine() {
    let simulator = simulator(SMALL);
    let total = |filter: Value| {
        let answer = ask(&simulator, &with(daily("2026-09-01", "2026-09-02"), "Filter", filter), NOW);
        answer["ResultsByTime"][0]["Total"]["UnblendedCost"]["Amount"].as_str().unwrap().to_owned()
    };
    let tag = |values: Value, options: Value| json!({ "Tags": { "Key": "tenant", "Values": values, "MatchOptions": options } });
    let record = |name: &str| json!({ "Dimensions": { "Key": "RECORD_TYPE", "Values": [name] } });
    let account = json!({ "Dimensions": { "Key": "LINKED_ACCOUNT", "Values": ["111122223333"] } });
    assert_eq!(total(tag(json!(["acme"]), json!(["EQUALS"]))), "10.5");
    assert_eq!(total(tag(json!(["ACME"]), json!(["EQUALS", "CASE_SENSITIVE"]))), "0");
    assert_eq!(total(tag(Value::Null, json!(["ABSENT"]))), "-0.2499999877");
    assert_eq!(total(tag(json!([""]), Value::Null)), "-0.2499999877");
    assert_eq!(total(json!({ "Or": [record("Credit"), tag(json!(["acme"]), Value::Null)] })), "10.25");
    assert_eq!(total(json!({ "And": [{ "Not": record("Credit") }, account] })), "10.5000000123");
    assert_eq!(total(json!({ "Not": { "Or": [record("Credit"), record("Usage")] } })), "0");
}

#[test]
fn accounts_come_with_their_names() {
    let request = by(daily("2026-11-04", "2026-11-05"), &[("DIMENSION", "LINKED_ACCOUNT")]);
    let answer = ask(&autumn(), &request, NOW);
    assert_eq!(
        answer["DimensionValueAttributes"],
        json!([
            { "Value": "444455556666", "Attributes": { "description": "openwebui-production" } },
            { "Value": "777788889999", "Attributes": { "description": "openwebui-backup" } },
        ])
    );
}

#[test]
fn another_currency_is_the_unit_of_every_amount() {
    let answer = ask(&simulator(&format!("{SMALL}\ncurrency: CNY")), &daily("2026-09-01", "2026-09-02"), NOW);
    assert_eq!(answer["ResultsByTime"][0]["Total"]["UnblendedCost"]["Unit"], "CNY");
}

#[test]
fn record_types_can_be_told_apart() {
    let request = by(daily("2026-11-01", "2026-11-02"), &[("DIMENSION", "RECORD_TYPE")]);
    let first = all_pages(&autumn(), &request, NOW).remove(0);
    let groups = groups(&first);
    assert_eq!(groups["Tax"], decimal("1460.27"));
    assert_eq!(groups["SavingsPlanUpfrontFee"], decimal("900"));
    assert!(groups.contains_key("Usage"));
    assert_eq!(groups.len(), 3);
}

#[test]
fn wrong_requests_are_refused_as_aws_refuses_them() {
    let good = || daily("2026-11-01", "2026-11-02");
    let period = |start: &str, end: &str| daily(start, end);
    let filter = |filter: Value| with(good(), "Filter", filter);
    let service = || json!({ "Dimensions": { "Key": "SERVICE", "Values": ["S"] } });
    let three = [("DIMENSION", "SERVICE"), ("TAG", "tenant"), ("DIMENSION", "RECORD_TYPE")];
    let cases = [
        (period("2026-11-02", "2026-11-02"), "Start date (and hour) should be before end date (and hour)"),
        (period("2026-11-02", "2026-11-01"), "Start date (and hour) should be before end date (and hour)"),
        (period("2026-11-02", "2026-12-02"), "end date past the beginning of next month"),
        (period("2026-11-21", "2026-11-22"), "Start date should not be after the current date"),
        (period("2025-09-01", "2026-11-01"), "You haven't enabled historical data beyond 14 months."),
        (period("20261101", "2026-11-02"), "start time 20261101 is invalid. Valid format is: yyyy-MM-dd."),
        (period("2026-11-01T00:00:00Z", "2026-11-02"), "Valid format is: yyyy-MM-dd."),
        (period("2026-11-31", "2026-12-01"), "start time 2026-11-31 is invalid"),
        (with(good(), "TimePeriod", Value::Null), "Value null at 'timePeriod'"),
        (with(good(), "Metrics", Value::Null), "Value null at 'metrics'"),
        (with(good(), "Metrics", json!([])), "Value null at 'metrics'"),
        (with(good(), "Metrics", json!(["Unblended"])), "Invalid metric: Unblended"),
        (with(good(), "Granularity", Value::Null), "Value null at 'granularity'"),
        (with(good(), "Granularity", json!("WEEKLY")), "Invalid granularity: WEEKLY"),
        (by(good(), &three), "GroupBy has more than two group definitions"),
        (by(good(), &[("LINKED_ACCOUNT", "SERVICE")]), "Group Definition type is invalid."),
        (by(good(), &[("DIMENSION", "SERVICES")]), "Invalid dimension: SERVICES"),
        (filter(json!({})), "Expression is empty"),
        (
            filter(json!({ "Not": service(), "Dimensions": { "Key": "SERVICE", "Values": ["S"] } })),
            "more than one roots",
        ),
        (filter(json!({ "And": [service()] })), "And expression must have at least two operands"),
        (filter(json!({ "Dimensions": { "Key": "SERVICE", "Values": [] } })), "Value null at 'filter.values'"),
        (
            filter(json!({ "Dimensions": { "Key": "SERVICE", "Values": ["S"], "MatchOptions": ["STARTS_WITH"] } })),
            "STARTS_WITH",
        ),
    ];
    for (request, message) in cases {
        let (name, given) = refused(&simulator(SMALL), "GetCostAndUsage", &request, NOW);
        assert_eq!(name, "ValidationException", "{given}");
        assert!(given.contains(message), "{given:?} is not {message:?}");
    }
}

#[test]
fn intervals_may_reach_to_the_end_of_the_month_and_14_months_back() {
    for (start, end) in [("2026-11-20", "2026-12-01"), ("2025-09-20", "2025-09-21")] {
        ask(&simulator(SMALL), &daily(start, end), NOW);
    }
    ask(&simulator(SMALL), &daily("2026-12-31", "2027-01-01"), "2026-12-31T23:59:59Z");
}

#[test]
fn what_aws_has_and_the_simulator_has_not_is_said_so() {
    let good = || daily("2026-11-01", "2026-11-02");
    for request in [
        with(good(), "Granularity", json!("HOURLY")),
        with(good(), "Metrics", json!(["UsageQuantity"])),
        by(good(), &[("DIMENSION", "REGION")]),
        by(good(), &[("COST_CATEGORY", "team")]),
        with(good(), "Filter", json!({ "CostCategories": { "Key": "team", "Values": ["x"] } })),
    ] {
        assert_eq!(refused(&simulator(SMALL), "GetCostAndUsage", &request, NOW).0, "NotSimulatedException");
    }
}

#[test]
fn what_is_not_json_of_the_right_shape_cannot_be_read() {
    let simulator = simulator(SMALL);
    for body in ["", "{", "[]", r#"{"Metrics": "UnblendedCost"}"#, r#"{"TimePeriod": 5}"#] {
        let answer = simulator.handle("GetCostAndUsage", body.as_bytes(), super::at(NOW));
        assert_eq!(answer.error, Some("SerializationException"), "{body}");
    }
}
