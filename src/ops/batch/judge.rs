//! Judges one change by the rules of the repository, and makes it in the working copy.

use std::collections::BTreeSet;

use super::change::{Judgement, Outcome, ReleaseChange, RequestedChange};
use super::files::Files;
use super::refusal::Refusal;
use super::rules::{Modification, Rules};
use crate::name::{PackageName, RepositoryName};
use crate::ops::checked_tarball::CheckedTarball;
use crate::ops::edit::{AddedTarball, Error, WorkingCopy, is_in_the_way};
use crate::package::{Release, Remarks, Retirement};
use crate::printable::unsafe_in_line;
use crate::publish::dependencies::DependencyRules;
use crate::publish::transaction::Attempt;
use crate::repository::RepositoryPath;
use crate::tarball::FileName;

/// The lengths that hex.pm allows for the message of a retirement, in characters.
const RETIREMENT_MESSAGE: std::ops::RangeInclusive<usize> = 3..=140;

/// hex.pm's message where `?replace=true` is missing. Clients look for it.
const NO_REPLACE: &str = "must include the --replace flag to update an existing release";

/// What changes are judged by.
pub(super) struct Judge<'a> {
    pub attempt: &'a Attempt<'a>,
    pub repository: &'a RepositoryName,
    pub rules: &'a Rules,
    /// Packages that are published together with a change. A requirement without a repository may be on one of them.
    pub published: &'a BTreeSet<PackageName>,
}

impl Judge<'_> {
    /// Judges a change, and makes it in the working copy unless it is refused.
    pub fn judge(
        &self,
        requested: &RequestedChange,
        copy: &mut WorkingCopy,
        files: &mut Files,
    ) -> Result<Judgement, Error> {
        let release = requested.change.release();
        if let ReleaseChange::Publish(tarball) = &requested.change {
            return self.publish(requested, tarball, copy, files);
        }
        let FileName { package, version } = release;
        let Some(listed) = copy.release(package, version).cloned() else {
            if self.may_finish_revert(requested, copy, files)? {
                copy.remove(package, version);
                files.remove_release(release);
                return Ok(Ok(Outcome::Reverted));
            }
            return Ok(Err(Refusal::NoSuchRelease(release.clone())));
        };
        Ok(match &requested.change {
            ReleaseChange::Publish(_) | ReleaseChange::Revert(_) => {
                let check = self.rules.check_age(&listed, requested.is_admin, Modification::Revert);
                check.map_err(|message| Refusal::field("inserted_at", message)).map(|()| {
                    copy.remove(package, version);
                    files.remove_release(release);
                    Outcome::Reverted
                })
            }
            ReleaseChange::Retire(_, retirement) => check_message(retirement).map(|()| {
                copy.retire(package, version, Some(retirement));
                Outcome::Retired
            }),
            ReleaseChange::Unretire(_) => {
                copy.retire(package, version, None);
                Ok(Outcome::Unretired)
            }
            ReleaseChange::StoreDocs(_, docs) => {
                files.store_docs(release, docs.clone());
                Ok(Outcome::StoredDocs)
            }
            ReleaseChange::RemoveDocs(_) => {
                let has_docs = match files.has_docs(release) {
                    Some(has_docs) => has_docs,
                    None => self.exists(&RepositoryPath::docs(release))?,
                };
                if has_docs {
                    files.remove_docs(release);
                    Ok(Outcome::RemovedDocs)
                } else {
                    Err(Refusal::NoDocs(release.clone()))
                }
            }
        })
    }

    /// Whether a revert may remove what is left of a release that its package does not have: an entry of `versions`, a
    /// tarball, or documentation. An interrupted revert leaves them. But a person may have put the tarball there to
    /// build it, and the package may have lost the release. So it is judged as a release of unknown age.
    fn may_finish_revert(
        &self,
        requested: &RequestedChange,
        copy: &WorkingCopy,
        files: &Files,
    ) -> Result<bool, Error> {
        let ReleaseChange::Revert(release) = &requested.change else { return Ok(false) };
        if !self.rules.allow_any_age(requested.is_admin) || files.removes(release) {
            return Ok(false);
        }
        let is_listed = copy.is_in_versions(&release.package, &release.version);
        Ok(is_listed
            || self.exists(&RepositoryPath::tarball(release))?
            || self.exists(&RepositoryPath::docs(release))?)
    }

    fn publish(
        &self,
        requested: &RequestedChange,
        tarball: &CheckedTarball,
        copy: &mut WorkingCopy,
        files: &mut Files,
    ) -> Result<Judgement, Error> {
        let FileName { package, version } = tarball.file();
        if !copy.has_package(package) {
            if let Err(refusal) = check_new_name(package) {
                return Ok(Err(refusal));
            }
        }
        let listed = copy.release(package, version).cloned();
        let is_same =
            listed.as_ref().is_some_and(|one| one.outer_checksum == tarball.outer_checksum());
        // A writer that was interrupted leaves a release that an index does not name, or one without its tarball.
        // A client that publishes it again may finish that. In a bucket the other writer may as well be about to finish: then both are told
        // that they created the release, which is the same for both.
        let path = RepositoryPath::tarball(tarball.file());
        let is_unfinished = is_same
            && !files.adds(tarball.file())
            && !(copy.is_published(package, version) && self.exists(&path)?);
        let former = listed.as_ref().filter(|_| !is_unfinished);
        if let Some(former) = former {
            if let Err(message) = self.check_replacement(requested, former) {
                return Ok(Err(Refusal::field("inserted_at", message)));
            }
        } else if !is_same && !requested.replace && is_in_the_way(self.attempt, tarball)? {
            return self.refuse_in_the_way(tarball.file());
        }
        let release = match listed.as_ref().filter(|_| is_same) {
            Some(listed) => listed.clone(),
            None => match self.release(tarball, listed.as_ref(), copy) {
                Ok(release) => release,
                Err(refusal) => return Ok(Err(refusal)),
            },
        };
        let is_new = former.is_none();
        let replaces = requested.replace || !is_new;
        files.add(AddedTarball::put(copy, tarball, release.clone(), replaces, self.rules.now));
        let release = copy.release(package, version).cloned().unwrap_or(release);
        Ok(Ok(if is_new { Outcome::Created(release) } else { Outcome::Replaced(release) }))
    }

    /// Fails if a published release may not be replaced.
    fn check_replacement(
        &self,
        requested: &RequestedChange,
        former: &Release,
    ) -> Result<(), String> {
        if !requested.replace {
            return Err(NO_REPLACE.to_owned());
        }
        self.rules.check_age(former, requested.is_admin, Modification::Replace)
    }

    /// The release of a tarball. It keeps the time at which its version was published first, so that
    /// a replacement does not begin the window anew. A revert does: the version may be published again, as on hex.pm.
    fn release(
        &self,
        tarball: &CheckedTarball,
        former: Option<&Release>,
        copy: &WorkingCopy,
    ) -> Result<Release, Refusal> {
        let rules = DependencyRules {
            repository: self.repository,
            has_package: &|name| copy.has_package(name) || self.published.contains(name),
            allow_public: &self.rules.allow_public,
        };
        let mut release = tarball.release(&rules);
        rules.check(&release.dependencies).map_err(|faults| Refusal::requirements(&faults))?;
        let first = former.and_then(|former| former.remarks.published_at.clone());
        let published_at = Some(first.unwrap_or_else(|| self.rules.now.into()));
        release.remarks = Remarks { published_at, ..Remarks::default() };
        Ok(release)
    }

    /// A file that no release names is at the path of the tarball. Another writer may be about to name it, so it is
    /// waited for; or that writer was interrupted, or a person put the file there to build it.
    fn refuse_in_the_way(&self, release: &FileName) -> Result<Judgement, Error> {
        let path = RepositoryPath::tarball(release);
        if let Some(conflict) = self.attempt.conflict_at(&path).filter(|_| self.attempt.is_young())
        {
            return Err(Error::Read(conflict));
        }
        Ok(Err(Refusal::field(
            "tar",
            format!(
                "another file is at {path} already, and no release names it: it was left by an interrupted upload, or \
                 waits for a build; give the --replace flag to replace it"
            ),
        )))
    }

    /// Completes what is left to do of a change once the file of its package was written: the indexes, and files that
    /// are not signed. If another writer has changed the release since, nothing is.
    pub fn finish(
        &self,
        requested: &RequestedChange,
        copy: &mut WorkingCopy,
        files: &mut Files,
    ) -> Result<(), Error> {
        let release = requested.change.release();
        let FileName { package, version } = release;
        let listed = copy.release(package, version).cloned();
        match (&requested.change, listed) {
            (ReleaseChange::Publish(tarball), Some(listed))
                if listed.outer_checksum == tarball.outer_checksum() =>
            {
                let (replace, now) = (requested.replace, self.rules.now);
                files.add(AddedTarball::put(copy, tarball, listed, replace, now));
            }
            (ReleaseChange::Revert(_), listed) => {
                // A push that saw the tarball before it was removed has named the release again, and does not look for
                // the tarball any more. A writer that adds the release does.
                let tarball = RepositoryPath::tarball(release);
                if listed.is_none() || !self.exists(&tarball)? {
                    copy.remove(package, version);
                    files.remove_release(release);
                }
            }
            (ReleaseChange::Retire(..) | ReleaseChange::Unretire(_), Some(_)) => {
                copy.mark(package, version);
            }
            _ => {}
        }
        Ok(())
    }

    fn exists(&self, path: &RepositoryPath) -> Result<bool, Error> {
        Ok(self.attempt.store().read(path, 0, &mut Vec::new())?.is_some())
    }
}

/// Fails if a new package must not have a name. Older ones of hex.pm have capitals.
pub(super) fn check_new_name(name: &PackageName) -> Result<(), Refusal> {
    let text = name.as_str();
    if text.len() < 2 {
        return Err(Refusal::field("name", "should be at least 2 character(s)"));
    }
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(Refusal::field(
            "name",
            "has invalid format: a lowercase letter, then lowercase letters, digits or _",
        ));
    }
    Ok(())
}

fn check_message(retirement: &Retirement) -> Result<(), Refusal> {
    let Some(message) = &retirement.message else { return Ok(()) };
    // Clients print it on a terminal.
    if unsafe_in_line(message).is_some() {
        return Err(Refusal::field(
            "message",
            "should be one line, without control characters and ones that readers do not see",
        ));
    }
    let length = message.chars().count();
    if RETIREMENT_MESSAGE.contains(&length) {
        return Ok(());
    }
    let (least, most) = (RETIREMENT_MESSAGE.start(), RETIREMENT_MESSAGE.end());
    Err(Refusal::field(
        "message",
        format!("should have {least} to {most} characters, and has {length}"),
    ))
}
