//! What both operations have in common: the shape of requests and their periods.

use jiff::civil::Date;
use serde::Deserialize;

use super::calendar::{next_day, next_month};
use super::error::ApiError;
use super::filter::{Expression, Filter};
use super::money::Metric;

/// The members of `GetCostAndUsage` and `GetCostForecast`. Others are ignored, as AWS does.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Request {
    pub time_period: Option<Interval>,
    pub granularity: Option<String>,
    pub filter: Option<Expression>,
    pub metrics: Option<Vec<String>>,
    pub metric: Option<String>,
    pub group_by: Option<Vec<Group>>,
    pub next_page_token: Option<String>,
    pub prediction_interval_level: Option<i32>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Interval {
    pub start: Option<String>,
    pub end: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Group {
    pub r#type: Option<String>,
    pub key: Option<String>,
}

impl Request {
    pub fn parse(body: &[u8]) -> Result<Self, ApiError> {
        serde_json::from_slice(body).map_err(|error| ApiError::Serialization(error.to_string()))
    }

    /// The period's first day and the day after its last. Order is for the operation to check: the messages differ.
    pub fn interval(&self) -> Result<(Date, Date), ApiError> {
        let interval = self.time_period.as_ref().ok_or_else(|| ApiError::missing("timePeriod"))?;
        let day = |member: &str, value: &Option<String>| {
            let value = value.as_deref().ok_or_else(|| ApiError::missing(&format!("timePeriod.{member}")))?;
            // jiff would also take `20261101` and times of day.
            value.parse::<Date>().ok().filter(|day| day.to_string() == value).ok_or_else(|| {
                ApiError::Validation(format!("{member} time {value} is invalid. Valid format is: yyyy-MM-dd."))
            })
        };
        Ok((day("start", &interval.start)?, day("end", &interval.end)?))
    }

    pub fn granularity(&self) -> Result<Granularity, ApiError> {
        match self.granularity.as_deref() {
            None => Err(ApiError::missing("granularity")),
            Some("DAILY") => Ok(Granularity::Daily),
            Some("MONTHLY") => Ok(Granularity::Monthly),
            Some("HOURLY") => Err(ApiError::NotSimulated("the simulator has no hourly data".into())),
            Some(other) => Err(ApiError::Validation(format!("Invalid granularity: {other}"))),
        }
    }

    pub fn filter(&mut self) -> Result<Option<Filter>, ApiError> {
        self.filter.take().map(Filter::parse).transpose()
    }
}

/// A metric by its name: `UnblendedCost` or `UNBLENDED_COST`.
pub(super) fn metric(name: &str) -> Result<Metric, ApiError> {
    match name {
        "UsageQuantity" | "USAGE_QUANTITY" | "NormalizedUsageAmount" | "NORMALIZED_USAGE_AMOUNT" => {
            Err(ApiError::NotSimulated(format!("the simulator knows costs only, not {name}")))
        }
        _ => Metric::ALL
            .into_iter()
            .find(|metric| metric.name() == name || metric.upper_name() == name)
            .ok_or_else(|| ApiError::Validation(format!("Invalid metric: {name}"))),
    }
}

/// How an interval is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Granularity {
    Daily,
    Monthly,
}

impl Granularity {
    /// The periods of `start .. end`; the first and the last month may be cut short.
    pub fn periods(self, start: Date, end: Date) -> Vec<(Date, Date)> {
        let after = move |day| match self {
            Self::Daily => next_day(day),
            Self::Monthly => next_month(day),
        };
        let mut periods = Vec::new();
        let mut from = start;
        while from < end {
            let to = after(from).min(end);
            // The calendar ends in the year 9999 and `after` with it.
            if to <= from {
                break;
            }
            periods.push((from, to));
            from = to;
        }
        periods
    }
}
