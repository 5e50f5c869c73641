//! The SDK's shared configuration.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::{
    HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use crate::config::Vars;

/// Attempts of one call, the first included. With the SDK's backoff (at most a second, then two) a call that keeps
/// being throttled costs about three seconds of the deadline; what lasts longer is left to the next run.
const ATTEMPTS: u32 = 3;
/// A connection inside a region takes milliseconds; 3 s is one lost SYN.
const CONNECT: Duration = Duration::from_secs(3);
/// The slowest call we make is a page of Cost Explorer: seconds.
const ATTEMPT: Duration = Duration::from_secs(10);

/// One configuration, and one HTTP client in it, for all clients of the process.
///
/// Region, credentials and endpoints come from the environment, where Lambda and the local platform put them. Nothing
/// else is asked: no profile, no metadata server. `aws_config::load` would bring the code for those along, STS and all,
/// although it is never reached.
pub(crate) fn sdk_config() -> SdkConfig {
    let variable = |name: &str| Vars::from_environment().text(name);
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .http_client(http_client())
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ATTEMPT).build())
        .service_config(OfTheService(variable));
    config.set_region(variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION")).map(Region::new));
    config.build()
}

/// The SDK's variables that each service may have of its own, `AWS_ENDPOINT_URL_S3` before `AWS_ENDPOINT_URL`.
struct OfTheService<F>(F);

impl<F> std::fmt::Debug for OfTheService<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OfTheService")
    }
}

impl<F: Fn(&str) -> Option<String> + Send + Sync> LoadServiceConfig for OfTheService<F> {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().to_uppercase().replace(' ', "_");
        (self.0)(&format!("{}_{service}", key.env())).or_else(|| (self.0)(key.env()))
    }
}

/// One connector, made now: one pool, and one root store. The SDK's own client parses every authority once for each
/// client that is made, throws that away, and does it again in the first call.
fn http_client() -> SharedHttpClient {
    // What a connector takes from the time-outs: how long to connect, and nothing for reading, which ATTEMPT bounds.
    let settings = HttpConnectorSettings::builder().connect_timeout(CONNECT).build();
    let tls = Provider::Rustls(CryptoMode::AwsLc);
    let connector = Connector::builder().tls_provider(tls).connector_settings(settings).build();
    let connector = SharedHttpConnector::new(connector);
    http_client_fn(move |_, _| connector.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_has_its_own_endpoint_before_the_one_of_all() {
        let variables = OfTheService(|name: &str| match name {
            "AWS_ENDPOINT_URL" => Some("http://all".to_owned()),
            "AWS_ENDPOINT_URL_COST_EXPLORER" => Some("http://bill".to_owned()),
            _ => None,
        });
        let endpoint = |service: &str| {
            let key = ServiceConfigKey::builder().service_id(service).profile("endpoint_url").env("AWS_ENDPOINT_URL");
            variables.load_config(key.build().unwrap())
        };
        assert_eq!(endpoint("Cost Explorer").as_deref(), Some("http://bill"));
        assert_eq!(endpoint("SNS").as_deref(), Some("http://all"));
    }
}
