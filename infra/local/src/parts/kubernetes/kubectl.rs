//! `kubectl`, called as a program: this crate needs no client of its own for a handful of calls.

use std::path::PathBuf;
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::KubernetesError;
use crate::parts::PartError;

/// Who calls which cluster.
#[derive(Clone, Debug)]
pub(super) struct Kubectl {
    pub(super) program: PathBuf,
    pub(super) kubeconfig: PathBuf,
    /// Takes the place of the user's, with its cache and its preferences.
    pub(super) home: PathBuf,
}

impl Kubectl {
    /// Runs it to its end; what it wrote to its standard output.
    pub(super) async fn run(&self, arguments: &[&str], input: &[u8]) -> Result<String, KubernetesError> {
        let failed = PartError::io("run", &self.program);
        let output = self.output(arguments, input).await.map_err(failed)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(KubernetesError::Kubectl { arguments: arguments.join(" "), message })
    }

    async fn output(&self, arguments: &[&str], input: &[u8]) -> std::io::Result<std::process::Output> {
        let mut command = Command::new(&self.program);
        command.args(arguments).env_clear().env("HOME", &self.home).env("KUBECONFIG", &self.kubeconfig);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn()?;
        if let Some(mut stdin) = process.stdin.take() {
            // One that does not want its input closes it: its own words then say more than EPIPE.
            let _not_wanted = stdin.write_all(input).await;
        }
        process.wait_with_output().await
    }
}
