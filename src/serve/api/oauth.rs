//! OAuth as far as clients need it: a token is exchanged for a bearer token (RFC 6749, section 4.4), which Hex does by
//! default for its repositories. There is no sign-in in a browser, so the device flow is refused with what to do.
//!
//! Bodies hold credentials, of this server and of hex.pm: a user who is signed in there sends its refresh token here.
//! None of it is logged.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use serde_json::json;

use super::call::ApiCall;
use super::error::OAuthError;
use super::format::Format;
use crate::auth::ExchangeError;

/// `POST oauth/token`
pub(super) async fn token(mut call: ApiCall<'_>, format: Format) -> Response<Body> {
    let fields = match call.fields().await {
        Ok(fields) => fields,
        Err(error) => return error.response(format),
    };
    let field = |name: &str| fields.get(name).and_then(serde_json::Value::as_str);
    if field("grant_type") != Some("client_credentials") {
        return OAuthError::unsupported_grant_type().response(format);
    }
    let Some(secret) = field("client_secret") else {
        return OAuthError::invalid_request("client_secret is missing: expected a token")
            .response(format);
    };
    match call.authorizer.exchange(secret.as_bytes()) {
        Ok(exchanged) => format.response(
            StatusCode::OK,
            &json!({
                "access_token": exchanged.bearer.reveal(),
                "token_type": "bearer",
                "expires_in": exchanged.lifetime,
                "scope": field("scope").unwrap_or("repositories"),
            }),
        ),
        Err(ExchangeError::NoKey) => OAuthError::invalid_request(
            "this server was started without --private-key, and makes no bearer tokens: set the token itself",
        )
        .response(format),
        Err(error @ (ExchangeError::Unknown | ExchangeError::Expired(_))) => {
            call.wrong_tokens.delay(call.client).await;
            let refusal = match error {
                ExchangeError::Expired(token) => OAuthError::expired_client(token.since),
                _ => OAuthError::invalid_client(),
            };
            refusal.response(format)
        }
    }
}

/// The device flow, and what else there is below `oauth/`.
pub(super) async fn refuse(_: ApiCall<'_>, format: Format) -> Response<Body> {
    OAuthError::unsupported_grant_type().response(format)
}
