//! What the headers of a file that was pulled say of its age.

use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Response};

use crate::serve::pull::readiness::{CacheAge, Freshness};

/// Says how old a file is, and how long caches may keep it: for as long as upstream lets them, however many caches it went
/// through.
pub(super) fn add<B>(
    response: &mut Response<B>,
    freshness: Freshness,
    age: Option<CacheAge>,
    is_public: bool,
) {
    let is_file = response.headers().contains_key(header::ETAG);
    let is_refused = response.status().is_client_error();
    let headers = response.headers_mut();
    if let Some(status) = freshness.cache_status() {
        insert(headers, HeaderName::from_static("cache-status"), &status);
    }
    if !is_file || is_refused {
        return;
    }
    if let Some(age) = age {
        let scope = if is_public { "public" } else { "private" };
        let control = format!("{scope}, max-age={}", age.lifetime.as_secs());
        insert(headers, header::CACHE_CONTROL, &control);
        insert(headers, header::AGE, &age.age.as_secs().to_string());
    }
    if matches!(freshness, Freshness::Stale(_)) {
        // Caches behind this one ask again.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}
