//! The account of a run: for machines, for graphs and for people.

use domain::time::whole_hours;
use domain::{Failure, Usd};
use runtime::{Metric, NOTHING, Outcome, Report, Status, Unit};
use serde_json::{Value, json};

use crate::alerts::{Change, Step};
use crate::apply::Applied;
use crate::notice;
use crate::plan::Plan;
use crate::reading::Reading;

/// A dry run: the plan, and nothing done.
pub fn planned(plan: &Plan) -> Outcome {
    let asks = matches!(plan.reading, Reading::Ask { .. });
    let instead =
        if asks { "dry run: Cost Explorer is not asked; this is the plan for the last observation\n" } else { "" };
    Report {
        status: Status::Planned,
        decided: decided(plan),
        did: NOTHING.to_owned(),
        result: result(plan, &Applied::default()),
        text: format!("{instead}{plan}"),
        metrics: Vec::new(),
    }
    .into()
}

/// A run that applied its plan.
pub fn done(plan: &Plan, applied: Result<Applied, Failure>) -> Outcome {
    let mut text = plan.to_string();
    let stored = applied.is_ok();
    let (applied, failure) = match applied {
        Ok(applied) => {
            let waits = applied.waiting.first().map(|(_, failure)| waiting(&applied, failure));
            let unsettled = applied.unsettled.clone().map(|failure| failure.while_doing("store that notices are sent"));
            let failure = waits.or(unsettled);
            (applied, failure)
        }
        Err(failure) => (Applied::default(), Some(failure)),
    };
    for id in &applied.sent {
        text.push_str(&format!("  sent {id}\n"));
    }
    if let Some(failure) = &failure {
        text.push_str(&format!("  failed: {failure}\n"));
    }
    let status = if failure.is_some() { Status::Failed } else { Status::Done };
    let report = Report {
        status,
        decided: decided(plan),
        did: did(plan, stored.then_some(&applied), failure.as_ref()),
        result: result(plan, &applied),
        text,
        metrics: metrics(plan, &applied),
    };
    Outcome { report, failure }
}

fn decided(plan: &Plan) -> String {
    let mut parts = vec![plan.reading.to_string()];
    parts.extend(plan.problem.iter().map(|problem| format!("it failed: {problem}")));
    parts.extend(plan.changes.iter().map(Change::to_string));
    parts.join("; ")
}

fn did(plan: &Plan, applied: Option<&Applied>, failure: Option<&Failure>) -> String {
    let mut parts = Vec::new();
    if let Some(applied) = applied {
        parts.extend(plan.observation.iter().map(|_| "stored the bill".to_owned()));
        parts.extend(applied.sent.iter().map(|id| format!("sent {id}")));
        if parts.is_empty() && plan.state.is_some() {
            parts.push("stored the state".to_owned());
        }
    }
    parts.extend(failure.map(|failure| format!("failed: {failure}")));
    if parts.is_empty() { NOTHING.to_owned() } else { parts.join(", ") }
}

fn waiting(applied: &Applied, first: &Failure) -> Failure {
    let ids: Vec<&str> = applied.waiting.iter().map(|(id, _)| id.as_str()).collect();
    Failure::new(first.kind, format!("to be sent by the next run: {}: {first}", ids.join(", ")))
        .with_code(first.code.as_deref())
}

fn result(plan: &Plan, applied: &Applied) -> Value {
    let changes: Vec<Value> = plan
        .changes
        .iter()
        .map(|change| {
            let alert = &change.alert;
            json!({"id": notice::id(change.step, alert), "step": change.step.to_string(), "level": alert.level, "day": alert.day})
        })
        .collect();
    json!({
        "as_of": plan.as_of,
        "bill": plan.reading.to_string(),
        "problem": plan.problem,
        "figures_of": plan.figures_of,
        "figures_age_hours": plan.figures_of.map(|taken| whole_hours(taken, plan.as_of)),
        "day": plan.day,
        "month": plan.month,
        "alerts": changes,
        "sent": applied.sent,
        "waiting": applied.waiting.iter().map(|(id, _)| id).collect::<Vec<_>>(),
    })
}

fn metrics(plan: &Plan, applied: &Applied) -> Vec<Metric> {
    let moved = |step: Step| plan.changes.iter().filter(|change| change.step == step).count();
    let pages = match (&plan.reading, &plan.state) {
        (Reading::Ask { .. }, Some(state)) => state.pages.booked,
        _ => 0,
    };
    let mut metrics = vec![
        Metric::count("AlertsOpened", moved(Step::Opened) + moved(Step::OpenedAgain)),
        Metric::count("AlertsEscalated", moved(Step::Escalated)),
        Metric::count("AlertsResolved", moved(Step::Resolved)),
        Metric::count("NoticesSent", applied.sent.len()),
        Metric::count("NoticesWaiting", applied.waiting.len()),
        Metric::count("BillReadFailed", usize::from(plan.problem.is_some())),
    ];
    if pages > 0 {
        metrics.push(Metric::whole("BillPagesToday", Unit::Count, i64::from(pages)));
    }
    if let Some(taken) = plan.figures_of {
        metrics.push(Metric::whole("BillAgeHours", Unit::None, whole_hours(taken, plan.as_of)));
    }
    let yesterday: Option<Usd> = plan.day.as_ref().map(|day| day.usage);
    metrics.extend(yesterday.map(|usage| Metric::dollars("YesterdayUsage", usage)));
    metrics
}
