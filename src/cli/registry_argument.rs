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
    args: &'a AccessArgs,
}

impl AccessArgs {
    /// Reads the keys.
    pub fn access(&self) -> Result<RegistryAccess<'_>, Failure> {
        let keys = self.public_key.iter().map(|path| public_key::from_argument(Some(path)));
        let keys: Vec<_> = keys.collect::<Result<_, _>>()?;
        Ok(RegistryAccess { keys: keys.into_iter().flatten().collect(), args: self })
    }
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
        match self {
            #[cfg(feature = "mirror")]
            Self::Url(url) => at_url(url, access, access.args.upstream_auth.as_deref()),
            #[cfg(not(feature = "mirror"))]
            Self::Url(url) => at_url(url, access, None),
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
        SourceError::NoKey { .. } => Failure::environment(chain(error))
            .hint("give --public-key=PATH, or check that it is a registry"),
        SourceError::Document { .. } => Failure::input(message)
            .hint("give the --public-key that signed it, if that is another one"),
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
    let hexpm = upstream::is_at_hexpm(&url).then(upstream::hexpm_key).transpose()?;
    let mut keys = access.keys.iter().cloned().chain(hexpm);
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
