//! A local account for one test: ministack behind the gateway, and the wiring at it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use local_platform::automation::Automation;
use local_platform::gateway::Gateway;
use local_platform::package::Package;
use local_platform::parts::{Ministack, MinistackOptions, PythonEnvironment};
use local_platform::wiring::Wiring;
use tempfile::TempDir;

/// Ends with the test.
pub struct Platform {
    pub wiring: Wiring,
    pub packages: BTreeMap<String, Package>,
    _gateway: Gateway,
    _ministack: Ministack,
    _folder: TempDir,
}

pub async fn start() -> Platform {
    let folder = tempfile::tempdir().unwrap();
    let python = PythonEnvironment::prepare(&|step: &str| eprintln!("{step}")).await.unwrap();
    let gateway = Gateway::start(Vec::new()).await.unwrap();
    let options = MinistackOptions::new(gateway.url(), folder.path());
    let ministack = Ministack::start(&python, options).await.unwrap();
    gateway.connect(ministack.upstream());
    Platform {
        wiring: Wiring::connect(&gateway.url(), automation()),
        packages: packages(&python.interpreter()),
        _gateway: gateway,
        _ministack: ministack,
        _folder: folder,
    }
}

pub fn automation() -> Automation {
    let folder: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "automation"].iter().collect();
    Automation::read(&folder, "123456789012", "us-east-1").unwrap()
}

/// A stand-in for every function: answers with what it got, or fails when the event says so.
pub fn packages(python: &Path) -> BTreeMap<String, Package> {
    let text = include_str!("echo.py").replacen("PYTHON", &python.to_string_lossy(), 1);
    let package = Package::of_bootstrap(text.as_bytes()).unwrap();
    automation().functions.into_keys().map(|name| (name, package.clone())).collect()
}
