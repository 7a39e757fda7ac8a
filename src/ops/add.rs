//! `hexreg add`: adds releases to a registry, without the tarballs of all others.

mod options;
mod read;

pub use super::edit::{Error, Options, Report};
pub use options::{Added, Additions, PublicationTime};

use std::cell::Cell;
use std::collections::{BTreeSet, HashSet};
use std::num::NonZeroUsize;

use rayon::prelude::*;

use super::edit::{self, AddedTarball, FileChange, WorkingCopy};
use super::rejection::Rejection;
use crate::name::PackageName;
use crate::package::Release;
use crate::publish::dependencies::{self, DependencyRules};
use crate::publish::observer::Observer;
use crate::publish::transaction::Attempt;
use crate::published::Reader;
use crate::registry::PUBLIC_REPOSITORY;
use crate::store::Store;
use crate::tarball::FileName;
use read::Addition;

/// Adds releases to the registry in `store`, on the threads of the current rayon pool. Those that are there already
/// stay as they are.
///
/// # Errors
/// [`Error`]; unless it is [`Error::Write`], nothing was written.
pub fn add(
    store: &dyn Store,
    options: &Options,
    additions: &Additions,
    observer: &dyn Observer,
) -> Result<Added, Error> {
    let read = read::read(options, additions, observer)?;
    let packages: BTreeSet<PackageName> =
        read.iter().map(|one| one.tarball.file().package.clone()).collect();
    // How many are present, and how many are dated, as the first attempt found it: what later attempts find may be its
    // own work.
    let found = Cell::new(None);
    let report = edit::edit(store, options, observer, &packages, &|attempt, copy| {
        let former: BTreeSet<PackageName> = copy.names.keys().cloned().collect();
        let here = copy.names.keys().chain(copy.versions.keys()).chain(&packages);
        let here: HashSet<PackageName> = here.cloned().collect();
        let rules = DependencyRules {
            repository: &options.repository,
            has_package: &|name| here.contains(name),
            allow_public: &additions.allow_public,
        };
        let added = read.iter().map(|addition| put(copy, addition, &rules, additions));
        let added = added.collect::<Result<Vec<_>, _>>()?;
        let is_first = found.get().is_none();
        let observer: &dyn Observer = if is_first { observer } else { &() };
        check_dependencies(copy, &rules, additions, read.iter().zip(&added), observer)?;
        if is_first {
            warn_of_new_namesakes(attempt, options, additions, &packages, &former, observer)?;
        }
        if is_first {
            let listed = added.iter().filter(|tarball| tarball.is_listed).count();
            let pairs = read.iter().zip(&added);
            let dated = pairs.filter(|(one, added)| one.is_dated && !added.is_listed).count();
            found.set(Some((listed, dated)));
        }
        Ok(added.into_iter().map(FileChange::AddTarball).collect())
    })?;
    let (present, dated) = found.get().unwrap_or_default();
    Ok(Added { report, added: read.len().saturating_sub(present), present, dated })
}

fn put(
    copy: &mut WorkingCopy,
    addition: &Addition,
    rules: &DependencyRules<'_>,
    additions: &Additions,
) -> Result<AddedTarball, Error> {
    let Addition { tarball, remarks, upstream, .. } = addition;
    let FileName { package, version } = tarball.file();
    let (published, is) = (copy.release(package, version), tarball.outer_checksum());
    let was = published.map(|published| published.outer_checksum);
    if let Some(was) = was.filter(|was| *was != is && !additions.replace) {
        return Err(Error::Exists { release: Box::new(tarball.file().clone()), was, is });
    }
    let release = Release { remarks: remarks.clone(), ..tarball.release(rules) };
    let added = AddedTarball::put(copy, tarball, release, additions.replace, additions.now);
    if let Some(upstream) = upstream {
        copy.merge_upstream(package, version, upstream);
    }
    Ok(added)
}

/// Rejects new releases that have a faulty dependency: a requirement that stops clients, or a package that this
/// registry has and that is taken from hex.pm, where it has another owner. Releases that are listed already with the
/// same tarball are warned of.
fn check_dependencies<'a>(
    copy: &WorkingCopy,
    rules: &DependencyRules<'_>,
    additions: &Additions,
    releases: impl Iterator<Item = (&'a Addition, &'a AddedTarball)>,
    observer: &dyn Observer,
) -> Result<(), Error> {
    let mut rejections = Vec::new();
    for (addition, tarball) in releases {
        let FileName { package, version } = &tarball.file;
        let Some(release) = copy.release(package, version) else { continue };
        let Err(faults) = rules.check(&release.dependencies) else { continue };
        if tarball.is_listed {
            dependencies::warn(observer, package, [(release, faults)]);
        } else {
            let location = addition.tarball.path().display().to_string();
            rejections.push(Rejection { location, cause: faults.into() });
        }
    }
    match NonZeroUsize::new(additions.tarballs.len()) {
        Some(total) if !rejections.is_empty() => Err(Error::Rejected { rejections, total }),
        _ => Ok(()),
    }
}

/// Warns if a package that is new here is one that older releases take from hex.pm. To find out, the files of all
/// packages are read, which happens once in the life of a package. In a bucket that would be a request per package,
/// where an addition takes ten in all: there `hexreg verify` and `hexreg build` warn of it.
fn warn_of_new_namesakes(
    attempt: &Attempt<'_>,
    options: &Options,
    additions: &Additions,
    packages: &BTreeSet<PackageName>,
    former: &BTreeSet<PackageName>,
    observer: &dyn Observer,
) -> Result<(), Error> {
    let is_public = options.repository.as_str() == PUBLIC_REPOSITORY;
    if packages.is_subset(former) || is_public || !attempt.can_read_all() {
        return Ok(());
    }
    let rules = DependencyRules {
        repository: &options.repository,
        has_package: &|name| packages.contains(name) && !former.contains(name),
        allow_public: &additions.allow_public,
    };
    let reader = Reader::new(attempt.store(), options.key.public_key().clone());
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
