//! The verdicts on the changes of a group, over all attempts of its transaction.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use super::change::{ReleaseChange, RequestedChange, Verdict};
use super::files::Files;
use super::judge::{Judge, check_new_name};
use super::rules::Rules;
use crate::name::{PackageName, RepositoryName};
use crate::ops::edit::{Error, FileChange, WorkingCopy};
use crate::publish::transaction::Attempt;
use crate::repository::RepositoryPath;

/// The verdicts on the changes of a group.
///
/// When the transaction is attempted again, a change is judged again, on what is published then, until the file that it
/// changes was written: that of the package, or the documentation. From then on its verdict is final. The file was
/// written only if it still was the one on which the change was judged, so whatever another writer does to the release
/// later comes after it. Else a release that an earlier attempt wrote would be refused as one that exists already.
pub(super) struct Verdicts<'a> {
    repository: &'a RepositoryName,
    rules: &'a Rules,
    group: &'a [&'a RequestedChange],
    /// The packages that the group publishes.
    published: BTreeSet<PackageName>,
    /// The verdict of the last attempt on each change.
    last: RefCell<Vec<Option<Verdict>>>,
    /// Whether an attempt has written the file by which a change takes effect.
    has_written: Cell<bool>,
}

impl<'a> Verdicts<'a> {
    /// Before the first attempt.
    pub fn new(
        repository: &'a RepositoryName,
        rules: &'a Rules,
        group: &'a [&'a RequestedChange],
    ) -> Self {
        let published = group.iter().filter_map(|requested| match &requested.change {
            ReleaseChange::Publish(tarball) => Some(tarball.file().package.clone()),
            _ => None,
        });
        let published = published.filter(|name| check_new_name(name).is_ok()).collect();
        let last = RefCell::new(vec![None; group.len()]);
        Self { repository, rules, group, published, last, has_written: Cell::new(false) }
    }

    /// Judges the changes in order, and makes those that are not refused in the working copy. Returns what they change
    /// besides signed files.
    pub fn judge(
        &self,
        attempt: &Attempt<'_>,
        copy: &mut WorkingCopy,
    ) -> Result<Vec<FileChange>, Error> {
        let judge = Judge {
            attempt,
            repository: self.repository,
            rules: self.rules,
            published: &self.published,
        };
        let mut files = Files::default();
        for (requested, verdict) in self.group.iter().zip(self.last.borrow_mut().iter_mut()) {
            match verdict {
                Some(verdict) if attempt.has_changed(&changed_file(&requested.change)) => {
                    self.has_written.set(true);
                    if verdict.is_ok() {
                        judge.finish(requested, copy, &mut files)?;
                    }
                }
                verdict => *verdict = Some(judge.judge(requested, copy, &mut files)?),
            }
        }
        Ok(files.into_changes())
    }

    /// Whether some change of the group has taken effect.
    pub fn has_written(&self) -> bool {
        self.has_written.get()
    }

    /// The verdicts of the last attempt, in order.
    pub fn into_verdicts(self) -> impl Iterator<Item = Verdict> {
        self.last.into_inner().into_iter().flatten()
    }
}

/// The file by which a change takes effect.
fn changed_file(change: &ReleaseChange) -> RepositoryPath {
    match change {
        ReleaseChange::StoreDocs(release, _) | ReleaseChange::RemoveDocs(release) => {
            RepositoryPath::docs(release)
        }
        change => RepositoryPath::package(&change.release().package),
    }
}
