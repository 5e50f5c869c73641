//! The real control plane, with KWOK for the kubelets.

#[cfg(test)]
mod kubernetes_world;

use std::process::Stdio;

use kubernetes_world::{Place, SOON, all_end, binaries, eventually, is_alive, shared};
use local_platform::parts::kubernetes::{Cluster, ClusterOptions, NodeSpec, STUBBORN};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};

/// Set for the process that runs a cluster in order to be killed.
const KILLED_CLUSTER: &str = "KILLED_CLUSTER";

#[tokio::test]
async fn a_cluster_is_of_a_version_that_eks_offers_and_holds_its_files_together() {
    let cluster = shared().await;
    let version = cluster.kubectl(&["version", "--output", "json"]).await.unwrap();
    assert_eq!(version.matches("\"gitVersion\": \"v1.36.3\"").count(), 2, "{version}");
    assert!(cluster.endpoint().starts_with("https://127.0.0.1:"), "{}", cluster.endpoint());
    assert_eq!(cluster.ca_pem().matches("BEGIN CERTIFICATE").count(), 1);
    assert!(cluster.kubeconfig().starts_with(cluster.audit_log().parent().unwrap()));
    assert_eq!(cluster.process_ids().len(), 5);
}

#[tokio::test]
async fn a_node_becomes_ready_and_takes_a_pod_as_soon_as_its_gpu_is_there() {
    let place = Place::new("gpu").await;
    let node = NodeSpec::new("gpu-node").instance("us-east-1a", "i-0abc").taint("nvidia.com/gpu", "true", "NoSchedule");
    place.cluster.add_node(&node).await.unwrap();
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": "ollama", "namespace": "gpu" },
        "spec": {
            "tolerations": [{ "key": "nvidia.com/gpu", "operator": "Exists" }],
            "containers": [{ "name": "m", "image": "none", "resources": { "limits": { "nvidia.com/gpu": "1" } } }],
        },
    });
    place.cluster.apply(&pod.to_string()).await.unwrap();
    let unschedulable = ["wait", "--for", "condition=PodScheduled=false", "pod", "ollama", "--timeout", "30s"];
    place.kubectl(&unschedulable).await.unwrap();
    place.cluster.set_capacity("gpu-node", "nvidia.com/gpu", "1").await.unwrap();
    place.kubectl(&["wait", "--for", "condition=Ready", "pod", "ollama", "--timeout", "30s"]).await.unwrap();
    let pod = place.cluster.get(&["pod", "ollama", "--namespace", "gpu"]).await.unwrap();
    assert_eq!(pod["spec"]["nodeName"], "gpu-node");
    let node = place.cluster.get(&["node", "gpu-node"]).await.unwrap();
    assert_eq!(node["spec"]["providerID"], "aws:///us-east-1a/i-0abc");
    assert_eq!(node["status"]["capacity"]["cpu"], "4", "a set resource leaves the others alone");
}

#[tokio::test]
async fn a_pod_takes_its_annotated_time_to_stop_and_never_more_than_its_grace() {
    let place = Place::new("stopping").await;
    tokio::join!(
        place.pod("prompt", None),
        place.pod("slow", Some("2")),
        place.pod("stubborn", Some(STUBBORN)),
        place.pod("hurried", Some(STUBBORN)),
    );
    let hurry = async {
        place.kubectl(&["delete", "pod", "hurried", "--grace-period", "600", "--wait=false"]).await.unwrap();
        place.delete("hurried", "3").await
    };
    let (prompt, slow, stubborn, hurried) =
        tokio::join!(place.delete("prompt", "30"), place.delete("slow", "30"), place.delete("stubborn", "3"), hurry);
    eprintln!("gone after {prompt:.2} s, {slow:.2} s (of 2), {stubborn:.2} s (of 3), {hurried:.2} s (of 3)");
    // Above is what busy cores may add to it.
    assert!(prompt < 2.0, "{prompt}");
    assert!((2.0..5.0).contains(&slow), "{slow}");
    assert!((3.0..6.0).contains(&stubborn), "{stubborn}");
    assert!((3.0..6.0).contains(&hurried), "{hurried}");
}

#[tokio::test]
async fn an_update_of_a_stopping_pod_does_not_start_its_stop_anew() {
    let place = Place::new("updated").await;
    tokio::join!(place.pod("clock", Some("3")), place.pod("slow", Some("5")));
    let begin = Instant::now();
    place.kubectl(&["delete", "pod", "slow", "--wait=false"]).await.unwrap();
    place.delete("clock", "30").await;
    place.kubectl(&["annotate", "pod", "slow", "seen=yes"]).await.unwrap();
    place.kubectl(&["wait", "--for", "delete", "pod", "slow", "--timeout", "30s"]).await.unwrap();
    let gone = begin.elapsed().as_secs_f64();
    eprintln!("gone after {gone:.2} s (of 5)");
    // Anew it would be eight.
    assert!((4.4..7.5).contains(&gone), "{gone}");
}

#[tokio::test]
async fn an_eviction_against_an_exhausted_budget_is_refused_and_recorded() {
    let place = Place::new("budget").await;
    let budget = json!({
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": { "name": "budget", "namespace": "budget" },
        "spec": { "minAvailable": 1, "selector": { "matchLabels": { "app": "single" } } },
    });
    place.cluster.apply(&budget.to_string()).await.unwrap();
    place.pod("single", None).await;
    let healthy = || async {
        let budget = place.cluster.get(&["pdb", "budget", "--namespace", "budget"]).await.unwrap();
        budget["status"]["currentHealthy"] == 1
    };
    assert!(eventually(healthy).await);
    let evict = async || {
        let eviction = json!({
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": { "name": "single", "namespace": "budget" },
        });
        let path = "/api/v1/namespaces/budget/pods/single/eviction";
        let arguments = ["create", "--raw", path, "--filename", "-"];
        place.cluster.kubectl_with_input(&arguments, &eviction.to_string()).await.map_err(|error| error.to_string())
    };
    let refused = evict().await.unwrap_err();
    assert!(refused.contains("TooManyRequests") && refused.contains("disruption budget"), "{refused}");
    place.kubectl(&["delete", "pdb", "budget"]).await.unwrap();
    evict().await.unwrap();
    place.kubectl(&["wait", "--for", "delete", "pod", "single", "--timeout", "30s"]).await.unwrap();

    let admin = |code| ("admin".to_owned(), "create".to_owned(), code);
    assert_eq!(place.audited("pods/eviction", "single"), [admin(429), admin(201)]);
    let by_kubelet = place.audited("pods/status", "single");
    assert!(by_kubelet.iter().any(|(user, verb, _)| user == "kwok" && verb == "patch"), "{by_kubelet:?}");
}

#[tokio::test]
async fn a_user_without_a_role_is_forbidden_and_an_unknown_token_is_unauthorized() {
    let cluster = shared().await;
    let stranger = cluster.kubectl(&["get", "pods", "--as", "stranger"]).await.unwrap_err().to_string();
    assert!(stranger.contains("Forbidden") && stranger.contains("\"stranger\" cannot list resource"), "{stranger}");
    let unknown = cluster.kubectl(&["get", "pods", "--token", "unknown"]).await.unwrap_err().to_string();
    assert!(unknown.contains("Unauthorized"), "{unknown}");
}

#[tokio::test]
async fn a_second_cluster_asks_its_webhook_shares_nothing_and_leaves_nothing() {
    let (first, binaries) = (shared().await, binaries().await);
    let directory = tempfile::tempdir().unwrap();
    let webhook = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut options = ClusterOptions::new("second", directory.path());
    options.token_webhook = Some(format!("http://{}/token", webhook.local_addr().unwrap()));
    let webhook = tokio::spawn(answer_token_reviews(webhook));
    let begin = Instant::now();
    let second = Cluster::start(&binaries, &options).await.unwrap();
    eprintln!("second cluster ready after {:?}", begin.elapsed());

    let whoami = ["auth", "whoami", "--token", "k8s-aws-v1.abc", "--output", "jsonpath={.status.userInfo.username}"];
    assert_eq!(second.kubectl(&whoami).await.unwrap(), "arn:aws:iam::123456789012:role/drainer");
    assert!(first.kubectl(&whoami).await.unwrap_err().to_string().contains("Unauthorized"));
    second.kubectl(&["create", "namespace", "only-in-second"]).await.unwrap();
    assert!(first.get(&["namespace", "only-in-second"]).await.is_err());
    assert_ne!((first.endpoint(), first.ca_pem()), (second.endpoint(), second.ca_pem()));

    let ids: Vec<u32> = second.process_ids().into_iter().map(|(_, id)| id).collect();
    let address = second.endpoint().strip_prefix("https://").unwrap().to_owned();
    let begin = Instant::now();
    second.stop().await.unwrap();
    eprintln!("stopped after {:?}", begin.elapsed());
    assert!(ids.len() == 5 && !ids.iter().any(|id| is_alive(*id)), "{ids:?}");
    assert!(TcpStream::connect(address).await.is_err());
    webhook.abort();
}

/// Says that every token is one of the role `drainer`.
async fn answer_token_reviews(listener: TcpListener) {
    let user = json!({ "username": "arn:aws:iam::123456789012:role/drainer", "groups": ["drainers"] });
    let status = json!({ "authenticated": true, "user": user });
    let kind = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "status": status });
    let body = kind.to_string();
    while let Ok((mut connection, _)) = listener.accept().await {
        let mut request = Vec::new();
        while !String::from_utf8_lossy(&request).contains("k8s-aws-v1.abc") {
            if connection.read_buf(&mut request).await.unwrap_or(0) == 0 {
                break;
            }
        }
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
        let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let _gone = connection.write_all(answer.as_bytes()).await;
    }
}

/// Not a fact of its own: the cluster that the next test kills. Alone it does nothing.
#[tokio::test]
async fn helper_cluster_that_is_killed() {
    let Some(directory) = std::env::var_os(KILLED_CLUSTER) else { return };
    let cluster = Cluster::start(&binaries().await, &ClusterOptions::new("killed", directory)).await.unwrap();
    let ids: Vec<String> = cluster.process_ids().into_iter().map(|(_, id)| id.to_string()).collect();
    println!("pids {}", ids.join(" "));
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_killed_program_leaves_no_cluster_behind() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = tokio::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "helper_cluster_that_is_killed", "--nocapture"]).env(KILLED_CLUSTER, directory.path());
    let mut program = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
    let ids: Vec<u32> = loop {
        let line = lines.next_line().await.unwrap().expect("the program must say which processes it runs");
        if let Some((_, ids)) = line.split_once("pids ") {
            break ids.split(' ').map(|id| id.parse().unwrap()).collect();
        }
    };
    assert!(ids.len() == 5 && ids.iter().all(|id| is_alive(*id)), "{ids:?}");
    program.kill().await.unwrap();
    assert!(timeout(SOON, all_end(&ids)).await.unwrap(), "{ids:?}");
}

#[tokio::test]
async fn a_part_that_ends_by_itself_is_reported_with_its_log() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = ClusterOptions::new("broken", directory.path());
    options.admission_plugins = vec!["NoSuchPlugin".to_owned()];
    let failed = Cluster::start(&binaries().await, &options).await.unwrap_err().to_string();
    assert!(failed.starts_with("kube-apiserver ended with exit status: 1"), "{failed}");
    assert!(failed.contains("NoSuchPlugin"), "{failed}");
}
