//! Why a request got no response: whether it may be sent again, and through which proxy it was sent.

use std::error::Error as _;

use object_store::client::{HttpError, HttpErrorKind};

/// A request through a proxy failed.
#[derive(Debug, thiserror::Error)]
#[error("through the proxy {proxy}")]
struct ThroughProxy {
    proxy: String,
    source: reqwest::Error,
}

/// The text that follows the name of a server in messages: the proxy, if the request went through one.
pub(super) fn through_proxy(error: &(dyn std::error::Error + 'static)) -> String {
    let mut causes = std::iter::successors(Some(error), |&cause| cause.source());
    let found = causes.find_map(|cause| cause.downcast_ref::<ThroughProxy>());
    found.map_or_else(String::new, |found| format!(" {found}"))
}

/// The error of a request that got no response.
pub(super) fn request_failed(error: reqwest::Error, proxy: Option<String>) -> HttpError {
    let kind = kind(&error);
    // The client adds the URL itself.
    let source = error.without_url();
    match proxy {
        Some(proxy) => HttpError::new(kind, ThroughProxy { proxy, source }),
        None => HttpError::new(kind, source),
    }
}

/// The error of a response whose body broke off.
pub(super) fn broken(error: reqwest::Error) -> HttpError {
    HttpError::new(kind(&error), error.without_url())
}

/// The kind of an error, by which the client knows whether the server can have seen the request, or it may be sent
/// again.
fn kind(error: &reqwest::Error) -> HttpErrorKind {
    if error.is_timeout() {
        HttpErrorKind::Timeout
    } else if error.is_connect() {
        HttpErrorKind::Connect
    } else if error.is_decode() {
        HttpErrorKind::Decode
    } else {
        let mut causes = std::iter::successors(error.source(), |&cause| cause.source());
        causes.find_map(kind_of).unwrap_or(HttpErrorKind::Unknown)
    }
}

fn kind_of(cause: &(dyn std::error::Error + 'static)) -> Option<HttpErrorKind> {
    use std::io::ErrorKind;
    if let Some(error) = cause.downcast_ref::<hyper::Error>() {
        if error.is_closed() || error.is_incomplete_message() || error.is_body_write_aborted() {
            return Some(HttpErrorKind::Request);
        }
        if error.is_timeout() {
            return Some(HttpErrorKind::Timeout);
        }
    }
    match cause.downcast_ref::<std::io::Error>()?.kind() {
        ErrorKind::TimedOut => Some(HttpErrorKind::Timeout),
        ErrorKind::ConnectionAborted
        | ErrorKind::ConnectionReset
        | ErrorKind::BrokenPipe
        | ErrorKind::UnexpectedEof => Some(HttpErrorKind::Interrupted),
        _ => None,
    }
}
