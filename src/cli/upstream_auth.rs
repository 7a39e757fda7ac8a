//! Reads the credentials of `--upstream-auth`.

use std::fmt::Display;

use data_encoding::BASE64;
use hexreg::regular_file;
use http::HeaderValue;
use netrc::Netrc;
use url::Url;

use super::environment;
use super::failure::Failure;

/// In bytes: enough for 100,000 machines.
const MAX_NETRC: u64 = 8 << 20;

/// The source of credentials.
#[derive(Clone, Debug)]
pub enum AuthSource {
    /// An environment variable with the value of the header.
    Variable(String),
    /// The netrc file, which curl reads too.
    Netrc,
}

impl AuthSource {
    /// Parses `--upstream-auth`.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(Self::Variable(name.to_owned())),
            None if text == "netrc" => Ok(Self::Netrc),
            // The argument may be the secret itself, so the message does not show it.
            _ => Err(Failure::environment("--upstream-auth is neither env:NAME nor netrc")),
        }
    }

    /// Reads the value of the header.
    pub fn read(&self, upstream: &Url) -> Result<HeaderValue, Failure> {
        let text = match self {
            Self::Variable(name) => environment::text(name)?
                .ok_or_else(|| Failure::environment(format!("{name} is not set, or is empty")))?,
            Self::Netrc => netrc(upstream)?.into(),
        };
        let mut value = HeaderValue::from_str(text.trim()).map_err(|_| {
            let origin = match self {
                Self::Variable(name) => name.as_str(),
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

/// The Basic credentials for upstream's host in the netrc file.
fn netrc(upstream: &Url) -> Result<String, Failure> {
    let home = || Ok(environment::path("HOME")?.map(|home| home.join(".netrc")));
    let path = environment::path("NETRC")?.map_or_else(home, |path| Ok(Some(path)))?;
    let path = path.ok_or_else(|| Failure::environment("there is no home directory"))?;
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
