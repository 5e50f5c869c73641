//! The world as functions see it: one trait at each seam, in the words of the caller.
//!
//! `aws` implements them over the SDK; `testkit` keeps in-memory twins and a wrapper that fails calls on purpose.

use std::future::Future;

use crate::cost::{BillPage, BillQuery, PageToken};
use crate::failure::Failure;
use crate::money::Usd;
use crate::notice::Notice;
use crate::time::Window;

/// The version of a stored object: opaque, equal only for the same bytes written by the same write.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Version(pub String);

/// A stored object.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stored {
    /// Its bytes.
    pub body: Vec<u8>,
    /// Its version, for the next [`StateStore::put`].
    pub version: Version,
}

/// What a conditional write did.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Put {
    /// The object is as given.
    Done(Version),
    /// Somebody else has written since; nothing was changed.
    Conflict,
}

/// Small JSON objects with conditional writes (one versioned S3 bucket on AWS).
pub trait StateStore {
    /// Reads an object; `None` when there is none.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn get(&self, key: &str) -> impl Future<Output = Result<Option<Stored>, Failure>> + Send;

    /// Writes an object if it still is what the caller has read: `expected` is its version, or `None` for no object.
    /// No two runs may write the same bytes under one key: a writer puts its own id into the object.
    ///
    /// # Errors
    /// When the store cannot be written. A conflict is no error.
    fn put(
        &self,
        key: &str,
        body: Vec<u8>,
        expected: Option<&Version>,
    ) -> impl Future<Output = Result<Put, Failure>> + Send;
}

/// Where notices go (one SNS topic on AWS).
pub trait NoticeTopic {
    /// Sends a notice. Sending again is safe: subscribers know a notice by its id.
    ///
    /// # Errors
    /// When it may not have been sent.
    fn publish(&self, notice: &Notice) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// The bill (Cost Explorer on AWS).
pub trait Bill {
    /// One page of an answer; costs 0.01 USD.
    ///
    /// # Errors
    /// With the service's code: `DataUnavailableException`, `RequestChangedException`, `AccessDeniedException`, ...
    fn page(
        &self,
        query: &BillQuery,
        token: Option<&PageToken>,
    ) -> impl Future<Output = Result<BillPage, Failure>> + Send;

    /// The unblended cost that AWS expects for the days of `window` together, which begins today or earlier;
    /// costs 0.01 USD.
    ///
    /// # Errors
    /// As [`Bill::page`]; `DataUnavailableException` with less than one billing cycle of history.
    fn forecast(&self, window: Window) -> impl Future<Output = Result<Usd, Failure>> + Send;
}
