//! What a function logged, and the result of an invocation.

use std::time::Duration;

use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;
use jiff::Timestamp;
use serde_json::Value;

use super::Wiring;
use super::clients::{Told, WiringError};
use super::poll::until;

/// Lines of the log that an error shows, and characters of each.
const SHOWN: usize = 10;
const SHOWN_CHARACTERS: usize = 240;

/// One line of a function's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When it was written, by the wall clock.
    pub at: Timestamp,
    /// The stream, which is one execution environment or, locally, one invocation.
    pub stream: String,
    /// The line.
    pub message: String,
}

/// One finished invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// The line that the function printed: `result`, `function`, `event_id`, `request_id`, `status`.
    pub line: Value,
    /// What Lambda reported; `None` if it did not.
    pub report: Option<Report>,
}

/// Lambda's own account of an invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// How long the handler ran.
    pub duration: Duration,
    /// The most memory that the environment used so far, in MB; `None` if it was not measured (reported as 0).
    pub max_memory_mb: Option<u64>,
}

impl Wiring {
    /// All lines that a function has logged, oldest first; empty before its first invocation.
    ///
    /// # Errors
    /// When a call is refused.
    pub async fn logs(&self, function: &str) -> Result<Vec<LogLine>, WiringError> {
        self.matching_logs(function, None).await
    }

    /// The lines that hold a text, or all.
    async fn matching_logs(&self, function: &str, text: Option<&str>) -> Result<Vec<LogLine>, WiringError> {
        let group = format!("/aws/lambda/{function}");
        // Quoted, a pattern is plain text, hyphens included.
        let pattern = text.map(|text| format!("\"{text}\""));
        let filter = self.clients.logs.filter_log_events().log_group_name(&group).set_filter_pattern(pattern);
        let mut pages = filter.into_paginator().send();
        let mut lines = Vec::new();
        while let Some(page) = pages.next().await {
            match page.if_there(|| format!("read the log {group}"))? {
                Some(page) => lines.extend(page.events.unwrap_or_default().into_iter().map(LogLine::from)),
                None => break,
            }
        }
        Ok(lines)
    }

    /// The results that the function has printed so far for an event, oldest first: one for each delivery or retry.
    ///
    /// # Errors
    /// When a call is refused.
    pub async fn results(&self, function: &str, event_id: &str) -> Result<Vec<Finished>, WiringError> {
        let lines: Vec<Value> = self
            .matching_logs(function, Some(event_id))
            .await?
            .iter()
            .filter_map(|line| result_line(&line.message, event_id))
            .collect();
        let mut finished = Vec::with_capacity(lines.len());
        for line in lines {
            let report = match line.get("request_id").and_then(Value::as_str) {
                Some(request) => {
                    let lines = self.matching_logs(function, Some(request)).await?;
                    lines.iter().find_map(|line| report(&line.message, request))
                }
                None => None,
            };
            finished.push(Finished { line, report });
        }
        Ok(finished)
    }

    /// Waits for the first result of an event.
    ///
    /// # Errors
    /// When none came in time: the error shows the end of the log.
    pub async fn wait_for_result(
        &self,
        function: &str,
        event_id: &str,
        within: Duration,
    ) -> Result<Finished, WiringError> {
        self.wait_for_nth_result(function, event_id, 1, within).await
    }

    /// Waits for the nth result of an event, from 1: an event that is delivered again is answered again.
    ///
    /// # Errors
    /// When it did not come in time: the error shows the end of the log.
    pub async fn wait_for_nth_result(
        &self,
        function: &str,
        event_id: &str,
        nth: usize,
        within: Duration,
    ) -> Result<Finished, WiringError> {
        let what = format!("result {nth} of {function} for the event {event_id}");
        let found = until(within, what, async || {
            Ok(self.results(function, event_id).await?.into_iter().nth(nth.saturating_sub(1)))
        });
        self.or_end_of_log(function, found.await).await
    }

    /// Waits for the result of one invocation, known by Lambda's id of it.
    ///
    /// # Errors
    /// When it did not come in time: the error shows the end of the log.
    pub async fn wait_for_request(
        &self,
        function: &str,
        request: &str,
        within: Duration,
    ) -> Result<Finished, WiringError> {
        let found = until(within, format!("the result of {function} for the request {request}"), async || {
            let lines = self.matching_logs(function, Some(request)).await?;
            let line = lines.iter().find_map(|line| {
                let line: Value = serde_json::from_str(&line.message).ok()?;
                (line.get("request_id")?.as_str()? == request && line.get("result").is_some()).then_some(line)
            });
            let report = lines.iter().find_map(|line| report(&line.message, request));
            Ok(line.map(|line| Finished { line, report }))
        });
        self.or_end_of_log(function, found.await).await
    }

    /// Waits for the first line of a function's log that holds a text.
    ///
    /// # Errors
    /// When none came in time: the error shows the end of the log.
    pub async fn wait_for_line(&self, function: &str, text: &str, within: Duration) -> Result<LogLine, WiringError> {
        let found = until(within, format!("a line with {text} in the log of {function}"), async || {
            Ok(self.matching_logs(function, Some(text)).await?.into_iter().next())
        });
        self.or_end_of_log(function, found.await).await
    }

    async fn or_end_of_log<T>(&self, function: &str, found: Result<T, WiringError>) -> Result<T, WiringError> {
        match found {
            Err(WiringError::Late { what, within, .. }) => {
                let lines = self.logs(function).await.unwrap_or_default();
                let shown = lines.iter().skip(lines.len().saturating_sub(SHOWN));
                let shown: String = shown.map(|line| format!("\n  {}", start(line.message.trim_end()))).collect();
                let details =
                    if shown.is_empty() { "; its log is empty".into() } else { format!("; its log ends:{shown}") };
                Err(WiringError::Late { what, within, details })
            }
            found => found,
        }
    }
}

impl From<FilteredLogEvent> for LogLine {
    fn from(event: FilteredLogEvent) -> Self {
        let at = event.timestamp.and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok());
        Self {
            at: at.unwrap_or_default(),
            stream: event.log_stream_name.unwrap_or_default(),
            message: event.message.unwrap_or_default(),
        }
    }
}

fn start(line: &str) -> &str {
    line.char_indices().nth(SHOWN_CHARACTERS).and_then(|(end, _)| line.get(..end)).unwrap_or(line)
}

/// The id of the last invocation in a piece of log: the function's own lines carry it.
pub(super) fn last_request(log: &str) -> Option<&str> {
    let (_, rest) = log.rsplit_once(r#""request_id":""#)?;
    rest.split('"').next()
}

/// The line, if it is the result of this event.
fn result_line(line: &str, event_id: &str) -> Option<Value> {
    let value: Value = serde_json::from_str(line).ok()?;
    let matches = value.get("event_id").and_then(Value::as_str) == Some(event_id) && value.get("result").is_some();
    matches.then_some(value)
}

/// Reads Lambda's report of an invocation, as text or as JSON (`platform.report`).
fn report(line: &str, request_id: &str) -> Option<Report> {
    if let Some(text) = line.strip_prefix("REPORT RequestId: ") {
        let mut parts = text.split('\t').map(str::trim);
        if parts.next() != Some(request_id) {
            return None;
        }
        let (mut duration, mut memory) = (None, None);
        for (name, value) in parts.filter_map(|part| part.split_once(": ")) {
            match name {
                "Duration" => duration = value.strip_suffix(" ms").and_then(milliseconds),
                "Max Memory Used" => memory = value.strip_suffix(" MB").and_then(|memory| memory.parse().ok()),
                _ => {}
            }
        }
        return Some(Report { duration: duration?, max_memory_mb: memory.filter(|memory| *memory > 0) });
    }
    let value: Value = serde_json::from_str(line).ok()?;
    let record = value.get("record").filter(|_| value.get("type") == Some(&Value::from("platform.report")))?;
    if record.get("requestId").and_then(Value::as_str) != Some(request_id) {
        return None;
    }
    Some(Report {
        duration: milliseconds(&record.pointer("/metrics/durationMs")?.to_string())?,
        max_memory_mb: record.pointer("/metrics/maxMemoryUsedMB").and_then(Value::as_u64).filter(|memory| *memory > 0),
    })
}

/// Reads `12` or `12.34`.
fn milliseconds(text: &str) -> Option<Duration> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let part: String = part.chars().chain(std::iter::repeat('0')).take(3).collect();
    let micros = whole.parse::<u64>().ok()?.checked_mul(1000)?.checked_add(part.parse::<u64>().ok()?)?;
    Some(Duration::from_micros(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_as_text_and_as_json() {
        let text = "REPORT RequestId: r-1\tDuration: 12.5 ms\tBilled Duration: 13 ms\tMemory Size: 256 MB\tMax Memory Used: 21 MB\t";
        let json = r#"{"time":"2026-11-24T09:00:00.000Z","type":"platform.report","record":{"requestId":"r-1","metrics":{"durationMs":12.5,"billedDurationMs":13,"memorySizeMB":256,"maxMemoryUsedMB":21},"status":"success"}}"#;
        let expected = Report { duration: Duration::from_micros(12_500), max_memory_mb: Some(21) };
        assert_eq!(report(text, "r-1"), Some(expected.clone()));
        assert_eq!(report(json, "r-1"), Some(expected));
        assert_eq!(report(text, "r-2"), None);
        assert_eq!(report(json, "r-2"), None);
        assert_eq!(report("START RequestId: r-1", "r-1"), None);
    }

    #[test]
    fn only_the_result_of_the_event_is_a_result() {
        assert!(result_line(r#"{"result":{},"event_id":"e-1"}"#, "e-1").is_some());
        assert_eq!(result_line(r#"{"result":{},"event_id":"e-2"}"#, "e-1"), None);
        assert_eq!(result_line(r#"{"message":"e-1","event_id":"e-1"}"#, "e-1"), None);
        assert_eq!(result_line("e-1", "e-1"), None);
    }
}
