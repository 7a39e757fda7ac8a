//! What would be lost if one registry took the place of another: another writer may have added a release, or retired
//! one, where the registry is served.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::compare;
use super::kind::Breakage;
use crate::name::PackageName;
use crate::policy::Policy;
use crate::published::Published;
use crate::registry::{Releases, Resource, Versions};
use crate::repository::RepositoryPath;

/// What a policy there has and would lose: an override that another writer may have added, such as a denial, or a
/// restriction.
pub(crate) fn by_other_policy(
    path: RepositoryPath,
    here: &Policy,
    there: &Published<Policy>,
) -> Option<Breakage> {
    match there {
        Published::Missing | Published::BeingRemoved { .. } => None,
        Published::Unsound { .. } => Some(Breakage::Unreadable { path }),
        Published::Present { document: there, .. } => {
            let is_lost = there.repositories.iter().any(|was| {
                let mut parts = here.repositories.iter();
                let is = parts.find(|is| is.repository == was.repository);
                is.is_none_or(|is| {
                    (was.restriction.is_some() && is.restriction.is_none())
                        || was.overrides.iter().any(|one| !is.overrides.contains(one))
                })
            });
            is_lost.then(|| Breakage::PolicyWeakened { path })
        }
    }
}

/// Each release that would be removed, become another tarball, or lose remarks. `there` holds the packages whose files
/// differ, and `versions` that index, unless it stays as it is.
///
/// A mirror of some packages has the indexes of all. A package whose file is only there keeps it, so what `listed`, the
/// index here, names of it is not lost. A package that has a file on neither side cannot be fetched, so that nothing of
/// it is lost.
pub(crate) fn by_other_registry(
    listed: &Versions,
    here: &BTreeMap<PackageName, Releases>,
    there: &HashMap<PackageName, Option<Releases>>,
    versions: &Published<Versions>,
) -> Vec<Breakage> {
    let has_file = |package| here.contains_key(package) || there.contains_key(package);
    let there = there.iter().filter_map(|(name, there)| Some((name, there.as_ref()?)));
    let there: BTreeMap<_, _> = there.collect();
    // Most registries have all of their packages as files.
    let are_all_here = there.keys().all(|name| here.contains_key(*name));
    let only_listed: HashMap<_, HashSet<_>> = if are_all_here {
        HashMap::new()
    } else {
        let listed = listed.packages.iter().filter(|(name, _)| !here.contains_key(name));
        listed.map(|(name, all)| (name, all.iter().map(|one| &one.version).collect())).collect()
    };
    let mut breakages = Vec::new();
    for (name, there) in &there {
        let lost = compare::package(there, here.get(*name), true);
        let listed = only_listed.get(*name);
        breakages.extend(lost.filter(|lost| match (lost, listed) {
            (Breakage::Removed { version, .. }, Some(listed)) => !listed.contains(version),
            _ => true,
        }));
    }
    match versions {
        Published::Missing | Published::BeingRemoved { .. } => {}
        Published::Unsound { .. } => {
            let path = RepositoryPath::resource(&Resource::Versions);
            breakages.push(Breakage::Unreadable { path });
        }
        Published::Present { document: versions, .. } => {
            if let Some(renamed) = compare::name(&versions.repository, &listed.repository) {
                breakages.push(renamed);
                return breakages;
            }
            // `versions` may still name releases that no package file there lists any more.
            for (package, all) in &versions.packages {
                if there.contains_key(package) || !has_file(package) {
                    continue;
                }
                let here = here.get(package).into_iter().flat_map(|here| &here.releases);
                let here: HashSet<_> = here.map(|release| &release.version).collect();
                let removed = all.iter().filter(|listed| !here.contains(&listed.version));
                breakages.extend(removed.map(|listed| {
                    let (package, version) = (package.clone(), listed.version.clone());
                    Breakage::Removed { package, version }
                }));
            }
        }
    }
    breakages
}
