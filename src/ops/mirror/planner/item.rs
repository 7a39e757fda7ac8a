//! One selected package: what is known of it, and which of its releases are mirrored.

use std::collections::BTreeSet;

use super::setup::Setup;
use crate::name::PackageName;
use crate::ops::mirror::file_error::FileError;
use crate::ops::mirror::selection::Want;
use crate::ops::mirror::task::{PackageFile, TarballToFetch};
use crate::ops::mirror::trust;
use crate::package::{Dependency, Release};
use crate::publish::withdrawn::Withdrawn;
use crate::registry::Releases;
use crate::tarball::FileName;
use crate::version::Version;

/// A selected package.
#[derive(Debug, Default)]
pub(super) struct Item {
    pub wants: Vec<Want>,
    /// The releases in the mirror before the run.
    pub held: Option<Releases>,
    /// Its releases, once they are known.
    pub releases: Option<Releases>,
    /// The file to write, if the mirror does not have it.
    pub file: Option<PackageFile>,
    /// What that file no longer says.
    pub withdrawn: Vec<Withdrawn>,
    /// How many of the wants have been considered.
    pub considered: usize,
    /// The selected releases.
    pub selected: BTreeSet<Version>,
    /// How many tarballs are still to be checked.
    pub waits_for: usize,
    pub failed: bool,
}

/// What follows from wants that were not considered before.
pub(super) struct Considered {
    /// Releases that were not selected before.
    pub selected: Vec<FileName>,
    /// The tarballs of these that have to be fetched or checked.
    pub tarballs: Vec<TarballToFetch>,
    pub dependencies: Vec<Dependency>,
    /// Wants that no release matches.
    pub unmatched: Vec<FileError>,
}

impl Item {
    /// Selects the releases that match new wants; `None` while the releases are not known.
    pub fn consider(&mut self, name: &PackageName, setup: &Setup) -> Option<Considered> {
        let releases = self.releases.as_ref()?;
        let mut considered = Considered {
            selected: Vec::new(),
            tarballs: Vec::new(),
            dependencies: Vec::new(),
            unmatched: Vec::new(),
        };
        for want in self.wants.iter().skip(self.considered) {
            let mut matching = releases.releases.iter().filter(|one| want.matches(&one.version));
            match want {
                Want::Pinned(pin) if matching.clone().next().is_none() => {
                    let (lock, version) = (pin.lock.clone(), pin.version.clone());
                    considered.unmatched.push(FileError::NoSuchRelease { lock, version });
                }
                // A package without releases is complete without any.
                Want::Matching { requirement: Some(_), .. }
                    if matching.clone().next().is_none() =>
                {
                    considered.unmatched.push(FileError::NothingMatches);
                }
                Want::Matching { with_deps: true, .. } => {
                    let dependencies = matching.by_ref().flat_map(|one| one.dependencies.clone());
                    considered.dependencies.extend(dependencies);
                }
                _ => {}
            }
        }
        self.considered = self.wants.len();
        for release in &releases.releases {
            let wants = self.wants.iter().filter(|want| want.matches(&release.version));
            let wants: Vec<_> = wants.collect();
            if wants.is_empty() || !self.selected.insert(release.version.clone()) {
                continue;
            }
            let file = FileName { package: name.clone(), version: release.version.clone() };
            let tarball = tarball_to_fetch(&file, release, self.held.as_ref(), &wants, setup);
            considered.tarballs.extend(tarball);
            considered.selected.push(file);
        }
        self.waits_for = self.waits_for.saturating_add(considered.tarballs.len());
        Some(considered)
    }
}

/// The tarball of a release, unless the mirror has it and the same checksum was in its file before.
fn tarball_to_fetch(
    file: &FileName,
    release: &Release,
    held: Option<&Releases>,
    wants: &[&Want],
    setup: &Setup,
) -> Option<TarballToFetch> {
    let Release { inner_checksum, outer_checksum, .. } = *release;
    let pins: Vec<_> = wants.iter().filter_map(|want| want.pin()).collect();
    let contradicts = pins.iter().find(|pin| !pin.agrees(inner_checksum, outer_checksum)).copied();
    let on_disk = setup.contents.tarballs.contains(file);
    let is_trusted = on_disk && trust::holds(held, release) && !setup.refresh.all;
    if is_trusted && contradicts.is_none() {
        return None;
    }
    Some(TarballToFetch {
        file: file.clone(),
        inner_checksum,
        outer_checksum,
        pin: contradicts.or(pins.first().copied()).cloned(),
        on_disk,
        is_accepted: setup.accept.contains(&file.package)
            || trust::held_young(held, &file.version, setup.now),
    })
}
