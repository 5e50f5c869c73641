//! The description of the wiring in `infra/automation/`, read and checked.
//!
//! Terraform reads the same files with `yamldecode(templatefile(...))`. A file is first filled in ([`fill`]), then
//! parsed with every unknown field refused, then checked; everything that is wrong is reported at once, with file,
//! line, column and field.

mod check;
mod description;
mod problem;
mod template;
mod written;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

pub use description::{
    Asynchronous, Automation, Function, LogFormat, Network, Platform, Schedule, Statement, Topic, Trigger,
};
pub use problem::{AutomationError, Problem};
pub use template::fill;

/// The file of what the functions share.
const PLATFORM: &str = "platform.yaml";

impl Automation {
    /// Reads `platform.yaml` and every other `*.yaml` of the folder, for one account and region.
    ///
    /// # Errors
    /// A file that cannot be read, and all that is wrong in any file.
    pub fn read(folder: &Path, account: &str, region: &str) -> Result<Self, AutomationError> {
        let platform_file = folder.join(PLATFORM);
        let mut variables: BTreeMap<String, String> =
            [("account", account), ("region", region)].map(|(name, value)| (name.into(), value.into())).into();
        let platform =
            platform(&platform_file, &read(&platform_file)?, &variables).map_err(AutomationError::Invalid)?;

        let mut automation =
            Self { account: account.into(), region: region.into(), platform, functions: BTreeMap::new() };
        variables.insert("state_bucket".into(), automation.platform.state_bucket.clone());
        variables.insert("notice_topic_arn".into(), automation.topic_arn(&automation.platform.notice_topic.name));

        let mut problems = Vec::new();
        for file in files(folder)? {
            match function(&file, &read(&file)?, &variables, &automation) {
                Ok(function) => {
                    automation.functions.insert(function.name.clone(), function);
                }
                Err(found) => problems.extend(found),
            }
        }
        problems.sort();
        if !problems.is_empty() {
            return Err(AutomationError::Invalid(problems));
        }
        if automation.functions.is_empty() {
            return Err(AutomationError::Empty { path: folder.to_owned() });
        }
        Ok(automation)
    }
}

fn read(path: &Path) -> Result<String, AutomationError> {
    std::fs::read_to_string(path).map_err(|source| AutomationError::Read { path: path.to_owned(), source })
}

/// The functions' files, sorted.
fn files(folder: &Path) -> Result<Vec<PathBuf>, AutomationError> {
    let unreadable = |source| AutomationError::Read { path: folder.to_owned(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") && !path.ends_with(PLATFORM) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn platform(file: &Path, text: &str, variables: &BTreeMap<String, String>) -> Result<Platform, Vec<Problem>> {
    check::platform(file, parse(file, &fill(file, text, variables)?)?)
}

fn function(
    file: &Path,
    text: &str,
    variables: &BTreeMap<String, String>,
    automation: &Automation,
) -> Result<Function, Vec<Problem>> {
    check::function(file, parse(file, &fill(file, text, variables)?)?, automation)
}

fn parse<T: DeserializeOwned>(file: &Path, text: &str) -> Result<T, Vec<Problem>> {
    // The path goes out through a variable because the deserializer's own error has no room for it.
    let mut field = String::from(".");
    let options = serde_saphyr::options! { with_snippet: false, no_schema: true, strict_booleans: true };
    let parsed = serde_saphyr::with_deserializer_from_str_with_options(text, options, |deserializer| {
        serde_path_to_error::deserialize(deserializer).map_err(|error| {
            // `Spanned` shows itself as a struct with a field `value`; a broken key has no name yet.
            field = error.path().to_string().replace(".value", "").replace(".?", "");
            error.into_inner()
        })
    });
    parsed.map_err(|error: serde_saphyr::Error| {
        let location = error.location().unwrap_or(serde_saphyr::Location::UNKNOWN);
        let (line, column) = (location.line(), location.column());
        let message = error.render_with_formatter(&serde_saphyr::UserMessageFormatter);
        let place = format!(" at line {line}, column {column}");
        let message = message.strip_suffix(&place).map_or(message.clone(), str::to_owned);
        vec![Problem { file: file.to_owned(), line, column, field, message }]
    })
}

#[cfg(test)]
mod tests;
