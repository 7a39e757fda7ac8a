//! From the listing of `tarballs/` to releases, or to every reason why not.

use std::io;
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rayon::prelude::*;

use super::build::{Error, Options};
use crate::cache::KnownTarball;
use crate::name::{PackageName, RepositoryName};
use crate::package::{Release, UnixSeconds};
use crate::registry::FoundRelease;
use crate::repository::{Folder, RepositoryPath};
use crate::store::{Kind, Listed, Store};
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
    /// It is not called what clients ask for.
    #[error(transparent)]
    FileName(#[from] InvalidFileName),
    /// It is no sound tarball.
    #[error(transparent)]
    Tarball(#[from] tarball::Error),
}

/// Reads and checks every tarball that is not known, in parallel; in the order of the listing.
pub(super) fn releases(
    store: &dyn Store,
    tarballs: &[Listed],
    options: &Options,
    known: Vec<KnownTarball>,
) -> Result<Vec<FoundRelease>, Error> {
    // As many as there are threads, and each keeps the memory that it has grown.
    let idle: Mutex<Vec<Reader>> = Mutex::default();
    let known = same_as_known(tarballs, known);
    let found = tarballs.par_iter().zip(known).map(|(listed, known)| {
        let (package, release) = if let Some(known) = known {
            (known.package, known.release)
        } else {
            let path = Folder::Tarballs.file(&listed.name);
            let reader = lock(&idle).pop();
            let mut reader = reader.unwrap_or_else(|| Reader::new(options));
            let read = reader.read(store, &path, listed);
            lock(&idle).push(reader);
            read.map_err(|cause| Rejection { location: store.locate(&path), cause })?
        };
        let latest = options.latest.unwrap_or(UnixSeconds(i64::MAX));
        Ok(FoundRelease { package, release, updated_at: listed.modified.min(latest) })
    });
    let (releases, rejections): (Vec<_>, Vec<_>) =
        found.collect::<Vec<_>>().into_iter().partition(Result::is_ok);
    let rejections: Vec<Rejection> = rejections.into_iter().filter_map(Result::err).collect();
    match NonZeroUsize::new(tarballs.len()) {
        Some(total) if !rejections.is_empty() => Err(Error::Rejected { rejections, total }),
        _ => Ok(releases.into_iter().filter_map(Result::ok).collect()),
    }
}

/// For each tarball what is known of it, if it is still the same. Both come by name.
fn same_as_known(tarballs: &[Listed], known: Vec<KnownTarball>) -> Vec<Option<KnownTarball>> {
    let mut known = known.into_iter().peekable();
    let same = tarballs.iter().map(|listed| {
        while known.next_if(|known| known.name < listed.name).is_some() {}
        let same_name = known.next_if(|known| known.name == listed.name);
        same_name.filter(|known| Some(known.stamp) == listed.stamp)
    });
    same.collect()
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
        listed: &Listed,
    ) -> Result<(PackageName, Release), Cause> {
        match &listed.kind {
            Kind::File => {}
            Kind::Folder => return Err(Cause::Directory),
            Kind::Other => return Err(Cause::NotAFile),
            Kind::Unreadable(reason) => return Err(Cause::Unreadable(reason.clone())),
        }
        let file_name: FileName = listed.name.parse()?;
        if !store.read(path, self.limit, &mut self.buffer).map_err(|error| error.source)? {
            return Err(Cause::Vanished);
        }
        let tarball = self.unpacker.unpack(&self.buffer)?;
        file_name.check(&tarball.metadata)?;
        Ok((file_name.package, tarball.into_release(self.repository)))
    }
}

/// A list that a panic left behind is whole: it is pushed to and popped from, nothing else.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
