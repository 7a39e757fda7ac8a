//! Responses with a page, or with a file of a package.

use axum::body::Body;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{Response, StatusCode};

use crate::browse::pages::CONTENT_SECURITY_POLICY;
use crate::serve::responses::NOSNIFF;

/// What a browser may do with a file of a package: show it, as a site of its own.
const SANDBOX: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

/// A page.
pub(crate) fn html(status: StatusCode, html: String) -> Response<Body> {
    respond(status, html.into(), "text/html; charset=utf-8", &CONTENT_SECURITY_POLICY)
}

/// A file of a package: a text, whatever it is, or an image.
pub(super) fn raw(bytes: Vec<u8>, image_type: Option<&'static str>) -> Response<Body> {
    let media_type = image_type.unwrap_or("text/plain; charset=utf-8");
    respond(StatusCode::OK, bytes.into(), media_type, SANDBOX)
}

/// A document of another type.
pub(super) fn document(body: String, media_type: &'static str) -> Response<Body> {
    respond(StatusCode::OK, body.into(), media_type, SANDBOX)
}

fn respond(
    status: StatusCode,
    body: Body,
    media_type: &'static str,
    policy: &str,
) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    if let Ok(policy) = HeaderValue::from_str(policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    let headers: [(HeaderName, &'static str); 5] = [
        (header::CONTENT_TYPE, media_type),
        (header::X_CONTENT_TYPE_OPTIONS, NOSNIFF),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        // The page changes with the next build, and only those who may read may have it.
        (header::CACHE_CONTROL, "private, no-cache"),
    ];
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
