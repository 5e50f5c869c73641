//! Cost Explorer.
//!
//! The SDK generates no paginator for `GetCostAndUsage`: one call is one page, and the caller goes on until there is
//! no token.

use std::collections::HashMap;

use aws_config::retry::RetryConfig;
use aws_config::{Region, SdkConfig};
use aws_sdk_costexplorer::Client;
use aws_sdk_costexplorer::types::{
    DateInterval, Dimension, DimensionValues, Expression, Granularity, Group, GroupDefinition, GroupDefinitionType,
    Metric, MetricValue, ResultByTime,
};
use domain::cost::{ADJUSTMENTS, Amounts, BillDay, BillGroup, BillPage, BillQuery, PageToken};
use domain::ports::Bill;
use domain::{Failure, FailureKind, Usd, Window};

use crate::failure;

/// Cost Explorer of this account.
#[derive(Clone, Debug)]
pub struct CostExplorer {
    client: Client,
}

impl CostExplorer {
    /// The one endpoint of Cost Explorer is in us-east-1, wherever the function runs. Each attempt may cost 0.01 USD,
    /// so the SDK makes one: trying again is the caller's decision.
    pub fn new(sdk: &SdkConfig) -> Self {
        let config = aws_sdk_costexplorer::config::Builder::from(sdk)
            .region(Region::from_static("us-east-1"))
            .retry_config(RetryConfig::disabled());
        Self { client: Client::from_conf(config.build()) }
    }
}

impl Bill for CostExplorer {
    async fn page(&self, query: &BillQuery, token: Option<&PageToken>) -> Result<BillPage, Failure> {
        let window = query.window();
        let doing = format!("ask Cost Explorer for {window}");
        let (groups, filter) = match query {
            BillQuery::Usage { tag_key, .. } => {
                let groups =
                    vec![group(GroupDefinitionType::Dimension, "SERVICE"), group(GroupDefinitionType::Tag, tag_key)];
                (groups, Some(without_adjustments()))
            }
            BillQuery::ChargeTypes { .. } => (vec![group(GroupDefinitionType::Dimension, "RECORD_TYPE")], None),
        };
        let answer = self
            .client
            .get_cost_and_usage()
            .time_period(period(window, &doing)?)
            .granularity(Granularity::Daily)
            .metrics("UnblendedCost")
            .metrics("NetAmortizedCost")
            .set_group_by(Some(groups))
            .set_filter(filter)
            .set_next_page_token(token.map(|token| token.0.clone()))
            .send()
            .await
            .map_err(|error| failure(&doing, &error))?;
        let days = answer
            .results_by_time
            .unwrap_or_default()
            .iter()
            .map(|result| day(result, query))
            .collect::<Result<_, _>>()
            .map_err(|problem| Failure::new(FailureKind::Refused, format!("{doing}: {problem}")))?;
        Ok(BillPage { days, next: answer.next_page_token.filter(|token| !token.is_empty()).map(PageToken) })
    }

    async fn forecast(&self, window: Window) -> Result<Usd, Failure> {
        let doing = format!("ask Cost Explorer for a forecast of {window}");
        let answer = self
            .client
            .get_cost_forecast()
            .time_period(period(window, &doing)?)
            .granularity(Granularity::Monthly)
            .metric(Metric::UnblendedCost)
            .send()
            .await
            .map_err(|error| failure(&doing, &error))?;
        let total = answer.total.as_ref();
        usd(total, "Total").map_err(|problem| Failure::new(FailureKind::Refused, format!("{doing}: {problem}")))
    }
}

fn group(kind: GroupDefinitionType, key: &str) -> GroupDefinition {
    GroupDefinition::builder().r#type(kind).key(key).build()
}

fn without_adjustments() -> Expression {
    let adjustments = DimensionValues::builder()
        .key(Dimension::RecordType)
        .set_values(Some(ADJUSTMENTS.iter().map(|&charge_type| charge_type.to_owned()).collect()))
        .build();
    Expression::builder().not(Expression::builder().dimensions(adjustments).build()).build()
}

fn period(window: Window, doing: &str) -> Result<DateInterval, Failure> {
    DateInterval::builder()
        .start(window.start.to_string())
        .end(window.end.to_string())
        .build()
        .map_err(|error| Failure::from_error(FailureKind::Permanent, &error).while_doing(doing))
}

fn day(result: &ResultByTime, query: &BillQuery) -> Result<BillDay, String> {
    let start = result.time_period().map(DateInterval::start).unwrap_or_default();
    let day = start.parse().map_err(|_| format!("`{start}` is not a day"))?;
    let groups = result.groups().iter().map(|group| bill_group(group, query)).collect::<Result<_, _>>();
    Ok(BillDay { day, estimated: result.estimated(), groups: groups.map_err(|problem| format!("{start}: {problem}"))? })
}

fn bill_group(group: &Group, query: &BillQuery) -> Result<BillGroup, String> {
    let keys = match (query, group.keys()) {
        // A tag's group is named `KEY$VALUE`, and `KEY$` when untagged.
        (BillQuery::Usage { tag_key, .. }, [service, tag]) => {
            let value = tag.strip_prefix(tag_key.as_str()).and_then(|rest| rest.strip_prefix('$'));
            vec![
                service.clone(),
                value.ok_or_else(|| format!("group `{tag}` is not of the tag `{tag_key}`"))?.to_owned(),
            ]
        }
        (BillQuery::ChargeTypes { .. }, [charge_type]) => vec![charge_type.clone()],
        (_, keys) => return Err(format!("a group has {} keys", keys.len())),
    };
    let metric = |name: &str| usd(group.metrics().and_then(|metrics: &HashMap<_, _>| metrics.get(name)), name);
    Ok(BillGroup {
        keys,
        amounts: Amounts { unblended: metric("UnblendedCost")?, net_amortized: metric("NetAmortizedCost")? },
    })
}

fn usd(value: Option<&MetricValue>, name: &str) -> Result<Usd, String> {
    let amount = value.and_then(MetricValue::amount).ok_or_else(|| format!("{name} is missing"))?;
    let unit = value.and_then(MetricValue::unit).unwrap_or_default();
    Usd::from_billing(amount, unit).map_err(|error| format!("{name}: {error}"))
}
