//! Keys for what runs in a container, where its environment has the whole URL of whoever hands them out.
//!
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>

use std::path::PathBuf;

use async_trait::async_trait;
use http::header::AUTHORIZATION;
use object_store::aws::AwsCredential;
use object_store::client::HttpClient;
use url::Url;

use super::credentials::{Issuer, Lease, ask};
use super::key_json;
use super::setting::{Setting, SettingError};

/// Where to ask, and by which token.
#[derive(Debug)]
pub(super) struct Container {
    url: String,
    /// Goes before the one that is written down.
    token_file: Option<PathBuf>,
    token: Option<Setting>,
}

impl Container {
    pub fn new(
        url: &Setting,
        token_file: Option<PathBuf>,
        token: Option<&Setting>,
    ) -> Result<Self, SettingError> {
        let parsed = Url::parse(url.value()).ok().filter(|parsed| {
            ["http", "https"].contains(&parsed.scheme()) && parsed.has_host() && url.token().is_ok()
        });
        let parsed = parsed.ok_or_else(|| url.error("is no URL of http or https"))?;
        if let Some(token) = token {
            token.token().or_else(|error| {
                // A scheme and a token have a space between them.
                if token.value().is_ascii() { Ok("") } else { Err(error) }
            })?;
        }
        Ok(Self { url: parsed.into(), token_file, token: token.cloned() })
    }

    pub fn with(self, client: HttpClient) -> impl Issuer<AwsCredential> {
        FromContainer { container: self, client }
    }
}

#[derive(Debug)]
struct FromContainer {
    container: Container,
    client: HttpClient,
}

#[async_trait]
impl Issuer<AwsCredential> for FromContainer {
    async fn issue(&self) -> Result<Lease<AwsCredential>, String> {
        let Container { url, token_file, token } = &self.container;
        let token = match (token_file, token) {
            (Some(path), _) => {
                // It is written anew from time to time.
                let read = tokio::fs::read_to_string(path).await;
                let failed = |error| format!("could not read {}: {error}", path.display());
                Some(read.map_err(failed)?.trim().to_owned())
            }
            (None, token) => token.as_ref().map(|token| token.value().to_owned()),
        };
        let answer = ask(&self.client, || {
            let request = http::Request::get(url);
            let request = token.iter().fold(request, |it, token| it.header(AUTHORIZATION, token));
            request.body(Vec::new().into()).map_err(|error| error.to_string())
        });
        key_json::lease(&answer.await?).map_err(|wrong| format!("{url} hands out no keys: {wrong}"))
    }
}
