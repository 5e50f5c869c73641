//! Terraform's `${name}` in a text.
//!
//! Of Terraform's template language only plain variables are taken: `${name}`, and `$${` and `%%{` for a literal `${`
//! and `%{`. As in `templatefile`, comments are part of the text.

use std::collections::BTreeMap;
use std::path::Path;

use super::problem::Problem;

/// The text with its placeholders filled in. Lines keep their numbers.
///
/// # Errors
/// Every placeholder that is unknown or is more than a name, and every directive (`%{`).
pub fn fill(file: &Path, text: &str, variables: &BTreeMap<String, String>) -> Result<String, Vec<Problem>> {
    let mut filled = String::with_capacity(text.len());
    let mut problems = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['$', '%']) {
        let (before, from) = rest.split_at(at);
        filled.push_str(before);
        let here = text.len() - from.len();
        if let Some(after) = from.strip_prefix("$${") {
            filled.push_str("${");
            rest = after;
        } else if let Some(after) = from.strip_prefix("%%{") {
            filled.push_str("%{");
            rest = after;
        } else if let Some(after) = from.strip_prefix("%{") {
            problems.push(problem(
                file,
                text,
                here,
                "%{",
                "directives are not supported; write %%{ for the text %{".into(),
            ));
            rest = after;
        } else if let Some(after) = from.strip_prefix("${") {
            let name = after.find(['}', '\n']).and_then(|end| after.split_at_checked(end));
            match name {
                Some((name, tail)) if tail.starts_with('}') => {
                    match value(name, variables) {
                        Ok(value) => filled.push_str(value),
                        Err(message) => problems.push(problem(file, text, here, &format!("${{{name}}}"), message)),
                    }
                    rest = tail.get(1..).unwrap_or_default();
                }
                _ => {
                    problems.push(problem(file, text, here, "${", "is not closed on its line".into()));
                    rest = after;
                }
            }
        } else {
            let mut characters = from.chars();
            filled.extend(characters.next());
            rest = characters.as_str();
        }
    }
    filled.push_str(rest);
    if problems.is_empty() { Ok(filled) } else { Err(problems) }
}

fn value<'v>(name: &str, variables: &'v BTreeMap<String, String>) -> Result<&'v str, String> {
    let name = name.trim();
    if let Some(value) = variables.get(name) {
        return Ok(value);
    }
    let plain = name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_');
    let known = variables.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    Err(if plain && !name.is_empty() {
        format!("unknown placeholder; known are {known}")
    } else {
        format!("only a plain name can stand in a placeholder; known are {known}")
    })
}

fn problem(file: &Path, text: &str, at: usize, field: &str, message: String) -> Problem {
    let before = text.get(..at).unwrap_or_default();
    let line = before.matches('\n').count() as u64 + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() as u64 + 1;
    Problem { file: file.to_owned(), line, column, field: field.to_owned(), message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> BTreeMap<String, String> {
        [("account", "123456789012"), ("region", "us-east-1")].map(|(name, value)| (name.into(), value.into())).into()
    }

    #[test]
    fn placeholders_are_filled_as_terraform_fills_them() {
        for (text, expected) in [
            ("a-${account}-${region}", "a-123456789012-us-east-1"),
            ("${ account }", "123456789012"),
            ("$${account}", "${account}"),
            ("$$${account}", "$${account}"),
            ("%%{if}", "%{if}"),
            ("costs $5 and 10 %", "costs $5 and 10 %"),
            ("größe: ${region} $", "größe: us-east-1 $"),
        ] {
            assert_eq!(fill(Path::new("f"), text, &variables()).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn every_bad_placeholder_is_named_with_its_place() {
        let text = "a: ${account}\nb: é ${nmae}\n# ${upper(region)}\nc: ${open\n%{ if x }\n";
        let problems = fill(Path::new("x.yaml"), text, &variables()).unwrap_err();
        let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "x.yaml:2:6: ${nmae}: unknown placeholder; known are account, region",
                "x.yaml:3:3: ${upper(region)}: only a plain name can stand in a placeholder; known are account, region",
                "x.yaml:4:4: ${: is not closed on its line",
                "x.yaml:5:1: %{: directives are not supported; write %%{ for the text %{",
            ]
        );
    }
}
