//! The Python function: AWS's runtime interface client and boto3, in an environment of their own below `target/`.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const REQUIREMENTS: &str = include_str!("../python-requirements.txt");
/// The function itself.
pub const HANDLER: &str = include_str!("handler.py");

/// A Python function that is ready to run.
pub struct Python {
    /// What Lambda would start.
    pub bootstrap: PathBuf,
    /// Version of Python, and of the two packages that matter.
    pub versions: String,
}

/// Makes the environment if it is not there yet.
pub fn prepare(folder: &Path) -> Result<Python, String> {
    let version = output(Command::new("python3").arg("--version"))?;
    let wanted = format!("{version}\n{REQUIREMENTS}");
    let environment = folder.join("python");
    let python = environment.join("bin/python");
    let marker = environment.join("complete");
    if std::fs::read_to_string(&marker).ok().as_deref() != Some(wanted.as_str()) {
        eprintln!("installing boto3 and awslambdaric");
        output(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
        let requirements = folder.join("python-requirements.txt");
        write(&requirements, REQUIREMENTS)?;
        let pip = ["-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--no-deps", "--requirement"];
        output(Command::new(&python).args(pip).arg(&requirements))?;
        write(&marker, &wanted)?;
    }
    write(&environment.join("handler.py"), HANDLER)?;
    // As /var/runtime/bootstrap of Lambda's Python, without a shell in between: the kernel reads the first line.
    let bootstrap = environment.join("bootstrap");
    let text = format!(
        "#!{}\nimport sys\nsys.path.insert(0, {:?})\nfrom awslambdaric.__main__ import main\nmain([\"bootstrap\", \"handler.handler\"])\n",
        python.display(),
        environment.display().to_string(),
    );
    write(&bootstrap, &text)?;
    std::fs::set_permissions(&bootstrap, std::fs::Permissions::from_mode(0o755)).map_err(|error| error.to_string())?;
    let pinned =
        |name: &str| REQUIREMENTS.lines().find(|line| line.starts_with(name)).unwrap_or(name).replace("==", " ");
    let flags = "import sysconfig; print('with' if 'enable-optimizations' in str(sysconfig.get_config_var('CONFIG_ARGS')) else 'without')";
    let profiled = output(Command::new(&python).args(["-c", flags]))?;
    let versions = format!(
        "{version} (built {profiled} `--enable-optimizations`), {}, {}",
        pinned("boto3"),
        pinned("awslambdaric")
    );
    Ok(Python { bootstrap, versions })
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// What a program prints.
///
/// # Errors
/// When it cannot be started or ends with another status than 0, with what it said.
pub fn output(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(format!("{name} ended with {}: {}", output.status, text(&output.stderr)))
    }
}
