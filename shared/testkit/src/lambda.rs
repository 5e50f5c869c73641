//! A fake Lambda Runtime API: runs a built binary, feeds it events, and measures its start, processor time and memory.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// What a binary answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Answered {
    /// `POST .../response`
    Response(Value),
    /// `POST .../error`, with `errorType` and `errorMessage`.
    Error(Value),
    /// The process ended instead, with this status if it has one.
    Exit(Option<i32>),
}

/// What a run of a binary cost.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// From spawning the process to its first request for an event.
    pub start: Duration,
    /// From handing over the first event to its answer.
    pub first_answer: Duration,
    /// Processor time of all its threads until its first request for an event.
    pub start_cpu: Duration,
    /// Processor time of all its threads from then until it asks for its second event.
    pub first_answer_cpu: Duration,
    /// Peak resident memory after the first answer, in KiB.
    pub peak_kib: u64,
}

/// A binary that is waiting for its next event.
pub struct Running {
    child: Child,
    output: JoinHandle<String>,
    polls: mpsc::Receiver<oneshot::Sender<Response<Full<Bytes>>>>,
    answers: mpsc::Receiver<Answered>,
    waiting: Option<oneshot::Sender<Response<Full<Bytes>>>>,
    start: Duration,
    start_cpu: Duration,
    requests: u64,
}

impl Running {
    /// Starts `binary` as Lambda does, with `environment` and nothing else, and waits for its first request for an
    /// event.
    ///
    /// # Errors
    /// With the status and the output of a process that ends before.
    pub async fn start(binary: &Path, environment: &[(&str, &str)]) -> Result<Self, String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let (poll_sender, polls) = mpsc::channel(4);
        let (answer_sender, answers) = mpsc::channel(4);
        tokio::spawn(serve(listener, poll_sender, answer_sender));
        let started = Instant::now();
        let mut child = Command::new(binary)
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "under-test")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "ASIAEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "example")
            .env("AWS_SESSION_TOKEN", "example")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("{}: {error}", binary.display()))?;
        // Read from the first byte on, or a talkative binary would block on a full pipe.
        let mut stdout = child.stdout.take().ok_or("no standard output")?;
        let output = tokio::spawn(async move {
            let mut text = String::new();
            let _ = tokio::io::AsyncReadExt::read_to_string(&mut stdout, &mut text).await;
            text
        });
        let mut running = Self {
            child,
            output,
            polls,
            answers,
            waiting: None,
            start: Duration::ZERO,
            start_cpu: Duration::ZERO,
            requests: 0,
        };
        tokio::select! {
            biased;
            poll = running.polls.recv() => running.waiting = poll,
            status = running.child.wait() => {
                let output = running.output.await.unwrap_or_default();
                return Err(format!("ended before its first request: {:?}\n{output}", status.ok().and_then(|s| s.code())));
            }
        }
        running.start = started.elapsed();
        running.start_cpu = cpu(running.child.id()).unwrap_or_default();
        Ok(running)
    }

    /// Hands over one event and waits for its answer.
    pub async fn invoke(&mut self, event: &Value, time: Duration) -> Answered {
        self.requests += 1;
        let deadline = std::time::SystemTime::now() + time;
        let deadline_ms = deadline.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let response = Response::builder()
            .header("Lambda-Runtime-Aws-Request-Id", format!("request-{}", self.requests))
            .header("Lambda-Runtime-Deadline-Ms", deadline_ms.to_string())
            .header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:under-test")
            .header("Content-Type", "application/json")
            .body(Full::new(Bytes::from(event.to_string())))
            .unwrap();
        let waiting = match self.waiting.take() {
            Some(waiting) => Some(waiting),
            None => self.polls.recv().await,
        };
        if let Some(waiting) = waiting {
            let _ = waiting.send(response);
        }
        tokio::select! {
            biased;
            answer = self.answers.recv() => answer.unwrap_or(Answered::Exit(None)),
            status = self.child.wait() => Answered::Exit(status.ok().and_then(|status| status.code())),
        }
    }

    /// Waits until the binary asks for the next event: the answer before is then wholly done.
    pub async fn idle(&mut self) {
        if self.waiting.is_none() {
            self.waiting = self.polls.recv().await;
        }
    }

    /// Ends the process and gives everything it printed.
    pub async fn stop(mut self) -> String {
        let _ = self.child.start_kill();
        let _ = self.child.wait().await;
        self.output.await.unwrap_or_default()
    }
}

/// One start of a binary with one event, measured. The process is ended when it asks for its second event: killed
/// earlier, its dying client would be in the way of the next measurement.
///
/// # Errors
/// When the binary does not start or does not answer with a response.
pub async fn measure(binary: &Path, environment: &[(&str, &str)], event: &Value) -> Result<Measured, String> {
    let mut running = Running::start(binary, environment).await?;
    let (start, start_cpu) = (running.start, running.start_cpu);
    let handed_over = Instant::now();
    let answer = running.invoke(event, Duration::from_secs(60)).await;
    let first_answer = handed_over.elapsed();
    running.idle().await;
    let first_answer_cpu = cpu(running.child.id()).unwrap_or_default().saturating_sub(start_cpu);
    let peak_kib = peak_kib(running.child.id()).ok_or("no VmHWM in /proc: only Linux has it")?;
    let output = running.stop().await;
    match answer {
        Answered::Response(_) => Ok(Measured { start, first_answer, start_cpu, first_answer_cpu, peak_kib }),
        other @ (Answered::Error(_) | Answered::Exit(_)) => Err(format!("answered {other:?}\n{output}")),
    }
}

fn peak_kib(process: Option<u32>) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process?)).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The scheduler's account of every thread that is alive: to the nanosecond, where `/proc/PID/stat` counts ticks of 10 ms.
fn cpu(process: Option<u32>) -> Option<Duration> {
    let threads = std::fs::read_dir(format!("/proc/{}/task", process?)).ok()?;
    let on_cpu = |thread: std::fs::DirEntry| {
        let schedstat = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        schedstat.split_whitespace().next()?.parse::<u64>().ok()
    };
    Some(Duration::from_nanos(threads.flatten().filter_map(on_cpu).sum()))
}

async fn serve(
    listener: TcpListener,
    polls: mpsc::Sender<oneshot::Sender<Response<Full<Bytes>>>>,
    answers: mpsc::Sender<Answered>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let (polls, answers) = (polls.clone(), answers.clone());
        let service = service_fn(move |request| handle(request, polls.clone(), answers.clone()));
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn handle(
    request: Request<Incoming>,
    polls: mpsc::Sender<oneshot::Sender<Response<Full<Bytes>>>>,
    answers: mpsc::Sender<Answered>,
) -> Result<Response<Full<Bytes>>, &'static str> {
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let value = || serde_json::from_slice(&body).unwrap_or(Value::Null);
    if path.ends_with("/invocation/next") {
        let (sender, receiver) = oneshot::channel();
        polls.send(sender).await.map_err(|_| "the test is over")?;
        return receiver.await.map_err(|_| "the test is over");
    }
    let answered = if path.ends_with("/response") { Answered::Response(value()) } else { Answered::Error(value()) };
    let _ = answers.send(answered).await;
    Ok(Response::builder().status(202).body(Full::default()).unwrap())
}
