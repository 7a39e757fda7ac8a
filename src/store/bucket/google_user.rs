//! Tokens for a user who signed in with `gcloud auth application-default login`.
//!
//! <https://google.aip.dev/auth/4113>

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::header::CONTENT_TYPE;
use jiff::Timestamp;
use object_store::client::HttpClient;
use object_store::gcp::GcpCredential;
use serde::Deserialize;
use url::{Url, form_urlencoded};

use super::credentials::{Issuer, Lease, ask};
use super::federation::{build, is_confidential};

/// The default URL at which a sign-in is exchanged for a token.
const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";

/// A credentials file of the type `authorized_user`.
#[derive(Deserialize)]
pub(super) struct GoogleUser {
    client_id: String,
    client_secret: String,
    refresh_token: String,
    token_uri: Option<Url>,
}

/// Without its fields, which are all secret.
impl std::fmt::Debug for GoogleUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("GoogleUser")
    }
}

impl GoogleUser {
    pub fn parse(json: &str) -> Result<Self, String> {
        let this: Self = serde_json::from_str(json)
            .map_err(|error| format!("it is not a valid authorized_user: {error}"))?;
        if this.token_uri.as_ref().is_some_and(|url| !is_confidential(url)) {
            return Err("its token_uri uses plain HTTP: expected https".to_owned());
        }
        Ok(this)
    }

    pub fn with(self, client: HttpClient) -> impl Issuer<GcpCredential> {
        UserToken { user: self, client }
    }
}

#[derive(Debug)]
struct UserToken {
    user: GoogleUser,
    client: HttpClient,
}

#[derive(Deserialize)]
struct TokenResponse {
    access_token: String,
    expires_in: Option<u64>,
}

#[async_trait]
impl Issuer<GcpCredential> for UserToken {
    async fn issue(&self) -> Result<Lease<GcpCredential>, String> {
        let user = &self.user;
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "refresh_token")
            .append_pair("client_id", &user.client_id)
            .append_pair("client_secret", &user.client_secret)
            .append_pair("refresh_token", &user.refresh_token)
            .finish();
        let url = user.token_uri.as_ref().map_or(TOKEN_URI, Url::as_str);
        let response = ask(&self.client, || {
            let request =
                http::Request::post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
            build(request, form.clone())
        });
        // The response to a sign-in that has ended or was revoked is 400 with `invalid_grant`.
        let again = "sign in: gcloud auth application-default login";
        let response = response.await.map_err(|wrong| format!("{wrong}; {again}"))?;
        let response: TokenResponse =
            serde_json::from_slice(&response).map_err(|_| "Google returned no token".to_owned())?;
        let lasting = response.expires_in.map(Duration::from_secs);
        let until = lasting.and_then(|lasting| Timestamp::now().checked_add(lasting).ok());
        Ok(Lease { credential: Arc::new(GcpCredential { bearer: response.access_token }), until })
    }
}
