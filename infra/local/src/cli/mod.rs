//! The command line of `platform`.

mod clean;
mod progress;
mod show;
mod talk;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use crate::package::Profile;
use crate::platform::{Platform, PlatformError, Prepared};
use crate::play::{self, PlayError, Scenario};
use crate::running::RunningError;
use crate::wiring::{WiringError, WiringOptions};
use progress::Steps;

/// The whole platform on one computer: plays a day on it, or keeps it running to be talked to.
#[derive(Debug, Parser)]
#[command(name = "platform", version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Build the functions as they are deployed (release profile: slow to build, small and fast).
    #[arg(long, global = true)]
    release: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Play a day and say whether it went as expected (the default).
    Play {
        /// A scenario's name or file [default: gpu-left-on].
        scenario: Option<String>,
    },
    /// Start the platform and keep it running until Ctrl-C.
    Up {
        /// The scenario whose bill Cost Explorer tells; its clock stands at the end of that day.
        scenario: Option<String>,
    },
    /// Send one event to a running platform and show what the function makes of it.
    Send {
        /// A file of `events/`: the name of its folder is the function's.
        file: std::path::PathBuf,
        /// The function, when the folder does not name it.
        #[arg(long)]
        function: Option<String>,
        /// The platform's endpoint, when several run.
        #[arg(long)]
        endpoint: Option<String>,
    },
    /// Show the running platforms, their functions and failures.
    Status,
    /// Show a function's log.
    Logs {
        /// The function.
        function: String,
        /// The platform's endpoint, when several run.
        #[arg(long)]
        endpoint: Option<String>,
    },
    /// Remove what was prepared in the user's cache.
    Clean,
}

/// Why a command did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The platform did not start or stop.
    #[error(transparent)]
    Platform(#[from] PlatformError),
    /// The scenario cannot be played.
    #[error(transparent)]
    Play(#[from] PlayError),
    /// A call to the platform failed.
    #[error(transparent)]
    Wiring(#[from] WiringError),
    /// No running platform was found.
    #[error(transparent)]
    Running(#[from] RunningError),
    /// An argument is wrong.
    #[error("{0}")]
    Argument(String),
    /// A file could not be read or removed.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: std::path::PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// How a command ended.
enum End {
    /// As it should.
    Well,
    /// It ran, and what was expected does not hold.
    NotAsExpected,
    /// By Ctrl-C or a request to end.
    Interrupted,
}

/// Runs the command line.
pub async fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let profile = if arguments.release { Profile::Release } else { Profile::Dev };
    let command = arguments.command.unwrap_or(Command::Play { scenario: None });
    let work = async {
        match command {
            Command::Play { scenario } => play_day(scenario.as_deref(), profile).await,
            Command::Up { scenario } => up(scenario.as_deref(), profile).await,
            Command::Send { file, function, endpoint } => talk::send(&file, function, endpoint.as_deref()).await,
            Command::Status => talk::status().await,
            Command::Logs { function, endpoint } => talk::logs(&function, endpoint.as_deref()).await,
            Command::Clean => clean::clean(),
        }
    };
    match work.await {
        Ok(End::Well) => ExitCode::SUCCESS,
        Ok(End::NotAsExpected) => ExitCode::from(1),
        Ok(End::Interrupted) => ExitCode::from(130),
        Err(error) => {
            let mut text = error.to_string();
            let mut cause = std::error::Error::source(&error);
            while let Some(next) = cause {
                if !text.contains(&next.to_string()) {
                    text.push_str(&format!(": {next}"));
                }
                cause = next.source();
            }
            eprintln!("error: {text}");
            ExitCode::from(2)
        }
    }
}

async fn start(scenario: &Scenario, profile: Profile) -> Result<Option<Platform>, CliError> {
    let steps = Steps::new();
    let options = WiringOptions { environment: scenario.environment.clone(), ..WiringOptions::default() };
    let starting = async {
        let prepared = Prepared::prepare(profile, &steps).await?;
        Platform::start(&prepared, scenario.bill.clone(), &options, &steps).await
    };
    // Dropping what was started so far ends it.
    let platform = tokio::select! {
        platform = starting => Some(platform?),
        () = interrupted() => None,
    };
    steps.done();
    Ok(platform)
}

async fn play_day(name: Option<&str>, profile: Profile) -> Result<End, CliError> {
    let scenario = Scenario::load(name)?;
    let Some(platform) = start(&scenario, profile).await? else { return Ok(End::Interrupted) };
    show::opening(&scenario);
    let mut watch = |happened: play::Happened<'_>| show::happened(&happened);
    let played = tokio::select! {
        played = play::play(&platform, &scenario, &mut watch) => Some(played),
        () = interrupted() => None,
    };
    platform.stop().await?;
    let Some(played) = played else { return Ok(End::Interrupted) };
    Ok(if show::account(&played?, &scenario.expect) { End::Well } else { End::NotAsExpected })
}

async fn up(name: Option<&str>, profile: Profile) -> Result<End, CliError> {
    let scenario = Scenario::load(name)?;
    let Some(mut platform) = start(&scenario, profile).await? else { return Ok(End::Interrupted) };
    let end_of_day = scenario.day.end() - jiff::SignedDuration::from_secs(1);
    platform.cost_explorer.set_now(end_of_day);
    show::up(&platform, end_of_day);
    let failure = tokio::select! {
        failure = platform.failure() => Some(failure),
        () = interrupted() => None,
    };
    platform.stop().await?;
    failure.map_or(Ok(End::Interrupted), |failure| Err(failure.into()))
}

async fn interrupted() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
