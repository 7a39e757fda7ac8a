//! From the listing of `tarballs/` to packages, or to every reason why not.

use std::io;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rayon::prelude::*;

use super::error::Error;
use super::listing::Listing;
use super::memory::Recalled;
use super::options::Options;
use crate::name::RepositoryName;
use crate::ops::dependencies::DependencyFaults;
use crate::package::{DuplicateRelease, Package, Release, UnixSeconds};
use crate::publish::observer::{Observer, Work};
use crate::registry::PackageEntry;
use crate::repository::{Folder, RepositoryPath};
use crate::store::{EntryKind, LeadsOut, ListedFile, Store};
use crate::tarball::{self, FileName, InvalidFileName, Unpacker};

/// A tarball that no registry may list.
#[derive(Debug)]
pub struct Rejection {
    /// Where it lies.
    pub location: String,
    /// What is wrong with it.
    pub cause: Cause,
}

/// Why a tarball is rejected.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// It is a folder.
    #[error("it is a directory: expected a tar archive")]
    Directory,
    /// Reading it could wait for ever.
    #[error("it is a device, a pipe or a socket: expected a tar archive")]
    NotAFile,
    /// It cannot be looked at.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// Reading it failed.
    #[error("it cannot be read")]
    Read(#[from] io::Error),
    /// It was listed and is gone.
    #[error("it vanished while the registry was built")]
    Vanished,
    /// Somebody wrote to it or replaced it.
    #[error("it changed while the registry was built")]
    Changed,
    /// It is not called what clients ask for.
    #[error(transparent)]
    FileName(#[from] InvalidFileName),
    /// Another tarball holds the same release.
    #[error(transparent)]
    Twice(#[from] DuplicateRelease),
    /// It is no sound tarball.
    #[error(transparent)]
    Tarball(#[from] tarball::Error),
    /// What it requires would harm clients.
    #[error(transparent)]
    Dependencies(#[from] DependencyFaults),
}

/// Every package, and how many tarballs were read for them.
pub(super) struct Found {
    pub packages: Vec<PackageEntry>,
    pub read: usize,
}

/// Reads and checks every tarball that is not known, in parallel, and makes packages of them.
pub(super) fn packages(
    store: &dyn Store,
    listing: &Listing,
    options: &Options,
    recalled: &Recalled<'_>,
    observer: &dyn Observer,
) -> Result<Found, Error> {
    observer.began(Work::ReadingTarballs, listing.tarballs.len());
    let readers =
        Readers { store, options, observer, idle: Mutex::default(), read: AtomicUsize::new(0) };
    let found = listing.packages().map(|tarballs| readers.entry(tarballs, recalled));
    let (packages, rejections) = partition(found.collect());
    match NonZeroUsize::new(listing.tarballs.len()) {
        Some(total) if !rejections.is_empty() => {
            let rejections = rejections.into_iter().flatten().collect();
            Err(Error::Rejected { rejections, total })
        }
        _ => Ok(Found { packages, read: readers.read.into_inner() }),
    }
}

/// What went well, and what did not, each in order.
fn partition<T, E>(results: Vec<Result<T, E>>) -> (Vec<T>, Vec<E>) {
    let (mut good, mut bad) = (Vec::with_capacity(results.len()), Vec::new());
    for result in results {
        match result {
            Ok(value) => good.push(value),
            Err(error) => bad.push(error),
        }
    }
    (good, bad)
}

/// As many readers as there are threads, each of which keeps the memory that it has grown.
struct Readers<'a> {
    store: &'a dyn Store,
    options: &'a Options,
    observer: &'a dyn Observer,
    idle: Mutex<Vec<Reader<'a>>>,
    read: AtomicUsize,
}

impl Readers<'_> {
    /// A package out of its tarballs, or every reason why not.
    fn entry(
        &self,
        tarballs: &[ListedFile],
        known: &Recalled<'_>,
    ) -> Result<PackageEntry, Vec<Rejection>> {
        let latest = self.options.latest.unwrap_or(UnixSeconds(i64::MAX));
        let newest = tarballs.iter().map(|listed| listed.modified.min(latest)).max();
        let updated_at = newest.unwrap_or(latest);
        if let Some(entry) = known.entry(tarballs, updated_at) {
            self.observer.went_on(tarballs.len(), 0);
            return Ok(entry);
        }
        let read = tarballs.par_iter().zip(known.releases(tarballs));
        let read = read.map(|(listed, known)| match known {
            Some(known) => {
                self.observer.went_on(1, 0);
                Ok(known)
            }
            None => self.read(listed),
        });
        let (found, rejections) = partition(read.collect());
        match found.first() {
            Some((FileName { package, .. }, _)) if rejections.is_empty() => {
                let package = package.clone();
                let releases = found.into_iter().map(|(_, release)| release).collect();
                let package = Package::assemble(package, releases).map_err(|twice| {
                    let location = self.store.locate(&Folder::Tarballs.path());
                    vec![Rejection { location, cause: twice.into() }]
                })?;
                Ok(PackageEntry::of(&self.options.repository, package, updated_at))
            }
            _ => Err(rejections),
        }
    }

    fn read(&self, listed: &ListedFile) -> Result<(FileName, Release), Rejection> {
        self.read.fetch_add(1, Ordering::Relaxed);
        let path = Folder::Tarballs.file(&listed.name);
        let reader = lock(&self.idle).pop();
        let mut reader = reader.unwrap_or_else(|| Reader::new(self.options));
        let read = reader.read(self.store, &path, listed);
        self.observer.went_on(1, listed.stamp.map_or(0, |stamp| stamp.size()));
        lock(&self.idle).push(reader);
        read.map_err(|cause| Rejection { location: self.store.locate(&path), cause })
    }
}

/// Reads tarballs one after another.
struct Reader<'a> {
    repository: &'a RepositoryName,
    limit: usize,
    unpacker: Unpacker,
    buffer: Vec<u8>,
}

impl<'a> Reader<'a> {
    fn new(options: &'a Options) -> Self {
        let unpacker = if options.check_contents {
            Unpacker::new(options.limits)
        } else {
            Unpacker::without_contents(options.limits)
        };
        let (repository, limit) = (&options.repository, options.limits.tarball);
        Self { repository, limit, unpacker, buffer: Vec::new() }
    }

    /// What one tarball holds.
    fn read(
        &mut self,
        store: &dyn Store,
        path: &RepositoryPath,
        listed: &ListedFile,
    ) -> Result<(FileName, Release), Cause> {
        match &listed.kind {
            EntryKind::File => {}
            EntryKind::Folder => return Err(Cause::Directory),
            EntryKind::Other => return Err(Cause::NotAFile),
            EntryKind::LeadsOut => return Err(Cause::Unreadable(LeadsOut.to_string())),
            EntryKind::Unreadable(reason) | EntryKind::Unknown(reason) => {
                return Err(Cause::Unreadable(reason.clone()));
            }
        }
        let file_name: FileName = listed.name.parse()?;
        let content = store
            .read(path, self.limit, &mut self.buffer)
            .map_err(|error| io::Error::from(error.kind))?;
        let content = content.ok_or(Cause::Vanished)?;
        if content.stamp != listed.stamp {
            return Err(Cause::Changed);
        }
        let tarball = self.unpacker.unpack(&self.buffer)?;
        file_name.check(&tarball.metadata)?;
        Ok((file_name, tarball.into_release(self.repository)))
    }
}

/// A list that a panic left behind is whole: it is pushed to and popped from, nothing else.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
