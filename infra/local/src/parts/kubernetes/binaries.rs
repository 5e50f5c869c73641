//! The programs of the control plane: built from the Go module beside this crate, or taken as they are.

use std::path::{Path, PathBuf};

use super::KubernetesError;
use super::go::{Go, KUBERNETES_VERSION};
use crate::parts::once::{lock, short_hash};
use crate::parts::{PartError, Progress, cache};

/// The Go module, which is part of this program: what is built does not depend on where it runs.
const MODULE: [(&str, &str); 3] = [
    ("go.mod", include_str!("../../../control-plane/go.mod")),
    ("go.sum", include_str!("../../../control-plane/go.sum")),
    ("main.go", include_str!("../../../control-plane/main.go")),
];
/// One program, which acts by the name it is called by.
const PROGRAM: &str = "control-plane";
/// Its names.
const NAMES: [&str; 6] = ["etcd", "kube-apiserver", "kubectl", "kube-controller-manager", "kube-scheduler", "kwok"];
/// The directory of a prebuilt set, as in kubebuilder's and kube-rs's tests.
const ASSETS: &str = "KUBEBUILDER_ASSETS";
/// Present only when everything was built: an interrupted build is started over.
const MARKER: &str = "complete";

/// A directory that holds etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubectl and kwok.
#[derive(Clone, Debug)]
pub struct ControlPlaneBinaries {
    directory: PathBuf,
}

impl ControlPlaneBinaries {
    /// The set that `KUBEBUILDER_ASSETS` names; without it the one in the user's cache (`$XDG_CACHE_HOME`, else
    /// `~/.cache`), built if it is not there yet. The first build takes five to ten minutes and half a gigabyte of
    /// downloads; `progress` is told how far it is.
    ///
    /// # Errors
    /// As [`Self::prepare_in`]; [`KubernetesError::IncompleteAssets`]; [`PartError::NoCacheDirectory`].
    pub async fn prepare(progress: &dyn Progress) -> Result<Self, KubernetesError> {
        if let Some(directory) = std::env::var_os(ASSETS).filter(|value| !value.is_empty()) {
            return Self::prebuilt(PathBuf::from(directory));
        }
        let cache = cache().ok_or(PartError::NoCacheDirectory)?;
        Self::prepare_in(&cache, progress).await
    }

    /// The set below `cache`, built if it is not there yet. Its name is a hash of the module, of how it is built and of
    /// Go's version. Programs that do this at the same time wait for each other.
    ///
    /// # Errors
    /// [`KubernetesError::GoNeeded`] without a Go that is new enough; [`PartError::CommandFailed`] with the end of Go's
    /// output; [`PartError::Io`].
    pub async fn prepare_in(cache: &Path, progress: &dyn Progress) -> Result<Self, KubernetesError> {
        let go = Go::find().await?;
        let mut parts: Vec<&[u8]> = MODULE.iter().map(|(_, content)| content.as_bytes()).collect();
        let how = go.description();
        parts.push(how.as_bytes());
        let name = format!("{PROGRAM}-{}", short_hash(&parts));
        let home = cache.join(&name);
        let binaries = Self { directory: home.join("bin") };
        if home.join(MARKER).exists() {
            return Ok(binaries);
        }
        std::fs::create_dir_all(cache).map_err(PartError::io("create", cache))?;
        let lock = lock(&cache.join(format!("{name}.lock")), "builds the Kubernetes control plane", progress).await?;
        if !home.join(MARKER).exists() {
            binaries.build(&go, &home, &cache.join(format!("{name}.log")), progress).await?;
        }
        drop(lock);
        Ok(binaries)
    }

    /// A set that somebody else built.
    ///
    /// # Errors
    /// [`KubernetesError::IncompleteAssets`] when a program is missing.
    pub fn prebuilt(directory: PathBuf) -> Result<Self, KubernetesError> {
        let missing: Vec<_> = NAMES.into_iter().filter(|name| !directory.join(name).is_file()).collect();
        if missing.is_empty() {
            Ok(Self { directory })
        } else {
            Err(KubernetesError::IncompleteAssets { directory, missing })
        }
    }

    /// Where they are: a value for `KUBEBUILDER_ASSETS`, or for the front of `PATH`.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    async fn build(&self, go: &Go, home: &Path, log: &Path, progress: &dyn Progress) -> Result<(), KubernetesError> {
        if home.exists() {
            std::fs::remove_dir_all(home).map_err(PartError::io("remove", home))?;
        }
        let source = home.join("source");
        for directory in [&source, &self.directory] {
            std::fs::create_dir_all(directory).map_err(PartError::io("create", directory))?;
        }
        for (name, content) in MODULE {
            let file = source.join(name);
            std::fs::write(&file, content).map_err(PartError::io("write", &file))?;
        }
        progress.step(&format!("building the Kubernetes {KUBERNETES_VERSION} control plane, once: this takes minutes"));
        go.build(&source, &self.directory.join(PROGRAM), log, progress).await?;
        for name in NAMES {
            let link = self.program(name);
            std::os::unix::fs::symlink(PROGRAM, &link).map_err(PartError::io("create", &link))?;
        }
        let marker = home.join(MARKER);
        Ok(std::fs::write(&marker, "").map_err(PartError::io("write", &marker))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_in_the_name_is_the_one_of_the_module() {
        let pin = format!("k8s.io/kubernetes {KUBERNETES_VERSION}");
        assert!(MODULE[0].1.contains(&pin), "{pin}");
    }

    #[test]
    fn a_prebuilt_set_without_a_scheduler_is_refused_by_name() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["etcd", "kube-apiserver", "kubectl"] {
            std::fs::write(directory.path().join(name), "").unwrap();
        }
        let refused = ControlPlaneBinaries::prebuilt(directory.path().to_owned()).unwrap_err().to_string();
        assert!(refused.contains("lacks kube-controller-manager, kube-scheduler, kwok: add them"), "{refused}");
        for name in NAMES {
            std::fs::write(directory.path().join(name), "").unwrap();
        }
        ControlPlaneBinaries::prebuilt(directory.path().to_owned()).unwrap();
    }
}
