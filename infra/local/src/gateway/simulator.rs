//! What answers a call instead of ministack.

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use hyper::body::Bytes;
use serde_json::{Value, json};

/// A service, or a part of one, that we play ourselves because no emulator does.
///
/// Before [`Self::handle`] is asked, the gateway has had the caller's signature verified and the action of
/// [`Self::permission`] allowed by the caller's real policies.
pub trait Simulator: Send + Sync {
    /// Whether it answers this operation of this service (the names of [`super::CallRecord`]).
    fn covers(&self, service: &str, operation: &str) -> bool;

    /// What the caller must be allowed to do. By default the action that is named as the operation, on `*`.
    fn permission(&self, request: &SimulatedRequest) -> Permission {
        Permission { action: format!("{}:{}", request.service, request.operation), resource: "*".to_owned() }
    }

    /// The answer. It may take its own locks but must not wait for long: it runs on the gateway's task.
    fn handle(&self, request: &SimulatedRequest) -> SimulatedResponse;
}

/// An IAM action on a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// Such as `ce:GetCostAndUsage`.
    pub action: String,
    /// An ARN, or `*` for actions without resources.
    pub resource: String,
}

/// A call, as a simulator sees it.
#[derive(Clone, Debug)]
pub struct SimulatedRequest {
    /// The service of the signature's scope.
    pub service: String,
    /// The API's name for the operation.
    pub operation: String,
    /// The region of the signature's scope.
    pub region: String,
    /// HTTP method.
    pub method: Method,
    /// Path and query as sent.
    pub path: String,
    /// Headers as sent.
    pub headers: HeaderMap,
    /// Body as sent.
    pub body: Bytes,
    /// ARN of the caller; empty while its permission is still being asked for.
    pub caller: String,
    /// The caller's role, when it is a session of one.
    pub role: Option<String>,
}

/// A simulator's answer.
#[derive(Clone, Debug)]
pub struct SimulatedResponse {
    /// HTTP status.
    pub status: StatusCode,
    /// HTTP headers; `Content-Length` is added.
    pub headers: HeaderMap,
    /// HTTP body.
    pub body: Bytes,
}

impl SimulatedResponse {
    /// A body of a media type.
    pub fn new(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self { status, headers, body: body.into() }
    }

    /// 200 in AWS JSON 1.1.
    #[must_use]
    pub fn json(value: &Value) -> Self {
        Self::new(StatusCode::OK, "application/x-amz-json-1.1", value.to_string())
    }

    /// An error in AWS JSON 1.1.
    #[must_use]
    pub fn json_error(status: StatusCode, code: &str, message: &str) -> Self {
        let body = json!({ "__type": code, "message": message }).to_string();
        let mut response = Self::new(status, "application/x-amz-json-1.1", body);
        if let Ok(code) = HeaderValue::from_str(code) {
            response.headers.insert("x-amzn-errortype", code);
        }
        response
    }

    /// 200 in XML.
    pub fn xml(body: impl Into<Bytes>) -> Self {
        Self::new(StatusCode::OK, "text/xml", body)
    }
}
