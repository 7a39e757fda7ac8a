//! Reads and checks the tarballs that are to be added.

use std::collections::{BTreeMap, HashMap, btree_map, hash_map};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::options::Additions;
use crate::name::PackageName;
use crate::ops::checked_tarball::{CheckedTarball, read_bytes};
use crate::ops::edit::{Error, Options};
use crate::ops::rejection::{Rejection, RejectionCause};
use crate::ops::upstream::{Beside, RemarksBeside};
use crate::package::{DuplicateRelease, Remarks};
use crate::publish::observer::{Observer, Warning, Work};
use crate::tarball::{FileName, Metadata, MetadataFaults, Unpacker, metadata_faults};

/// A sound tarball that is to be added.
pub(super) struct Addition {
    pub tarball: CheckedTarball,
    pub remarks: Remarks,
    /// Whether its time of publication is one that was given for want of a known one.
    pub is_dated: bool,
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
    let unpacker = || Unpacker::of(additions.limits, additions.check_contents);
    let read = tarballs.par_iter().map_init(unpacker, |unpacker, path| {
        let read = read_one(unpacker, path, additions, observer);
        read.map_err(|cause| Rejection { location: path.display().to_string(), cause })
    });
    let (mut sound, mut rejections) = (Vec::new(), Vec::new());
    let mut checksums = HashMap::new();
    for read in read.collect::<Vec<_>>() {
        match read {
            Ok(tarball) => match checksums.entry(tarball.file().clone()) {
                hash_map::Entry::Vacant(vacant) => {
                    vacant.insert(tarball.outer_checksum());
                    sound.push(tarball);
                }
                hash_map::Entry::Occupied(other) if *other.get() == tarball.outer_checksum() => {}
                hash_map::Entry::Occupied(_) => {
                    let location = tarball.path().display().to_string();
                    let FileName { package, version } = tarball.file().clone();
                    let cause = DuplicateRelease { package, version }.into();
                    rejections.push(Rejection { location, cause });
                }
            },
            Err(rejection) => rejections.push(rejection),
        }
    }
    match NonZeroUsize::new(tarballs.len()) {
        Some(total) if !rejections.is_empty() => Err(Error::Rejected { rejections, total }),
        _ => with_remarks(sound, options, additions, observer),
    }
}

fn read_one(
    unpacker: &mut Unpacker,
    path: &Path,
    additions: &Additions,
    observer: &dyn Observer,
) -> Result<CheckedTarball, RejectionCause> {
    let mut bytes = Vec::new();
    let read = read_bytes(path, &additions.limits, &mut bytes);
    observer.progressed(1, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    read?;
    let named = path.file_name().and_then(|name| name.to_str()?.parse::<FileName>().ok());
    let tarball = CheckedTarball::check(unpacker, &bytes, path, named.as_ref())?;
    if let Some(other) = ambiguous_name(tarball.metadata(), tarball.file(), named.as_ref()) {
        let (location, release) = (path.display().to_string(), tarball.file().clone());
        observer.warn(Warning::NamedByFile { location, release, other });
    }
    let faults = metadata_faults(&bytes, &additions.limits)?;
    if let Some(faults) = faults.and_then(MetadataFaults::of_values) {
        let location = path.display().to_string();
        observer.warn(Warning::Metadata { location, faults });
    }
    for notice in tarball.notices() {
        observer.warn(Warning::Release { location: path.display().to_string(), notice });
    }
    Ok(tarball)
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

/// Gives each tarball the remarks that there are on it where it lies: in a mirror by upstream, in a registry by the
/// registry.
fn with_remarks(
    read: Vec<CheckedTarball>,
    options: &Options,
    additions: &Additions,
    observer: &dyn Observer,
) -> Result<Vec<Addition>, Error> {
    let mut packages: BTreeMap<(PathBuf, PackageName), Beside> = BTreeMap::new();
    let mut remarks_beside = |tarball: &CheckedTarball| {
        let Some(directory) = Beside::directory(tarball.path()) else {
            return Ok(RemarksBeside::default());
        };
        let key = (directory, tarball.file().package.clone());
        let beside = match packages.entry(key) {
            btree_map::Entry::Occupied(known) => known.into_mut(),
            btree_map::Entry::Vacant(unknown) => {
                let (directory, package) = unknown.key();
                let signing = options.key.public_key();
                let beside = Beside::read(directory, package, signing, observer)?;
                unknown.insert(beside)
            }
        };
        Ok::<_, Error>(beside.release(&tarball.release_as_mix(&options.repository)))
    };
    let additions = read.into_iter().map(|tarball| {
        let RemarksBeside { all, upstream } = remarks_beside(&tarball)?;
        let known = all.published_at.as_ref();
        let is_dated = additions.published_at.is_default(known);
        let published_at = additions.published_at.or_known(known);
        Ok(Addition { tarball, remarks: Remarks { published_at, ..all }, is_dated, upstream })
    });
    additions.collect()
}
