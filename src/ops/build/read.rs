//! From the listing of `tarballs/` to packages, or to every rejection.

use std::io;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rayon::prelude::*;

use super::cached::Cached;
use super::error::Error;
use super::listing::Listing;
use super::options::Options;
use crate::name::RepositoryName;
use crate::ops::rejection::{Rejection, RejectionCause};
use crate::package::{Package, Release, UnixSeconds};
use crate::publish::observer::{Observer, Work};
use crate::registry::PackageEntry;
use crate::repository::{Folder, RepositoryPath};
use crate::store::{EntryKind, LeadsOut, ListedFile, Store};
use crate::tarball::{FileName, Unpacker};

/// Every package, and how many tarballs were read for them.
pub(super) struct ReadPackages {
    pub packages: Vec<PackageEntry>,
    pub count: usize,
}

/// Reads and checks every tarball that is not in the cache, in parallel, and makes packages of them.
pub(super) fn packages(
    store: &dyn Store,
    listing: &Listing,
    options: &Options,
    cached: &Cached<'_>,
    observer: &dyn Observer,
) -> Result<ReadPackages, Error> {
    observer.began(Work::ReadingTarballs, listing.tarballs.len());
    let readers =
        Readers { store, options, observer, idle: Mutex::default(), count: AtomicUsize::new(0) };
    let found = listing.packages().map(|tarballs| readers.entry(listing, tarballs, cached));
    let (packages, rejections) = partition(found.collect());
    match NonZeroUsize::new(listing.tarballs.len()) {
        Some(total) if !rejections.is_empty() => {
            let rejections = rejections.into_iter().flatten().collect();
            Err(Error::Rejected { rejections, total })
        }
        _ => Ok(ReadPackages { packages, count: readers.count.into_inner() }),
    }
}

/// The values and the errors, each in order.
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

/// As many readers as there are threads. Each keeps the memory that it has grown.
struct Readers<'a> {
    store: &'a dyn Store,
    options: &'a Options,
    observer: &'a dyn Observer,
    idle: Mutex<Vec<TarballReader<'a>>>,
    count: AtomicUsize,
}

impl Readers<'_> {
    /// A package made of its tarballs, or every rejection.
    fn entry(
        &self,
        listing: &Listing,
        tarballs: &[ListedFile],
        cached: &Cached<'_>,
    ) -> Result<PackageEntry, Vec<Rejection>> {
        let latest = self.options.latest.unwrap_or(UnixSeconds(i64::MAX));
        let newest = tarballs.iter().map(|listed| listed.modified.min(latest)).max();
        let updated_at = newest.unwrap_or(latest);
        if let Some(entry) = cached.entry(listing, tarballs, updated_at) {
            self.observer.progressed(tarballs.len(), 0);
            return Ok(entry);
        }
        let read = tarballs.par_iter().zip(cached.releases(tarballs));
        let read = read.map(|(listed, known)| match known {
            Some(known) => {
                self.observer.progressed(1, 0);
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
        self.count.fetch_add(1, Ordering::Relaxed);
        let path = Folder::Tarballs.file(&listed.name);
        let reader = lock(&self.idle).pop();
        let mut reader = reader.unwrap_or_else(|| TarballReader::new(self.options));
        let read = reader.read(self.store, &path, listed);
        self.observer.progressed(1, listed.stamp.map_or(0, |stamp| stamp.size()));
        lock(&self.idle).push(reader);
        read.map_err(|cause| Rejection { location: self.store.locate(&path), cause })
    }
}

/// Reads tarballs one after another.
struct TarballReader<'a> {
    repository: &'a RepositoryName,
    limit: usize,
    unpacker: Unpacker,
    buffer: Vec<u8>,
}

impl<'a> TarballReader<'a> {
    fn new(options: &'a Options) -> Self {
        let unpacker = Unpacker::of(options.limits, options.check_contents);
        let (repository, limit) = (&options.repository, options.limits.tarball);
        Self { repository, limit, unpacker, buffer: Vec::new() }
    }

    /// The release in one tarball.
    fn read(
        &mut self,
        store: &dyn Store,
        path: &RepositoryPath,
        listed: &ListedFile,
    ) -> Result<(FileName, Release), RejectionCause> {
        match &listed.kind {
            EntryKind::File => {}
            EntryKind::Folder => return Err(RejectionCause::Directory),
            EntryKind::Other => return Err(RejectionCause::NotAFile),
            EntryKind::LeadsOut => return Err(RejectionCause::Unreadable(LeadsOut.to_string())),
            EntryKind::Unreadable(reason) | EntryKind::Unknown(reason) => {
                return Err(RejectionCause::Unreadable(reason.clone()));
            }
        }
        let file_name: FileName = listed.name.parse()?;
        let content = store
            .read(path, self.limit, &mut self.buffer)
            .map_err(|error| io::Error::from(error.kind))?;
        let content = content.ok_or(RejectionCause::Vanished)?;
        if content.stamp != listed.stamp {
            return Err(RejectionCause::Changed);
        }
        let tarball = self.unpacker.unpack(&self.buffer)?;
        file_name.check(&tarball.metadata)?;
        Ok((file_name, tarball.into_release(self.repository)))
    }
}

/// Locks a list, also after a panic: a list that is only pushed to and popped from is always whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
