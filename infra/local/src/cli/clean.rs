//! Removes what was prepared.

use super::{CliError, End};
use crate::{parts, running};

/// Removes the cache, unless a platform runs from it.
pub fn clean() -> Result<End, CliError> {
    let running = running::all()?;
    if !running.is_empty() {
        let processes: Vec<String> = running.iter().map(|platform| platform.process.to_string()).collect();
        return Err(CliError::Argument(format!(
            "a platform is running (process {}); stop it first",
            processes.join(", ")
        )));
    }
    match parts::cache().filter(|cache| cache.exists()) {
        Some(path) => {
            println!("removing {}", path.display());
            std::fs::remove_dir_all(&path).map_err(|source| CliError::File { action: "remove", path, source })?;
        }
        None => println!("nothing is prepared"),
    }
    Ok(End::Well)
}
