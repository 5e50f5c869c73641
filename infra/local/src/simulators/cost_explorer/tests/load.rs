use super::super::{Scenario, ScenarioError};
use super::{AUTUMN, decimal};

const ITEM: &str = "service: S, from: 2026-11-01, amount: 1";

fn refusal(yaml: &str) -> String {
    match Scenario::from_yaml(yaml) {
        Ok(_) => panic!("accepted: {yaml}"),
        Err(ScenarioError::Yaml(source)) => source.to_string(),
        Err(error @ ScenarioError::Value { .. }) => error.to_string(),
    }
}

fn with_item(more: &str) -> String {
    format!("{{ seed: 1, tags: [{{ key: tenant }}], items: [{{ {ITEM}{more} }}] }}")
}

#[test]
fn a_scenario_needs_a_seed_and_items_only() {
    let scenario = Scenario::from_yaml("{ seed: 1, items: [] }").unwrap();
    assert_eq!(scenario.currency, "USD");
    assert_eq!(scenario.refreshes.len(), 3);
    assert_eq!(scenario.page_size.get(), 1000);
    assert_eq!(scenario.price_per_page, decimal("0.01"));
    assert_eq!(scenario.bill_closes_on, 7);
}

#[test]
fn amounts_are_read_exactly_as_written_quoted_or_not() {
    let read = |amount: &str| {
        let yaml = format!("{{ seed: 1, items: [{{ service: S, from: 2026-11-01, amount: {amount} }}] }}");
        Scenario::from_yaml(&yaml).unwrap().items.remove(0).amount.to_string()
    };
    for text in ["0.1", "312.50", "0.0000000123", "123456789.0123456789", "-500", "7"] {
        assert_eq!(read(text), text);
        assert_eq!(read(&format!("'{text}'")), text);
    }
}

#[test]
fn unknown_fields_are_refused_by_name() {
    for (yaml, name) in [
        ("{ seed: 1, items: [], curency: USD }".to_owned(), "curency"),
        (with_item(", tenant: acme"), "tenant"),
        (with_item(", metrics: { UnblendedCosts: { percent: 3 } }"), "UnblendedCosts"),
        (with_item(", record_type: Usge"), "Usge"),
        ("{ seed: 1, items: [], outages: [{ from: 2026-11-01T00:00:00Z, until: 2026-11-02T00:00:00Z, error: Nope }] }".to_owned(), "Nope"),
    ] {
        assert!(refusal(&yaml).contains(name), "{}", refusal(&yaml));
    }
}

#[test]
fn more_than_three_refreshes_a_day_are_refused() {
    let told = refusal("{ seed: 1, items: [], refreshes: ['00:00', '06:00', '12:00', '18:00'] }");
    assert_eq!(told, "refreshes: Cost Explorer refreshes one to three times a day");
    assert!(refusal("{ seed: 1, items: [], refreshes: [] }").starts_with("refreshes:"));
    assert!(refusal("{ seed: 1, items: [], refreshes: ['08:00', '08:00'] }").starts_with("refreshes:"));
}

#[test]
fn what_could_not_be_is_refused_with_its_field() {
    let top = |more: &str| format!("{{ seed: 1, items: [], {more} }}");
    let cases = [
        (top("currency: usd"), "currency:"),
        (top("account: '123'"), "account:"),
        (top("price_per_page: -1"), "price_per_page:"),
        (top("bill_closes_on: 29"), "bill_closes_on:"),
        (top("missed_refreshes: [2026-11-12T09:00:00Z]"), "missed_refreshes[0]:"),
        (top("lag: []"), "lag:"),
        (top("lag: [{ hours: 8, percent: 90 }]"), "lag: does not end at 100 percent"),
        (top("lag: [{ hours: 8, percent: 90 }, { hours: 8, percent: 100 }]"), "lag: the hours do not rise"),
        (top("lag: [{ hours: 8, percent: -1 }, { hours: 9, percent: 100 }]"), "lag:"),
        (top("tags: [{ key: a }, { key: a }]"), "tags:"),
        (
            top("outages: [{ from: 2026-11-02T00:00:00Z, until: 2026-11-02T00:00:00Z, error: ThrottlingException }]"),
            "outages[0].until:",
        ),
        (
            top(
                "outages: [{ from: 2026-11-02T00:00:00Z, until: 2026-11-03T00:00:00Z, error: InternalFailure, operations: [GetCost] }]",
            ),
            "outages[0].operations: no operation GetCost",
        ),
        (with_item(", to: 2026-10-31"), "items[0].to:"),
        (with_item(", day_of_month: 32"), "items[0].day_of_month:"),
        (with_item(", account: '12'"), "items[0].account:"),
        (with_item(", tags: { Tenant: acme }"), "items[0].tags.Tenant:"),
        (with_item(", tags: { tenant: '' }"), "items[0].tags.tenant:"),
        (with_item(", noise_percent: 101"), "items[0].noise_percent:"),
        (with_item(", weekend_percent: -1"), "items[0].weekend_percent:"),
        (with_item(", metrics: { BlendedCost: { percent: 1001 } }"), "items[0].metrics.BlendedCost:"),
        (with_item(", lag: [{ hours: 1, percent: 100 }], appears: 2026-11-12T09:00:00Z"), "items[0].appears:"),
        ("{ seed: 1, items: [{ service: S, from: 2026-11-01, amount: 1000000001 }] }".to_owned(), "items[0].amount:"),
        ("{ seed: 1, items: [{ service: '', from: 2026-11-01, amount: 1 }] }".to_owned(), "items[0].service:"),
    ];
    for (yaml, beginning) in cases {
        assert!(refusal(&yaml).starts_with(beginning), "{:?} does not begin with {beginning:?}", refusal(&yaml));
    }
    assert!(!refusal(&top("page_size: 0")).is_empty());
}

#[test]
fn the_example_of_the_documentation_and_the_autumn_are_good() {
    Scenario::from_yaml(AUTUMN).unwrap();
    let source = include_str!("../scenario.rs");
    let example: String = source
        .lines()
        .skip_while(|line| !line.contains("```yaml"))
        .skip(1)
        .take_while(|line| !line.contains("```"))
        .map(|line| format!("{}\n", line.trim_start_matches("//! ").trim_start_matches("//!")))
        .collect();
    assert_eq!(Scenario::from_yaml(&example).unwrap().items.len(), 3);
}
