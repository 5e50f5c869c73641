//! The policy of cost-check, from its environment.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use domain::Usd;
use domain::id::TenantId;
use runtime::{ConfigError, Vars};

/// What the function is to hold to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Policy {
    /// The account's usage of one day that is worth waking somebody for (`DAILY_THRESHOLD_USD`, 1000).
    pub threshold: Usd,
    /// The cost allocation tag that names the tenant (`TENANT_TAG_KEY`, `tenant`).
    pub tag_key: String,
    /// Values of that tag that mean every tenant (`SHARED_TAG_VALUES`, `shared`).
    pub shared: BTreeSet<String>,
    /// Budgets of tenants for one day (`TENANT_BUDGETS_USD`, for example `acme=50,globex=80`).
    pub budgets: BTreeMap<TenantId, Usd>,
    /// Hours without a view of the bill after which that itself is news (`UNKNOWN_AFTER_HOURS`, 24).
    pub unknown_after_hours: i64,
    /// Pages of Cost Explorer in one UTC day, at 0.01 USD each (`MAX_PAGES_PER_DAY`, 12).
    pub pages_per_day: u32,
}

/// Policy and the names of what it is applied to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Config {
    /// The bucket of `cost-check/*.json` (`STATE_BUCKET`).
    pub state_bucket: String,
    /// The topic of the people on call (`NOTICE_TOPIC_ARN`).
    pub topic_arn: String,
    /// The policy.
    pub policy: Policy,
}

impl Config {
    /// Reads the configuration.
    ///
    /// # Errors
    /// With every variable that is missing or wrong.
    pub fn from_vars(mut vars: Vars<'_>) -> Result<Self, ConfigError> {
        let state_bucket = vars.required("STATE_BUCKET");
        let topic_arn = vars.required::<TopicArn>("NOTICE_TOPIC_ARN");
        let threshold = vars.or("DAILY_THRESHOLD_USD", Budget(Usd::new(1000.into())));
        let tag_key = vars.or("TENANT_TAG_KEY", "tenant".to_owned());
        let shared = vars.or("SHARED_TAG_VALUES", "shared".to_owned());
        let budgets = vars.or("TENANT_BUDGETS_USD", Budgets::default());
        let unknown_after = vars.or("UNKNOWN_AFTER_HOURS", Positive(24));
        let pages = vars.or("MAX_PAGES_PER_DAY", Positive(12));
        let config = || {
            let policy = Policy {
                threshold: threshold?.0,
                tag_key: tag_key?,
                shared: shared?.split(',').map(|value| value.trim().to_owned()).filter(|v| !v.is_empty()).collect(),
                budgets: budgets?.0,
                unknown_after_hours: i64::from(unknown_after?.0),
                pages_per_day: pages?.0,
            };
            Some(Self { state_bucket: state_bucket?, topic_arn: topic_arn?.0, policy })
        };
        let config = config();
        vars.finish(config)
    }
}

struct TopicArn(String);

impl FromStr for TopicArn {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split(':').collect();
        match parts.as_slice() {
            ["arn", _, "sns", region, account, name] if ![region, account, name].iter().any(|part| part.is_empty()) => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(format!("`{text}` is not the ARN of an SNS topic, arn:aws:sns:REGION:ACCOUNT:NAME")),
        }
    }
}

struct Positive(u32);

impl FromStr for Positive {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().ok().filter(|&n| n > 0).map(Self).ok_or_else(|| format!("`{text}` is not a whole number above 0"))
    }
}

struct Budget(Usd);

impl FromStr for Budget {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let amount: Usd = text.parse().map_err(|error| format!("{error}"))?;
        if amount > Usd::ZERO { Ok(Self(amount)) } else { Err(format!("`{text}` is not above 0 USD")) }
    }
}

#[derive(Default)]
struct Budgets(BTreeMap<TenantId, Usd>);

impl FromStr for Budgets {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let mut budgets = BTreeMap::new();
        for entry in text.split(',').map(str::trim) {
            let (tenant, amount) = entry.split_once('=').ok_or_else(|| format!("`{entry}` is not TENANT=USD"))?;
            let id: TenantId = tenant.trim().parse().map_err(|error| format!("{error}"))?;
            let budget: Budget = amount.parse().map_err(|error| format!("{tenant}: {error}"))?;
            if budgets.insert(id, budget.0).is_some() {
                return Err(format!("{tenant} has two budgets"));
            }
        }
        Ok(Self(budgets))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let pairs: BTreeMap<String, String> = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Config::from_vars(Vars::new(move |name| pairs.get(name).cloned()))
    }

    const NAMES: [(&str, &str); 2] =
        [("STATE_BUCKET", "state"), ("NOTICE_TOPIC_ARN", "arn:aws:sns:us-east-1:123456789012:operations")];

    #[test]
    fn the_guides_threshold_is_the_default() {
        let config = from(&NAMES).unwrap();
        assert_eq!(config.policy.threshold, "1000".parse().unwrap());
        assert_eq!((config.policy.pages_per_day, config.policy.unknown_after_hours), (12, 24));
        assert!(config.policy.shared.contains("shared"));
    }

    #[test]
    fn budgets_of_tenants_are_decimal_amounts() {
        let config = from(&[NAMES[0], NAMES[1], ("TENANT_BUDGETS_USD", "acme=50, globex=80.5")]).unwrap();
        let budgets: Vec<String> = config.policy.budgets.iter().map(|(id, usd)| format!("{id} {usd}")).collect();
        assert_eq!(budgets, ["acme 50.00", "globex 80.50"]);
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let error = from(&[
            ("NOTICE_TOPIC_ARN", "operations"),
            ("DAILY_THRESHOLD_USD", "-1"),
            ("TENANT_BUDGETS_USD", "Acme=5"),
            ("UNKNOWN_AFTER_HOURS", "0"),
        ]);
        assert_eq!(
            error.unwrap_err().problems,
            [
                "STATE_BUCKET is not set",
                "NOTICE_TOPIC_ARN: `operations` is not the ARN of an SNS topic, arn:aws:sns:REGION:ACCOUNT:NAME",
                "DAILY_THRESHOLD_USD: `-1` is not above 0 USD",
                "TENANT_BUDGETS_USD: `Acme` is not a tenant id: 1 to 63 lower-case letters, digits and hyphens, no hyphen at either end",
                "UNKNOWN_AFTER_HOURS: `0` is not a whole number above 0",
            ]
        );
    }
}
