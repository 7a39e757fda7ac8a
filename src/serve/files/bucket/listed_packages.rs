//! The packages that the index lists.
//!
//! A package that is not listed does not exist: the index is written after its packages. So names that a client makes up
//! take no request to storage.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::cached_object::CachedObject;
use crate::published::{TrustedKeys, UncheckedDocument};
use crate::registry::{Names, Resource};
use crate::repository::{Folder, RepositoryPath};
use crate::store::Stamp;

/// The packages of the index that was read last.
#[derive(Default)]
pub(crate) struct ListedPackages(Mutex<Option<ReadIndex>>);

/// The packages of an index; `None` if it cannot be read, and so says nothing.
pub(crate) type PackageNames = Option<HashSet<Box<str>>>;

struct ReadIndex {
    stamp: Stamp,
    packages: Arc<PackageNames>,
}

/// The path of the index.
pub(crate) fn index() -> RepositoryPath {
    RepositoryPath::resource(&Resource::Names)
}

/// The name of the package at a path, as the index would list it; `None` for another file.
pub(crate) fn package_at(path: &RepositoryPath) -> Option<&str> {
    (path.folder() == Folder::Packages).then(|| path.file_name())
}

impl ListedPackages {
    /// The packages of the index with this stamp, if it was read before.
    pub fn of(&self, stamp: Stamp) -> Option<Arc<PackageNames>> {
        let read = self.lock();
        let read = read.as_ref().filter(|read| read.stamp == stamp)?;
        Some(Arc::clone(&read.packages))
    }

    /// Reads an index. Who signed it does not matter here: a client believes none of what is missing. May block.
    pub fn read(&self, index: &Arc<CachedObject>) -> Arc<PackageNames> {
        let packages = Arc::new(packages(index));
        *self.lock() = Some(ReadIndex { stamp: index.stamp, packages: Arc::clone(&packages) });
        packages
    }

    fn lock(&self) -> MutexGuard<'_, Option<ReadIndex>> {
        // It is replaced in one step, so it is valid after a panic too.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn packages(index: &Arc<CachedObject>) -> PackageNames {
    let bytes = index.open().ok()?.read(Resource::Names.max_size()).ok()?;
    let names = UncheckedDocument::<Names>::new(&bytes, &()).ok()?;
    let names = names.check(&TrustedKeys::Any, None).ok()?;
    Some(names.packages.into_iter().map(|(name, _)| name.as_str().into()).collect())
}
