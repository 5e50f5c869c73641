use domain::cost::UsageRow;
use proptest::prelude::*;
use testkit::bill::day_costs;
use testkit::{day, usd};

use super::*;
use crate::state::Forecast;
use crate::testing::{EC2, RDS, dollars, observation, policy};

fn shown(rows: &[Row]) -> Vec<String> {
    rows.iter().map(|row| format!("{} {}", row.name, row.usd)).collect()
}

fn total(rows: &[Row]) -> Usd {
    rows.iter().map(|row| row.usd).sum()
}

#[test]
fn a_day_is_shown_by_service_and_by_tenant_with_shared_and_untagged_named() {
    let mut costs = day_costs(
        &[
            (EC2, "acme", "600.004"),
            (EC2, "", "1.004"),
            (RDS, "shared", "48.36"),
            (RDS, "Acme", "0.004"),
            (EC2, "untagged", "2"),
        ],
        &[("Credit", "-400"), ("Tax", "12.345")],
    );
    costs.rounding = Amounts { unblended: usd("0.0049"), net_amortized: Usd::ZERO };
    let view = DayView::of(&policy(), day("2026-11-23"), &costs);
    assert_eq!(shown(&view.by_service), [&format!("{EC2} 603.01"), &format!("{RDS} 48.36"), "(rounding) 0.00"]);
    assert_eq!(
        shown(&view.by_tenant),
        [
            "tenant acme 600.01",
            "shared 48.36",
            "tenant untagged 2.00",
            "untagged 1.00",
            "tenant Acme 0.00",
            "(rounding) 0.00"
        ]
    );
    assert_eq!(shown(&view.adjustments), ["Credit -400.00", "Tax 12.35"]);
    assert_eq!((view.usage, view.bill), (usd("651.3769"), usd("263.72")));
}

prop_compose! {
    /// Amounts of up to a hundred thousand dollars to the tenth decimal, credits and corrections among them.
    fn amounts()(unblended in -1_000_000_000_000_000i64..1_000_000_000_000_000, net in -1_000_000_000_000_000i64..1_000_000_000_000_000) -> Amounts {
        let usd = |n| Usd::new(Decimal::new(n, 10));
        Amounts { unblended: usd(unblended), net_amortized: usd(net) }
    }
}

prop_compose! {
    fn days()(
        rows in prop::collection::btree_map(("[A-C]", "(shared|acme|globex|)"), amounts(), 0..14),
        adjustments in prop::collection::btree_map("(Credit|Refund|Tax|Upfront)", amounts(), 0..4),
        rounding in (-100_000_000i64..=100_000_000, -100_000_000i64..=100_000_000),
    ) -> DayCosts {
        let usage = rows.into_iter().map(|((service, tag), amounts)| UsageRow { service, tag, amounts }).collect();
        let usd = |n| Usd::new(Decimal::new(n, 10));
        DayCosts { estimated: false, usage, rounding: Amounts { unblended: usd(rounding.0), net_amortized: usd(rounding.1) }, adjustments }
    }
}

proptest! {
    #[test]
    fn services_and_adjustments_add_up_to_the_bill_and_tenants_to_the_usage(costs in days()) {
        let view = DayView::of(&policy(), day("2026-11-23"), &costs);
        let exact: Usd = costs.usage.iter().map(|row| row.amounts.unblended).chain(costs.adjustments.values().map(|a| a.unblended)).sum();
        let exact = exact + costs.rounding.unblended;
        prop_assert_eq!(total(&view.by_service) + total(&view.adjustments), exact.rounded_to_cents());
        prop_assert_eq!(view.bill, exact.rounded_to_cents());
        let allocated: Usd = costs.usage.iter().map(|row| row.amounts.net_amortized).sum();
        prop_assert_eq!(total(&view.by_tenant), (allocated + costs.rounding.net_amortized).rounded_to_cents());
        let cent = Decimal::new(1, 2);
        for row in &view.by_service {
            let own: Usd = costs.usage.iter().filter(|usage| usage.service == row.name).map(|usage| usage.amounts.unblended).sum();
            prop_assert!(row.name == "(rounding)" || (own - row.usd).dollars().abs() < cent, "{} is {} shown as {}", row.name, own.dollars(), row.usd);
        }
    }
}

#[test]
fn causes_are_what_grew_most_against_the_week_before() {
    let before =
        || day_costs(&[(EC2, "acme", "100"), (EC2, "globex", "300"), (RDS, "shared", "50"), ("S3", "", "1")], &[]);
    let jumped = day_costs(
        &[
            (EC2, "acme", "400"),
            (EC2, "globex", "310"),
            (RDS, "shared", "40"),
            ("S3", "", "1"),
            ("Bedrock", "acme", "70"),
        ],
        &[("Tax", "999")],
    );
    // The 16th is eight days before and counts for nothing; of the week, five days have no data and count for nothing.
    let seen = observation(
        "2026-11-25T00:00:00Z",
        [("2026-11-16", dollars("9000")), ("2026-11-17", before()), ("2026-11-23", before()), ("2026-11-24", jumped)],
    );
    let told = |scope: &Scope| -> Vec<String> {
        let causes = causes(&policy(), scope, day("2026-11-24"), &seen);
        causes
            .into_iter()
            .map(|cause| format!("{} {} {:?}", cause.name, cause.usd, cause.change.map(|change| change.to_string())))
            .collect()
    };
    assert_eq!(
        told(&Scope::Account),
        [
            format!("{EC2}, tenant acme 400.00 Some(\"300.00\")"),
            "Bedrock, tenant acme 70.00 Some(\"70.00\")".to_owned(),
            format!("{EC2}, tenant globex 310.00 Some(\"10.00\")")
        ]
    );
    let acme = Scope::Tenant("acme".parse().unwrap());
    assert_eq!(told(&acme), [format!("{EC2} 400.00 Some(\"300.00\")"), "Bedrock 70.00 Some(\"70.00\")".to_owned()]);
}

#[test]
fn without_a_week_before_the_largest_are_the_causes_and_no_change_is_claimed() {
    let seen = observation(
        "2026-11-24T00:00:00Z",
        [("2026-11-23", day_costs(&[("A", "", "1"), ("B", "", "4"), ("C", "", "3"), ("D", "", "2")], &[]))],
    );
    let causes = causes(&policy(), &Scope::Account, day("2026-11-23"), &seen);
    assert_eq!(
        causes.iter().map(|cause| cause.name.as_str()).collect::<Vec<_>>(),
        ["B, untagged", "C, untagged", "D, untagged"]
    );
    assert!(causes.iter().all(|cause| cause.change.is_none()));
}

/// A reading at `taken_at` that knows 100 USD of each day of its window up to `newest`, and 10 of weekends.
fn weeks(taken_at: &str, newest: &str) -> Observation {
    let mut seen = observation(taken_at, []);
    for (at, costs) in seen.days.iter_mut().filter(|(at, _)| **at <= day(newest)) {
        *costs = dollars(if at.weekday() > 5 { "10" } else { "100" });
    }
    seen
}

fn asked(mut seen: Observation, on: &str, end: &str, amount: Option<&str>) -> Observation {
    let window = Window { start: day(on), end: day(end) };
    seen.forecast = Some(Forecast { asked_on: day(on), window, amount: amount.map(usd) });
    seen
}

fn line(today: &str, seen: &Observation) -> String {
    crate::notice::month(&month(day(today), seen))
}

#[test]
fn the_month_is_yesterdays_and_adds_what_is_ahead() {
    let own = "ours: the median of the same weekday in the last four weeks";
    for (today, seen, text) in [
        // The 1st: the month that is over.
        (
            "2026-12-01",
            weeks("2026-12-01T00:00:00Z", "2026-11-30"),
            "Month from 2026-11-01 to 2026-11-30: 2,190.00 USD. Whole month: 2,190.00 USD (the month is complete)."
                .to_owned(),
        ),
        // The 1st of January: December of the year before, all 31 days of it.
        (
            "2027-01-01",
            weeks("2027-01-01T00:00:00Z", "2026-12-31"),
            "Month from 2026-12-01 to 2026-12-31: 2,380.00 USD. Whole month: 2,380.00 USD (the month is complete)."
                .to_owned(),
        ),
        // The 2nd: one day of the month is known.
        (
            "2026-12-02",
            weeks("2026-12-02T00:00:00Z", "2026-12-01"),
            format!("Month from 2026-12-01 to 2026-12-01: 100.00 USD. Whole month: 2,380.00 USD ({own})."),
        ),
        // The last day is ahead.
        (
            "2026-11-30",
            weeks("2026-11-30T00:00:00Z", "2026-11-29"),
            format!("Month from 2026-11-01 to 2026-11-29: 2,090.00 USD. Whole month: 2,190.00 USD ({own})."),
        ),
        // A leap year: the 29th is ahead, and then counted.
        (
            "2028-02-29",
            weeks("2028-02-29T00:00:00Z", "2028-02-28"),
            format!("Month from 2028-02-01 to 2028-02-28: 2,080.00 USD. Whole month: 2,180.00 USD ({own})."),
        ),
        (
            "2028-03-01",
            weeks("2028-03-01T00:00:00Z", "2028-02-29"),
            "Month from 2028-02-01 to 2028-02-29: 2,180.00 USD. Whole month: 2,180.00 USD (the month is complete)."
                .to_owned(),
        ),
    ] {
        assert_eq!(line(today, &seen), text, "{today}");
    }
}

#[test]
fn days_without_data_are_ahead_and_not_free() {
    let own = "ours: the median of the same weekday in the last four weeks";
    for (today, seen, text) in [
        // Yesterday is not told of yet.
        (
            "2026-11-25",
            weeks("2026-11-25T00:00:00Z", "2026-11-23"),
            format!("Month from 2026-11-01 to 2026-11-23: 1,670.00 USD. Whole month: 2,190.00 USD ({own})."),
        ),
        // A stale reading: four days are unknown, over the end of the month.
        (
            "2026-12-01",
            weeks("2026-11-27T00:00:00Z", "2026-11-26"),
            format!("Month from 2026-11-01 to 2026-11-26: 1,970.00 USD. Whole month: 2,190.00 USD ({own})."),
        ),
        // Nothing of the month is known.
        (
            "2026-12-02",
            weeks("2026-12-02T00:00:00Z", "2026-11-30"),
            format!("Month from 2026-12-01: no day of it is known yet. Whole month: 2,380.00 USD ({own})."),
        ),
    ] {
        assert_eq!(line(today, &seen), text, "{today}");
    }
}

#[test]
fn the_forecast_of_cost_explorer_is_taken_where_it_is_for_the_days_ahead() {
    let own = "ours: the median of the same weekday in the last four weeks";
    let (full, lagging) = (weeks("2026-11-25T08:00:00Z", "2026-11-24"), weeks("2026-11-25T08:00:00Z", "2026-11-23"));
    for (today, seen, text) in [
        (
            "2026-11-25",
            asked(full.clone(), "2026-11-25", "2026-12-01", Some("700")),
            "Whole month: 2,470.00 USD (Cost Explorer).".to_owned(),
        ),
        (
            "2026-11-25",
            asked(lagging, "2026-11-25", "2026-12-01", Some("700")),
            "Whole month: 2,470.00 USD (Cost Explorer, and ours for days without data).".to_owned(),
        ),
        (
            "2026-11-25",
            asked(full.clone(), "2026-11-25", "2026-12-01", None),
            format!("Whole month: 2,190.00 USD ({own})."),
        ),
        // It was asked a day ago, for days of which one is known now.
        (
            "2026-11-25",
            asked(full.clone(), "2026-11-24", "2026-12-01", Some("700")),
            format!("Whole month: 2,190.00 USD ({own})."),
        ),
        // It was asked before the month of yesterday began.
        (
            "2026-12-02",
            asked(weeks("2026-12-02T00:00:00Z", "2026-12-01"), "2026-11-30", "2026-12-01", Some("1")),
            format!("Whole month: 2,380.00 USD ({own})."),
        ),
    ] {
        let line = line(today, &seen);
        assert!(line.ends_with(&text), "{line}");
    }
}

#[test]
fn no_forecast_is_made_up_without_a_week_of_days() {
    let seen = observation("2026-11-24T00:00:00Z", [("2026-11-22", dollars("10")), ("2026-11-23", dollars("30"))]);
    assert_eq!(
        line("2026-11-24", &seen),
        "Month from 2026-11-01 to 2026-11-23: 40.00 USD. No forecast: it takes a week of days."
    );
}

#[test]
fn our_forecast_is_not_misled_by_one_wild_day() {
    let mut seen = weeks("2026-11-25T00:00:00Z", "2026-11-24");
    seen.days.insert(day("2026-11-18"), dollars("50000"));
    let calm = weeks("2026-11-25T00:00:00Z", "2026-11-24");
    let ahead =
        |seen: &Observation| month(day("2026-11-25"), seen).forecast.unwrap() - month(day("2026-11-25"), seen).so_far;
    assert_eq!(ahead(&seen), ahead(&calm));
}
