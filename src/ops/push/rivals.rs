//! Whether a push may meet another writer that is in the middle of a change.

use std::collections::{HashMap, HashSet};

use super::local::Local;
use crate::name::PackageName;
use crate::publish::{DesiredFile, FileState};
use crate::published::Published;
use crate::registry::{Releases, Versions};
use crate::tarball::FileName;

/// Those of `files` that are tarballs of the destination which no release there names.
pub(super) fn unnamed<'a>(
    local: &Local,
    published: &HashMap<PackageName, Option<Releases>>,
    files: &'a [DesiredFile],
) -> Vec<&'a DesiredFile> {
    let is_named = |file: &FileName| match published.get(&file.package) {
        // The package file there is the same as here.
        None => true,
        Some(package) => {
            let mut releases = package.iter().flat_map(|package| &package.releases);
            releases.any(|one| one.version == file.version)
        }
    };
    let releases = local.files.iter().filter_map(|file| Some((&file.path, file.release.as_ref()?)));
    let unnamed = releases.filter(|(_, (file, _))| !is_named(file)).map(|(path, _)| path);
    let unnamed: HashSet<_> = unnamed.collect();
    let existing = files.iter().filter(|one| !matches!(one.state, FileState::Missing(_)));
    existing.filter(|one| unnamed.contains(&one.path)).collect()
}

/// Whether `versions` is to name releases of packages whose files stay as they are there; or packages that it does not
/// name at all yet, while `names` stays as it is too.
pub(super) fn names_anew(
    local: &Local,
    published: &HashMap<PackageName, Option<Releases>>,
    versions: &Published<Versions>,
    names_stays: bool,
) -> bool {
    let named: HashMap<_, HashSet<_>> = match versions {
        Published::Present { document: versions, .. } => {
            let all = versions.packages.iter();
            all.map(|(name, all)| (name, all.iter().map(|one| &one.version).collect())).collect()
        }
        Published::Missing | Published::BeingRemoved { .. } | Published::Unsound { .. } => {
            HashMap::new()
        }
    };
    local.packages.iter().any(|(name, package)| match named.get(name) {
        None => names_stays || !published.contains_key(name),
        Some(_) if published.contains_key(name) => false,
        Some(named) => package.releases.iter().any(|one| !named.contains(&one.version)),
    })
}
