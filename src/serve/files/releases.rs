//! Which releases exist: those in the signed `packages/NAME`.
//!
//! Tarballs and documentation of other releases are not served. So a tarball that was copied in before its build, or
//! that the build refused, cannot be fetched by its name. `versions` is written later than the packages, and clients do
//! not wait for it.
//!
//! A file is read for this once and recognized later by its [`Stamp`], so that a request takes one stat of
//! `packages/NAME`.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::bounded_cache::BoundedCache;
use crate::checksum::OuterChecksum;
use crate::key::{KeyError, PublicKey};
use crate::name::PackageName;
use crate::published::{DocumentError, PublishedKey, TrustedKeys, UncheckedDocument};
use crate::registry::{Releases, Resource};
use crate::repository::{RepositoryPath, is_elixirs};
use crate::serve::clock::unix_nanoseconds;
use crate::serve::error_chain::chain;
use crate::serve::files::source::{self, FileSource, LEADS_OUT, OpenFile};
use crate::serve::registry_identity::RegistryIdentity;
use crate::store::{Stamp, StoreError, StoreErrorKind};
use crate::tarball::FileName;
use crate::version::Version;

/// The releases of one repository.
pub(crate) struct ReleaseIndex {
    source: Arc<dyn FileSource>,
    /// The upstream that signs the packages. `None` if `public_key` says who does.
    signer: Option<RegistryIdentity>,
    packages: Mutex<BoundedCache<PackageName, CachedTrust>>,
    keys: Mutex<SigningKeys>,
    readers: Arc<Semaphore>,
}

/// How many packages are read at once: a damaged file may inflate to 64 MiB.
const READERS: usize = 2;

/// How many versions are cached at least, of the packages that were asked for last.
const CACHED_VERSIONS: usize = 1 << 16;

/// How long a file is cached that was changed a moment ago, when another change might leave the same stamp. If the clock
/// of a file system is ahead of ours, every file counts as changed a moment ago.
const UNSETTLED: Duration = Duration::from_millis(500);

/// What the log says of a file that is here and fails its check, where an upstream signs the files.
pub(crate) const NOT_OF_UPSTREAM: &str =
    "the file that is here is not the one of upstream: it is not served, and fetched again";

/// Whether a file in `packages/` is a package, and a trusted one.
#[derive(Clone, Debug)]
enum PackageTrust {
    /// A package that a trusted key signed, and its releases with the checksums of their tarballs.
    Signed(Arc<(PackageName, HashMap<Version, OuterChecksum>)>),
    /// A package that no trusted key signed. Clients check the signature themselves.
    Unsigned(PackageName),
    /// Not a package.
    Invalid,
}

/// The trust in a file that was read before.
#[derive(Clone)]
struct CachedTrust {
    trust: PackageTrust,
    stamp: Stamp,
    /// Until when the entry holds, if the stamp might not tell of a change.
    until: Option<Instant>,
    /// The `public_key` with which the file was not [`PackageTrust::Signed`]. With another one it is read again.
    key: Option<Stamp>,
}

/// The keys that sign packages.
#[derive(Default)]
struct SigningKeys {
    current: Option<PublicKey>,
    /// While a key is being replaced, some packages are still signed by the former one.
    former: Option<PublicKey>,
}

/// Why a file in `packages/` is not [`PackageTrust::Signed`].
#[derive(Debug, thiserror::Error)]
enum PackageError {
    #[error(transparent)]
    Unreadable(#[from] StoreError),
    #[error("public_key cannot be used")]
    Key(#[source] KeyError),
    #[error(transparent)]
    Document(#[from] DocumentError),
}

impl ReleaseIndex {
    /// The releases in the packages that `signer` signs, or else those whose key is `public_key`.
    pub fn new(source: Arc<dyn FileSource>, signer: Option<RegistryIdentity>) -> Self {
        Self {
            source,
            signer,
            packages: Mutex::new(BoundedCache::new(CACHED_VERSIONS)),
            keys: Mutex::default(),
            readers: Arc::new(Semaphore::new(READERS)),
        }
    }

    /// Whether clients may have a file of a release: its tarball, or its documentation.
    ///
    /// # Errors
    /// The package cannot be read.
    pub async fn has(self: &Arc<Self>, release: &FileName, is_docs: bool) -> io::Result<bool> {
        if is_docs && is_elixirs(&release.package) {
            return Ok(true);
        }
        Ok(self.checksum(release).await?.is_some())
    }

    /// The signed checksum of a release's tarball; `None` if there is no such release.
    ///
    /// # Errors
    /// The package cannot be read.
    pub async fn checksum(
        self: &Arc<Self>,
        release: &FileName,
    ) -> io::Result<Option<OuterChecksum>> {
        let path = RepositoryPath::package(&release.package);
        let Some(stamp) = source::stamp(&self.source, path).await? else { return Ok(None) };
        let trust = if let Some(trust) = self.cached(&release.package, &stamp).await {
            trust
        } else {
            let (this, name) = (Arc::clone(self), release.package.clone());
            self.run_reader(move || this.read(&name)).await?
        };
        Ok(match trust {
            PackageTrust::Signed(package) if package.0 == release.package => {
                package.1.get(&release.version).copied()
            }
            _ => None,
        })
    }

    /// Those of the versions of a package whose documentation clients may have, on a thread that may block.
    ///
    /// # Errors
    /// The package cannot be read.
    #[cfg(feature = "web")]
    pub fn released(&self, name: &PackageName, versions: &[Version]) -> io::Result<Vec<Version>> {
        if is_elixirs(name) {
            return Ok(versions.to_vec());
        }
        Ok(match self.read(name)? {
            PackageTrust::Signed(package) if package.0 == *name => {
                versions.iter().filter(|version| package.1.contains_key(version)).cloned().collect()
            }
            _ => Vec::new(),
        })
    }

    /// The versions of a package that are signed, in order, on a thread that may block.
    ///
    /// # Errors
    /// The package cannot be read.
    #[cfg(feature = "web")]
    pub fn signed_versions(&self, name: &PackageName) -> io::Result<Vec<Version>> {
        let PackageTrust::Signed(package) = self.read(name)? else { return Ok(Vec::new()) };
        let mut versions: Vec<Version> = package.1.keys().cloned().collect();
        versions.sort_unstable();
        Ok(if package.0 == *name { versions } else { Vec::new() })
    }

    /// Whether an open file is the package of this name.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn is_package(
        self: &Arc<Self>,
        name: &PackageName,
        opened: &OpenFile,
    ) -> io::Result<bool> {
        let trust = if let Some(trust) = self.cached(name, &opened.stamp()).await {
            trust
        } else {
            let (this, name, opened) = (Arc::clone(self), name.clone(), opened.clone());
            self.run_reader(move || this.read_opened(&name, &opened)).await?
        };
        Ok(match trust {
            PackageTrust::Signed(package) => package.0 == *name,
            PackageTrust::Unsigned(found) => found == *name,
            PackageTrust::Invalid => false,
        })
    }

    /// Reads all that is signed of a package; `None` if there is no such package.
    ///
    /// # Errors
    /// The package cannot be read, or no trusted key signed it.
    pub async fn package(self: &Arc<Self>, name: &PackageName) -> io::Result<Option<Releases>> {
        // A source that is far away is not waited for with one of the few permits.
        let _ = source::stamp(&self.source, RepositoryPath::package(name)).await;
        let (this, name) = (Arc::clone(self), name.clone());
        self.run_reader(move || this.read_package(&name)).await
    }

    /// As [`package`](Self::package), on a thread that may block.
    ///
    /// # Errors
    /// As of [`package`](Self::package).
    pub fn read_package(&self, name: &PackageName) -> io::Result<Option<Releases>> {
        let mut bytes = Vec::new();
        let path = RepositoryPath::package(name);
        match self.source.store().read(&path, limit(name), &mut bytes) {
            Ok(Some(_)) => {}
            Ok(None) => return Ok(None),
            Err(error) => return Err(error.kind.into()),
        }
        match self.trusted_keys().0.and_then(|keys| self.releases(name, &bytes, &keys)) {
            Ok(found) => Ok(Some(found)),
            Err(error) => {
                let path = self.source.store().locate(&path);
                tracing::error!(path, error = chain(&error), "the package cannot be looked up");
                Err(io::ErrorKind::InvalidData.into())
            }
        }
    }

    /// Runs on a thread that may block, a few at a time.
    async fn run_reader<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let permit = Arc::clone(&self.readers).acquire_owned().await;
        let permit = permit.map_err(io::Error::other)?;
        let reading = spawn_blocking(move || {
            let read = read();
            drop(permit);
            read
        });
        reading.await.map_err(io::Error::other)?
    }

    /// The trust in the file of this name and stamp, if it was read before.
    async fn cached(&self, name: &PackageName, stamp: &Stamp) -> Option<PackageTrust> {
        let cached = self.entry(name, stamp)?;
        if cached.is_signed() || self.signer.is_some() {
            return Some(cached.trust);
        }
        let key = source::stamp(&self.source, RepositoryPath::public_key()).await;
        cached.read_with(key.ok().flatten())
    }

    /// As [`cached`](Self::cached), on a thread that may block.
    fn cached_blocking(&self, name: &PackageName, stamp: &Stamp) -> Option<PackageTrust> {
        let cached = self.entry(name, stamp)?;
        if cached.is_signed() || self.signer.is_some() {
            return Some(cached.trust);
        }
        cached.read_with(self.source.stamp(&RepositoryPath::public_key()).ok().flatten())
    }

    fn entry(&self, name: &PackageName, stamp: &Stamp) -> Option<CachedTrust> {
        let cached = lock(&self.packages).get(name).filter(|cached| cached.stamp == *stamp)?;
        cached.until.is_none_or(|until| Instant::now() < until).then_some(cached)
    }

    fn read(&self, name: &PackageName) -> io::Result<PackageTrust> {
        let (read_at, mut bytes) = (unix_nanoseconds(), Vec::new());
        let path = RepositoryPath::package(name);
        // Another request may have read it meanwhile.
        if let Ok(Some(stamp)) = self.source.stamp(&path) {
            if let Some(trust) = self.cached_blocking(name, &stamp) {
                return Ok(trust);
            }
        }
        match self.source.store().read(&path, limit(name), &mut bytes) {
            Ok(Some(content)) => Ok(self.check(name, &bytes, content.stamp, read_at)),
            Ok(None) => Ok(PackageTrust::Invalid),
            Err(StoreError { kind: StoreErrorKind::LeadsOut(_), location, .. }) => {
                tracing::warn!(path = location, "{LEADS_OUT}");
                Ok(PackageTrust::Invalid)
            }
            Err(error) => Err(error.kind.into()),
        }
    }

    fn read_opened(&self, name: &PackageName, opened: &OpenFile) -> io::Result<PackageTrust> {
        if let Some(trust) = self.cached_blocking(name, &opened.stamp()) {
            return Ok(trust);
        }
        let read_at = unix_nanoseconds();
        let bytes = opened.read(limit(name))?;
        let stamp = opened.is_unchanged()?.then(|| opened.stamp());
        Ok(self.check(name, &bytes, stamp, read_at))
    }

    /// Checks the bytes of a file, and caches the trust.
    fn check(
        &self,
        name: &PackageName,
        bytes: &[u8],
        stamp: Option<Stamp>,
        read_at: i64,
    ) -> PackageTrust {
        let (keys, key) = self.trusted_keys();
        let trust = match keys.and_then(|keys| self.releases(name, bytes, &keys)) {
            Ok(signed) => PackageTrust::signed(signed),
            Err(error) => {
                let (trust, consequence) = match self.releases(name, bytes, &TrustedKeys::Any) {
                    _ if self.signer.is_some() => (PackageTrust::Invalid, NOT_OF_UPSTREAM),
                    Ok(unsigned) => (
                        PackageTrust::Unsigned(unsigned.package),
                        "no tarball or documentation of it is served",
                    ),
                    Err(_) => (
                        PackageTrust::Invalid,
                        "it is not served, nor any tarball or documentation of it",
                    ),
                };
                let path = self.source.store().locate(&RepositoryPath::package(name));
                tracing::error!(path, error = chain(&error), "{consequence}");
                trust
            }
        };
        if let Some(stamp) = stamp {
            let weight = match &trust {
                PackageTrust::Signed(package) => package.1.len(),
                PackageTrust::Unsigned(_) | PackageTrust::Invalid => 0,
            };
            let is_unsettled = !stamp.is_settled(read_at);
            let until = is_unsettled.then(|| Instant::now().checked_add(UNSETTLED)).flatten();
            let cached = CachedTrust { trust: trust.clone(), stamp, until, key };
            // It takes the place of the one for the file as it was before.
            lock(&self.packages).insert(name.clone(), cached, weight.saturating_add(1));
        }
        trust
    }

    /// The keys that packages may be signed by, and the stamp of `public_key`. Any key is trusted if there is no
    /// `public_key`, as where clients were given it in another way.
    fn trusted_keys(&self) -> (Result<TrustedKeys, PackageError>, Option<Stamp>) {
        if let Some(signer) = &self.signer {
            return (Ok(signer.key.clone().into()), None);
        }
        let mut keys = lock(&self.keys);
        let PublishedKey { key, stamp, .. } = match PublishedKey::read(self.source.store()) {
            Ok(None) => return (Ok(TrustedKeys::Any), None),
            Ok(Some(published)) => published,
            Err(error) => return (Err(error.into()), None),
        };
        let key = match key {
            Ok(key) => key,
            Err(error) => return (Err(PackageError::Key(error)), stamp),
        };
        if keys.current.as_ref() != Some(&key) {
            keys.former = keys.current.replace(key.clone());
        }
        (Ok(TrustedKeys::These(key, keys.former.iter().cloned().collect())), stamp)
    }

    fn releases(
        &self,
        name: &PackageName,
        bytes: &[u8],
        keys: &TrustedKeys,
    ) -> Result<Releases, PackageError> {
        let repository = self.signer.as_ref().map(|signer| &signer.name);
        Ok(UncheckedDocument::<Releases>::new(bytes, name)?.check(keys, repository)?)
    }
}

impl PackageTrust {
    fn signed(releases: Releases) -> Self {
        let checksums = releases.releases.into_iter();
        let checksums = checksums.map(|release| (release.version, release.outer_checksum));
        Self::Signed(Arc::new((releases.package, checksums.collect())))
    }
}

impl CachedTrust {
    fn is_signed(&self) -> bool {
        matches!(self.trust, PackageTrust::Signed(_))
    }

    /// The trust, if the file was read with this `public_key`.
    fn read_with(self, key: Option<Stamp>) -> Option<PackageTrust> {
        (key == self.key).then_some(self.trust)
    }
}

/// In bytes: the largest file of a package.
fn limit(name: &PackageName) -> usize {
    Resource::Package(name.clone()).max_size()
}

/// Each value is replaced in one step, so it is valid after a panic too.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
