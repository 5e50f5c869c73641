//! A Lambda function that answers with its event and does nothing else: no log, no configuration, no AWS client.
//!
//! It is a package of its own, so that `cargo build -p bare` selects only the features that it needs.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| Ok::<_, Error>(event.payload))).await
}
