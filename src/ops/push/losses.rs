//! What clients were told, validly signed, and would be told no longer: somebody else may have added a
//! release, or retired one, where the registry is served.

use std::collections::{BTreeMap, HashMap};

use super::local::Local;
use crate::name::PackageName;
use crate::ops::build::Alarm;
use crate::package::Release;
use crate::policy::Policy;
use crate::published::Published;
use crate::registry::{Releases, Resource, Versions};
use crate::repository::RepositoryPath;
use crate::version::Version;

/// What a policy there has and would lose: an override that another writer may have added, such as a denial, or
/// all that holds for a repository.
pub(super) fn of_policy(
    path: RepositoryPath,
    here: &Policy,
    there: &Published<Policy>,
) -> Option<Alarm> {
    match there {
        Published::Missing | Published::BeingRemoved { .. } => None,
        Published::Unsound { .. } => Some(Alarm::Illegible { path }),
        Published::Present { document: there, .. } => {
            let is_lost = there.repositories.iter().any(|was| {
                let mut parts = here.repositories.iter();
                let is = parts.find(|is| is.repository == was.repository);
                is.is_none_or(|is| {
                    (was.restriction.is_some() && is.restriction.is_none())
                        || was.overrides.iter().any(|one| !is.overrides.contains(one))
                })
            });
            is_lost.then(|| Alarm::Policy { path })
        }
    }
}

/// Each release that would go, become another tarball, or be remarked upon no more. `standing` is what
/// those packages say there whose files differ, and `versions` that index, unless it stays as it is.
pub(super) fn of(
    local: &Local,
    standing: &HashMap<PackageName, Option<Releases>>,
    versions: &Published<Versions>,
) -> Vec<Alarm> {
    let here: BTreeMap<(&PackageName, &Version), &Release> = local
        .packages
        .iter()
        .flat_map(|(name, package)| {
            package.releases.iter().map(move |release| ((name, &release.version), release))
        })
        .collect();
    let mut alarms = Vec::new();
    let there = standing.iter().filter_map(|(name, there)| Some((name, there.as_ref()?)));
    let there: BTreeMap<_, _> = there.collect();
    for (package, release) in
        there.iter().flat_map(|(name, there)| there.releases.iter().map(move |one| (*name, one)))
    {
        let (was, version) = (release.outer_checksum, release.version.clone());
        let alarm = match here.get(&(package, &version)) {
            None => Alarm::Gone { package: package.clone(), version },
            Some(is) if is.outer_checksum != was => {
                let is = is.outer_checksum;
                Alarm::Changed { package: package.clone(), version, was, is }
            }
            Some(is) if !is.remarks.include(&release.remarks) => {
                Alarm::Forgotten { package: package.clone(), version }
            }
            Some(_) => continue,
        };
        alarms.push(alarm);
    }
    let path = RepositoryPath::resource(&Resource::Versions);
    match versions {
        Published::Missing | Published::BeingRemoved { .. } => {}
        Published::Unsound { .. } => alarms.push(Alarm::Illegible { path }),
        Published::Present { document: versions, .. }
            if versions.repository != local.versions.repository =>
        {
            let (was, is) = (versions.repository.clone(), local.versions.repository.clone());
            alarms.push(Alarm::Renamed { path, was, is });
        }
        // What a package there no longer says, `versions` may still name.
        Published::Present { document: versions, .. } => {
            let untold =
                versions.packages.iter().filter(|(package, _)| !there.contains_key(package));
            let named = untold.flat_map(|(package, all)| all.iter().map(move |one| (package, one)));
            let gone = named.filter(|(package, one)| !here.contains_key(&(*package, &one.version)));
            alarms.extend(gone.map(|(package, one)| {
                let (package, version) = (package.clone(), one.version.clone());
                Alarm::Gone { package, version }
            }));
        }
    }
    alarms
}
