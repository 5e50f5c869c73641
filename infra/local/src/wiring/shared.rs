//! What the functions share: the state bucket, topics and queues.

use std::collections::HashMap;

use aws_sdk_s3::types::{
    BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration, PublicAccessBlockConfiguration,
    VersioningConfiguration,
};
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::Value;

use super::Wiring;
use super::clients::{Told, WiringError, needed};
use super::documents;
use super::wired::Changes;
use crate::automation::Topic;

impl Wiring {
    /// The bucket: versioned, and closed to the public.
    pub(super) async fn bucket(&self, changes: &mut Changes) -> Result<(), WiringError> {
        let s3 = &self.clients.s3;
        let name = &self.automation.platform.state_bucket;
        let action = || format!("look at the bucket {name}");
        let versioning = match s3.get_bucket_versioning().bucket(name).send().await.if_there(action)? {
            Some(versioning) => versioning.status,
            None => {
                // us-east-1 is named by naming none.
                let location = (self.automation.region != "us-east-1").then(|| {
                    CreateBucketConfiguration::builder()
                        .location_constraint(BucketLocationConstraint::from(self.automation.region.as_str()))
                        .build()
                });
                let create = s3.create_bucket().bucket(name).set_create_bucket_configuration(location);
                create.send().await.told(|| format!("create the bucket {name}"))?;
                changes.add(format!("created the bucket {name}"));
                None
            }
        };
        if versioning != Some(BucketVersioningStatus::Enabled) {
            let on = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
            let put = s3.put_bucket_versioning().bucket(name).versioning_configuration(on);
            put.send().await.told(|| format!("version the bucket {name}"))?;
            changes.add(format!("versioned the bucket {name}"));
        }
        let closed = PublicAccessBlockConfiguration::builder()
            .block_public_acls(true)
            .ignore_public_acls(true)
            .block_public_policy(true)
            .restrict_public_buckets(true)
            .build();
        let found = s3.get_public_access_block().bucket(name).send().await.if_there(action)?;
        if found.and_then(|found| found.public_access_block_configuration).as_ref() != Some(&closed) {
            let put = s3.put_public_access_block().bucket(name).public_access_block_configuration(closed);
            put.send().await.told(|| format!("close the bucket {name} to the public"))?;
            changes.add(format!("closed the bucket {name} to the public"));
        }
        Ok(())
    }

    /// A topic; its ARN.
    pub(super) async fn topic(&self, topic: &Topic, changes: &mut Changes) -> Result<String, WiringError> {
        const DISPLAY_NAME: &str = "DisplayName";
        let sns = &self.clients.sns;
        let Topic { name, display_name } = topic;
        let arn = self.automation.topic_arn(name);
        let found = sns.get_topic_attributes().topic_arn(&arn).send().await;
        let attributes = match found.if_there(|| format!("look at the topic {name}"))? {
            Some(found) => found.attributes.unwrap_or_default(),
            None => {
                sns.create_topic().name(name).send().await.told(|| format!("create the topic {name}"))?;
                changes.add(format!("created the topic {name}"));
                HashMap::new()
            }
        };
        if attributes.get(DISPLAY_NAME) != Some(display_name) {
            let set = sns.set_topic_attributes().topic_arn(&arn).attribute_name(DISPLAY_NAME);
            set.attribute_value(display_name).send().await.told(|| format!("name the topic {name}"))?;
            changes.add(format!("set the display name of the topic {name}"));
        }
        Ok(arn)
    }

    /// A queue for failed events; its URL.
    pub(super) async fn failure_queue(&self, name: &str, changes: &mut Changes) -> Result<String, WiringError> {
        let mut wanted = vec![(
            QueueAttributeName::MessageRetentionPeriod,
            self.automation.platform.failure_retention_seconds.to_string(),
        )];
        if let Some(policy) = documents::failure_queue_policy(&self.automation, name) {
            wanted.push((QueueAttributeName::Policy, policy.to_string()));
        }
        self.queue(name, wanted, changes).await
    }

    /// A queue with these attributes; its URL.
    pub(super) async fn queue(
        &self,
        name: &str,
        mut wanted: Vec<(QueueAttributeName, String)>,
        changes: &mut Changes,
    ) -> Result<String, WiringError> {
        // Encrypted by SQS itself, as on AWS by default.
        wanted.push((QueueAttributeName::SqsManagedSseEnabled, "true".into()));
        let sqs = &self.clients.sqs;
        let action = || format!("look at the queue {name}");
        let url = match sqs.get_queue_url().queue_name(name).send().await.if_there(action)? {
            Some(found) => needed(found.queue_url, action, "URL")?,
            None => {
                let mut create = sqs.create_queue().queue_name(name);
                for (attribute, value) in &wanted {
                    create = create.attributes(attribute.clone(), value);
                }
                let action = || format!("create the queue {name}");
                let created = create.send().await.told(action)?;
                changes.add(format!("created the queue {name}"));
                return needed(created.queue_url, action, "URL");
            }
        };
        let found = sqs.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::All);
        let found = found.send().await.told(action)?.attributes.unwrap_or_default();
        let different: HashMap<_, _> = wanted
            .into_iter()
            .filter(|(attribute, value)| !found.get(attribute).is_some_and(|found| same(found, value)))
            .collect();
        if !different.is_empty() {
            let set = sqs.set_queue_attributes().queue_url(&url).set_attributes(Some(different));
            set.send().await.told(|| format!("set the attributes of the queue {name}"))?;
            changes.add(format!("set the attributes of the queue {name}"));
        }
        Ok(url)
    }
}

/// The same text, or the same JSON.
pub(super) fn same(found: &str, wanted: &str) -> bool {
    let json = |text: &str| serde_json::from_str::<Value>(text).ok();
    found == wanted || json(found).is_some_and(|found| Some(found) == json(wanted))
}
