//! What a client has already, and how it says so: RFC 9110, section 13.

use std::time::SystemTime;

use axum::http::HeaderMap;
use axum::http::header::{IF_MATCH, IF_NONE_MATCH, IF_RANGE, RANGE};
use headers::{
    ETag, HeaderMapExt, IfMatch, IfModifiedSince, IfNoneMatch, IfRange, IfUnmodifiedSince,
    LastModified,
};

/// What is known of the file that is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Validators {
    pub tag: Option<ETag>,
    /// When it was changed last; `None` where it may change again in the same second.
    pub changed: Option<SystemTime>,
}

/// What follows from the conditions of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The file, or the part that is asked for.
    Send,
    /// The file, although a part was asked for: the client has the other part of another file.
    SendWhole,
    /// The client has the file.
    NotModified,
    /// The client wants another file or none.
    Failed,
}

impl Validators {
    /// Weighs conditions in the order of section 13.2.2.
    pub fn weigh(&self, headers: &HeaderMap) -> Verdict {
        let Self { tag, changed } = self;
        if headers.contains_key(IF_MATCH) {
            let wanted: Option<IfMatch> = headers.typed_get();
            if !wanted
                .zip(tag.as_ref())
                .is_some_and(|(wanted, tag)| wanted.precondition_passes(tag))
            {
                return Verdict::Failed;
            }
        } else if let Some((since, changed)) =
            headers.typed_get::<IfUnmodifiedSince>().zip(*changed)
        {
            if !since.precondition_passes(changed) {
                return Verdict::Failed;
            }
        }
        // rebar3 sends an empty one for what it does not have.
        if headers.get_all(IF_NONE_MATCH).iter().any(|line| !line.is_empty()) {
            let had: Option<IfNoneMatch> = headers.typed_get();
            if had.zip(tag.as_ref()).is_some_and(|(had, tag)| !had.precondition_passes(tag)) {
                return Verdict::NotModified;
            }
        } else if let Some((since, changed)) = headers.typed_get::<IfModifiedSince>().zip(*changed)
        {
            if !since.is_modified(changed) {
                return Verdict::NotModified;
            }
        }
        if headers.contains_key(RANGE) && headers.contains_key(IF_RANGE) {
            let changed = changed.map(LastModified::from);
            let has_it = headers
                .typed_get::<IfRange>()
                .is_some_and(|had| !had.is_modified(tag.as_ref(), changed.as_ref()));
            if !has_it {
                return Verdict::SendWhole;
            }
        }
        Verdict::Send
    }
}
