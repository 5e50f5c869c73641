//! The state bucket: small JSON objects with conditional writes.

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use domain::ports::{Put, StateStore, Stored, Version};
use domain::{Failure, FailureKind};

use crate::failure;

/// One bucket; versioned, so that every state there ever was can be read again.
#[derive(Clone, Debug)]
pub struct StateBucket {
    client: Client,
    bucket: String,
}

impl StateBucket {
    /// The bucket of this name.
    pub fn new(sdk: &SdkConfig, bucket: impl Into<String>) -> Self {
        Self { client: Client::new(sdk), bucket: bucket.into() }
    }

    /// When the reply to a write is lost, the SDK writes again and is told that the condition no longer holds: by its
    /// own first attempt. What is there tells the two apart, since no two runs write the same bytes.
    async fn mine_or_conflict(&self, key: &str, written: &[u8]) -> Result<Put, Failure> {
        let found = self.get(key).await?;
        Ok(found.filter(|stored| stored.body == written).map_or(Put::Conflict, |stored| Put::Done(stored.version)))
    }

    fn doing(&self, what: &str, key: &str) -> String {
        format!("{what} s3://{}/{key}", self.bucket)
    }
}

impl StateStore for StateBucket {
    async fn get(&self, key: &str) -> Result<Option<Stored>, Failure> {
        let doing = self.doing("read", key);
        let object = match self.client.get_object().bucket(&self.bucket).key(key).send().await {
            Ok(object) => object,
            Err(error) if matches!(error.as_service_error(), Some(GetObjectError::NoSuchKey(_))) => return Ok(None),
            Err(error) => return Err(failure(&doing, &error)),
        };
        let version = version(object.e_tag, &doing)?;
        let body = object
            .body
            .collect()
            .await
            .map_err(|error| Failure::from_error(FailureKind::Transient, &error).while_doing(&doing))?;
        Ok(Some(Stored { body: body.to_vec(), version }))
    }

    async fn put(&self, key: &str, body: Vec<u8>, expected: Option<&Version>) -> Result<Put, Failure> {
        let doing = self.doing("write", key);
        let put = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .content_type("application/json")
            .body(body.clone().into());
        let put = match expected {
            Some(version) => put.if_match(&version.0),
            None => put.if_none_match("*"),
        };
        match put.send().await {
            Ok(answer) => version(answer.e_tag, &doing).map(Put::Done),
            Err(error) => {
                // 409: two conditional writes at the same moment. 404: the object that `If-Match` names is gone.
                let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
                match code {
                    Some("PreconditionFailed" | "ConditionalRequestConflict") => {
                        self.mine_or_conflict(key, &body).await
                    }
                    Some("NoSuchKey") if expected.is_some() => Ok(Put::Conflict),
                    _ => Err(failure(&doing, &error)),
                }
            }
        }
    }
}

fn version(etag: Option<String>, doing: &str) -> Result<Version, Failure> {
    etag.map(Version).ok_or_else(|| Failure::new(FailureKind::Permanent, format!("{doing}: the answer has no ETag")))
}
