//! What a test or a simulator says about a node.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// The annotation of a pod that says how many seconds it takes to stop, as a decimal number. A pod without it stops at
/// once; none takes longer than its grace period.
pub const STOP_SECONDS: &str = "stop-seconds";
/// The value of [`STOP_SECONDS`] of a pod that never stops by itself: it is killed when its grace period ends.
pub const STUBBORN: &str = "1000000";

/// A node as its kubelet registers it. KWOK makes it Ready within a second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSpec {
    name: String,
    provider_id: Option<String>,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    capacity: BTreeMap<String, String>,
    taints: Vec<(String, String, String)>,
}

impl NodeSpec {
    /// Four CPUs, 16 GiB and 110 pods, as an m5.xlarge; no taints.
    pub fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        let labels = [("kubernetes.io/hostname", name.as_str()), ("kubernetes.io/os", "linux")];
        let capacity = [("cpu", "4"), ("memory", "16Gi"), ("pods", "110")];
        let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        Self {
            labels: labels.into_iter().map(owned).collect(),
            capacity: capacity.into_iter().map(owned).collect(),
            name,
            provider_id: None,
            annotations: BTreeMap::new(),
            taints: Vec::new(),
        }
    }

    /// The EC2 instance that it is: sets `spec.providerID` as EKS does (`aws:///ZONE/INSTANCE`), and the zone's label.
    #[must_use]
    pub fn instance(mut self, zone: &str, instance: &str) -> Self {
        self.provider_id = Some(format!("aws:///{zone}/{instance}"));
        self.label("topology.kubernetes.io/zone", zone)
    }

    /// Sets a label.
    #[must_use]
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(key.into(), value.into());
        self
    }

    /// Sets an annotation.
    #[must_use]
    pub fn annotation(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.annotations.insert(key.into(), value.into());
        self
    }

    /// Sets how much there is of a resource (`nvidia.com/gpu`, `cpu`), all of it allocatable.
    #[must_use]
    pub fn capacity(mut self, resource: impl Into<String>, quantity: impl Into<String>) -> Self {
        self.capacity.insert(resource.into(), quantity.into());
        self
    }

    /// Adds a taint; `effect` is `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    #[must_use]
    pub fn taint(mut self, key: &str, value: &str, effect: &str) -> Self {
        self.taints.push((key.to_owned(), value.to_owned(), effect.to_owned()));
        self
    }

    /// Its name, which is also its host name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The Node object, status included: the API server keeps a status that comes with a new node.
    #[must_use]
    pub fn manifest(&self) -> Value {
        let taint =
            |(key, value, effect): &(String, String, String)| json!({ "key": key, "value": value, "effect": effect });
        let mut spec = json!({ "taints": self.taints.iter().map(taint).collect::<Vec<_>>() });
        if let (Some(id), Value::Object(spec)) = (&self.provider_id, &mut spec) {
            spec.insert("providerID".to_owned(), id.as_str().into());
        }
        json!({
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": { "name": self.name, "labels": self.labels, "annotations": self.annotations },
            "spec": spec,
            "status": { "capacity": self.capacity, "allocatable": self.capacity },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_gives_the_provider_id_and_the_zone() {
        let node = NodeSpec::new("gpu-1").instance("us-east-1a", "i-0abc").capacity("nvidia.com/gpu", "1");
        let manifest = node.taint("nvidia.com/gpu", "true", "NoSchedule").manifest();
        assert_eq!(manifest["spec"]["providerID"], "aws:///us-east-1a/i-0abc");
        assert_eq!(manifest["metadata"]["labels"]["topology.kubernetes.io/zone"], "us-east-1a");
        assert_eq!(manifest["status"]["allocatable"]["nvidia.com/gpu"], "1");
        assert_eq!(manifest["spec"]["taints"][0]["effect"], "NoSchedule");
        assert!(NodeSpec::new("a").manifest()["spec"].get("providerID").is_none());
    }
}
