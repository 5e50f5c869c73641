//! A real Kubernetes cluster without machines: etcd, API server, controller manager and scheduler as they are, and KWOK
//! for the kubelets. All of it is one Go program (`infra/local/control-plane/`), built once per user.
//!
//! What is real: admission, RBAC, quotas, scheduling, eviction and budgets, garbage collection, the audit log. What is
//! played: nodes and pods have only the states that `control-plane/stages.yaml` gives them, and nothing enforces a
//! NetworkPolicy.

mod binaries;
mod cluster;
mod configuration;
mod go;
mod kubectl;
mod node;
mod process;

pub use binaries::ControlPlaneBinaries;
pub use cluster::{Cluster, ClusterOptions};
pub use node::{NodeSpec, STOP_SECONDS, STUBBORN};

use std::path::PathBuf;

use super::PartError;

/// Why there is no cluster, or why it refused a call.
#[derive(Debug, thiserror::Error)]
pub enum KubernetesError {
    /// A part could not be built, started or stopped.
    #[error(transparent)]
    Part(#[from] PartError),
    /// There is no usable Go.
    #[error(
        "Go 1.26 or newer is needed to build the Kubernetes control plane, or KUBEBUILDER_ASSETS must name a directory that has it built ({detail})"
    )]
    GoNeeded {
        /// What was tried and what it said.
        detail: String,
    },
    /// The prebuilt set is not whole. `setup-envtest` brings the first three only.
    #[error("KUBEBUILDER_ASSETS={} lacks {}: add them, or unset it to have the control plane built", directory.display(), missing.join(", "))]
    IncompleteAssets {
        /// What `KUBEBUILDER_ASSETS` says.
        directory: PathBuf,
        /// The programs that are not in it.
        missing: Vec<&'static str>,
    },
    /// `kubectl` failed, most often because the API server refused.
    #[error("kubectl {arguments}: {message}")]
    Kubectl {
        /// What it was called with.
        arguments: String,
        /// What it wrote to its standard error.
        message: String,
    },
}
