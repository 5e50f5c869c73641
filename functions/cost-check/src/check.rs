//! An independent checker: it refuses a plan that breaks an invariant, with its own reading of what must hold.

use std::collections::BTreeSet;

use domain::{Failure, FailureKind, Usd};

use crate::alerts::{LEVELS, Step};
use crate::config::Policy;
use crate::plan::{Plan, Snapshot};
use crate::state::{Alert, Kind};
use crate::views::Row;

/// Checks a plan against the snapshot it was made from.
///
/// # Errors
/// `Refused`, with every invariant that is broken.
pub fn check(policy: &Policy, snapshot: &Snapshot, plan: Plan) -> Result<Plan, Failure> {
    let mut broken = Vec::new();
    rows_add_up(&plan, &mut broken);
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

fn rows_add_up(plan: &Plan, broken: &mut Vec<String>) {
    if let Some(observation) = &plan.observation {
        for (day, costs) in &observation.days {
            let rows: Usd = costs.usage.iter().map(|row| row.amounts.unblended).sum();
            let kept_apart: Usd = costs.adjustments.values().map(|amounts| amounts.unblended).sum();
            if rows + costs.rounding.unblended + kept_apart != costs.bill() {
                broken.push(format!("the rows of {day} do not add up to its bill"));
            }
        }
    }
    if let Some(day) = &plan.day {
        let sum = |rows: &[Row]| rows.iter().map(|row| row.usd).sum::<Usd>();
        if sum(&day.by_service) + sum(&day.adjustments) != day.bill {
            broken.push(format!("the rows shown of {} do not add up to its bill", day.day));
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
