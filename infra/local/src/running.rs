//! Which platforms of this user run, so that `send`, `status` and `logs` find them.

use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::parts;

/// Why a platform is not found or cannot be registered.
#[derive(Debug, thiserror::Error)]
pub enum RunningError {
    /// There is no directory for such files.
    #[error("no cache directory: set HOME or XDG_CACHE_HOME")]
    NoCacheDirectory,
    /// A file could not be read or written.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// None runs.
    #[error("no platform is running; start one with `cargo run -- up`")]
    None,
    /// Several run, and none was named.
    #[error("several platforms are running; name one with --endpoint: {0}")]
    Several(String),
}

/// A platform that runs.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub struct Found {
    /// Its process.
    pub process: u32,
    /// Its AWS endpoint.
    pub endpoint: String,
}

/// The entry of this process, removed when dropped.
#[derive(Debug)]
pub struct Running(PathBuf);

impl Running {
    /// Registers this process.
    ///
    /// # Errors
    /// When the entry cannot be written.
    pub fn register(endpoint: &str) -> Result<Self, RunningError> {
        let folder = folder()?;
        fs::create_dir_all(&folder).map_err(file("create", &folder))?;
        let process = std::process::id();
        // One process may run several platforms (tests do): the port tells them apart.
        let port = endpoint.rsplit(':').next().unwrap_or_default();
        let path = folder.join(format!("{process}-{port}.json"));
        let found = Found { process, endpoint: endpoint.to_owned() };
        let text = serde_json::to_string(&found).unwrap_or_default();
        fs::write(&path, text).map_err(file("write", &path))?;
        Ok(Self(path))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// All platforms that run. Entries of processes that are gone are removed.
///
/// # Errors
/// When the folder cannot be read.
pub fn all() -> Result<Vec<Found>, RunningError> {
    let folder = folder()?;
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(&folder).map_err(file("read", &folder))?.filter_map(Result::ok) {
        let text = fs::read_to_string(entry.path()).unwrap_or_default();
        match serde_json::from_str::<Found>(&text) {
            Ok(platform) if alive(platform.process) => found.push(platform),
            _ => {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
    found.sort_by_key(|platform| platform.process);
    Ok(found)
}

/// The platform at `endpoint`, or the only one.
///
/// # Errors
/// When there is none, or more than one.
pub fn one(endpoint: Option<&str>) -> Result<String, RunningError> {
    if let Some(endpoint) = endpoint {
        return Ok(endpoint.to_owned());
    }
    match all()?.as_slice() {
        [] => Err(RunningError::None),
        [only] => Ok(only.endpoint.clone()),
        several => {
            Err(RunningError::Several(several.iter().map(|p| p.endpoint.as_str()).collect::<Vec<_>>().join(", ")))
        }
    }
}

fn folder() -> Result<PathBuf, RunningError> {
    parts::cache().map(|cache| cache.join("running")).ok_or(RunningError::NoCacheDirectory)
}

fn alive(process: u32) -> bool {
    let Some(process) = i32::try_from(process).ok().and_then(rustix::process::Pid::from_raw) else { return false };
    rustix::process::test_kill_process(process).is_ok()
}

fn file(action: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> RunningError {
    let path = path.to_owned();
    move |source| RunningError::File { action, path, source }
}
