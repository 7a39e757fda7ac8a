//! Which releases there are: those that the signed `packages/NAME` names.
//!
//! Tarballs and documentation of others are not served, so that what is copied in before its build, or was refused by
//! it, cannot be fetched by its name. `versions` is written later than the packages, and clients do not wait for it.
//!
//! A file is read for this once and known again by its [`Stamp`], so that a request takes one look at `packages/NAME`.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::key::{KeyError, PublicKey};
use crate::name::PackageName;
use crate::published::{DocumentError, PublishedKey, TrustedKeys, UncheckedDocument};
use crate::registry::{Releases as Package, Resource};
use crate::repository::RepositoryPath;
use crate::serve::files::bounded_cache::Remembered;
use crate::serve::files::open_file::{LEADS_OUT, Opened};
use crate::serve::files::tags::now;
use crate::serve::reload::chain;
use crate::store::{self, DirStore, Stamp, Store, StoreError, StoreErrorKind};
use crate::tarball::FileName;
use crate::version::Version;

/// The releases of one repository.
pub(crate) struct Releases {
    store: DirStore,
    known: Mutex<Remembered<Stamp, Known>>,
    keys: Mutex<Keys>,
    readers: Arc<Semaphore>,
}

/// How many packages are read at once: what is damaged may inflate to 64 MiB.
const READERS: usize = 2;

/// How many versions are remembered at least, of the packages that were asked for last.
const REMEMBERED: usize = 1 << 16;

/// For how long a file is known that was changed a moment ago, so that another change might leave the same stamp. Where
/// the clock of a file system is ahead of ours, that is so for ever.
const UNSETTLED: Duration = Duration::from_millis(500);

/// What `docs/` has documentation of and `packages/` has not: parts of Elixir itself, which `mix hex.docs` knows.
const ELIXIR: [&str; 6] = ["elixir", "eex", "ex_unit", "iex", "logger", "mix"];

/// What a file in `packages/` says.
#[derive(Clone, Debug)]
pub(crate) enum Says {
    /// Which versions the package has, as `public_key` signed it.
    Versions(Arc<(PackageName, HashSet<Version>)>),
    /// It is the package of that name, and no key that is known here signed it: clients check that themselves.
    Unsigned(PackageName),
    /// It is no package.
    Nothing,
}

/// What a file was found to say.
#[derive(Clone)]
struct Known {
    says: Says,
    /// Until when that holds, where its stamp might not tell of a change.
    until: Option<Instant>,
    /// Of the key with which it was found wanting: with another one it is looked at again.
    key: Option<Stamp>,
}

/// The keys under which packages are believed.
#[derive(Default)]
struct Keys {
    current: Option<PublicKey>,
    /// While a key is being replaced, some packages are still signed with the one before.
    former: Option<PublicKey>,
}

/// Why a file in `packages/` says nothing.
#[derive(Debug, thiserror::Error)]
enum Doubt {
    #[error(transparent)]
    Unreadable(#[from] StoreError),
    #[error("public_key cannot be used")]
    Key(#[source] KeyError),
    #[error(transparent)]
    Document(#[from] DocumentError),
}

impl Releases {
    /// Of the repository in a directory.
    pub fn new(store: DirStore) -> Self {
        Self {
            store,
            known: Mutex::new(Remembered::new(REMEMBERED)),
            keys: Mutex::default(),
            readers: Arc::new(Semaphore::new(READERS)),
        }
    }

    /// Whether clients may have a file of a release: its tarball, or documentation.
    ///
    /// # Errors
    /// What the system says of reading the package.
    pub async fn have(self: &Arc<Self>, release: &FileName, is_docs: bool) -> io::Result<bool> {
        if is_docs && ELIXIR.contains(&release.package.as_str()) {
            return Ok(true);
        }
        let path = RepositoryPath::package(&release.package);
        // Whichever links lead to it: what is known again was read through those that are followed.
        let stamp = match fs::metadata(self.store.path(&path)) {
            // A folder, a pipe or a device is no package, and is not opened.
            Ok(found) if !found.is_file() => return Ok(false),
            Ok(found) => store::stamp(&found),
            Err(error) => {
                use io::ErrorKind::{NotADirectory, NotFound};
                let is_missing = matches!(error.kind(), NotFound | NotADirectory);
                return if is_missing { Ok(false) } else { Err(error) };
            }
        };
        let says = if let Some(says) = self.known(&stamp) {
            says
        } else {
            let (this, name) = (Arc::clone(self), release.package.clone());
            self.reading(move || this.read(&name)).await?
        };
        Ok(match says {
            Says::Versions(package) => {
                package.0 == release.package && package.1.contains(&release.version)
            }
            Says::Unsigned(_) | Says::Nothing => false,
        })
    }

    /// Whether a file that is open is the package of that name.
    ///
    /// # Errors
    /// What the system says of reading it.
    pub async fn is_package(
        self: &Arc<Self>,
        name: &PackageName,
        opened: &Opened,
    ) -> io::Result<bool> {
        let says = if let Some(says) = self.known(&opened.stamp()) {
            says
        } else {
            let (this, name, opened) = (Arc::clone(self), name.clone(), opened.clone());
            self.reading(move || this.read_opened(&name, &opened)).await?
        };
        Ok(match says {
            Says::Versions(package) => package.0 == *name,
            Says::Unsigned(found) => found == *name,
            Says::Nothing => false,
        })
    }

    /// Runs on a thread that may wait, a few at a time.
    async fn reading(
        &self,
        read: impl FnOnce() -> io::Result<Says> + Send + 'static,
    ) -> io::Result<Says> {
        let permit = Arc::clone(&self.readers).acquire_owned().await;
        let permit = permit.map_err(io::Error::other)?;
        let read = spawn_blocking(move || {
            let says = read();
            drop(permit);
            says
        });
        read.await.map_err(io::Error::other)?
    }

    /// What a file says that was read before.
    fn known(&self, stamp: &Stamp) -> Option<Says> {
        let known = lock(&self.known).get(stamp)?;
        if known.until.is_some_and(|until| Instant::now() >= until) {
            return None;
        }
        match known.says {
            Says::Versions(_) => Some(known.says),
            Says::Unsigned(_) | Says::Nothing => {
                let key = self.store.path(&RepositoryPath::public_key());
                let key = fs::metadata(key).ok().map(|found| store::stamp(&found));
                (key == known.key).then_some(known.says)
            }
        }
    }

    /// Reads what a package says.
    fn read(&self, name: &PackageName) -> io::Result<Says> {
        let (seen, mut bytes) = (now(), Vec::new());
        let path = RepositoryPath::package(name);
        // Another request may have read it meanwhile.
        if let Ok(found) = self.store.root().metadata(Path::new(path.as_str())) {
            if let Some(says) = self.known(&store::stamp(&found)) {
                return Ok(says);
            }
        }
        match self.store.read(&path, limit(name), &mut bytes) {
            Ok(Some(content)) => Ok(self.judge(name, &bytes, content.stamp, seen)),
            Ok(None) => Ok(Says::Nothing),
            Err(StoreError { kind: StoreErrorKind::LeadsOut(_), location, .. }) => {
                tracing::warn!(path = location, "{LEADS_OUT}");
                Ok(Says::Nothing)
            }
            Err(error) => Err(error.kind.into()),
        }
    }

    /// The same of a file that is open.
    fn read_opened(&self, name: &PackageName, opened: &Opened) -> io::Result<Says> {
        if let Some(says) = self.known(&opened.stamp()) {
            return Ok(says);
        }
        let seen = now();
        let bytes = opened.read(limit(name))?;
        let stamp = opened.is_unchanged()?.then(|| opened.stamp());
        Ok(self.judge(name, &bytes, stamp, seen))
    }

    /// What the bytes of a file say, which is remembered.
    fn judge(&self, name: &PackageName, bytes: &[u8], stamp: Option<Stamp>, seen: i64) -> Says {
        let (keys, key) = self.keys();
        let read = keys.and_then(|keys| says(name, bytes, &keys));
        let (says, doubt) = match read {
            Ok(says) => (says, None),
            // It may be one all the same, by whatever key.
            Err(doubt) => {
                let says = says(name, bytes, &TrustedKeys::Any);
                (says.map_or(Says::Nothing, unsigned), Some(doubt))
            }
        };
        if let Some(doubt) = doubt {
            let path = self.store.locate(&RepositoryPath::package(name));
            let what = match says {
                Says::Nothing => "it is not served, nor any tarball or documentation of it",
                _ => "no tarball or documentation of it is served",
            };
            tracing::error!(path, error = chain(&doubt), "{what}");
        }
        if let Some(stamp) = stamp {
            let weight = match &says {
                Says::Versions(package) => package.1.len(),
                Says::Unsigned(_) | Says::Nothing => 0,
            };
            let until = (!stamp.is_settled(seen)).then(|| Instant::now().checked_add(UNSETTLED));
            let known = Known { says: says.clone(), until: until.flatten(), key };
            lock(&self.known).insert(stamp, known, weight.saturating_add(1));
        }
        says
    }

    /// The keys under which packages are believed, none where there is no `public_key`, as where clients were given it
    /// in another way; and the stamp of its file.
    fn keys(&self) -> (Result<TrustedKeys, Doubt>, Option<Stamp>) {
        let mut keys = lock(&self.keys);
        let PublishedKey { key, stamp, .. } = match PublishedKey::read(&self.store) {
            Ok(None) => return (Ok(TrustedKeys::Any), None),
            Ok(Some(published)) => published,
            Err(error) => return (Err(error.into()), None),
        };
        let key = match key {
            Ok(key) => key,
            Err(error) => return (Err(Doubt::Key(error)), stamp),
        };
        if keys.current.as_ref() != Some(&key) {
            keys.former = keys.current.replace(key.clone());
        }
        (Ok(TrustedKeys::These(key, keys.former.iter().cloned().collect())), stamp)
    }
}

/// What the bytes of a file say, under one of these keys.
fn says(name: &PackageName, bytes: &[u8], keys: &TrustedKeys) -> Result<Says, Doubt> {
    let says = UncheckedDocument::<Package>::new(bytes, name)?.check(keys, None)?;
    let versions = says.releases.into_iter().map(|release| release.version).collect();
    Ok(Says::Versions(Arc::new((says.package, versions))))
}

fn unsigned(says: Says) -> Says {
    match says {
        Says::Versions(package) => Says::Unsigned(package.0.clone()),
        other => other,
    }
}

/// In bytes: how large the file of a package may be.
fn limit(name: &PackageName) -> usize {
    Resource::Package(name.clone()).max_size()
}

/// What a thread that panicked left is whole: all of it is replaced in one go.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
