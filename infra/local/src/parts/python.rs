//! The Python environment that ministack runs in: made once per user, shared by every run.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::once::{cache, lock, short_hash};
use super::{PartError, Progress, tail};

/// What is installed: ministack, cbor2 and all they need, each at one version.
const REQUIREMENTS: &str = include_str!("../../launcher/requirements.txt");

/// Present only when everything was installed: an interrupted set-up is started over.
const MARKER: &str = "complete";

/// A virtual environment that holds the pinned packages.
#[derive(Clone, Debug)]
pub struct PythonEnvironment {
    directory: PathBuf,
}

impl PythonEnvironment {
    /// The environment in the user's cache (`$XDG_CACHE_HOME`, else `~/.cache`), made if it is not there yet.
    ///
    /// # Errors
    /// As [`Self::prepare_in`], and [`PartError::NoCacheDirectory`].
    pub async fn prepare(progress: &dyn Progress) -> Result<Self, PartError> {
        let cache = cache().ok_or(PartError::NoCacheDirectory)?;
        Self::prepare_in(&cache, progress).await
    }

    /// The environment below `cache`, made if it is not there yet. Its name is a hash of the requirements and of
    /// Python's version, so that a changed pin or a new Python makes a new one. Programs that do this at the same
    /// time wait for each other.
    ///
    /// # Errors
    /// [`PartError::PythonNeeded`] without `python3` or its `venv`; [`PartError::CommandFailed`] with the end of pip's
    /// output when the packages cannot be had; [`PartError::Io`].
    pub async fn prepare_in(cache: &Path, progress: &dyn Progress) -> Result<Self, PartError> {
        let version = python_version().await?;
        let name = format!("python-{}", short_hash(&[REQUIREMENTS.as_bytes(), version.as_bytes()]));
        let environment = Self { directory: cache.join(&name) };
        if environment.is_complete() {
            return Ok(environment);
        }
        std::fs::create_dir_all(cache).map_err(PartError::io("create", cache))?;
        let lock = lock(&cache.join(format!("{name}.lock")), "sets up the Python environment", progress).await?;
        if !environment.is_complete() {
            environment.make(&cache.join(format!("{name}.log")), progress).await?;
        }
        drop(lock);
        Ok(environment)
    }

    /// The environment's `python`.
    #[must_use]
    pub fn interpreter(&self) -> PathBuf {
        self.directory.join("bin/python")
    }

    fn is_complete(&self) -> bool {
        self.directory.join(MARKER).exists() && self.interpreter().exists()
    }

    /// A virtual environment holds its own absolute path, so it is made where it stays, under the lock, and marked as
    /// complete last.
    async fn make(&self, log: &Path, progress: &dyn Progress) -> Result<(), PartError> {
        if self.directory.exists() {
            std::fs::remove_dir_all(&self.directory).map_err(PartError::io("remove", &self.directory))?;
        }
        progress.step("creating a Python environment");
        File::create(log).map_err(PartError::io("create", log))?;
        let venv = [OsStr::new("-m"), OsStr::new("venv"), self.directory.as_os_str()];
        match run(Path::new("python3"), &venv, log).await {
            // Debian ships a python3 whose venv lacks ensurepip until python3-venv is there.
            Err(PartError::CommandFailed { tail, .. }) => return Err(PartError::PythonNeeded { detail: tail }),
            other => other?,
        }
        let requirements = self.directory.join("requirements.txt");
        std::fs::write(&requirements, REQUIREMENTS).map_err(PartError::io("write", &requirements))?;
        progress.step("installing ministack and what it needs");
        let pip = ["-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--no-deps", "--requirement"];
        let pip: Vec<&OsStr> = pip.iter().map(OsStr::new).chain([requirements.as_os_str()]).collect();
        run(&self.interpreter(), &pip, log).await?;
        progress.step("checking the Python environment");
        run(&self.interpreter(), &["-c", "import cbor2, ministack.app"].map(OsStr::new), log).await?;
        let marker = self.directory.join(MARKER);
        std::fs::write(&marker, "").map_err(PartError::io("write", &marker))
    }
}

async fn python_version() -> Result<String, PartError> {
    let output = Command::new("python3").arg("--version").output().await;
    let output = output.map_err(|error| PartError::PythonNeeded { detail: format!("python3: {error}") })?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    } else {
        Err(PartError::PythonNeeded { detail: format!("python3 --version ended with {}", output.status) })
    }
}

/// Runs a program to its end, its output appended to `log`.
async fn run(program: &Path, arguments: &[&OsStr], log: &Path) -> Result<(), PartError> {
    let open = || File::options().append(true).open(log).map_err(PartError::io("open", log));
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(open()?).stderr(open()?).kill_on_drop(true);
    let status = command.status().await.map_err(PartError::io("run", program))?;
    if status.success() {
        return Ok(());
    }
    let words: Vec<_> = arguments.iter().map(|word| word.to_string_lossy()).collect();
    let command = format!("{} {}", program.display(), words.join(" "));
    Err(PartError::CommandFailed { command, status, log: log.to_owned(), tail: tail(log) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_requirement_is_pinned() {
        let lines = REQUIREMENTS.lines().filter(|line| !line.starts_with('#'));
        assert!(lines.clone().count() > 10);
        for line in lines {
            assert!(line.contains("=="), "{line}");
        }
    }

    #[test]
    fn the_hash_tells_where_one_part_ends() {
        assert_ne!(short_hash(&[b"ab", b"c"]), short_hash(&[b"a", b"bc"]));
        assert_eq!(short_hash(&[b"a"]).len(), 16);
    }
}
