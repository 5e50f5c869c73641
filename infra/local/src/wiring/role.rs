//! The role of a function, and its log group.

use serde_json::Value;

use super::clients::{Told, WiringError, needed};
use super::documents;
use super::wired::Changes;
use super::{Wiring, WiringOptions};
use crate::automation::Function;

/// The one inline policy of a role.
const POLICY_NAME: &str = "statements";

impl Wiring {
    /// The role with exactly the function's statements; its ARN.
    pub(super) async fn role(
        &self,
        function: &Function,
        options: &WiringOptions,
        changes: &mut Changes,
    ) -> Result<String, WiringError> {
        let iam = &self.clients.iam;
        let name = &function.name;
        let trust = documents::role_trust();
        let action = || format!("look at the role {name}");
        let role = match iam.get_role().role_name(name).send().await.if_there(action)? {
            Some(found) => needed(found.role, action, "role")?,
            None => {
                let action = || format!("create the role {name}");
                let create = iam.create_role().role_name(name).assume_role_policy_document(trust.to_string());
                let created = create.description(&function.description).send().await.told(action)?;
                changes.add(format!("created the role {name}"));
                needed(created.role, action, "role")?
            }
        };
        if role.assume_role_policy_document().and_then(document) != Some(trust.clone()) {
            let update = iam.update_assume_role_policy().role_name(name).policy_document(trust.to_string());
            update.send().await.told(|| format!("set who may take the role {name}"))?;
            changes.add(format!("set who may take the role {name}"));
        }
        let policy = documents::role_policy(function, options.without_statement.as_deref());
        let found = iam.get_role_policy().role_name(name).policy_name(POLICY_NAME).send().await;
        let found = found.if_there(|| format!("look at the policy of the role {name}"))?;
        if found.and_then(|found| document(found.policy_document())) != Some(policy.clone()) {
            let put = iam.put_role_policy().role_name(name).policy_name(POLICY_NAME);
            put.policy_document(policy.to_string())
                .send()
                .await
                .told(|| format!("set the policy of the role {name}"))?;
            changes.add(format!("set the policy of the role {name}"));
        }
        Ok(role.arn)
    }

    /// The log group with its retention. Lambda would create one that never forgets.
    pub(super) async fn log_group(&self, function: &Function, changes: &mut Changes) -> Result<String, WiringError> {
        let logs = &self.clients.logs;
        let name = function.log_group();
        let days = i32::try_from(self.automation.platform.log_retention_days).unwrap_or(i32::MAX);
        let found = logs.describe_log_groups().log_group_name_prefix(&name).send().await;
        let groups = found.told(|| format!("look at the log group {name}"))?.log_groups.unwrap_or_default();
        let group = groups.into_iter().find(|group| group.log_group_name.as_deref() == Some(&name));
        if group.is_none() {
            let create = logs.create_log_group().log_group_name(&name);
            create.send().await.told(|| format!("create the log group {name}"))?;
            changes.add(format!("created the log group {name}"));
        }
        if group.and_then(|group| group.retention_in_days) != Some(days) {
            let put = logs.put_retention_policy().log_group_name(&name).retention_in_days(days);
            put.send().await.told(|| format!("set the retention of the log group {name}"))?;
            changes.add(format!("set the retention of the log group {name}"));
        }
        Ok(name)
    }
}

/// IAM answers documents percent-encoded.
fn document(encoded: &str) -> Option<Value> {
    serde_json::from_str(&percent_decoded(encoded)?).ok()
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let (high, low) = (rest.next()?, rest.next()?);
            let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            bytes.push(digit(high)? << 4 | digit(low)?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_read_encoded_and_plain() {
        let expected = serde_json::json!({ "a": "ü b" });
        for text in ["{\"a\":\"ü b\"}", "%7B%22a%22%3A%22%C3%BC%20b%22%7D"] {
            assert_eq!(document(text), Some(expected.clone()), "{text}");
        }
        assert_eq!(document("%7"), None);
    }
}
