//! The one AWS endpoint of functions, tests and the `aws` command line.
//!
//! Each call is told apart by the service in its signature's scope and by its operation. What a [`Simulator`] covers
//! is answered by it, once ministack has verified the signature and the caller's policies allow the action; all else
//! goes to ministack as it came, so that the signature stays valid. Every call is recorded ([`CallRecord`]), and
//! fails where a [`FaultRule`] says so.

mod answer;
mod caller;
mod classify;
mod faults;
mod record;
mod routes;
mod serve;
mod simulator;
mod upstream;
mod wire;

#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use classify::{Call, Protocol, classify};
pub use faults::{FaultAction, FaultHandle, FaultRule, Nth};
pub use record::CallRecord;
pub use simulator::{Permission, SimulatedRequest, SimulatedResponse, Simulator};
pub use upstream::{Upstream, UpstreamError};

use faults::Faults;
use record::Records;

/// Why the gateway could not start.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// No address could be had.
    #[error("the gateway cannot listen on 127.0.0.1")]
    Listen(#[source] std::io::Error),
}

/// What every connection works with.
struct Shared {
    address: SocketAddr,
    upstream: OnceLock<Upstream>,
    simulators: Vec<Arc<dyn Simulator>>,
    records: Records,
    faults: Faults,
}

/// A running gateway. Dropping it closes its connections at once.
pub struct Gateway {
    shared: Arc<Shared>,
    stopping: watch::Sender<bool>,
    server: JoinHandle<()>,
}

impl Gateway {
    /// Listens on a port of 127.0.0.1 that the operating system chooses. Until [`Self::connect`], calls that need
    /// ministack are answered 503.
    ///
    /// # Errors
    /// [`GatewayError::Listen`].
    pub async fn start(simulators: Vec<Arc<dyn Simulator>>) -> Result<Self, GatewayError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(GatewayError::Listen)?;
        let shared = Arc::new(Shared {
            address: listener.local_addr().map_err(GatewayError::Listen)?,
            upstream: OnceLock::new(),
            simulators,
            records: Records::default(),
            faults: Faults::default(),
        });
        let (stopping, stopped) = watch::channel(false);
        let server = tokio::spawn(serve::run(listener, Arc::clone(&shared), stopped));
        Ok(Self { shared, stopping, server })
    }

    /// The endpoint to give to clients. It is an address, never `localhost`: with an address the S3 client uses path
    /// style by itself.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.shared.address)
    }

    /// Says where ministack is, once. A second call changes nothing.
    pub fn connect(&self, upstream: Upstream) {
        let _already_connected = self.shared.upstream.set(upstream);
    }

    /// Every call so far.
    #[must_use]
    pub fn calls(&self) -> Vec<CallRecord> {
        self.calls_since(0)
    }

    /// The calls with a greater sequence number than this.
    #[must_use]
    pub fn calls_since(&self, sequence: u64) -> Vec<CallRecord> {
        self.shared.records.since(sequence)
    }

    /// The first call that matches, past or to come; `None` when there is none in time.
    pub async fn wait_for(&self, matches: impl Fn(&CallRecord) -> bool, within: Duration) -> Option<CallRecord> {
        self.shared.records.wait_for(matches, within).await
    }

    /// Adds a rule. It holds until the handle removes it; dropping the handle does not.
    pub fn inject(&self, rule: FaultRule) -> FaultHandle {
        self.shared.faults.add(rule)
    }

    /// Takes no new calls, lets the running ones end for a moment, and closes.
    pub async fn stop(mut self) {
        self.stopping.send_replace(true);
        let _ended = (&mut self.server).await;
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").field("url", &self.url()).finish_non_exhaustive()
    }
}
