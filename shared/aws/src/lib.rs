//! Adapters over the AWS SDK: one module per service, one method per call sequence, in the words of
//! [`domain::ports`]. They decide nothing; they translate requests, answers and errors.

pub mod cost_explorer;
mod error;
pub mod sns;
pub mod state;

pub use error::failure;
