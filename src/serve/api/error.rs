//! Refusals of the API.
//!
//! The statuses are those that every client reads as a failure: rebar3 prints "Published" after any other. mix crashes
//! on `errors` that are neither text nor maps of text. Both print `message`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::header::{self, HeaderValue};
use axum::http::{Response, StatusCode};
use serde::Serialize;

use super::format::Format;
use super::views;
use crate::package::UnixSeconds;
use crate::serve::audit::AuditResult;

/// The one challenge that no client acts on. A `Bearer` challenge with `token_expired` makes mix repeat its request
/// without pause and without end.
const CHALLENGE: &str = "Basic realm=\"hex\"";

/// A refusal, as clients print it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct ApiError {
    status: ErrorStatus,
    message: Cow<'static, str>,
    errors: Option<BTreeMap<String, FieldError>>,
}

/// The statuses of refusals. There is no other: publish.md, and `rebar3_hex_client:response/1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorStatus {
    /// 401: there is no token, or it is unknown, expired or permits less.
    Unauthorized,
    /// 403: the token may not do this.
    Forbidden,
    /// 404: there is no such thing.
    NotFound,
    /// 422: what was sent breaks a rule.
    Invalid,
    /// 500: the server failed, or is busy.
    Internal,
}

/// What is wrong with one field of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum FieldError {
    /// The field itself.
    Text(String),
    /// Fields of the field.
    Fields(BTreeMap<String, String>),
}

/// The body of a refusal.
#[derive(Serialize)]
struct ErrorBody<'a> {
    status: u16,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<&'a BTreeMap<String, FieldError>>,
}

/// A refusal of `oauth/token` and its like, as RFC 6749, section 5.2, has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct OAuthError {
    #[serde(skip)]
    status: ErrorStatus,
    error: &'static str,
    error_description: Cow<'static, str>,
}

impl ErrorStatus {
    pub fn code(self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl ApiError {
    /// A refusal with a text of the caller.
    pub fn new(status: ErrorStatus, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, message: message.into(), errors: None }
    }

    /// There is no `Authorization`.
    pub fn missing_authentication() -> Self {
        Self::new(ErrorStatus::Unauthorized, "missing authentication information")
    }

    /// The token is unknown.
    pub fn invalid_key() -> Self {
        Self::new(ErrorStatus::Unauthorized, "invalid API key")
    }

    /// The token is not valid since then. hex.pm says `API key revoked`, which no client compares.
    pub fn expired_key(since: UnixSeconds) -> Self {
        let since = views::date(since).unwrap_or_default();
        let message = format!("API key expired at {since}: get a new token for this server");
        Self::new(ErrorStatus::Unauthorized, message)
    }

    /// The token is good for less: it may only read.
    pub fn key_not_authorized() -> Self {
        Self::new(ErrorStatus::Unauthorized, "key not authorized for this action")
    }

    /// The token may do this, but not to this package.
    pub fn not_authorized() -> Self {
        Self::new(ErrorStatus::Forbidden, "account not authorized for this action")
    }

    /// Storage has not said yet which registry it has.
    pub fn storage_away() -> Self {
        Self::new(
            ErrorStatus::Internal,
            "the storage of the registry cannot be read: try again; the log of the server says why",
        )
    }

    /// There is no such package, release or path. rebar3 has texts of its own for this one.
    pub fn page_not_found() -> Self {
        Self::new(ErrorStatus::NotFound, "Page not found")
    }

    /// The server has several repositories, and the path names none of them.
    pub fn no_repository(api_url: &str, names: &[&str]) -> Self {
        let names = names.join(", ");
        let message = format!(
            "the path names no repository: set the URL of the API to {api_url}/repos/NAME, where NAME is one of: {names}"
        );
        Self::new(ErrorStatus::NotFound, message)
    }

    /// The server failed. The log says why.
    pub fn internal() -> Self {
        Self::new(ErrorStatus::Internal, "Internal server error")
    }

    /// What was sent breaks a rule that is of no one field.
    pub fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorStatus::Invalid, message)
    }

    /// Fields of what was sent break rules.
    pub fn validation(errors: impl IntoIterator<Item = (String, FieldError)>) -> Self {
        let errors = Some(errors.into_iter().collect());
        Self { errors, ..Self::invalid("Validation error(s)") }
    }

    /// One field of what was sent breaks a rule: clients print `  FIELD: TEXT`.
    pub fn field(field: &str, text: impl Into<String>) -> Self {
        Self::validation([(field.to_owned(), FieldError::Text(text.into()))])
    }

    /// Parts of a field break rules. rebar3 crashes where `requirements` is not a map.
    pub fn parts(field: &str, errors: impl IntoIterator<Item = (String, String)>) -> Self {
        let errors = FieldError::Fields(errors.into_iter().collect());
        Self::validation([(field.to_owned(), errors)])
    }

    /// The text of the refusal and of each field, in one line for the log.
    pub fn summary(&self) -> String {
        let fields = self.errors.iter().flatten().map(|(field, error)| match error {
            FieldError::Text(text) => format!("{field}: {text}"),
            FieldError::Fields(fields) => {
                let fields: Vec<_> =
                    fields.iter().map(|(name, text)| format!("{field}.{name}: {text}")).collect();
                fields.join(", ")
            }
        });
        let fields: Vec<String> = fields.collect();
        if fields.is_empty() { self.message.to_string() } else { fields.join(", ") }
    }

    /// What the audit log says of a change that is answered with this, for a `reason`.
    pub fn audit_result<'a>(&self, reason: &'a str) -> AuditResult<'a> {
        match self.status {
            ErrorStatus::Internal => AuditResult::Failed(reason),
            _ => AuditResult::Refused(reason),
        }
    }

    pub fn response(&self, format: Format) -> Response<Body> {
        let status = self.status.code();
        let body = ErrorBody {
            status: status.as_u16(),
            message: &self.message,
            errors: self.errors.as_ref(),
        };
        challenged(format.response(status, &body))
    }
}

impl OAuthError {
    /// The client's secret is not a token.
    pub fn invalid_client() -> Self {
        let description = "the client secret is not a token of this server";
        Self::new(ErrorStatus::Unauthorized, "invalid_client", description)
    }

    /// The client's secret is a token that is not valid since then.
    pub fn expired_client(since: UnixSeconds) -> Self {
        let since = views::date(since).unwrap_or_default();
        let description = format!("the client secret is a token that expired at {since}");
        Self::new(ErrorStatus::Unauthorized, "invalid_client", description)
    }

    /// The exchange is not one that the server does.
    pub fn unsupported_grant_type() -> Self {
        let description = "this server has no sign-in in a browser: set HEX_API_KEY to a token of \
             this server";
        Self::new(ErrorStatus::Invalid, "unsupported_grant_type", description)
    }

    /// The request lacks a parameter, or has a wrong one.
    pub fn invalid_request(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorStatus::Invalid, "invalid_request", description)
    }

    fn new(
        status: ErrorStatus,
        error: &'static str,
        description: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { status, error, error_description: description.into() }
    }

    pub fn response(&self, format: Format) -> Response<Body> {
        challenged(format.response(self.status.code(), self))
    }
}

/// RFC 9110, section 15.5.2: a 401 has a challenge.
fn challenged(mut response: Response<Body>) -> Response<Body> {
    if response.status() == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static(CHALLENGE);
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(error: &ApiError) -> String {
        let body = ErrorBody {
            status: error.status.code().as_u16(),
            message: &error.message,
            errors: error.errors.as_ref(),
        };
        serde_json::to_string(&body).unwrap()
    }

    #[test]
    fn bodies_have_the_shape_that_clients_print() {
        assert_eq!(
            json(&ApiError::missing_authentication()),
            r#"{"status":401,"message":"missing authentication information"}"#
        );
        assert_eq!(
            json(&ApiError::field("tar", "too big")),
            r#"{"status":422,"message":"Validation error(s)","errors":{"tar":"too big"}}"#
        );
        let requirements =
            ApiError::parts("requirements", [("foo".to_owned(), "is invalid".to_owned())]);
        assert_eq!(
            json(&requirements),
            r#"{"status":422,"message":"Validation error(s)","errors":{"requirements":{"foo":"is invalid"}}}"#
        );
        assert_eq!(requirements.summary(), "requirements.foo: is invalid");
        assert_eq!(ApiError::invalid_key().summary(), "invalid API key");
    }

    #[test]
    fn a_challenge_goes_with_401_and_is_the_harmless_one() {
        let response = ApiError::invalid_key().response(Format::Json);
        assert_eq!(response.headers()[header::WWW_AUTHENTICATE], CHALLENGE);
        let response = ApiError::not_authorized().response(Format::Erlang);
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
        assert!(!response.headers().contains_key(header::WWW_AUTHENTICATE));
        let response = OAuthError::invalid_client().response(Format::Erlang);
        assert_eq!(response.headers()[header::WWW_AUTHENTICATE], CHALLENGE);
    }
}
