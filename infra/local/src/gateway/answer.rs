//! Errors in the words of each wire protocol, so that SDKs recognise (and retry) them.

use http::{HeaderValue, Response, StatusCode, header};
use hyper::body::Bytes;

use super::{Protocol, wire};

/// An error of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: String,
    pub(super) message: String,
}

impl Refusal {
    fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into() }
    }

    /// Too many calls. Each protocol's service has its own code; all are in the SDK's list of throttling codes.
    pub(super) fn throttled(protocol: Protocol) -> Self {
        let (status, code) = match protocol {
            Protocol::AwsJson | Protocol::Cbor => (StatusCode::BAD_REQUEST, "ThrottlingException"),
            Protocol::RestJson => (StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException"),
            Protocol::Query => (StatusCode::BAD_REQUEST, "Throttling"),
            Protocol::Ec2 => (StatusCode::SERVICE_UNAVAILABLE, "RequestLimitExceeded"),
            Protocol::S3 => (StatusCode::SERVICE_UNAVAILABLE, "SlowDown"),
        };
        let message = if protocol == Protocol::S3 { "Please reduce your request rate." } else { "Rate exceeded" };
        Self::new(status, code, message)
    }

    /// A failure of the service.
    pub(super) fn server_error(protocol: Protocol, status: u16) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let code = match (status, protocol) {
            (StatusCode::SERVICE_UNAVAILABLE, Protocol::Ec2) => "Unavailable",
            (StatusCode::SERVICE_UNAVAILABLE, _) => "ServiceUnavailable",
            (_, Protocol::S3 | Protocol::Ec2) => "InternalError",
            (_, Protocol::AwsJson | Protocol::RestJson) => "InternalServerError",
            (_, Protocol::Query | Protocol::Cbor) => "InternalFailure",
        };
        Self::new(status, code, "We encountered an internal error. Please try again.")
    }

    /// A refusal by IAM, or of the signature, under the code that the service would use.
    pub(super) fn denied(protocol: Protocol, code: &str, message: impl Into<String>) -> Self {
        let code = match (code, protocol) {
            ("AccessDeniedException", Protocol::Query | Protocol::S3) => "AccessDenied",
            ("AccessDeniedException", Protocol::Ec2) => "UnauthorizedOperation",
            (other, _) => other,
        };
        // Services of the AWS JSON protocol answer every client error 400.
        let status = if protocol == Protocol::AwsJson { StatusCode::BAD_REQUEST } else { StatusCode::FORBIDDEN };
        Self::new(status, code, message)
    }

    /// Ministack is not there, or not yet.
    pub(super) fn unreachable(protocol: Protocol, why: &str) -> Self {
        Self { message: format!("the local platform cannot answer: {why}"), ..Self::server_error(protocol, 503) }
    }

    /// The whole answer.
    pub(super) fn response(&self, protocol: Protocol, request_id: &str) -> Response<Bytes> {
        let (content_type, body) = self.body(protocol, request_id);
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        let mut put = |name: &'static str, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        };
        put("x-amzn-requestid", request_id);
        match protocol {
            Protocol::AwsJson | Protocol::RestJson => put("x-amzn-errortype", &self.code),
            Protocol::Cbor => put("smithy-protocol", "rpc-v2-cbor"),
            Protocol::S3 => put("x-amz-request-id", request_id),
            Protocol::Query | Protocol::Ec2 => {}
        }
        response
    }

    fn body(&self, protocol: Protocol, request_id: &str) -> (&'static str, Bytes) {
        let (code, message) = (&*self.code, &*self.message);
        let (xml_code, xml_message) = (wire::xml_escape(code), wire::xml_escape(message));
        let fault = if self.status.is_server_error() { "Receiver" } else { "Sender" };
        match protocol {
            Protocol::AwsJson | Protocol::RestJson => {
                let body = serde_json::json!({ "__type": code, "message": message }).to_string();
                let content_type =
                    if protocol == Protocol::AwsJson { "application/x-amz-json-1.1" } else { "application/json" };
                (content_type, body.into())
            }
            Protocol::Query => {
                let body = format!(
                    "<ErrorResponse><Error><Type>{fault}</Type><Code>{xml_code}</Code><Message>{xml_message}</Message></Error>\
                     <RequestId>{request_id}</RequestId></ErrorResponse>"
                );
                ("text/xml", body.into())
            }
            Protocol::Ec2 => {
                let body = format!(
                    "<Response><Errors><Error><Code>{xml_code}</Code><Message>{xml_message}</Message></Error></Errors>\
                     <RequestID>{request_id}</RequestID></Response>"
                );
                ("text/xml", body.into())
            }
            Protocol::S3 => {
                let body = format!(
                    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{xml_code}</Code>\
                     <Message>{xml_message}</Message><RequestId>{request_id}</RequestId></Error>"
                );
                ("application/xml", body.into())
            }
            Protocol::Cbor => {
                let mut body = vec![0xa2]; // a map of two pairs
                for text in ["__type", code, "message", message] {
                    cbor_text(&mut body, text);
                }
                ("application/cbor", body.into())
            }
        }
    }
}

/// A CBOR text string (RFC 8949, major type 3).
fn cbor_text(out: &mut Vec<u8>, text: &str) {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    match u8::try_from(length) {
        Ok(short) if short < 24 => out.push(0x60 | short),
        Ok(byte) => out.extend([0x78, byte]),
        Err(_) => {
            out.push(0x7a);
            out.extend(length.to_be_bytes());
        }
    }
    out.extend(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(refusal: &Refusal, protocol: Protocol) -> (u16, String) {
        let response = refusal.response(protocol, "r-1");
        (response.status().as_u16(), String::from_utf8_lossy(response.body()).into_owned())
    }

    #[test]
    fn a_throttle_is_spelled_as_each_protocol_spells_it() {
        let rows = [
            (Protocol::AwsJson, 400, r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#),
            (Protocol::RestJson, 429, r#"{"__type":"TooManyRequestsException","message":"Rate exceeded"}"#),
            (Protocol::Query, 400, "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code>"),
            (Protocol::Ec2, 503, "<Response><Errors><Error><Code>RequestLimitExceeded</Code>"),
            (Protocol::S3, 503, "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message>"),
            (Protocol::Cbor, 400, "__typesThrottlingExceptiongmessagemRate exceeded"),
        ];
        for (protocol, status, part) in rows {
            let (found, body) = text(&Refusal::throttled(protocol), protocol);
            assert_eq!(found, status, "{protocol:?}");
            assert!(body.contains(part), "{protocol:?}: {body}");
        }
    }

    #[test]
    fn a_denial_names_the_error_in_body_and_header() {
        let refusal = Refusal::denied(Protocol::AwsJson, "AccessDeniedException", "User: <a> may not");
        let response = refusal.response(Protocol::AwsJson, "r-1");
        assert_eq!(response.headers()["x-amzn-errortype"], "AccessDeniedException");
        assert_eq!(response.status(), 400);
        let (status, body) = text(&Refusal::denied(Protocol::S3, "AccessDeniedException", "a & <b>"), Protocol::S3);
        assert_eq!(status, 403);
        assert!(body.contains("<Code>AccessDenied</Code><Message>a &amp; &lt;b&gt;</Message>"), "{body}");
    }

    #[test]
    fn long_texts_keep_their_length_in_cbor() {
        let mut out = Vec::new();
        cbor_text(&mut out, &"x".repeat(300));
        assert_eq!(out[..6], [0x7a, 0, 0, 1, 44, b'x']);
        out.clear();
        cbor_text(&mut out, &"x".repeat(24));
        assert_eq!(out[..3], [0x78, 24, b'x']);
    }
}
