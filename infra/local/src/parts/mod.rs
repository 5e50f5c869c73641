//! The real parts of the platform: each is prepared, started, watched and stopped here.
//!
//! A part never outlives the program: it runs in its own process group, which is ended on `stop` and on drop, and it
//! watches its standard input, which the operating system closes however this program ends.

pub mod kubernetes;
mod ministack;
mod once;
mod python;

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

pub use ministack::{ACCOUNT, Ministack, MinistackOptions};
pub(crate) use once::cache;
pub use python::PythonEnvironment;

/// Where long set-up says what it is doing; every `Fn(&str)` is one.
pub trait Progress: Send + Sync {
    /// A new step began; `text` is a short present-tense line for a person.
    fn step(&self, text: &str);
}

impl<F: Fn(&str) + Send + Sync> Progress for F {
    fn step(&self, text: &str) {
        self(text);
    }
}

/// Why a part could not be prepared, started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// Neither `XDG_CACHE_HOME` nor `HOME` says where things may be kept.
    #[error("no cache directory: set HOME or XDG_CACHE_HOME")]
    NoCacheDirectory,
    /// There is no usable Python.
    #[error("python3 with venv module is needed: on Debian apt-get install python3-venv ({detail})")]
    PythonNeeded {
        /// What was tried and what it said.
        detail: String,
    },
    /// A program that prepares a part failed.
    #[error("{command} ended with {status}; {} says:\n{tail}", log.display())]
    CommandFailed {
        /// What was run.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// The file that holds its whole output.
        log: PathBuf,
        /// The end of that file.
        tail: String,
    },
    /// A part ended by itself, or did not answer while it was being started.
    #[error("{part} {what}; {} says:\n{tail}", log.display())]
    Failed {
        /// Which part.
        part: &'static str,
        /// What was seen.
        what: String,
        /// Its log file.
        log: PathBuf,
        /// The end of that file.
        tail: String,
    },
    /// A part did not end, even when killed.
    #[error("{part} did not end within {within:?}")]
    NotStopped {
        /// Which part.
        part: &'static str,
        /// How long it was waited for.
        within: Duration,
    },
    /// A file or process operation failed.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was tried, as a verb.
        what: &'static str,
        /// On which file or program.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
}

impl PartError {
    fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}

/// The end of a log file, for an error message. A file that cannot be read says so.
fn tail(log: &Path) -> String {
    const LINES: usize = 25;
    match std::fs::read(log) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            let lines: Vec<&str> = text.lines().collect();
            let from = lines.len().saturating_sub(LINES);
            lines.get(from..).unwrap_or_default().join("\n")
        }
        Err(error) => format!("(cannot be read: {error})"),
    }
}
