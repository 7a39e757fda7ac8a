//! Keys for a process in a container whose environment has the whole URL of the service that hands out keys.
//!
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>

use std::path::PathBuf;

use async_trait::async_trait;
use http::header::AUTHORIZATION;
use object_store::aws::AwsCredential;
use object_store::client::HttpClient;
use url::{Position, Url};

use super::credential_file;
use super::credentials::{Issuer, Lease, ask};
use super::key_json;
use super::setting::{Setting, SettingError, is_loopback};

/// The service, and the token that it requires.
#[derive(Debug)]
pub(super) struct ContainerKeys {
    url: String,
    /// Overrides `token`.
    token_file: Option<PathBuf>,
    token: Option<Setting>,
}

impl ContainerKeys {
    pub fn new(
        url: &Setting,
        token_file: Option<PathBuf>,
        token: Option<&Setting>,
    ) -> Result<Self, SettingError> {
        let parsed = Url::parse(url.value()).ok().filter(|parsed| {
            ["http", "https"].contains(&parsed.scheme()) && parsed.has_host() && url.token().is_ok()
        });
        let parsed = parsed.ok_or_else(|| url.error("is not a URL of http or https"))?;
        if parsed.scheme() == "http" && !is_loopback(&parsed) && !is_of_amazon(&parsed) {
            return Err(url.error(
                "uses plain HTTP, so that the token and the keys could be read on their way: expected https, or the \
                 machine itself",
            ));
        }
        if let Some(token) = token {
            token.token().or_else(|error| {
                // A scheme and a token are separated by a space.
                if token.value().is_ascii() { Ok("") } else { Err(error) }
            })?;
        }
        Ok(Self { url: parsed.into(), token_file, token: token.cloned() })
    }

    pub fn with(self, client: HttpClient) -> impl Issuer<AwsCredential> {
        FromContainer { keys: self, client }
    }
}

/// Whether it is an address where Amazon hands out keys to containers: ECS, or EKS over IPv4 or IPv6.
fn is_of_amazon(url: &Url) -> bool {
    let hosts = ["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"];
    url.host_str().is_some_and(|host| hosts.contains(&host))
}

#[derive(Debug)]
struct FromContainer {
    keys: ContainerKeys,
    client: HttpClient,
}

#[async_trait]
impl Issuer<AwsCredential> for FromContainer {
    async fn issue(&self) -> Result<Lease<AwsCredential>, String> {
        let ContainerKeys { url, token_file, token } = &self.keys;
        let token = match (token_file, token) {
            (Some(path), _) => {
                // The file is replaced from time to time.
                let read = credential_file::read_again(path).await;
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
        key_json::lease(&answer.await?).map_err(|wrong| {
            let host = Url::parse(url)
                .map(|url| url[Position::BeforeHost..Position::AfterPort].to_owned());
            format!("{} returned no keys: {wrong}", host.unwrap_or_default())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::bucket::setting::Origin;

    #[test]
    fn plain_http_is_allowed_for_the_machine_and_its_own_services() {
        let ask = |url: &str| {
            let url = Setting::new(url, Origin::Variable("NAME".to_owned())).unwrap().unwrap();
            ContainerKeys::new(&url, None, None).map(|_| ()).map_err(|error| error.to_string())
        };
        for url in [
            "https://keys.example/x",
            "http://127.0.0.1:1/x",
            "http://[::1]/x",
            "http://localhost:1/x",
            "http://169.254.170.2/x",
            "http://169.254.170.23/v1/credentials",
            "http://[fd00:ec2::23]/v1/credentials",
        ] {
            assert_eq!(ask(url), Ok(()), "{url}");
        }
        for url in ["http://keys.example/x", "http://10.0.0.1/x", "http://169.254.169.254/x"] {
            assert!(ask(url).unwrap_err().starts_with("NAME uses plain HTTP"), "{url}");
        }
        for url in ["ftp://localhost/x", "localhost:1/x", "/x"] {
            assert_eq!(ask(url).unwrap_err(), "NAME is not a URL of http or https", "{url}");
        }
    }
}
