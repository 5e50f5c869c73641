//! A platform of parts for one test, and clients of it.

use std::io::{Cursor, Write};
use std::sync::Arc;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_lambda::operation::invoke::InvokeOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{FunctionCode, Runtime};
use aws_sdk_s3::config::Credentials;
use aws_sdk_s3::error::ProvideErrorMetadata;
use local_platform::gateway::{Gateway, SimulatedRequest, SimulatedResponse, Simulator};
use local_platform::parts::{Ministack, MinistackOptions, PythonEnvironment};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::timeout;

/// Longer than anything a test waits for takes.
pub const SOON: Duration = Duration::from_secs(15);

pub struct World {
    pub gateway: Gateway,
    pub ministack: Ministack,
    python: PythonEnvironment,
    _directory: TempDir,
}

/// Says that nothing was spent, to whoever may ask.
struct CostExplorer;

impl Simulator for CostExplorer {
    fn covers(&self, service: &str, _operation: &str) -> bool {
        service == "ce"
    }

    fn handle(&self, _request: &SimulatedRequest) -> SimulatedResponse {
        SimulatedResponse::json(&json!({ "ResultsByTime": [] }))
    }
}

impl World {
    pub async fn start() -> Self {
        let python = PythonEnvironment::prepare(&|step: &str| eprintln!("{step}")).await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        let gateway = Gateway::start(vec![Arc::new(CostExplorer)]).await.unwrap();
        let options = MinistackOptions::new(gateway.url(), directory.path());
        let ministack = Ministack::start(&python, options).await.unwrap();
        gateway.connect(ministack.upstream());
        Self { gateway, ministack, python, _directory: directory }
    }

    pub async fn stop(self) {
        self.gateway.stop().await;
        self.ministack.stop().await.unwrap();
    }

    /// The account's root.
    pub fn root(&self) -> Client {
        self.client("test", "test")
    }

    /// A new user with one statement.
    pub async fn user(&self, name: &str, statement: &str) -> Client {
        let iam = self.root().iam().await;
        iam.create_user().user_name(name).send().await.unwrap();
        let policy = format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#);
        iam.put_user_policy().user_name(name).policy_name("p").policy_document(policy).send().await.unwrap();
        let key = iam.create_access_key().user_name(name).send().await.unwrap().access_key.unwrap();
        self.client(key.access_key_id(), key.secret_access_key())
    }

    /// A new role for functions, with one statement; its ARN.
    pub async fn role(&self, name: &str, statement: &str) -> String {
        let iam = self.root().iam().await;
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
        let role = iam.create_role().role_name(name).assume_role_policy_document(trust).send().await.unwrap();
        let policy = format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#);
        iam.put_role_policy().role_name(name).policy_name("p").policy_document(policy).send().await.unwrap();
        role.role.unwrap().arn
    }

    /// A new queue that everybody may send to.
    pub async fn queue(&self, name: &str) -> Queue {
        let sqs = aws_sdk_sqs::Client::new(&self.root().config().await);
        let url = sqs.create_queue().queue_name(name).send().await.unwrap().queue_url.unwrap();
        let arn = format!("arn:aws:sqs:us-east-1:123456789012:{name}");
        let policy = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":"*","Action":"sqs:SendMessage","Resource":"{arn}"}}]}}"#
        );
        let attribute = aws_sdk_sqs::types::QueueAttributeName::Policy;
        sqs.set_queue_attributes().queue_url(&url).attributes(attribute, policy).send().await.unwrap();
        Queue { sqs, url, arn }
    }

    /// Runs a script as root.
    pub async fn python(&self, script: &str) {
        let mut command = tokio::process::Command::new(self.python.interpreter());
        command.args(["-c", script]).env("AWS_ENDPOINT_URL", self.gateway.url()).env("AWS_DEFAULT_REGION", "us-east-1");
        command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
        let output = command.output().await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// The function `writer`, which puts `state/<key of its event>` and may do just that, and a client to invoke it.
    pub async fn writer(&self) -> aws_sdk_lambda::Client {
        let statement = r#"{"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::state/*"}"#;
        let role = self.role("writer", statement).await;
        let bootstrap =
            include_str!("../bootstrap.py").replace("{python}", &self.python.interpreter().display().to_string());
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
        zip.start_file("bootstrap", options).unwrap();
        zip.write_all(bootstrap.as_bytes()).unwrap();
        let code = FunctionCode::builder().zip_file(Blob::new(zip.finish().unwrap().into_inner())).build();
        let lambda = self.root().lambda().await;
        let create = lambda.create_function().function_name("writer").role(&role).runtime(Runtime::Providedal2023);
        create.handler("bootstrap").timeout(20).code(code).send().await.unwrap();
        lambda
    }

    fn client(&self, key: &str, secret: &str) -> Client {
        Client { url: self.gateway.url(), key: key.to_owned(), secret: secret.to_owned() }
    }
}

/// Who calls: makes clients of the services.
pub struct Client {
    url: String,
    key: String,
    secret: String,
}

impl Client {
    pub fn with_secret(self, secret: &str) -> Self {
        Self { secret: secret.to_owned(), ..self }
    }

    async fn config(&self) -> SdkConfig {
        aws_config::defaults(BehaviorVersion::latest())
            .endpoint_url(&self.url)
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new(&self.key, &self.secret, None, None, "test"))
            .load()
            .await
    }

    pub async fn s3(&self) -> aws_sdk_s3::Client {
        aws_sdk_s3::Client::new(&self.config().await)
    }

    pub async fn sns(&self) -> aws_sdk_sns::Client {
        aws_sdk_sns::Client::new(&self.config().await)
    }

    pub async fn iam(&self) -> aws_sdk_iam::Client {
        aws_sdk_iam::Client::new(&self.config().await)
    }

    pub async fn lambda(&self) -> aws_sdk_lambda::Client {
        aws_sdk_lambda::Client::new(&self.config().await)
    }

    pub async fn events(&self) -> aws_sdk_eventbridge::Client {
        aws_sdk_eventbridge::Client::new(&self.config().await)
    }

    /// Asks Cost Explorer for a day; code and message of a refusal.
    pub async fn cost(&self) -> Result<(), (String, String)> {
        use aws_sdk_costexplorer::types::{DateInterval, Granularity};
        let client = aws_sdk_costexplorer::Client::new(&self.config().await);
        let day = DateInterval::builder().start("2026-03-04").end("2026-03-05").build().unwrap();
        let query = client.get_cost_and_usage().time_period(day).granularity(Granularity::Daily);
        let answer = query.metrics("UnblendedCost").send().await;
        answer.map(|_| ()).map_err(|error| {
            let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
            (text(error.code()), text(error.message()))
        })
    }
}

/// A queue to receive from.
pub struct Queue {
    sqs: aws_sdk_sqs::Client,
    url: String,
    pub arn: String,
}

impl Queue {
    /// The body of the next message.
    pub async fn receive(&self) -> Value {
        let receive = async {
            loop {
                let receive = self.sqs.receive_message().queue_url(&self.url).wait_time_seconds(1);
                if let Some(message) = receive.send().await.unwrap().messages().first() {
                    return serde_json::from_str(message.body().unwrap()).unwrap();
                }
            }
        };
        timeout(SOON, receive).await.unwrap()
    }
}

/// What a function answered.
pub fn answer(output: &InvokeOutput) -> Value {
    serde_json::from_slice(output.payload().unwrap().as_ref()).unwrap()
}

/// Whether a process runs (a zombie does not).
pub fn is_alive(pid: u64) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && !line.contains('Z'))
}

/// Whether a process ends in time.
pub async fn ends(pid: u64, within: Duration) -> bool {
    let gone = async {
        while is_alive(pid) {
            tokio::task::yield_now().await
        }
    };
    timeout(within, gone).await.is_ok()
}
