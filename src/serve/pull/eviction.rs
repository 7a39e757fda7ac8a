//! Removes tarballs and documentation that no client has asked for longest, where they take more than they may.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::options::PullOptions;
use super::used_files::UsedFiles;
use crate::package::UnixSeconds;
use crate::repository::{Folder, RepositoryPath};
use crate::serve::error_chain::chain;
use crate::store::{Action, Change, EntryKind, Store, StoreError};
use prometheus_client::metrics::counter::Counter;

/// Removes files on a thread of its own, which ends when this is dropped.
pub(super) struct Eviction(SyncSender<()>);

/// What the thread needs.
pub(super) struct EvictionJob {
    pub repository: String,
    pub store: Box<dyn Store + Send + Sync>,
    pub options: PullOptions,
    /// In bytes.
    pub size: u64,
    pub used: Arc<UsedFiles>,
    pub evicted: Counter,
}

/// A file that may be removed.
struct Removable {
    path: RepositoryPath,
    size: u64,
    used: UnixSeconds,
}

/// Only these are large.
const FOLDERS: [Folder; 2] = [Folder::Tarballs, Folder::Docs];

impl Eviction {
    /// # Errors
    /// The system has no thread for it.
    pub fn start(job: EvictionJob) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(1);
        let this = Self(sender);
        this.file_was_written();
        thread::Builder::new().name("eviction".to_owned()).spawn(move || job.run(&receiver))?;
        Ok(this)
    }

    /// Looks whether something has to go.
    pub fn file_was_written(&self) {
        // If one waits already, it sees this file too.
        let _ = self.0.try_send(());
    }
}

impl EvictionJob {
    fn run(&self, receiver: &Receiver<()>) {
        let mut told = None;
        while receiver.recv().is_ok() {
            let error = self.evict().err();
            if error.is_some() && error != told {
                let (repository, error) = (self.repository.as_str(), error.as_deref());
                tracing::error!(repository, error, "could not keep within the size");
            }
            told = error;
        }
    }

    fn evict(&self) -> Result<(), String> {
        let (mut removable, total) = self.removable().map_err(|error| chain(&error))?;
        let mut excess = total.saturating_sub(self.size);
        if excess == 0 {
            return Ok(());
        }
        let pinned = (self.options.pinned)()?;
        let is_pinned = |path: &RepositoryPath| {
            let release = path.folder().release(path.file_name());
            release.is_some_and(|release| pinned.contains(&release))
        };
        removable.retain(|file| !is_pinned(&file.path));
        removable.sort_by(|a, b| (a.used, a.path.as_str()).cmp(&(b.used, b.path.as_str())));
        for file in removable {
            if excess == 0 {
                return Ok(());
            }
            let change = Change::new(file.path.clone(), Action::Remove);
            self.store.apply(&[&[change]], &|_| ()).map_err(|error| chain(&error))?;
            self.used.forget(&file.path);
            self.evicted.inc();
            excess = excess.saturating_sub(file.size);
        }
        match excess {
            0 => Ok(()),
            _ => Err(format!("what lock files pin takes more than {} bytes", self.size)),
        }
    }

    /// All files, and how many bytes they have.
    fn removable(&self) -> Result<(Vec<Removable>, u64), StoreError> {
        let (mut files, mut total) = (Vec::new(), 0_u64);
        for folder in FOLDERS {
            for listed in self.store.list(folder)?.unwrap_or_default() {
                // Other files are not of this repository.
                if listed.kind != EntryKind::File || folder.release(&listed.name).is_none() {
                    continue;
                }
                let path = folder.file(&listed.name);
                let size = listed.stamp.map_or(0, |stamp| stamp.size());
                total = total.saturating_add(size);
                let used = self.used.get(&path).unwrap_or(listed.modified);
                files.push(Removable { path, size, used });
            }
        }
        Ok((files, total))
    }
}
