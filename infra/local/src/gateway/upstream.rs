//! Ministack, as the gateway talks to it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderMap, HeaderValue, Request, Response, Uri, header, request};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::Deserialize;
use std::time::Duration;

use super::{Permission, record};

// The names the launcher listens to; see launcher/ministack_launcher.py.
const SECRET: &str = "x-platform-secret";
const AUTHORIZE: &str = "x-platform-authorize";
const IDENTITY: &str = "x-platform-identity";
const INTERNAL: &str = "x-platform-";

/// Ministack closes connections that are idle for 75 s; ours go before that, so that none is used as it closes.
const IDLE: Duration = Duration::from_secs(30);

/// Why ministack gave no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The call did not get through.
    #[error("ministack did not answer")]
    Call(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An internal route answered something else than agreed.
    #[error("ministack's internal route answered {status}: {body}")]
    Protocol {
        /// The status it answered.
        status: u16,
        /// What it said.
        body: String,
    },
}

/// What the caller's policies say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Its ARN.
    Allowed(String),
    Denied {
        code: String,
        message: String,
    },
}

/// A running ministack behind our launcher.
#[derive(Clone)]
pub struct Upstream {
    address: SocketAddr,
    secret: String,
    process: Option<u32>,
    client: Client<HttpConnector, Full<Bytes>>,
    principals: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Upstream {
    /// Ministack at an address; `secret` opens the launcher's internal routes.
    #[must_use]
    pub fn new(address: SocketAddr, secret: impl Into<String>) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE);
        let client = builder.build(connector);
        Self { address, secret: secret.into(), process: None, client, principals: Arc::default() }
    }

    /// The same at another address.
    #[must_use]
    pub fn at(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Names its process, which no fault kills.
    #[must_use]
    pub fn with_process(mut self, process: Option<u32>) -> Self {
        self.process = process;
        self
    }

    /// Its own endpoint, past the gateway.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn process(&self) -> Option<u32> {
        self.process
    }

    /// The ARN behind an access key, `None` for a key that nobody has. Known ones are remembered: a key never changes
    /// hands.
    ///
    /// # Errors
    /// [`UpstreamError`].
    pub async fn principal(&self, access_key: &str) -> Result<Option<String>, UpstreamError> {
        #[derive(Deserialize)]
        struct Identity {
            arn: Option<String>,
        }
        let known = || self.principals.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(arn) = known().get(access_key) {
            return Ok(Some(arn.clone()));
        }
        let mut request = Request::new(Full::default());
        self.open_internal(request.headers_mut(), IDENTITY, access_key);
        let identity: Identity = self.internal(request).await?;
        if let Some(arn) = &identity.arn {
            known().insert(access_key.to_owned(), arn.clone());
        }
        Ok(identity.arn)
    }

    /// Has a request's signature and the caller's policies checked for an action; nothing is carried out.
    pub(super) async fn authorize(
        &self,
        head: &request::Parts,
        body: &Bytes,
        permission: &Permission,
    ) -> Result<Verdict, UpstreamError> {
        #[derive(Deserialize)]
        struct Decision {
            arn: Option<String>,
            decision: String,
            code: Option<String>,
            message: Option<String>,
        }
        let mut request = outgoing(head, body.clone());
        let question = format!("{} {}", permission.action, permission.resource);
        self.open_internal(request.headers_mut(), AUTHORIZE, &question);
        let decision: Decision = self.internal(request).await?;
        if decision.decision == "Allow" {
            return Ok(Verdict::Allowed(decision.arn.unwrap_or_default()));
        }
        let code = decision.code.unwrap_or_else(|| "AccessDeniedException".to_owned());
        Ok(Verdict::Denied { code, message: decision.message.unwrap_or_default() })
    }

    /// Sends a request on as it came.
    pub(super) async fn forward(
        &self,
        head: &request::Parts,
        body: Bytes,
    ) -> Result<Response<Incoming>, UpstreamError> {
        self.send(outgoing(head, body)).await
    }

    fn open_internal(&self, headers: &mut HeaderMap, name: &'static str, value: &str) {
        // A value that no header can hold leaves the header out, and the launcher refuses.
        for (name, value) in [(SECRET, &*self.secret), (name, value)] {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        }
    }

    async fn internal<T: for<'a> Deserialize<'a>>(&self, request: Request<Full<Bytes>>) -> Result<T, UpstreamError> {
        let response = self.send(request).await?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.map_err(|error| UpstreamError::Call(error.into()))?.to_bytes();
        serde_json::from_slice(&body)
            .map_err(|_| UpstreamError::Protocol { status, body: String::from_utf8_lossy(&body).into_owned() })
    }

    async fn send(&self, mut request: Request<Full<Bytes>>) -> Result<Response<Incoming>, UpstreamError> {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let uri = Uri::builder().scheme("http").authority(self.address.to_string()).path_and_query(path).build();
        *request.uri_mut() = uri.map_err(|error| UpstreamError::Call(error.into()))?;
        self.client.request(request).await.map_err(|error| UpstreamError::Call(error.into()))
    }
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upstream").field("address", &self.address).finish_non_exhaustive()
    }
}

/// The request to send on: method, path, query and headers as they came, so that its signature stays valid. What
/// concerns the one connection only, and what only the gateway may say, is left out.
fn outgoing(head: &request::Parts, body: Bytes) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = head.method.clone();
    *request.uri_mut() = head.uri.clone();
    let kept = head.headers.iter().filter(|(name, _)| !is_hop_by_hop(name) && !name.as_str().starts_with(INTERNAL));
    for (name, value) in kept {
        request.headers_mut().append(name, value.clone());
    }
    request
}

/// Headers of one connection, not of the message (RFC 9110, 7.6.1). `Expect` is answered by each connection for itself.
pub(super) fn is_hop_by_hop(name: &header::HeaderName) -> bool {
    const NAMES: [&str; 7] =
        ["connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade", "expect"];
    NAMES.contains(&name.as_str())
}

/// A role's name, for a principal that is a session of one.
pub(super) fn role(principal: Option<&str>) -> Option<String> {
    principal.and_then(record::role_of)
}
