//! Checks each tarball and compares it with the registry.

use rayon::prelude::*;

use super::Options;
use super::problem::{Defect, Problem};
use super::resources::Resources;
use super::tree::Tree;
use crate::checksum::OuterChecksum;
use crate::name::RepositoryName;
use crate::package::{Dependency, Release};
use crate::publish::dependencies::is_reading;
use crate::publish::observer::Observer;
use crate::registry::Releases;
use crate::repository::{Folder, RepositoryPath};
use crate::store::Store;
use crate::tarball::{self, FileName, Unpacker};

/// Checks the tarball of every release.
pub(super) fn check(
    store: &dyn Store,
    tree: &Tree,
    resources: &Resources,
    options: &Options,
    observer: &dyn Observer,
) -> Vec<Problem> {
    let releases: Vec<(&Releases, &Release)> = resources
        .packages
        .values()
        .flat_map(|package| package.releases.iter().map(move |release| (package, release)))
        .collect();
    let is_whole = tree.is_whole(Folder::Tarballs);
    let reader = || {
        let unpacker = Unpacker::of(options.limits, options.check_contents);
        (unpacker, Vec::new())
    };
    let checked =
        releases.into_par_iter().map_init(reader, |(unpacker, bytes), (package, release)| {
            let name =
                FileName { package: package.package.clone(), version: release.version.clone() };
            let path = RepositoryPath::tarball(&name);
            let read = store.read(&path, options.limits.tarball, bytes);
            let defects = match read {
                Ok(Some(_)) => defects(unpacker, bytes, &name, release, &package.repository),
                // The folder could not be read, which is a problem of its own.
                Ok(None) | Err(_) if !is_whole => Vec::new(),
                Ok(None) => vec![Defect::Missing],
                Err(error) => vec![Defect::unreadable(error)],
            };
            observer.progressed(1, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            defects.into_iter().map(|defect| defect.at(path.clone())).collect::<Vec<_>>()
        });
    checked.flatten_iter().collect()
}

/// The defects of one tarball.
fn defects(
    unpacker: &mut Unpacker,
    bytes: &[u8],
    name: &FileName,
    release: &Release,
    repository: &RepositoryName,
) -> Vec<Defect> {
    let read = unpacker.unpack(bytes);
    let found = match &read {
        // The file was not read to its end, so it has no checksum.
        Err(tarball::Error::TooLarge { limit }) => {
            return vec![tarball::Error::TooLarge { limit: *limit }.into()];
        }
        Err(_) => OuterChecksum::of(bytes),
        // Hashing takes most of the time: do it once.
        Ok(tarball) => tarball.outer_checksum,
    };
    let mut defects = Vec::new();
    if found != release.outer_checksum {
        defects.push(Defect::OuterChecksum { found, signed: release.outer_checksum });
    }
    let tarball = match read {
        Ok(tarball) => tarball,
        Err(error) => {
            defects.push(error.into());
            return defects;
        }
    };
    if tarball.inner_checksum != release.inner_checksum {
        let (found, signed) = (tarball.inner_checksum, release.inner_checksum);
        defects.push(Defect::InnerChecksum { found, signed });
    }
    if let Err(error) = name.check(&tarball.metadata) {
        defects.push(error.into());
    }
    let found = sorted(tarball.metadata.requirements);
    let signed = sorted(release.dependencies.iter().cloned().map(|one| one.seen_from(repository)));
    let mut pairs = signed.iter().zip(&found);
    if found.len() != signed.len() || !pairs.all(|(one, two)| is_reading(one, two, repository)) {
        let found: Vec<_> = found.into_iter().map(|one| one.seen_from(repository)).collect();
        defects.push(Defect::Dependencies { found: list(&found), signed: list(&signed) });
    }
    defects
}

/// Sorts by package name. Hex has an order of its own.
fn sorted(dependencies: impl IntoIterator<Item = Dependency>) -> Vec<Dependency> {
    let mut dependencies: Vec<_> = dependencies.into_iter().collect();
    dependencies.sort_by(|a, b| a.package.cmp(&b.package));
    dependencies
}

/// Such as `bar ~> 1.0, baz >= 0.0.0 (optional)`.
fn list(dependencies: &[Dependency]) -> String {
    let one = |dependency: &Dependency| {
        let Dependency { package, requirement, optional, app, repository } = dependency;
        let app = if app == package { String::new() } else { format!(" as {app}") };
        let optional = if *optional { " (optional)" } else { "" };
        let repository = repository.as_ref().map(|name| format!(" of {name}")).unwrap_or_default();
        format!("{package} {}{app}{repository}{optional}", requirement.0)
    };
    match dependencies {
        [] => "nothing".to_owned(),
        _ => dependencies.iter().map(one).collect::<Vec<_>>().join(", "),
    }
}
