//! `NextPageToken`: opaque to callers, stateless here.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::error::ApiError;

/// What a page depends on: the request without its token, and the data it is answered from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subject {
    request: String,
    refresh: i64,
}

impl Subject {
    pub fn new(body: &[u8], refresh: Option<Timestamp>) -> Self {
        // Parsed and written again, so that white space does not matter.
        let mut value: Value = serde_json::from_slice(body).unwrap_or_default();
        if let Some(members) = value.as_object_mut() {
            members.remove("NextPageToken");
        }
        Self { request: digest(&[&value.to_string()]), refresh: refresh.map_or(i64::MIN, Timestamp::as_second) }
    }
}

/// The token of the page that begins at row `offset`.
pub(super) fn write(seed: u64, subject: &Subject, offset: usize) -> String {
    let content = format!("{offset}.{}.{}", subject.refresh, subject.request);
    let seal = seal(seed, &content);
    URL_SAFE_NO_PAD.encode(format!("{content}.{seal}"))
}

/// The row at which a token's page begins.
///
/// # Errors
///
/// `InvalidNextToken` for what this simulator never gave out; `RequestChanged` for a token of another request, or of
/// data that has been refreshed since: its pages would not fit together.
pub(super) fn read(seed: u64, subject: &Subject, token: &str) -> Result<usize, ApiError> {
    let text = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let text = text.ok_or(ApiError::InvalidNextToken)?;
    let (content, given) = text.rsplit_once('.').ok_or(ApiError::InvalidNextToken)?;
    if given != seal(seed, content) {
        return Err(ApiError::InvalidNextToken);
    }
    let mut parts = content.split('.');
    let (Some(offset), Some(refresh), Some(request)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(ApiError::InvalidNextToken);
    };
    if request != subject.request {
        return Err(ApiError::RequestChanged(
            "Your request parameters changed between pages. Try again with the old parameters or without a pagination \
             token."
                .into(),
        ));
    }
    if refresh != subject.refresh.to_string() {
        return Err(ApiError::RequestChanged(
            "The data changed between pages. Try again without a pagination token.".into(),
        ));
    }
    offset.parse().map_err(|_| ApiError::InvalidNextToken)
}

fn seal(seed: u64, content: &str) -> String {
    digest(&["cost explorer simulator", &seed.to_string(), content])
}

fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    URL_SAFE_NO_PAD.encode(hash.finalize())
}
