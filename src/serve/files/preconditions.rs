//! Conditional requests: RFC 9110, section 13.

use std::time::SystemTime;

use axum::http::HeaderMap;
use axum::http::header::{
    HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
};
use headers::{
    ETag, HeaderMapExt, IfMatch, IfModifiedSince, IfNoneMatch, IfRange, IfUnmodifiedSince,
    LastModified,
};

/// The headers with conditions.
static CONDITIONS: [HeaderName; 5] =
    [IF_MATCH, IF_UNMODIFIED_SINCE, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_RANGE];

/// The validators of the requested file.
#[derive(Clone, Debug)]
pub(crate) struct Validators {
    pub tag: Option<ETag>,
    /// When it was changed last; `None` while it may change again in the same second.
    pub changed: Option<SystemTime>,
}

/// The response that the conditions of a request call for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConditionalResponse {
    /// The file, or the requested part.
    Send,
    /// The whole file, although a part was requested: the client has the other part of another version.
    SendWhole,
    /// The client has the current file.
    NotModified,
    /// The client wants another version or none.
    Failed,
}

impl Validators {
    /// Evaluates the conditions in the order of section 13.2.2.
    pub fn evaluate(&self, headers: &HeaderMap) -> ConditionalResponse {
        // Most requests have none, and to look for each of them takes longer.
        if !headers.keys().any(|name| CONDITIONS.contains(name)) {
            return ConditionalResponse::Send;
        }
        let Self { tag, changed } = self;
        if headers.contains_key(IF_MATCH) {
            let wanted: Option<IfMatch> = headers.typed_get();
            if !wanted
                .zip(tag.as_ref())
                .is_some_and(|(wanted, tag)| wanted.precondition_passes(tag))
            {
                return ConditionalResponse::Failed;
            }
        } else if let Some((since, changed)) =
            headers.typed_get::<IfUnmodifiedSince>().zip(*changed)
        {
            if !since.precondition_passes(changed) {
                return ConditionalResponse::Failed;
            }
        }
        // rebar3 sends an empty one for a file that it does not have.
        if headers.get_all(IF_NONE_MATCH).iter().any(|line| !line.is_empty()) {
            let had: Option<IfNoneMatch> = headers.typed_get();
            if had.zip(tag.as_ref()).is_some_and(|(had, tag)| !had.precondition_passes(tag)) {
                return ConditionalResponse::NotModified;
            }
        } else if let Some((since, changed)) = headers.typed_get::<IfModifiedSince>().zip(*changed)
        {
            if !since.is_modified(changed) {
                return ConditionalResponse::NotModified;
            }
        }
        if headers.contains_key(RANGE) && headers.contains_key(IF_RANGE) {
            let changed = changed.map(LastModified::from);
            let has_it = headers
                .typed_get::<IfRange>()
                .is_some_and(|had| !had.is_modified(tag.as_ref(), changed.as_ref()));
            if !has_it {
                return ConditionalResponse::SendWhole;
            }
        }
        ConditionalResponse::Send
    }
}
