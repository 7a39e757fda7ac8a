//! Tarballs that an edit adds or removes.

use super::error::Error;
use crate::checksum::OuterChecksum;
use crate::publish::transaction::Attempt;
use crate::publish::{DesiredFile, FileState};
use crate::repository::{ByteSource, RepositoryPath};
use crate::tarball::{FileName, Limits};

/// A change to a tarball.
pub(in crate::ops) enum TarballChange {
    Add(AddedTarball),
    Remove(FileName),
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

/// What is to be done at the path of a tarball.
pub(super) enum PlannedTarball {
    Desired(DesiredFile),
    Removed(RepositoryPath),
    AlreadyGone,
}

impl TarballChange {
    /// Compares the change with the file that is at its path.
    pub(super) fn plan(&self, attempt: &Attempt<'_>) -> Result<PlannedTarball, Error> {
        match self {
            Self::Add(tarball) => tarball.plan(attempt).map(PlannedTarball::Desired),
            Self::Remove(file) => {
                let path = RepositoryPath::tarball(file);
                let exists = attempt.store().read(&path, 0, &mut Vec::new())?.is_some();
                Ok(if exists { PlannedTarball::Removed(path) } else { PlannedTarball::AlreadyGone })
            }
        }
    }
}

impl AddedTarball {
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
