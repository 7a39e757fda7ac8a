//! Reads what registries say of locked releases: each file once, several at a time.

use std::collections::{HashMap, HashSet};

use rayon::prelude::*;

use super::request::{CheckRequest, PolicyToCheck};
use super::source::CheckSource;
use crate::checksum::OuterChecksum;
use crate::lockfile::Pinned;
use crate::name::PackageName;
use crate::ops::registry_source::SourceError;
use crate::package::Release;
use crate::publish::observer::{Observer, Work};
use crate::registry::Releases;
use crate::tarball::FileName;

/// A package of one of the sources, by its index.
type PackageOfSource = (usize, PackageName);

/// What registries say of the locked releases.
pub(super) struct ReadReleases {
    packages: HashMap<PackageOfSource, Releases>,
    /// The licences of releases of which they are needed; `None` if there is no tarball.
    licenses: HashMap<OuterChecksum, Option<Vec<String>>>,
}

/// Where a locked release comes from.
pub(super) struct FoundRelease<'a> {
    pub source: &'a CheckSource,
    /// What policies call its repository.
    pub repository: String,
    pub package: &'a Releases,
    /// `None` if the package does not have the version.
    pub release: Option<&'a Release>,
}

impl ReadReleases {
    /// Reads what the request needs.
    pub fn read(request: &CheckRequest<'_>, observer: &dyn Observer) -> Result<Self, SourceError> {
        let pinned = || request.locks.iter().flat_map(|lock| &lock.file.pinned);
        let needed = pinned().flat_map(|pinned| {
            let sources = candidates(request.sources, pinned);
            sources.map(|(source, _)| (source, pinned.package.clone()))
        });
        let needed: HashSet<PackageOfSource> = needed.collect();
        observer.began(Work::ReadingLocked, needed.len());
        let packages = needed.into_par_iter().filter_map(|(source, name)| {
            let registry = request.sources.get(source)?.registry();
            let package = registry.package(&name).transpose();
            observer.progressed(1, 0);
            let package = package?;
            Some(package.map(|package| ((source, name), package)))
        });
        let packages = packages.collect::<Result<_, _>>()?;
        let read = Self { packages, licenses: HashMap::new() };
        let needed = pinned().filter_map(|pinned| {
            let found = read.find(request, pinned)?;
            let release = found.release?;
            let needs_license = request.policies.iter().any(|policy| {
                let rules = policy.gate.rules_for(&found.repository);
                rules.is_some_and(|rules| {
                    rules.needs_license(pinned.package.as_str(), &pinned.version)
                })
            });
            let file =
                FileName { package: pinned.package.clone(), version: pinned.version.clone() };
            needs_license.then_some((release.outer_checksum, (found.source, file)))
        });
        let needed: HashMap<_, _> = needed.collect();
        observer.began(Work::ReadingLocked, needed.len());
        let licenses = needed.into_par_iter().map(|(checksum, (source, file))| {
            let description = source.registry().description(&file, checksum)?;
            observer.progressed(1, 0);
            Ok((checksum, description.map(|description| description.licenses)))
        });
        let licenses = licenses.collect::<Result<_, SourceError>>()?;
        Ok(Self { licenses, ..read })
    }

    /// What is known of a locked release; `None` if no source has the package.
    ///
    /// A `rebar.lock` does not say of which repository a package is. Of several, the one counts whose release has the
    /// checksum that is locked, or else the first.
    pub fn find<'a>(
        &'a self,
        request: &CheckRequest<'a>,
        pinned: &Pinned,
    ) -> Option<FoundRelease<'a>> {
        let found = candidates(request.sources, pinned).filter_map(|(number, source)| {
            let package = self.packages.get(&(number, pinned.package.clone()))?;
            let mut releases = package.releases.iter();
            let release = releases.find(|release| release.version == pinned.version);
            let repository = match &pinned.repository {
                Some(repository) => repository.clone(),
                None => name_in_policies(request, source),
            };
            Some(FoundRelease { source, repository, package, release })
        });
        let mut found: Vec<_> = found.collect();
        let is_locked = |one: &FoundRelease<'_>| one.release.is_some_and(|it| matches(it, pinned));
        let index = found.iter().position(is_locked).unwrap_or_default();
        (index < found.len()).then(|| found.swap_remove(index))
    }

    /// The licences of a release; `None` if the registry does not have its tarball.
    pub fn licenses(&self, release: &Release) -> Option<&[String]> {
        self.licenses.get(&release.outer_checksum)?.as_deref()
    }
}

/// The sources that may have a locked package, and their indexes.
pub(super) fn candidates<'a>(
    sources: &'a [CheckSource],
    pinned: &Pinned,
) -> impl Iterator<Item = (usize, &'a CheckSource)> {
    let is_meant = move |source: &CheckSource| match &pinned.repository {
        Some(repository) => source.is_called(repository),
        None => source.has(&pinned.package),
    };
    sources.iter().enumerate().filter(move |(_, source)| is_meant(source))
}

/// Whether a release has the checksums that are locked.
pub(super) fn matches(release: &Release, pinned: &Pinned) -> bool {
    let inner = pinned.inner_checksum.is_none_or(|inner| inner == release.inner_checksum);
    let outer = pinned.outer_checksum.is_none_or(|outer| outer == release.outer_checksum);
    inner && outer
}

/// What policies call a repository that the lock file does not name: an organisation of hex.pm is `hexpm:NAME` to clients.
fn name_in_policies(request: &CheckRequest<'_>, source: &CheckSource) -> String {
    let (plain, organisation) =
        (source.repository().to_string(), format!("hexpm:{}", source.repository()));
    let has_rules = |name: &str| {
        let has = |rules: &PolicyToCheck<'_>| {
            rules.policy.rules_for(name).is_some() || rules.gate.rules_for(name).is_some()
        };
        request.policies.iter().any(has)
    };
    if !has_rules(&plain) && has_rules(&organisation) { organisation } else { plain }
}
