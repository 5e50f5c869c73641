//! Configuration: read once, all problems told at once.

use std::fmt::{self, Display};
use std::str::FromStr;

/// Environment variables on their way to becoming a configuration.
///
/// Every variable is asked for, wrong and missing ones are collected, and [`Vars::finish`] tells them all.
pub struct Vars<'a> {
    lookup: Box<Lookup<'a>>,
    problems: Vec<String>,
}

type Lookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// All that is wrong with the configuration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConfigError {
    /// One sentence for each variable, in the order they were asked for.
    pub problems: Vec<String>,
}

impl Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "configuration: {}", self.problems.join("; "))
    }
}

impl std::error::Error for ConfigError {}

impl<'a> Vars<'a> {
    /// Variables from any source: tests give a map.
    pub fn new(lookup: impl Fn(&str) -> Option<String> + 'a) -> Self {
        Self { lookup: Box::new(lookup), problems: Vec::new() }
    }

    /// Variables of this process.
    #[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
    pub fn from_environment() -> Self {
        Self::new(|name| std::env::var(name).ok())
    }

    /// A variable that must be there. An empty one counts as missing.
    pub fn required<T: FromStr<Err: Display>>(&mut self, name: &str) -> Option<T> {
        match self.text(name) {
            Some(text) => self.parse(name, &text),
            None => {
                self.problems.push(format!("{name} is not set"));
                None
            }
        }
    }

    /// A variable with a default. An empty one counts as missing.
    pub fn or<T: FromStr<Err: Display>>(&mut self, name: &str, default: T) -> Option<T> {
        match self.text(name) {
            Some(text) => self.parse(name, &text),
            None => Some(default),
        }
    }

    /// Adds a problem that concerns more than one variable.
    pub fn problem(&mut self, problem: impl Into<String>) {
        self.problems.push(problem.into());
    }

    /// The configuration, if nothing was wrong with it.
    ///
    /// # Errors
    /// With every problem found on the way.
    pub fn finish<C>(self, config: Option<C>) -> Result<C, ConfigError> {
        match config {
            Some(config) if self.problems.is_empty() => Ok(config),
            _ => Err(ConfigError { problems: self.problems }),
        }
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        (self.lookup)(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    fn parse<T: FromStr<Err: Display>>(&mut self, name: &str, text: &str) -> Option<T> {
        text.parse().map_err(|error| self.problems.push(format!("{name}: {error}"))).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_missing_and_wrong_variable_is_named_at_once() {
        let mut vars = Vars::new(|name| match name {
            "HOURS" => Some("soon".to_owned()),
            "TOPIC" => Some(" ".to_owned()),
            _ => None,
        });
        let bucket = vars.required::<String>("BUCKET");
        let topic = vars.required::<String>("TOPIC");
        let hours = vars.or::<u32>("HOURS", 24);
        assert_eq!(vars.or::<u32>("PAGES", 12), Some(12));
        let error = vars.finish((|| Some((bucket?, topic?, hours?)))()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "configuration: BUCKET is not set; TOPIC is not set; HOURS: invalid digit found in string"
        );
    }
}
