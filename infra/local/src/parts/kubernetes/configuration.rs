//! The files and flags of one cluster.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::ClusterOptions;
use crate::parts::PartError;
use crate::parts::once::{secret, write_private};

const STAGES: &str = include_str!("../../../control-plane/stages.yaml");
const AUDIT_POLICY: &str = include_str!("../../../control-plane/audit-policy.yaml");

/// Who calls the API server with a token of ours: file name and user, group. Each part has its own, so that the audit
/// log tells what a function did from what the cluster did. KWOK stands for all kubelets and is above RBAC.
pub(super) const ADMIN: Caller = Caller { user: "admin", group: "system:masters" };
pub(super) const CONTROLLER_MANAGER: Caller = Caller { user: "system:kube-controller-manager", group: "" };
pub(super) const SCHEDULER: Caller = Caller { user: "system:kube-scheduler", group: "" };
pub(super) const KWOK: Caller = Caller { user: "kwok", group: "system:masters" };

/// A user of the token file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller {
    user: &'static str,
    group: &'static str,
}

/// The directory of one cluster.
#[derive(Debug)]
pub(super) struct Configuration {
    directory: PathBuf,
    tokens: [(Caller, String); 4],
}

impl Configuration {
    /// Makes the directory and writes what does not depend on the running API server.
    pub(super) fn write(options: &ClusterOptions) -> Result<Self, PartError> {
        let directory = options.run_directory.join(&options.name);
        std::fs::create_dir_all(&directory).map_err(PartError::io("create", &directory))?;
        let tokens = [ADMIN, CONTROLLER_MANAGER, SCHEDULER, KWOK].map(|caller| (caller, secret()));
        let configuration = Self { directory, tokens };
        write_private(configuration.path("stages.yaml"), STAGES.as_bytes())?;
        write_private(configuration.path("audit-policy.yaml"), AUDIT_POLICY.as_bytes())?;
        let lines = configuration.tokens.iter().map(|(caller, token)| {
            let Caller { user, group } = caller;
            format!("{token},{user},{user},\"{group}\"\n")
        });
        write_private(configuration.path("tokens.csv"), lines.collect::<String>().as_bytes())?;
        if let Some(url) = &options.token_webhook {
            write_private(configuration.path("token-webhook"), webhook(url).as_bytes())?;
        }
        Ok(configuration)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn kubeconfig(&self, caller: Caller) -> PathBuf {
        self.path(&format!("kubeconfig-{}", caller.user.trim_start_matches("system:")))
    }

    pub(super) fn token(&self, caller: Caller) -> &str {
        self.tokens.iter().find(|(known, _)| known.user == caller.user).map_or("", |(_, token)| token)
    }

    /// The authority that signed the API server's certificate. The server made both, and wrote its own certificate
    /// first and the authority's second.
    pub(super) fn authority(&self) -> Result<String, PartError> {
        let file = self.path("certificates/apiserver.crt");
        let chain = std::fs::read_to_string(&file).map_err(PartError::io("read", &file))?;
        let authority = authority_of(&chain)
            .ok_or_else(|| PartError::io("find an authority in", &file)(std::io::ErrorKind::InvalidData.into()))?;
        write_private(self.path("ca.crt"), authority.as_bytes())?;
        Ok(authority.to_owned())
    }

    /// One kubeconfig for each caller. JSON is YAML.
    pub(super) fn write_kubeconfigs(&self, name: &str, endpoint: &str) -> Result<(), PartError> {
        for (caller, token) in &self.tokens {
            let authority = self.path("ca.crt");
            let kubeconfig = json!({
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": name,
                "contexts": [{ "name": name, "context": { "cluster": name, "user": caller.user } }],
                "clusters": [{ "name": name, "cluster": { "server": endpoint, "certificate-authority": authority } }],
                "users": [{ "name": caller.user, "user": { "token": token } }],
            });
            write_private(self.kubeconfig(*caller), format!("{kubeconfig:#}\n").as_bytes())?;
        }
        Ok(())
    }

    pub(super) fn etcd(&self, client: &str, peer: &str) -> Vec<OsString> {
        let mut flags = vec![
            flag("--data-dir", self.path("etcd")),
            flag("--initial-cluster", format!("default={peer}")),
            // The data of a run need not survive a power failure.
            "--unsafe-no-fsync".into(),
            "--socket-reuse-port".into(),
            "--log-level=warn".into(),
        ];
        for name in ["--listen-client-urls", "--advertise-client-urls"] {
            flags.push(flag(name, client));
        }
        for name in ["--listen-peer-urls", "--initial-advertise-peer-urls"] {
            flags.push(flag(name, peer));
        }
        flags
    }

    pub(super) fn api_server(&self, options: &ClusterOptions, etcd: &str, port: u16) -> Vec<OsString> {
        // The server makes this key with its certificate, before it reads the key of the service accounts.
        let key = self.path("certificates/apiserver.key");
        let mut flags = vec![
            flag("--etcd-servers", etcd),
            "--bind-address=127.0.0.1".into(),
            flag("--secure-port", port.to_string()),
            "--permit-port-sharing".into(),
            // Otherwise it looks for the address of a default route, which a computer without network has not. As an
            // endpoint of the Service `kubernetes` a loopback address is refused, and nobody here uses that Service.
            "--advertise-address=127.0.0.1".into(),
            "--endpoint-reconciler-type=none".into(),
            "--allow-privileged=true".into(), // as on EKS: device plugins ask for it
            flag("--cert-dir", self.path("certificates")),
            "--authorization-mode=RBAC".into(),
            flag("--enable-admission-plugins", options.admission_plugins.join(",")),
            "--service-account-issuer=https://kubernetes.default.svc".into(),
            flag("--service-account-signing-key-file", &key),
            flag("--service-account-key-file", &key),
            "--service-cluster-ip-range=172.20.0.0/16".into(), // as EKS does where the VPC is in 10.0.0.0/8
            flag("--token-auth-file", self.path("tokens.csv")),
            flag("--audit-policy-file", self.path("audit-policy.yaml")),
            flag("--audit-log-path", self.path("audit.log")),
            "--audit-log-maxsize=100000".into(), // megabytes; the default moves the file away at 100
        ];
        if options.token_webhook.is_some() {
            flags.push(flag("--authentication-token-webhook-config-file", self.path("token-webhook")));
            flags.push("--authentication-token-webhook-version=v1".into());
            // Two minutes by default: a changed access entry would not be seen within a test.
            flags.push("--authentication-token-webhook-cache-ttl=2s".into());
        }
        flags
    }

    pub(super) fn controller_manager(&self) -> Vec<OsString> {
        let key = self.path("certificates/apiserver.key");
        let mut flags = vec![
            flag("--kubeconfig", self.kubeconfig(CONTROLLER_MANAGER)),
            flag("--root-ca-file", self.path("ca.crt")),
            flag("--service-account-private-key-file", key),
            "--use-service-account-credentials".into(),
            "--controllers=*,-node-ipam-controller".into(),
        ];
        flags.extend(CLIENT_FLAGS.map(OsString::from));
        flags
    }

    pub(super) fn scheduler(&self) -> Vec<OsString> {
        let mut flags = vec![flag("--kubeconfig", self.kubeconfig(SCHEDULER))];
        flags.extend(CLIENT_FLAGS.map(OsString::from));
        flags
    }

    pub(super) fn kwok(&self, options: &ClusterOptions) -> Vec<OsString> {
        vec![
            flag("--kubeconfig", self.kubeconfig(KWOK)),
            flag("--config", self.path("stages.yaml")),
            "--manage-all-nodes".into(),
            flag("--node-lease-duration-seconds", options.node_lease.as_secs().max(1).to_string()),
        ]
    }
}

/// Of what works for the cluster: one of each, no port of its own, and no limit of 20 calls a second (3,000 pods of one
/// Deployment are Ready in 23 s instead of 151 s).
const CLIENT_FLAGS: [&str; 4] =
    ["--leader-elect=false", "--secure-port=0", "--kube-api-qps=1000", "--kube-api-burst=2000"];

fn flag(name: &str, value: impl Into<OsString>) -> OsString {
    let mut flag = OsString::from(name);
    flag.push("=");
    flag.push(value.into());
    flag
}

fn webhook(url: &str) -> String {
    let kubeconfig = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "webhook",
        "contexts": [{ "name": "webhook", "context": { "cluster": "webhook", "user": "api-server" } }],
        "clusters": [{ "name": "webhook", "cluster": { "server": url } }],
        "users": [{ "name": "api-server", "user": {} }],
    });
    format!("{kubeconfig:#}\n")
}

fn authority_of(chain: &str) -> Option<&str> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    let (second, _) = chain.match_indices(BEGIN).nth(1)?;
    chain.get(second..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authority_is_the_second_certificate() {
        let certificate =
            |content: &str| format!("-----BEGIN CERTIFICATE-----\n{content}\n-----END CERTIFICATE-----\n");
        let (server, authority) = (certificate("c2VydmVy"), certificate("YXV0aG9yaXR5"));
        assert_eq!(authority_of(&format!("{server}{authority}")), Some(&*authority));
        assert_eq!(authority_of(&server), None);
    }

    #[test]
    fn the_webhook_is_asked_only_where_there_is_one() {
        let directory = tempfile::tempdir().unwrap();
        let mut options = ClusterOptions::new("a", directory.path());
        let flags = |options: &ClusterOptions| {
            let flags = Configuration::write(options).unwrap().api_server(options, "http://127.0.0.1:1", 2);
            flags.into_iter().map(|flag| flag.into_string().unwrap()).collect::<Vec<_>>()
        };
        let asked = |flags: &[String]| flags.iter().any(|flag| flag.contains("token-webhook-config-file"));
        assert!(!asked(&flags(&options)));
        options.token_webhook = Some("http://127.0.0.1:3/token".to_owned());
        let with = flags(&options);
        assert!(
            asked(&with)
                && with.contains(&"--enable-admission-plugins=NodeRestriction,PodSecurity,ResourceQuota".to_owned())
        );
    }

    #[test]
    fn callers_have_different_tokens_that_only_the_user_can_read() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let configuration = Configuration::write(&ClusterOptions::new("a", directory.path())).unwrap();
        assert_ne!(configuration.token(ADMIN), configuration.token(KWOK));
        let mode = std::fs::metadata(configuration.path("tokens.csv")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
