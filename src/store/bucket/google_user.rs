//! Tokens for a person who signed in with `gcloud auth application-default login`.
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
use super::federation::{built, is_safe};

/// Where a sign-in is exchanged, unless it is said.
const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";

/// A file of credentials of the type `authorized_user`.
#[derive(Deserialize)]
pub(super) struct User {
    client_id: String,
    client_secret: String,
    refresh_token: String,
    token_uri: Option<Url>,
}

/// All that it has is secret.
impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("User")
    }
}

impl User {
    pub fn parse(json: &str) -> Result<Self, String> {
        let this: Self = serde_json::from_str(json)
            .map_err(|error| format!("it is no authorized_user as it should be: {error}"))?;
        if this.token_uri.as_ref().is_some_and(|url| !is_safe(url)) {
            return Err("it has a token_uri of plain HTTP: expected https".to_owned());
        }
        Ok(this)
    }

    pub fn with(self, client: HttpClient) -> impl Issuer<GcpCredential> {
        SignedIn { user: self, client }
    }
}

#[derive(Debug)]
struct SignedIn {
    user: User,
    client: HttpClient,
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    expires_in: Option<u64>,
}

#[async_trait]
impl Issuer<GcpCredential> for SignedIn {
    async fn issue(&self) -> Result<Lease<GcpCredential>, String> {
        let user = &self.user;
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "refresh_token")
            .append_pair("client_id", &user.client_id)
            .append_pair("client_secret", &user.client_secret)
            .append_pair("refresh_token", &user.refresh_token)
            .finish();
        let url = user.token_uri.as_ref().map_or(TOKEN_URI, Url::as_str);
        let answer = ask(&self.client, || {
            let request =
                http::Request::post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
            built(request, form.clone())
        });
        // A sign-in that ended or was taken back is answered with 400 and `invalid_grant`.
        let again = "sign in: gcloud auth application-default login";
        let answer = answer.await.map_err(|wrong| format!("{wrong}; {again}"))?;
        let answer: Answer = serde_json::from_slice(&answer)
            .map_err(|_| "Google's answer hands out no token".to_owned())?;
        let lasting = answer.expires_in.map(Duration::from_secs);
        let until = lasting.and_then(|lasting| Timestamp::now().checked_add(lasting).ok());
        Ok(Lease { credential: Arc::new(GcpCredential { bearer: answer.access_token }), until })
    }
}
