//! The text of a notice: what, how much against what, why, where to look, what to do. It is read on a phone. Pure.

use std::fmt::Write as _;

use domain::id::TenantId;
use domain::{Day, Notice, Usd};
use jiff::Timestamp;

use crate::alerts::{Change, LEVELS, Measure, Step};
use crate::config::Policy;
use crate::state::{Alert, Kind, Observation, Scope};
use crate::views::{self, Cause, DayView, Month};

/// Characters of the reason why the bill is out of view: an AWS message may carry a whole policy.
const LONGEST_REASON: usize = 600;

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
        Scope::Account => (String::new(), "the daily threshold".to_owned(), "DAILY_THRESHOLD_USD"),
        Scope::Tenant(id) => (format!(" {}", short(id)), format!("{id}'s daily budget"), "TENANT_BUDGETS_USD"),
    };
    let what = match step {
        Step::Resolved => "Cost back",
        Step::Opened => "Cost alert",
        Step::Escalated => "Cost rising",
        Step::OpenedAgain => "Cost again",
    };
    let subject = format!("{what}{whose}: {value} USD on {day}, {percent} % of {limit}");
    let mut body = String::new();
    let mut line = |text: String| {
        let _ = writeln!(body, "{text}");
    };
    line(format!("{day}: {value} USD, {percent} % of {limit_name} of {limit} USD."));
    match step {
        Step::Resolved => {
            line("The day is no longer over: AWS revised it, or the limit was raised. Nothing to do.".to_owned());
        }
        Step::Opened | Step::Escalated | Step::OpenedAgain => {
            if seen.days.get(&day).is_some_and(|costs| costs.estimated) {
                line("Still an estimate: AWS revises a day until the bill of its month closes.".to_owned());
            }
            line(match LEVELS.into_iter().find(|&level| level > alert.level) {
                Some(next) => {
                    format!("The next notice of this day comes above {} USD ({next} %).", limit.percent(next))
                }
                None => format!("Above {} % there is no further notice of this day.", alert.level),
            });
            line(String::new());
            line("What grew most, against the mean of the 7 days before:".to_owned());
            for (number, Cause { name, usd, change }) in
                views::causes(policy, &alert.scope, day, seen).iter().enumerate()
            {
                let change = change.map_or_else(|| "no days before".to_owned(), signed);
                line(format!("{}. {name}: {usd} ({change})", number + 1));
            }
        }
    }
    if let Some(costs) = seen.days.get(&day).filter(|_| alert.scope == Scope::Account) {
        line(String::new());
        let view = DayView::of(policy, day, costs);
        let adjustments: Vec<String> = view.adjustments.iter().map(|row| format!("{} {}", row.name, row.usd)).collect();
        if !adjustments.is_empty() {
            line(format!("Not in that figure: {}. The bill of the day is {} USD.", adjustments.join(", "), view.bill));
        }
    } else {
        line(String::new());
    }
    let whole = if alert.scope == Scope::Account { "" } else { "All tenants. " };
    line(format!("{whole}{}", month(&views::month(Day::of(as_of), seen))));
    line(String::new());
    if step != Step::Resolved {
        line(format!(
            "Do: open the link, group by usage type, stop what should not run. If the cost is right, raise {variable}."
        ));
    }
    line(format!("Look: {}", link(day)));
    line(format!("Read from Cost Explorer at {}.", minute(seen.taken_at)));
    Notice { id: id(step, alert), subject, body }
}

/// A tenant's id as a subject has room for it: with the longest amounts it stays under SNS's 100 characters. The body
/// has it whole.
fn short(id: &TenantId) -> String {
    const ROOM: usize = 24;
    let id = id.as_str();
    id.get(..ROOM - 2).filter(|_| id.len() > ROOM).map_or_else(|| id.to_owned(), |start| format!("{start}.."))
}

fn unknown(step: Step, alert: &Alert, because: &str, as_of: Timestamp) -> Notice {
    let (subject, body) = match step {
        Step::Resolved => (
            "Cost in view again".to_owned(),
            format!(
                "The bill, last seen on {}, is in view again as of {}. Nothing to do: days that went over meanwhile have notices of their own.\n",
                alert.day,
                minute(as_of)
            ),
        ),
        Step::Opened | Step::Escalated | Step::OpenedAgain => (
            format!("Cost unknown since {}", alert.day),
            format!(
                "The bill has not been seen since {}. No data is not zero: the cost may be anything.\n\nWhy: {}\n\n\
                 Do: if access is denied, restore ce:GetCostAndUsage for the role of cost-check and the account's access to billing. \
                 If AWS has no data, look at https://health.aws.amazon.com/health/status\n\
                 Look: {}\n",
                alert.day,
                because.chars().take(LONGEST_REASON).collect::<String>(),
                link(alert.day)
            ),
        ),
    };
    Notice { id: id(step, alert), subject, body }
}

/// One line about the month.
pub fn month(month: &Month) -> String {
    let Month { first, through, so_far, forecast, method } = month;
    let known = match through {
        Some(through) => format!("Month from {first} to {through}: {so_far} USD."),
        None => format!("Month from {first}: no day of it is known yet."),
    };
    match forecast {
        Some(forecast) => format!("{known} Whole month: {forecast} USD ({method})."),
        None => format!("{known} No forecast: it takes a week of days."),
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

#[cfg(test)]
#[path = "notice_tests.rs"]
mod tests;
