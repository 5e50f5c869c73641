//! What can be wrong with a description, and where.

use std::fmt;
use std::path::PathBuf;

/// One thing wrong in one file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file, as it was given.
    pub file: PathBuf,
    /// Line, from 1.
    pub line: u64,
    /// Column, from 1, in the file after its placeholders were filled in.
    pub column: u64,
    /// The path of the field (`triggers[0].schedule.expression`), or `.` for the whole file.
    pub field: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, field, message } = self;
        write!(out, "{}:{line}:{column}: ", file.display())?;
        if field != "." {
            write!(out, "{field}: ")?;
        }
        out.write_str(message)
    }
}

/// Why the description of the wiring cannot be used. No retry helps.
#[derive(Debug, thiserror::Error)]
pub enum AutomationError {
    /// A file or the folder could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The folder holds no function.
    #[error("{} describes no function", path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// Everything that is wrong, in the order of the files and lines.
    #[error("the description of the wiring is wrong:\n{}", lines(.0))]
    Invalid(Vec<Problem>),
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("  {problem}")).collect::<Vec<_>>().join("\n")
}
