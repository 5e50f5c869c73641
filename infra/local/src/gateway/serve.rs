//! The server: from a connection to an answered and recorded call.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, StatusCode, request};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::answer::Refusal;
use super::faults::{FaultAction, FaultHandle};
use super::record::{self, CallRecord, Entry};
use super::simulator::{Permission, SimulatedRequest, Simulator};
use super::upstream::{self, Upstream, Verdict};
use super::{Call, Shared, caller, classify};

type Body = BoxBody<Bytes, hyper::Error>;

/// How long calls under way may take to end when the gateway stops.
const STOP_WITHIN: Duration = Duration::from_secs(2);

/// How long to leave the system alone when it gives no more connections.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// The connection is to close without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closed without an answer")]
struct Cut;

/// Accepts connections until told to stop, then lets them end.
pub(super) async fn run(listener: TcpListener, shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = told_to_stop(&mut stopped) => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(connection(stream, peer, Arc::clone(&shared), stopped.clone()));
                }
                // Out of descriptors: go on when a connection has ended, or at least not at once.
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    let _in_time = timeout(ACCEPT_AGAIN, connections.join_next()).await;
                }
            },
        }
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    let _in_time = timeout(STOP_WITHIN, all).await;
}

async fn told_to_stop(stopped: &mut watch::Receiver<bool>) {
    // An error means that the gateway was dropped, which is to stop, too.
    let _told = stopped.wait_for(|stopped| *stopped).await;
}

async fn connection(stream: TcpStream, peer: SocketAddr, shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    let _slower_without = stream.set_nodelay(true);
    let service = service_fn(|request| call(Arc::clone(&shared), peer, request));
    let mut serving = std::pin::pin!(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        _ = serving.as_mut() => {} // ended by the client, or cut on purpose
        () = told_to_stop(&mut stopped) => {
            serving.as_mut().graceful_shutdown();
            let _ended = serving.await;
        }
    }
}

async fn call(shared: Arc<Shared>, peer: SocketAddr, request: Request<Incoming>) -> Result<Response<Body>, Cut> {
    let (started, at) = (Instant::now(), record::now());
    let (head, body) = request.into_parts();
    // A client that does not send its whole body has made no call.
    let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
    let call = classify(&head.method, &head.uri, &head.headers, &body);
    let upstream = shared.upstream.get();
    let principal = principal(upstream, &call).await;
    let role = upstream::role(principal.as_deref());
    let known = CallRecord {
        sequence: 0,
        at,
        principal: principal.clone(),
        role: role.clone(),
        service: call.service.clone(),
        operation: call.operation.clone(),
        region: call.region.clone(),
        resource: call.resource.clone(),
        status: None,
        duration: Duration::ZERO,
        simulated: false,
        fault: None,
    };
    let mut entry = Entry::new(&shared.records, started, known);
    let request_id = format!("local-{peer}-{at}").replace(':', "-");
    let refused = |refusal: Refusal| refusal.response(call.protocol, &request_id).map(full);

    let fault = shared.faults.take(&call, role.as_deref());
    if let Some(fault) = &fault {
        entry.record.fault = Some(fault.action().in_words());
        let refusal = match fault.action() {
            FaultAction::Throttle => Some(Refusal::throttled(call.protocol)),
            FaultAction::ServerError(status) => Some(Refusal::server_error(call.protocol, status)),
            FaultAction::Denied => Some(injected_denial(&call, principal.as_deref())),
            FaultAction::Hang => {
                fault.hang().await;
                None
            }
            FaultAction::KillBefore => {
                kill(&shared, fault, peer);
                return Err(Cut);
            }
            FaultAction::LostReply | FaultAction::KillAfter => None,
        };
        if let Some(refusal) = refusal {
            entry.record.status = Some(refusal.status.as_u16());
            return Ok(refused(refusal));
        }
    }

    let simulator = shared.simulators.iter().find(|simulator| simulator.covers(&call.service, &call.operation));
    entry.record.simulated = simulator.is_some();
    let answer = match (upstream, simulator) {
        (None, _) => Err(Refusal::unreachable(call.protocol, "ministack is not running yet")),
        (Some(upstream), None) => forward(upstream, &call, &head, body).await,
        (Some(upstream), Some(simulator)) => simulate(upstream, &**simulator, &call, role, &head, body).await,
    };
    let response = answer.unwrap_or_else(refused);
    entry.record.status = Some(response.status().as_u16());

    match fault.as_ref().map(FaultHandle::action) {
        Some(FaultAction::LostReply) => {
            let _effect_is_complete = response.into_body().collect().await;
            Err(Cut)
        }
        Some(FaultAction::KillAfter) => {
            let _effect_is_complete = response.into_body().collect().await;
            if let Some(fault) = &fault {
                kill(&shared, fault, peer);
            }
            Err(Cut)
        }
        _ => Ok(response),
    }
}

async fn principal(upstream: Option<&Upstream>, call: &Call) -> Option<String> {
    match upstream?.principal(call.access_key.as_deref()?).await {
        Ok(principal) => principal,
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "the caller could not be told");
            None
        }
    }
}

async fn forward(
    upstream: &Upstream,
    call: &Call,
    head: &request::Parts,
    body: Bytes,
) -> Result<Response<Body>, Refusal> {
    let mut response = upstream.forward(head, body.clone()).await.map_err(|error| unanswered(call, &error))?;
    if response.status() == StatusCode::NOT_FOUND {
        hide_missing_key(upstream, call, head, &body).await?;
    }
    let headers = response.headers_mut();
    let names: Vec<_> = headers.keys().filter(|name| upstream::is_hop_by_hop(name)).cloned().collect();
    for name in names {
        headers.remove(name);
    }
    Ok(response.map(BodyExt::boxed))
}

/// S3 tells that a key is missing only to those who may list the bucket; to all others it is forbidden. ministack
/// tells everybody.
async fn hide_missing_key(
    upstream: &Upstream,
    call: &Call,
    head: &request::Parts,
    body: &Bytes,
) -> Result<(), Refusal> {
    if call.service != "s3" || !["GetObject", "HeadObject"].contains(&call.operation.as_str()) {
        return Ok(());
    }
    let Some((bucket, _key)) = call.resource.as_deref().and_then(|resource| resource.split_once('/')) else {
        return Ok(());
    };
    let permission = Permission { action: "s3:ListBucket".to_owned(), resource: format!("arn:aws:s3:::{bucket}") };
    match upstream.authorize(head, body, &permission).await.map_err(|error| unanswered(call, &error))? {
        Verdict::Allowed(_) => Ok(()),
        Verdict::Denied { message, .. } => Err(Refusal::denied(call.protocol, "AccessDenied", message)),
    }
}

async fn simulate(
    upstream: &Upstream,
    simulator: &dyn Simulator,
    call: &Call,
    role: Option<String>,
    head: &request::Parts,
    body: Bytes,
) -> Result<Response<Body>, Refusal> {
    let mut request = SimulatedRequest {
        service: call.service.clone(),
        operation: call.operation.clone(),
        region: call.region.clone(),
        method: head.method.clone(),
        path: head.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
        headers: head.headers.clone(),
        body,
        caller: String::new(),
        role,
    };
    let permission = simulator.permission(&request);
    let verdict = upstream.authorize(head, &request.body, &permission).await;
    match verdict.map_err(|error| unanswered(call, &error))? {
        Verdict::Denied { code, message } => Err(Refusal::denied(call.protocol, &code, message)),
        Verdict::Allowed(caller) => {
            request.caller = caller;
            let answer = simulator.handle(&request);
            let mut response = Response::new(full(answer.body));
            *response.status_mut() = answer.status;
            *response.headers_mut() = answer.headers;
            Ok(response)
        }
    }
}

fn unanswered(call: &Call, error: &upstream::UpstreamError) -> Refusal {
    tracing::warn!(error = error as &dyn std::error::Error, service = call.service, "ministack failed a call");
    Refusal::unreachable(call.protocol, &error.to_string())
}

fn injected_denial(call: &Call, principal: Option<&str>) -> Refusal {
    let who = principal.unwrap_or("unknown");
    let action = format!("{}:{}", call.service, call.operation);
    let message =
        format!("User: {who} is not authorized to perform: {action} with an explicit deny in an identity-based policy");
    Refusal::denied(call.protocol, "AccessDeniedException", message)
}

fn kill(shared: &Shared, fault: &FaultHandle, peer: SocketAddr) {
    let spared = shared.upstream.get().and_then(Upstream::process);
    if let Err(error) = caller::kill(peer, shared.address, spared) {
        fault.set_problem(error.to_string());
        tracing::warn!(%error, "a caller was to be killed");
    }
}

fn full(body: Bytes) -> Body {
    Full::new(body).map_err(|never: Infallible| match never {}).boxed()
}
