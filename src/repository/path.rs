//! Where things stand in the served tree: the only place that spells `packages/`.

use std::fmt;
use std::path::Path;

use serde::Serialize;

use super::litter::is_litter;
use crate::name::{PackageName, PolicyName};
use crate::registry::Resource;

/// A path below a repository's URL, such as `packages/phoenix`. Always `/`-separated.
///
/// Hex specification, "Endpoints", "Repository".
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct RepositoryPath(String);

const NAMES: &str = "names";
const VERSIONS: &str = "versions";
const PUBLIC_KEY: &str = "public_key";

/// The folders of a repository: a registry is built from and into the first three, and mirrors have more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Folder {
    /// What all of it lies in: `names`, `versions`, `public_key`.
    Root,
    /// `packages/NAME`
    Packages,
    /// `tarballs/NAME-VERSION.tar`
    Tarballs,
    /// `docs/NAME-VERSION.tar.gz`
    Docs,
    /// What `mix local.hex` and `mix local.rebar` ask for.
    Installs,
    /// `policies/NAME`
    Policies,
    /// What `hexreg mirror` keeps for itself: no client asks for it.
    Mirror,
    /// Upstream's `packages/NAME`, where they are not served.
    MirrorPackages,
}

impl Folder {
    fn name(self) -> &'static str {
        match self {
            Self::Tarballs => "tarballs",
            Self::Packages => "packages",
            Self::Docs => "docs",
            Self::Installs => "installs",
            Self::Policies => "policies",
            Self::Mirror => ".hexreg-mirror",
            Self::MirrorPackages => ".hexreg-mirror/packages",
            Self::Root => "",
        }
    }

    /// The folder itself.
    #[must_use]
    pub fn path(self) -> RepositoryPath {
        RepositoryPath(self.name().to_owned())
    }

    /// A file in it, by the name under which it was listed.
    #[must_use]
    pub fn file(self, name: &str) -> RepositoryPath {
        match self {
            Self::Root => RepositoryPath(name.to_owned()),
            _ => RepositoryPath(format!("{}/{name}", self.name())),
        }
    }
}

impl RepositoryPath {
    /// The key that clients check signatures with.
    #[must_use]
    pub fn public_key() -> Self {
        Self(PUBLIC_KEY.to_owned())
    }

    /// Where a resource is served.
    #[must_use]
    pub fn resource(resource: &Resource) -> Self {
        match resource {
            Resource::Names => Self(NAMES.to_owned()),
            Resource::Versions => Self(VERSIONS.to_owned()),
            Resource::Package(name) => Self::package(name),
            Resource::Policy(name) => Self::policy(name),
        }
    }

    /// The resource that is served where a path ends so; the twin of [`resource`](Self::resource).
    #[must_use]
    pub fn resource_at(path: &Path) -> Option<Resource> {
        let name = path.file_name()?.to_str()?;
        // First of all: a package may be called `names`.
        let folder = path.parent().and_then(Path::file_name);
        if folder.is_some_and(|folder| folder == Folder::Packages.name()) {
            return name.parse().ok().map(Resource::Package);
        }
        if folder.is_some_and(|folder| folder == Folder::Policies.name()) {
            // The rule for policies lets `desktop.ini` through.
            return name.parse().ok().filter(|_| !is_litter(name)).map(Resource::Policy);
        }
        let mut indexes = [Resource::Names, Resource::Versions].into_iter();
        indexes.find(|index| Self::resource(index).as_str() == name)
    }

    /// Where a package's releases are served.
    #[must_use]
    pub fn package(name: &PackageName) -> Self {
        Folder::Packages.file(name.as_str())
    }

    /// Where a policy is served.
    #[must_use]
    pub fn policy(name: &PolicyName) -> Self {
        Folder::Policies.file(name.as_str())
    }

    /// Whether a file of this name beside the folders belongs to a registry.
    #[must_use]
    pub fn is_of_a_registry(name: &str) -> bool {
        [NAMES, VERSIONS, PUBLIC_KEY].contains(&name)
    }

    /// Whether it is one of the two resources that name packages.
    #[must_use]
    pub fn is_index(&self) -> bool {
        [NAMES, VERSIONS].contains(&self.as_str())
    }

    /// The last part.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&self.0, |(_, name)| name)
    }

    /// The folder that it lies in.
    #[must_use]
    pub fn folder(&self) -> Folder {
        let folder = self.0.rsplit_once('/').map_or("", |(folder, _)| folder);
        let known = [
            Folder::Tarballs,
            Folder::Packages,
            Folder::Docs,
            Folder::Installs,
            Folder::Policies,
            Folder::Mirror,
            Folder::MirrorPackages,
        ];
        let mut known = known.into_iter();
        known.find(|known| known.name() == folder).unwrap_or(Folder::Root)
    }

    /// The path of what it lies in, which may be deeper than any [`Folder`].
    #[must_use]
    pub fn parent(&self) -> Self {
        Self(self.0.rsplit_once('/').map_or("", |(parent, _)| parent).to_owned())
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RepositoryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_known_by_where_it_is_served() {
        let package = |name: &str| Resource::Package(name.parse().unwrap());
        let policy = |name: &str| Resource::Policy(name.parse().unwrap());
        let indexes = [Resource::Names, Resource::Versions];
        let others = [package("foo"), package("names"), policy("strict-1.0"), policy("versions")];
        let all = indexes.into_iter().chain(others);
        for resource in all {
            let path = Path::new("public").join(RepositoryPath::resource(&resource).as_str());
            assert_eq!(RepositoryPath::resource_at(&path), Some(resource));
        }
        for elsewhere in [
            "",
            "..",
            "foo",
            "packages",
            "packages/foo.bak",
            "names/foo",
            "policies/a",
            "policies/desktop.ini",
        ] {
            assert_eq!(RepositoryPath::resource_at(Path::new(elsewhere)), None, "{elsewhere}");
        }
    }
}
