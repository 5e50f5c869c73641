//! The AWS that the functions call: three loopback servers, as Cost Explorer, S3 and SNS are three hosts. Every answer
//! is there after the first round, so that it is the client that is measured.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use local_platform::simulators::cost_explorer::{self, CostExplorer, Scenario};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const NO_SUCH_KEY: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>"#;
const PUBLISHED: &str = r#"<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult>
<MessageId>6d7ae3d6-9c28-5a2b-bb1a-0a7d1a3f3f8e</MessageId></PublishResult><ResponseMetadata>
<RequestId>b5d0f1fd-2b1b-5d8e-8b0c-0c5a1d6c3d9e</RequestId></ResponseMetadata></PublishResponse>"#;

/// The three servers.
pub struct Aws {
    world: Arc<World>,
    /// What points the SDKs to them.
    pub endpoints: Vec<(&'static str, String)>,
}

struct World {
    bill: CostExplorer,
    now: Timestamp,
    /// Answers of Cost Explorer by operation and body.
    known: Mutex<HashMap<(String, Bytes), (u16, Bytes)>>,
    calls: Mutex<BTreeMap<String, usize>>,
}

impl Aws {
    /// Starts them, with TLS if an acceptor is given. `now` is the instant whose bill is visible.
    pub async fn start(bill: Scenario, now: Timestamp, tls: Option<TlsAcceptor>) -> Result<Self, String> {
        let bill = CostExplorer::new(bill).map_err(|error| error.to_string())?;
        let world = Arc::new(World { bill, now, known: Mutex::default(), calls: Mutex::default() });
        let scheme = if tls.is_some() { "https" } else { "http" };
        let mut endpoints = Vec::new();
        for name in ["AWS_ENDPOINT_URL_COST_EXPLORER", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_SNS"] {
            let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
            let address = listener.local_addr().map_err(|error| error.to_string())?;
            endpoints.push((name, format!("{scheme}://{address}")));
            tokio::spawn(serve(listener, Arc::clone(&world), tls.clone()));
        }
        Ok(Self { world, endpoints })
    }

    /// The calls since the last look, by operation.
    pub fn calls(&self) -> BTreeMap<String, usize> {
        std::mem::take(&mut *self.world.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn serve(listener: TcpListener, world: Arc<World>, tls: Option<TlsAcceptor>) {
    while let Ok((stream, _)) = listener.accept().await {
        // Without it the second packet of an answer waits for the client's acknowledgement.
        let _slower_at_worst = stream.set_nodelay(true);
        let (world, tls) = (Arc::clone(&world), tls.clone());
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(request, Arc::clone(&world)));
            let http = hyper::server::conn::http1::Builder::new();
            // A connection ends when its client does; that is no news.
            let _ended = match tls {
                None => http.serve_connection(TokioIo::new(stream), service).await,
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => http.serve_connection(TokioIo::new(stream), service).await,
                    Err(refused) => {
                        eprintln!("TLS: {refused}");
                        return;
                    }
                },
            };
        });
    }
}

async fn answer(request: Request<Incoming>, world: Arc<World>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let target = head.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).map(str::to_owned);
    let (operation, response) = match (head.method, target) {
        (Method::GET, _) => ("GetObject", reply(404, "application/xml", NO_SUCH_KEY)),
        (Method::PUT, _) => {
            let mut done = reply(200, "application/xml", "");
            done.headers_mut().insert("etag", hyper::header::HeaderValue::from_static("\"d41d8cd98f00b204\""));
            ("PutObject", done)
        }
        (_, None) => ("Publish", reply(200, "text/xml", PUBLISHED)),
        (_, Some(target)) => {
            let name = target.strip_prefix(cost_explorer::TARGET_PREFIX).unwrap_or(&target).to_owned();
            let (status, body) = world.bill(target, body);
            world.count(&name);
            return Ok(reply(status, cost_explorer::CONTENT_TYPE, body));
        }
    };
    world.count(operation);
    Ok(response)
}

fn reply(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or_default();
    response.headers_mut().insert("content-type", hyper::header::HeaderValue::from_static(content_type));
    response
}

impl World {
    fn bill(&self, target: String, body: Bytes) -> (u16, Bytes) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = known.entry((target, body)).or_insert_with_key(|(target, body)| {
            let answer = self.bill.handle(target, body, self.now);
            (answer.status, answer.body.to_string().into())
        });
        answer.clone()
    }

    fn count(&self, operation: &str) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        *calls.entry(operation.to_owned()).or_default() += 1;
    }
}
