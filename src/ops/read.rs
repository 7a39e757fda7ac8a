//! From the listing of `tarballs/` to releases, or to every reason why not.

use std::io;
use std::num::NonZeroUsize;

use rayon::prelude::*;

use super::build::{Error, Options};
use crate::cache::KnownTarball;
use crate::name::PackageName;
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
    let worker = || {
        let unpacker = if options.check_contents {
            Unpacker::new(options.limits)
        } else {
            Unpacker::without_contents(options.limits)
        };
        (Vec::new(), unpacker)
    };
    let known = same_as_known(tarballs, known);
    let found =
        tarballs.par_iter().zip(known).map_init(worker, |(buffer, unpacker), (listed, known)| {
            let (package, release) = if let Some(known) = known {
                (known.package, known.release)
            } else {
                let path = Folder::Tarballs.file(&listed.name);
                read(store, &path, listed, options, buffer, unpacker)
                    .map_err(|cause| Rejection { location: store.locate(&path), cause })?
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

/// What one tarball holds.
fn read(
    store: &dyn Store,
    path: &RepositoryPath,
    listed: &Listed,
    options: &Options,
    buffer: &mut Vec<u8>,
    unpacker: &mut Unpacker,
) -> Result<(PackageName, Release), Cause> {
    match &listed.kind {
        Kind::File => {}
        Kind::Folder => return Err(Cause::Directory),
        Kind::Other => return Err(Cause::NotAFile),
        Kind::Unreadable(reason) => return Err(Cause::Unreadable(reason.clone())),
    }
    let file_name: FileName = listed.name.parse()?;
    if !store.read(path, options.limits.tarball, buffer).map_err(|error| error.source)? {
        return Err(Cause::Vanished);
    }
    let tarball = unpacker.unpack(buffer)?;
    file_name.check(&tarball.metadata)?;
    Ok((file_name.package, tarball.into_release(&options.repository)))
}
