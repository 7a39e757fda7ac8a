//! A registry that a command reads from: a directory, a bucket or a URL; and with which key and credentials.

use std::ffi::OsStr;
use std::path::PathBuf;

use clap::builder::TypedValueParser;
use clap::{Arg, Command};
use hexreg::key::PublicKey;
use hexreg::ops::registry_source::{RegistrySource, SourceError};

use super::destination::{Destination, Reading};
use super::failure::{Failure, chain};
use super::public_key;

/// A directory, a bucket, or an `http://` or `https://` URL.
#[derive(Clone, Debug)]
pub enum RegistryArgument {
    Place(Destination),
    Url(String),
}

/// How registries and policies are read that may be elsewhere.
#[derive(clap::Args)]
pub struct AccessArgs {
    /// A public key that signed what is read, in PEM; `-` reads standard input; may be given more than once
    /// [default: the key that a directory or bucket publishes; hex.pm's for its URL]
    #[arg(long, value_name = "PATH")]
    public_key: Vec<PathBuf>,
    /// The source of the Authorization header for the URL of --from: `env:NAME`, an environment variable,
    /// `file:PATH` or `netrc`
    #[cfg(feature = "mirror")]
    #[arg(long, value_name = "SOURCE")]
    upstream_auth: Option<String>,
    #[command(flatten)]
    reading: Reading,
}

/// How registries are read, with the keys that were given.
pub struct RegistryAccess<'a> {
    pub keys: Vec<PublicKey>,
    /// The source of the credentials for URLs.
    pub auth: Option<&'a str>,
    args: &'a AccessArgs,
}

impl AccessArgs {
    /// Reads the keys.
    pub fn access(&self) -> Result<RegistryAccess<'_>, Failure> {
        let keys = self.public_key.iter().map(|path| public_key::from_argument(Some(path)));
        let keys: Vec<_> = keys.collect::<Result<_, _>>()?;
        #[cfg(feature = "mirror")]
        let auth = self.upstream_auth.as_deref();
        #[cfg(not(feature = "mirror"))]
        let auth = None;
        Ok(RegistryAccess { keys: keys.into_iter().flatten().collect(), auth, args: self })
    }
}

impl RegistryAccess<'_> {
    /// The same, for a directory or bucket that may be a mirror of hex.pm: if keys were given, hex.pm's is one of them.
    #[cfg_attr(
        not(feature = "mirror"),
        expect(clippy::unnecessary_wraps, reason = "the key of hex.pm comes with mirrors")
    )]
    pub fn or_hexpm(&self) -> Result<Self, Failure> {
        #[cfg(feature = "mirror")]
        let hexpm = Some(super::mirror::upstream::hexpm_key()?);
        #[cfg(not(feature = "mirror"))]
        let hexpm = None;
        let hexpm = hexpm.filter(|_| !self.keys.is_empty());
        Ok(Self { keys: self.keys.iter().cloned().chain(hexpm).collect(), ..*self })
    }
}

/// Refuses one source of credentials for the URLs of several hosts: each would be sent those of another. A netrc file has
/// credentials for each host.
pub fn refuse_shared_auth(option: &str, auth: Option<&str>, urls: &[&str]) -> Result<(), Failure> {
    let mut hosts: Vec<_> = urls.iter().map(|url| host(url)).collect();
    hosts.sort_unstable();
    hosts.dedup();
    match (auth, hosts.as_slice()) {
        (Some(auth), [_, _, ..]) if auth != "netrc" => {
            let message =
                format!("{option} is given once, and there are URLs of {}", hosts.join(" and "));
            Err(Failure::environment(message)
                .hint(format!("give {option}=netrc, which has credentials for each host")))
        }
        _ => Ok(()),
    }
}

/// The host and the port of a URL.
fn host(url: &str) -> &str {
    let after = url.split_once("://").map_or(url, |(_, after)| after);
    after.split(['/', '?', '#']).next().unwrap_or_default()
}

/// Whether a URL is one of hex.pm, whose key is known.
pub fn is_at_hexpm(url: &str) -> bool {
    let host = host(url).to_ascii_lowercase();
    let host = host.split(':').next().unwrap_or_default();
    host == "hex.pm" || host.ends_with(".hex.pm")
}

/// Whether an argument is a URL of a server.
pub fn is_url(text: &str) -> bool {
    let is_scheme = |scheme: &str| {
        let start = text.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    is_scheme("http://") || is_scheme("https://")
}

#[derive(Clone)]
struct RegistryParser;

impl TypedValueParser for RegistryParser {
    type Value = RegistryArgument;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<RegistryArgument, clap::Error> {
        if let Some(url) = value.to_str().filter(|text| is_url(text)) {
            return Ok(RegistryArgument::Url(url.to_owned()));
        }
        let place = Destination::parser().parse_ref(command, argument, value)?;
        Ok(RegistryArgument::Place(place))
    }
}

impl RegistryArgument {
    /// Parses a URL of a server, the URL of a bucket, or a path.
    pub fn parser() -> impl TypedValueParser<Value = Self> {
        RegistryParser
    }

    /// Opens the registry for reading.
    pub fn open(&self, access: &RegistryAccess<'_>) -> Result<RegistrySource, Failure> {
        self.open_with(access, access.auth)
    }

    /// Opens the registry for reading. The URL is sent the credentials of this source, if there is one.
    pub fn open_with(
        &self,
        access: &RegistryAccess<'_>,
        auth: Option<&str>,
    ) -> Result<RegistrySource, Failure> {
        match self {
            Self::Url(url) => at_url(url, access, auth),
            Self::Place(place) => {
                let has_endpoint = place.as_dir().is_none();
                let endpoint = access.args.reading.endpoint.clone().filter(|_| has_endpoint);
                let store = Reading { endpoint }.open(place)?;
                RegistrySource::stored(store, &access.keys).map_err(|error| failure(&error))
            }
        }
    }
}

/// The failure of reading a registry or a policy.
pub fn failure(error: &SourceError) -> Failure {
    let message = format!("could not read {}", chain(error));
    match error {
        SourceError::NoRegistry { .. } => Failure::environment(chain(error))
            .hint("name a registry: a directory, a bucket or a URL"),
        SourceError::NoKey { .. } => Failure::environment(chain(error))
            .hint("give --public-key=PATH, or check that it is a registry"),
        SourceError::Document { .. } => Failure::input(message)
            .hint("give the --public-key that signed it, if that is another one"),
        SourceError::Tarball { .. } | SourceError::AnotherTarball { .. } => {
            Failure::input(message).hint("check the registry with `hexreg verify`")
        }
        SourceError::Store(error) => Failure::environment(chain(error)),
        #[cfg(feature = "mirror")]
        SourceError::Remote { source, .. } => match **source {
            hexreg::ops::mirror::FileError::Request(_) => Failure::environment(message),
            _ => Failure::input(message)
                .hint("give the --public-key that signed it, if that is another one"),
        },
        #[cfg(feature = "mirror")]
        SourceError::Client(_) => Failure::environment(message),
    }
}

/// The registry at a URL. `auth` is the source of the credentials that are sent there.
#[cfg(feature = "mirror")]
pub fn at_url(
    text: &str,
    access: &RegistryAccess<'_>,
    auth: Option<&str>,
) -> Result<RegistrySource, Failure> {
    use super::mirror::upstream;
    use super::upstream_auth::AuthSource;

    let url = upstream::parse_url(text, "the URL")?;
    let authorization = auth.map(AuthSource::parse).transpose()?;
    let authorization = authorization.map(|source| source.read(&url)).transpose()?;
    // No other key signs what hex.pm serves, whatever key was given for another registry.
    let keys = if upstream::is_at_hexpm(&url) {
        vec![upstream::hexpm_key()?]
    } else {
        access.keys.clone()
    };
    let mut keys = keys.into_iter();
    let Some(key) = keys.next() else {
        let message = format!("the public key of {url} is not known");
        return Err(Failure::environment(message).hint("give --public-key=PATH"));
    };
    let others: Vec<_> = keys.collect();
    RegistrySource::at_url(&url, authorization, key, &others).map_err(|error| failure(&error))
}

/// No registry at a URL can be read.
#[cfg(not(feature = "mirror"))]
pub fn at_url(
    text: &str,
    _: &RegistryAccess<'_>,
    _: Option<&str>,
) -> Result<RegistrySource, Failure> {
    let text = hexreg::credentials::hide(text);
    let message =
        format!("{text} cannot be read: this hexreg was built without the feature `mirror`");
    Err(Failure::environment(message).hint("install hexreg with that feature, or give a directory"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_pm_is_known_by_its_host() {
        for url in ["https://repo.hex.pm", "https://hex.pm/repos/acme", "HTTPS://Repo.Hex.PM:443/"]
        {
            assert!(is_at_hexpm(url), "{url}");
        }
        let others = [
            "https://hex.pm.example.com",
            "https://example.com/.hex.pm",
            "https://myhex.pm",
            "http://a",
        ];
        for url in others {
            assert!(!is_at_hexpm(url), "{url}");
        }
    }

    #[test]
    fn credentials_are_shared_by_urls_of_one_host_alone() {
        let refused = |auth, urls: &[&str]| refuse_shared_auth("--auth", auth, urls).is_err();
        assert!(!refused(Some("env:A"), &["https://a/x", "https://a/y"]));
        assert!(refused(Some("env:A"), &["https://a/x", "https://b/x"]));
        assert!(refused(Some("env:A"), &["https://a/x", "https://a:8443/x"]));
        assert!(!refused(Some("netrc"), &["https://a/x", "https://b/x"]));
        assert!(!refused(None, &["https://a/x", "https://b/x"]));
    }
}
