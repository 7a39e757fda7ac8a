//! Responses in a few words: refusals and statuses.

use axum::body::Body;
use axum::http::header::{self, HeaderValue};
use axum::http::{Method, Response, StatusCode};

use super::connections::peer::Overload;

/// After how many seconds a client may ask again where too many wait.
const RETRY_AFTER: &str = "1";

/// After how many seconds a client may ask again while storage is away.
const STORAGE_RETRY_AFTER: &str = "5";

/// `X-Content-Type-Options` of every response: a browser must not guess another type.
pub(crate) const NOSNIFF: &str = "nosniff";

/// A status in words.
pub(super) fn plain(status: StatusCode) -> Response<Body> {
    let reason = status.canonical_reason().unwrap_or("Unknown");
    text(status, format!("{} {reason}\n", status.as_str()))
}

/// 204: there is nothing to send.
#[cfg(feature = "web")]
pub(super) fn no_content() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// A text that no cache keeps.
pub(super) fn text(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// 400, after which the connection is closed.
pub(super) fn bad_request() -> Response<Body> {
    let mut response = plain(StatusCode::BAD_REQUEST);
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// 401. A browser asks its user for a name and a password.
pub(super) fn unauthorized() -> Response<Body> {
    let mut response = plain(StatusCode::UNAUTHORIZED);
    let challenge = HeaderValue::from_static("Basic realm=\"hexreg\", charset=\"UTF-8\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response
}

/// 405, with the methods that the path has.
pub(super) fn method_not_allowed(allowed: &[Method]) -> Response<Body> {
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED);
    let allowed = allowed.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
    if let Ok(allowed) = HeaderValue::from_str(&allowed) {
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response
}

/// 421: the request is for another host.
pub(super) fn misdirected(advice: &str) -> Response<Body> {
    let mut response = plain(StatusCode::MISDIRECTED_REQUEST);
    *response.body_mut() = Body::from(format!("421 Misdirected Request\n{advice}\n"));
    response
}

/// 503: storage is away.
pub(super) fn unavailable() -> Response<Body> {
    let mut response = plain(StatusCode::SERVICE_UNAVAILABLE);
    let after = HeaderValue::from_static(STORAGE_RETRY_AFTER);
    response.headers_mut().insert(header::RETRY_AFTER, after);
    response
}

/// 502: upstream does not answer, or sent a file that is refused.
#[cfg(feature = "mirror")]
pub(super) fn bad_gateway() -> Response<Body> {
    of_upstream(StatusCode::BAD_GATEWAY, "upstream does not answer, or sent a file that is refused")
}

/// 504: upstream is slow.
#[cfg(feature = "mirror")]
pub(super) fn gateway_timeout() -> Response<Body> {
    of_upstream(StatusCode::GATEWAY_TIMEOUT, "upstream is slow: the file is still being fetched")
}

#[cfg(feature = "mirror")]
fn of_upstream(status: StatusCode, reason: &str) -> Response<Body> {
    let mut response = plain(status);
    let status = status.canonical_reason().map(|text| format!("{} {text}", status.as_str()));
    *response.body_mut() = Body::from(format!("{}\n{reason}\n", status.unwrap_or_default()));
    let after = HeaderValue::from_static(STORAGE_RETRY_AFTER);
    response.headers_mut().insert(header::RETRY_AFTER, after);
    response
}

/// 429 or 503: there is no room for the request at the moment.
pub(super) fn overloaded(overload: Overload) -> Response<Body> {
    let mut response = plain(match overload {
        Overload::OfPeer => StatusCode::TOO_MANY_REQUESTS,
        Overload::OfServer => StatusCode::SERVICE_UNAVAILABLE,
    });
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER));
    response
}
