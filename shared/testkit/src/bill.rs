//! Bills written by hand, and served in pages as Cost Explorer serves them.

use std::collections::BTreeMap;

use domain::cost::{Amounts, BillDay, BillGroup, BillPage, BillQuery, DayCosts, PageToken, UsageRow};
use domain::{Day, Usd};

use crate::usd;

/// A day's costs: rows of service, tag value and dollars (the same in both views), and adjustments.
pub fn day_costs(usage: &[(&str, &str, &str)], adjustments: &[(&str, &str)]) -> DayCosts {
    let same = |dollars: &str| Amounts { unblended: usd(dollars), net_amortized: usd(dollars) };
    let row = |(service, tag, dollars): &(&str, &str, &str)| UsageRow {
        service: (*service).to_owned(),
        tag: (*tag).to_owned(),
        amounts: same(dollars),
    };
    DayCosts {
        estimated: false,
        usage: usage.iter().map(row).collect(),
        rounding: Amounts::default(),
        adjustments: adjustments.iter().map(|(kind, dollars)| ((*kind).to_owned(), same(dollars))).collect(),
    }
}

/// The page of `days` that `token` asks for; its tokens are numbers. Days that are not in `days` have no groups.
pub fn page(
    days: &BTreeMap<Day, DayCosts>,
    query: &BillQuery,
    token: Option<&PageToken>,
    groups_per_page: usize,
) -> BillPage {
    let groups: Vec<(Day, bool, Option<BillGroup>)> = query
        .window()
        .days()
        .flat_map(|day| {
            let none = DayCosts::default();
            let costs = days.get(&day).unwrap_or(&none);
            let groups = groups(costs, query);
            let empty = groups.is_empty().then_some(None);
            let estimated = costs.estimated;
            groups.into_iter().map(Some).chain(empty).map(move |group| (day, estimated, group)).collect::<Vec<_>>()
        })
        .collect();
    let number: usize = token.map_or(0, |token| token.0.parse().expect("a token of this bill"));
    let mut page = BillPage::default();
    for (day, estimated, group) in groups.iter().skip(number * groups_per_page).take(groups_per_page) {
        if page.days.last().is_none_or(|last| last.day != *day) {
            page.days.push(BillDay { day: *day, estimated: *estimated, groups: Vec::new() });
        }
        let today = page.days.last_mut().expect("the day was pushed");
        today.groups.extend(group.clone());
    }
    page.next = ((number + 1) * groups_per_page < groups.len()).then(|| PageToken((number + 1).to_string()));
    page
}

fn groups(costs: &DayCosts, query: &BillQuery) -> Vec<BillGroup> {
    let adjustments =
        costs.adjustments.iter().map(|(kind, amounts)| BillGroup { keys: vec![kind.clone()], amounts: *amounts });
    match query {
        BillQuery::Usage { .. } => costs
            .usage
            .iter()
            .map(|row| BillGroup { keys: vec![row.service.clone(), row.tag.clone()], amounts: row.amounts })
            .collect(),
        BillQuery::ChargeTypes { .. } if costs.has_data() => {
            let usage = BillGroup { keys: vec!["Usage".to_owned()], amounts: costs.usage_total() };
            adjustments.chain([usage]).collect()
        }
        BillQuery::ChargeTypes { .. } => Vec::new(),
    }
}

/// A round sum for tests that only need a total.
pub fn flat(dollars: Usd) -> DayCosts {
    let amounts = Amounts { unblended: dollars, net_amortized: dollars };
    let row = UsageRow { service: "Amazon Elastic Compute Cloud - Compute".to_owned(), tag: String::new(), amounts };
    DayCosts { usage: vec![row], ..DayCosts::default() }
}
