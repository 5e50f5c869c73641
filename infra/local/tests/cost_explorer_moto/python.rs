//! A Python environment with moto and boto3, made once under the build directory, and calls through boto3.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

const REQUIREMENTS: &str = include_str!("../../launcher/moto-requirements.txt");

/// The interpreter of the environment. Its name follows from the pins and Python's version; test programs that run at
/// the same time wait for each other, and an interrupted set-up is started over.
pub fn with_moto() -> PathBuf {
    let version = run(Command::new("python3").arg("--version"));
    let hash = Sha256::digest(format!("{REQUIREMENTS}{version}"));
    let name: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("moto-{name}"));
    std::fs::create_dir_all(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let lock = File::create(directory.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let (interpreter, complete) = (directory.join("bin/python"), directory.join("complete"));
    if !complete.exists() {
        if directory.exists() {
            std::fs::remove_dir_all(&directory).unwrap();
        }
        run(Command::new("python3").args(["-m", "venv"]).arg(&directory));
        let requirements = directory.join("requirements.txt");
        std::fs::write(&requirements, REQUIREMENTS).unwrap();
        let pip = ["-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--no-deps", "--requirement"];
        run(Command::new(&interpreter).args(pip).arg(&requirements));
        std::fs::write(&complete, "").unwrap();
    }
    interpreter
}

fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?}\n{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

/// Calls through boto3, one after the other: `{"answer": ...}`, or `{"error": code, "type": class}` of each.
pub async fn boto3(python: &Path, address: SocketAddr, calls: &[(&str, Value)]) -> Vec<Value> {
    const PROGRAM: &str = "
import boto3, json, sys
from botocore.config import Config
from botocore.exceptions import ClientError
client = boto3.client('ce', region_name='us-east-1', endpoint_url=sys.argv[1], aws_access_key_id='AKIAIOSFODNN7EXAMPLE',
                      aws_secret_access_key='secret', config=Config(retries={'total_max_attempts': 1}))
told = []
for name, request in json.load(sys.stdin):
    try:
        answer = getattr(client, name)(**{key: value for key, value in request.items() if value != []})
        answer.pop('ResponseMetadata')
        told.append({'answer': answer})
    except ClientError as error:
        told.append({'error': error.response['Error']['Code'], 'type': type(error).__name__})
json.dump(told, sys.stdout)
";
    let mut process = tokio::process::Command::new(python)
        .args(["-c", PROGRAM, &format!("http://{address}")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut input = process.stdin.take().unwrap();
    input.write_all(json!(calls).to_string().as_bytes()).await.unwrap();
    drop(input);
    let output = process.wait_with_output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
