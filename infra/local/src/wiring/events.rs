//! Events in, notices out.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{InvocationType, LogType};
use aws_sdk_sqs::types::QueueAttributeName;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::Wiring;
use super::clients::{Told, WiringError, needed};
use super::documents;
use super::logs::{self, Finished};
use super::poll::until;
use super::wired::Changes;

/// A message that a topic sent to a subscribed queue: SNS's envelope.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Notice {
    /// SNS's id of the message.
    pub message_id: String,
    /// The topic it came from.
    pub topic_arn: String,
    /// The subject, under 100 characters, if it has one.
    pub subject: Option<String>,
    /// The text.
    pub message: String,
    /// Attributes, by name.
    #[serde(default)]
    message_attributes: BTreeMap<String, Attribute>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attribute {
    value: String,
}

impl Notice {
    /// The id by which a subscriber knows a notice that it has read.
    pub fn id(&self) -> Option<&str> {
        self.message_attributes.get("notice_id").map(|attribute| attribute.value.as_str())
    }
}

impl Wiring {
    /// Hands an event to a function as EventBridge and SNS do: asynchronously, with Lambda's own retries after that.
    /// Returns when Lambda has accepted it.
    ///
    /// # Errors
    /// When Lambda does not accept it.
    pub async fn deliver(&self, function: &str, event: &Value) -> Result<(), WiringError> {
        let invoke = self.clients.lambda.invoke().function_name(function).invocation_type(InvocationType::Event);
        let sent = invoke.payload(Blob::new(event.to_string())).send().await;
        sent.told(|| format!("deliver an event to {function}")).map(drop)
    }

    /// Hands an event to a function, waits for it, and reads what it said of this very invocation.
    ///
    /// # Errors
    /// When Lambda does not accept it, or the function said nothing in time.
    pub async fn call(&self, function: &str, event: &Value, within: Duration) -> Result<Finished, WiringError> {
        let invoke = self.clients.lambda.invoke().function_name(function).log_type(LogType::Tail);
        let answered = invoke.payload(Blob::new(event.to_string())).send().await.told(|| format!("call {function}"))?;
        let tail = answered.log_result.and_then(|tail| STANDARD.decode(tail).ok()).unwrap_or_default();
        let request = logs::last_request(&String::from_utf8_lossy(&tail)).unwrap_or_default().to_owned();
        self.wait_for_request(function, &request, within).await
    }

    /// Delivers the event of a schedule as of a time, and returns the event's id.
    ///
    /// # Errors
    /// When there is no such schedule, or Lambda does not accept the event.
    pub async fn play_schedule(&self, function: &str, schedule: &str, at: Timestamp) -> Result<String, WiringError> {
        let described = self.automation.functions.get(function);
        let found = described.and_then(|described| {
            described.schedules().find(|entry| entry.name == schedule).map(|entry| (described, entry))
        });
        let Some((described, entry)) = found else {
            return Err(WiringError::Options(format!("{function} has no schedule {schedule}")));
        };
        let event = documents::played_schedule(&self.automation, described, entry, at);
        self.deliver(function, &event).await?;
        Ok(event.get("id").and_then(Value::as_str).unwrap_or_default().to_owned())
    }

    /// A queue that gets every message of a topic from now on; its URL. Doing it again changes nothing.
    ///
    /// # Errors
    /// When a call is refused.
    pub async fn subscribe_queue(&self, topic: &str, queue: &str) -> Result<String, WiringError> {
        let policy = documents::subscriber_queue_policy(&self.automation, queue, topic).to_string();
        let url = self.queue(queue, vec![(QueueAttributeName::Policy, policy)], &mut Changes::default()).await?;
        // SNS answers the subscription that is there already.
        let subscribe = self
            .clients
            .sns
            .subscribe()
            .topic_arn(self.automation.topic_arn(topic))
            .protocol("sqs")
            .endpoint(self.automation.queue_arn(queue));
        subscribe.send().await.told(|| format!("subscribe the queue {queue} to the topic {topic}"))?;
        Ok(url)
    }

    /// Takes all notices out of a subscribed queue, in the order in which they came out.
    ///
    /// # Errors
    /// When a call is refused, or a message is not SNS's envelope.
    pub async fn take_notices(&self, queue_url: &str) -> Result<Vec<Notice>, WiringError> {
        read_notices(queue_url, self.take_messages(queue_url).await?)
    }

    /// Waits until a subscribed queue has given this many notices, and takes them out.
    ///
    /// # Errors
    /// As [`Wiring::take_notices`], and when fewer came in time; those are gone then.
    pub async fn wait_for_notices(
        &self,
        queue_url: &str,
        count: usize,
        within: Duration,
    ) -> Result<Vec<Notice>, WiringError> {
        read_notices(queue_url, self.wait_for_messages(queue_url, count, within).await?)
    }

    /// Waits until a queue has given this many messages, and takes them out.
    ///
    /// # Errors
    /// As [`Wiring::take_messages`], and when fewer came in time; those are gone then.
    pub async fn wait_for_messages(
        &self,
        queue_url: &str,
        count: usize,
        within: Duration,
    ) -> Result<Vec<String>, WiringError> {
        let mut bodies = Vec::new();
        until(within, format!("{count} messages arriving in {queue_url}"), async || {
            bodies.extend(self.take_messages(queue_url).await?);
            Ok((bodies.len() >= count).then(|| std::mem::take(&mut bodies)))
        })
        .await
    }

    /// Takes the bodies of all messages out of a queue, such as one of failed events.
    ///
    /// # Errors
    /// When a call is refused.
    pub async fn take_messages(&self, queue_url: &str) -> Result<Vec<String>, WiringError> {
        const MOST_AT_ONCE: i32 = 10;
        let sqs = &self.clients.sqs;
        let mut bodies = Vec::new();
        loop {
            let receive = sqs.receive_message().queue_url(queue_url).max_number_of_messages(MOST_AT_ONCE);
            let received = receive.send().await.told(|| format!("read {queue_url}"))?.messages.unwrap_or_default();
            if received.is_empty() {
                return Ok(bodies);
            }
            for message in received {
                let delete = sqs.delete_message().queue_url(queue_url).set_receipt_handle(message.receipt_handle);
                delete.send().await.told(|| format!("remove a message from {queue_url}"))?;
                bodies.extend(message.body);
            }
        }
    }
}

fn read_notices(queue_url: &str, bodies: Vec<String>) -> Result<Vec<Notice>, WiringError> {
    let read = |body: String| serde_json::from_str(&body).ok();
    let action = || format!("read a notice from {queue_url}");
    bodies.into_iter().map(|body| needed(read(body), action, "SNS envelope")).collect()
}
