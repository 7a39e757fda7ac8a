//! What differs between two states of `versions`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::registry_change::{ChangeKind, RegistryChange};
use crate::name::PackageName;
use crate::package::{Marks, Release, UnixSeconds};
use crate::registry::{ListedVersion, Releases, Versions};
use crate::version::Version;

/// The longest message of a retirement that is kept, in characters.
const LONGEST_MESSAGE: usize = 1_000;

/// The most advisories of a release that are named.
const MOST_ADVISORIES: usize = 50;

/// The longest identifier of an advisory that is kept, in characters.
const LONGEST_ID: usize = 100;

/// Reads the file of a package; `None` if it is missing or cannot be read.
pub type PackageDetails<'a> = dyn Fn(&PackageName) -> Option<Arc<Releases>> + 'a;

/// The changes from one state to the next, in no order. Of more than `limit` changes, retirements and advisories are
/// kept first, and only for those that are kept is the file of a package read.
pub(super) fn compare(
    before: &Versions,
    after: &Versions,
    seen_at: UnixSeconds,
    details: &PackageDetails<'_>,
    limit: usize,
) -> Vec<RegistryChange> {
    let mut changes = differences(before, after, seen_at);
    changes.sort_by_key(|change| change.kind.rank());
    changes.truncate(limit);
    let mut by_package: BTreeMap<PackageName, Vec<&mut RegistryChange>> = BTreeMap::new();
    for change in changes.iter_mut().filter(|change| change.kind != ChangeKind::Removed) {
        by_package.entry(change.package.clone()).or_default().push(change);
    }
    for (package, changes) in by_package {
        let Some(releases) = details(&package) else { continue };
        for change in changes {
            let release = releases.releases.iter();
            let mut release = release.filter(|one| Some(&one.version) == change.version.as_ref());
            if let Some(release) = release.next() {
                add_details(change, release);
            }
        }
    }
    changes
}

fn add_details(change: &mut RegistryChange, release: &Release) {
    let remarks = &release.remarks;
    change.published_at = remarks.published_at.as_ref().map(|time| time.seconds);
    match (&mut change.kind, &remarks.retired) {
        (ChangeKind::Retired { reason, message }, Some(retired)) => {
            *reason = Some(retired.reason);
            *message = retired.message.as_deref().map(|text| cut(text, LONGEST_MESSAGE));
        }
        (ChangeKind::Advised { ids }, _) => {
            let advisories = remarks.advisories.iter().take(MOST_ADVISORIES);
            *ids = advisories.map(|advisory| cut(&advisory.id, LONGEST_ID)).collect();
        }
        _ => {}
    }
}

fn cut(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}

/// The changes without what only the files of packages say.
fn differences(before: &Versions, after: &Versions, seen_at: UnixSeconds) -> Vec<RegistryChange> {
    let change = |package: &PackageName, version: Option<&Version>, kind| RegistryChange {
        package: package.clone(),
        version: version.cloned(),
        kind,
        seen_at: Some(seen_at),
        published_at: None,
    };
    // A registry that another tool wrote need not be sorted.
    let mut known: HashMap<&PackageName, &[ListedVersion]> =
        before.packages.iter().map(|(name, versions)| (name, versions.as_slice())).collect();
    let mut changes = Vec::new();
    for (package, versions) in &after.packages {
        let Some(old) = known.remove(package) else {
            changes.push(change(package, newest(versions), ChangeKind::NewPackage));
            continue;
        };
        if old == versions.as_slice() {
            continue;
        }
        let mut old: HashMap<&Version, Marks> =
            old.iter().map(|listed| (&listed.version, listed.marks)).collect();
        for ListedVersion { version, marks } in versions {
            let mut add = |kind| changes.push(change(package, Some(version), kind));
            let Some(before) = old.remove(version) else {
                add(ChangeKind::NewRelease);
                continue;
            };
            match (before.retired, marks.retired) {
                (false, true) => add(ChangeKind::Retired { reason: None, message: None }),
                (true, false) => add(ChangeKind::Unretired),
                _ => {}
            }
            if marks.with_advisories && !before.with_advisories {
                add(ChangeKind::Advised { ids: Vec::new() });
            }
        }
        let removed = old.into_keys();
        changes.extend(removed.map(|version| change(package, Some(version), ChangeKind::Removed)));
    }
    changes.extend(known.into_keys().map(|package| change(package, None, ChangeKind::Removed)));
    changes
}

/// The newest version; a pre-release only if there is no other.
fn newest(versions: &[ListedVersion]) -> Option<&Version> {
    let versions = versions.iter().map(|listed| &listed.version);
    versions.max_by_key(|version| (!version.is_pre_release(), *version))
}
