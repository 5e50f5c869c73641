use rust_decimal::Decimal;
use serde_json::json;

use super::super::Metric;
use super::super::scenario::RecordType;
use super::{ask, at, autumn, by, daily, day, decimal, groups, simulator};

const ONE_ITEM: &str = "
seed: 1
tags: [{ key: tenant, activated: 2026-11-03 }]
refreshes: ['08:00', '22:00']
lag: [{ hours: 8, percent: 40 }, { hours: 32, percent: 110 }, { hours: 240, percent: 100 }]
items:
  - { service: Amazon EC2, from: 2026-10-01, to: 2026-11-30, amount: 100, tags: { tenant: acme } }
";

/// The visible unblended total of a day.
fn seen(yaml: &str, of: &str, now: &str) -> Option<Decimal> {
    let simulator = simulator(yaml);
    let costs = simulator.visible(day(of), at(now));
    (!costs.lines.is_empty()).then(|| costs.total().get(Metric::UnblendedCost))
}

#[test]
fn a_day_is_first_partial_then_too_dear_then_right() {
    let of = |now| seen(ONE_ITEM, "2026-11-10", now);
    assert_eq!(of("2026-11-11T07:59:59Z"), None);
    assert_eq!(of("2026-11-11T08:00:00Z"), Some(decimal("40")));
    assert_eq!(of("2026-11-12T07:59:59Z"), Some(decimal("40")));
    assert_eq!(of("2026-11-12T08:00:00Z"), Some(decimal("110")));
    assert_eq!(of("2026-11-20T23:00:00Z"), Some(decimal("110")));
    assert_eq!(of("2026-11-21T08:00:00Z"), Some(decimal("100")));
}

#[test]
fn data_changes_at_refreshes_only() {
    let simulator = autumn();
    let request = by(daily("2026-11-01", "2026-11-21"), &[("DIMENSION", "SERVICE"), ("TAG", "tenant")]);
    let mut last = None;
    let mut changed_at = Vec::new();
    for minute in (0..4 * 24 * 60).step_by(30) {
        let now = at("2026-11-17T00:10:00Z") + jiff::SignedDuration::from_mins(minute);
        let answer = simulator.handle("GetCostAndUsage", request.to_string().as_bytes(), now);
        if answer.status == 200 && last.as_ref() != Some(&answer.body) {
            changed_at.push(simulator.scenario().last_refresh(now).unwrap());
            // The first answer is of the evening before.
            let lateness = now.duration_since(*changed_at.last().unwrap()).as_mins();
            assert!(lateness < 30 || last.is_none(), "{now}");
            last = Some(answer.body);
        }
    }
    assert_eq!(changed_at.first(), Some(&at("2026-11-16T22:00:00Z")));
    assert!(changed_at.len() > 8 && changed_at.len() <= 13, "{changed_at:?}");
}

#[test]
fn a_missed_refresh_shows_the_data_of_the_one_before() {
    let simulator = autumn();
    let refresh = |now| simulator.scenario().last_refresh(at(now)).unwrap();
    assert_eq!(refresh("2026-11-12T14:59:59Z"), at("2026-11-11T22:00:00Z"));
    assert_eq!(refresh("2026-11-12T15:00:00Z"), at("2026-11-12T15:00:00Z"));
    assert_eq!(simulator.scenario().next_refresh(at("2026-11-12T00:00:00Z")), Some(at("2026-11-12T15:00:00Z")));
    assert_eq!(simulator.scenario().next_refresh(at("2026-11-12T15:00:00Z")), Some(at("2026-11-12T22:00:00Z")));
    assert_eq!(simulator.scenario().next_refresh(at("2026-11-12T22:00:00Z")), Some(at("2026-11-13T08:00:00Z")));
}

#[test]
fn a_bill_that_is_closed_is_complete_and_no_longer_estimated() {
    let simulator = simulator(ONE_ITEM);
    let last_of_october = |now| {
        let costs = simulator.visible(day("2026-10-31"), at(now));
        (costs.total().get(Metric::UnblendedCost), costs.estimated)
    };
    assert_eq!(last_of_october("2026-11-07T07:59:59Z"), (decimal("110"), true));
    assert_eq!(last_of_october("2026-11-07T08:00:00Z"), (decimal("100"), false));
    assert!(simulator.visible(day("2026-11-01"), at("2026-12-07T07:00:00Z")).estimated);
    assert!(!simulator.visible(day("2026-11-30"), at("2026-12-07T08:00:00Z")).estimated);
    assert!(!simulator.truth(day("2026-11-30")).estimated);
}

#[test]
fn a_late_credit_appears_at_the_first_refresh_after_its_instant() {
    let simulator = autumn();
    let credit = |now| {
        simulator
            .visible(day("2026-11-14"), at(now))
            .by_record_type()
            .get(&RecordType::Credit)
            .map(|sum| sum.get(Metric::UnblendedCost))
    };
    assert_eq!(credit("2026-11-18T09:30:00Z"), None);
    assert_eq!(credit("2026-11-18T14:59:59Z"), None);
    assert_eq!(credit("2026-11-18T15:00:00Z"), Some(decimal("-500")));
}

#[test]
fn what_appears_at_the_instant_of_a_refresh_is_in_it() {
    let yaml = "{ seed: 1, items: [{ service: S, from: 2026-11-10, amount: 3, appears: 2026-11-13T15:00:00Z }] }";
    assert_eq!(seen(yaml, "2026-11-10", "2026-11-13T14:59:59Z"), None);
    assert_eq!(seen(yaml, "2026-11-10", "2026-11-13T15:00:00Z"), Some(decimal("3")));
}

#[test]
fn a_late_refund_changes_even_a_closed_bill() {
    let simulator = autumn();
    let october = |now| simulator.visible(day("2026-10-20"), at(now));
    assert!(!october("2026-11-08T12:00:00Z").estimated);
    let before = october("2026-11-09T11:00:00Z").total().get(Metric::UnblendedCost);
    let after = october("2026-11-09T15:00:00Z").total().get(Metric::UnblendedCost);
    assert_eq!(after - before, decimal("-12.5"));
}

#[test]
fn the_played_day_crosses_a_thousand_by_revision_and_falls_back_by_credit() {
    let simulator = autumn();
    let total = |now| simulator.visible(day("2026-11-14"), at(now)).total().get(Metric::UnblendedCost);
    let thousand = decimal("1000");
    assert!(total("2026-11-15T12:00:00Z") < thousand);
    assert!(total("2026-11-16T12:00:00Z") < thousand);
    assert!(total("2026-11-17T12:00:00Z") > thousand);
    assert!(total("2026-11-18T12:00:00Z") > thousand);
    assert!(total("2026-11-18T16:00:00Z") < thousand);
}

#[test]
fn a_tag_is_absent_before_its_activation_and_stays_absent_for_those_days() {
    let simulator = simulator(ONE_ITEM);
    let request = by(daily("2026-11-01", "2026-11-05"), &[("TAG", "tenant")]);
    let answer = ask(&simulator, &request, "2026-11-29T12:00:00Z");
    let keys: Vec<_> = answer["ResultsByTime"].as_array().unwrap().iter().map(groups).collect();
    let hundred = decimal("100");
    for (index, key) in ["tenant$", "tenant$", "tenant$acme", "tenant$acme"].into_iter().enumerate() {
        assert_eq!(keys[index], [(key.to_owned(), hundred)].into());
    }
    assert_eq!(simulator.truth(day("2026-11-02")).by_tag("tenant").keys().collect::<Vec<_>>(), [&None]);
}

#[test]
fn an_unknown_tag_key_puts_everything_in_its_empty_group() {
    let request = by(daily("2026-11-03", "2026-11-04"), &[("TAG", "Tenant")]);
    let answer = ask(&simulator(ONE_ITEM), &request, "2026-11-29T12:00:00Z");
    assert_eq!(groups(&answer["ResultsByTime"][0]), [("Tenant$".to_owned(), decimal("100"))].into());
}

#[test]
fn noise_is_decided_by_the_seed_stays_in_its_bounds_and_has_ten_places() {
    let yaml = |seed: u64| {
        format!(
            "{{ seed: {seed}, items: [{{ service: S, from: 2026-01-01, to: 2026-12-31, amount: 33.3333333333, noise_percent: 10 }}] }}"
        )
    };
    let year = |seed| -> Vec<Decimal> {
        let simulator = simulator(&yaml(seed));
        (1..=28)
            .map(|date| simulator.truth(day(&format!("2026-03-{date:02}"))).total().get(Metric::UnblendedCost))
            .collect()
    };
    assert_eq!(year(1), year(1));
    assert_ne!(year(1), year(2));
    let amounts = year(3);
    assert!(amounts.iter().all(|amount| amount.scale() <= 10));
    assert!(amounts.iter().all(|amount| *amount > decimal("29.99") && *amount < decimal("36.67")));
    assert!(amounts.windows(2).all(|pair| pair[0] != pair[1]));
    // The digits are the contract: a scenario written today must read the same on another machine.
    assert_eq!(json!(year(1)[0].to_string()), json!(FIRST_AMOUNT_OF_SEED_ONE));
}

const FIRST_AMOUNT_OF_SEED_ONE: &str = "35.6391633333";

#[test]
fn noise_of_an_item_does_not_depend_on_the_items_beside_it() {
    let alone = "{ seed: 5, items: [{ service: S, from: 2026-03-01, amount: 9, noise_percent: 10 }] }";
    let beside = "{ seed: 5, items: [{ service: T, from: 2026-03-01, amount: 1, noise_percent: 3 },
        { service: S, from: 2026-03-01, amount: 9, noise_percent: 10 }] }";
    let of_s = |yaml| simulator(yaml).truth(day("2026-03-01")).by_service().get("S").copied().unwrap();
    assert_eq!(of_s(alone), of_s(beside));
}

#[test]
fn metrics_differ_where_the_scenario_says_so() {
    let simulator = autumn();
    let total =
        |of: &str, metric| simulator.truth(day(of)).by_record_type()[&RecordType::SavingsPlanUpfrontFee].get(metric);
    assert_eq!(total("2026-11-01", Metric::UnblendedCost), decimal("900"));
    assert_eq!(total("2026-11-01", Metric::NetUnblendedCost), decimal("900"));
    assert_eq!(total("2026-11-01", Metric::NetAmortizedCost), decimal("0"));
    let acme = simulator.truth(day("2026-11-04"));
    let compute = acme.lines.iter().find(|line| line.item.amount == decimal("210.624")).unwrap().amounts;
    assert_eq!(
        compute.get(Metric::NetAmortizedCost),
        (compute.get(Metric::UnblendedCost) * decimal("0.92")).round_dp(10)
    );
    assert_eq!(compute.get(Metric::AmortizedCost), compute.get(Metric::UnblendedCost));
    assert_eq!(compute.get(Metric::BlendedCost), compute.get(Metric::UnblendedCost));
}

#[test]
fn monthly_fees_fall_on_their_day_and_in_short_months_on_the_last() {
    let yaml = "{ seed: 1, items: [{ service: S, from: 2028-01-01, to: 2028-12-31, day_of_month: 31, amount: 5 }] }";
    let simulator = simulator(yaml);
    let costs = |of| !simulator.truth(day(of)).lines.is_empty();
    assert!(costs("2028-01-31") && costs("2028-02-29") && costs("2028-04-30"));
    assert!(!costs("2028-02-28") && !costs("2028-01-30") && !costs("2028-03-01"));
}

#[test]
fn weekends_are_cheaper_where_the_scenario_says_so() {
    let yaml = "{ seed: 1, items: [{ service: S, from: 2026-11-01, to: 2026-11-30, amount: 5, weekend_percent: 40 }] }";
    let simulator = simulator(yaml);
    let cost = |of| simulator.truth(day(of)).total().get(Metric::UnblendedCost);
    assert_eq!(
        [cost("2026-11-13"), cost("2026-11-14"), cost("2026-11-15"), cost("2026-11-16")].map(|c| c.to_string()),
        ["5", "2", "2", "5"]
    );
}
