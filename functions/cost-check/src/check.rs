//! An independent checker: it refuses a plan that breaks an invariant, with its own reading of what must hold.

use std::collections::BTreeSet;

use domain::cost::Amounts;
use domain::{Failure, FailureKind, Usd};
use rust_decimal::Decimal;

use crate::alerts::{LEVELS, Step};
use crate::config::Policy;
use crate::plan::{Plan, Snapshot};
use crate::state::{Alert, Kind, Scope};
use crate::views::Row;

/// Checks a plan against the snapshot it was made from.
///
/// # Errors
/// `Refused`, with every invariant that is broken.
pub fn check(policy: &Policy, snapshot: &Snapshot, plan: Plan) -> Result<Plan, Failure> {
    let mut broken = Vec::new();
    rows_add_up(snapshot, &plan, &mut broken);
    nobody_is_left_untold(policy, snapshot, &plan, &mut broken);
    alerts_only_move_on(snapshot, &plan, &mut broken);
    notices_can_be_sent_and_none_is_lost(snapshot, &plan, &mut broken);
    if let Some(state) = &plan.state
        && state.pages.booked > policy.pages_per_day.max(snapshot.state.pages.booked)
    {
        broken.push(format!("{} pages of a day are over the limit of {}", state.pages.booked, policy.pages_per_day));
    }
    if broken.is_empty() {
        return Ok(plan);
    }
    Err(Failure::new(
        FailureKind::Refused,
        format!("the plan was refused and nothing was written: {}", broken.join("; ")),
    ))
}

fn rows_add_up(snapshot: &Snapshot, plan: &Plan, broken: &mut Vec<String>) {
    let cent = Usd::new(Decimal::new(1, 2));
    for (day, costs) in plan.observation.iter().flat_map(|observation| &observation.days) {
        let Amounts { unblended, net_amortized } = costs.rounding;
        if [unblended, net_amortized].iter().any(|usd| usd.dollars().abs() > cent.dollars()) {
            broken.push(format!("the rows of {day} do not add up to its bill"));
        }
    }
    let Some(day) = &plan.day else { return };
    let sum = |rows: &[Row]| rows.iter().map(|row| row.usd).sum::<Usd>();
    if sum(&day.by_service) + sum(&day.adjustments) != day.bill {
        broken.push(format!("the rows shown of {} do not add up to its bill", day.day));
    }
    let Some(costs) = snapshot.bill.observation().and_then(|seen| seen.days.get(&day.day)) else {
        return broken.push(format!("{} is shown and was not read", day.day));
    };
    let rows = || costs.usage.iter().map(|row| row.amounts).chain([costs.rounding]);
    let usage: Usd = rows().map(|amounts| amounts.unblended).sum();
    let kept_apart: Usd = costs.adjustments.values().map(|amounts| amounts.unblended).sum();
    if day.usage != usage || day.bill != (usage + kept_apart).rounded_to_cents() {
        broken.push(format!("what is shown of {} is not what was read", day.day));
    }
    if sum(&day.by_tenant) != rows().map(|amounts| amounts.net_amortized).sum::<Usd>().rounded_to_cents() {
        broken.push(format!("the tenants shown of {} do not add up to its usage", day.day));
    }
}

/// A day over a limit that was read, and is judged by it, has an alert that stands, as high as it is over.
fn nobody_is_left_untold(policy: &Policy, snapshot: &Snapshot, plan: &Plan, broken: &mut Vec<String>) {
    let state = plan.state.as_ref().unwrap_or(&snapshot.state);
    let days = snapshot.bill.observation().map(|seen| &seen.days);
    for (day, costs) in days.into_iter().flatten().filter(|(_, costs)| costs.has_data()) {
        let tenants = policy.budgets.iter().map(|(tenant, limit)| {
            let rows = costs.usage.iter().filter(|row| row.tag == tenant.as_str());
            (Scope::Tenant(tenant.clone()), rows.map(|row| row.amounts.net_amortized).sum::<Usd>(), *limit)
        });
        let account = (Scope::Account, costs.usage_total().unblended, policy.threshold);
        for (scope, value, limit) in tenants.chain([account]).filter(|(_, value, limit)| value > limit) {
            if state.limits.iter().any(|limit| limit.scope == scope && *day < limit.from) {
                continue;
            }
            let told = state.alerts.iter().find(|alert| alert.identity() == (Kind::Cost, &scope, *day) && alert.open);
            if told.is_none_or(|alert| LEVELS.iter().any(|&level| level > alert.level && value > limit.percent(level)))
            {
                broken.push(format!("{scope} is over its limit on {day} and nobody is told"));
            }
        }
    }
}

fn alerts_only_move_on(snapshot: &Snapshot, plan: &Plan, broken: &mut Vec<String>) {
    let Some(state) = &plan.state else {
        if !plan.changes.is_empty() {
            broken.push("alerts move and the state is not written".to_owned());
        }
        return;
    };
    let mut identities = BTreeSet::new();
    for alert in &state.alerts {
        let name = format!("{:?} {} {}", alert.kind, alert.scope, alert.day);
        if !identities.insert(alert.identity()) {
            broken.push(format!("{name} is there twice"));
        }
        if alert.kind == Kind::Cost && !LEVELS.contains(&alert.level) {
            broken.push(format!("{name} has the level {}", alert.level));
        }
        let before = snapshot.state.alerts.iter().find(|before| before.identity() == alert.identity());
        if before.is_some_and(|before| went_back(before, alert)) {
            broken.push(format!("{name} goes back"));
        }
        if before != Some(alert) && !plan.changes.iter().any(|change| change.alert == *alert) {
            broken.push(format!("{name} moves without a reason"));
        }
    }
    let first_in_view = snapshot.bill.observation().map(|seen| seen.window.start);
    for before in &snapshot.state.alerts {
        let over =
            first_in_view.is_some_and(|first| before.day < first) && !(before.kind == Kind::Unknown && before.open);
        if !over && !state.alerts.iter().any(|alert| alert.identity() == before.identity()) {
            broken.push(format!("{:?} {} {} is forgotten", before.kind, before.scope, before.day));
        }
    }
    for change in &plan.changes {
        let over = change.measure.is_none_or(|measure| measure.value > measure.limit);
        if change.alert.kind == Kind::Cost && over == (change.step == Step::Resolved) {
            broken.push(format!("an alert of {} is {} against its own figures", change.alert.day, change.step));
        }
    }
}

fn went_back(before: &Alert, after: &Alert) -> bool {
    after.episode < before.episode
        || (after.episode == before.episode && (after.level < before.level || after.open && !before.open))
}

fn notices_can_be_sent_and_none_is_lost(snapshot: &Snapshot, plan: &Plan, broken: &mut Vec<String>) {
    let mut ids = BTreeSet::new();
    for notice in &plan.notices {
        if let Some(problem) = notice.problem() {
            broken.push(format!("notice {}: {problem}", notice.id));
        }
        if !ids.insert(notice.id.as_str()) {
            broken.push(format!("notice {} is there twice", notice.id));
        }
    }
    for waiting in &snapshot.state.outbox {
        if !plan.notices.contains(waiting) {
            broken.push(format!("notice {} was waiting and is gone", waiting.id));
        }
    }
    let outbox = plan.state.as_ref().map_or(&snapshot.state.outbox, |state| &state.outbox);
    if *outbox != plan.notices {
        broken.push("what is sent is not what is stored as waiting".to_owned());
    }
    for change in &plan.changes {
        if !ids.contains(crate::notice::id(change.step, &change.alert).as_str()) {
            broken.push(format!("the alert of {} is {} and nobody is told", change.alert.day, change.step));
        }
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
