//! One cluster for all tests of a file, and what they say to it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use local_platform::parts::kubernetes::{Cluster, ClusterOptions, ControlPlaneBinaries, NodeSpec};
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use tokio::time::{Instant, interval, timeout};

/// Longer than anything a test waits for takes.
pub const SOON: Duration = Duration::from_secs(30);

pub async fn binaries() -> ControlPlaneBinaries {
    ControlPlaneBinaries::prepare(&|step: &str| eprintln!("{step}")).await.unwrap()
}

/// Never dropped: it ends with this process, like any platform that is killed.
pub async fn shared() -> &'static Cluster {
    static SHARED: OnceCell<Cluster> = OnceCell::const_new();
    SHARED
        .get_or_init(async || {
            let binaries = binaries().await;
            let begin = Instant::now();
            let cluster = Cluster::start(&binaries, &ClusterOptions::new("shared", run_directory())).await.unwrap();
            eprintln!("ready after {:?}", begin.elapsed());
            for (name, id) in cluster.process_ids() {
                let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
                let memory = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
                eprintln!("{name} {memory}");
            }
            cluster
        })
        .await
}

/// Of this process; those of processes that are no more are removed.
fn run_directory() -> PathBuf {
    let all = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clusters");
    std::fs::create_dir_all(&all).unwrap();
    for entry in std::fs::read_dir(&all).unwrap().flatten() {
        if entry.file_name().to_str().and_then(|name| name.parse().ok()).is_none_or(|id| !is_alive(id)) {
            let _somebody_else_did = std::fs::remove_dir_all(entry.path());
        }
    }
    all.join(std::process::id().to_string())
}

/// A namespace and a Ready node of a test's own, of one name.
pub struct Place {
    pub cluster: &'static Cluster,
    pub name: &'static str,
}

impl Place {
    pub async fn new(name: &'static str) -> Self {
        let cluster = shared().await;
        cluster.kubectl(&["create", "namespace", name]).await.unwrap();
        cluster.add_node(&NodeSpec::new(name)).await.unwrap();
        cluster.kubectl(&["wait", "--for", "condition=Ready", "node", name, "--timeout", "30s"]).await.unwrap();
        let account = || async { cluster.get(&["serviceaccount", "default", "-n", name]).await.is_ok() };
        assert!(eventually(account).await);
        Self { cluster, name }
    }

    /// Creates a pod with a grace period of 30 s and waits until it runs on the node.
    pub async fn pod(&self, name: &str, stop_seconds: Option<&str>) {
        let annotations = stop_seconds.map_or_else(|| json!({}), |value| json!({ "stop-seconds": value }));
        let pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": { "name": name, "namespace": self.name, "labels": { "app": name }, "annotations": annotations },
            "spec": {
                "nodeSelector": { "kubernetes.io/hostname": self.name },
                "containers": [{ "name": "main", "image": "none" }],
            },
        });
        self.cluster.apply(&pod.to_string()).await.unwrap();
        self.kubectl(&["wait", "--for", "condition=Ready", "pod", name, "--timeout", "30s"]).await.unwrap();
    }

    pub async fn kubectl(&self, arguments: &[&str]) -> Result<String, String> {
        let arguments = [arguments, &["--namespace", self.name]].concat();
        self.cluster.kubectl(&arguments).await.map_err(|error| error.to_string())
    }

    /// Deletes a pod and says how many seconds later it is gone.
    pub async fn delete(&self, pod: &str, grace: &str) -> f64 {
        let begin = Instant::now();
        self.kubectl(&["delete", "pod", pod, "--grace-period", grace]).await.unwrap();
        begin.elapsed().as_secs_f64()
    }

    /// What the audit log has about a subresource of the namespace's objects: user, verb, status code.
    pub fn audited(&self, resource: &str, name: &str) -> Vec<(String, String, u64)> {
        let log = std::fs::read_to_string(self.cluster.audit_log()).unwrap();
        let calls = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let here = calls.filter(|call| {
            let object = &call["objectRef"];
            let subresource = object["subresource"].as_str().map_or(String::new(), |name| format!("/{name}"));
            let found = format!("{}{subresource}", object["resource"].as_str().unwrap_or_default());
            object["namespace"] == self.name && object["name"] == name && found == resource
        });
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        here.map(|call| {
            (text(&call["user"]["username"]), text(&call["verb"]), call["responseStatus"]["code"].as_u64().unwrap())
        })
        .collect()
    }
}

/// Whether a condition comes true in time.
pub async fn eventually<F: Future<Output = bool>>(condition: impl Fn() -> F) -> bool {
    let mut looks = interval(Duration::from_millis(50));
    let looked = async {
        loop {
            looks.tick().await;
            if condition().await {
                return;
            }
        }
    };
    timeout(SOON, looked).await.is_ok()
}

pub fn is_alive(id: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && !line.contains('Z'))
}

pub async fn all_end(ids: &[u32]) -> bool {
    eventually(|| async { !ids.iter().any(|id| is_alive(*id)) }).await
}
