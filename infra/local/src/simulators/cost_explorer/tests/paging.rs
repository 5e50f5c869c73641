use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{all_pages, ask, at, autumn, by, daily, day, decimal, refused, simulator, with};

const NOW: &str = "2026-11-20T12:00:00Z";

fn month() -> Value {
    by(daily("2026-10-17", "2026-11-21"), &[("DIMENSION", "SERVICE"), ("TAG", "tenant")])
}

fn token(page: &Value) -> Value {
    page["NextPageToken"].clone()
}

#[test]
fn a_page_has_at_most_the_groups_of_the_scenario_and_splits_days() {
    let simulator = autumn();
    let mut request = month();
    let (mut pages, mut split) = (0, 0);
    let mut last_day = Value::Null;
    loop {
        let page = ask(&simulator, &request, NOW);
        pages += 1;
        let results = page["ResultsByTime"].as_array().unwrap();
        let groups: usize = results.iter().map(|result| result["Groups"].as_array().unwrap().len().max(1)).sum();
        assert!(groups <= 40);
        split += usize::from(results[0]["TimePeriod"] == last_day);
        last_day = results.last().unwrap()["TimePeriod"].clone();
        if page.get("NextPageToken").is_none() {
            break;
        }
        assert_eq!(groups, 40);
        request["NextPageToken"] = token(&page);
    }
    assert!(pages >= 8 && split > 3, "{pages} pages, {split} split");
    assert_eq!(simulator.pages(), pages);
    assert_eq!(simulator.price(), decimal("0.01") * rust_decimal::Decimal::from(pages));
    assert_eq!(simulator.pages_by_day(), [(day("2026-11-20"), pages)].into());
}

#[test]
fn days_are_paged_even_without_groups() {
    let simulator =
        simulator("{ seed: 1, page_size: 2, items: [{ service: S, from: 2026-11-01, to: 2026-11-30, amount: 1 }] }");
    let days = all_pages(&simulator, &daily("2026-11-01", "2026-11-06"), NOW);
    assert_eq!(days.len(), 5);
    assert_eq!(simulator.pages(), 3);
}

#[test]
fn the_same_token_gives_the_same_page() {
    let simulator = autumn();
    let request = with(month(), "NextPageToken", token(&ask(&simulator, &month(), NOW)));
    assert_eq!(ask(&simulator, &request, NOW), ask(&simulator, &request, NOW));
}

#[test]
fn a_made_up_or_foreign_or_altered_token_is_invalid() {
    let simulator = autumn();
    let real = token(&ask(&simulator, &month(), NOW)).as_str().unwrap().to_owned();
    let foreign = {
        let other = super::AUTUMN.replace("seed: 20261114", "seed: 1");
        token(&ask(&super::simulator(&other), &month(), NOW)).as_str().unwrap().to_owned()
    };
    for wrong in ["", "next", "AAAA", foreign.as_str(), &real[1..], &format!("{real}A")] {
        let request = with(month(), "NextPageToken", json!(wrong));
        assert_eq!(refused(&simulator, "GetCostAndUsage", &request, NOW).0, "InvalidNextTokenException", "{wrong}");
    }
}

#[test]
fn another_request_with_the_same_token_has_changed() {
    let simulator = autumn();
    let given = token(&ask(&simulator, &month(), NOW));
    let other = with(with(month(), "Metrics", json!(["BlendedCost"])), "NextPageToken", given.clone());
    let (name, message) = refused(&simulator, "GetCostAndUsage", &other, NOW);
    assert_eq!(name, "RequestChangedException");
    assert!(message.contains("parameters changed"));
    // White space and the order of members are not parameters.
    let same = format!(" {:#} ", with(month(), "NextPageToken", given));
    assert_eq!(simulator.handle("GetCostAndUsage", same.as_bytes(), at(NOW)).error, None);
}

#[test]
fn a_refresh_between_pages_changes_the_request() {
    let simulator = autumn();
    let request = with(month(), "NextPageToken", token(&ask(&simulator, &month(), NOW)));
    ask(&simulator, &request, "2026-11-20T14:59:59Z");
    let (name, message) = refused(&simulator, "GetCostAndUsage", &request, "2026-11-20T15:00:00Z");
    assert_eq!(name, "RequestChangedException");
    assert!(message.contains("data changed"));
}

#[test]
fn the_fault_repeats_one_token_for_ever() {
    let simulator = autumn();
    simulator.repeat_token(true);
    let mut request = month();
    let mut tokens = BTreeSet::new();
    for _ in 0..30 {
        let page = ask(&simulator, &request, NOW);
        request["NextPageToken"] = token(&page);
        tokens.insert(token(&page).as_str().unwrap().to_owned());
    }
    assert_eq!(tokens.len(), 1);
    simulator.repeat_token(false);
    let mut pages = 0;
    while let Some(next) = ask(&simulator, &request, NOW).get("NextPageToken") {
        request["NextPageToken"] = next.clone();
        pages += 1;
    }
    assert!(pages < 30);
}

#[test]
fn tokens_are_opaque() {
    let given = token(&ask(&autumn(), &month(), NOW));
    let text = given.as_str().unwrap();
    assert!(!text.contains("40") || !text.contains("2026"), "{text}");
    assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
}
