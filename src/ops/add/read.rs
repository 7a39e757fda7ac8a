//! Reads and checks the tarballs that are to be added.

use std::collections::{BTreeMap, HashMap, btree_map, hash_map};
use std::fs;
use std::io::Read;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::options::Additions;
use crate::name::PackageName;
use crate::ops::edit::{Error, Options};
use crate::ops::rejection::{Rejection, RejectionCause};
use crate::ops::upstream::{Beside, RemarksBeside};
use crate::package::{DuplicateRelease, Release, Remarks};
use crate::publish::observer::{Observer, Warning, Work};
use crate::regular_file;
use crate::tarball::{self, FileName, Metadata, Unpacker};

/// A sound tarball.
pub(super) struct Addition {
    pub file: FileName,
    pub path: PathBuf,
    pub release: Release,
    /// What upstream says of it, if it lies in a mirror.
    pub upstream: Option<Remarks>,
}

/// Reads and checks every tarball, or reports every one that is not sound.
pub(super) fn read(
    options: &Options,
    additions: &Additions,
    observer: &dyn Observer,
) -> Result<Vec<Addition>, Error> {
    let tarballs = &additions.tarballs;
    observer.began(Work::ReadingTarballs, tarballs.len());
    let unpacker = || {
        if additions.check_contents {
            Unpacker::new(additions.limits)
        } else {
            Unpacker::without_contents(additions.limits)
        }
    };
    let read = tarballs.par_iter().map_init(unpacker, |unpacker, path| {
        let read = read_one(unpacker, path, options, additions, observer);
        read.map_err(|cause| Rejection { location: path.display().to_string(), cause })
    });
    let (mut sound, mut rejections) = (Vec::<Addition>::new(), Vec::new());
    let mut checksums = HashMap::new();
    for read in read.collect::<Vec<_>>() {
        match read {
            Ok(one) => match checksums.entry(one.file.clone()) {
                hash_map::Entry::Vacant(vacant) => {
                    vacant.insert(one.release.outer_checksum);
                    sound.push(one);
                }
                hash_map::Entry::Occupied(other) if *other.get() == one.release.outer_checksum => {}
                hash_map::Entry::Occupied(_) => {
                    let FileName { package, version } = one.file;
                    let cause = DuplicateRelease { package, version }.into();
                    rejections.push(Rejection { location: one.path.display().to_string(), cause });
                }
            },
            Err(rejection) => rejections.push(rejection),
        }
    }
    match NonZeroUsize::new(tarballs.len()) {
        Some(total) if !rejections.is_empty() => Err(Error::Rejected { rejections, total }),
        _ => {
            add_remarks(&mut sound, options, additions, observer)?;
            Ok(sound)
        }
    }
}

fn read_one(
    unpacker: &mut Unpacker,
    path: &Path,
    options: &Options,
    additions: &Additions,
    observer: &dyn Observer,
) -> Result<Addition, RejectionCause> {
    let mut bytes = Vec::new();
    let read = read_bytes(path, additions, &mut bytes);
    observer.progressed(1, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    read?;
    let tarball = unpacker.unpack(&bytes)?;
    let named = path.file_name().and_then(|name| name.to_str()?.parse::<FileName>().ok());
    let file = match &named {
        // A file whose name is not that of a release, such as `package.tar`, cannot have a wrong one.
        Some(named) if tarball.metadata.name.is_some() => {
            named.check(&tarball.metadata)?;
            named.clone()
        }
        named => FileName::of(&tarball.metadata, named.as_ref()).map_err(tarball::Error::from)?,
    };
    if let Some(other) = ambiguous_name(&tarball.metadata, &file, named.as_ref()) {
        let (location, release) = (path.display().to_string(), file.clone());
        observer.warn(Warning::NamedByFile { location, release, other });
    }
    let mut release = tarball.into_release(&options.repository);
    release.remarks.published_at = additions.published_at.map(Into::into);
    Ok(Addition { file, path: path.to_owned(), release, upstream: None })
}

/// For a tarball whose metadata does not name its package: where the name in `file` is from, and what says otherwise.
fn ambiguous_name(
    metadata: &Metadata,
    file: &FileName,
    named: Option<&FileName>,
) -> Option<String> {
    if metadata.name.is_some() {
        return None;
    }
    let app = metadata.app.as_deref().filter(|app| *app != file.package.as_str());
    let app = app.map(|app| format!("the file name; its app is {app}"));
    app.or_else(|| {
        let named = named.filter(|named| *named != file)?;
        let version = &file.version;
        Some(format!("its app; the file is called {named}.tar, and its version is {version}"))
    })
}

/// Reads a tarball, and of one that is too large no more than shows that.
fn read_bytes(
    path: &Path,
    additions: &Additions,
    bytes: &mut Vec<u8>,
) -> Result<(), RejectionCause> {
    let found = fs::metadata(path)?;
    if found.is_dir() {
        return Err(RejectionCause::Directory);
    }
    if !found.is_file() {
        return Err(RejectionCause::NotAFile);
    }
    let limit = u64::try_from(additions.limits.tarball).unwrap_or(u64::MAX);
    regular_file::open(path)?.take(limit.saturating_add(1)).read_to_end(bytes)?;
    Ok(())
}

/// Gives each release the remarks that there are on its tarball where that lies: in a mirror by upstream, in a registry
/// by the registry.
fn add_remarks(
    read: &mut [Addition],
    options: &Options,
    additions: &Additions,
    observer: &dyn Observer,
) -> Result<(), Error> {
    let mut packages: BTreeMap<(PathBuf, PackageName), Beside> = BTreeMap::new();
    for addition in read {
        let Some(directory) = Beside::directory(&addition.path) else { continue };
        let key = (directory, addition.file.package.clone());
        let beside = match packages.entry(key) {
            btree_map::Entry::Occupied(known) => known.into_mut(),
            btree_map::Entry::Vacant(unknown) => {
                let (directory, package) = unknown.key();
                let signing = options.key.public_key();
                let beside = Beside::read(directory, package, signing, observer)?;
                unknown.insert(beside)
            }
        };
        let RemarksBeside { all, upstream } = beside.release(&addition.release);
        let published_at = additions.published_at.map(Into::into).or(all.published_at);
        addition.release.remarks = Remarks { published_at, ..all };
        addition.upstream = upstream;
    }
    Ok(())
}
