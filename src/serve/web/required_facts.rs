//! What is known of a package that another one pulls in.

use super::server_packages::ServerPackages;
use super::server_policies::ServerPolicies;
use super::tarballs::KnownContents;
use crate::browse::closure::ClosurePackage;
use crate::browse::pages::RequiredFacts;
use crate::repository::RepositoryPath;
use crate::tarball::FileName;

/// What is known of a package that is pulled in. Its tarball is read only if there is time.
pub(super) fn required_facts(
    packages: &ServerPackages<'_>,
    policies: &ServerPolicies<'_>,
    package: &ClosurePackage,
    reads: bool,
) -> RequiredFacts {
    let Some((searched, name)) = packages.find(&package.name) else {
        return RequiredFacts::default();
    };
    let repository = &searched.repository;
    let release = &package.release;
    let file = FileName { package: name.clone(), version: release.version.clone() };
    let stamp = repository.source.stamp(&RepositoryPath::tarball(&file)).ok().flatten();
    let size = stamp.map(|stamp| stamp.size());
    let mut facts = RequiredFacts {
        url: Some(searched.urls.release(name.as_str(), &release.version)),
        size,
        is_pulled: repository.is_pulled(),
        hidden_by: policies.hiding(&package.name, release),
        ..RequiredFacts::default()
    };
    if reads && size.is_some() {
        let tarballs = &repository.pages.tarballs;
        if let KnownContents::Read(contents) = tarballs.contents(&file, release.outer_checksum) {
            facts.licenses = Some(contents.description.licenses.clone());
            facts.native_code.clone_from(&contents.native_code);
        }
    }
    facts
}
