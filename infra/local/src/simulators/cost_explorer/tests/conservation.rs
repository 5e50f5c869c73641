use jiff::{SignedDuration, ToSpan};
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::json;

use super::super::scenario::{Item, LagPoint, Override, RecordType, Scenario, Tag};
use super::super::{CostExplorer, Metric};
use super::{all_pages, amount, at, by, day, with};

const TAG: (&str, &str) = ("TAG", "tenant");
const SERVICE: (&str, &str) = ("DIMENSION", "SERVICE");
const RECORD_TYPE: (&str, &str) = ("DIMENSION", "RECORD_TYPE");
const ACCOUNT: (&str, &str) = ("DIMENSION", "LINKED_ACCOUNT");

fn items() -> impl Strategy<Value = Item> {
    let record_types =
        prop::sample::select(vec![RecordType::Usage, RecordType::Credit, RecordType::Tax, RecordType::Upfront]);
    let overrides = prop::collection::btree_map(
        prop::sample::select(Metric::ALL.to_vec()),
        prop_oneof![
            (-2000_i64..2000).prop_map(|tenths| Override::Percent(Decimal::new(tenths, 1))),
            any::<i32>().prop_map(|units| Override::Amount(Decimal::new(units.into(), 9))),
        ],
        0..3,
    );
    let what = (
        prop::sample::select(vec!["Amazon EC2", "Amazon S3", "Tax"]),
        record_types,
        prop::option::of(prop::sample::select(vec!["acme", "globex"])),
        prop::option::of(Just("999900001111".to_owned())),
    );
    let when = (0_i32..50, 0_i32..40, prop::option::of(1_i8..=31), prop::option::weighted(0.3, 0_i64..60));
    let how_much = (-10_000_000_000_000_i64..10_000_000_000_000, 0_i64..1000, overrides);
    (what, when, how_much).prop_map(|(what, when, how_much)| {
        let (service, record_type, tenant, account) = what;
        let from = day("2026-09-25") + when.0.days();
        let (units, noise, metrics) = how_much;
        Item {
            from,
            to: Some(from + when.1.days()),
            day_of_month: when.2,
            weekend_percent: Decimal::ONE_HUNDRED,
            service: service.to_owned(),
            record_type,
            tags: tenant.map(|tenant| ("tenant".to_owned(), tenant.to_owned())).into_iter().collect(),
            account,
            amount: Decimal::new(units, 10),
            metrics,
            noise_percent: Decimal::new(noise, 1),
            lag: None,
            appears: when.3.map(|days| at("2026-10-01T00:00:00Z") + SignedDuration::from_hours(24 * days)),
        }
    })
}

fn scenarios() -> impl Strategy<Value = Scenario> {
    let lag = (1_i64..1500, 1_i64..1200);
    (any::<u64>(), 1_usize..9, lag, prop::collection::vec(items(), 1..14), prop::option::of(0_i32..40)).prop_map(
        |(seed, page_size, lag, items, activated)| {
            let mut scenario = Scenario::from_yaml("{ seed: 1, items: [] }").unwrap();
            scenario.seed = seed;
            scenario.page_size = page_size.try_into().unwrap();
            scenario.lag = [(-2, lag.0), (30, lag.1), (200, 1000)]
                .map(|(hours, tenths)| LagPoint { hours, percent: Decimal::new(tenths, 1) })
                .to_vec();
            let activated = activated.map(|days| day("2026-10-01") + days.days());
            scenario.tags = vec![Tag { key: "tenant".to_owned(), activated }];
            scenario.items = items;
            scenario
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The sum of the groups is the total, to the last digit, whatever one groups by, in every metric and period.
    #[test]
    fn amounts_add_up_over_any_grouping_and_all_pages(
        scenario in scenarios(), hour in 0_i64..24 * 50, first in 0_i32..30, length in 1_i32..20,
        monthly in any::<bool>(), metric in prop::sample::select(Metric::ALL.to_vec()),
    ) {
        let simulator = CostExplorer::new(scenario).unwrap();
        let now = (at("2026-11-01T00:00:00Z") + SignedDuration::from_hours(hour)).to_string();
        let start = day("2026-09-28") + first.days();
        let request = json!({
            "TimePeriod": { "Start": start, "End": start + length.days() },
            "Granularity": if monthly { "MONTHLY" } else { "DAILY" },
            "Metrics": [metric.name()],
        });
        let totals: Vec<Decimal> =
            all_pages(&simulator, &request, &now).iter().map(|period| amount(&period["Total"], metric.name())).collect();

        // The oracle that knows no requests.
        let mut visible = Decimal::ZERO;
        for offset in 0..length {
            visible += simulator.visible(start + offset.days(), at(&now)).total().get(metric);
        }
        prop_assert_eq!(totals.iter().sum::<Decimal>(), visible);

        for grouping in [vec![SERVICE, TAG], vec![TAG], vec![RECORD_TYPE], vec![ACCOUNT, RECORD_TYPE], vec![SERVICE]] {
            let periods = all_pages(&simulator, &by(request.clone(), &grouping), &now);
            prop_assert_eq!(periods.len(), totals.len());
            for (period, total) in periods.iter().zip(&totals) {
                let groups = period["Groups"].as_array().unwrap();
                let sum: Decimal = groups.iter().map(|group| amount(&group["Metrics"], metric.name())).sum();
                prop_assert_eq!(sum, *total, "{:?}", grouping);
            }
        }

        let acme = json!({ "Tags": { "Key": "tenant", "Values": ["acme"] } });
        for filter in [acme.clone(), json!({ "Dimensions": { "Key": "RECORD_TYPE", "Values": ["Credit", "Refund"] } })] {
            let chosen = all_pages(&simulator, &with(request.clone(), "Filter", filter.clone()), &now);
            let others = all_pages(&simulator, &with(request.clone(), "Filter", json!({ "Not": filter })), &now);
            for ((chosen, other), total) in chosen.iter().zip(&others).zip(&totals) {
                let sum = amount(&chosen["Total"], metric.name()) + amount(&other["Total"], metric.name());
                prop_assert_eq!(sum, *total);
            }
        }
    }

    /// Once the last bill is closed and nothing more appears, what is visible is the truth.
    #[test]
    fn in_the_end_the_truth_is_visible(scenario in scenarios(), offset in 0_i32..90) {
        let simulator = CostExplorer::new(scenario).unwrap();
        let day = day("2026-09-25") + offset.days();
        let costs = simulator.visible(day, at("2027-02-01T00:00:00Z"));
        prop_assert!(!costs.estimated);
        prop_assert_eq!(costs.total(), simulator.truth(day).total());
        prop_assert_eq!(costs.by_service(), simulator.truth(day).by_service());
        prop_assert_eq!(costs.by_record_type(), simulator.truth(day).by_record_type());
        prop_assert_eq!(costs.by_tag("tenant"), simulator.truth(day).by_tag("tenant"));
    }
}
