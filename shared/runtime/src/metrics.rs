//! One line in CloudWatch's embedded metric format per invocation.

use domain::Usd;
use serde_json::{Value, json};

/// The namespace of all our metrics; the roles may put into no other.
pub const NAMESPACE: &str = "OpenWebUI/Ops";

/// CloudWatch's unit of a metric.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unit {
    /// Things counted.
    Count,
    /// Thousandths of a second.
    Milliseconds,
    /// A number without a unit, such as dollars or hours.
    None,
}

impl Unit {
    const fn name(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
            Self::None => "None",
        }
    }
}

/// One measured value.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    name: &'static str,
    unit: Unit,
    value: Value,
}

impl Metric {
    /// A number of things.
    pub fn count(name: &'static str, value: usize) -> Self {
        Self { name, unit: Unit::Count, value: json!(value) }
    }

    /// A whole number with a unit.
    pub fn whole(name: &'static str, unit: Unit, value: i64) -> Self {
        Self { name, unit, value: json!(value) }
    }

    /// Dollars, rounded to cents. CloudWatch stores metrics as doubles, so this is for graphs; decisions are made on
    /// [`Usd`].
    pub fn dollars(name: &'static str, value: Usd) -> Self {
        let value = value.rounded_to_cents().dollars().to_string().parse::<serde_json::Number>();
        Self { name, unit: Unit::None, value: value.map_or(Value::Null, Value::Number) }
    }
}

/// The line: metrics with the dimension `function`, and `fields` beside them for searching.
pub(crate) fn line(function: &str, timestamp_ms: i64, metrics: &[Metric], fields: &[(&str, Value)]) -> Value {
    let definitions: Vec<Value> =
        metrics.iter().map(|metric| json!({"Name": metric.name, "Unit": metric.unit.name()})).collect();
    let mut line = serde_json::Map::new();
    line.insert(
        "_aws".to_owned(),
        json!({
            "Timestamp": timestamp_ms,
            "CloudWatchMetrics": [{"Namespace": NAMESPACE, "Dimensions": [["function"]], "Metrics": definitions}],
        }),
    );
    line.insert("function".to_owned(), json!(function));
    line.extend(metrics.iter().map(|metric| (metric.name.to_owned(), metric.value.clone())));
    line.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    Value::Object(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_defines_each_metric_it_carries() {
        let metrics = [Metric::count("AlertsOpened", 1), Metric::dollars("DayCost", "1240.555".parse().unwrap())];
        assert_eq!(
            line("cost-check", 7, &metrics, &[("request_id", json!("r"))]),
            json!({
                "_aws": {"Timestamp": 7, "CloudWatchMetrics": [{
                    "Namespace": "OpenWebUI/Ops",
                    "Dimensions": [["function"]],
                    "Metrics": [{"Name": "AlertsOpened", "Unit": "Count"}, {"Name": "DayCost", "Unit": "None"}],
                }]},
                "function": "cost-check", "AlertsOpened": 1, "DayCost": 1240.56, "request_id": "r",
            })
        );
    }
}
