//! ministack, started through our launcher.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;

use super::once::secret;
use super::{PartError, PythonEnvironment, tail};
use crate::gateway::Upstream;

const PART: &str = "ministack";
const LAUNCHER: &str = include_str!("../../launcher/ministack_launcher.py");
/// It starts in half a second; two busy cores and a cold disk are given room.
const START_WITHIN: Duration = Duration::from_secs(60);
/// ministack ends within a second of SIGTERM unless a request hangs.
const STOP_WITHIN: Duration = Duration::from_secs(8);
/// The account of every local run, the one of AWS's own samples.
pub const ACCOUNT: &str = "123456789012";

/// How one ministack is started.
#[derive(Clone, Debug)]
pub struct MinistackOptions {
    /// The gateway, which functions are told to call ([`crate::gateway::Gateway::url`]).
    pub gateway_url: String,
    /// Where this run keeps its files: the log, the code of the functions, everything temporary.
    pub run_directory: PathBuf,
    /// The factor on the waits of Step Functions, `None` for real time; 0 skips them.
    pub wait_scale: Option<f64>,
    /// The region of what is not signed for one.
    pub region: String,
}

impl MinistackOptions {
    /// Real waits, `us-east-1`.
    pub fn new(gateway_url: impl Into<String>, run_directory: impl Into<PathBuf>) -> Self {
        Self {
            gateway_url: gateway_url.into(),
            run_directory: run_directory.into(),
            wait_scale: None,
            region: "us-east-1".to_owned(),
        }
    }
}

/// A running ministack. Dropping it kills it and the functions it runs.
#[derive(Debug)]
pub struct Ministack {
    process: Child,
    /// What it watches. Apart from `process`, because waiting for a child closes its standard input.
    _lifeline: Option<ChildStdin>,
    group: Pid,
    upstream: Upstream,
    log: PathBuf,
}

impl Ministack {
    /// Starts it and waits until it answers.
    ///
    /// # Errors
    /// [`PartError::Failed`] with the end of its log, or [`PartError::Io`].
    pub async fn start(python: &PythonEnvironment, options: MinistackOptions) -> Result<Self, PartError> {
        let home = options.run_directory.join(PART);
        std::fs::create_dir_all(&home).map_err(PartError::io("create", &home))?;
        let launcher = home.join("ministack_launcher.py");
        std::fs::write(&launcher, LAUNCHER).map_err(PartError::io("write", &launcher))?;
        let log = options.run_directory.join("ministack.log");
        let log_file = File::create(&log).map_err(PartError::io("create", &log))?;

        let secret = secret();
        let interpreter = python.interpreter();
        let mut command = Command::new(&interpreter);
        // Its whole environment goes on to functions (the launcher filters that too): start from nothing.
        command.arg(&launcher).env_clear().envs(environment(&options, &home, &secret));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log_file);
        command.process_group(0).kill_on_drop(true);
        let mut process = command.spawn().map_err(PartError::io("start", &interpreter))?;
        let (stdout, lifeline) = (process.stdout.take(), process.stdin.take());
        let id = process.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let Some(group) = id else {
            return Err(failed("ended at once", &log));
        };
        let mut ministack =
            Self { process, _lifeline: lifeline, group, upstream: Upstream::new(nowhere(), secret), log };

        // From here on every way out goes through the drop of `ministack`, which ends the group.
        let started = async {
            let mut line = String::new();
            if let Some(stdout) = stdout {
                BufReader::new(stdout).read_line(&mut line).await.map_err(|error| error.to_string())?;
            }
            let port = port_of(&line).ok_or_else(|| format!("ended, or said {line:?} instead of its port"))?;
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            ministack.upstream = ministack.upstream.clone().at(address).with_process(ministack.process.id());
            // The listener already takes connections: the first answer comes when the services are there.
            ministack.upstream.principal("test").await.map_err(|error| error.to_string())
        };
        match timeout(START_WITHIN, started).await {
            Ok(Ok(_)) => Ok(ministack),
            Ok(Err(what)) => Err(failed(what, &ministack.log)),
            Err(_) => Err(failed(format!("did not answer within {START_WITHIN:?}"), &ministack.log)),
        }
    }

    /// What [`crate::gateway::Gateway::connect`] takes.
    #[must_use]
    pub fn upstream(&self) -> Upstream {
        self.upstream.clone()
    }

    /// Its own address, for what should not pass through the gateway.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.upstream.url()
    }

    /// Everything it wrote.
    #[must_use]
    pub fn log_file(&self) -> &Path {
        &self.log
    }

    /// Its process, which leads the group of the functions it runs.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Waits until it ends by itself, which it should not, and says how that went.
    pub async fn failure(&mut self) -> PartError {
        let what = match self.process.wait().await {
            Ok(status) => format!("ended with {status}"),
            Err(error) => format!("cannot be watched: {error}"),
        };
        self.kill_group();
        failed(what, &self.log)
    }

    /// Ends it: SIGTERM first, SIGKILL for what is left of it and of its functions.
    ///
    /// # Errors
    /// [`PartError::NotStopped`] when not even that ended it.
    pub async fn stop(mut self) -> Result<(), PartError> {
        let _ended_already = kill_process(self.group, Signal::TERM);
        let ended = timeout(STOP_WITHIN, self.process.wait()).await.is_ok();
        self.kill_group();
        if !ended && timeout(STOP_WITHIN, self.process.wait()).await.is_err() {
            return Err(PartError::NotStopped { part: PART, within: STOP_WITHIN * 2 });
        }
        Ok(())
    }

    fn kill_group(&self) {
        // An empty group is what is wanted: ESRCH is no failure.
        let _gone = kill_process_group(self.group, Signal::KILL);
    }
}

impl Drop for Ministack {
    fn drop(&mut self) {
        // After `stop` the leader is reaped and its id may belong to somebody else.
        if self.process.id().is_some() {
            self.kill_group();
        }
    }
}

fn environment(options: &MinistackOptions, home: &Path, secret: &str) -> Vec<(&'static str, std::ffi::OsString)> {
    let mut environment = vec![
        ("PATH", std::env::var_os("PATH").unwrap_or_default()),
        ("HOME", home.into()),
        ("TMPDIR", home.into()),
        ("LANG", "C.UTF-8".into()),
        ("PYTHONDONTWRITEBYTECODE", "1".into()),
        ("AUTH", "true".into()),
        ("MINISTACK_ACCOUNT_ID", ACCOUNT.into()),
        ("MINISTACK_REGION", (&options.region).into()),
        ("AWS_ENDPOINT_URL", (&options.gateway_url).into()),
        ("PLATFORM_SECRET", secret.into()),
        ("STATE_DIR", home.join("state").into()),
        ("S3_DATA_DIR", home.join("s3").into()),
        // Listeners on fixed ports, which two runs would fight for.
        ("IOT_MTLS_ENABLED", "0".into()),
        ("SFTP_ENABLED", "0".into()),
        // ministack removes containers that look like its own when it starts: keep it off the user's Docker.
        ("DOCKER_HOST", format!("unix://{}/no-docker", home.display()).into()),
    ];
    if let Some(scale) = options.wait_scale {
        environment.push(("SFN_WAIT_SCALE", scale.to_string().into()));
    }
    environment
}

fn port_of(line: &str) -> Option<u16> {
    let value: serde_json::Value = serde_json::from_str(line).ok()?;
    u16::try_from(value.get("port")?.as_u64()?).ok()
}

fn nowhere() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

fn failed(what: impl Into<String>, log: &Path) -> PartError {
    PartError::Failed { part: PART, what: what.into(), log: log.to_owned(), tail: tail(log) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_read_from_the_launchers_line() {
        assert_eq!(port_of("{\"port\": 4566}\n"), Some(4566));
        assert_eq!(port_of("{\"port\": 70000}"), None);
        assert_eq!(port_of(""), None);
    }

    #[test]
    fn nothing_of_the_callers_environment_but_its_path_reaches_ministack() {
        let options = MinistackOptions::new("http://127.0.0.1:1", "/run");
        let names: Vec<&str> =
            environment(&options, Path::new("/run/ministack"), "s").iter().map(|(name, _)| *name).collect();
        assert!(names.contains(&"PATH") && !names.contains(&"AWS_ACCESS_KEY_ID") && !names.contains(&"SFN_WAIT_SCALE"));
    }

    #[test]
    fn two_secrets_differ() {
        assert_ne!(secret(), secret());
    }
}
