//! What is made once per user and shared by every run.

use std::collections::hash_map::RandomState;
use std::fs::File;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use super::{PartError, Progress};

/// An exclusive lock, held until the file is dropped; the operating system frees it however the holder ends.
/// `what` tells a person what another program is doing meanwhile.
pub(super) async fn lock(path: &Path, what: &str, progress: &dyn Progress) -> Result<File, PartError> {
    let file = File::options().create(true).append(true).open(path).map_err(PartError::io("open", path))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => return Ok(file),
        Err(Errno::WOULDBLOCK | Errno::INTR) => {}
        Err(error) => return Err(PartError::io("lock", path)(error.into())),
    }
    progress.step(&format!("waiting for another program that {what}"));
    let wait = move || {
        loop {
            match flock(&file, FlockOperation::LockExclusive) {
                Ok(()) => return Ok(file),
                Err(Errno::INTR) => {}
                Err(error) => return Err(io::Error::from(error)),
            }
        }
    };
    let locked = tokio::task::spawn_blocking(wait).await.unwrap_or_else(|error| Err(error.into()));
    locked.map_err(PartError::io("lock", path))
}

/// Sixteen hexadecimal digits that change with any part.
pub(super) fn short_hash(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
        hash.update([0]);
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Writes a file that only its owner can read: some hold tokens.
pub(super) fn write_private(path: PathBuf, content: &[u8]) -> Result<PathBuf, PartError> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = File::options();
    options.create(true).write(true).truncate(true).mode(0o600);
    options.open(&path).and_then(|mut file| file.write_all(content)).map_err(PartError::io("write", &path))?;
    Ok(path)
}

/// A word that nobody guesses, for what lives as long as one local run. The standard library seeds `RandomState` from
/// the operating system's generator, which is all the randomness that takes.
pub(super) fn secret() -> String {
    let word = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", word(), word())
}

/// What this project keeps in the user's cache: below `$XDG_CACHE_HOME` where it is absolute (its specification says
/// to ignore it otherwise), else below `~/.cache`.
pub(crate) fn cache() -> Option<PathBuf> {
    let named = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = named.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
    cache.map(|cache| cache.join("openwebui-saas"))
}
