//! Notices through an SNS topic.

use aws_config::SdkConfig;
use aws_sdk_sns::Client;
use aws_sdk_sns::types::MessageAttributeValue;
use domain::ports::NoticeTopic;
use domain::{Failure, FailureKind, Notice};

use crate::failure;

/// One topic. A standard topic, because a FIFO topic cannot send email; the notice's id goes along as the message
/// attribute `notice_id`, by which a subscriber knows a repeated notice.
#[derive(Clone, Debug)]
pub struct Topic {
    client: Client,
    arn: String,
}

impl Topic {
    /// The topic with this ARN.
    pub fn new(sdk: &SdkConfig, arn: impl Into<String>) -> Self {
        Self { client: Client::new(sdk), arn: arn.into() }
    }
}

impl NoticeTopic for Topic {
    async fn publish(&self, notice: &Notice) -> Result<(), Failure> {
        let id = MessageAttributeValue::builder()
            .data_type("String")
            .string_value(&notice.id)
            .build()
            .map_err(|error| Failure::from_error(FailureKind::Permanent, &error))?;
        self.client
            .publish()
            .topic_arn(&self.arn)
            .subject(&notice.subject)
            .message(&notice.body)
            .message_attributes("notice_id", id)
            .send()
            .await
            .map(drop)
            .map_err(|error| failure(&format!("publish notice {} to {}", notice.id, self.arn), &error))
    }
}
