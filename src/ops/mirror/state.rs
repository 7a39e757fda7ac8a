//! What a mirror remembers between runs: the validators of files, and what the indexes said of each package.
//!
//! A run notes each package in a journal as it goes, so that a run that was killed is resumed. At its end it writes
//! `state.json` and removes the journal.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use url::Url;

use super::file_validator::FileValidator;
use crate::name::PackageName;

/// What a mirror remembers. The names of the fields are those in `state.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct MirrorState {
    /// The URL of the upstream that has given the validators.
    pub upstream: String,
    /// The validator of each file that is requested in each run, by its path.
    #[serde(rename = "tags")]
    pub validators: BTreeMap<String, FileValidator>,
    /// The record of each package whose file was fetched.
    #[serde(default)]
    pub packages: BTreeMap<String, PackageRecord>,
    /// Releases without documentation when their package was fetched.
    pub without_docs: BTreeSet<String>,
    /// What documentation links to, of each release whose documentation was looked through.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub docs_links: BTreeMap<String, LinkedDocs>,
}

/// What a mirror remembers of an archive of documentation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LinkedDocs {
    /// In bytes: its size then.
    pub size: u64,
    /// The documentation that it links to: `NAME VERSION`, or `NAME` where no version is named.
    pub links: BTreeSet<String>,
}

/// What a mirror remembers of a package's file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PackageRecord {
    /// The digest of what the indexes said of the package when its file was fetched.
    pub listing: String,
    /// The time of the last request for it, in seconds since 1970.
    pub asked: i64,
    /// The time of a failed request after that, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<i64>,
    #[serde(rename = "tag")]
    pub validator: Option<FileValidator>,
}

/// Begins the line of a journal that names the upstream of the following validators. No package has this name.
const JOURNAL_UPSTREAM: &str = "#";

impl MirrorState {
    /// Reads `state.json` and a journal. Validators of another upstream are left out.
    pub fn parse(state: Option<&[u8]>, journal: &str, upstream: &Url) -> Self {
        let state = state.and_then(|bytes| serde_json::from_slice(bytes).ok());
        let mut state: Self = state.unwrap_or_default();
        if state.upstream != upstream.as_str() {
            state.validators.clear();
            state.packages.values_mut().for_each(|record| record.validator = None);
            state.upstream = upstream.to_string();
        }
        // The last line may be cut short. It is left out: then less is remembered, and nothing wrong.
        let lines = journal.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
        let mut is_this_upstream = false;
        for (name, record) in lines.filter_map(|line| line.split_once(' ')) {
            if name == JOURNAL_UPSTREAM {
                is_this_upstream = record == upstream.as_str();
            } else if let Ok(record) = serde_json::from_str::<PackageRecord>(record) {
                let validator = record.validator.filter(|_| is_this_upstream);
                state.packages.insert(name.to_owned(), PackageRecord { validator, ..record });
            }
        }
        state
    }

    /// The first line that a run writes to the journal. It begins with a line break, as a run that was killed may have
    /// left half a line.
    pub fn journal_header(&self) -> String {
        format!("\n{JOURNAL_UPSTREAM} {}\n", self.upstream)
    }
}

impl PackageRecord {
    /// The line of a journal for a package.
    pub fn journal_line(&self, name: &PackageName) -> serde_json::Result<String> {
        Ok(format!("{name} {}\n", serde_json::to_string(self)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::mirror::file_validator::RequestCondition;

    fn validator(tag: &str, file: &[u8]) -> FileValidator {
        FileValidator::of(RequestCondition::Tag(tag.to_owned()), file)
    }

    fn record(tag: &str) -> PackageRecord {
        let validator = Some(validator(tag, b"file"));
        PackageRecord { listing: "listing".to_owned(), asked: 1, failed: None, validator }
    }

    /// The state after a run of upstream `url`, which was killed after it had recorded `foo`.
    fn resumed(journal_of: &str, url: &str) -> MirrorState {
        let before = MirrorState { upstream: journal_of.to_owned(), ..MirrorState::default() };
        let foo = record("foo").journal_line(&"foo".parse().unwrap()).unwrap();
        let bar = record("bar").journal_line(&"bar".parse().unwrap()).unwrap();
        // The kill has cut the line of `bar` short.
        let journal = format!("{}{foo}{}", before.journal_header(), bar.trim_end());
        MirrorState::parse(None, &journal, &url.parse().unwrap())
    }

    #[test]
    fn a_killed_run_is_resumed_from_its_journal() {
        let state = resumed("https://a.example/", "https://a.example/");
        assert_eq!(state.packages, [("foo".to_owned(), record("foo"))].into());
    }

    #[test]
    fn validators_of_another_upstream_are_left_out() {
        let state = resumed("https://a.example/", "https://b.example/");
        let without_validator = PackageRecord { validator: None, ..record("foo") };
        assert_eq!(state.packages, [("foo".to_owned(), without_validator.clone())].into());
        let stored = MirrorState {
            upstream: "https://a.example/".to_owned(),
            validators: [("names".to_owned(), validator("1", b"names"))].into(),
            packages: [("foo".to_owned(), record("foo"))].into(),
            ..MirrorState::default()
        };
        let stored = serde_json::to_vec(&stored).unwrap();
        let parse = |url: &str| MirrorState::parse(Some(&stored), "", &url.parse().unwrap());
        assert_eq!(parse("https://a.example/").validators.len(), 1);
        assert_eq!(parse("https://b.example/").validators.len(), 0);
        assert_eq!(parse("https://b.example/").packages["foo"], without_validator);
        assert_eq!(
            MirrorState::parse(Some(b"{"), "", &"https://a.example/".parse().unwrap())
                .validators
                .len(),
            0
        );
    }
}
