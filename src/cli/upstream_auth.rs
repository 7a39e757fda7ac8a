//! Reads the credentials of `--upstream-auth`.

use std::fmt::{self, Display};
use std::path::{Path, PathBuf};

use data_encoding::{BASE64, HEXLOWER};
use hexreg::regular_file;
use http::HeaderValue;
use netrc::Netrc;
use sha2::{Digest, Sha256};
use url::Url;
use zeroize::Zeroizing;

use super::environment;
use super::failure::Failure;

/// In bytes: no header is longer.
const MAX_SECRET: u64 = 64 << 10;

/// In bytes: enough for 100,000 machines.
const MAX_NETRC: u64 = 8 << 20;

/// The source of credentials.
#[derive(Clone)]
pub enum AuthSource {
    /// An environment variable with the value of the header.
    Variable(String),
    /// A file with the value of the header.
    File(PathBuf),
    /// The value of the header itself.
    Given(Zeroizing<String>),
    /// The netrc file, which curl reads too.
    Netrc,
}

/// Without the value.
impl fmt::Debug for AuthSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Given(value) => f.write_str(&fingerprint(value.as_bytes())),
            Self::Netrc => f.write_str("netrc"),
        }
    }
}

impl AuthSource {
    /// Parses `--upstream-auth`.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(Self::Variable(name.to_owned())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            None if text == "netrc" => Ok(Self::Netrc),
            // The argument may be the secret itself, so the message does not show it.
            _ => Err(Failure::environment(
                "--upstream-auth is neither env:NAME, file:PATH nor netrc",
            )),
        }
    }

    /// The file that the credentials are read from, if it is known which one.
    #[cfg(feature = "serve")]
    pub fn file(&self) -> Option<PathBuf> {
        match self {
            Self::File(path) => Some(path.clone()),
            Self::Netrc => netrc_path().ok().flatten(),
            Self::Variable(_) | Self::Given(_) => None,
        }
    }

    /// Reads the value of the header.
    pub fn read(&self, upstream: &Url) -> Result<HeaderValue, Failure> {
        let text = match self {
            Self::Variable(name) => environment::text(name)?
                .ok_or_else(|| Failure::environment(format!("{name} is not set, or is empty")))?,
            Self::File(path) => read_secret(path)?,
            Self::Given(value) => value.clone(),
            Self::Netrc => netrc(upstream)?.into(),
        };
        let mut value = HeaderValue::from_str(text.trim()).map_err(|_| {
            let origin = match self {
                Self::Variable(name) => name.as_str(),
                Self::File(path) => &path.display().to_string(),
                Self::Given(_) => "the configuration",
                Self::Netrc => "the netrc file",
            };
            Failure::environment(format!(
                "the credentials in {origin} cannot be sent in a header: expected one line of ASCII"
            ))
        })?;
        value.set_sensitive(true);
        Ok(value)
    }
}

/// A text that differs where the secret does.
fn fingerprint(secret: &[u8]) -> String {
    format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(secret)))
}

/// The text of a file with one secret.
fn read_secret(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let name = path.display();
    let bytes = regular_file::read_given(path, MAX_SECRET);
    let bytes =
        bytes.map_err(|error| Failure::environment(format!("could not read {name}: {error}")))?;
    let text = String::from_utf8(bytes).map(Zeroizing::new);
    text.map_err(|_| Failure::environment(format!("{name} is not UTF-8")))
}

fn netrc_path() -> Result<Option<PathBuf>, Failure> {
    let home = || Ok(environment::path("HOME")?.map(|home| home.join(".netrc")));
    environment::path("NETRC")?.map_or_else(home, |path| Ok(Some(path)))
}

/// The Basic credentials for upstream's host in the netrc file.
fn netrc(upstream: &Url) -> Result<String, Failure> {
    let path = netrc_path()?.ok_or_else(|| Failure::environment("there is no home directory"))?;
    let name = path.display();
    let host = upstream.host_str().unwrap_or_default();
    let failed =
        |error: &dyn Display| Failure::environment(format!("could not read {name}: {error}"));
    let text = regular_file::read_given(&path, MAX_NETRC).map_err(|error| failed(&error))?;
    let file = String::from_utf8_lossy(&text).parse::<Netrc>();
    let file = file.map_err(|error| failed(&error))?;
    let entry = file.hosts.get(host).or_else(|| file.hosts.get("default"));
    let entry = entry
        .ok_or_else(|| Failure::environment(format!("{name} has no entry for the host {host}")))?;
    let pair = format!("{}:{}", entry.login, entry.password);
    Ok(format!("Basic {}", BASE64.encode(pair.as_bytes())))
}
