//! The functions' binaries, built by cargo and zipped as Lambda wants them.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Command;
use zip::write::SimpleFileOptions;

use crate::parts::Progress;

/// The name that the runtime `provided.al2023` starts.
const BOOTSTRAP: &str = "bootstrap";

/// How the binaries are built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Fast to build; what tests and the local platform use.
    #[default]
    Dev,
    /// What is deployed.
    Release,
}

/// The code of one function.
#[derive(Clone, PartialEq, Eq)]
pub struct Package {
    /// The zip file.
    pub zip: Vec<u8>,
    /// SHA-256 of the zip in Base64: what Lambda calls `CodeSha256`.
    pub code_sha256: String,
    /// Size of the binary in the zip, in bytes.
    pub binary_bytes: usize,
}

/// Why there is no package.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// A program could not be started.
    #[error("cannot start {program}")]
    Start {
        /// Its name or path.
        program: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The build failed.
    #[error("cargo could not build the functions:\n{output}")]
    Build {
        /// Cargo's own words.
        output: String,
    },
    /// The workspace has no such binary.
    #[error("the workspace builds no binary {name}")]
    NoBinary {
        /// The name.
        name: String,
    },
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
    /// The zip could not be made.
    #[error("cannot make the zip file")]
    Zip(#[from] zip::result::ZipError),
}

/// Builds the binaries of these functions with cargo, and packs them.
///
/// `workspace` is the folder of the root `Cargo.toml`; `progress` gets one line per crate that is compiled and per
/// package.
///
/// # Errors
/// A build that fails, with cargo's message; a function without a binary; files that cannot be read or written.
pub async fn build(
    workspace: &Path,
    functions: &[&str],
    profile: Profile,
    progress: &dyn Progress,
) -> Result<BTreeMap<String, Package>, PackageError> {
    let binaries = binaries(workspace, functions, profile, progress).await?;
    let mut packages = BTreeMap::new();
    for (name, binary) in binaries {
        progress.step(&format!("packing {name}"));
        packages.insert(name, Package::of_binary(&binary).await?);
    }
    Ok(packages)
}

impl Package {
    /// Packs a bootstrap as it is.
    ///
    /// # Errors
    /// When the zip cannot be made.
    pub fn of_bootstrap(bootstrap: &[u8]) -> Result<Self, PackageError> {
        // The same bytes give the same zip: the time stays the one that the format starts with.
        let options = SimpleFileOptions::default().unix_permissions(0o755).last_modified_time(zip::DateTime::default());
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        writer.start_file(BOOTSTRAP, options)?;
        writer.write_all(bootstrap).map_err(zip::result::ZipError::from)?;
        Ok(Self::of_zip(writer.finish()?.into_inner(), bootstrap.len()))
    }

    /// Packs a binary without its symbols; the zip of the same bytes is kept beside the binary.
    async fn of_binary(binary: &Path) -> Result<Self, PackageError> {
        let bare = bare(binary).await?;
        let binary = binary.to_owned();
        let packing = tokio::task::spawn_blocking(move || Self::from_cache(&binary, &bare));
        packing.await.unwrap_or_else(|stopped| Err(zip::result::ZipError::Io(stopped.into()).into()))
    }

    fn from_cache(binary: &Path, bare: &[u8]) -> Result<Self, PackageError> {
        let digest = Sha256::digest(bare);
        let hash: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let beside = |ending: &str| {
            let mut name = binary.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        };
        let cached = beside(&format!("-{hash}.zip"));
        if let Ok(zip) = std::fs::read(&cached) {
            return Ok(Self::of_zip(zip, bare.len()));
        }
        let package = Self::of_bootstrap(bare)?;
        forget_others(binary);
        // Under another name first: a second run may look for it at the same time.
        let part = beside(&format!("-{hash}.{}", std::process::id()));
        let written = std::fs::write(&part, &package.zip).and_then(|()| std::fs::rename(&part, &cached));
        written.map_err(|source| PackageError::File { action: "write", path: cached, source })?;
        Ok(package)
    }

    fn of_zip(zip: Vec<u8>, binary_bytes: usize) -> Self {
        let code_sha256 = STANDARD.encode(Sha256::digest(&zip));
        Self { zip, code_sha256, binary_bytes }
    }
}

impl std::fmt::Debug for Package {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { zip, code_sha256, binary_bytes } = self;
        out.debug_struct("Package")
            .field("zip_bytes", &zip.len())
            .field("code_sha256", code_sha256)
            .field("binary_bytes", binary_bytes)
            .finish()
    }
}

/// A line of `--message-format=json`; the rest of cargo's messages is of no interest.
#[derive(Deserialize)]
struct Message {
    reason: String,
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// Builds binaries of the workspace with cargo; the path of each by name.
///
/// # Errors
/// A build that fails, with cargo's message; a name without a binary.
pub async fn binaries(
    workspace: &Path,
    names: &[&str],
    profile: Profile,
    progress: &dyn Progress,
) -> Result<BTreeMap<String, PathBuf>, PackageError> {
    // Cargo names itself to what it runs; elsewhere the one on the PATH is taken.
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut cargo = Command::new(&program);
    cargo.current_dir(workspace).args(["build", "--message-format=json-render-diagnostics"]);
    match profile {
        // The features of the whole workspace, as `cargo test --workspace` and `cargo run` have them: no crate is built
        // a second time for a function that needs fewer of them.
        Profile::Dev => cargo.arg("--workspace").args(names.iter().flat_map(|name| ["--bin", name])),
        // Only the features of the function: what is deployed carries nothing of the local platform.
        Profile::Release => cargo.arg("--release").args(names.iter().flat_map(|name| ["-p", name])),
    };
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_of_the_outer_cargo(&name.to_string_lossy())) {
        cargo.env_remove(name);
    }
    cargo.env("CARGO_TERM_COLOR", "never").env("CARGO_TERM_PROGRESS_WHEN", "never");
    cargo.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let start = |source| PackageError::Start { program: program.to_string_lossy().into_owned(), source };
    let mut child = cargo.spawn().map_err(start)?;

    let mut messages = Vec::new();
    let mut said = String::new();
    let stdout = child.stdout.take();
    let stderr = child.stderr.take();
    let reading_messages = async {
        if let Some(mut stdout) = stdout {
            stdout.read_to_end(&mut messages).await?;
        }
        Ok::<(), std::io::Error>(())
    };
    let reading_words = async {
        if let Some(stderr) = stderr {
            let mut lines = BufReader::new(stderr).lines();
            while let Some(line) = lines.next_line().await? {
                let word = line.trim_start();
                if word.starts_with("Compiling") || word.starts_with("Downloading") || word.starts_with("Blocking") {
                    progress.step(word);
                } else {
                    said.push_str(&line);
                    said.push('\n');
                }
            }
        }
        Ok::<(), std::io::Error>(())
    };
    tokio::try_join!(reading_messages, reading_words).map_err(start)?;
    if !child.wait().await.map_err(start)?.success() {
        return Err(PackageError::Build { output: said });
    }
    let mut built = executables(&messages);
    let find = |name: &&str| {
        let found = built.remove(*name).ok_or_else(|| PackageError::NoBinary { name: (*name).to_owned() });
        found.map(|path| ((*name).to_owned(), path))
    };
    names.iter().map(find).collect()
}

/// What cargo tells the process that it runs about the crate of that process. Handed on, it would make build scripts
/// that look at it run again.
fn is_of_the_outer_cargo(name: &str) -> bool {
    name.starts_with("CARGO_PKG_")
        || name.starts_with("CARGO_BIN_")
        || [
            "CARGO_CRATE_NAME",
            "CARGO_MANIFEST_DIR",
            "CARGO_MANIFEST_PATH",
            "CARGO_PRIMARY_PACKAGE",
            "CARGO_TARGET_TMPDIR",
            "OUT_DIR",
        ]
        .contains(&name)
}

fn executables(messages: &[u8]) -> BTreeMap<String, PathBuf> {
    let lines = messages.split(|byte| *byte == b'\n');
    let messages = lines.filter_map(|line| serde_json::from_slice::<Message>(line).ok());
    let artifacts = messages.filter(|message| message.reason == "compiler-artifact");
    artifacts.filter_map(|message| Some((message.target?.name, message.executable?))).collect()
}

/// The binary without symbols; as it is where there is no `strip`. They would make a dev build several times larger.
async fn bare(binary: &Path) -> Result<Vec<u8>, PackageError> {
    let mut part = binary.as_os_str().to_owned();
    part.push(format!("-bare.{}", std::process::id()));
    let part = PathBuf::from(part);
    let stripped = Command::new("strip").arg("-o").args([&part, binary]).stdin(Stdio::null()).output().await;
    let from = if stripped.is_ok_and(|output| output.status.success()) { &part } else { binary };
    let read = tokio::fs::read(from).await;
    let bytes = read.map_err(|source| PackageError::File { action: "read", path: from.to_owned(), source });
    let _gone_or_never_there = tokio::fs::remove_file(&part).await;
    bytes
}

/// Removes the zips of earlier builds of the binary. Another run that was about to read one makes it again.
fn forget_others(binary: &Path) {
    let (Some(folder), Some(name)) = (binary.parent(), binary.file_name()) else { return };
    let start = format!("{}-", name.to_string_lossy());
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let found = entry.file_name();
        let hash = found.to_str().and_then(|found| found.strip_prefix(&start)?.strip_suffix(".zip"));
        if hash.is_some_and(|hash| hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())) {
            let _left_for_the_next_time = std::fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn the_same_bytes_give_the_same_zip_with_one_executable_entry() {
        let package = Package::of_bootstrap(b"#!/bin/sh\n").unwrap();
        assert_eq!(package, Package::of_bootstrap(b"#!/bin/sh\n").unwrap());
        let mut archive = zip::ZipArchive::new(Cursor::new(&package.zip)).unwrap();
        assert_eq!(archive.len(), 1);
        let mut entry = archive.by_index(0).unwrap();
        assert_eq!(entry.name().unwrap(), "bootstrap");
        assert_eq!(entry.unix_mode().map(|mode| mode & 0o777), Some(0o755));
        let mut content = String::new();
        entry.read_to_string(&mut content).unwrap();
        assert_eq!(content, "#!/bin/sh\n");
    }

    #[tokio::test]
    async fn a_binary_is_packed_once_and_its_old_zips_go() {
        let folder = tempfile::tempdir().unwrap();
        let binary = folder.path().join("cost-check");
        let zips = || {
            let names = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
            let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
            names.retain(|name| name != "cost-check");
            names
        };
        std::fs::write(&binary, "one").unwrap();
        let one = Package::of_binary(&binary).await.unwrap();
        let first = zips();
        assert_eq!(Package::of_binary(&binary).await.unwrap(), one);
        assert_eq!(zips(), first);
        std::fs::write(&binary, "two").unwrap();
        assert_ne!(Package::of_binary(&binary).await.unwrap(), one);
        let second = zips();
        assert_eq!(second.len(), 1);
        assert_ne!(second, first);
    }

    /// A workspace of one crate, in a target folder of its own.
    fn workspace(source: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let manifest = "[package]\nname = \"one\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n";
        std::fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
        std::fs::create_dir(folder.path().join("src")).unwrap();
        std::fs::write(folder.path().join("src/main.rs"), source).unwrap();
        folder
    }

    #[tokio::test]
    async fn a_function_is_built_and_what_is_compiled_is_told() {
        let folder = workspace("fn main() {}");
        let told = std::sync::Mutex::new(Vec::new());
        let tell = |line: &str| told.lock().unwrap().push(line.to_owned());
        let packages = build(folder.path(), &["one"], Profile::Dev, &tell).await;
        assert!(packages.unwrap()["one"].zip.len() > 1000);
        let told = told.into_inner().unwrap();
        assert!(told.iter().any(|line| line.starts_with("Compiling one")), "{told:?}");
        assert_eq!(told.last().map(String::as_str), Some("packing one"));
    }

    #[tokio::test]
    async fn a_build_that_fails_answers_with_cargos_words() {
        let folder = workspace("fn main() { missing() }");
        let error = build(folder.path(), &["one"], Profile::Dev, &|_: &str| {}).await.unwrap_err();
        assert!(error.to_string().contains("cannot find function `missing`"), "{error}");
        let error = build(folder.path(), &["two"], Profile::Dev, &|_: &str| {}).await.unwrap_err();
        assert!(error.to_string().contains("no bin target named `two`"), "{error}");
    }
}
