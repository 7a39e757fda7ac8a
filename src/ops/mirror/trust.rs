//! What of upstream's files is not trusted: upstream's key signs replayed and changed files too, so each is compared
//! with upstream's indexes and with the mirror's file.

use std::collections::BTreeMap;

use super::file_error::FileError;
use super::indexes::Listing;
use crate::package::{Release, UnixSeconds};
use crate::publish::withdrawn::{Withdrawn, WithdrawnRemark};
use crate::registry::Releases;
use crate::tarball::FileName;
use crate::version::Version;

/// In seconds: hex.pm lets owners replace or remove a release of a new package for this long, and other releases for
/// an hour.
const YOUNG: i64 = 24 * 60 * 60;

/// In seconds: how much two clocks may differ.
const CLOCK_SKEW: i64 = 60 * 60;

/// Whether upstream may still replace or remove a release.
pub(super) fn is_young(release: &Release, now: UnixSeconds) -> bool {
    let published_at = release.remarks.published_at.as_ref();
    let age = published_at.map(|published| now.0.saturating_sub(published.seconds.0));
    age.is_some_and(|age| (-CLOCK_SKEW..YOUNG).contains(&age))
}

/// Whether upstream may still remove a package, of which the mirror has these releases.
pub(super) fn may_be_removed(held: &Releases, now: UnixSeconds) -> bool {
    held.releases.iter().all(|release| is_young(release, now))
}

/// Whether the mirror had a release and it is young.
pub(super) fn held_young(held: Option<&Releases>, version: &Version, now: UnixSeconds) -> bool {
    let mut held = held.into_iter().flat_map(|held| &held.releases);
    held.any(|held| held.version == *version && is_young(held, now))
}

/// The error if a package's new file is not trusted. An accepted one may lose or change releases of the `held` file, and
/// each may lose or change young releases.
pub(super) fn objection(
    listing: &Listing,
    held: Option<&Releases>,
    new: &Releases,
    is_accepted: bool,
    now: UnixSeconds,
) -> Option<FileError> {
    let versions: BTreeMap<&Version, &Release> =
        new.releases.iter().map(|release| (&release.version, release)).collect();
    let mut named = listing.versions.iter().map(|listed| &listed.version);
    let behind = named.find(|version| !versions.contains_key(version));
    if let Some(version) = behind {
        return Some(FileError::Behind(version.clone()));
    }
    if is_accepted {
        return None;
    }
    let held = held.map(|held| held.releases.as_slice()).unwrap_or_default();
    let held = held.iter().filter(|release| !is_young(release, now));
    let is_lost = |release: &&Release| !versions.contains_key(&release.version);
    let lost: Vec<_> = held.clone().filter(is_lost).collect();
    if !lost.is_empty() {
        return Some(FileError::Lost(lost.into_iter().map(|one| one.version.clone()).collect()));
    }
    let changed = held.clone().find_map(|held| {
        let said = versions.get(&held.version)?.outer_checksum;
        let (version, held) = (held.version.clone(), held.outer_checksum);
        (held != said).then_some(FileError::Changed { version, held, said })
    });
    // Publishers cannot remove the time of a release: a file without it is older than the file with it.
    let undated = held.filter(|held| {
        let said = versions.get(&held.version).map(|release| &release.remarks.published_at);
        held.remarks.published_at.is_some() && said.is_some_and(Option::is_none)
    });
    let undated: Vec<_> = undated.map(|held| held.version.clone()).collect();
    changed.or_else(|| (!undated.is_empty()).then_some(FileError::Undated(undated)))
}

/// The retirements and advisories that the new file lacks. Upstream may withdraw them: an owner with
/// `mix hex.retire --unretire`, hex.pm where an advisory was wrong. An attacker who replays an older file withdraws them
/// too, and its signature is right.
pub(super) fn withdrawn(held: Option<&Releases>, new: &Releases) -> Vec<Withdrawn> {
    let package = &new.package;
    let mut withdrawn = Vec::new();
    for held in held.into_iter().flat_map(|held| &held.releases) {
        let Some(new) = new.releases.iter().find(|new| new.version == held.version) else {
            continue;
        };
        let release = || FileName { package: package.clone(), version: held.version.clone() };
        let mut add = |remark| withdrawn.push(Withdrawn { release: release(), remark });
        if let Some(retired) = &held.remarks.retired {
            if new.remarks.retired.as_ref().is_none_or(|new| new.reason != retired.reason) {
                add(WithdrawnRemark::Retired(retired.reason));
            }
        }
        for advisory in &held.remarks.advisories {
            let mut known = new.remarks.advisories.iter();
            // An advisory may get another identifier.
            let is_there =
                known.any(|new| new.id == advisory.id || new.aliases.contains(&advisory.id));
            if !is_there {
                add(WithdrawnRemark::Advisory(advisory.id.clone()));
            }
        }
    }
    withdrawn
}

/// Whether the mirror had a release with the same tarball.
pub(super) fn holds(held: Option<&Releases>, release: &Release) -> bool {
    let mut held = held.into_iter().flat_map(|held| &held.releases);
    held.any(|held| {
        held.version == release.version && held.outer_checksum == release.outer_checksum
    })
}
