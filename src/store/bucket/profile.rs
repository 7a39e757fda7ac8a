//! The files that `aws configure` writes: `~/.aws/config` and `~/.aws/credentials`.
//!
//! <https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html>

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::credential_file;
use super::open_error::OpenError;
use super::setting::{Origin, Setting, SettingError, Variables};

/// Both files, and the name of the chosen profile.
#[derive(Debug, Default)]
pub(super) struct Profiles {
    chosen: String,
    /// The file that overrides the other one goes first.
    files: Vec<ProfileFile>,
}

#[derive(Debug)]
struct ProfileFile {
    path: PathBuf,
    /// The word before the name of a profile in a header.
    prefix: &'static str,
    sections: Vec<Section>,
}

#[derive(Debug, Default)]
struct Section {
    /// The text in brackets.
    header: String,
    /// The name of a nested setting is prefixed with the name of its parent and a dot.
    settings: BTreeMap<String, String>,
}

/// The settings of one profile.
#[derive(Clone, Copy, Debug)]
pub(super) struct Profile<'a> {
    profiles: &'a Profiles,
    name: &'a str,
}

impl Profiles {
    /// Reads the files that the variables name, or else the default ones. A profile that `AWS_PROFILE` names must exist; the
    /// profile `default` need not.
    pub fn read(variables: &Variables) -> Result<Self, OpenError> {
        let named = variables.first(&["AWS_PROFILE", "AWS_DEFAULT_PROFILE"])?;
        let mut files = Vec::new();
        let mut looked_in = Vec::new();
        for (variable, usual, prefix) in [
            // This file overrides the other one.
            ("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials", ""),
            ("AWS_CONFIG_FILE", ".aws/config", "profile "),
        ] {
            let path = match variables.path(variable)? {
                Some(path) => Some(path),
                None => variables.at_home(usual)?,
            };
            let Some(path) = path else { continue };
            match credential_file::read(&path) {
                Ok(text) => {
                    let sections = sections(&text);
                    files.push(ProfileFile { path: path.clone(), prefix, sections });
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(source) => return Err(OpenError::Profile { path, source }),
            }
            looked_in.push(path);
        }
        let chosen = named.as_ref().map_or("default", Setting::value).to_owned();
        let this = Self { chosen, files };
        if named.is_some() && !this.has(&this.chosen) {
            return Err(OpenError::NoProfile { name: this.chosen, looked_in });
        }
        Ok(this)
    }

    /// The chosen profile.
    pub fn chosen(&self) -> Profile<'_> {
        Profile { profiles: self, name: &self.chosen }
    }

    /// The profile of this name.
    pub fn profile<'a>(&'a self, name: &'a str) -> Option<Profile<'a>> {
        self.has(name).then_some(Profile { profiles: self, name })
    }

    fn has(&self, name: &str) -> bool {
        self.files.iter().any(|file| file.sections.iter().any(|one| file.is_profile(one, name)))
    }

    /// A setting of a section other than a profile: `[services NAME]`, `[sso-session NAME]`.
    pub fn section(
        &self,
        kind: &str,
        name: &str,
        key: &str,
    ) -> Result<Option<Setting>, SettingError> {
        let is_meant = |section: &Section| {
            let rest =
                section.header.strip_prefix(kind).filter(|rest| rest.starts_with([' ', '\t']));
            rest.is_some_and(|rest| unquoted(rest) == name)
        };
        self.find(key, |_, section| is_meant(section))
    }

    /// A setting: of the first file that has it, and of the last section there that has it.
    fn find(
        &self,
        key: &str,
        is_meant: impl Fn(&ProfileFile, &Section) -> bool,
    ) -> Result<Option<Setting>, SettingError> {
        for file in &self.files {
            let sections = file.sections.iter().rev().filter(|section| is_meant(file, section));
            for section in sections {
                let Some(value) = section.settings.get(key) else { continue };
                let origin = Origin::Profile {
                    path: file.path.clone(),
                    section: section.header.clone(),
                    key: key.to_owned(),
                };
                if let Some(setting) = Setting::new(value, origin)? {
                    return Ok(Some(setting));
                }
            }
        }
        Ok(None)
    }
}

impl ProfileFile {
    fn is_profile(&self, section: &Section, name: &str) -> bool {
        let prefixed = section.header.strip_prefix(self.prefix).map(unquoted);
        // The profile `default` needs no prefix.
        prefixed == Some(name) || (name == "default" && section.header == name)
    }
}

impl<'a> Profile<'a> {
    pub fn name(self) -> &'a str {
        self.name
    }

    /// A setting of the profile; `None` if it is empty.
    pub fn get(self, key: &str) -> Result<Option<Setting>, SettingError> {
        self.profiles.find(key, |file, section| file.is_profile(section, self.name))
    }

    /// A setting that is `true` or `false`; `false` if it is missing.
    pub fn flag(self, key: &str) -> Result<bool, SettingError> {
        self.get(key)?.map_or(Ok(false), |setting| setting.flag())
    }

    /// A setting of one service in the `[services …]` of the profile, or else of the profile itself.
    pub fn of_service(self, service: &str, key: &str) -> Result<Option<Setting>, SettingError> {
        if let Some(services) = self.get("services")? {
            let key = format!("{service}.{key}");
            if let Some(found) = self.profiles.section("services", services.value(), &key)? {
                return Ok(Some(found));
            }
        }
        self.get(key)
    }
}

/// A name without quotes around it.
fn unquoted(name: &str) -> &str {
    let name = name.trim();
    ['"', '\''].iter().find_map(|&mark| name.strip_prefix(mark)?.strip_suffix(mark)).unwrap_or(name)
}

/// Parses a file. Indented lines are nested settings of the setting above them, if that has no value of its own.
fn sections(text: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    // The setting above in the same section: its indentation, and its name if it has no value of its own.
    let mut above: Option<(usize, Option<String>)> = None;
    for line in text.trim_start_matches('\u{feff}').lines() {
        if let Some(header) = line.strip_prefix('[').and_then(|line| line.split_once(']')) {
            let header = header.0.trim().to_owned();
            sections.push(Section { header, ..Section::default() });
            above = None;
            continue;
        }
        let indent = line.len().saturating_sub(line.trim_start().len());
        let line = line.trim();
        let (Some(section), false) = (sections.last_mut(), line.starts_with(['#', ';'])) else {
            continue;
        };
        let Some((key, value)) = line.split_once('=') else { continue };
        // A comment has a space before it; a secret may contain `#` and `;`.
        let end = value.find(" #").into_iter().chain(value.find(" ;")).min();
        let value = value.get(..end.unwrap_or(value.len())).unwrap_or(value).trim();
        let key = key.trim().to_lowercase();
        let key = match &above {
            Some((of_above, Some(above))) if indent > *of_above => format!("{above}.{key}"),
            // A continuation of a value, which is ignored.
            Some((of_above, None)) if indent > *of_above => continue,
            _ => {
                above = Some((indent, value.is_empty().then(|| key.clone())));
                key
            }
        };
        section.settings.insert(key, value.to_owned());
    }
    sections
}

/// The path in a setting. `~` is the home directory.
pub(super) fn path_of(setting: &Setting, variables: &Variables) -> Result<PathBuf, SettingError> {
    let path = Path::new(setting.value());
    if let Ok(rest) = path.strip_prefix("~") {
        if let Some(path) = variables.at_home(rest)? {
            return Ok(path);
        }
    }
    Ok(path.to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const CONFIG: &str = "\
# of all
[default]
region = eu-north-1 ; far
[profile work]
region=eu-west-1
s3 =
  # nested
  endpoint_url = http://nested.example
  addressing_style = virtual
endpoint_url = https://all.example
services = there
[profile \"in quotes\"]
region = quoted
output = json
  region = of a value
[work]
region = of something else
[services there]
s3 =
  endpoint_url = https://s3.example
sts =
  endpoint_url = https://sts.example
[profile indented]
  region = indented
  s3 =
    addressing_style = virtual
  output = json
    region = of a value
  ca_bundle = last
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
[default]
aws_access_key_id = LAST
";

    fn profiles(name: Option<&str>) -> Result<(tempfile::TempDir, Profiles), OpenError> {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(".aws")).unwrap();
        fs::write(folder.path().join(".aws/config"), CONFIG).unwrap();
        fs::write(folder.path().join("elsewhere"), CREDENTIALS).unwrap();
        let elsewhere = folder.path().join("elsewhere");
        let pairs = [("HOME", folder.path()), ("AWS_SHARED_CREDENTIALS_FILE", &elsewhere)];
        let pairs = pairs.into_iter().chain(name.map(|name| ("AWS_PROFILE", Path::new(name))));
        let profiles = Profiles::read(&pairs.collect())?;
        Ok((folder, profiles))
    }

    fn value(setting: Result<Option<Setting>, SettingError>) -> Option<String> {
        setting.unwrap().map(|setting| setting.value().to_owned())
    }

    #[test]
    fn a_named_profile_is_read_from_both_files() {
        let (folder, profiles) = profiles(Some("work")).unwrap();
        let work = profiles.chosen();
        let get = |key| value(work.get(key));
        assert_eq!(get("region").as_deref(), Some("eu-west-1"));
        assert_eq!(get("aws_access_key_id").as_deref(), Some("AKID"));
        assert_eq!(get("aws_secret_access_key").as_deref(), Some("a/b+c=#d;e"));
        assert_eq!(get("aws_session_token"), None);
        assert_eq!(get("s3.addressing_style").as_deref(), Some("virtual"));
        let of = |service| value(work.of_service(service, "endpoint_url"));
        assert_eq!(of("s3").as_deref(), Some("https://s3.example"));
        assert_eq!(of("sts").as_deref(), Some("https://sts.example"));
        assert_eq!(of("sso").as_deref(), Some("https://all.example"));
        let origin = work.get("region").unwrap().unwrap().origin().to_string();
        let origin = origin.replace(&folder.path().display().to_string(), "~");
        insta::assert_snapshot!(origin, @"`region` of [profile work] in ~/.aws/config");
    }

    #[test]
    fn default_needs_no_prefix_and_others_may_have_quotes() {
        let (_folder, profiles) = profiles(None).unwrap();
        let usual = profiles.chosen();
        assert_eq!(value(usual.get("region")).as_deref(), Some("eu-north-1"));
        assert_eq!(value(usual.get("aws_access_key_id")).as_deref(), Some("LAST"));
        let quoted = profiles.profile("in quotes").unwrap();
        assert_eq!(value(quoted.get("region")).as_deref(), Some("quoted"));
        let indented = profiles.profile("indented").unwrap();
        let get = |key| value(indented.get(key)).unwrap();
        let settings = ["region", "s3.addressing_style", "output", "ca_bundle"];
        assert_eq!(settings.map(get), ["indented", "virtual", "json", "last"]);
        assert!(profiles.profile("there").is_none());
        assert_eq!(
            value(profiles.section("sso-session", "acme", "sso_region")).as_deref(),
            Some("x")
        );
    }

    #[test]
    fn a_missing_profile_is_an_error() {
        assert!(matches!(profiles(Some("missing")), Err(OpenError::NoProfile { .. })));
        let none = Profiles::read(&Variables::default()).unwrap();
        assert_eq!(none.chosen().get("region"), Ok(None));
    }
}
