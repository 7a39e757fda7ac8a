//! What the tarballs of a repository hold, for pages.
//!
//! Only the tarball whose checksum is signed is shown. To inflate one takes time and memory, so a few are read at once,
//! and what was read of the last ones is kept.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::bounded_cache::BoundedCache;
use crate::browse::definitions;
use crate::browse::index::{PackageInside, words};
use crate::browse::readme;
use crate::browse::release_contents::ReleaseContents;
use crate::checksum::OuterChecksum;
use crate::repository::RepositoryPath;
use crate::serve::error_chain::chain;
use crate::serve::files::source::FileSource;
use crate::store::StoreError;
use crate::tarball::{self, Description, DocsLimits, FileName, Limits, PackageFiles};

/// What is read of a tarball. Larger contents are not shown: no page takes so much memory.
const LIMITS: Limits = Limits { contents: 64 << 20, ..Limits::HEX };

/// In bytes: how much is kept of what was read.
const KEPT: usize = 16 << 20;

/// How many tarballs are read at once.
const READERS: usize = 2;

/// Reads the tarballs of a repository.
pub(crate) struct Tarballs {
    source: Arc<dyn FileSource>,
    kept: Mutex<BoundedCache<OuterChecksum, KnownContents>>,
    readers: Readers,
}

/// What is known of the contents of a tarball.
#[derive(Clone, Debug)]
pub(crate) enum KnownContents {
    Read(Arc<ReleaseContents>),
    /// The tarball is not here.
    Missing,
    /// The log says why.
    Unusable,
}

/// Why a tarball is not shown.
#[derive(Debug, thiserror::Error)]
enum ContentsError {
    #[error(transparent)]
    Unreadable(#[from] StoreError),
    #[error(
        "its checksum is {}…, and the signed one {}…", .found.excerpt(), .signed.excerpt()
    )]
    AnotherTarball { found: OuterChecksum, signed: OuterChecksum },
    #[error(transparent)]
    Tarball(#[from] tarball::Error),
}

/// Places for those that read.
struct Readers {
    free: Mutex<usize>,
    freed: Condvar,
}

impl Tarballs {
    pub fn new(source: Arc<dyn FileSource>) -> Self {
        let readers = Readers { free: Mutex::new(READERS), freed: Condvar::new() };
        Self { source, kept: Mutex::new(BoundedCache::new(KEPT)), readers }
    }

    /// What the tarball of a release holds. May block.
    pub fn contents(&self, release: &FileName, signed: OuterChecksum) -> KnownContents {
        if let Some(known) = lock(&self.kept).get(&signed) {
            return known;
        }
        let read = |bytes: &[u8]| Ok(Arc::new(ReleaseContents::read(bytes, &LIMITS)?));
        let (known, weight) = match self.read(release, signed, read) {
            Ok(None) => return KnownContents::Missing,
            Ok(Some(contents)) => {
                let weight = contents.weight();
                (KnownContents::Read(contents), weight)
            }
            Err(error) => {
                self.log(release, &error);
                // Storage that is away may be there again, and the signed tarball may come.
                if !matches!(error, ContentsError::Tarball(_)) {
                    return KnownContents::Unusable;
                }
                (KnownContents::Unusable, 1_000)
            }
        };
        lock(&self.kept).insert(signed, known.clone(), weight);
        known
    }

    /// The files of a release, with their bytes; `None` if they are not shown. May block.
    pub fn files(&self, release: &FileName, signed: OuterChecksum) -> Option<PackageFiles> {
        let read = |bytes: &[u8]| Ok(tarball::unpack_files(bytes, &LIMITS)?);
        self.read(release, signed, read).ok().flatten()
    }

    /// What the search knows of the inside of a release; `None` if its tarball is not here, or cannot be used. May block.
    pub fn inside(&self, release: &FileName, signed: OuterChecksum) -> Option<PackageInside> {
        let read = |bytes: &[u8]| {
            let files = tarball::unpack_files(bytes, &LIMITS)?;
            let description = tarball::describe(bytes, &LIMITS)?;
            Ok(inside(&files, description, signed))
        };
        match self.read(release, signed, read) {
            Ok(inside) => inside,
            Err(ContentsError::Unreadable(_)) => None,
            // It is not read again: nothing but another tarball makes it good.
            Err(error) => {
                self.log(release, &error);
                Some(PackageInside { source: *signed.as_bytes(), ..PackageInside::default() })
            }
        }
    }

    /// The names of modules and functions that the documentation of a release has; `None` if there is none that clients
    /// could read. May block.
    pub fn definitions_of_docs(&self, release: &FileName) -> Option<Vec<String>> {
        self.readers.run(|| {
            let (mut bytes, limits) = (Vec::new(), DocsLimits::HEX);
            let path = RepositoryPath::docs(release);
            let size = usize::try_from(limits.compressed).unwrap_or(usize::MAX);
            self.source.store().read(&path, size, &mut bytes).ok()??;
            definitions::of_docs(&bytes, &limits).ok()
        })
    }

    fn read<T>(
        &self,
        release: &FileName,
        signed: OuterChecksum,
        read: impl FnOnce(&[u8]) -> Result<T, ContentsError>,
    ) -> Result<Option<T>, ContentsError> {
        self.readers.run(|| {
            let mut bytes = Vec::new();
            let path = RepositoryPath::tarball(release);
            if self.source.store().read(&path, LIMITS.tarball, &mut bytes)?.is_none() {
                return Ok(None);
            }
            if bytes.len() > LIMITS.tarball {
                return Err(tarball::Error::TooLarge { limit: LIMITS.tarball }.into());
            }
            let found = OuterChecksum::of(&bytes);
            if found != signed {
                return Err(ContentsError::AnotherTarball { found, signed });
            }
            read(&bytes).map(Some)
        })
    }

    fn log(&self, release: &FileName, error: &ContentsError) {
        let path = self.source.store().locate(&RepositoryPath::tarball(release));
        tracing::warn!(path, error = chain(error), "what it holds is not shown");
    }
}

fn inside(files: &PackageFiles, description: Description, signed: OuterChecksum) -> PackageInside {
    let readme = readme::readme(files).map(|file| readme::scrub(files.data(file)));
    PackageInside {
        source: *signed.as_bytes(),
        description: description.description.unwrap_or_default(),
        licenses: description.licenses,
        words: readme.map(|text| words(&text)).unwrap_or_default(),
        definitions: definitions::of_source(files),
    }
}

impl Readers {
    fn run<T>(&self, read: impl FnOnce() -> T) -> T {
        let free = self.freed.wait_while(lock(&self.free), |free| *free == 0);
        let mut free = free.unwrap_or_else(PoisonError::into_inner);
        *free = free.saturating_sub(1);
        drop(free);
        let _place = ReaderPlace(self);
        read()
    }
}

/// A place that is given back, also after a panic.
struct ReaderPlace<'a>(&'a Readers);

impl Drop for ReaderPlace<'_> {
    fn drop(&mut self) {
        let mut free = lock(&self.0.free);
        *free = free.saturating_add(1);
        drop(free);
        self.0.freed.notify_one();
    }
}

/// Each value is replaced in one step, so it is valid after a panic too.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
