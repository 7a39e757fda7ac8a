//! The repository to mirror: its URL, name and key.

use std::path::Path;
use std::str::FromStr;

use hexreg::credentials;
use hexreg::key::PublicKey;
use hexreg::name::{InvalidName, RepositoryName};
use hexreg::ops::mirror::Upstream;
use url::Url;

use crate::cli::failure::{Failure, chain};
use crate::cli::public_key;

/// The name of a repository in lock files: `acme`, or `hexpm:acme` for an organisation of hexpm.
#[derive(Clone, Debug)]
pub struct UpstreamName {
    /// The repository that it is an organisation of.
    pub source: Option<RepositoryName>,
    /// The name in its signed files.
    pub name: RepositoryName,
}

impl FromStr for UpstreamName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let (source, name) = match text.split_once(':') {
            Some((source, name)) => (Some(source.parse()?), name),
            None => (None, text),
        };
        Ok(Self { source, name: name.parse()? })
    }
}

impl UpstreamName {
    /// Whether it is hex.pm's repository or an organisation of it.
    fn is_hexpm(&self) -> bool {
        self.source.as_ref().unwrap_or(&self.name).as_str() == Upstream::HEXPM_NAME
    }

    /// Its URL at hex.pm.
    fn default_url(&self) -> Option<String> {
        let Self { source, name } = self;
        self.is_hexpm().then(|| match source {
            Some(_) => format!("{}/repos/{name}", Upstream::HEXPM_URL),
            None => Upstream::HEXPM_URL.to_owned(),
        })
    }
}

/// The URL of `--upstream`, or hex.pm's.
pub fn url(argument: Option<&str>, name: &UpstreamName) -> Result<Url, Failure> {
    let Some(text) = argument else {
        let url = name.default_url().and_then(|url| url.parse().ok());
        return url.ok_or_else(|| {
            let message = format!("the URL of the repository `{}` is not known", name.name);
            Failure::environment(message).hint(
                "give --upstream=URL; an organisation of hex.pm is --upstream-name=hexpm:NAME",
            )
        });
    };
    parse_url(text, "--upstream")
}

/// The URL of a registry. `argument` is what messages call it.
pub fn parse_url(text: &str, argument: &str) -> Result<Url, Failure> {
    // The argument may have credentials, which no message shows.
    let shown = credentials::hide(text);
    let Some((scheme, _)) = text.split_once("://") else {
        let shown = credentials::hide(&format!("https://{text}"));
        return Err(Failure::environment(format!("{argument} has no scheme: write {shown}")));
    };
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        let message = format!("{argument} is {shown}: expected https:// or http://");
        return Err(Failure::environment(message));
    }
    let url: Url = text.parse().map_err(|error| {
        Failure::environment(format!("{argument} is {shown}, which is no URL: {error}"))
    })?;
    if !url.username().is_empty() || url.password().is_some() {
        let message = format!("credentials do not belong in {argument}");
        return Err(Failure::environment(message).hint("give --upstream-auth"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        let message = format!("{argument} is {shown}: expected nothing but a path after the host");
        return Err(
            Failure::environment(message).hint("if this is a token, pass it with --upstream-auth")
        );
    }
    Ok(url)
}

/// The key of `--upstream-key`, or hex.pm's.
pub fn key(argument: Option<&Path>, name: &UpstreamName, url: &Url) -> Result<PublicKey, Failure> {
    if let Some(key) = public_key::from_argument(argument)? {
        return Ok(key);
    }
    if !name.is_hexpm() && !is_at_hexpm(url) {
        let message = format!("the public key of `{}` is not known", name.name);
        return Err(Failure::environment(message).hint("give --upstream-key=PATH"));
    }
    hexpm_key()
}

/// Whether a URL is of a server of hex.pm.
pub fn is_at_hexpm(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    host == "hex.pm" || host.ends_with(".hex.pm")
}

/// The public key of hex.pm.
pub fn hexpm_key() -> Result<PublicKey, Failure> {
    PublicKey::from_pem(Upstream::HEXPM_KEY).map_err(|error| Failure::environment(chain(&error)))
}
