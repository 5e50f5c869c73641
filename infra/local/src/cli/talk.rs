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

/// Sends one event, as it is.
pub async fn send(path: &Path, function: Option<String>, endpoint: Option<&str>) -> Result<End, CliError> {
    let text =
        std::fs::read(path).map_err(|source| CliError::File { action: "read", path: path.to_owned(), source })?;
    let event: Value = serde_json::from_slice(&text)
        .map_err(|error| CliError::Argument(format!("{} is not JSON: {error}", path.display())))?;
    let folder = path.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let function = function.or(folder).unwrap_or_default();
    let wiring = wiring(endpoint)?;
    if !wiring.automation().functions.contains_key(&function) {
        let known = wiring.automation().functions.keys().cloned().collect::<Vec<_>>().join(", ");
        return Err(CliError::Argument(format!("`{function}` is not a function; name one with --function: {known}")));
    }
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
            let failed =
                results.iter().filter(|line| line.get("status").and_then(Value::as_str) == Some("failed")).count();
            println!("  {function}: {} invocations, {failed} failed", results.len());
            if let Some(last) = results.last() {
                println!("    last: {}", last.get("decided").and_then(Value::as_str).unwrap_or_default());
            }
        }
    }
    Ok(End::Well)
}

/// Shows a function's log.
pub async fn logs(function: &str, endpoint: Option<&str>) -> Result<End, CliError> {
    for line in wiring(endpoint)?.logs(function).await? {
        println!("{} {}", line.at.strftime("%H:%M:%S"), line.message.trim_end());
    }
    Ok(End::Well)
}
