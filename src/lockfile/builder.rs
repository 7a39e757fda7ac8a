//! Makes a lock file of its entries: checks each, and keeps one for each application.

use std::collections::{HashMap, hash_map};
use std::fmt;

use super::error::EntryError;
use super::git_url::{GitUrl, is_commit};
use super::pins::{GitPin, LockFile, OtherDependency, OtherSource, Pinned, Repeated};
use super::text::excerpt;
use crate::checksum::{InnerChecksum, OuterChecksum};
use crate::credentials;

/// An entry that is not checked yet.
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
    Other(OtherSource),
}

/// Which entry of an application counts if there are several.
#[derive(Clone, Copy)]
pub(super) enum Precedence {
    /// rebar3 searches a list from its beginning.
    First,
    /// mix and Gleam insert into a map from its beginning.
    Last,
}

/// An entry that is checked.
#[derive(PartialEq, Eq)]
enum CheckedEntry {
    Pinned(Pinned),
    Git(GitPin),
    Other(OtherDependency),
}

/// Collects the entries of a lock file.
pub(super) struct LockFileBuilder {
    precedence: Precedence,
    entries: Vec<CheckedEntry>,
    /// The index of each application's entry.
    apps: HashMap<String, usize>,
    repeated: Vec<Repeated>,
    lines: HashMap<String, usize>,
}

impl LockFileBuilder {
    pub fn new(precedence: Precedence) -> Self {
        let (entries, apps, lines) = (Vec::new(), HashMap::new(), HashMap::new());
        Self { precedence, entries, apps, repeated: Vec::new(), lines }
    }

    /// Adds the next entry, which begins in this line.
    pub fn add(
        &mut self,
        app: &str,
        line: Option<usize>,
        entry: RawEntry<'_>,
    ) -> Result<(), EntryError> {
        // The name may be any text, and messages show it.
        let app = credentials::hide_all(app);
        let entry = CheckedEntry::check(&app, entry)?;
        if let Some(line) = line {
            match self.precedence {
                Precedence::First => self.lines.entry(app.clone()).or_insert(line),
                Precedence::Last => self.lines.entry(app.clone()).insert_entry(line).into_mut(),
            };
        }
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
                let (taken, ignored) = match self.precedence {
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

    /// Adds an application that has two checksums.
    pub fn add_repeated(&mut self, repeated: Repeated) {
        self.repeated.push(repeated);
    }

    pub fn finish(self) -> LockFile {
        let mut file =
            LockFile { repeated: self.repeated, lines: self.lines, ..LockFile::default() };
        for entry in self.entries {
            match entry {
                CheckedEntry::Pinned(pinned) => file.pinned.push(pinned),
                CheckedEntry::Git(pin) => file.git.push(pin),
                CheckedEntry::Other(other) => file.others.push(other),
            }
        }
        file
    }
}

impl CheckedEntry {
    fn check(app: &str, entry: RawEntry<'_>) -> Result<Self, EntryError> {
        let app = app.to_owned();
        Ok(match entry {
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
                let source = OtherSource::Revision(excerpt(revision));
                Self::Other(OtherDependency { app, source })
            }
            RawEntry::Other(source) => Self::Other(OtherDependency { app, source }),
        })
    }
}

/// For a message that distinguishes two entries of an application.
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
            Self::Other(OtherDependency { source, .. }) => write!(f, "{source}"),
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
