//! Workload identity federation: the token of another issuer, such as a CI system, is exchanged for one of Google's.
//!
//! <https://google.aip.dev/auth/4117>

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use jiff::Timestamp;
use object_store::client::{HttpClient, HttpRequest};
use object_store::gcp::GcpCredential;
use serde::Deserialize;
use url::{Url, form_urlencoded};

use super::credential_file;
use super::credentials::{Issuer, Lease, ask};
use super::setting::is_loopback;

/// The scope of the token.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// A credentials file of the type `external_account`, as `gcloud iam workload-identity-pools
/// create-cred-config` and `google-github-actions/auth` write it.
#[derive(Debug, Deserialize)]
pub(super) struct ExternalAccount {
    audience: String,
    subject_token_type: String,
    token_url: Url,
    service_account_impersonation_url: Option<Url>,
    credential_source: SubjectTokenSource,
}

/// The source of the other issuer's token.
#[derive(Debug, Deserialize)]
struct SubjectTokenSource {
    file: Option<PathBuf>,
    url: Option<Url>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    format: TokenFormat,
    environment_id: Option<serde_json::Value>,
    executable: Option<serde_json::Value>,
    certificate: Option<serde_json::Value>,
}

/// Whether the token is the whole text, or a field of JSON.
#[derive(Debug, Default, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum TokenFormat {
    #[default]
    Text,
    Json {
        subject_token_field_name: String,
    },
}

impl ExternalAccount {
    pub fn parse(json: &str) -> Result<Self, String> {
        let this: Self = serde_json::from_str(json)
            .map_err(|error| format!("it is not a valid external_account: {error}"))?;
        let source = &this.credential_source;
        let others = [
            ("environment_id", &source.environment_id),
            ("executable", &source.executable),
            ("certificate", &source.certificate),
        ];
        if let Some((name, _)) = others.iter().find(|(_, value)| value.is_some()) {
            return Err(format!(
                "its credential_source has `{name}`, which hexreg does not support: expected a `file` or a `url`; \
                 `gcloud auth application-default login` makes credentials that it can use"
            ));
        }
        if source.file.is_some() == source.url.is_some() {
            return Err("its credential_source needs either a `file` or a `url`".to_owned());
        }
        let impersonation = this.service_account_impersonation_url.as_ref();
        let urls = [Some(&this.token_url), source.url.as_ref(), impersonation];
        if urls.iter().flatten().any(|url| !matches!(url.scheme(), "https" | "http")) {
            return Err("it has a URL that uses neither https nor http".to_owned());
        }
        // The request and the response of these URLs contain a token.
        if [Some(&this.token_url), impersonation].iter().flatten().any(|url| !is_confidential(url))
        {
            return Err(
                "its token_url or its service_account_impersonation_url uses plain HTTP: expected https".to_owned()
            );
        }
        Ok(this)
    }

    pub fn with(self, client: HttpClient) -> impl Issuer<GcpCredential> {
        FederatedToken { account: self, client }
    }
}

#[derive(Debug)]
struct FederatedToken {
    account: ExternalAccount,
    client: HttpClient,
}

#[derive(Deserialize)]
struct ExchangeResponse {
    access_token: String,
    expires_in: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ImpersonationResponse {
    access_token: String,
    expire_time: Timestamp,
}

#[async_trait]
impl Issuer<GcpCredential> for FederatedToken {
    async fn issue(&self) -> Result<Lease<GcpCredential>, String> {
        let subject = self.subject_token().await?;
        let exchanged = self.exchange(&subject).await?;
        let impersonation = self.account.service_account_impersonation_url.as_ref();
        let (bearer, until) = if let Some(url) = impersonation {
            self.impersonate(url, &exchanged.access_token).await?
        } else {
            let seconds = exchanged.expires_in.map(Duration::from_secs);
            let until = seconds.and_then(|it| Timestamp::now().checked_add(it).ok());
            (exchanged.access_token, until)
        };
        Ok(Lease { credential: Arc::new(GcpCredential { bearer }), until })
    }
}

impl FederatedToken {
    /// The other issuer's token.
    async fn subject_token(&self) -> Result<String, String> {
        let source = &self.account.credential_source;
        let (text, place) = match (&source.file, &source.url) {
            (Some(path), _) => {
                let place = path.display().to_string();
                let read = credential_file::read_again(path).await;
                (read.map_err(|error| format!("could not read {place}: {error}"))?, place)
            }
            (None, Some(url)) => {
                let response = ask(&self.client, || {
                    let request = http::Request::get(url.as_str());
                    let headers = source.headers.iter();
                    let request = headers.fold(request, |it, (name, value)| it.header(name, value));
                    build(request, String::new())
                });
                let text = String::from_utf8_lossy(&response.await?).into_owned();
                (text, url.host_str().unwrap_or_default().to_owned())
            }
            (None, None) => return Err("its credential_source is empty".to_owned()),
        };
        match &source.format {
            TokenFormat::Text => Ok(text.trim().to_owned()),
            TokenFormat::Json { subject_token_field_name: name } => {
                let json: Option<serde_json::Value> = serde_json::from_str(&text).ok();
                let token = json.as_ref().and_then(|json| json.get(name)?.as_str());
                let missing = || format!("{place} has no JSON with a token in `{name}`");
                token.map(ToOwned::to_owned).ok_or_else(missing)
            }
        }
    }

    async fn exchange(&self, subject: &str) -> Result<ExchangeResponse, String> {
        let account = &self.account;
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange")
            .append_pair("requested_token_type", "urn:ietf:params:oauth:token-type:access_token")
            .append_pair("audience", &account.audience)
            .append_pair("scope", SCOPE)
            .append_pair("subject_token_type", &account.subject_token_type)
            .append_pair("subject_token", subject)
            .finish();
        let response = ask(&self.client, || {
            let request = http::Request::post(account.token_url.as_str())
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
            build(request, form.clone())
        });
        let host = account.token_url.host_str().unwrap_or_default();
        serde_json::from_slice(&response.await?).map_err(|_| format!("{host} returned no token"))
    }

    /// The token of a service account that the exchanged token may act as.
    async fn impersonate(
        &self,
        url: &Url,
        token: &str,
    ) -> Result<(String, Option<Timestamp>), String> {
        let body = serde_json::json!({ "scope": [SCOPE], "lifetime": "3600s" }).to_string();
        let response = ask(&self.client, || {
            let request = http::Request::post(url.as_str())
                .header(CONTENT_TYPE, "application/json")
                .header(AUTHORIZATION, format!("Bearer {token}"));
            build(request, body.clone())
        });
        let host = url.host_str().unwrap_or_default();
        let response: ImpersonationResponse = serde_json::from_slice(&response.await?)
            .map_err(|_| format!("{host} returned no token"))?;
        Ok((response.access_token, Some(response.expire_time)))
    }
}

/// Whether a request to the URL cannot be read on its way.
pub(super) fn is_confidential(url: &Url) -> bool {
    url.scheme() == "https" || is_loopback(url)
}

pub(super) fn build(request: http::request::Builder, body: String) -> Result<HttpRequest, String> {
    request.body(body.into()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_exchanged_over_https_or_on_the_machine_itself() {
        let parse = |token: &str, impersonation: Option<&str>, source: &str| {
            let json = serde_json::json!({
                "audience": "x",
                "subject_token_type": "x",
                "token_url": token,
                "service_account_impersonation_url": impersonation,
                "credential_source": { "url": source },
            });
            ExternalAccount::parse(&json.to_string()).map(|_| ())
        };
        let (safe, local, plain) =
            ("https://sts.example/v1", "http://127.0.0.1:1/v1", "http://sts.example/v1");
        assert_eq!(parse(safe, None, safe), Ok(()));
        assert_eq!(parse(local, Some(safe), "http://169.254.169.254/token"), Ok(()));
        for (token, impersonation) in [(plain, None), (safe, Some(plain)), (plain, Some(local))] {
            let refused = parse(token, impersonation, safe).unwrap_err();
            assert!(refused.ends_with("uses plain HTTP: expected https"), "{refused}");
        }
    }
}
