//! The wiring as it was checked: what every reader may rely on.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The account-level things and the functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Automation {
    /// The account that everything belongs to, 12 digits.
    pub account: String,
    /// The region that everything is in, such as `us-east-1`.
    pub region: String,
    /// What the functions share.
    pub platform: Platform,
    /// The functions by name, which is the name of the file.
    pub functions: BTreeMap<String, Function>,
}

/// What the functions share: `platform.yaml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    /// The bucket that holds what the functions remember; versioned, no public access.
    pub state_bucket: String,
    /// The topic of the notices to people.
    pub notice_topic: Topic,
    /// How long a failed event is kept, in seconds.
    pub failure_retention_seconds: u32,
    /// How Lambda writes its own log lines.
    pub log_format: LogFormat,
    /// How long logs are kept, in days.
    pub log_retention_days: u32,
}

/// An SNS topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name; the ARN follows from it.
    pub name: String,
    /// What a text message shows as its sender.
    pub display_name: String,
}

/// The shape of Lambda's own log lines (START, END, REPORT).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum LogFormat {
    /// JSON objects; what the function prints as JSON stays as it is.
    #[serde(rename = "JSON")]
    Json,
    /// Plain text.
    Text,
}

/// Where a function runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// Outside the VPC, with the public AWS endpoints.
    OutsideVpc,
}

/// One function: `<name>.yaml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Name of the function, its role and its cargo package.
    pub name: String,
    /// What it does, in a sentence.
    pub description: String,
    /// 128 to 10240.
    pub memory_mb: u32,
    /// 1 to 900.
    pub timeout_seconds: u32,
    /// Where it runs.
    pub network: Network,
    /// Executions at once at most; `None` shares the account's.
    pub reserved_concurrency: Option<u32>,
    /// Variables by name.
    pub environment: BTreeMap<String, String>,
    /// What happens to an event that was accepted and then failed.
    pub asynchronous: Asynchronous,
    /// What calls it.
    pub triggers: Vec<Trigger>,
    /// Names of the topics it publishes to.
    pub publishes_to: Vec<String>,
    /// What its role may do, and nothing else.
    pub statements: Vec<Statement>,
}

/// Lambda's own retries of an asynchronous event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asynchronous {
    /// 0 to 2.
    pub retries: u32,
    /// 60 to 21600.
    pub maximum_event_age_seconds: u32,
    /// Name of the queue that gets the event afterwards.
    pub on_failure_queue: String,
}

/// What calls a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// The clock.
    Schedule(Schedule),
}

/// An EventBridge rule that fires by the clock, and its delivery to the function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Name within the function; the rule is `<function>-<name>`.
    pub name: String,
    /// `rate(...)` or `cron(...)`, in UTC.
    pub expression: String,
    /// Attempts of EventBridge to hand the event to Lambda after the first, 0 to 185.
    pub retries: u32,
    /// 60 to 86400.
    pub maximum_event_age_seconds: u32,
    /// Name of the queue that gets an event that could not be handed over.
    pub dead_letter_queue: String,
}

/// One IAM statement. All statements allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Letters and digits, unique within the function.
    pub sid: String,
    /// What the function needs it for.
    pub why: String,
    /// `service:Action`, no wildcards.
    pub actions: Vec<String>,
    /// ARNs, or `*` alone.
    pub resources: Vec<String>,
    /// Operator, then key, then values.
    pub conditions: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

impl Function {
    /// The rule's name of one of its schedules.
    #[must_use]
    pub fn rule_name(&self, schedule: &Schedule) -> String {
        format!("{}-{}", self.name, schedule.name)
    }

    /// The log group that Lambda writes to.
    #[must_use]
    pub fn log_group(&self) -> String {
        format!("/aws/lambda/{}", self.name)
    }

    /// Its schedules, in the order of the file.
    pub fn schedules(&self) -> impl Iterator<Item = &Schedule> {
        self.triggers.iter().map(|trigger| {
            let Trigger::Schedule(schedule) = trigger;
            schedule
        })
    }

    /// The queues that its failed events go to, each once.
    #[must_use]
    pub fn failure_queues(&self) -> Vec<&str> {
        let mut queues: Vec<&str> = self.schedules().map(|schedule| schedule.dead_letter_queue.as_str()).collect();
        queues.push(&self.asynchronous.on_failure_queue);
        queues.sort_unstable();
        queues.dedup();
        queues
    }
}

impl Automation {
    /// The ARN of a topic.
    #[must_use]
    pub fn topic_arn(&self, topic: &str) -> String {
        format!("arn:aws:sns:{}:{}:{topic}", self.region, self.account)
    }

    /// The ARN of a queue.
    #[must_use]
    pub fn queue_arn(&self, queue: &str) -> String {
        format!("arn:aws:sqs:{}:{}:{queue}", self.region, self.account)
    }

    /// The ARN of an EventBridge rule on the default bus.
    #[must_use]
    pub fn rule_arn(&self, rule: &str) -> String {
        format!("arn:aws:events:{}:{}:rule/{rule}", self.region, self.account)
    }

    /// The ARN of a function.
    #[must_use]
    pub fn function_arn(&self, function: &str) -> String {
        format!("arn:aws:lambda:{}:{}:function:{function}", self.region, self.account)
    }

    /// The ARN of a role.
    #[must_use]
    pub fn role_arn(&self, role: &str) -> String {
        format!("arn:aws:iam::{}:role/{role}", self.account)
    }
}
