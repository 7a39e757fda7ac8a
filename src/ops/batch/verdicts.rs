//! The verdicts on changes, over all attempts of their transaction.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::change::{ChangeError, Judgement, ReleaseChange, RequestedChange, Verdict};
use super::files::Files;
use super::judge::Judge;
use super::rules::Rules;
use crate::name::{PackageName, RepositoryName};
use crate::ops::edit::{Error, FileChange, WorkingCopy};
use crate::publish::transaction::Attempt;
use crate::registry::Resource;
use crate::repository::RepositoryPath;

/// The verdicts on the changes of a group, or of a part of it.
///
/// When the transaction is attempted again, a change is judged again, on what is published then, until the file that it
/// changes was written: that of the package, or the documentation. From then on its verdict is final. The file was
/// written only if it still was the one on which the change was judged, so whatever another writer does to the release
/// later comes after it. Else a release that an earlier attempt wrote would be refused as one that exists already.
pub(super) struct Verdicts<'a> {
    repository: &'a RepositoryName,
    rules: &'a Rules,
    /// The packages that the group publishes.
    published: &'a BTreeSet<PackageName>,
    changes: RefCell<Vec<PendingChange<'a>>>,
}

/// A change, and how it was judged so far.
pub(super) struct PendingChange<'a> {
    requested: &'a RequestedChange,
    /// The verdict of the last attempt.
    last: Option<Judgement>,
    /// Whether the verdict is final.
    is_final: bool,
    /// Whether clients may see a part of the change, though its verdict is not final.
    may_be_seen: bool,
}

impl<'a> PendingChange<'a> {
    /// A change that was not judged yet.
    pub fn new(requested: &'a RequestedChange) -> Self {
        Self { requested, last: None, is_final: false, may_be_seen: false }
    }

    pub fn package(&self) -> &'a PackageName {
        &self.requested.change.release().package
    }

    /// The verdict on a change that is not tried again after an error.
    pub fn failed(self, error: &Arc<Error>) -> ChangeError {
        match self.last {
            Some(Err(refusal)) if self.is_final => ChangeError::Refused(refusal),
            _ if self.is_final || self.may_be_seen => ChangeError::Unknown(Arc::clone(error)),
            _ => ChangeError::Failed(Arc::clone(error)),
        }
    }
}

impl<'a> Verdicts<'a> {
    /// Before the first attempt.
    pub fn new(
        repository: &'a RepositoryName,
        rules: &'a Rules,
        published: &'a BTreeSet<PackageName>,
        changes: Vec<PendingChange<'a>>,
    ) -> Self {
        Self { repository, rules, published, changes: RefCell::new(changes) }
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
            published: self.published,
        };
        let mut files = Files::default();
        for PendingChange { requested, last, is_final, .. } in self.changes.borrow_mut().iter_mut()
        {
            *is_final |= last.is_some() && attempt.has_changed(&changed_file(&requested.change));
            match last {
                Some(verdict) if *is_final => {
                    if verdict.is_ok() {
                        judge.finish(requested, copy, &mut files)?;
                    }
                }
                last => *last = Some(judge.judge(requested, copy, &mut files)?),
            }
        }
        Ok(files.into_changes())
    }

    /// The verdicts of the last attempt, in order.
    pub fn into_verdicts(self) -> impl Iterator<Item = Verdict> {
        let last = self.changes.into_inner().into_iter().filter_map(|one| one.last);
        last.map(|verdict| verdict.map_err(ChangeError::Refused))
    }

    /// The changes of a transaction that has failed after it had `written` these files, and no others if that
    /// `is_certain`. Those that have not taken effect are to be judged anew.
    pub fn into_pending(
        self,
        written: &HashSet<RepositoryPath>,
        is_certain: bool,
    ) -> Vec<PendingChange<'a>> {
        let mut changes = self.changes.into_inner();
        for one in &mut changes {
            let change = &one.requested.change;
            one.is_final |= one.last.is_some() && written.contains(&changed_file(change));
            // The indexes do not name a release any more when it is taken out of its package.
            let is_unlisted = matches!(change, ReleaseChange::Revert(_))
                && written.contains(&RepositoryPath::resource(&Resource::Versions));
            let is_made = matches!(one.last, Some(Ok(_)));
            one.may_be_seen |= is_made && (is_unlisted || !is_certain);
            if !one.is_final {
                one.last = None;
            }
        }
        changes
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
