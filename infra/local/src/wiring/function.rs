//! A function: code, configuration, concurrency, and what happens to events that fail.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    Architecture, DestinationConfig, Environment, FunctionCode, LastUpdateStatus, LogFormat, LoggingConfig, OnFailure,
    Runtime, State,
};

use super::Wiring;
use super::clients::{Told, WiringError};
use super::poll::until;
use super::wired::Changes;
use crate::automation;
use crate::automation::Function;
use crate::package::Package;

/// Lambda ignores it for an OS-only runtime, but wants one.
const HANDLER: &str = "bootstrap";
/// Lambda answers within some seconds; the local one within half a second.
const READY: Duration = Duration::from_secs(30);

impl Wiring {
    /// The function with its code and configuration.
    pub(super) async fn function(
        &self,
        function: &Function,
        package: &Package,
        environment: HashMap<String, String>,
        changes: &mut Changes,
    ) -> Result<(), WiringError> {
        let lambda = &self.clients.lambda;
        let name = &function.name;
        let role = self.automation.role_arn(name);
        let logging = self.logging(function);
        let memory = number(function.memory_mb);
        let timeout = number(function.timeout_seconds);
        let Some(found) = self.configuration(name).await? else {
            let create = lambda
                .create_function()
                .function_name(name)
                .description(&function.description)
                .role(&role)
                .runtime(Runtime::Providedal2023)
                .architectures(Architecture::X8664)
                .handler(HANDLER)
                .code(FunctionCode::builder().zip_file(Blob::new(package.zip.clone())).build())
                .environment(Environment::builder().set_variables(Some(environment)).build())
                .memory_size(memory)
                .timeout(timeout)
                .logging_config(logging);
            create.send().await.told(|| format!("create the function {name}"))?;
            changes.add(format!("created the function {name}"));
            return self.ready(name).await;
        };
        if found.code_sha256.as_deref() != Some(&package.code_sha256) {
            let update = lambda.update_function_code().function_name(name).zip_file(Blob::new(package.zip.clone()));
            update.send().await.told(|| format!("update the code of the function {name}"))?;
            changes.add(format!("updated the code of the function {name}"));
            self.ready(name).await?;
        }
        let variables = found.environment.and_then(|found| found.variables).unwrap_or_default();
        let as_wanted = found.role.as_ref() == Some(&role)
            && found.description.as_ref() == Some(&function.description)
            && found.memory_size == Some(memory)
            && found.timeout == Some(timeout)
            && found.logging_config.as_ref().is_some_and(|found| found.log_format == logging.log_format)
            && variables == environment;
        if !as_wanted {
            let update = lambda
                .update_function_configuration()
                .function_name(name)
                .description(&function.description)
                .role(&role)
                .environment(Environment::builder().set_variables(Some(environment)).build())
                .memory_size(memory)
                .timeout(timeout)
                .logging_config(logging);
            update.send().await.told(|| format!("configure the function {name}"))?;
            changes.add(format!("configured the function {name}"));
            self.ready(name).await?;
        }
        Ok(())
    }

    fn logging(&self, function: &Function) -> LoggingConfig {
        let format = match self.automation.platform.log_format {
            automation::LogFormat::Json => LogFormat::Json,
            automation::LogFormat::Text => LogFormat::Text,
        };
        LoggingConfig::builder().log_format(format).log_group(function.log_group()).build()
    }

    async fn configuration(&self, name: &str) -> Result<Option<GetFunctionConfigurationOutput>, WiringError> {
        let found = self.clients.lambda.get_function_configuration().function_name(name).send().await;
        found.if_there(|| format!("look at the function {name}"))
    }

    /// Waits until the function takes calls and changes again.
    async fn ready(&self, name: &str) -> Result<(), WiringError> {
        until(READY, format!("the function {name} becoming active"), async || {
            let found = self.configuration(name).await?;
            Ok(found.filter(|found| {
                found.state == Some(State::Active) && found.last_update_status == Some(LastUpdateStatus::Successful)
            }))
        })
        .await
        .map(drop)
    }

    /// Executions at once, and the retries and the queue of events that fail.
    pub(super) async fn limits(&self, function: &Function, changes: &mut Changes) -> Result<(), WiringError> {
        let lambda = &self.clients.lambda;
        let name = &function.name;
        let found = lambda.get_function_concurrency().function_name(name).send().await;
        let found = found.told(|| format!("look at the concurrency of {name}"))?.reserved_concurrent_executions;
        let wanted = function.reserved_concurrency.map(number);
        if found != wanted {
            let action = || format!("set the concurrency of {name}");
            match wanted {
                Some(limit) => {
                    let put = lambda.put_function_concurrency().function_name(name);
                    put.reserved_concurrent_executions(limit).send().await.told(action)?;
                }
                None => {
                    lambda.delete_function_concurrency().function_name(name).send().await.told(action)?;
                }
            }
            changes.add(format!("set the concurrency of {name}"));
        }

        let asynchronous = &function.asynchronous;
        let retries = number(asynchronous.retries);
        let age = number(asynchronous.maximum_event_age_seconds);
        let queue = self.automation.queue_arn(&asynchronous.on_failure_queue);
        let found = lambda.get_function_event_invoke_config().function_name(name).send().await;
        let found = found.if_there(|| format!("look at the retries of {name}"))?;
        let as_wanted = found.is_some_and(|found| {
            let failed = found.destination_config.and_then(|destinations| destinations.on_failure);
            found.maximum_retry_attempts == Some(retries)
                && found.maximum_event_age_in_seconds == Some(age)
                && failed.and_then(|failed| failed.destination).as_ref() == Some(&queue)
        });
        if !as_wanted {
            let failed = OnFailure::builder().destination(queue).build();
            let put = lambda
                .put_function_event_invoke_config()
                .function_name(name)
                .maximum_retry_attempts(retries)
                .maximum_event_age_in_seconds(age)
                .destination_config(DestinationConfig::builder().on_failure(failed).build());
            put.send().await.told(|| format!("set the retries of {name}"))?;
            changes.add(format!("set the retries and the failure queue of {name}"));
        }
        Ok(())
    }
}

/// The checked numbers of a description are far below the largest `i32`.
pub(super) fn number(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}
