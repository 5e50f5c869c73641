//! One running cluster.

use std::ffi::OsString;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::configuration::{ADMIN, Configuration};
use super::kubectl::Kubectl;
use super::process::{Component, Group, ReservedPort};
use super::{ControlPlaneBinaries, KubernetesError, NodeSpec};
use crate::parts::PartError;

/// It is ready in three to five seconds; busy cores and a cold disk are given room.
const START_WITHIN: Duration = Duration::from_secs(90);
/// How often a start looks whether the next step can be taken.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Each of the three stages of a stop. The API server would wait a minute for clients that watch.
const STOP_WITHIN: Duration = Duration::from_secs(4);

/// How one cluster is started.
#[derive(Clone, Debug)]
pub struct ClusterOptions {
    /// Its name, which is also the name of its directory.
    pub name: String,
    /// Where the run keeps its files; the cluster's are in a directory of its own below.
    pub run_directory: PathBuf,
    /// What the API server asks about bearer tokens that are not its own: the URL of a `TokenReview` webhook.
    pub token_webhook: Option<String>,
    /// Admission plugins beside those that are on by default. EKS has `NodeRestriction`, `PodSecurity` and
    /// `ResourceQuota`.
    pub admission_plugins: Vec<String>,
    /// How long a node lives without a heartbeat of KWOK. Each node costs four writes in this time; a KWOK that is
    /// started anew takes a node over only after it.
    pub node_lease: Duration,
}

impl ClusterOptions {
    /// No webhook, the admission plugins of EKS, node leases of 20 s (kubelets: 40 s). For thousands of nodes take more.
    pub fn new(name: impl Into<String>, run_directory: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            run_directory: run_directory.into(),
            token_webhook: None,
            admission_plugins: ["NodeRestriction", "PodSecurity", "ResourceQuota"].map(str::to_owned).to_vec(),
            node_lease: Duration::from_secs(20),
        }
    }
}

/// A running cluster. Dropping it kills it; so does the end of this program, however it comes.
#[derive(Debug)]
pub struct Cluster {
    name: String,
    endpoint: String,
    authority: String,
    configuration: Configuration,
    kubectl: Kubectl,
    etcd: Component,
    api_server: Component,
    /// What works through the API server: controller manager, scheduler, KWOK.
    workers: Vec<Component>,
    group: Group,
    _ports: [ReservedPort; 3],
}

impl Cluster {
    /// Starts a cluster and waits until it takes pods.
    ///
    /// # Errors
    /// [`PartError::Failed`] with the end of the log of the part that did not start, [`PartError::Io`].
    pub async fn start(binaries: &ControlPlaneBinaries, options: &ClusterOptions) -> Result<Self, KubernetesError> {
        let configuration = Configuration::write(options)?;
        let ports = [ReservedPort::new()?, ReservedPort::new()?, ReservedPort::new()?];
        let [client, peer, secure] = &ports;
        let (endpoint, address) = (secure.url("https"), secure.address());

        // From here on every way out goes through the drop of `group`, which ends what was started.
        let group = Group::start()?;
        let spawn = |name: &'static str, flags: Vec<OsString>| {
            let mut command = Command::new(binaries.program(name));
            command.args(flags).env_clear().env("HOME", configuration.directory());
            command.current_dir(configuration.directory());
            group.spawn(name, command, configuration.path(&format!("{name}.log")))
        };
        let mut etcd = spawn("etcd", configuration.etcd(&client.url("http"), &peer.url("http")))?;
        let flags = configuration.api_server(options, &client.url("http"), address.port());
        let mut api_server = spawn("kube-apiserver", flags)?;
        let listens = until(async || TcpStream::connect(address).await.is_ok());
        started("does not listen", &mut [&mut etcd, &mut api_server], listens).await?;

        let authority = configuration.authority()?;
        configuration.write_kubeconfigs(&options.name, &endpoint)?;
        let mut workers = vec![
            spawn("kube-controller-manager", configuration.controller_manager())?,
            spawn("kube-scheduler", configuration.scheduler())?,
            spawn("kwok", configuration.kwok(options))?,
        ];
        let kubectl = Kubectl {
            program: binaries.program("kubectl"),
            kubeconfig: configuration.kubeconfig(ADMIN),
            home: configuration.directory().to_owned(),
        };
        let ready = async {
            until(async || kubectl.run(&["get", "--raw", "/readyz"], b"").await.is_ok()).await;
            // Made by the controller manager; without it no pod is admitted.
            let account = ["get", "serviceaccount", "default", "--namespace", "default"];
            until(async || kubectl.run(&account, b"").await.is_ok()).await;
        };
        let mut watched: Vec<&mut Component> = vec![&mut api_server, &mut etcd];
        watched.extend(&mut workers);
        started("is not ready", &mut watched, ready).await?;

        let name = options.name.clone();
        Ok(Self { name, endpoint, authority, configuration, kubectl, etcd, api_server, workers, group, _ports: ports })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The URL of the API server: `https://127.0.0.1:PORT`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The authority that signed the API server's certificate, in PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.authority
    }

    /// The bearer token of the administrator (user `admin`, group `system:masters`), made for this run.
    #[must_use]
    pub fn admin_token(&self) -> &str {
        self.configuration.token(ADMIN)
    }

    /// The administrator's kubeconfig file.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubectl.kubeconfig
    }

    /// Every call but those on leases, one JSON line each, written before the call is answered: level `Request`, stages
    /// `ResponseComplete`, `ResponseStarted` (watches) and `Panic`.
    #[must_use]
    pub fn audit_log(&self) -> PathBuf {
        self.configuration.path("audit.log")
    }

    /// The processes of the cluster, by name.
    pub fn process_ids(&self) -> Vec<(&'static str, u32)> {
        let all = self.workers.iter().chain([&self.api_server, &self.etcd]);
        all.filter_map(|component| Some((component.name(), component.id()?))).collect()
    }

    /// Calls `kubectl` as the administrator; what it wrote to its standard output.
    ///
    /// # Errors
    /// [`KubernetesError::Kubectl`] with what it wrote to its standard error.
    pub async fn kubectl(&self, arguments: &[&str]) -> Result<String, KubernetesError> {
        self.kubectl.run(arguments, b"").await
    }

    /// Calls `kubectl` with `input` as its standard input (`apply --filename -`).
    ///
    /// # Errors
    /// As [`Self::kubectl`].
    pub async fn kubectl_with_input(&self, arguments: &[&str], input: &str) -> Result<String, KubernetesError> {
        self.kubectl.run(arguments, input.as_bytes()).await
    }

    /// Reads an object or a list: `kubectl get ARGUMENTS --output json`.
    ///
    /// # Errors
    /// As [`Self::kubectl`].
    pub async fn get(&self, arguments: &[&str]) -> Result<Value, KubernetesError> {
        let arguments = [&["get"], arguments, &["--output", "json"]].concat();
        let output = self.kubectl(&arguments).await?;
        serde_json::from_str(&output).map_err(|error| KubernetesError::Kubectl {
            arguments: arguments.join(" "),
            message: format!("answered what is not JSON: {error}"),
        })
    }

    /// Applies a manifest (YAML or JSON) on the server's side, as the field manager `platform`.
    ///
    /// # Errors
    /// As [`Self::kubectl`].
    pub async fn apply(&self, manifest: &str) -> Result<String, KubernetesError> {
        let arguments = ["apply", "--server-side", "--field-manager", "platform", "--filename", "-"];
        self.kubectl_with_input(&arguments, manifest).await
    }

    /// Registers a node, as its kubelet does.
    ///
    /// # Errors
    /// As [`Self::kubectl`], also when there is one of that name.
    pub async fn add_node(&self, node: &NodeSpec) -> Result<(), KubernetesError> {
        let manifest = node.manifest().to_string();
        self.kubectl_with_input(&["create", "--filename", "-"], &manifest).await?;
        Ok(())
    }

    /// Sets how much of a resource a running node has, as a device plugin does when its driver is ready at last.
    ///
    /// # Errors
    /// As [`Self::kubectl`].
    pub async fn set_capacity(&self, node: &str, resource: &str, quantity: &str) -> Result<(), KubernetesError> {
        let amount = serde_json::json!({ resource: quantity });
        let patch = serde_json::json!({ "status": { "capacity": amount, "allocatable": amount } }).to_string();
        self.kubectl(&["patch", "node", node, "--subresource", "status", "--type", "merge", "--patch", &patch]).await?;
        Ok(())
    }

    /// Waits until a part ends by itself, which it should not, and says how that went.
    pub async fn failure(&mut self) -> PartError {
        let mut all: Vec<&mut Component> = vec![&mut self.api_server, &mut self.etcd];
        all.extend(&mut self.workers);
        first_failure(&mut all).await
    }

    /// Ends it: what works through the API server first, because that waits for those that watch.
    ///
    /// # Errors
    /// [`PartError::NotStopped`] for what could not even be killed.
    pub async fn stop(self) -> Result<(), PartError> {
        let Self { workers, api_server, etcd, group, .. } = self;
        let mut result = Ok(());
        for stage in [workers, vec![api_server], vec![etcd]] {
            stage.iter().for_each(Component::terminate);
            for component in stage {
                result = result.and(component.ended(STOP_WITHIN).await);
            }
        }
        group.end().await;
        result
    }
}

/// Waits for `done`, and for nothing longer than the first part that ends.
async fn started(
    what: &str,
    components: &mut [&mut Component],
    done: impl Future<Output = ()>,
) -> Result<(), PartError> {
    let waited = async {
        tokio::select! {
            () = done => Ok(()),
            failure = first_failure(components) => Err(failure),
        }
    };
    match timeout(START_WITHIN, waited).await {
        Ok(result) => result,
        Err(_) => match components.last() {
            Some(last) => Err(last.failed(format!("{what} after {START_WITHIN:?}"))),
            None => Ok(()),
        },
    }
}

async fn first_failure(components: &mut [&mut Component]) -> PartError {
    let mut waiting: Vec<_> = components.iter_mut().map(|component| Box::pin(component.failure())).collect();
    std::future::poll_fn(|context| {
        for failure in &mut waiting {
            if let std::task::Poll::Ready(failure) = failure.as_mut().poll(context) {
                return std::task::Poll::Ready(failure);
            }
        }
        std::task::Poll::Pending
    })
    .await
}

/// Looks again and again, for as long as the caller lets it.
async fn until(mut condition: impl AsyncFnMut() -> bool) {
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        if condition().await {
            return;
        }
    }
}
