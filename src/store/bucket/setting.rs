//! One setting of how a bucket is reached: what it says, and where that is written.
//!
//! Nothing of it reaches the client of a store unchecked: that one takes a line feed in a key, or an address
//! without a scheme, for a mistake of the program and ends it.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use url::{Host, Url};

/// Where a setting is written, as messages name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// An option of the command.
    Option(&'static str),
    /// A variable of the environment.
    Variable(String),
    /// A line of a file of profiles.
    Profile {
        /// The file.
        path: PathBuf,
        /// The text in brackets above the line.
        section: String,
        /// What the line sets.
        key: String,
    },
    /// A part of a setting that is made of several, as a connection string is.
    Part {
        /// Its name there.
        name: String,
        /// The whole.
        of: Box<Origin>,
    },
    /// A field of a file of credentials.
    Field(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option(name) => f.write_str(name),
            Self::Variable(name) => f.write_str(name),
            Self::Profile { path, section, key } => {
                write!(f, "`{key}` of [{section}] in {}", path.display())
            }
            Self::Part { name, of } => write!(f, "`{name}` in {of}"),
            Self::Field(name) => write!(f, "its `{name}`"),
        }
    }
}

/// What is wrong with a setting. The value itself is told only where it cannot be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{origin} {problem}")]
pub struct SettingError {
    /// Where it is written.
    pub origin: Origin,
    /// What is wrong, as the rest of a sentence that begins with the origin.
    pub problem: String,
}

/// A value that is set: never empty, without white space at its ends and control characters in it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Setting {
    value: String,
    origin: Origin,
}

/// Its origin; the value may be a secret.
impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Setting({})", self.origin)
    }
}

impl Setting {
    /// `None` where nothing is set: CI systems set what is not given to an empty text.
    pub fn new(value: &str, origin: Origin) -> Result<Option<Self>, SettingError> {
        let value = value.trim_start_matches('\u{FEFF}').trim();
        if value.contains(char::is_control) {
            let problem = "has a control character in it, such as a line feed".to_owned();
            return Err(SettingError { origin, problem });
        }
        Ok((!value.is_empty()).then(|| Self { value: value.to_owned(), origin }))
    }

    pub fn value(&self) -> &str {
        &self.value
    }

    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    pub fn error(&self, problem: impl Into<String>) -> SettingError {
        SettingError { origin: self.origin.clone(), problem: problem.into() }
    }

    /// What goes into a header as it is.
    pub fn token(&self) -> Result<&str, SettingError> {
        if self.value.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(&self.value);
        }
        Err(self.error("has characters in it other than ASCII's, or a space"))
    }

    /// The name of a region or an account, which becomes part of a host's name.
    pub fn label(&self) -> Result<&str, SettingError> {
        if self.value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
            return Ok(&self.value);
        }
        Err(self.error(format!("is `{}`: expected letters, digits and `-`", self.value)))
    }

    /// Whether it is so.
    pub fn flag(&self) -> Result<bool, SettingError> {
        match self.value.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(true),
            "false" | "0" | "no" | "off" => Ok(false),
            _ => Err(self.error(format!("is `{}`: expected `true` or `false`", self.value))),
        }
    }

    /// The name or the address of a host, with a port or without.
    pub fn host(&self) -> Result<&str, SettingError> {
        let url = Url::parse(&format!("http://{}", self.value)).ok();
        let is_host = url.is_some_and(|url| {
            url.path() == "/" && url.query().is_none() && url.fragment().is_none()
        });
        if is_host && self.token().is_ok() && !self.value.contains(['@', '/', '\\']) {
            return Ok(&self.value);
        }
        Err(self.error("is no host: expected its name or address, and a port if need be"))
    }

    /// A server's address, without a slash at its end.
    pub fn endpoint(&self) -> Result<String, SettingError> {
        let is_endpoint = Url::parse(&self.value).is_ok_and(|url| {
            ["http", "https"].contains(&url.scheme())
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none()
        });
        // The parser of URLs mends what the client of a store would take as it is.
        let is_plain = self.value.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
            && self.value.split_once("://").is_some_and(|(_, rest)| !rest.starts_with('/'));
        if is_endpoint && is_plain {
            return Ok(self.value.trim_end_matches('/').to_owned());
        }
        // What may be a password is not said again.
        let told = if self.value.contains('@') { "…@…" } else { &self.value };
        Err(self.error(format!(
            "is `{told}`, and no endpoint: write https://HOST or http://HOST, without a bucket, a name or a \
             password"
        )))
    }

    /// A part of it, as a setting of its own.
    pub fn part(&self, name: &str, value: &str) -> Result<Option<Self>, SettingError> {
        let origin = Origin::Part { name: name.to_owned(), of: Box::new(self.origin.clone()) };
        Self::new(value, origin)
    }
}

/// Whether a server is this machine, so that what is sent to it in plain HTTP stays here.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// The variables that settings are read from: those of the process, or others in their place.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Variables(BTreeMap<String, OsString>);

/// Their names; the values may be secrets.
impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl<K: Into<String>, V: Into<OsString>> FromIterator<(K, V)> for Variables {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl Variables {
    /// What the environment of this process holds at the moment.
    #[must_use]
    pub fn of_process() -> Self {
        env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect()
    }

    /// What a variable holds; an empty one is none.
    pub(super) fn get(&self, name: &str) -> Result<Option<Setting>, SettingError> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let origin = Origin::Variable(name.to_owned());
        match value.to_str() {
            Some(value) => Setting::new(value, origin),
            None => Err(SettingError { origin, problem: "is not UTF-8".to_owned() }),
        }
    }

    /// What it holds, as it is.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        Some(self.0.get(name)?.to_str()?.to_owned())
    }

    /// The first of these that is set.
    pub(super) fn first(&self, names: &[&str]) -> Result<Option<Setting>, SettingError> {
        for name in names {
            if let Some(setting) = self.get(name)? {
                return Ok(Some(setting));
            }
        }
        Ok(None)
    }

    /// Whether what a variable holds begins so, after white space.
    pub(super) fn begins_with(&self, name: &str, start: char) -> bool {
        self.0.get(name).and_then(|value| value.to_str()?.trim_start().chars().next())
            == Some(start)
    }

    /// Whether a variable says that it is so.
    pub(super) fn flag(&self, name: &str) -> Result<bool, SettingError> {
        self.get(name)?.map_or(Ok(false), |setting| setting.flag())
    }

    /// The path that a variable holds; it need not be UTF-8.
    pub(super) fn path(&self, name: &str) -> Result<Option<PathBuf>, SettingError> {
        match self.0.get(name) {
            Some(value) if value.to_str().is_none() => Ok(Some(value.into())),
            _ => Ok(self.get(name)?.map(|setting| setting.value.into())),
        }
    }

    /// A file below the home directory.
    pub(super) fn at_home(&self, path: impl AsRef<Path>) -> Result<Option<PathBuf>, SettingError> {
        Ok(self.path("HOME")?.map(|home| home.join(path)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(value: &str) -> Setting {
        Setting::new(value, Origin::Variable("NAME".to_owned())).unwrap().unwrap()
    }

    #[test]
    fn white_space_at_the_ends_is_no_part_of_it() {
        for value in ["a\n", "\u{FEFF}a\r\n", "\ta ", "a"] {
            assert_eq!(setting(value).value(), "a");
        }
        let variables: Variables =
            [("EMPTY", ""), ("BLANK", " \n"), ("SET", "x")].into_iter().collect();
        assert_eq!(variables.get("EMPTY"), Ok(None));
        assert_eq!(variables.first(&["MISSING", "BLANK", "SET"]).unwrap(), {
            Setting::new("x", Origin::Variable("SET".to_owned())).unwrap()
        });
        assert_eq!(format!("{variables:?}"), r#"{"BLANK", "EMPTY", "SET"}"#);
    }

    #[test]
    fn what_cannot_be_used_is_named_without_what_may_be_a_secret() {
        use std::os::unix::ffi::OsStringExt;
        let variables: Variables = [
            ("INSIDE", OsString::from("secret\nsecret")),
            ("BYTES", OsString::from_vec(b"secret\xff".to_vec())),
        ]
        .into_iter()
        .collect();
        let mut said = vec![
            variables.get("INSIDE").unwrap_err().to_string(),
            variables.get("BYTES").unwrap_err().to_string(),
            setting("schlüssel").token().unwrap_err().to_string(),
            setting("a b").token().unwrap_err().to_string(),
            setting("eu west/1").label().unwrap_err().to_string(),
            setting("maybe").flag().unwrap_err().to_string(),
        ];
        let no_endpoints = [
            "localhost:9000",
            "minio",
            "//h",
            "http:///h",
            "http:/h",
            "http:\\\\h",
            "http://",
            "ftp://h",
            "http://user:secret@h",
            "http://h?x=1",
            "http://h#x",
            "http://h o",
            "http://bücher",
            "http://h:99999",
        ];
        said.extend(no_endpoints.map(|text| setting(text).endpoint().unwrap_err().to_string()));
        assert!(!said.concat().contains("secret"));
        insta::assert_snapshot!(said.join("\n"), @r"
        INSIDE has a control character in it, such as a line feed
        BYTES is not UTF-8
        NAME has characters in it other than ASCII's, or a space
        NAME has characters in it other than ASCII's, or a space
        NAME is `eu west/1`: expected letters, digits and `-`
        NAME is `maybe`: expected `true` or `false`
        NAME is `localhost:9000`, and no endpoint: write https://HOST or http://HOST, without a bucket, a name or a password
        NAME is `minio`, and no endpoint: write https://HOST or http://HOST, without a bucket, a name or a password
        NAME is `//h`, and no endpoint: write https://HOST or http://HOST, without a bucket, a name or a password
        NAME is `http:///h`, and no endpoint: write https://HOST or http://HOST, without a bucket, a name or a password
        NAME is `http:/h`, and no endpoint: write https://HOST or http://HOST, without a bucket, a name or a password
        NAME is `http:\\h`, and no endpoint: write https://HOST or http://HOST, without a bucket, a name or a password
        NAME is `http://`, and no endpoint: write https://HOST or http://HOST, without a bucket, a name or a password
        NAME is `ftp://h`, and no endpoint: write https://HOST or http://HOST, without a bucket, a name or a password
        NAME is `…@…`, and no endpoint: write https://HOST or http://HOST, without a bucket, a name or a password
        NAME is `http://h?x=1`, and no endpoint: write https://HOST or http://HOST, without a bucket, a name or a password
        NAME is `http://h#x`, and no endpoint: write https://HOST or http://HOST, without a bucket, a name or a password
        NAME is `http://h o`, and no endpoint: write https://HOST or http://HOST, without a bucket, a name or a password
        NAME is `http://bücher`, and no endpoint: write https://HOST or http://HOST, without a bucket, a name or a password
        NAME is `http://h:99999`, and no endpoint: write https://HOST or http://HOST, without a bucket, a name or a password
        ");
        for endpoint in
            ["http://h", "https://h.example:9000/", "http://127.0.0.1:1/account", "http://[::1]:9"]
        {
            assert_eq!(setting(endpoint).endpoint().unwrap(), endpoint.trim_end_matches('/'));
        }
    }
}
