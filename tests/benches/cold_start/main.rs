//! How soon, how small: cost-check beside a bare function and beside Python, round by round in one run.
//!
//! `cargo bench -p platform-tests --bench cold_start` prints the result; with `-- --save` it becomes
//! `benches/results/cold-start.md`. `--rounds N` measures more or fewer than 40 rounds.

mod aws;
mod python;
mod report;
mod series;
mod tls;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use local_platform::package::{self, Package, Profile};
use local_platform::play::Scenario;
use serde_json::Value;
use testkit::lambda::{Answered, Running, measure};

use crate::aws::Aws;
use crate::series::Series;

const ROUNDS: usize = 40;

struct Options {
    save: bool,
    rounds: usize,
}

/// A function in one setting, ready to be started.
struct Subject {
    name: &'static str,
    program: PathBuf,
    environment: Vec<(&'static str, String)>,
    zip: usize,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let after = |name: &str| arguments.iter().skip_while(|argument| *argument != name).nth(1);
    let rounds = after("--rounds").map_or(Ok(ROUNDS), |text| text.parse());
    let Ok(rounds) = rounds else {
        eprintln!("--rounds needs a whole number");
        return ExitCode::FAILURE;
    };
    let options = Options { save: arguments.iter().any(|argument| argument == "--save"), rounds };
    let done = tokio::runtime::Runtime::new().map_err(|error| error.to_string()).and_then(|tokio| {
        let page = tokio.block_on(run(&options))?;
        println!("{page}");
        if options.save {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/results/cold-start.md");
            std::fs::write(&file, page).map_err(|error| format!("{}: {error}", file.display()))?;
        }
        Ok(())
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<String, String> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    // target/release/deps/cold_start-...: two folders up is where the functions' binaries are.
    let here = std::env::current_exe().map_err(|error| error.to_string())?;
    let release = here.ancestors().nth(2).ok_or("the bench is not in a target folder")?;
    let folder = release.join("cold-start");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;

    let python = python::prepare(&folder)?;
    let python_zip = Package::of_bootstrap(python::HANDLER.as_bytes()).map_err(|error| error.to_string())?.zip.len();
    let (bare_zip, cost_check_zip) = (build(&workspace, "bare").await?, build(&workspace, "cost-check").await?);

    let event = std::fs::read(workspace.join("events/cost-check/hourly-schedule.json"));
    let event = event.map_err(|error| format!("the event: {error}"))?;
    let event: Value = serde_json::from_slice(&event).map_err(|error| format!("the event: {error}"))?;
    let now = event.get("time").and_then(Value::as_str).ok_or("the event has no time")?;
    let now = now.parse().map_err(|error| format!("the event's time: {error}"))?;
    let bill = Scenario::load(None).map_err(|error| error.to_string())?.bill;
    let (acceptor, authorities) = tls::prepare(&folder)?;
    let plain = Aws::start(bill.clone(), now, None).await?;
    let secure = Aws::start(bill, now, Some(acceptor)).await?;

    let function = |name, aws: &Aws, trust: &[&'static str]| {
        let mut environment = vec![
            ("STATE_BUCKET", "state".to_owned()),
            ("EVENT_AHEAD_MINUTES", u32::MAX.to_string()), // the sample's time may be ahead of this machine's
            ("NOTICE_TOPIC_ARN", "arn:aws:sns:us-east-1:123456789012:operations".to_owned()),
            ("AWS_DEFAULT_REGION", "us-east-1".to_owned()),
        ];
        environment.extend(aws.endpoints.iter().cloned());
        environment.extend(trust.iter().map(|variable| (*variable, authorities.display().to_string())));
        let is_python = name == "python" || name == "python, TLS";
        let program = if is_python { python.bootstrap.clone() } else { release.join("cost-check") };
        Subject { name, program, environment, zip: if is_python { python_zip } else { cost_check_zip } }
    };
    let subjects = [
        Subject { name: "bare", program: release.join("bare"), environment: Vec::new(), zip: bare_zip },
        function("cost-check", &plain, &[]),
        function("python", &plain, &[]),
        function("cost-check, TLS", &secure, &["SSL_CERT_FILE"]),
        function("python, TLS", &secure, &["AWS_CA_BUNDLE"]),
    ];

    let mut all = Vec::new();
    for subject in &subjects {
        let calls = try_once(subject, &event, [&plain, &secure]).await?;
        all.push(Series { name: subject.name, zip: subject.zip, calls, rounds: Vec::new() });
    }
    let before = report::load();
    for round in 0..options.rounds {
        if std::io::stderr().is_terminal() {
            eprint!("\rround {} of {}", round + 1, options.rounds);
        }
        for turn in 0..subjects.len() {
            let next = (round + turn) % subjects.len();
            let (Some(subject), Some(series)) = (subjects.get(next), all.get_mut(next)) else { continue };
            let measured = measure(&subject.program, &subject.environment(), &event).await;
            series.rounds.push(measured.map_err(|problem| format!("{}: {problem}", subject.name))?);
        }
    }
    let machine = report::machine(&python.versions, [&before, &report::load()])?;
    let [bare, cost_check, python, cost_check_tls, python_tls] = all.as_slice() else { return Ok(String::new()) };
    let compared = report::Compared { bare, cost_check: [cost_check, cost_check_tls], python: [python, python_tls] };
    Ok(report::page(&compared, &machine))
}

/// Builds a function as it is deployed, alone, so that it has only its own features; the size of its zip.
async fn build(workspace: &Path, name: &str) -> Result<usize, String> {
    eprintln!("building {name}; the first time takes minutes");
    let packages = package::build(workspace, &[name], Profile::Release, &|_: &str| {}).await;
    let packages = packages.map_err(|error| error.to_string())?;
    packages.get(name).map(|package| package.zip.len()).ok_or_else(|| format!("no package {name}"))
}

impl Subject {
    fn environment(&self) -> Vec<(&str, &str)> {
        self.environment.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }
}

/// One start that is not measured: it fills caches, and shows that the function does its work. Gives what it called.
async fn try_once(subject: &Subject, event: &Value, servers: [&Aws; 2]) -> Result<String, String> {
    let mut running = Running::start(&subject.program, &subject.environment()).await?;
    let answer = running.invoke(event, Duration::from_secs(60)).await;
    running.idle().await;
    let output = running.stop().await;
    let Answered::Response(_) = answer else {
        return Err(format!("{} answered {answer:?}\n{output}", subject.name));
    };
    let calls = servers.iter().flat_map(|server| server.calls());
    let calls: Vec<String> = calls.map(|(operation, times)| format!("{times} {operation}")).collect();
    Ok(if calls.is_empty() { "none".to_owned() } else { calls.join(", ") })
}
