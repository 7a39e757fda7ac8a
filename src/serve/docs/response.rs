//! Responses with documentation.
//!
//! Documentation is the code of strangers. So a browser shows it in a sandbox, in an origin that no other page has: it
//! reads no other page with the credentials of its reader, and has no storage that another package's could read.
//! Fonts, modules and requests of such a page need `Access-Control-Allow-Origin`. It is sent with documentation alone,
//! and nothing that needs credentials is answered there: what does has a pass in its path.

use axum::body::{Body, Bytes};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Method, Response, StatusCode};
use data_encoding::BASE64URL_NOPAD;
use headers::ETag;
use libdeflater::Decompressor;

use super::rewritten::SentBytes;
use crate::serve::files::preconditions::{ConditionalResponse, Validators};
use crate::serve::responses::{no_content, plain};

/// What documentation may do: run scripts, and keep the forms of its search and its EPUB file to itself. Never
/// `allow-same-origin`.
const SANDBOX: &str = "sandbox allow-scripts allow-forms allow-downloads";

/// How documentation is sent.
pub(super) struct SentDocs<'a> {
    pub method: &'a Method,
    /// Of the request.
    pub headers: &'a HeaderMap,
    /// Where forms may lead: to the documentation of the same package.
    pub form_action: &'a str,
    /// Whether caches between the server and its clients may keep it.
    pub is_public: bool,
}

impl SentDocs<'_> {
    /// A file.
    pub fn file(
        &self,
        status: StatusCode,
        media_type: &'static str,
        sent: SentBytes,
    ) -> Response<Body> {
        let as_gzip = sent.is_gzip && accepts_gzip(self.headers);
        let tag = etag(&sent.tag, as_gzip);
        // An error page has no tag: a client has no copy of it.
        if status == StatusCode::OK {
            match (Validators { tag: tag.clone(), changed: None }).evaluate(self.headers) {
                ConditionalResponse::Send | ConditionalResponse::SendWhole => {}
                ConditionalResponse::NotModified => {
                    return self.with_headers(StatusCode::NOT_MODIFIED, Body::empty(), tag);
                }
                ConditionalResponse::Failed => {
                    return self.with_headers(StatusCode::PRECONDITION_FAILED, Body::empty(), tag);
                }
            }
        }
        let Some(bytes) = body(sent, as_gzip) else {
            return plain(StatusCode::INTERNAL_SERVER_ERROR);
        };
        let length = bytes.len();
        let is_head = *self.method == Method::HEAD;
        let body = if is_head { Body::empty() } else { Body::from(bytes) };
        let mut response = self.with_headers(status, body, tag);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        if as_gzip {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        if is_head {
            headers.insert(header::CONTENT_LENGTH, length.into());
        }
        response
    }

    /// A document that was made here.
    pub fn made(&self, media_type: &'static str, text: String) -> Response<Body> {
        self.file(StatusCode::OK, media_type, SentBytes::of(text.into_bytes()))
    }

    fn with_headers(&self, status: StatusCode, body: Body, tag: Option<ETag>) -> Response<Body> {
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        let policy = format!("{SANDBOX}; form-action {}", self.form_action);
        let policy = HeaderValue::from_str(&policy);
        // A name of a host has no such character.
        let policy = policy.unwrap_or_else(|_| HeaderValue::from_static("sandbox allow-scripts"));
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        // It may be replaced at any time, and only those who may read may have it.
        let cache = if self.is_public { "public, no-cache" } else { "private, no-cache" };
        let fixed: [(HeaderName, &'static str); 5] = [
            (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            // The path may have a pass in it.
            (header::REFERRER_POLICY, "no-referrer"),
            (header::CACHE_CONTROL, cache),
            (header::VARY, "accept-encoding"),
        ];
        for (name, value) in fixed {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if let Some(tag) = tag {
            headers::HeaderMapExt::typed_insert(headers, tag);
        }
        response
    }
}

/// The answer to what a browser asks before a request with a header of ExDoc's own: its pages load the next one by a
/// script, in an origin that is not this one.
pub(super) fn preflight() -> Response<Body> {
    let mut response = no_content();
    let fixed: [(HeaderName, &'static str); 4] = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "x-requested-with"),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    for (name, value) in fixed {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// A redirect that holds for now: relative, so that it is right behind a proxy too.
pub(super) fn redirect(location: &str) -> Response<Body> {
    let Ok(location) = HeaderValue::from_str(location) else {
        return plain(StatusCode::NOT_FOUND);
    };
    let mut response = plain(StatusCode::FOUND);
    response.headers_mut().insert(header::LOCATION, location);
    let policy = HeaderValue::from_static("no-referrer");
    response.headers_mut().insert(header::REFERRER_POLICY, policy);
    response
}

fn etag(tag: &[u8; 16], as_gzip: bool) -> Option<ETag> {
    let suffix = if as_gzip { "-gzip" } else { "" };
    format!("\"{}{suffix}\"", BASE64URL_NOPAD.encode(tag)).parse().ok()
}

/// The bytes as a client takes them; `None` if they do not inflate.
fn body(sent: SentBytes, as_gzip: bool) -> Option<Bytes> {
    if !sent.is_gzip || as_gzip {
        return Some(sent.bytes);
    }
    let mut inflated = vec![0; sent.size];
    let read = Decompressor::new().gzip_decompress(&sent.bytes, &mut inflated).ok()?;
    (read == sent.size).then(|| inflated.into())
}

/// Whether a client takes gzip: RFC 9110, section 12.5.3.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT_ENCODING).iter();
    let codings = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
    let mut any = None;
    for coding in codings {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok());
        let is_accepted = weight.is_none_or(|weight| weight > 0.0);
        match name.trim() {
            name if name.eq_ignore_ascii_case("gzip") => return is_accepted,
            "*" => any = Some(is_accepted),
            _ => {}
        }
    }
    any.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_says_whether_it_takes_gzip() {
        let accepts = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
            accepts_gzip(&headers)
        };
        for value in ["gzip", "gzip, deflate, br", "br;q=1.0, GZIP;q=0.5", "*", "br, *;q=0.1"] {
            assert!(accepts(value), "{value}");
        }
        for value in ["", "br", "identity", "gzip;q=0", "gzip; q=0.0, br", "*;q=0", "gzip;q=0, *"] {
            assert!(!accepts(value), "{value}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }

    #[test]
    fn a_sandbox_never_has_the_origin_of_the_server() {
        assert!(!SANDBOX.contains("allow-same-origin"));
        let (method, headers) = (Method::GET, HeaderMap::new());
        let docs =
            SentDocs { method: &method, headers: &headers, form_action: "'none'", is_public: true };
        let response = docs.made("text/html", "<p>".to_owned());
        let policy = &response.headers()[header::CONTENT_SECURITY_POLICY];
        assert_eq!(policy, "sandbox allow-scripts allow-forms allow-downloads; form-action 'none'");
    }
}
