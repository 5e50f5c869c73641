//! The text of a notice: what, how much against what, why, where to look, what to do. It is read on a phone. Pure.

use std::fmt::Write as _;

use domain::{Day, Notice, Usd};
use jiff::Timestamp;

use crate::alerts::{Change, Measure, Step};
use crate::config::Policy;
use crate::state::{Alert, Kind, Observation, Scope};
use crate::views::{self, Cause, DayView, Month};

/// The notice of a change. Its id is made of what makes the news the same, so sending it twice is telling it once.
pub fn of(
    policy: &Policy,
    change: &Change,
    observation: Option<&Observation>,
    blind_because: &str,
    as_of: Timestamp,
) -> Notice {
    let Change { step, alert, measure } = change;
    match (alert.kind, measure, observation) {
        (Kind::Cost, Some(measure), Some(seen)) => cost(policy, *step, alert, *measure, seen, as_of),
        _ => unknown(*step, alert, blind_because, as_of),
    }
}

/// The id: kind, scope, day and level (or `resolved`), and the episode from the second on.
pub fn id(step: Step, alert: &Alert) -> String {
    let kind = match alert.kind {
        Kind::Cost => "cost",
        Kind::Unknown => "unknown",
    };
    let what = match (step, alert.kind) {
        (Step::Resolved, _) => "resolved".to_owned(),
        (_, Kind::Unknown) => "open".to_owned(),
        (_, Kind::Cost) => alert.level.to_string(),
    };
    let again = if alert.episode > 1 { format!("/{}", alert.episode) } else { String::new() };
    format!("{kind}/{}/{}/{what}{again}", alert.scope, alert.day)
}

fn cost(policy: &Policy, step: Step, alert: &Alert, measure: Measure, seen: &Observation, as_of: Timestamp) -> Notice {
    let Measure { value, limit } = measure;
    let (day, percent) = (alert.day, measure.percent());
    let (whose, limit_name, variable) = match &alert.scope {
        Scope::Account => (String::new(), "daily threshold", "DAILY_THRESHOLD_USD"),
        Scope::Tenant(id) => (format!(" {id}"), "daily budget of the tenant", "TENANT_BUDGETS_USD"),
    };
    let subject = match step {
        Step::Resolved => format!("Cost back{whose}: {value} USD on {day}, {percent} % of {limit}"),
        Step::Opened => format!("Cost alert{whose}: {value} USD on {day}, {percent} % of {limit}"),
        Step::Escalated => format!("Cost rising{whose}: {value} USD on {day}, {percent} % of {limit}"),
        Step::OpenedAgain => format!("Cost again{whose}: {value} USD on {day}, {percent} % of {limit}"),
    };
    let mut body = String::new();
    let mut line = |text: String| {
        let _ = writeln!(body, "{text}");
    };
    match step {
        Step::Resolved => {
            line(format!("{day}: {value} USD, {percent} % of the {limit_name} of {limit} USD."));
            line("AWS revised the day, and it is no longer over. This alert is closed.".to_owned());
        }
        Step::Opened | Step::Escalated | Step::OpenedAgain => {
            line(format!(
                "{day}: {value} USD, {percent} % of the {limit_name} of {limit} USD (level {} %).",
                alert.level
            ));
            if seen.days.get(&day).is_some_and(|costs| costs.estimated) {
                line("Still an estimate: AWS revises a day until the bill of its month closes.".to_owned());
            }
        }
    }
    line(String::new());
    line("What drives it, against the mean of the 7 days before:".to_owned());
    for (number, Cause { name, usd, change }) in views::causes(policy, &alert.scope, day, seen).iter().enumerate() {
        let change = change.map_or_else(|| "no days before".to_owned(), signed);
        line(format!("{}. {name}: {usd} ({change})", number + 1));
    }
    if let Some(costs) = seen.days.get(&day).filter(|_| alert.scope == Scope::Account) {
        let view = DayView::of(policy, day, costs);
        let adjustments: Vec<String> = view.adjustments.iter().map(|row| format!("{} {}", row.name, row.usd)).collect();
        if !adjustments.is_empty() {
            line(format!("Kept apart: {}. Bill of the day: {}.", adjustments.join(", "), view.bill));
        }
        line(String::new());
        line(month(&views::month(Day::of(as_of), seen)));
    }
    line(String::new());
    line(format!("Read from Cost Explorer at {}.", minute(seen.taken_at)));
    line(format!("Look: {}", link(day)));
    if step != Step::Resolved {
        line(format!(
            "Do: open the link, group by usage type, and stop what should not run. If it is right, raise {variable}."
        ));
    }
    Notice { id: id(step, alert), subject, body }
}

fn unknown(step: Step, alert: &Alert, because: &str, as_of: Timestamp) -> Notice {
    let (subject, body) = match step {
        Step::Resolved => (
            "Cost in view again".to_owned(),
            format!(
                "The bill is readable again as of {}.\nDays that went over meanwhile have notices of their own.\n",
                minute(as_of)
            ),
        ),
        Step::Opened | Step::Escalated | Step::OpenedAgain => (
            format!("Cost unknown since {}", alert.day),
            format!(
                "The bill has not been seen since {}. No data is not zero: the cost may be anything.\n\nWhy: {because}\n\n\
                 Do: if access is denied, restore ce:GetCostAndUsage for the role of cost-check and the account's access to billing. \
                 If AWS has no data, look at https://health.aws.amazon.com/health/status and at the console: {}\n",
                alert.day,
                link(alert.day)
            ),
        ),
    };
    Notice { id: id(step, alert), subject, body }
}

/// One line about the month.
pub fn month(month: &Month) -> String {
    let Month { first, through, so_far, forecast, method } = month;
    match forecast {
        Some(forecast) => {
            format!("Month from {first} to {through}: {so_far} USD. Forecast: {forecast} USD ({method}).")
        }
        None => format!("Month from {first} to {through}: {so_far} USD. No forecast: fewer than four weeks of days."),
    }
}

fn signed(change: Usd) -> String {
    if change < Usd::ZERO { change.to_string() } else { format!("+{change}") }
}

fn minute(instant: Timestamp) -> String {
    instant.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

fn link(day: Day) -> String {
    format!(
        "https://us-east-1.console.aws.amazon.com/costmanagement/home#/cost-explorer?granularity=Daily&historicalRelativeRange=CUSTOM&startDate={day}&endDate={day}&groupBy=%5B%22Service%22%5D"
    )
}
