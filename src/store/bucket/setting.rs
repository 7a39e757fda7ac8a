//! One setting, and its origin.
//!
//! Every value is checked before the store's client gets it: the client panics at a line feed in a key, or at an endpoint
//! without a scheme.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use url::{Host, Url};

/// The origin of a setting, as messages name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A command-line option.
    Option(&'static str),
    /// An environment variable.
    Variable(String),
    /// A line of an AWS configuration file.
    Profile {
        /// The file.
        path: PathBuf,
        /// The header of the section.
        section: String,
        /// The name of the setting.
        key: String,
    },
    /// A part of a compound setting, such as a connection string.
    Part {
        /// The name of the part.
        name: String,
        /// The origin of the compound setting.
        of: Box<Origin>,
    },
    /// A field of a credentials file.
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

/// A setting is invalid. The message contains the value only if that cannot be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{origin} {problem}")]
pub struct SettingError {
    /// The origin of the setting.
    pub origin: Origin,
    /// What is wrong, as the rest of a sentence that begins with the origin.
    pub problem: String,
}

/// A value: never empty, without white space at its ends and without control characters.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Setting {
    value: String,
    origin: Origin,
}

/// Without the value, which may be a secret.
impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Setting({})", self.origin)
    }
}

impl Setting {
    /// `None` for an empty value: CI systems set a missing secret to an empty text.
    pub fn new(value: &str, origin: Origin) -> Result<Option<Self>, SettingError> {
        let value = value.trim_start_matches('\u{FEFF}').trim();
        if value.contains(char::is_control) {
            let problem = "contains a control character, such as a line feed".to_owned();
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

    /// The value, if it can be sent in a header.
    pub fn token(&self) -> Result<&str, SettingError> {
        if self.value.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(&self.value);
        }
        Err(self.error("contains a space, or a character that is not ASCII"))
    }

    /// The value, if it can be the name of a region or an account, which becomes part of a host's name.
    pub fn label(&self) -> Result<&str, SettingError> {
        if self.value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
            return Ok(&self.value);
        }
        Err(self.error(format!("is `{}`: expected letters, digits and `-`", self.value)))
    }

    /// The value as `true` or `false`.
    pub fn flag(&self) -> Result<bool, SettingError> {
        match self.value.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(true),
            "false" | "0" | "no" | "off" => Ok(false),
            _ => Err(self.error(format!("is `{}`: expected `true` or `false`", self.value))),
        }
    }

    /// The value, if it is the name or the address of a host, with or without a port.
    pub fn host(&self) -> Result<&str, SettingError> {
        let url = Url::parse(&format!("http://{}", self.value)).ok();
        let is_host = url.is_some_and(|url| {
            url.path() == "/" && url.query().is_none() && url.fragment().is_none()
        });
        if is_host && self.token().is_ok() && !self.value.contains(['@', '/', '\\']) {
            return Ok(&self.value);
        }
        Err(self.error("is not a host: expected a name or an address, with or without a port"))
    }

    /// The value, if it is the URL of a server; without a slash at its end.
    pub fn endpoint(&self) -> Result<String, SettingError> {
        let is_endpoint = Url::parse(&self.value).is_ok_and(|url| {
            ["http", "https"].contains(&url.scheme())
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none()
        });
        // The URL parser corrects mistakes that the store's client would not.
        let is_plain = self.value.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
            && self.value.split_once("://").is_some_and(|(_, rest)| !rest.starts_with('/'));
        if is_endpoint && is_plain {
            return Ok(self.value.trim_end_matches('/').to_owned());
        }
        // A value with `@` may contain a password.
        let shown = if self.value.contains('@') { "…@…" } else { &self.value };
        Err(self.error(format!(
            "is `{shown}`, which is no endpoint: write https://HOST or http://HOST, without a bucket, a user name \
             or a password"
        )))
    }

    /// A part of the value, as a setting of its own.
    pub fn part(&self, name: &str, value: &str) -> Result<Option<Self>, SettingError> {
        let origin = Origin::Part { name: name.to_owned(), of: Box::new(self.origin.clone()) };
        Self::new(value, origin)
    }
}

/// Whether a server is this machine, so that plain HTTP does not leave it.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// The variables that settings are read from: those of the process, or others instead.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Variables(BTreeMap<String, OsString>);

/// Without the values, which may be secrets.
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
    /// The environment of this process now.
    #[must_use]
    pub fn of_process() -> Self {
        env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect()
    }

    /// A variable; `None` if it is empty.
    pub(super) fn get(&self, name: &str) -> Result<Option<Setting>, SettingError> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let origin = Origin::Variable(name.to_owned());
        match value.to_str() {
            Some(value) => Setting::new(value, origin),
            None => Err(SettingError { origin, problem: "is not UTF-8".to_owned() }),
        }
    }

    /// The text of a variable, unchecked.
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

    /// Whether the value of a variable begins with a character, after white space.
    pub(super) fn begins_with(&self, name: &str, start: char) -> bool {
        self.0.get(name).and_then(|value| value.to_str()?.trim_start().chars().next())
            == Some(start)
    }

    /// A variable that is `true` or `false`; `false` if it is missing.
    pub(super) fn flag(&self, name: &str) -> Result<bool, SettingError> {
        self.get(name)?.map_or(Ok(false), |setting| setting.flag())
    }

    /// The path in a variable, which need not be UTF-8.
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
    fn white_space_at_the_ends_is_not_part_of_a_value() {
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
    fn invalid_settings_are_named_without_secrets() {
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
        INSIDE contains a control character, such as a line feed
        BYTES is not UTF-8
        NAME contains a space, or a character that is not ASCII
        NAME contains a space, or a character that is not ASCII
        NAME is `eu west/1`: expected letters, digits and `-`
        NAME is `maybe`: expected `true` or `false`
        NAME is `localhost:9000`, which is no endpoint: write https://HOST or http://HOST, without a bucket, a user name or a password
        NAME is `minio`, which is no endpoint: write https://HOST or http://HOST, without a bucket, a user name or a password
        NAME is `//h`, which is no endpoint: write https://HOST or http://HOST, without a bucket, a user name or a password
        NAME is `http:///h`, which is no endpoint: write https://HOST or http://HOST, without a bucket, a user name or a password
        NAME is `http:/h`, which is no endpoint: write https://HOST or http://HOST, without a bucket, a user name or a password
        NAME is `http:\\h`, which is no endpoint: write https://HOST or http://HOST, without a bucket, a user name or a password
        NAME is `http://`, which is no endpoint: write https://HOST or http://HOST, without a bucket, a user name or a password
        NAME is `ftp://h`, which is no endpoint: write https://HOST or http://HOST, without a bucket, a user name or a password
        NAME is `…@…`, which is no endpoint: write https://HOST or http://HOST, without a bucket, a user name or a password
        NAME is `http://h?x=1`, which is no endpoint: write https://HOST or http://HOST, without a bucket, a user name or a password
        NAME is `http://h#x`, which is no endpoint: write https://HOST or http://HOST, without a bucket, a user name or a password
        NAME is `http://h o`, which is no endpoint: write https://HOST or http://HOST, without a bucket, a user name or a password
        NAME is `http://bücher`, which is no endpoint: write https://HOST or http://HOST, without a bucket, a user name or a password
        NAME is `http://h:99999`, which is no endpoint: write https://HOST or http://HOST, without a bucket, a user name or a password
        ");
        for endpoint in
            ["http://h", "https://h.example:9000/", "http://127.0.0.1:1/account", "http://[::1]:9"]
        {
            assert_eq!(setting(endpoint).endpoint().unwrap(), endpoint.trim_end_matches('/'));
        }
    }
}
