//! Start-up and the loop around one invocation.

use std::future::Future;
use std::process::ExitCode;

use aws_config::SdkConfig;
use domain::{Envelope, Failure, FailureKind};
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::{Value, json};

use crate::config::{ConfigError, Vars};
use crate::deadline::Deadline;
use crate::failure::diagnostic;
use crate::metrics::{self, Metric, Unit};
use crate::report::{Outcome, Report, Status};

/// How far an event's time may be ahead of this machine's clock (`EVENT_AHEAD_MINUTES`): clocks differ by seconds.
const AHEAD_MINUTES: u32 = 15;

/// A Lambda function.
pub trait Function: Sized {
    /// Its name, as deployed.
    const NAME: &'static str;
    /// Its configuration.
    type Config;

    /// Reads the configuration.
    ///
    /// # Errors
    /// With every variable that is missing or wrong.
    fn configure(vars: Vars<'_>) -> Result<Self::Config, ConfigError>;

    /// Makes the clients, once per process.
    fn start(config: Self::Config, sdk: &SdkConfig) -> Self;

    /// One invocation: observe, plan, check, apply, report. It may be cancelled at any await when the time is up.
    fn handle(&self, envelope: Envelope, invocation: &Invocation) -> impl Future<Output = Outcome>;
}

/// One invocation.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Lambda's id of it.
    pub request_id: String,
    /// The event's id, the same for each delivery of the event; the request's where the event has none.
    pub event_id: String,
    /// When it must be over.
    pub deadline: Deadline,
    /// Stop after the check, and show the plan.
    pub dry_run: bool,
}

/// Runs a function in Lambda until Lambda ends the process.
///
/// The order of start-up is fixed: TLS provider, log, configuration, clients. A wrong configuration ends the process
/// with one line that names every variable, before anything is touched.
pub fn run<F: Function>() -> ExitCode {
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        return give_up::<F>("another TLS provider was installed first");
    }
    let mut vars = Vars::from_environment();
    let level = vars.or("AWS_LAMBDA_LOG_LEVEL", "info".to_owned()).unwrap_or_default();
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_target(false)
        .with_max_level(level.parse::<tracing::Level>().unwrap_or(tracing::Level::INFO))
        .init();
    let dry_run = vars.or("DRY_RUN", false);
    let ahead = vars.or("EVENT_AHEAD_MINUTES", AHEAD_MINUTES);
    let config = match (vars.finish(dry_run.zip(ahead)), F::configure(Vars::from_environment())) {
        (Ok(frame), Ok(config)) => (frame, config),
        (frame, config) => {
            let problems = [frame.err(), config.err()].into_iter().flatten().flat_map(|error| error.problems);
            return give_up::<F>(&ConfigError { problems: problems.collect() }.to_string());
        }
    };
    // One vCPU is what Lambda gives below 1,769 MB: a second worker thread would only cost its stack.
    let Ok(tokio) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return give_up::<F>("the async runtime did not start");
    };
    tokio.block_on(async {
        let (frame, config) = config;
        let function = F::start(config, &crate::aws::sdk_config());
        let function = &function;
        match lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| invoke(function, event, frame))).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => give_up::<F>(&error.to_string()),
        }
    })
}

fn give_up<F: Function>(why: &str) -> ExitCode {
    println!("{}", json!({"level": "ERROR", "function": F::NAME, "message": why}));
    ExitCode::FAILURE
}

async fn invoke<F: Function>(
    function: &F,
    event: LambdaEvent<Value>,
    (dry_run, ahead_minutes): (bool, u32),
) -> Result<Value, Diagnostic> {
    let LambdaEvent { payload, context } = event;
    let deadline = Deadline::at(context.deadline());
    let started = deadline.remaining();
    let event_id = event_id(&payload).unwrap_or(&context.request_id).to_owned();
    let dry_run = dry_run || payload.get("dry_run") == Some(&Value::Bool(true));
    let invocation = Invocation { request_id: context.request_id, event_id, deadline, dry_run };

    let Outcome { report, failure } = match Envelope::parse(&payload) {
        Err(failure) => failure.into(),
        Ok(Envelope::Unknown { looks_like }) => {
            Report::ignored(format!("not an event of this function: {looks_like}")).into()
        }
        Ok(envelope) if let Some(failure) = too_early(&envelope, ahead_minutes) => failure.into(),
        Ok(envelope) => tokio::time::timeout(deadline.remaining(), function.handle(envelope, &invocation))
            .await
            .unwrap_or_else(|_| out_of_time().into()),
    };

    let took = started.saturating_sub(deadline.remaining());
    account::<F>(&invocation, &report, failure.as_ref(), i64::try_from(took.as_millis()).unwrap_or(i64::MAX));
    failure.map_or(Ok(report.result), |failure| Err(diagnostic(&failure)))
}

/// An event from the future is wrong, and would make every event until then look old.
#[expect(clippy::disallowed_methods, reason = "the room that owns the wall clock")]
fn too_early(envelope: &Envelope, ahead_minutes: u32) -> Option<Failure> {
    let (field, time) = envelope.time()?;
    let now = jiff::Timestamp::now();
    let latest = now.checked_add(jiff::SignedDuration::from_mins(ahead_minutes.into())).unwrap_or(jiff::Timestamp::MAX);
    let problem = || format!("event field `{field}`: {time} is ahead of the clock, {now:.0}");
    (time > latest).then(|| Failure::new(FailureKind::InvalidInput, problem()))
}

fn out_of_time() -> Failure {
    Failure::new(
        FailureKind::OutOfTime,
        "the time was up before the work was done; what is done is done, and the next run does the rest",
    )
}

/// The id that stays the same when the same event is delivered again.
fn event_id(payload: &Value) -> Option<&str> {
    let at = |pointer: &str| payload.pointer(pointer).and_then(Value::as_str);
    at("/id").or_else(|| at("/Records/0/Sns/MessageId")).or_else(|| at("/event_id"))
}

/// One result line and one metric line per invocation, on standard output, where Lambda takes them from.
#[expect(clippy::disallowed_methods, reason = "a metric carries the wall clock")]
fn account<F: Function>(invocation: &Invocation, report: &Report, failure: Option<&Failure>, duration_ms: i64) {
    let ids = [("event_id", json!(invocation.event_id)), ("request_id", json!(invocation.request_id))];
    let mut line = serde_json::Map::new();
    line.insert("function".to_owned(), json!(F::NAME));
    line.insert("status".to_owned(), json!(report.status));
    line.extend(ids.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
    line.insert("decided".to_owned(), json!(report.decided));
    line.insert("did".to_owned(), json!(report.did));
    line.insert("result".to_owned(), report.result.clone());
    line.insert("text".to_owned(), json!(report.text));
    if let Some(failure) = failure {
        line.insert("error_type".to_owned(), json!(failure.kind.name()));
        line.insert("error".to_owned(), json!(failure.to_string()));
    }
    println!("{}", Value::Object(line));

    let mut all = vec![
        Metric::whole("Duration", Unit::Milliseconds, duration_ms),
        Metric::count("Failed", usize::from(failure.is_some())),
        Metric::count("Ignored", usize::from(report.status == Status::Ignored)),
    ];
    all.extend(report.metrics.iter().cloned());
    println!("{}", metrics::line(F::NAME, jiff::Timestamp::now().as_millisecond(), &all, &ids));
}
