//! `Expression`: which costs a request is about.

use jiff::civil::Date;
use serde::Deserialize;

use super::error::ApiError;
use super::ledger::Line;
use super::scenario::Scenario;

/// Deeper than any console writes; AWS has a limit too and does not publish it.
const DEEPEST: usize = 10;

/// An `Expression` as it comes in.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Expression {
    and: Option<Vec<Expression>>,
    or: Option<Vec<Expression>>,
    not: Option<Box<Expression>>,
    dimensions: Option<Match>,
    tags: Option<Match>,
    cost_categories: Option<Match>,
    product_attributes: Option<Match>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Match {
    key: Option<String>,
    values: Option<Vec<String>>,
    match_options: Option<Vec<String>>,
}

/// A dimension that the simulator knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dimension {
    Service,
    LinkedAccount,
    RecordType,
}

/// Dimensions that AWS accepts in filters or groups and that the items of a scenario do not have.
const OTHER_DIMENSIONS: [&str; 24] = [
    "AZ",
    "BILLING_ENTITY",
    "CACHE_ENGINE",
    "DATABASE_ENGINE",
    "DEPLOYMENT_OPTION",
    "INSTANCE_TYPE",
    "INSTANCE_TYPE_FAMILY",
    "INVOICING_ENTITY",
    "LEGAL_ENTITY_NAME",
    "LINKED_ACCOUNT_NAME",
    "OPERATING_SYSTEM",
    "OPERATION",
    "PAYMENT_OPTION",
    "PLATFORM",
    "PURCHASE_TYPE",
    "REGION",
    "RESERVATION_ID",
    "RESOURCE_ID",
    "SAVINGS_PLANS_TYPE",
    "SAVINGS_PLAN_ARN",
    "SCOPE",
    "TENANCY",
    "USAGE_TYPE",
    "USAGE_TYPE_GROUP",
];

impl Dimension {
    pub fn parse(key: &str) -> Result<Self, ApiError> {
        match key {
            "SERVICE" => Ok(Self::Service),
            "LINKED_ACCOUNT" => Ok(Self::LinkedAccount),
            "RECORD_TYPE" => Ok(Self::RecordType),
            _ if OTHER_DIMENSIONS.contains(&key) => {
                Err(ApiError::NotSimulated(format!("the simulator has no dimension {key}")))
            }
            _ => Err(ApiError::Validation(format!("Invalid dimension: {key}"))),
        }
    }

    pub fn of<'a>(self, line: &Line<'a>) -> &'a str {
        match self {
            Self::Service => &line.item.service,
            Self::LinkedAccount => line.account,
            Self::RecordType => line.item.record_type.name(),
        }
    }
}

/// A checked filter.
#[derive(Debug)]
pub(super) enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
    Dimension(Dimension, Vec<String>),
    Tag(String, Vec<String>),
    /// `ABSENT`: costs without the tag.
    NoTag(String),
}

impl Filter {
    /// Checks an expression.
    pub fn parse(expression: Expression) -> Result<Self, ApiError> {
        Self::parse_to_depth(expression, DEEPEST)
    }

    fn parse_to_depth(expression: Expression, depth: usize) -> Result<Self, ApiError> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(ApiError::validation("Expression is nested too deeply"));
        };
        let Expression { and, or, not, dimensions, tags, cost_categories, product_attributes } = expression;
        let several = |name: &str, operands: Vec<Expression>| {
            if operands.len() < 2 {
                return Err(ApiError::Validation(format!("{name} expression must have at least two operands")));
            }
            operands.into_iter().map(|operand| Self::parse_to_depth(operand, depth)).collect::<Result<Vec<_>, _>>()
        };
        match (and, or, not, dimensions, tags, cost_categories, product_attributes) {
            (Some(operands), None, None, None, None, None, None) => Ok(Self::All(several("And", operands)?)),
            (None, Some(operands), None, None, None, None, None) => Ok(Self::Any(several("Or", operands)?)),
            (None, None, Some(operand), None, None, None, None) => {
                Ok(Self::Not(Box::new(Self::parse_to_depth(*operand, depth)?)))
            }
            (None, None, None, Some(wanted), None, None, None) => wanted.dimension(),
            (None, None, None, None, Some(wanted), None, None) => wanted.tag(),
            (None, None, None, None, None, Some(_), None) | (None, None, None, None, None, None, Some(_)) => {
                Err(ApiError::NotSimulated("the simulator has no cost categories and no product attributes".into()))
            }
            (None, None, None, None, None, None, None) => Err(ApiError::validation("Expression is empty")),
            _ => Err(ApiError::validation(
                "Expression has more than one roots. Only one root operator is allowed for each expression: And, Or, \
                 Not, Dimensions, Tags, CostCategories",
            )),
        }
    }

    /// Whether it mentions a tag: `GetCostForecast` cannot filter by tags.
    pub fn has_tags(&self) -> bool {
        match self {
            Self::All(operands) | Self::Any(operands) => operands.iter().any(Self::has_tags),
            Self::Not(operand) => operand.has_tags(),
            Self::Dimension(..) => false,
            Self::Tag(..) | Self::NoTag(_) => true,
        }
    }

    /// Whether a cost is meant.
    pub fn admits(&self, scenario: &Scenario, line: &Line<'_>, day: Date) -> bool {
        match self {
            Self::All(operands) => operands.iter().all(|operand| operand.admits(scenario, line, day)),
            Self::Any(operands) => operands.iter().any(|operand| operand.admits(scenario, line, day)),
            Self::Not(operand) => !operand.admits(scenario, line, day),
            Self::Dimension(dimension, values) => values.iter().any(|value| value == dimension.of(line)),
            Self::Tag(key, values) => {
                // The empty value stands for "no tag", as the group `key$` does.
                let own = scenario.tag_value(line.item, key, day).unwrap_or_default();
                values.iter().any(|value| value == own)
            }
            Self::NoTag(key) => scenario.tag_value(line.item, key, day).is_none(),
        }
    }
}

impl Match {
    fn dimension(self) -> Result<Filter, ApiError> {
        let key = self.key.as_deref().ok_or_else(|| ApiError::missing("filter.dimensions.key"))?;
        let dimension = Dimension::parse(key)?;
        match self.options(&["EQUALS", "CASE_SENSITIVE"])? {
            Options::Equal => Ok(Filter::Dimension(dimension, self.some_values()?)),
            Options::Absent => Err(ApiError::validation("Invalid match option: ABSENT")),
        }
    }

    fn tag(self) -> Result<Filter, ApiError> {
        let key = self.key.clone().ok_or_else(|| ApiError::missing("filter.tags.key"))?;
        match self.options(&["EQUALS", "CASE_SENSITIVE", "ABSENT"])? {
            Options::Equal => Ok(Filter::Tag(key, self.some_values()?)),
            Options::Absent => Ok(Filter::NoTag(key)),
        }
    }

    fn options(&self, allowed: &[&str]) -> Result<Options, ApiError> {
        let options = self.match_options.as_deref().unwrap_or_default();
        match options.iter().find(|option| !allowed.contains(&option.as_str())) {
            Some(wrong) => Err(ApiError::Validation(format!("Invalid match option: {wrong}"))),
            None if options.iter().any(|option| option == "ABSENT") => Ok(Options::Absent),
            None => Ok(Options::Equal),
        }
    }

    fn some_values(self) -> Result<Vec<String>, ApiError> {
        self.values.filter(|values| !values.is_empty()).ok_or_else(|| ApiError::missing("filter.values"))
    }
}

enum Options {
    Equal,
    Absent,
}
