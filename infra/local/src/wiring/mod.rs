//! Creates on the local platform what `infra/automation/` describes: the state bucket, topics, queues, roles, log
//! groups, functions, rules. [`documents`] builds what AWS is given and makes no call; the rest makes the calls.
//!
//! Every step first looks and then changes only what differs: a second run changes nothing, and a run after one that
//! stopped half-way goes on from there. On AWS Terraform does this from the same files.

mod clients;
pub mod documents;
mod events;
mod function;
mod logs;
mod poll;
mod role;
mod rule;
mod shared;
mod wired;

use std::collections::{BTreeMap, HashMap};

use crate::automation::{Automation, Function};
use crate::package::Package;

pub use clients::{Clients, WiringError};
pub use events::Notice;
pub use logs::{Finished, LogLine, Report};
use wired::Changes;
pub use wired::{Wired, WiredFunction};

/// The wiring of one local platform, and the means to send events through it and to read what came out.
#[derive(Clone, Debug)]
pub struct Wiring {
    automation: Automation,
    clients: Clients,
}

/// How a wiring differs from the description. The default is not at all.
#[derive(Clone, Debug, Default)]
pub struct WiringOptions {
    /// Values in place of those described. A name that no function describes is an error.
    pub environment: BTreeMap<String, String>,
    /// Variables that only the local platform needs, given to every function. A described name is an error.
    pub local_environment: BTreeMap<String, String>,
    /// The `sid` of a statement that every role is made without: to show what it is for.
    pub without_statement: Option<String>,
    /// Other expressions for rules, by the rule's name: to see a schedule fire by itself.
    pub schedule_expressions: BTreeMap<String, String>,
}

impl Wiring {
    /// The wiring at an endpoint. Nothing is called yet.
    #[must_use]
    pub fn connect(endpoint: &str, automation: Automation) -> Self {
        let clients = Clients::connect(endpoint, &automation.region);
        Self { automation, clients }
    }

    /// The description it follows.
    #[must_use]
    pub fn automation(&self) -> &Automation {
        &self.automation
    }

    /// The root's clients, for a look that has no method here.
    #[must_use]
    pub fn clients(&self) -> &Clients {
        &self.clients
    }

    /// Makes everything as described. `packages` holds the code of every function, by name.
    ///
    /// # Errors
    /// Options that do not fit the description and a missing package, both before anything is called; then the first
    /// call that is refused.
    pub async fn wire(
        &self,
        packages: &BTreeMap<String, Package>,
        options: &WiringOptions,
    ) -> Result<Wired, WiringError> {
        let Self { automation, .. } = self;
        options.check(automation)?;
        for name in automation.functions.keys() {
            if !packages.contains_key(name) {
                return Err(WiringError::Options(format!("there is no package of the function {name}")));
            }
        }
        let mut changes = Changes::default();
        self.bucket(&mut changes).await?;
        let notice_topic_arn = self.topic(&automation.platform.notice_topic, &mut changes).await?;
        let mut failure_queue_urls = BTreeMap::new();
        for queue in automation.functions.values().flat_map(Function::failure_queues) {
            if !failure_queue_urls.contains_key(queue) {
                failure_queue_urls.insert(queue.to_owned(), self.failure_queue(queue, &mut changes).await?);
            }
        }
        let mut functions = BTreeMap::new();
        for (name, function) in &automation.functions {
            if let Some(package) = packages.get(name) {
                let wired = self.function_and_triggers(function, package, options, &mut changes).await?;
                functions.insert(name.clone(), wired);
            }
        }
        Ok(Wired {
            bucket: automation.platform.state_bucket.clone(),
            notice_topic_arn,
            failure_queue_urls,
            functions,
            changes: changes.0,
        })
    }

    async fn function_and_triggers(
        &self,
        function: &Function,
        package: &Package,
        options: &WiringOptions,
        changes: &mut Changes,
    ) -> Result<WiredFunction, WiringError> {
        let role_arn = self.role(function, options, changes).await?;
        let log_group = self.log_group(function, changes).await?;
        self.function(function, package, options.environment_of(function), changes).await?;
        self.limits(function, changes).await?;
        let mut rule_arns = BTreeMap::new();
        for schedule in function.schedules() {
            rule_arns.insert(schedule.name.clone(), self.rule(function, schedule, options, changes).await?);
        }
        Ok(WiredFunction { arn: self.automation.function_arn(&function.name), role_arn, log_group, rule_arns })
    }
}

impl WiringOptions {
    /// The variables of a function: described, then overridden, then those of the local platform.
    #[must_use]
    pub fn environment_of(&self, function: &Function) -> HashMap<String, String> {
        let mut variables: HashMap<String, String> = function.environment.clone().into_iter().collect();
        for (name, value) in &mut variables {
            if let Some(instead) = self.environment.get(name) {
                value.clone_from(instead);
            }
        }
        variables.extend(self.local_environment.clone());
        variables
    }

    fn check(&self, automation: &Automation) -> Result<(), WiringError> {
        let Self { environment, local_environment, without_statement, schedule_expressions } = self;
        let functions = || automation.functions.values();
        let described = |name: &String| functions().any(|function| function.environment.contains_key(name));
        if let Some(name) = environment.keys().find(|name| !described(name)) {
            return Err(WiringError::Options(format!("no function describes the variable {name}")));
        }
        if let Some(name) = local_environment.keys().find(|name| described(name)) {
            return Err(WiringError::Options(format!("the variable {name} is described: override it instead")));
        }
        if let Some(sid) = without_statement
            && !functions().any(|function| function.statements.iter().any(|statement| statement.sid == *sid))
        {
            return Err(WiringError::Options(format!("no function has a statement {sid}")));
        }
        let is_rule = |rule: &String| {
            functions().any(|function| function.schedules().any(|schedule| function.rule_name(schedule) == *rule))
        };
        if let Some(rule) = schedule_expressions.keys().find(|rule| !is_rule(rule)) {
            return Err(WiringError::Options(format!("there is no rule {rule}")));
        }
        Ok(())
    }
}
