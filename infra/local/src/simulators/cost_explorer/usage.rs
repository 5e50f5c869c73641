//! `GetCostAndUsage`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use serde_json::{Map, Value, json};

use super::calendar::{day_of, days, next_month};
use super::error::ApiError;
use super::filter::{Dimension, Filter};
use super::ledger::Line;
use super::money::{Amounts, Metric, written};
use super::request::{Granularity, Group, Request, metric};
use super::scenario::Scenario;
use super::token::{self, Subject};

const MOST_GROUPINGS: usize = 2;

/// A checked request.
struct Query {
    periods: Vec<(Date, Date)>,
    metrics: Vec<Metric>,
    group_by: Vec<GroupKey>,
    filter: Option<Filter>,
    token: Option<String>,
}

enum GroupKey {
    Dimension(Dimension, String),
    Tag(String),
}

/// What is counted on pages: one group of a period, or a period without groups.
struct Row {
    period: (Date, Date),
    estimated: bool,
    group: Option<Vec<String>>,
    amounts: Amounts,
}

/// Answers a request.
pub(super) fn answer(scenario: &Scenario, body: &[u8], now: Timestamp, repeat_token: bool) -> Result<Value, ApiError> {
    let query = Query::parse(body, now)?;
    let subject = Subject::new(body, scenario.last_refresh(now));
    let rows = query.rows(scenario, now);

    let offset = match &query.token {
        None => 0,
        Some(token) => token::read(scenario.seed, &subject, token)?,
    };
    let end = offset.saturating_add(scenario.page_size.get());
    let page = rows.get(offset..end.min(rows.len())).ok_or(ApiError::InvalidNextToken)?;

    let mut answer = Map::new();
    if end < rows.len() {
        answer.insert("NextPageToken".into(), token::write(scenario.seed, &subject, end).into());
    }
    if let (true, Some(token)) = (repeat_token, &query.token) {
        answer.insert("NextPageToken".into(), token.as_str().into());
    }
    if !query.group_by.is_empty() {
        answer.insert("GroupDefinitions".into(), query.group_by.iter().map(GroupKey::definition).collect());
    }
    answer.insert("ResultsByTime".into(), query.results(scenario, page).into());
    answer.insert("DimensionValueAttributes".into(), query.attributes(scenario, page).into());
    Ok(answer.into())
}

impl Query {
    fn parse(body: &[u8], now: Timestamp) -> Result<Self, ApiError> {
        let mut request = Request::parse(body)?;
        let (start, end) = request.interval()?;
        let today = day_of(now);
        if start >= end {
            return Err(ApiError::validation("Start date (and hour) should be before end date (and hour)"));
        }
        if end > next_month(today) {
            return Err(ApiError::validation("end date past the beginning of next month"));
        }
        if start > today {
            return Err(ApiError::validation("Start date should not be after the current date"));
        }
        if start < today.saturating_sub(14.months()) {
            return Err(ApiError::validation("You haven't enabled historical data beyond 14 months."));
        }
        let granularity: Granularity = request.granularity()?;

        let mut metrics = Vec::new();
        for name in
            request.metrics.as_deref().filter(|names| !names.is_empty()).ok_or_else(|| ApiError::missing("metrics"))?
        {
            let metric = metric(name)?;
            if !metrics.contains(&metric) {
                metrics.push(metric);
            }
        }
        let groups = request.group_by.take().unwrap_or_default();
        if groups.len() > MOST_GROUPINGS {
            return Err(ApiError::validation("GroupBy has more than two group definitions"));
        }
        let group_by = groups.into_iter().map(GroupKey::parse).collect::<Result<Vec<_>, _>>()?;
        let filter = request.filter()?;
        Ok(Self { periods: granularity.periods(start, end), metrics, group_by, filter, token: request.next_page_token })
    }

    /// All rows of all pages, by period and then by group.
    fn rows(&self, scenario: &Scenario, now: Timestamp) -> Vec<Row> {
        let mut rows = Vec::new();
        for period in &self.periods {
            let mut estimated = false;
            let mut groups = BTreeMap::<Vec<String>, Amounts>::new();
            for day in days(period.0, period.1) {
                let costs = scenario.visible(day, now);
                estimated |= costs.estimated;
                let admitted = |line: &&Line<'_>| self.filter.as_ref().is_none_or(|f| f.admits(scenario, line, day));
                for line in costs.lines.iter().filter(admitted) {
                    let keys = self.group_by.iter().map(|key| key.of(scenario, line, day)).collect();
                    *groups.entry(keys).or_default() += line.amounts;
                }
            }
            let row = |group, amounts| Row { period: *period, estimated, group, amounts };
            if self.group_by.is_empty() {
                rows.push(row(None, groups.into_values().sum()));
            } else if groups.is_empty() {
                rows.push(row(None, Amounts::default()));
            } else {
                rows.extend(groups.into_iter().map(|(keys, amounts)| row(Some(keys), amounts)));
            }
        }
        rows
    }

    fn results(&self, scenario: &Scenario, page: &[Row]) -> Vec<Value> {
        page.chunk_by(|a, b| a.period == b.period)
            .filter_map(|rows| {
                let first = rows.first()?;
                let groups: Vec<_> = rows
                    .iter()
                    .filter_map(|row| {
                        let keys = row.group.as_ref()?;
                        Some(json!({ "Keys": keys, "Metrics": self.metrics_of(scenario, &row.amounts) }))
                    })
                    .collect();
                // With groups the total is empty; a period without any has a total of zero even when groups were asked for.
                let total = if groups.is_empty() { self.metrics_of(scenario, &first.amounts) } else { Map::new() };
                Some(json!({
                    "TimePeriod": { "Start": first.period.0.to_string(), "End": first.period.1.to_string() },
                    "Total": total,
                    "Groups": groups,
                    "Estimated": first.estimated,
                }))
            })
            .collect()
    }

    fn metrics_of(&self, scenario: &Scenario, amounts: &Amounts) -> Map<String, Value> {
        let value = |metric: &Metric| json!({ "Amount": written(amounts.get(*metric)), "Unit": scenario.currency });
        self.metrics.iter().map(|metric| (metric.name().to_owned(), value(metric))).collect()
    }

    /// The names of the page's accounts, if it is grouped by account.
    fn attributes(&self, scenario: &Scenario, page: &[Row]) -> Vec<Value> {
        let by_account = |key: &GroupKey| matches!(key, GroupKey::Dimension(Dimension::LinkedAccount, _));
        let Some(position) = self.group_by.iter().position(by_account) else {
            return Vec::new();
        };
        let accounts: BTreeSet<&String> = page.iter().filter_map(|row| row.group.as_ref()?.get(position)).collect();
        accounts
            .into_iter()
            .map(|account| {
                let name = scenario.account_names.get(account).unwrap_or(account);
                json!({ "Value": account, "Attributes": { "description": name } })
            })
            .collect()
    }
}

impl GroupKey {
    fn parse(group: Group) -> Result<Self, ApiError> {
        let key = group.key.filter(|key| !key.is_empty()).ok_or_else(|| ApiError::missing("groupBy.key"))?;
        match group.r#type.as_deref() {
            Some("DIMENSION") => Ok(Self::Dimension(Dimension::parse(&key)?, key)),
            Some("TAG") => Ok(Self::Tag(key)),
            Some("COST_CATEGORY" | "PRODUCT_ATTRIBUTE") => {
                Err(ApiError::NotSimulated("the simulator has no cost categories and no product attributes".into()))
            }
            _ => Err(ApiError::validation("Group Definition type is invalid.")),
        }
    }

    fn definition(&self) -> Value {
        match self {
            Self::Dimension(_, key) => json!({ "Type": "DIMENSION", "Key": key }),
            Self::Tag(key) => json!({ "Type": "TAG", "Key": key }),
        }
    }

    fn of(&self, scenario: &Scenario, line: &Line<'_>, day: Date) -> String {
        match self {
            Self::Dimension(dimension, _) => dimension.of(line).to_owned(),
            Self::Tag(key) => format!("{key}${}", scenario.tag_value(line.item, key, day).unwrap_or_default()),
        }
    }
}
