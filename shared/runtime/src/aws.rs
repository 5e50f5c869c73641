//! The SDK's shared configuration.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

/// Attempts of one call, the first included. With the SDK's backoff (at most a second, then two) a call that keeps
/// being throttled costs about three seconds of the deadline; what lasts longer is left to the next run.
const ATTEMPTS: u32 = 3;
/// A connection inside a region takes milliseconds; 3 s is one lost SYN.
const CONNECT: Duration = Duration::from_secs(3);
/// The slowest call we make is a page of Cost Explorer: seconds.
const ATTEMPT: Duration = Duration::from_secs(10);

/// One configuration, and one HTTP client in it, for all clients of the process: the pool and the root store are
/// made once. Credentials come from the environment, where Lambda puts them; no other provider is asked.
pub(crate) async fn sdk_config() -> SdkConfig {
    let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build_https();
    aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(http)
        .credentials_provider(EnvironmentVariableCredentialsProvider::new())
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ATTEMPT).build())
        .load()
        .await
}
