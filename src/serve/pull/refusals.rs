//! The files of an upstream that are refused: which lines the log gets of them, and whether there are others.
//!
//! A login page of a network may take the place of every file. So of failures of one kind, the log gets a line for the first
//! file, and once a minute one for all others.

use std::collections::{BTreeSet, HashMap};
use std::mem::{Discriminant, discriminant};

use crate::ops::mirror::pull::PullError;
use crate::ops::mirror::{FileError, RequestError};
use crate::package::UnixSeconds;
use crate::repository::RepositoryPath;
use crate::serve::error_chain::chain;

/// The files of an upstream that are refused.
#[derive(Default)]
pub(super) struct Refusals {
    files: HashMap<RepositoryPath, RefusedFile>,
    /// For each kind of failure that the log has named a file of in this minute: the files that it has not named.
    unnamed: HashMap<FailureKind, UnnamedFiles>,
    /// Files that were refused since upstream last sent one that was not.
    in_a_row: BTreeSet<RepositoryPath>,
    since: Option<UnixSeconds>,
}

/// Failures of one kind have the same cause, as a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum FailureKind {
    Request(Discriminant<RequestError>),
    File(Discriminant<FileError>),
    /// The store cannot be read, or no thread can run.
    Here,
}

/// Files that the log has not named.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct UnnamedFiles {
    pub count: usize,
    /// The first of them.
    pub examples: Vec<RepositoryPath>,
}

struct RefusedFile {
    error: String,
    /// What readers of the page may know of it: no URL of upstream, and no place on this server.
    shown: String,
    is_named: bool,
}

/// How many refused files are remembered. The log tells again of others.
const FILES: usize = 10_000;

/// How many files a line of the log names.
const EXAMPLES: usize = 5;

/// How many different files have to be refused in a row before it is upstream that is wrong, and not a file.
const ALL: usize = 3;

impl FailureKind {
    pub fn of(error: &PullError) -> Self {
        match error {
            PullError::Upstream(FileError::Request(error)) => Self::Request(discriminant(error)),
            PullError::Upstream(error) => Self::File(discriminant(error)),
            _ => Self::Here,
        }
    }
}

impl Refusals {
    /// Adds a refused file. Returns whether the log is to name it.
    pub fn add(&mut self, path: &RepositoryPath, error: &PullError, now: UnixSeconds) -> bool {
        if self.in_a_row.len() < ALL {
            self.in_a_row.insert(path.clone());
        }
        self.since.get_or_insert(now);
        let text = chain(error);
        if self.files.get(path).is_some_and(|file| file.error == text) {
            return false;
        }
        let is_named = match self.unnamed.get_mut(&FailureKind::of(error)) {
            Some(unnamed) => {
                unnamed.count = unnamed.count.saturating_add(1);
                if unnamed.examples.len() < EXAMPLES {
                    unnamed.examples.push(path.clone());
                }
                false
            }
            None => true,
        };
        if self.files.len() >= FILES {
            self.files.clear();
        }
        let shown = match error {
            PullError::Upstream(FileError::Request(_)) => "upstream did not send it".to_owned(),
            PullError::Upstream(_) => text.clone(),
            _ => "the file that is here cannot be read".to_owned(),
        };
        self.files.insert(path.clone(), RefusedFile { error: text, shown, is_named });
        is_named
    }

    /// Begins a minute in which no other file with this kind of failure is named. Returns the files of the minute before;
    /// `None` ends it, as there were none.
    pub fn next_minute(&mut self, kind: FailureKind) -> Option<UnnamedFiles> {
        match self.unnamed.remove(&kind) {
            Some(unnamed) if unnamed.count == 0 => None,
            former => {
                self.unnamed.insert(kind, UnnamedFiles::default());
                Some(former.unwrap_or_default())
            }
        }
    }

    /// Upstream has sent a file that is not refused, or has none at this path. Returns whether the log has named the path
    /// as one that is.
    pub fn take(&mut self, path: &RepositoryPath) -> bool {
        self.in_a_row.clear();
        self.since = None;
        self.files.remove(path).is_some_and(|file| file.is_named)
    }

    /// Since when all that upstream has sent was refused.
    pub fn all_since(&self) -> Option<UnixSeconds> {
        self.since.filter(|_| self.in_a_row.len() >= ALL)
    }

    /// The first refused file, for readers.
    pub fn shown(&self) -> Option<String> {
        let (path, file) = self.files.iter().min_by_key(|(path, _)| path.as_str())?;
        let others = match self.files.len().saturating_sub(1) {
            0 => String::new(),
            number => format!("; and {number} more"),
        };
        Some(format!("{path}: {}{others}", file.shown))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository::Folder;

    fn path(number: usize) -> RepositoryPath {
        Folder::Packages.file(&format!("p{number:03}"))
    }

    fn page() -> PullError {
        let url = "http://inside.example/".to_owned();
        FileError::Request(RequestError::Page { url, at: None }).into()
    }

    #[test]
    fn files_with_one_kind_of_failure_get_one_line_a_minute() {
        let mut refusals = Refusals::default();
        let kind = FailureKind::of(&page());
        let now = UnixSeconds(1);
        assert!(refusals.add(&path(0), &page(), now));
        assert_eq!(refusals.next_minute(kind), Some(UnnamedFiles::default()), "it begins");
        for _ in 0..2 {
            for number in 0..300 {
                assert!(!refusals.add(&path(number), &page(), now), "{number}");
            }
        }
        // Another failure is another line.
        let damaged = || PullError::from(FileError::Missing);
        assert!(refusals.add(&path(300), &damaged(), now));
        let unnamed = refusals.next_minute(kind).unwrap();
        assert_eq!(unnamed, UnnamedFiles { count: 299, examples: (1..=5).map(path).collect() });
        assert!(!refusals.add(&path(301), &page(), now));
        assert_eq!(refusals.next_minute(kind).unwrap().count, 1);
        assert_eq!(refusals.next_minute(kind), None);
        assert!(refusals.add(&path(302), &page(), now));
        assert!(refusals.take(&path(0)) && !refusals.take(&path(1)));
    }

    #[test]
    fn readers_do_not_see_where_upstream_is() {
        let mut refusals = Refusals::default();
        refusals.add(&path(0), &page(), UnixSeconds(1));
        assert_eq!(refusals.shown().unwrap(), "packages/p000: upstream did not send it");
    }

    #[test]
    fn some_files_in_a_row_are_all() {
        let mut refusals = Refusals::default();
        for second in 0..9 {
            refusals.add(&path(0), &page(), UnixSeconds(second));
        }
        assert_eq!(refusals.all_since(), None, "one file");
        refusals.add(&path(1), &page(), UnixSeconds(9));
        refusals.take(&path(2));
        refusals.add(&path(1), &page(), UnixSeconds(10));
        refusals.add(&path(3), &page(), UnixSeconds(11));
        assert_eq!(refusals.all_since(), None);
        refusals.add(&path(4), &page(), UnixSeconds(12));
        assert_eq!(refusals.all_since(), Some(UnixSeconds(10)));
    }
}
