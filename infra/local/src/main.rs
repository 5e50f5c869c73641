//! `platform`: the whole platform on one computer.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    local_platform::cli::run().await
}
