//! `hexreg add`: releases into a registry, without the tarballs of all others.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap, btree_map, hash_map};
use std::fs;
use std::io::Read;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

pub use super::amend::{Error, Options, Report};

use super::amend::{self, Draft, Tarball};
use super::build::{Cause, Rejection};
use super::dependencies::{self, DependencyRules};
use super::upstream::{Beside, Said};
use crate::name::PackageName;
use crate::package::{Release, Remarks, UnixSeconds};
use crate::publish::observer::{Observer, Warning, Work};
use crate::published::Reader;
use crate::registry::PUBLIC_REPOSITORY;
use crate::regular_file;
use crate::repository::ByteSource;
use crate::store::Store;
use crate::tarball::{self, FileName, Limits, Metadata, Unpacker};

/// Which releases to add.
#[derive(Clone, Debug)]
pub struct Additions {
    /// Their tarballs, as files of this machine.
    pub tarballs: Vec<PathBuf>,
    /// What clients accept.
    pub limits: Limits,
    /// Whether to inflate and check what is in them.
    pub check_contents: bool,
    /// Whether they may take the place of releases that were published.
    pub replace: bool,
    /// Packages of hex.pm that they may require, though this registry has others of their names.
    pub allow_public: BTreeSet<PackageName>,
    /// When their packages were last changed: now.
    pub now: UnixSeconds,
    /// What to say of when they were published, if anything.
    pub published_at: Option<UnixSeconds>,
}

/// What was added, or with a dry run would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// What changed.
    pub report: Report,
    /// How many releases are new, or another tarball.
    pub added: usize,
    /// How many were there already.
    pub present: usize,
}

/// A tarball that is sound.
struct Addition {
    file: FileName,
    path: PathBuf,
    release: Release,
    /// What upstream says of it, where it lies in a mirror.
    upstream: Option<Remarks>,
}

/// Adds releases to the registry in `store`, on the threads of the current rayon pool. Those that are
/// there already stay as they are.
///
/// # Errors
/// [`Error`]; unless it is [`Error::Write`], nothing was written.
pub fn add(
    store: &dyn Store,
    options: &Options,
    additions: &Additions,
    observer: &dyn Observer,
) -> Result<Added, Error> {
    let mut read = read(options, additions, observer)?;
    remark(&mut read, options, additions, observer)?;
    let packages: BTreeSet<PackageName> = read.iter().map(|one| one.file.package.clone()).collect();
    // Of the first attempt: what the next ones find may be its own work.
    let present = Cell::new(None);
    let report = amend::amend(store, options, observer, &packages, &|draft| {
        let former: BTreeSet<PackageName> = draft.names.keys().cloned().collect();
        let put = read.iter().map(|addition| put(draft, addition, additions));
        let put = put.collect::<Result<Vec<_>, _>>()?;
        let is_first = present.get().is_none();
        let observer: &dyn Observer = if is_first { observer } else { &() };
        check_dependencies(draft, options, additions, read.iter().zip(&put), observer)?;
        if is_first {
            warn_of_new_namesakes(store, options, additions, &packages, &former, observer)?;
        }
        let is_present = |one: &&Tarball| matches!(one, Tarball::Stands { is_listed: true, .. });
        present.set(present.get().or(Some(put.iter().filter(is_present).count())));
        Ok(put)
    })?;
    let present = present.get().unwrap_or_default();
    Ok(Added { report, added: read.len().saturating_sub(present), present })
}

/// Refuses new releases that have a dependency with a fault: a requirement that stops clients, or a package of
/// this registry that is taken from hex.pm, where it has another owner. Those that are listed already with the same
/// tarball are told of.
fn check_dependencies<'a>(
    draft: &Draft,
    options: &Options,
    additions: &Additions,
    releases: impl Iterator<Item = (&'a Addition, &'a Tarball)>,
    observer: &dyn Observer,
) -> Result<(), Error> {
    let rules = DependencyRules {
        repository: &options.repository,
        has_package: &|name| draft.names.contains_key(name) || draft.versions.contains_key(name),
        allow_public: &additions.allow_public,
    };
    let mut rejections = Vec::new();
    for (addition, tarball) in releases {
        let Addition { file, path, release, .. } = addition;
        let Err(faults) = rules.check(&release.dependencies) else { continue };
        if matches!(tarball, Tarball::Stands { is_listed: true, .. }) {
            dependencies::warn(observer, &file.package, [(release, faults)]);
        } else {
            let location = path.display().to_string();
            rejections.push(Rejection { location, cause: faults.into() });
        }
    }
    match NonZeroUsize::new(additions.tarballs.len()) {
        Some(total) if !rejections.is_empty() => Err(Error::Rejected { rejections, total }),
        _ => Ok(()),
    }
}

/// A package that is new here may be one that older releases take from hex.pm. To know, the files of all
/// packages are read, which happens once in the life of a package. In a bucket that would be a request a
/// package, where an addition takes ten in all: there `hexreg verify` and `hexreg build` warn of it.
fn warn_of_new_namesakes(
    store: &dyn Store,
    options: &Options,
    additions: &Additions,
    packages: &BTreeSet<PackageName>,
    former: &BTreeSet<PackageName>,
    observer: &dyn Observer,
) -> Result<(), Error> {
    let is_public = options.repository.as_str() == PUBLIC_REPOSITORY;
    if packages.is_subset(former) || is_public || store.is_conditional() {
        return Ok(());
    }
    let rules = DependencyRules {
        repository: &options.repository,
        has_package: &|name| packages.contains(name) && !former.contains(name),
        allow_public: &additions.allow_public,
    };
    let reader = Reader::new(store, options.key.public_key().clone());
    former.par_iter().try_for_each_init(Vec::new, |buffer, name| {
        let Some(package) = reader.package(name, buffer)?.document() else { return Ok(()) };
        let faulty = package.releases.iter().filter_map(|release| {
            let faults = rules.check(&release.dependencies).err()?;
            Some((release, faults.public_namesakes()?))
        });
        dependencies::warn(observer, name, faulty);
        Ok(())
    })
}

fn put(draft: &mut Draft, addition: &Addition, additions: &Additions) -> Result<Tarball, Error> {
    let Addition { file, path, release, upstream } = addition;
    let checksum = release.outer_checksum;
    let standing = draft.release(&file.package, &file.version).map(|one| one.outer_checksum);
    match standing {
        Some(was) if was != checksum && !additions.replace => {
            let release = Box::new(file.clone());
            return Err(Error::Exists { release, was, is: checksum });
        }
        _ => draft.put(&file.package, release.clone(), additions.now),
    }
    if let Some(upstream) = upstream {
        draft.remark(&file.package, &file.version, upstream);
    }
    Ok(Tarball::Stands {
        file: file.clone(),
        source: ByteSource::file(path.clone(), Some(checksum)).modified(additions.now),
        checksum,
        is_listed: standing == Some(checksum),
        replaces: additions.replace,
    })
}

/// Says of each release what is said of its tarball where that lies: in a mirror by upstream, in a registry by it.
fn remark(
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
        let Said { all, upstream } = beside.release(&addition.release);
        let published_at = additions.published_at.map(Into::into).or(all.published_at);
        addition.release.remarks = Remarks { published_at, ..all };
        addition.upstream = upstream;
    }
    Ok(())
}

/// Reads and checks every tarball, or tells of every one that is not sound.
fn read(
    options: &Options,
    additions: &Additions,
    observer: &dyn Observer,
) -> Result<Vec<Addition>, Error> {
    let tarballs = &additions.tarballs;
    observer.began(Work::ReadingTarballs, tarballs.len());
    let reader = || {
        if additions.check_contents {
            Unpacker::new(additions.limits)
        } else {
            Unpacker::without_contents(additions.limits)
        }
    };
    let read = tarballs.par_iter().map_init(reader, |unpacker, path| {
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
                    let cause = crate::package::DuplicateRelease { package, version }.into();
                    rejections.push(Rejection { location: one.path.display().to_string(), cause });
                }
            },
            Err(rejection) => rejections.push(rejection),
        }
    }
    match NonZeroUsize::new(tarballs.len()) {
        Some(total) if !rejections.is_empty() => Err(Error::Rejected { rejections, total }),
        _ => Ok(sound),
    }
}

fn read_one(
    unpacker: &mut Unpacker,
    path: &Path,
    options: &Options,
    additions: &Additions,
    observer: &dyn Observer,
) -> Result<Addition, Cause> {
    let mut bytes = Vec::new();
    let read = read_bytes(path, additions, &mut bytes);
    observer.went_on(1, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    read?;
    let tarball = unpacker.unpack(&bytes)?;
    let named = path.file_name().and_then(|name| name.to_str()?.parse::<FileName>().ok());
    let file = match &named {
        // One that is called otherwise altogether, such as `package.tar`, has no name to be wrong.
        Some(named) if tarball.metadata.name.is_some() => {
            named.check(&tarball.metadata)?;
            named.clone()
        }
        named => FileName::of(&tarball.metadata, named.as_ref()).map_err(tarball::Error::from)?,
    };
    if let Some(other) = otherwise(&tarball.metadata, &file, named.as_ref()) {
        let (location, release) = (path.display().to_string(), file.clone());
        observer.warn(Warning::NamedByFile { location, release, other });
    }
    let mut release = tarball.into_release(&options.repository);
    release.remarks.published_at = additions.published_at.map(Into::into);
    Ok(Addition { file, path: path.to_owned(), release, upstream: None })
}

/// Where the name in `file` is from, and what says otherwise, of a tarball that does not say it itself.
fn otherwise(metadata: &Metadata, file: &FileName, named: Option<&FileName>) -> Option<String> {
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

/// Reads no more of a file than tells that it is too large.
fn read_bytes(path: &Path, additions: &Additions, bytes: &mut Vec<u8>) -> Result<(), Cause> {
    let found = fs::metadata(path)?;
    if found.is_dir() {
        return Err(Cause::Directory);
    }
    if !found.is_file() {
        return Err(Cause::NotAFile);
    }
    let limit = u64::try_from(additions.limits.tarball).unwrap_or(u64::MAX);
    regular_file::open(path)?.take(limit.saturating_add(1)).read_to_end(bytes)?;
    Ok(())
}
