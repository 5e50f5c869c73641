//! A certificate authority for this run, and what makes the functions trust it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio_rustls::TlsAcceptor;

/// Where systems keep the authorities that they trust: Debian, Amazon Linux.
const SYSTEM_BUNDLES: [&str; 2] = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];

/// An acceptor for 127.0.0.1, and a file with the system's authorities and the one of this run: reading only our own
/// would make each start look cheaper than it is.
pub fn prepare(folder: &Path) -> Result<(TlsAcceptor, PathBuf), String> {
    let said = |error: rcgen::Error| error.to_string();
    let authority_key = KeyPair::generate().map_err(said)?;
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(rcgen::DnType::CommonName, "cold start bench");
    let authority_certificate = authority.self_signed(&authority_key).map_err(said)?;
    let issuer = Issuer::new(authority, authority_key);

    let key = KeyPair::generate().map_err(said)?;
    let server = CertificateParams::new(vec!["127.0.0.1".to_owned()]).map_err(said)?;
    let certificate = server.signed_by(&key, &issuer).map_err(said)?;

    let system = SYSTEM_BUNDLES.iter().find_map(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
    let bundle = folder.join("authorities.pem");
    let trusted = format!("{system}\n{}", authority_certificate.pem());
    std::fs::write(&bundle, trusted).map_err(|error| format!("cannot write the authorities: {error}"))?;

    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = PrivateKeyDer::try_from(key.serialize_der())?;
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key))
        .map_err(|error| error.to_string())?;
    Ok((TlsAcceptor::from(Arc::new(config)), bundle))
}
