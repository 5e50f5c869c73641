//! Pages of two questions become one observation. Pure.

use std::collections::{BTreeMap, BTreeSet};

use domain::cost::{ADJUSTMENTS, Amounts, BillPage, DayCosts, PageToken, UsageRow};
use domain::{Day, Failure, FailureKind, Usd, Window};

/// AWS rounds each group (to the tenth decimal or so), so the groups of one question may add up to a hair beside those
/// of the other. More than a cent is no rounding: the bill changed between the questions.
const ROUNDING: Usd = Usd::new(rust_decimal::dec!(0.01));

/// Pages of one answer, in order.
#[derive(Clone, Debug, Default)]
pub struct Pages {
    groups: BTreeMap<(Day, Vec<String>), Amounts>,
    estimated: BTreeMap<Day, bool>,
    tokens: BTreeSet<PageToken>,
    count: u32,
}

impl Pages {
    /// Takes a page and gives the token of the next.
    ///
    /// # Errors
    /// `Transient` when Cost Explorer gives a token or a group a second time: the answer goes in circles.
    pub fn take(&mut self, page: BillPage) -> Result<Option<PageToken>, Failure> {
        self.count += 1;
        let again =
            |what: String| Failure::new(FailureKind::Transient, format!("Cost Explorer gave {what} a second time"));
        for day in page.days {
            let estimated = self.estimated.entry(day.day).or_default();
            *estimated |= day.estimated;
            for group in day.groups {
                if self.groups.insert((day.day, group.keys.clone()), group.amounts).is_some() {
                    return Err(again(format!("the group {} of {}", group.keys.join(", "), day.day)));
                }
            }
        }
        if let Some(token) = &page.next
            && !self.tokens.insert(token.clone())
        {
            return Err(again("a page token".to_owned()));
        }
        Ok(page.next)
    }

    /// How many pages there were.
    pub const fn count(&self) -> u32 {
        self.count
    }
}

/// Puts the answers to both questions together, day by day.
///
/// # Errors
/// `Transient` when they do not add up to the same usage: the bill changed between the questions.
pub fn days(window: Window, usage: Pages, charge_types: Pages) -> Result<BTreeMap<Day, DayCosts>, Failure> {
    let mut days: BTreeMap<Day, DayCosts> = window.days().map(|day| (day, DayCosts::default())).collect();
    let outside = |day: Day| Failure::new(FailureKind::Permanent, format!("{day} was not asked for"));
    for (day, estimated) in usage.estimated.into_iter().chain(charge_types.estimated) {
        days.get_mut(&day).ok_or_else(|| outside(day))?.estimated |= estimated;
    }
    for ((day, keys), amounts) in usage.groups {
        let costs = days.get_mut(&day).ok_or_else(|| outside(day))?;
        if let [service, tag] = keys.as_slice() {
            costs.usage.push(UsageRow { service: service.clone(), tag: tag.clone(), amounts });
        }
    }
    let mut billed: BTreeMap<Day, Amounts> = BTreeMap::new();
    for ((day, keys), amounts) in charge_types.groups {
        let costs = days.get_mut(&day).ok_or_else(|| outside(day))?;
        match keys.first() {
            Some(charge_type) if ADJUSTMENTS.contains(&charge_type.as_str()) => {
                costs.adjustments.insert(charge_type.clone(), amounts);
            }
            _ => *billed.entry(day).or_default() += amounts,
        }
    }
    for (day, costs) in &mut days {
        let missing = billed.get(day).copied().unwrap_or_default() - costs.usage_total();
        if [missing.unblended, missing.net_amortized].iter().any(|usd| usd.dollars().abs() > ROUNDING.dollars()) {
            let problem = format!(
                "the groups of {day} are {} USD beside its bill: it changed while it was read",
                missing.unblended
            );
            return Err(Failure::new(FailureKind::Transient, problem));
        }
        costs.rounding = missing;
    }
    Ok(days)
}

#[cfg(test)]
#[path = "assemble_tests.rs"]
mod tests;
