//! Remarks on a tarball in the directory where it lies: a mirror, or a registry.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::base::Base;
use super::files::UpstreamFiles;
use crate::key::PublicKey;
use crate::name::PackageName;
use crate::package::merge::merge;
use crate::package::{Release, Remarks};
use crate::publish::observer::{Observer, Warning};
use crate::published::{Published, Reader, TrustedKeys};
use crate::registry::Releases;
use crate::repository::Folder;
use crate::store::{DirStore, Store, StoreError};

/// A package as the files beside its tarballs have it.
pub(in crate::ops) struct Beside {
    registry: Option<Releases>,
    /// Whether the registry was signed with another key than the one that signs now: it is upstream's.
    is_foreign: bool,
    upstream: Option<Releases>,
    base: Base,
}

/// The remarks that those files have on one release.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::ops) struct RemarksBeside {
    /// The remarks for a release that is new.
    pub all: Remarks,
    /// What upstream says of it, if that is known.
    pub upstream: Option<Remarks>,
}

impl Beside {
    /// The directory whose `tarballs/` a file lies in, links followed.
    pub fn directory(tarball: &Path) -> Option<PathBuf> {
        let real = tarball.canonicalize().ok()?;
        let folder = real.parent()?;
        let is_tarballs = folder.file_name() == Some(OsStr::new(Folder::Tarballs.path().as_str()));
        folder.parent().filter(|_| is_tarballs).map(Path::to_owned)
    }

    /// Reads the files of a package in a directory, as far as its keys signed them.
    pub fn read(
        directory: &Path,
        package: &PackageName,
        signing: &PublicKey,
        observer: &dyn Observer,
    ) -> Result<Self, StoreError> {
        let store = DirStore::new(directory);
        let mut buffer = Vec::new();
        let own = Reader::new(&store, signing.clone()).package(package, &mut buffer)?;
        let (found, is_foreign) = match own {
            Published::Unsound { .. } => {
                let keys = TrustedKeys::published_and(&store, signing)?;
                (Reader::new(&store, keys).package(package, &mut buffer)?, true)
            }
            own => (own, false),
        };
        let registry = found.document();
        let (mut upstream, mut base) = (None, Base::default());
        if let Some(files) = UpstreamFiles::open(&store)? {
            base = Base::read(&store)?;
            match files.package(package)? {
                Published::Present { document, .. } => upstream = Some(document),
                Published::Missing | Published::BeingRemoved { .. } => {}
                Published::Unsound { .. } => {
                    let location = store.locate(&UpstreamFiles::path(package));
                    observer.warn(Warning::Upstream { location });
                }
            }
        }
        Ok(Self { registry, is_foreign, upstream, base })
    }

    /// The remarks on a release with this very tarball.
    pub fn release(&self, release: &Release) -> RemarksBeside {
        let remarks = |package: Option<&Releases>| {
            let mut releases = package?.releases.iter();
            let same = releases.find(|one| one.outer_checksum == release.outer_checksum)?;
            Some(same.remarks.clone())
        };
        let (registry, upstream) =
            (remarks(self.registry.as_ref()), remarks(self.upstream.as_ref()));
        match (registry, upstream) {
            (None, None) => RemarksBeside::default(),
            (None, Some(upstream)) => {
                RemarksBeside { all: upstream.clone(), upstream: Some(upstream) }
            }
            (Some(registry), None) => {
                let upstream = self.is_foreign.then(|| registry.clone());
                RemarksBeside { all: registry, upstream }
            }
            (Some(registry), Some(upstream)) => {
                let package = self.registry.as_ref().map(|registry| &registry.package);
                let base = package.and_then(|package| self.base.package(package));
                let before = base.map(|base| base.release(release));
                let all = merge(&registry, &upstream, before.as_ref());
                RemarksBeside { all, upstream: Some(upstream) }
            }
        }
    }
}
