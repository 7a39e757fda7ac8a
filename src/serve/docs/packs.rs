//! Unpacked archives of documentation: those that were read last, of all repositories.

use std::collections::HashMap;
use std::fs::DirBuilder;
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OnceCell, Semaphore};
use tokio::task::spawn_blocking;

use crate::docs::pack::{DocsPack, PackError};
use crate::serve::error_chain::chain;
use crate::serve::files::source::{CHUNK, OpenFile};
use crate::store::Stamp;
use crate::tarball::DocsLimits;

/// The folder in the cache directory.
const FOLDER: &str = "docs";

/// How many archives are kept unpacked: each has a file descriptor.
const MAX_PACKS: usize = 64;

/// In bytes: how much of them is on disk.
const MAX_SIZE: u64 = 1 << 30;

/// In bytes: what their tables take in memory.
const MAX_TABLES: usize = 64 << 20;

/// How many archives are unpacked at once: each takes a processor, and memory for its largest file.
const READERS: usize = 2;

/// Names an archive: where it is, and its stamp, so that one that was replaced is read anew.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct PackKey {
    /// As messages name it, of all repositories.
    pub location: String,
    pub stamp: Stamp,
}

/// What is known of an archive.
#[derive(Clone)]
pub(super) enum KnownPack {
    Read(Arc<OpenPack>),
    /// The log says why.
    Unusable {
        is_passing: bool,
    },
}

/// An archive that was unpacked.
pub(super) struct OpenPack {
    pub pack: DocsPack,
    /// No other one of this process has it.
    pub id: u64,
}

/// Unpacks archives, and keeps some.
pub(crate) struct DocsPacks {
    directory: PathBuf,
    kept: Mutex<KeptPacks>,
    readers: Semaphore,
    ids: AtomicU64,
}

#[derive(Default)]
struct KeptPacks {
    packs: HashMap<PackKey, KeptPack>,
    /// Counts uses.
    uses: u64,
}

struct KeptPack {
    known: Arc<OnceCell<KnownPack>>,
    last_used: u64,
}

impl DocsPacks {
    /// They are in a folder of the cache directory.
    pub fn new(cache: &Path) -> Self {
        Self {
            directory: cache.join(FOLDER),
            kept: Mutex::default(),
            readers: Semaphore::new(READERS),
            ids: AtomicU64::new(1),
        }
    }

    /// Whether these are of a cache directory.
    pub fn are_in(&self, cache: &Path) -> bool {
        self.directory == cache.join(FOLDER)
    }

    /// An archive, unpacked. All who ask for it at once wait for the same.
    pub async fn get(self: &Arc<Self>, key: PackKey, archive: OpenFile) -> KnownPack {
        let known = self.lock().find(&key);
        if let Some(known) = known.get() {
            return known.clone();
        }
        // It goes on if the client closes its connection: others wait for it.
        let this = Arc::clone(self);
        let unpacking = tokio::spawn(async move {
            let unpacked = known.get_or_init(|| this.unpack(&key.location, archive));
            let unpacked = unpacked.await.clone();
            this.lock().evict(&key, &unpacked);
            unpacked
        });
        unpacking.await.unwrap_or(KnownPack::Unusable { is_passing: true })
    }

    async fn unpack(self: &Arc<Self>, location: &str, archive: OpenFile) -> KnownPack {
        let Ok(permit) = self.readers.acquire().await else {
            return KnownPack::Unusable { is_passing: true };
        };
        let this = Arc::clone(self);
        let unpacked = spawn_blocking(move || this.unpack_now(&archive)).await;
        drop(permit);
        match unpacked {
            Ok(Ok(pack)) => {
                for path in pack.omitted() {
                    tracing::warn!(
                        archive = location,
                        path,
                        "a file of documentation is not shown: it is larger than 32 MiB"
                    );
                }
                let id = self.ids.fetch_add(1, Ordering::Relaxed);
                KnownPack::Read(Arc::new(OpenPack { pack, id }))
            }
            Ok(Err(error)) => {
                tracing::error!(
                    archive = location,
                    error = chain(&error),
                    "documentation is not shown"
                );
                KnownPack::Unusable { is_passing: error.is_passing() }
            }
            // It panicked, and the log says so.
            Err(_) => KnownPack::Unusable { is_passing: false },
        }
    }

    fn unpack_now(&self, archive: &OpenFile) -> Result<DocsPack, PackError> {
        let directory = self.directory();
        DocsPack::unpack(ArchiveReader::new(archive), &DocsLimits::HEX, &directory)
    }

    /// The folder in the cache directory. Where it cannot be made, that for temporary files serves as well: nothing of it
    /// is kept over a restart.
    fn directory(&self) -> PathBuf {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.directory);
        if made.is_ok() { self.directory.clone() } else { std::env::temp_dir() }
    }

    fn lock(&self) -> MutexGuard<'_, KeptPacks> {
        // Each entry is valid by itself, after a panic too.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeptPacks {
    /// What is known of an archive, or a place for it.
    fn find(&mut self, key: &PackKey) -> Arc<OnceCell<KnownPack>> {
        self.uses = self.uses.saturating_add(1);
        let last_used = self.uses;
        if let Some(kept) = self.packs.get_mut(key) {
            kept.last_used = last_used;
            return Arc::clone(&kept.known);
        }
        // The same file before it was replaced.
        self.packs.retain(|other, _| other.location != key.location);
        let known = Arc::<OnceCell<KnownPack>>::default();
        let kept = KeptPack { known: Arc::clone(&known), last_used };
        self.packs.insert(key.clone(), kept);
        known
    }

    /// Drops what is used least, once too much is kept, and what may be read later.
    fn evict(&mut self, key: &PackKey, unpacked: &KnownPack) {
        if matches!(unpacked, KnownPack::Unusable { is_passing: true }) {
            self.packs.remove(key);
        }
        while self.is_too_much() {
            let others =
                self.packs.iter().filter(|(other, kept)| *other != key && kept.known.initialized());
            let Some(oldest) = others.min_by_key(|(_, kept)| kept.last_used) else { return };
            let oldest = oldest.0.clone();
            self.packs.remove(&oldest);
        }
    }

    fn is_too_much(&self) -> bool {
        let (mut size, mut tables) = (0_u64, 0_usize);
        for kept in self.packs.values() {
            if let Some(KnownPack::Read(open)) = kept.known.get() {
                size = size.saturating_add(open.pack.size());
                tables = tables.saturating_add(open.pack.table_size());
            }
        }
        self.packs.len() > MAX_PACKS || size > MAX_SIZE || tables > MAX_TABLES
    }
}

/// Reads an open file from its start to its end.
struct ArchiveReader<'a> {
    archive: &'a OpenFile,
    position: u64,
    chunk: io::Cursor<Vec<u8>>,
}

impl<'a> ArchiveReader<'a> {
    fn new(archive: &'a OpenFile) -> Self {
        Self { archive, position: 0, chunk: io::Cursor::default() }
    }
}

impl Read for ArchiveReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.chunk.read(buffer)?;
        if read > 0 || buffer.is_empty() {
            return Ok(read);
        }
        let chunk = self.archive.file().read(self.position, CHUNK)?;
        let length = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        self.position = self.position.saturating_add(length);
        self.chunk = io::Cursor::new(chunk);
        self.chunk.read(buffer)
    }
}

#[cfg(test)]
mod tests;
