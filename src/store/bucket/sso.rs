//! Keys for a user who signed in with `aws sso login`.
//!
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-sso-credentials.html>

use std::path::PathBuf;

use async_trait::async_trait;
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use object_store::aws::AwsCredential;
use object_store::client::HttpClient;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use sha1::{Digest, Sha1};
use url::Url;

use super::amazon::domain;
use super::credential_file;
use super::credentials::{Issuer, Lease, ask};
use super::key_json::credential;
use super::profile::{Profile, Profiles};
use super::setting::{Setting, SettingError, Variables};

/// The role whose keys are requested, and the file of the token for them.
#[derive(Debug)]
pub(super) struct Sso {
    profile: String,
    /// Written by `aws sso login`.
    token_file: PathBuf,
    region: String,
    account: String,
    role: String,
}

impl Sso {
    /// The settings of a profile, if it uses SSO.
    pub fn of(
        variables: &Variables,
        profiles: &Profiles,
        profile: Profile<'_>,
    ) -> Result<Option<Self>, SettingError> {
        let session = profile.get("sso_session")?;
        let start = profile.get("sso_start_url")?;
        // The file of the token is named by the session, or by the URL.
        let Some(kept_as) = session.clone().or(start) else { return Ok(None) };
        let region = match &session {
            Some(session) => profiles.section("sso-session", session.value(), "sso_region")?,
            None => profile.get("sso_region")?,
        };
        let missing = |what: &str| kept_as.error(format!("is set without {what}"));
        let region = region.ok_or_else(|| missing("sso_region"))?;
        let account = profile.get("sso_account_id")?.ok_or_else(|| missing("sso_account_id"))?;
        let role = profile.get("sso_role_name")?.ok_or_else(|| missing("sso_role_name"))?;
        let name = HEXLOWER.encode(&Sha1::digest(kept_as.value()));
        let token_file = variables.at_home(format!(".aws/sso/cache/{name}.json"))?;
        let token_file = token_file.ok_or_else(|| missing("a home directory: HOME is not set"))?;
        let region = region.label()?.to_owned();
        let value = |setting: &Setting| setting.value().to_owned();
        let (account, role) = (value(&account), value(&role));
        Ok(Some(Self { profile: profile.name().to_owned(), token_file, region, account, role }))
    }

    /// Uses this endpoint, or else Amazon's.
    pub fn with(self, client: HttpClient, endpoint: Option<String>) -> impl Issuer<AwsCredential> {
        let region = &self.region;
        let usual = || format!("https://portal.sso.{region}.{}", domain(region));
        let endpoint = endpoint.unwrap_or_else(usual);
        FromPortal { sso: self, endpoint, client }
    }
}

#[derive(Debug)]
struct FromPortal {
    sso: Sso,
    endpoint: String,
    client: HttpClient,
}

/// The file that `aws sso login` writes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SsoToken {
    access_token: String,
    #[serde(deserialize_with = "moment")]
    expires_at: Timestamp,
}

/// A time, which older programs write with `UTC` at its end.
fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    let text = text.strip_suffix("UTC").map_or(text.clone(), |text| format!("{text}Z"));
    text.parse().map_err(D::Error::custom)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RoleResponse {
    role_credentials: RoleCredentials,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RoleCredentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    /// In milliseconds since 1970.
    expiration: i64,
}

#[async_trait]
impl Issuer<AwsCredential> for FromPortal {
    async fn issue(&self) -> Result<Lease<AwsCredential>, String> {
        let sso = &self.sso;
        let file = sso.token_file.display();
        let again = format!("sign in: aws sso login --profile {}", sso.profile);
        let read = credential_file::read_again(&sso.token_file).await;
        let read = read.map_err(|error| format!("could not read {file}: {error}; {again}"))?;
        let token: SsoToken = serde_json::from_str(&read)
            .map_err(|_| format!("{file} contains no valid token; {again}"))?;
        if token.expires_at <= Timestamp::now() {
            return Err(format!("the sign-in ended at {}; {again}", token.expires_at));
        }
        let url = Url::parse_with_params(
            &format!("{}/federation/credentials", self.endpoint),
            [("role_name", &sso.role), ("account_id", &sso.account)],
        );
        let url = url.map_err(|error| error.to_string())?;
        let response = ask(&self.client, || {
            let request = http::Request::get(url.as_str());
            let request = request.header("x-amz-sso_bearer_token", &token.access_token);
            request.body(Vec::new().into()).map_err(|error| error.to_string())
        });
        let response = response.await.map_err(|wrong| format!("{wrong}; {again}"))?;
        let response: RoleResponse = serde_json::from_slice(&response)
            .map_err(|_| format!("{} returned no keys", self.endpoint))?;
        let keys = response.role_credentials;
        let (id, secret) = (keys.access_key_id, keys.secret_access_key);
        let credential = credential(id, secret, Some(keys.session_token))?;
        let until = Timestamp::from_millisecond(keys.expiration).ok();
        Ok(Lease { credential, until })
    }
}
