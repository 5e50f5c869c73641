//! Go, as far as building one program needs it.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::KubernetesError;
use crate::parts::{PartError, Progress, tail};

/// The newest version that EKS offers and that the module pins (a test compares the two).
pub(super) const KUBERNETES_VERSION: &str = "v1.36.3";
/// As in go.mod; an older Go would refuse it, or download another Go.
const OLDEST: (u32, u32) = (1, 26);
const FLAGS: &str = "-trimpath -mod=readonly -buildvcs=false";
/// A progress line for every so many packages: about thirty in all.
const PACKAGES_PER_STEP: usize = 100;

/// A Go that is new enough.
pub(super) struct Go {
    version: String,
}

impl Go {
    /// # Errors
    /// [`KubernetesError::GoNeeded`].
    pub(super) async fn find() -> Result<Self, KubernetesError> {
        let needed = |detail: String| KubernetesError::GoNeeded { detail };
        let output = command().args(["env", "GOVERSION"]).output().await;
        let output = output.map_err(|error| needed(format!("go: {error}")))?;
        let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if !output.status.success() {
            return Err(needed(format!("go env GOVERSION ended with {}", output.status)));
        }
        if numbers(&version).is_none_or(|found| found < OLDEST) {
            return Err(needed(format!("go is {version}")));
        }
        Ok(Self { version })
    }

    /// All that decides what comes out, except for the sources.
    pub(super) fn description(&self) -> String {
        format!("{} {} {FLAGS} {}", self.version, std::env::consts::ARCH, linker_flags())
    }

    /// Builds the module in `source` into `program`. Go itself says nothing for minutes: what it loads and compiles is
    /// counted here.
    ///
    /// # Errors
    /// [`PartError::CommandFailed`] or [`PartError::Io`].
    pub(super) async fn build(
        &self,
        source: &Path,
        program: &Path,
        log: &Path,
        progress: &dyn Progress,
    ) -> Result<(), PartError> {
        File::create(log).map_err(PartError::io("create", log))?;
        let mut list = command();
        list.args(["list", "-deps", "-f", "{{.ImportPath}}", "."]).current_dir(source);
        let mut modules = 0_usize;
        let mut packages = 0_usize;
        run(list, log, |line| {
            if line.starts_with("go: ") {
                modules += 1;
                if modules.is_multiple_of(PACKAGES_PER_STEP / 4) {
                    progress.step(&format!("building the Kubernetes control plane: {modules} modules loaded"));
                }
            } else {
                packages += 1;
            }
        })
        .await?;

        let mut build = command();
        build.args(["build", "-v", "-ldflags", &linker_flags(), "-o"]).arg(program).arg(".").current_dir(source);
        let mut done = 0_usize;
        run(build, log, |_| {
            done += 1;
            if done.is_multiple_of(PACKAGES_PER_STEP) {
                // What Go's own cache has is not counted: the last line may come early.
                let line = format!("building the Kubernetes control plane: {done} of {packages} packages");
                progress.step(&line);
            }
        })
        .await
    }
}

/// Go with all that would change the outcome set; proxies and caches stay the user's.
fn command() -> Command {
    let mut command = Command::new("go");
    command.envs([("GOTOOLCHAIN", "local"), ("CGO_ENABLED", "0"), ("GOWORK", "off"), ("GOFLAGS", FLAGS)]);
    for cross in ["GOOS", "GOARCH"] {
        command.env_remove(cross);
    }
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Without these the server calls itself v0.0.0.
fn linker_flags() -> String {
    let numbers = numbers(KUBERNETES_VERSION).unwrap_or_default();
    let mut flags = "-s -w".to_owned();
    for package in ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"] {
        for (name, value) in [
            ("gitVersion", KUBERNETES_VERSION.to_owned()),
            ("gitMajor", numbers.0.to_string()),
            ("gitMinor", numbers.1.to_string()),
        ] {
            flags.push_str(&format!(" -X {package}.{name}={value}"));
        }
    }
    flags
}

/// Major and minor of `go1.26.8` or `v1.36.3`.
fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.trim_start_matches(|c: char| !c.is_ascii_digit()).split('.');
    let mut next = || {
        let digits = numbers.next()?;
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        digits.get(..end)?.parse().ok()
    };
    Some((next()?, next()?))
}

/// Runs Go to its end. Each line of both its outputs goes to `log` and to `seen`.
async fn run(mut command: Command, log: &Path, mut seen: impl FnMut(&str)) -> Result<(), PartError> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let go = Path::new("go");
    let mut process = command.spawn().map_err(PartError::io("run", go))?;
    let mut file = File::options().append(true).open(log).map_err(PartError::io("open", log))?;
    for_each_line(&mut process, |line| {
        seen(line);
        writeln!(file, "{line}")
    })
    .await
    .map_err(PartError::io("write", log))?;
    let status = process.wait().await.map_err(PartError::io("run", go))?;
    if status.success() {
        return Ok(());
    }
    let words: Vec<_> = command.as_std().get_args().map(|word| word.to_string_lossy()).collect();
    let command = format!("go {}", words.join(" "));
    Err(PartError::CommandFailed { command, status, log: log.to_owned(), tail: tail(log) })
}

async fn for_each_line(process: &mut Child, mut seen: impl FnMut(&str) -> std::io::Result<()>) -> std::io::Result<()> {
    let (Some(stdout), Some(stderr)) = (process.stdout.take(), process.stderr.take()) else { return Ok(()) };
    let (mut stdout, mut stderr) = (BufReader::new(stdout).lines(), BufReader::new(stderr).lines());
    let (mut more, mut more_errors) = (true, true);
    while more || more_errors {
        let (line, open) = tokio::select! {
            line = stdout.next_line(), if more => (line?, &mut more),
            line = stderr.next_line(), if more_errors => (line?, &mut more_errors),
        };
        match line {
            Some(line) => seen(&line)?,
            None => *open = false,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn major_and_minor_are_read_from_versions_as_go_and_kubernetes_write_them() {
        assert_eq!(numbers("go1.26.8"), Some((1, 26)));
        assert_eq!(numbers("go1.27rc1"), Some((1, 27)));
        assert_eq!(numbers("v1.36.3"), Some((1, 36)));
        assert_eq!(numbers("devel"), None);
    }
}
