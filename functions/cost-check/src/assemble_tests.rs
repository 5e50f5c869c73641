use domain::cost::{BillDay, BillGroup, BillQuery};
use testkit::bill::{day_costs, page};
use testkit::{day, usd};

use super::*;

fn window() -> Window {
    Window { start: day("2026-11-21"), end: day("2026-11-24") }
}

fn bill() -> BTreeMap<Day, DayCosts> {
    let first = day_costs(
        &[("EC2", "", "5"), ("EC2", "acme", "10.0000000001"), ("S3", "shared", "0.0000000123")],
        &[("Tax", "1")],
    );
    let second = day_costs(&[("EC2", "acme", "-3"), ("S3", "shared", "2")], &[("Credit", "-100"), ("Refund", "-7")]);
    [(day("2026-11-21"), first), (day("2026-11-22"), second)].into()
}

/// All pages of both questions.
fn read(bill: &BTreeMap<Day, DayCosts>, per_page: usize) -> Result<(BTreeMap<Day, DayCosts>, u32), Failure> {
    let usage = BillQuery::Usage { window: window(), tag_key: "tenant".to_owned() };
    let [usage, charge_types] = [usage, BillQuery::ChargeTypes { window: window() }].map(|query| {
        let (mut pages, mut token) = (Pages::default(), None);
        loop {
            match pages.take(page(bill, &query, token.as_ref(), per_page)).unwrap() {
                Some(next) => token = Some(next),
                None => return pages,
            }
        }
    });
    let count = usage.count() + charge_types.count();
    Ok((days(window(), usage, charge_types)?, count))
}

fn one_page(groups: &[(&str, &[&str], &str)]) -> BillPage {
    let days = groups.iter().map(|(text, keys, amount)| BillDay {
        day: day(text),
        estimated: false,
        groups: vec![group(keys, amount)],
    });
    BillPage { days: days.collect(), next: None }
}

fn group(keys: &[&str], amount: &str) -> BillGroup {
    let amounts = Amounts { unblended: usd(amount), net_amortized: usd(amount) };
    BillGroup { keys: keys.iter().map(|&key| key.to_owned()).collect(), amounts }
}

fn answer(page: BillPage) -> Pages {
    let mut pages = Pages::default();
    pages.take(page).unwrap();
    pages
}

#[test]
fn the_days_are_the_same_however_the_answer_is_cut_into_pages() {
    for (per_page, pages) in [(1, 12), (2, 6), (3, 4), (100, 2)] {
        let (days, count) = read(&bill(), per_page).unwrap();
        assert_eq!(count, pages);
        assert_eq!(
            days.get(&day("2026-11-23")),
            Some(&DayCosts::default()),
            "a day without data is there, without data"
        );
        let without_empty: BTreeMap<Day, DayCosts> = days.into_iter().filter(|(_, costs)| costs.has_data()).collect();
        assert_eq!(without_empty, bill(), "{per_page} groups on a page");
    }
}

#[test]
fn a_token_that_comes_again_is_an_error() {
    let looping = || BillPage { days: Vec::new(), next: Some(PageToken("again".to_owned())) };
    let mut pages = Pages::default();
    assert_eq!(pages.take(looping()).unwrap(), Some(PageToken("again".to_owned())));
    let failure = pages.take(looping()).unwrap_err();
    assert_eq!(
        (failure.kind, failure.message.as_str()),
        (FailureKind::Transient, "Cost Explorer gave a page token a second time")
    );
}

#[test]
fn a_group_that_comes_again_is_an_error_and_not_counted_twice() {
    let page = || one_page(&[("2026-11-22", &["EC2", "acme"], "5")]);
    let mut pages = answer(page());
    let failure = pages.take(page()).unwrap_err();
    assert_eq!(failure.message, "Cost Explorer gave the group EC2, acme of 2026-11-22 a second time");
}

#[test]
fn a_day_outside_the_question_is_an_error() {
    let outside = || answer(one_page(&[("2026-11-24", &["Usage"], "5")]));
    for (usage, charge_types) in [(outside(), Pages::default()), (Pages::default(), outside())] {
        let failure = days(window(), usage, charge_types).unwrap_err();
        assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::Permanent, "2026-11-24 was not asked for"));
    }
}

#[test]
fn what_rounding_leaves_is_kept_so_that_rows_add_up_to_the_last_digit() {
    for (billed, left) in [("5.01", "0.01"), ("4.9900000001", "-0.0099999999"), ("5", "0")] {
        let usage = answer(one_page(&[("2026-11-22", &["EC2", "acme"], "5")]));
        let charge_types = answer(one_page(&[("2026-11-22", &["Usage"], billed)]));
        let days = days(window(), usage, charge_types).unwrap();
        let costs = &days[&day("2026-11-22")];
        assert_eq!((costs.rounding.unblended, costs.bill()), (usd(left), usd(billed)));
    }
}

#[test]
fn more_than_a_cent_is_no_rounding() {
    for billed in ["5.0100000001", "4.98", "0"] {
        let usage = answer(one_page(&[("2026-11-22", &["EC2", "acme"], "5")]));
        let charge_types = answer(one_page(&[("2026-11-22", &["Usage"], billed)]));
        let failure = days(window(), usage, charge_types).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Transient);
        assert!(failure.message.ends_with("USD beside its bill: it changed while it was read"), "{failure}");
    }
}

#[test]
fn charge_types_of_usage_are_one_sum_and_adjustments_stay_apart() {
    let usage = answer(one_page(&[("2026-11-22", &["EC2", "acme"], "12")]));
    let day_of =
        |keys: &[&str], amount| BillDay { day: day("2026-11-22"), estimated: true, groups: vec![group(keys, amount)] };
    let charges =
        [("Usage", "7"), ("DiscountedUsage", "6"), ("SavingsPlanNegation", "-1"), ("Credit", "-40"), ("Tax", "3")];
    let charges = charges.iter().map(|(kind, amount)| day_of(&[kind], amount)).collect();
    let days = days(window(), usage, answer(BillPage { days: charges, next: None })).unwrap();
    let costs = &days[&day("2026-11-22")];
    assert!(costs.estimated, "one estimated part makes the day an estimate");
    assert_eq!((costs.usage_total().unblended, costs.bill()), (usd("12"), usd("-25")));
    assert_eq!(costs.adjustments.keys().collect::<Vec<_>>(), ["Credit", "Tax"]);
}
