//! The packages that a client of this server can have, as it is asked what a release pulls in.

use std::sync::Arc;

use super::found::Searched;
use crate::browse::closure::{Lookup, PackageSource, QualifiedName};
use crate::name::PackageName;
use crate::serve::overview::RepositoryState;
use crate::serve::repository::Repository;

/// The repositories that the client may read.
pub(super) struct ServerPackages<'a> {
    /// The repository of the page.
    pub own: &'a Searched,
    pub others: &'a [Searched],
}

impl ServerPackages<'_> {
    /// The repository whose signed files have this name.
    pub fn repository(&self, name: &str) -> Option<&Searched> {
        let all = std::iter::once(self.own).chain(self.others);
        let mut named = all.filter(|one| match &*one.repository.overview.current() {
            RepositoryState::Built(overview) => overview.repository.as_str() == name,
            RepositoryState::NotBuilt | RepositoryState::Unsound(_) => false,
        });
        named.next()
    }

    /// The repository that has a package, and the name of the package.
    pub fn find(&self, name: &QualifiedName) -> Option<(&Searched, PackageName)> {
        Some((self.repository(&name.repository)?, name.package.parse().ok()?))
    }
}

impl PackageSource for ServerPackages<'_> {
    fn releases(&self, repository: &str, package: &str) -> Lookup {
        let Ok(name) = package.parse::<PackageName>() else { return Lookup::Missing };
        let Some(searched) = self.repository(repository) else { return Lookup::Missing };
        if searched.hides(&name) {
            return Lookup::Missing;
        }
        let here = &searched.repository;
        match here.releases.read_package(&name) {
            Ok(Some(releases)) => Lookup::Here(Arc::new(releases)),
            Ok(None) => pulled(here, &name),
            Err(_) => Lookup::Unknown("its file cannot be read".to_owned()),
        }
    }
}

/// A package that upstream may have.
#[cfg(feature = "mirror")]
fn pulled(repository: &Repository, name: &PackageName) -> Lookup {
    use crate::repository::{Asset, RepositoryPath};
    use crate::serve::pull::readiness::Readiness;

    let path = RepositoryPath::package(name);
    let Some((pull, asset)) = repository.pull.as_ref().zip(Asset::at(path.as_str())) else {
        return Lookup::Missing;
    };
    let ensured = tokio::runtime::Handle::current().block_on(pull.ensure(&asset));
    match ensured {
        Ok(Readiness::Here(_)) => match repository.releases.read_package(name) {
            Ok(Some(releases)) => Lookup::Upstream(Arc::new(releases)),
            Ok(None) => Lookup::Missing,
            Err(_) => Lookup::Unknown("its file cannot be read".to_owned()),
        },
        Ok(Readiness::Missing) => Lookup::Missing,
        Ok(Readiness::Unkept(_)) => Lookup::Unknown("its file cannot be kept".to_owned()),
        Ok(Readiness::Failed | Readiness::Pending) | Err(_) => {
            Lookup::Unknown("upstream cannot be asked".to_owned())
        }
    }
}

#[cfg(not(feature = "mirror"))]
fn pulled(_: &Repository, _: &PackageName) -> Lookup {
    Lookup::Missing
}
