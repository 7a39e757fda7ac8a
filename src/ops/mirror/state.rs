//! What a mirror remembers between runs: the entity tags of files, and what the indexes said of each package.
//!
//! A run notes each package in a journal as it goes, so that a run that was killed is resumed. At its end it writes
//! `state.json` and removes the journal.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use url::Url;

use super::entity_tag::EntityTag;
use crate::name::PackageName;

/// What a mirror remembers. The names of the fields are those in `state.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct MirrorState {
    /// The URL of the upstream that has given the tags.
    pub upstream: String,
    /// The tag of each file that is requested in each run, by its path.
    pub tags: BTreeMap<String, EntityTag>,
    /// The record of each package whose file was fetched.
    #[serde(default)]
    pub packages: BTreeMap<String, PackageRecord>,
    /// Releases without documentation when their package was fetched.
    pub without_docs: BTreeSet<String>,
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
    pub tag: Option<EntityTag>,
}

/// Begins the line of a journal that names the upstream of the following tags. No package has this name.
const JOURNAL_UPSTREAM: &str = "#";

impl MirrorState {
    /// Reads `state.json` and a journal. Tags of another upstream are left out.
    pub fn parse(state: Option<&[u8]>, journal: &str, upstream: &Url) -> Self {
        let state = state.and_then(|bytes| serde_json::from_slice(bytes).ok());
        let mut state: Self = state.unwrap_or_default();
        if state.upstream != upstream.as_str() {
            state.tags.clear();
            state.packages.values_mut().for_each(|record| record.tag = None);
            state.upstream = upstream.to_string();
        }
        // The last line may be cut short. It is left out: then less is remembered, and nothing wrong.
        let lines = journal.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
        let mut is_this_upstream = false;
        for (name, record) in lines.filter_map(|line| line.split_once(' ')) {
            if name == JOURNAL_UPSTREAM {
                is_this_upstream = record == upstream.as_str();
            } else if let Ok(record) = serde_json::from_str::<PackageRecord>(record) {
                let tag = record.tag.filter(|_| is_this_upstream);
                state.packages.insert(name.to_owned(), PackageRecord { tag, ..record });
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
