//! What `aws configure` wrote: `~/.aws/config` and `~/.aws/credentials`.
//!
//! <https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html>

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use super::open::OpenError;

/// The settings of a profile, by their names.
#[derive(Debug, Default)]
pub(super) struct Profile {
    name: String,
    settings: HashMap<String, String>,
}

/// Settings by which a profile has keys made for it, by others or in a browser.
const MADE: [&str; 7] = [
    "credential_process",
    "credential_source",
    "login_session",
    "role_arn",
    "source_profile",
    "sso_session",
    "sso_start_url",
];

impl Profile {
    /// The one that `AWS_PROFILE` names, or `default`, which need not be there.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, OpenError> {
        let named = variable("AWS_PROFILE").or_else(|| variable("AWS_DEFAULT_PROFILE"));
        let name = named.clone().unwrap_or_else(|| "default".to_owned());
        let mut settings = HashMap::new();
        let mut is_found = false;
        for (path, file, prefix) in [
            ("AWS_CONFIG_FILE", "config", "profile "),
            // What both have, this one has to say.
            ("AWS_SHARED_CREDENTIALS_FILE", "credentials", ""),
        ] {
            let usual = || Some(PathBuf::from(variable("HOME")?).join(".aws").join(file));
            let Some(path) = variable(path).map(PathBuf::from).or_else(usual) else { continue };
            let text = match fs::read_to_string(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                read => read.map_err(|source| OpenError::Profile { path, source })?,
            };
            if let Some(section) = section(&text, &name, prefix) {
                is_found = true;
                settings.extend(section);
            }
        }
        if named.is_some() && !is_found {
            return Err(OpenError::NoProfile { name });
        }
        Ok(Self { name, settings })
    }

    /// What it says of something; an empty word is none.
    pub fn get(&self, setting: &str) -> Option<&str> {
        self.settings.get(setting).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Its keys, if they are written down.
    pub fn keys(&self) -> Result<Option<Keys<'_>>, OpenError> {
        if MADE.iter().any(|setting| self.get(setting).is_some()) {
            return Err(OpenError::MadeKeys { name: self.name.clone() });
        }
        let keys = self.get("aws_access_key_id").zip(self.get("aws_secret_access_key"));
        Ok(keys.map(|(id, secret)| Keys { id, secret, token: self.get("aws_session_token") }))
    }
}

/// Keys that are written down.
pub(super) struct Keys<'a> {
    pub id: &'a str,
    pub secret: &'a str,
    pub token: Option<&'a str>,
}

/// What stands under `[prefix name]`, and under `[name]` if that is the one that needs no prefix. Lines
/// that are indented are settings of a setting, which are of no use here.
fn section(text: &str, name: &str, prefix: &str) -> Option<HashMap<String, String>> {
    let mut found: Option<HashMap<String, String>> = None;
    let mut is_inside = false;
    for line in text.trim_start_matches('\u{feff}').lines() {
        if let Some(header) = line.strip_prefix('[').and_then(|line| line.split_once(']')) {
            let header = header.0.trim();
            let prefixed = header.strip_prefix(prefix).map(str::trim);
            is_inside = prefixed == Some(name) || (name == "default" && header == name);
            if is_inside {
                found.get_or_insert_default();
            }
            continue;
        }
        let is_setting = !line.starts_with([' ', '\t', '#', ';']);
        if let (true, true, Some((key, value))) = (is_inside, is_setting, line.split_once('=')) {
            // A remark has a space before it; a secret may well have its sign.
            let end = value.find(" #").into_iter().chain(value.find(" ;")).min();
            let value = value.get(..end.unwrap_or(value.len())).unwrap_or(value);
            let (key, value) = (key.trim().to_lowercase(), value.trim().to_owned());
            found.get_or_insert_default().insert(key, value);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "\
# of all
[default]
region = eu-north-1 ; far
[profile work]
region=eu-west-1
s3 =
  endpoint_url = http://nested.example
endpoint_url = https://s3.example
[profile sso]
sso_session = acme
[work]
region = of something else
[sso-session acme]
sso_region = x
";
    const CREDENTIALS: &str = "\
[work]
aws_access_key_id = AKID
aws_secret_access_key = a/b+c=#d;e # mine
aws_session_token =
[ default ]
AWS_ACCESS_KEY_ID = OTHER
";

    fn profile(name: Option<&str>) -> Result<Profile, OpenError> {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(".aws")).unwrap();
        fs::write(folder.path().join(".aws/config"), CONFIG).unwrap();
        fs::write(folder.path().join("elsewhere"), CREDENTIALS).unwrap();
        let text = |path: PathBuf| Some(path.to_str().unwrap().to_owned());
        Profile::read(|variable| match variable {
            "AWS_PROFILE" => name.map(ToOwned::to_owned),
            "HOME" => text(folder.path().to_owned()),
            "AWS_SHARED_CREDENTIALS_FILE" => text(folder.path().join("elsewhere")),
            _ => None,
        })
    }

    #[test]
    fn the_profile_that_is_named_is_read_from_both_files() {
        let work = profile(Some("work")).unwrap();
        assert_eq!(work.get("region"), Some("eu-west-1"));
        assert_eq!(work.get("endpoint_url"), Some("https://s3.example"));
        let keys = work.keys().unwrap().unwrap();
        assert_eq!((keys.id, keys.secret, keys.token), ("AKID", "a/b+c=#d;e", None));
        let usual = profile(None).unwrap();
        assert_eq!(usual.get("region"), Some("eu-north-1"));
        assert_eq!(usual.get("aws_access_key_id"), Some("OTHER"));
        assert!(usual.keys().unwrap().is_none(), "half a key is none");
    }

    #[test]
    fn what_a_profile_cannot_give_is_told() {
        let missing = profile(Some("nobody")).unwrap_err().to_string();
        insta::assert_snapshot!(missing, @"there is no profile `nobody` in ~/.aws/config or ~/.aws/credentials");
        let made = profile(Some("sso")).unwrap().keys().err().unwrap().to_string();
        insta::assert_snapshot!(made, @r#"the keys of profile `sso` are not written down: put them into the environment by `eval "$(aws configure export-credentials --profile sso --format env)"`"#);
        let none = Profile::read(|_| None).unwrap();
        assert!(none.keys().unwrap().is_none());
    }
}
