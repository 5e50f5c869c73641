//! The running platform: gateway, simulators, ministack and the wiring, started together and stopped together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use crate::automation::{Automation, AutomationError};
use crate::gateway::{Gateway, GatewayError};
use crate::package::{self, Package, PackageError, Profile};
use crate::parts::{ACCOUNT, Ministack, MinistackOptions, PartError, Progress, PythonEnvironment};
use crate::running::{Running, RunningError};
use crate::simulators::cost_explorer::served::Served;
use crate::simulators::cost_explorer::{CostExplorer, Scenario as Bill, ScenarioError};
use crate::wiring::{Wired, Wiring, WiringError, WiringOptions};

/// The region of the local platform.
pub const REGION: &str = "us-east-1";

/// Why there is no platform.
#[derive(Debug, thiserror::Error)]
pub enum PlatformError {
    /// The description of the wiring is wrong.
    #[error(transparent)]
    Automation(#[from] AutomationError),
    /// The functions could not be built.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// A part could not be prepared, started or stopped.
    #[error(transparent)]
    Part(#[from] PartError),
    /// The gateway could not be started.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// The described bill is wrong.
    #[error(transparent)]
    Bill(#[from] ScenarioError),
    /// The wiring was refused.
    #[error(transparent)]
    Wiring(#[from] WiringError),
    /// The platform could not be told to others.
    #[error(transparent)]
    Running(#[from] RunningError),
    /// There is no place for the files of the run.
    #[error("cannot make a directory for the run")]
    RunDirectory(#[source] std::io::Error),
}

/// What takes long and is the same for every run: the Python environment and the functions' code.
#[derive(Clone, Debug)]
pub struct Prepared {
    python: PythonEnvironment,
    automation: Automation,
    packages: BTreeMap<String, Package>,
}

impl Prepared {
    /// Prepares everything, the two long parts beside each other.
    ///
    /// # Errors
    /// When a tool is missing, the description is wrong or the code does not build.
    pub async fn prepare(profile: Profile, progress: &dyn Progress) -> Result<Self, PlatformError> {
        let automation = Automation::read(&automation_folder(), ACCOUNT, REGION)?;
        let names: Vec<&str> = automation.functions.keys().map(String::as_str).collect();
        let workspace = workspace();
        let (python, packages) =
            tokio::join!(PythonEnvironment::prepare(progress), package::build(&workspace, &names, profile, progress));
        Ok(Self { python: python?, packages: packages?, automation })
    }
}

/// The folder of the root `Cargo.toml`.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn automation_folder() -> PathBuf {
    workspace().join("infra/automation")
}

/// A running platform. Dropping it ends its processes too, less gently.
pub struct Platform {
    /// The one endpoint of all AWS calls.
    pub gateway: Gateway,
    /// The simulated Cost Explorer.
    pub cost_explorer: Arc<CostExplorer>,
    /// The wiring, and clients of the account's root.
    pub wiring: Wiring,
    /// What was made.
    pub wired: Wired,
    ministack: Ministack,
    running: Running,
    _directory: TempDir,
}

impl Platform {
    /// Starts everything and wires it as `infra/automation/` says, but for `options`.
    ///
    /// # Errors
    /// The first part that does not start, after those before it were stopped.
    pub async fn start(
        prepared: &Prepared,
        bill: Bill,
        options: &WiringOptions,
        progress: &dyn Progress,
    ) -> Result<Self, PlatformError> {
        let cost_explorer = Arc::new(CostExplorer::new(bill)?);
        let directory = tempfile::Builder::new().prefix("openwebui-").tempdir().map_err(PlatformError::RunDirectory)?;
        progress.step("starting the gateway and ministack");
        let gateway = Gateway::start(vec![Arc::new(Served(Arc::clone(&cost_explorer)))]).await?;
        let ministack =
            Ministack::start(&prepared.python, MinistackOptions::new(gateway.url(), directory.path())).await?;
        gateway.connect(ministack.upstream());
        let wiring = Wiring::connect(&gateway.url(), prepared.automation.clone());
        progress.step("wiring infra/automation: roles, functions, schedules, topics, queues");
        let wired = wiring.wire(&prepared.packages, &for_played_days(options)).await?;
        let running = Running::register(&gateway.url())?;
        Ok(Self { gateway, cost_explorer, wiring, wired, ministack, running, _directory: directory })
    }

    /// Wires it anew, as described but for `options`.
    ///
    /// # Errors
    /// The first call that is refused.
    pub async fn wire(&self, prepared: &Prepared, options: &WiringOptions) -> Result<Wired, PlatformError> {
        Ok(self.wiring.wire(&prepared.packages, &for_played_days(options)).await?)
    }

    /// Resolves when a part ended by itself, which it should not.
    pub async fn failure(&mut self) -> PlatformError {
        self.ministack.failure().await.into()
    }

    /// Stops everything.
    ///
    /// # Errors
    /// When a process cannot be ended.
    pub async fn stop(self) -> Result<(), PlatformError> {
        drop(self.running);
        self.gateway.stop().await;
        Ok(self.ministack.stop().await?)
    }
}

/// Played days may lie in the future.
fn for_played_days(options: &WiringOptions) -> WiringOptions {
    let mut options = options.clone();
    options.local_environment.insert("EVENT_AHEAD_MINUTES".to_owned(), u32::MAX.to_string());
    options
}
