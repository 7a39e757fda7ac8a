//! Makes sure that what was done is still so, where nobody can be kept away.
//!
//! Each file was written only over what was looked at, but not all of them at one time: somebody else may have made
//! up their mind before about one, and written it after. And object storage removes tarballs without conditions.

use std::collections::BTreeSet;

use rayon::prelude::*;

use super::error::Error;
use super::standing::{self, Standing};
use super::{Edit, Options, Tarball, path};
use crate::name::PackageName;
use crate::publish::Plan;
use crate::registry::Resource;
use crate::repository::{Folder, RepositoryPath};
use crate::store::{Operation, Store, StoreError};

/// What an attempt has done.
pub(super) struct Done<'a> {
    pub store: &'a dyn Store,
    pub options: &'a Options,
    pub packages: &'a BTreeSet<PackageName>,
    pub edit: &'a Edit<'a>,
    pub attempt: usize,
    pub plan: &'a Plan,
    pub tarballs: &'a [Tarball],
}

impl Done<'_> {
    /// Looks at as much of it once more as others may have changed.
    pub fn confirm(&self) -> Result<(), Error> {
        if !self.store.is_conditional() || self.plan.changes.is_empty() {
            return Ok(());
        }
        // Whoever changes one of these files after it was written here has met this addition, and whoever removes
        // any of it looks at all of it.
        let versions = RepositoryPath::resource(&Resource::Versions);
        let mut files = self.packages.iter().map(RepositoryPath::package).chain([versions]);
        if self.attempt > 0 || !self.adds() || !files.all(|path| self.wrote(&path)) {
            self.all()?;
        } else if !self.wrote(&RepositoryPath::resource(&Resource::Names)) {
            self.names()?;
        }
        self.tarballs()
    }

    /// Whether something comes and nothing goes.
    fn adds(&self) -> bool {
        let mut tarballs = self.tarballs.iter();
        !self.tarballs.is_empty() && tarballs.all(|one| matches!(one, Tarball::Stands { .. }))
    }

    fn wrote(&self, path: &RepositoryPath) -> bool {
        self.plan.changes.iter().any(|change| change.path == *path)
    }

    /// To do it again would change nothing.
    fn all(&self) -> Result<(), Error> {
        let standing = Standing::read(self.store, self.options, self.packages, self.attempt)?;
        let standing = standing.draft();
        let mut again = standing.clone();
        if (self.edit)(&mut again).is_ok() && again == standing {
            return Ok(());
        }
        Err(lost(self.store, &Folder::Packages.path()))
    }

    /// `names` still names these packages, where it did already and so was not written: somebody may have taken
    /// one away that had no other release.
    fn names(&self) -> Result<(), Error> {
        let index = standing::read_names(self.store, self.options)?;
        let names: BTreeSet<_> =
            index.says.iter().flat_map(|says| &says.packages).map(|(name, _)| name).collect();
        let is_named = self.packages.iter().all(|name| names.contains(name));
        if is_named { Ok(()) } else { Err(lost(self.store, &index.path)) }
    }

    /// The tarballs that came are still there. Where one is back that was removed, somebody adds it.
    fn tarballs(&self) -> Result<(), Error> {
        let store = self.store;
        self.tarballs.par_iter().try_for_each(|tarball| {
            let Tarball::Stands { file, .. } = tarball else { return Ok(()) };
            let path = path(file);
            let is_there = store.read(&path, 0, &mut Vec::new())?.is_some();
            if is_there { Ok(()) } else { Err(lost(store, &path)) }
        })
    }
}

fn lost(store: &dyn Store, path: &RepositoryPath) -> Error {
    Error::Write(StoreError::conflict(Operation::Confirm, store.locate(path)))
}
