//! What a person sees.

use jiff::Timestamp;

use crate::platform::Platform;
use crate::play::{Account, Expect, Happened, Played, Scenario};
use crate::wiring::Notice;

/// Before the day.
pub fn opening(scenario: &Scenario) {
    println!("\n{} ({})\n", scenario.title, scenario.day);
    for line in scenario.story.trim_end().lines() {
        println!("  {line}");
    }
    println!("\n  time   function, event      ms  MB   what it decided, and what it did");
}

/// A line or two of the timeline.
pub fn happened(happened: &Happened<'_>) {
    match happened {
        Happened::Fault(at, story) => println!("  {}  -- to come: {story}", hour(*at)),
        Happened::Met(at, story, calls) => {
            let times = if *calls > 1 { format!(" ({calls} calls)") } else { String::new() };
            println!("  {}  !! {story}{times}", hour(*at));
        }
        Happened::Invocation(played) => invocation(played),
        Happened::Notice(notice) => letter(notice),
    }
}

fn invocation(played: &Played) {
    let took = played.finished.report.as_ref().map_or(0, |report| report.duration.as_millis());
    let again = if played.attempt > 1 { format!(" (attempt {})", played.attempt) } else { String::new() };
    let memory = played.finished.report.as_ref().and_then(|report| report.max_memory_mb).unwrap_or_default();
    let what = format!("{} {}", played.function, played.schedule);
    println!("  {}  {what:<18} {took:>4} {memory:>3}   {}{again}", hour(played.at), played.said("decided"));
    if played.said("did") != "nothing" {
        println!("                                       -> {}", played.said("did"));
    }
}

fn letter(notice: &Notice) {
    println!("         .--------------------------------------------------------------");
    println!("         | {}", notice.subject.as_deref().unwrap_or("(no subject)"));
    println!("         |");
    for line in notice.message.trim_end().lines() {
        println!("         | {line}");
    }
    println!("         '--------------------------------------------------------------");
}

/// After the day; whether everything is as expected.
pub fn account(account: &Account, expect: &Expect) -> bool {
    println!("\nWhat the functions asked of AWS");
    for ((role, service, operation), count) in &account.calls {
        println!("  {role:<12} {:<24} {count:>4}", format!("{service}:{operation}"));
    }
    println!("\nWhat was expected");
    let verdicts = account.verdicts(expect);
    for verdict in &verdicts {
        let mark = if verdict.holds { "holds     " } else { "DOES NOT  " };
        println!("  {mark} {}", verdict.what);
        if !verdict.holds {
            println!("             seen: {}", verdict.seen);
        }
    }
    let all = verdicts.iter().all(|verdict| verdict.holds);
    println!("\n{}", if all { "The day went as expected." } else { "The day did not go as expected." });
    all
}

/// How to talk to a platform that keeps running.
pub fn up(platform: &Platform, clock: Timestamp) {
    let url = platform.gateway.url();
    println!("The platform is up. Its AWS endpoint is {url}");
    println!("  functions: {}", platform.wired.functions.keys().cloned().collect::<Vec<_>>().join(", "));
    println!("  Cost Explorer's clock stands at {clock}");
    println!("  send an event:    cargo run -- send events/cost-check/hourly-schedule.json");
    println!("  read a log:       cargo run -- logs cost-check");
    println!(
        "  use the AWS CLI:  AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test aws --region us-east-1 --endpoint-url {url} lambda list-functions"
    );
    println!("Ctrl-C stops it.");
}

fn hour(at: Timestamp) -> String {
    at.strftime("%H:%M").to_string()
}
