//! The Lambda function `cost-check`.

use std::process::ExitCode;

use aws::cost_explorer::CostExplorer;
use aws::sns::Topic;
use aws::state::StateBucket;
use cost_check::config::{Config, Policy};
use cost_check::run::{World, run};
use domain::Envelope;
use runtime::{ConfigError, Function, Invocation, Outcome, SdkConfig, Vars};

struct CostCheck {
    policy: Policy,
    world: World<StateBucket, Topic, CostExplorer>,
}

impl Function for CostCheck {
    const NAME: &'static str = "cost-check";
    type Config = Config;

    fn configure(vars: Vars<'_>) -> Result<Config, ConfigError> {
        Config::from_vars(vars)
    }

    fn start(config: Config, sdk: &SdkConfig) -> Self {
        let world = World {
            store: StateBucket::new(sdk, config.state_bucket),
            topic: Topic::new(sdk, config.topic_arn),
            bill: CostExplorer::new(sdk),
        };
        Self { policy: config.policy, world }
    }

    async fn handle(&self, envelope: Envelope, invocation: &Invocation) -> Outcome {
        run(&self.policy, &self.world, envelope, &invocation.request_id, invocation.dry_run).await
    }
}

fn main() -> ExitCode {
    runtime::run::<CostCheck>()
}
