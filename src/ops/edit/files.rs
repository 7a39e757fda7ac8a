//! Tarballs and documentation that an edit adds or removes.

use super::error::Error;
use super::working_copy::WorkingCopy;
use crate::checksum::OuterChecksum;
use crate::ops::checked_tarball::CheckedTarball;
use crate::package::{Release, UnixSeconds};
use crate::publish::transaction::Attempt;
use crate::publish::{DesiredFile, FileState};
use crate::repository::{ByteSource, RepositoryPath};
use crate::store::{Content, StoreError};
use crate::tarball::{FileName, Limits};

/// A change to a file that is not signed.
pub(in crate::ops) enum FileChange {
    AddTarball(AddedTarball),
    RemoveTarball(FileName),
    StoreDocs(FileName, ByteSource),
    RemoveDocs(FileName),
}

/// A tarball that is to be in the registry.
pub(in crate::ops) struct AddedTarball {
    pub file: FileName,
    pub source: ByteSource,
    pub checksum: OuterChecksum,
    /// Whether the registry lists this very tarball already.
    pub is_listed: bool,
    /// Whether it may take the place of another tarball.
    pub replaces: bool,
}

/// What is to be done at the path of a file.
pub(super) enum PlannedFile {
    Desired(DesiredFile),
    Removed(RepositoryPath),
    AlreadyGone,
}

impl FileChange {
    /// Compares the change with the file that is at its path.
    pub(super) fn plan(&self, attempt: &Attempt<'_>) -> Result<PlannedFile, Error> {
        let removed = |path: RepositoryPath| match look(attempt, &path)? {
            Some(_) => Ok(PlannedFile::Removed(path)),
            None => Ok(PlannedFile::AlreadyGone),
        };
        match self {
            Self::AddTarball(tarball) => tarball.plan(attempt).map(PlannedFile::Desired),
            Self::StoreDocs(release, source) => {
                let path = RepositoryPath::docs(release);
                let found = look(attempt, &path)?;
                let state = match &found {
                    None => FileState::Missing(source.clone()),
                    Some(_) => FileState::Different(source.clone()),
                };
                Ok(PlannedFile::Desired(DesiredFile {
                    path,
                    state,
                    over: found.and_then(|found| found.stamp),
                }))
            }
            Self::RemoveTarball(release) => removed(RepositoryPath::tarball(release)),
            Self::RemoveDocs(release) => removed(RepositoryPath::docs(release)),
        }
    }
}

/// Looks at a file, if it exists, without reading it whole.
fn look(attempt: &Attempt<'_>, path: &RepositoryPath) -> Result<Option<Content>, StoreError> {
    attempt.store().read(path, 0, &mut Vec::new())
}

impl AddedTarball {
    /// Lists the release of a tarball in the working copy.
    pub fn put(
        copy: &mut WorkingCopy,
        tarball: &CheckedTarball,
        release: Release,
        replaces: bool,
        now: UnixSeconds,
    ) -> Self {
        let (file, checksum) = (tarball.file().clone(), release.outer_checksum);
        let listed = copy.release(&file.package, &file.version);
        let is_listed = listed.is_some_and(|listed| listed.outer_checksum == checksum);
        copy.put(&file.package, release, now);
        let source = tarball.source().modified(now);
        Self { file, source, checksum, is_listed, replaces }
    }

    /// Whether there is a file already is asked only if the store would write over it: that saves a request.
    fn plan(&self, attempt: &Attempt<'_>) -> Result<DesiredFile, Error> {
        let Self { file, source, checksum, is_listed, replaces } = self;
        let path = RepositoryPath::tarball(file);
        let mut bytes = Vec::new();
        let content = if attempt.can_create_unseen() && !replaces && !is_listed {
            None
        } else {
            let limit = if *is_listed { 0 } else { Limits::HEX.tarball };
            attempt.store().read(&path, limit, &mut bytes)?
        };
        let state = match content {
            None => FileState::Missing(source.clone()),
            // Whether the file is the tarball that is listed, `hexreg verify` tells.
            Some(_) if *is_listed => FileState::Unchanged,
            Some(_) if OuterChecksum::of(&bytes) == *checksum => FileState::Unchanged,
            Some(_) if *replaces => FileState::Different(source.clone()),
            Some(_) => {
                return Err(Error::InTheWay { location: attempt.store().locate(&path) });
            }
        };
        let over = content.and_then(|content| content.stamp);
        Ok(DesiredFile { path, state, over })
    }
}

/// Whether another tarball is at the path of a release that is not listed. In a bucket the first attempt does not look:
/// the store does not write over the file.
pub(in crate::ops) fn is_in_the_way(
    attempt: &Attempt<'_>,
    tarball: &CheckedTarball,
) -> Result<bool, Error> {
    if attempt.can_create_unseen() {
        return Ok(false);
    }
    let mut bytes = Vec::new();
    let path = RepositoryPath::tarball(tarball.file());
    let found = attempt.store().read(&path, Limits::HEX.tarball, &mut bytes)?;
    Ok(found.is_some() && OuterChecksum::of(&bytes) != tarball.outer_checksum())
}
