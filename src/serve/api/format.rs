//! The format of an answer, which `Accept` asks for.
//!
//! mix and rebar3 drop an answer in JSON: they read Erlang's external term format alone. gleam and all others read JSON.

use axum::body::Body;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Response, StatusCode};
use serde::Serialize;

use crate::erlang::etf;

/// The media type of hex.pm for Erlang's external term format.
pub(super) const ERLANG: &str = "application/vnd.hex+erlang";

/// What an `Accept` or a `Content-Type` in this format contains. Clients send parameters with it.
pub(super) const ERLANG_SUBTYPE: &str = "vnd.hex+erlang";

pub(super) const JSON: &str = "application/json";

/// The format of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Erlang's external term format, for mix and rebar3.
    Erlang,
    /// For all others.
    Json,
}

impl Format {
    /// The format that a client asks for.
    pub fn accepted_by(headers: &HeaderMap) -> Self {
        let mut accepted = headers.get_all(header::ACCEPT).iter();
        let is_erlang = accepted.any(|value| contains(value, ERLANG_SUBTYPE));
        if is_erlang { Self::Erlang } else { Self::Json }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Erlang => ERLANG,
            Self::Json => JSON,
        }
    }

    /// An answer with a body. One without a body is [`empty`].
    pub fn response(self, status: StatusCode, body: &impl Serialize) -> Response<Body> {
        // A view has text as keys, and no other way to fail.
        let value = serde_json::to_value(body).unwrap_or_default();
        let bytes = match self {
            Self::Erlang => etf::encode(&value),
            Self::Json => value.to_string().into_bytes(),
        };
        let mut response = Response::new(Body::from(bytes));
        *response.status_mut() = status;
        let headers: [(HeaderName, &'static str); 4] = [
            (header::CONTENT_TYPE, self.content_type()),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::VARY, "accept"),
            // It depends on the token, and changes with the next publication.
            (header::CACHE_CONTROL, "private, no-store"),
        ];
        for (name, value) in headers {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

/// An answer without a body. It has no content type: with one, mix and rebar3 would read the missing body as a term, and
/// report a failure.
pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    let no_store = HeaderValue::from_static("private, no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, no_store);
    response
}

/// Whether a header names a media type, in any case of letters.
pub(super) fn contains(header: &HeaderValue, media_type: &str) -> bool {
    let value = String::from_utf8_lossy(header.as_bytes()).to_ascii_lowercase();
    value.contains(media_type)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn accepting(values: &[&'static str]) -> HeaderMap {
        let values = values.iter().map(|value| HeaderValue::from_static(value));
        values.map(|value| (header::ACCEPT, value)).collect()
    }

    #[test]
    fn the_format_of_an_answer_is_what_accept_asks_for() {
        for (accept, format) in [
            (&["application/vnd.hex+erlang"][..], Format::Erlang),
            (&["text/html", "application/json, Application/vnd.hex+Erlang; q=1"], Format::Erlang),
            (&["application/vnd.hex+json"], Format::Json),
            (&["*/*"], Format::Json),
            (&[], Format::Json),
        ] {
            assert_eq!(Format::accepted_by(&accepting(accept)), format, "{accept:?}");
        }
    }

    #[test]
    fn an_answer_has_a_content_type_if_it_has_a_body() {
        let response = Format::Erlang.response(StatusCode::CREATED, &json!({}));
        assert_eq!(response.status(), StatusCode::CREATED);
        assert_eq!(response.headers()[header::CONTENT_TYPE], ERLANG);
        let response = empty(StatusCode::NO_CONTENT);
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        assert!(!response.headers().contains_key(header::CONTENT_TYPE));
    }
}
