//! Commands that talk to a running platform.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::{CliError, End};
use crate::automation::Automation;
use crate::parts::ACCOUNT;
use crate::platform::{PlatformError, REGION, workspace};
use crate::running;
use crate::wiring::Wiring;

const PATIENCE: Duration = Duration::from_secs(60);

fn wiring(endpoint: Option<&str>) -> Result<Wiring, CliError> {
    let endpoint = running::one(endpoint)?;
    let automation =
        Automation::read(&workspace().join("infra/automation"), ACCOUNT, REGION).map_err(PlatformError::from)?;
    Ok(Wiring::connect(&endpoint, automation))
}

fn known(wiring: &Wiring, function: &str) -> Result<(), CliError> {
    let functions = &wiring.automation().functions;
    if functions.contains_key(function) {
        return Ok(());
    }
    let known = functions.keys().cloned().collect::<Vec<_>>().join(", ");
    Err(CliError::Argument(format!("`{function}` is not a function; there is: {known}")))
}

/// Sends one event, as it is.
pub async fn send(path: &Path, function: Option<String>, endpoint: Option<&str>) -> Result<End, CliError> {
    let text =
        std::fs::read(path).map_err(|source| CliError::File { action: "read", path: path.to_owned(), source })?;
    let event: Value = serde_json::from_slice(&text)
        .map_err(|error| CliError::Argument(format!("{} is not JSON: {error}", path.display())))?;
    let folder = path.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let function = function.or(folder).unwrap_or_default();
    let wiring = wiring(endpoint)?;
    known(&wiring, &function)?;
    let finished = wiring.call(&function, &event, PATIENCE).await?;
    let said = |key: &str| finished.line.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    println!("{}: {}", function, said("status"));
    println!("{}", said("text").trim_end());
    if let Some(error) = finished.line.get("error").and_then(Value::as_str) {
        println!("{}: {error}", said("error_type"));
        return Ok(End::NotAsExpected);
    }
    Ok(End::Well)
}

/// Shows what runs.
pub async fn status() -> Result<End, CliError> {
    let platforms = running::all()?;
    if platforms.is_empty() {
        println!("no platform is running; start one with `cargo run -- up`");
    }
    for platform in platforms {
        println!("{} (process {})", platform.endpoint, platform.process);
        let wiring = wiring(Some(&platform.endpoint))?;
        for function in wiring.automation().functions.keys() {
            let lines = wiring.logs(function).await?;
            let results: Vec<Value> = lines
                .iter()
                .filter_map(|line| serde_json::from_str::<Value>(&line.message).ok())
                .filter(|line| line.get("decided").is_some())
                .collect();
            let said = |line: &Value, key: &str| line.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            let failed: Vec<&Value> = results.iter().filter(|line| said(line, "status") == "failed").collect();
            println!("  {function}: {} invocations, {} failed", results.len(), failed.len());
            if let Some(last) = results.last() {
                println!("    last: {}", said(last, "decided"));
            }
            if let Some(last) = failed.last() {
                println!("    last failure: {}: {}", said(last, "error_type"), said(last, "error"));
            }
        }
    }
    Ok(End::Well)
}

/// Shows a function's log.
pub async fn logs(function: &str, endpoint: Option<&str>) -> Result<End, CliError> {
    let wiring = wiring(endpoint)?;
    known(&wiring, function)?;
    for line in wiring.logs(function).await? {
        println!("{} {}", line.at.strftime("%H:%M:%S"), line.message.trim_end());
    }
    Ok(End::Well)
}
