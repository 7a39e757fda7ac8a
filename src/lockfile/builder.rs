//! What is made of the entries of a lock file, one by one: each is checked, and each application has one.

use std::collections::{HashMap, hash_map};
use std::fmt;

use super::{GitPin, GitUrl, OtherDependency, LockFile, Pinned, EntryError, Repeated, OtherSource, excerpt};
use crate::checksum::{InnerChecksum, OuterChecksum};
use crate::credentials;

/// What an entry says, not yet checked.
pub(super) enum RawEntry<'a> {
    Hex {
        package: &'a str,
        version: &'a str,
        repository: Option<&'a str>,
        inner: Option<&'a str>,
        outer: Option<&'a str>,
    },
    Git {
        url: &'a str,
        revision: &'a str,
    },
    Elsewhere(OtherSource),
}

/// Which of several entries of one application counts.
#[derive(Clone, Copy)]
pub(super) enum Precedence {
    /// As in a list that is searched from its beginning: `rebar.lock`.
    First,
    /// As in a map that is built from its beginning: `mix.lock`, `manifest.toml`.
    Last,
}

/// An entry that was checked.
#[derive(PartialEq, Eq)]
enum CheckedEntry {
    Pinned(Pinned),
    Git(GitPin),
    OtherDependency(OtherDependency),
}

/// What was read so far.
pub(super) struct LockFileBuilder {
    counts: Precedence,
    entries: Vec<CheckedEntry>,
    /// Which of the entries is an application's.
    apps: HashMap<String, usize>,
    repeated: Vec<Repeated>,
}

impl LockFileBuilder {
    pub fn new(counts: Precedence) -> Self {
        Self { counts, entries: Vec::new(), apps: HashMap::new(), repeated: Vec::new() }
    }

    /// Takes the next entry.
    pub fn take(&mut self, app: &str, source: RawEntry<'_>) -> Result<(), EntryError> {
        // Any text can stand where a name is to be, and it is shown in messages.
        let app = credentials::hide_all(app);
        let entry = CheckedEntry::read(&app, source)?;
        match self.apps.entry(app.clone()) {
            hash_map::Entry::Vacant(vacant) => {
                vacant.insert(self.entries.len());
                self.entries.push(entry);
            }
            hash_map::Entry::Occupied(occupied) => {
                let Some(before) = self.entries.get_mut(*occupied.get()) else { return Ok(()) };
                if *before == entry {
                    return Ok(());
                }
                let (first, second) = (before.to_string(), entry.to_string());
                let (taken, ignored) = match self.counts {
                    Precedence::First => (first, second),
                    Precedence::Last => {
                        *before = entry;
                        (second, first)
                    }
                };
                self.repeated.push(Repeated { app, taken, ignored });
            }
        }
        Ok(())
    }

    /// Notes what is given twice beside the entries.
    pub fn note(&mut self, repeated: Repeated) {
        self.repeated.push(repeated);
    }

    pub fn finish(self) -> LockFile {
        let mut file = LockFile { repeated: self.repeated, ..LockFile::default() };
        for entry in self.entries {
            match entry {
                CheckedEntry::Pinned(pinned) => file.pinned.push(pinned),
                CheckedEntry::Git(pin) => file.git.push(pin),
                CheckedEntry::OtherDependency(left_out) => file.left_out.push(left_out),
            }
        }
        file
    }
}

impl CheckedEntry {
    fn read(app: &str, source: RawEntry<'_>) -> Result<Self, EntryError> {
        let app = app.to_owned();
        Ok(match source {
            RawEntry::Hex { package, version, repository, inner, outer } => Self::Pinned(Pinned {
                app,
                package: package.parse().map_err(EntryError::Name)?,
                version: version.parse().map_err(EntryError::Version)?,
                repository: repository.map(str::to_owned),
                inner_checksum: checksum("inner", inner, InnerChecksum::from_hex)?,
                outer_checksum: checksum("outer", outer, OuterChecksum::from_hex)?,
            }),
            RawEntry::Git { url, revision } if is_commit(revision) => {
                Self::Git(GitPin { app, url: GitUrl::new(url), revision: revision.to_owned() })
            }
            RawEntry::Git { revision, .. } => {
                Self::OtherDependency(OtherDependency { app, why: OtherSource::Revision(excerpt(revision)) })
            }
            RawEntry::Elsewhere(why) => Self::OtherDependency(OtherDependency { app, why }),
        })
    }
}

/// By which a person tells entries of one application apart.
impl fmt::Display for CheckedEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pinned(pinned) => {
                let Pinned { package, version, repository, .. } = pinned;
                write!(f, "{package} {version}")?;
                if let Some(repository) = repository {
                    write!(f, " of {repository}")?;
                }
                match (&pinned.outer_checksum, &pinned.inner_checksum) {
                    (Some(outer), _) => write!(f, " ({}…)", outer.excerpt()),
                    (None, Some(inner)) => write!(f, " ({}…)", inner.excerpt()),
                    (None, None) => Ok(()),
                }
            }
            Self::Git(GitPin { url, revision, .. }) => write!(f, "{url} at {revision}"),
            Self::OtherDependency(OtherDependency { why, .. }) => write!(f, "{why}"),
        }
    }
}

fn checksum<T>(
    which: &'static str,
    digits: Option<&str>,
    read: impl Fn(&[u8]) -> Option<T>,
) -> Result<Option<T>, EntryError> {
    let Some(digits) = digits else { return Ok(None) };
    let checksum = read(digits.as_bytes());
    checksum.map(Some).ok_or_else(|| EntryError::Checksum { which, found: excerpt(digits) })
}

/// Whether it is the name of a commit, by SHA-1 or SHA-256, and not of something that moves.
fn is_commit(revision: &str) -> bool {
    matches!(revision.len(), 40 | 64) && revision.bytes().all(|byte| byte.is_ascii_hexdigit())
}
