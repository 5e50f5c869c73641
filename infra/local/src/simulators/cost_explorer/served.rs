//! Cost Explorer behind the gateway.

use std::sync::Arc;

use hyper::StatusCode;
use jiff::Timestamp;

use super::{CONTENT_TYPE, CostExplorer};
use crate::gateway::{SimulatedRequest, SimulatedResponse, Simulator};

/// The simulator as the gateway serves it, authorised by the caller's own policies.
#[derive(Clone, Debug)]
pub struct Served(pub Arc<CostExplorer>);

impl Simulator for Served {
    fn covers(&self, service: &str, _operation: &str) -> bool {
        service == "ce"
    }

    #[expect(clippy::disallowed_methods, reason = "while no played time is set, the time is now")]
    fn handle(&self, request: &SimulatedRequest) -> SimulatedResponse {
        let answer = self.0.handle_now(&request.operation, &request.body, Timestamp::now());
        let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = SimulatedResponse::new(status, CONTENT_TYPE, answer.body.to_string());
        if let Some(error) = answer.error.and_then(|error| error.parse().ok()) {
            response.headers.insert("x-amzn-errortype", error);
        }
        response
    }
}
