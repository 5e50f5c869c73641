//! `GetCostForecast`: the rules of the real one, a simple model behind them.
//!
//! A day is forecast as the mean of the four visible days with its weekday before yesterday; days that are over are
//! what is visible of them. The model of AWS is not published, so only order of magnitude and shape are comparable.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::calendar::{day_of, days};
use super::error::ApiError;
use super::filter::Filter;
use super::money::{Metric, PLACES, written};
use super::request::{Granularity, Request, metric};
use super::scenario::Scenario;

/// AWS's default in the console; its documentation allows 51 to 99.
const DEFAULT_LEVEL: i32 = 80;
/// Same weekdays looked at: with four weeks each weekday has as many.
const WEEKS: i32 = 4;

/// A checked request.
struct Query {
    start: Date,
    end: Date,
    granularity: Granularity,
    metric: Metric,
    filter: Option<Filter>,
    level: i32,
}

/// Mean and the width to either side.
#[derive(Clone, Copy, Default)]
struct Estimate {
    mean: Decimal,
    width: Decimal,
}

/// Answers a request.
pub(super) fn answer(scenario: &Scenario, body: &[u8], now: Timestamp) -> Result<Value, ApiError> {
    let query = Query::parse(body, now)?;
    let today = day_of(now);
    // "Less than one billing cycle": a month ago there must have been costs already.
    let month_ago = today.saturating_sub(1.month());
    let first =
        scenario.items.iter().map(|item| item.from).filter(|day| !scenario.visible(*day, now).lines.is_empty()).min();
    if first.is_none_or(|first| first > month_ago) {
        return Err(ApiError::DataUnavailable("Insufficient amount of historical data.".into()));
    }

    let mut total = Decimal::ZERO;
    let mut results = Vec::new();
    for (from, to) in query.granularity.periods(query.start, query.end) {
        let mut sum = Estimate::default();
        for day in days(from, to) {
            let Estimate { mean, width } = query.estimate(scenario, day, now);
            sum.mean += mean;
            sum.width += width;
        }
        total += sum.mean;
        results.push(json!({
            "TimePeriod": { "Start": from.to_string(), "End": to.to_string() },
            "MeanValue": written(sum.mean),
            "PredictionIntervalLowerBound": written(sum.mean - sum.width),
            "PredictionIntervalUpperBound": written(sum.mean + sum.width),
        }));
    }
    Ok(json!({
        "Total": { "Amount": written(total), "Unit": scenario.currency },
        "ForecastResultsByTime": results,
    }))
}

impl Query {
    fn parse(body: &[u8], now: Timestamp) -> Result<Self, ApiError> {
        let mut request = Request::parse(body)?;
        let (start, end) = request.interval()?;
        if start >= end {
            return Err(ApiError::Validation(format!("Requested Start: {start} must be before requested End: {end}")));
        }
        if start > day_of(now) {
            return Err(ApiError::validation("Start date must be equal to or no later than the current date"));
        }
        let granularity = request.granularity()?;
        let longest = match granularity {
            Granularity::Daily => 3.months(),
            Granularity::Monthly => 18.months(),
        };
        if end > start.max(day_of(now)).saturating_add(longest) {
            return Err(ApiError::validation("The forecast can cover 3 months DAILY or 18 months MONTHLY"));
        }
        let metric = metric(request.metric.as_deref().ok_or_else(|| ApiError::missing("metric"))?)?;
        let filter = request.filter()?;
        if filter.as_ref().is_some_and(Filter::has_tags) {
            return Err(ApiError::validation("Tags expressions are not supported by GetCostForecast"));
        }
        let level = request.prediction_interval_level.unwrap_or(DEFAULT_LEVEL);
        if !(51..=99).contains(&level) {
            return Err(ApiError::Validation(format!("PredictionIntervalLevel {level} is not between 51 and 99")));
        }
        Ok(Self { start, end, granularity, metric, filter, level })
    }

    /// One day.
    fn estimate(&self, scenario: &Scenario, day: Date, now: Timestamp) -> Estimate {
        let today = day_of(now);
        if day < today {
            return Estimate { mean: self.visible(scenario, day, now), width: Decimal::ZERO };
        }
        // The last day that is not yesterday, which is never complete, and has the weekday of `day`.
        let last = days(today.saturating_sub(8.days()), today.saturating_sub(1.day()))
            .filter(|past| past.weekday() == day.weekday())
            .last()
            .unwrap_or(today);
        let seen: Vec<Decimal> =
            (0..WEEKS).map(|week| self.visible(scenario, last.saturating_sub(week.weeks()), now)).collect();
        let count = Decimal::from(WEEKS);
        // Quantised day by day, so that days add up to months and to the total.
        let mean = (seen.iter().sum::<Decimal>() / count).round_dp(PLACES);
        let deviation = seen.iter().map(|amount| (amount - mean).abs()).sum::<Decimal>() / count;
        Estimate { mean, width: (deviation * self.widths()).round_dp(PLACES) }
    }

    /// Mean deviations to either side that hold the share asked for, of a normal distribution (1.25 times its quantile).
    const fn widths(&self) -> Decimal {
        let hundredths = match self.level {
            ..60 => 105,
            60..70 => 130,
            70..80 => 160,
            80..90 => 206,
            90..95 => 245,
            95..99 => 291,
            _ => 322,
        };
        Decimal::from_parts(hundredths, 0, 0, false, 2)
    }

    fn visible(&self, scenario: &Scenario, day: Date, now: Timestamp) -> Decimal {
        scenario
            .visible(day, now)
            .lines
            .iter()
            .filter(|line| self.filter.as_ref().is_none_or(|filter| filter.admits(scenario, line, day)))
            .map(|line| line.amounts.get(self.metric))
            .sum()
    }
}
