//! The rule of a schedule, its delivery to the function, and the right to call it.

use aws_sdk_eventbridge::types::{DeadLetterConfig, RetryPolicy, RuleState, Target};
use serde_json::Value;

use super::clients::{Told, WiringError};
use super::function::number;
use super::wired::Changes;
use super::{Wiring, WiringOptions};
use crate::automation::{Function, Schedule};

/// The one target of a rule.
const TARGET: &str = "function";

impl Wiring {
    /// The rule; its ARN.
    pub(super) async fn rule(
        &self,
        function: &Function,
        schedule: &Schedule,
        options: &WiringOptions,
        changes: &mut Changes,
    ) -> Result<String, WiringError> {
        let events = &self.clients.events;
        let name = function.rule_name(schedule);
        let expression = options.schedule_expressions.get(&name).unwrap_or(&schedule.expression);
        let found = events.describe_rule().name(&name).send().await.if_there(|| format!("look at the rule {name}"))?;
        let as_wanted = found.is_some_and(|found| {
            found.schedule_expression.as_ref() == Some(expression) && found.state == Some(RuleState::Enabled)
        });
        if !as_wanted {
            let put = events.put_rule().name(&name).schedule_expression(expression).state(RuleState::Enabled);
            put.send().await.told(|| format!("set the rule {name}"))?;
            changes.add(format!("set the rule {name}"));
        }
        self.permission(function, &name, changes).await?;
        self.target(function, schedule, &name, changes).await?;
        Ok(self.automation.rule_arn(&name))
    }

    async fn target(
        &self,
        function: &Function,
        schedule: &Schedule,
        rule: &str,
        changes: &mut Changes,
    ) -> Result<(), WiringError> {
        let events = &self.clients.events;
        let action = || format!("aim the rule {rule}");
        let retries = RetryPolicy::builder()
            .maximum_retry_attempts(number(schedule.retries))
            .maximum_event_age_in_seconds(number(schedule.maximum_event_age_seconds))
            .build();
        let dead = DeadLetterConfig::builder().arn(self.automation.queue_arn(&schedule.dead_letter_queue)).build();
        let target = Target::builder()
            .id(TARGET)
            .arn(self.automation.function_arn(&function.name))
            .retry_policy(retries)
            .dead_letter_config(dead)
            .build()
            .map_err(|error| WiringError::Call { action: action(), reason: error.to_string() })?;
        let found = events.list_targets_by_rule().rule(rule).send().await;
        let found = found.told(|| format!("look at the targets of the rule {rule}"))?.targets.unwrap_or_default();
        if found != [target.clone()] {
            let put = events.put_targets().rule(rule).targets(target).send().await.told(action)?;
            // The call succeeds although an entry failed.
            if let Some(failed) = put.failed_entries.unwrap_or_default().first() {
                let reason = failed.error_message().or(failed.error_code()).unwrap_or("refused").to_owned();
                return Err(WiringError::Call { action: action(), reason });
            }
            changes.add(format!("aimed the rule {rule} at {}", function.name));
        }
        Ok(())
    }

    /// Lets the rule, and no other, call the function.
    async fn permission(&self, function: &Function, rule: &str, changes: &mut Changes) -> Result<(), WiringError> {
        let lambda = &self.clients.lambda;
        let name = &function.name;
        let sid = format!("rule-{rule}");
        let source = self.automation.rule_arn(rule);
        let found = lambda.get_policy().function_name(name).send().await;
        let found = found.if_there(|| format!("look at who may call {name}"))?.and_then(|found| found.policy);
        let policy: Value = found.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let statements = policy.get("Statement").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        if let Some(statement) = statements.iter().find(|statement| statement.get("Sid") == Some(&Value::from(&*sid))) {
            let allowed = statement.pointer("/Condition/ArnLike/AWS:SourceArn").and_then(Value::as_str);
            if allowed == Some(&source) {
                return Ok(());
            }
            let remove = lambda.remove_permission().function_name(name).statement_id(&sid);
            remove.send().await.told(|| format!("take back the right of another rule to call {name}"))?;
        }
        let add = lambda
            .add_permission()
            .function_name(name)
            .statement_id(sid)
            .action("lambda:InvokeFunction")
            .principal("events.amazonaws.com")
            .source_arn(source);
        add.send().await.told(|| format!("let the rule {rule} call {name}"))?;
        changes.add(format!("let the rule {rule} call {name}"));
        Ok(())
    }
}
