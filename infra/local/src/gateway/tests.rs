//! The gateway before an upstream that echoes and counts.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::*;

const SOON: Duration = Duration::from_secs(5);
const SESSION: &str = "arn:aws:sts::123456789012:assumed-role/cost-check/run";

/// What reached the upstream, one line per call: method, target, headers, body.
#[derive(Default)]
struct Seen {
    lines: Mutex<Vec<String>>,
    identities: AtomicU64,
}

async fn upstream() -> (SocketAddr, Arc<Seen>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let (address, seen) = (listener.local_addr().unwrap(), Arc::<Seen>::default());
    let shared = Arc::clone(&seen);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let seen = Arc::clone(&shared);
            let service = service_fn(move |request| echo(Arc::clone(&seen), request));
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    (address, seen)
}

async fn echo(seen: Arc<Seen>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    let header = |name: &str| head.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let json = |value: Value| Ok(Response::new(Full::new(value.to_string().into())));
    if header("x-platform-secret").as_deref() == Some("secret") {
        if let Some(key) = header("x-platform-identity") {
            seen.identities.fetch_add(1, Ordering::Relaxed);
            return json(json!({ "arn": (key == "ASIAKEY").then_some(SESSION) }));
        }
        if header("x-platform-authorize").as_deref() == Some("ce:GetCostAndUsage *") {
            return json(json!({ "arn": SESSION, "decision": "Allow" }));
        }
        let denial = json!({ "arn": SESSION, "decision": "Deny", "code": "AccessDeniedException", "message": "no" });
        return json(denial);
    }
    let line = format!("{} {} {:?} {body}", head.method, head.uri, header("x-amz-date"));
    seen.lines.lock().unwrap().push(line);
    let mut response = Response::new(Full::new(Bytes::from(body)));
    response.headers_mut().insert("x-amz-version-id", "v1".parse().unwrap());
    Ok(response)
}

/// Answers Cost Explorer with the caller's ARN.
struct CostExplorer;

impl Simulator for CostExplorer {
    fn covers(&self, service: &str, _operation: &str) -> bool {
        service == "ce"
    }

    fn handle(&self, request: &SimulatedRequest) -> SimulatedResponse {
        SimulatedResponse::json(&json!({ "caller": request.caller, "role": request.role }))
    }
}

struct World {
    gateway: Gateway,
    seen: Arc<Seen>,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl World {
    async fn new() -> Self {
        let gateway = Gateway::start(vec![Arc::new(CostExplorer)]).await.unwrap();
        let (address, seen) = upstream().await;
        gateway.connect(Upstream::new(address, "secret"));
        Self { gateway, seen, client: Client::builder(TokioExecutor::new()).build_http() }
    }

    fn request(&self, service: &str, method: Method, target: &str) -> http::request::Builder {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=ASIAKEY/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
        );
        let uri = format!("{}{target}", self.gateway.url());
        Request::builder().method(method).uri(uri).header("authorization", authorization)
    }

    async fn send(&self, request: http::request::Builder, body: &str) -> Result<(u16, String), ()> {
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
        let response = self.client.request(request).await.map_err(|_| ())?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.map_err(|_| ())?.to_bytes();
        Ok((status, String::from_utf8(body.to_vec()).unwrap()))
    }

    async fn put(&self, key: &str) -> Result<(u16, String), ()> {
        self.send(self.request("s3", Method::PUT, &format!("/state/{key}")), "{}").await
    }

    async fn cost(&self, operation: &str) -> (u16, Value) {
        let request = self.request("ce", Method::POST, "/").header("x-amz-target", format!("X.{operation}"));
        let (status, body) = self.send(request, "{}").await.unwrap();
        (status, serde_json::from_str(&body).unwrap())
    }

    fn effects(&self) -> usize {
        self.seen.lines.lock().unwrap().len()
    }
}

#[tokio::test]
async fn a_call_goes_on_as_it_came() {
    let world = World::new().await;
    let request =
        world.request("s3", Method::PUT, "/b/a%20b%2Fc//d?x=1&y=%41").header("x-amz-date", "20260101T000000Z");
    let (status, body) = world.send(request.header("x-platform-secret", "guess"), "body").await.unwrap();
    assert_eq!((status, &*body), (200, "body"));
    let line = "PUT /b/a%20b%2Fc//d?x=1&y=%41 Some(\"20260101T000000Z\") body";
    assert_eq!(*world.seen.lines.lock().unwrap(), [line]);
}

#[tokio::test]
async fn a_call_is_recorded_with_its_role() {
    let world = World::new().await;
    world.put("alerts.json").await.unwrap();
    world.put("alerts.json").await.unwrap();
    let calls = world.gateway.calls();
    let first = &calls[0];
    assert_eq!((first.sequence, first.status, first.role.as_deref()), (1, Some(200), Some("cost-check")));
    assert_eq!((&*first.operation, first.resource.as_deref()), ("PutObject", Some("state/alerts.json")));
    assert_eq!((first.principal.as_deref(), first.simulated, &first.fault), (Some(SESSION), false, &None));
    assert_eq!(world.gateway.calls_since(1), calls[1..]);
    assert_eq!(world.seen.identities.load(Ordering::Relaxed), 1, "a known key is not asked for again");
}

#[tokio::test]
async fn a_simulator_answers_what_it_covers_once_the_caller_may() {
    let world = World::new().await;
    let (status, body) = world.cost("GetCostAndUsage").await;
    assert_eq!((status, body), (200, json!({ "caller": SESSION, "role": "cost-check" })));
    let (status, body) = world.cost("GetAnomalies").await;
    assert_eq!((status, body), (400, json!({ "__type": "AccessDeniedException", "message": "no" })));
    assert_eq!(world.effects(), 0);
    assert!(world.gateway.calls().iter().all(|call| call.simulated));
}

#[tokio::test]
async fn a_throttled_call_has_no_effect_and_the_next_one_has() {
    let world = World::new().await;
    let fault = world.gateway.inject(FaultRule::new(FaultAction::Throttle).operation("PutObject").nth(Nth::First(1)));
    let (status, body) = world.put("a").await.unwrap();
    assert!(status == 503 && body.contains("SlowDown"), "{status} {body}");
    assert_eq!((world.effects(), fault.fired()), (0, 1));
    assert_eq!(world.put("a").await.unwrap().0, 200);
    let faults: Vec<_> = world.gateway.calls().into_iter().map(|call| call.fault).collect();
    assert_eq!(faults, [Some("throttled".to_owned()), None]);
}

#[tokio::test]
async fn server_errors_and_denials_have_no_effect() {
    let world = World::new().await;
    for (action, status) in [(FaultAction::ServerError(500), 500), (FaultAction::Denied, 403)] {
        let fault = world.gateway.inject(FaultRule::new(action));
        assert_eq!(world.put("a").await.unwrap().0, status);
        fault.remove();
    }
    assert_eq!(world.effects(), 0);
}

#[tokio::test]
async fn a_lost_reply_leaves_the_effect_in_place() {
    let world = World::new().await;
    world.put("warm-up").await.unwrap();
    world.gateway.inject(FaultRule::new(FaultAction::LostReply).resource_contains("a.json").nth(Nth::Nth(1)));
    assert_eq!(world.put("a.json").await, Err(()));
    assert_eq!(world.effects(), 2);
    let call = world.gateway.wait_for(|call| call.fault.is_some(), SOON).await.unwrap();
    assert_eq!((call.status, call.fault.as_deref()), (Some(200), Some("reply lost")));
}

#[tokio::test]
async fn a_hanging_call_goes_on_when_released() {
    let world = World::new().await;
    let fault = world.gateway.inject(FaultRule::new(FaultAction::Hang));
    let release = async {
        assert!(fault.wait_fired(1, SOON).await);
        assert_eq!(world.effects(), 0);
        fault.release();
    };
    let (answer, ()) = tokio::join!(world.put("a"), release);
    assert_eq!((answer.unwrap().0, world.effects()), (200, 1));
}

#[tokio::test]
async fn a_hanging_call_is_recorded_when_its_client_goes_away() {
    let world = World::new().await;
    let fault = world.gateway.inject(FaultRule::new(FaultAction::Hang));
    tokio::select! {
        _ = world.put("a") => panic!("the call must hang"),
        fired = fault.wait_fired(1, SOON) => assert!(fired),
    }
    let call = world.gateway.wait_for(|call| call.operation == "PutObject", SOON).await.unwrap();
    assert_eq!((call.status, call.fault.as_deref(), world.effects()), (None, Some("hung"), 0));
}

#[tokio::test]
async fn the_platforms_own_process_is_not_killed() {
    let world = World::new().await;
    let fault = world.gateway.inject(FaultRule::new(FaultAction::KillBefore));
    assert_eq!(world.put("a").await, Err(()));
    assert!(fault.problem().unwrap().contains("is not killed"), "{:?}", fault.problem());
    assert_eq!(world.effects(), 0);
}

#[tokio::test]
async fn before_ministack_is_there_calls_are_unavailable() {
    let gateway = Gateway::start(Vec::new()).await.unwrap();
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let response = client.get(gateway.url().parse().unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    gateway.stop().await;
}

#[tokio::test]
async fn a_stopped_gateway_takes_no_calls() {
    let world = World::new().await;
    world.put("a").await.unwrap();
    let (url, client) = (world.gateway.url(), world.client);
    world.gateway.stop().await;
    let request = Request::put(url).body(Full::new(Bytes::new())).unwrap();
    assert!(client.request(request).await.is_err());
}
