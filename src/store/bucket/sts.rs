//! Keys of roles, from AWS Security Token Service and services with its API.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>

use std::path::PathBuf;

use async_trait::async_trait;
use http::header::CONTENT_TYPE;
use jiff::Timestamp;
use object_store::aws::{AwsAuthorizer, AwsCredential, AwsCredentialProvider};
use object_store::client::{HttpClient, HttpRequest};
use url::form_urlencoded;

use super::credential_file;
use super::credentials::{Issuer, Lease, ask};
use super::failure;
use super::key_json::credential;
use super::setting::{Setting, SettingError};
use super::xml::field;

/// The default name of a session, by which logs name the keys of a role.
const SESSION: &str = "hexreg";

/// The role whose keys are requested.
#[derive(Debug)]
pub(super) struct Role {
    arn: String,
    session: String,
    pub external_id: Option<String>,
    seconds: Option<u32>,
}

impl Role {
    pub fn new(arn: &Setting, session: Option<&Setting>) -> Self {
        let session = session.map_or(SESSION, Setting::value).to_owned();
        Self { arn: arn.value().to_owned(), session, external_id: None, seconds: None }
    }

    /// Sets how long the keys are valid; an hour by default.
    pub fn lasting(&mut self, setting: &Setting) -> Result<(), SettingError> {
        let seconds =
            setting.value().parse().map_err(|_| setting.error("is not a number of seconds"))?;
        self.seconds = Some(seconds);
        Ok(())
    }

    fn request(
        &self,
        endpoint: &str,
        action: &str,
        more: Option<(&str, &str)>,
    ) -> Result<HttpRequest, String> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("Action", action).append_pair("Version", "2011-06-15");
        form.append_pair("RoleArn", &self.arn).append_pair("RoleSessionName", &self.session);
        if let Some(id) = &self.external_id {
            form.append_pair("ExternalId", id);
        }
        if let Some(seconds) = self.seconds {
            form.append_pair("DurationSeconds", &seconds.to_string());
        }
        if let Some((name, value)) = more {
            form.append_pair(name, value);
        }
        let request = http::Request::post(format!("{endpoint}/"))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.finish().into());
        request.map_err(|error| error.to_string())
    }
}

/// The keys of a role, which is assumed with other keys.
#[derive(Debug)]
pub(super) struct AssumedRole {
    pub role: Role,
    pub base: AwsCredentialProvider,
    pub region: String,
    pub endpoint: String,
    pub client: HttpClient,
}

#[async_trait]
impl Issuer<AwsCredential> for AssumedRole {
    async fn issue(&self) -> Result<Lease<AwsCredential>, String> {
        let message = |error: object_store::Error| failure::message(&error);
        let base = self.base.get_credential().await.map_err(message)?;
        let response = ask(&self.client, || {
            let mut request = self.role.request(&self.endpoint, "AssumeRole", None)?;
            let authorizer = AwsAuthorizer::new(&base, "sts", &self.region);
            authorizer.try_authorize(&mut request, None).map_err(message)?;
            Ok(request)
        });
        lease(&response.await?)
    }
}

/// The keys of a role, which is assumed with a token of another issuer. Kubernetes and CI systems write it into a file.
#[derive(Debug)]
pub(super) struct WebIdentity {
    pub role: Role,
    pub token_file: PathBuf,
    pub endpoint: String,
    pub client: HttpClient,
}

#[async_trait]
impl Issuer<AwsCredential> for WebIdentity {
    async fn issue(&self) -> Result<Lease<AwsCredential>, String> {
        // The file is replaced from time to time.
        let token = credential_file::read_again(&self.token_file).await;
        let failed = |error| format!("could not read {}: {error}", self.token_file.display());
        let token = token.map_err(failed)?;
        let token = Some(("WebIdentityToken", token.trim()));
        let action = "AssumeRoleWithWebIdentity";
        let response = ask(&self.client, || self.role.request(&self.endpoint, action, token));
        lease(&response.await?)
    }
}

fn lease(response: &[u8]) -> Result<Lease<AwsCredential>, String> {
    let text = String::from_utf8_lossy(response);
    let get = |name| field(&text, name).ok_or_else(|| format!("the response has no {name}"));
    let until: Timestamp = get("Expiration")?
        .parse()
        .map_err(|error| format!("the response has an invalid Expiration: {error}"))?;
    let (id, secret) = (get("AccessKeyId")?.to_owned(), get("SecretAccessKey")?.to_owned());
    let credential = credential(id, secret, Some(get("SessionToken")?.to_owned()))?;
    Ok(Lease { credential, until: Some(until) })
}
