//! Which files can be pulled.

use crate::name::{PackageName, PolicyName};
use crate::ops::mirror::fetch::MAX_DOCS;
use crate::ops::mirror::installs::check::{MAX_INSTALL, MAX_LIST};
use crate::ops::mirror::installs::list::{self, LISTS};
use crate::registry::Resource;
use crate::repository::{Asset, AssetKind, Folder, RepositoryPath};
use crate::tarball::{FileName, Limits};

/// A file that can be pulled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An index, a package or a policy.
    Signed(Resource),
    /// The tarball of a release.
    Tarball(FileName),
    /// The documentation of a release.
    Docs(FileName),
    /// A list of installs and its signature, which are pulled together. It is the name of the list.
    InstallList(&'static str),
    /// A file that a list of installs names.
    Install(RepositoryPath),
}

impl Target {
    /// What is pulled for a file that clients ask for. `None` for what no check vouches for, such as git repositories, and
    /// for `public_key`, which users give.
    #[must_use]
    pub fn of(asset: &Asset) -> Option<Self> {
        match asset.kind {
            AssetKind::Registry => {
                let package = || asset.package().map(Resource::Package);
                let path = Folder::Root.file(&asset.path);
                let mut indexes = [Resource::Names, Resource::Versions].into_iter();
                let index = indexes.find(|index| RepositoryPath::resource(index) == path);
                index.or_else(package).map(Self::Signed)
            }
            AssetKind::Policy => {
                let name = Folder::Policies.strip_from(&asset.path)?;
                name.parse::<PolicyName>().ok().map(|name| Self::Signed(Resource::Policy(name)))
            }
            AssetKind::Tarball => asset.release().map(Self::Tarball),
            AssetKind::Docs => asset.release().map(Self::Docs),
            AssetKind::Installs => {
                let name = Folder::Installs.strip_from(&asset.path)?;
                let list = name.strip_suffix(list::SIGNED).unwrap_or(name);
                match LISTS.iter().find(|one| one.name == list) {
                    Some(list) => Some(Self::InstallList(list.name)),
                    // Those that no list names have no checksum.
                    None if name.contains('/') => {
                        Some(Self::Install(Folder::Root.file(&asset.path)))
                    }
                    None => None,
                }
            }
            AssetKind::GitRefs | AssetKind::GitObjects => None,
        }
    }

    /// Its path. That of a list of installs is the list, beside which its signature is.
    #[must_use]
    pub fn path(&self) -> RepositoryPath {
        match self {
            Self::Signed(resource) => RepositoryPath::resource(resource),
            Self::Tarball(file) => RepositoryPath::tarball(file),
            Self::Docs(file) => RepositoryPath::docs(file),
            Self::InstallList(name) => Folder::Installs.file(name),
            Self::Install(path) => path.clone(),
        }
    }

    /// The most bytes that it may have.
    #[must_use]
    pub fn max_size(&self) -> usize {
        match self {
            Self::Signed(resource) => resource.max_size(),
            Self::Tarball(_) => Limits::HEX.tarball,
            Self::Docs(_) => MAX_DOCS,
            Self::InstallList(_) => MAX_LIST,
            Self::Install(_) => MAX_INSTALL,
        }
    }

    /// The lists that may name it, which are pulled before it.
    #[must_use]
    pub fn lists(&self) -> Vec<Self> {
        let Self::Install(path) = self else { return Vec::new() };
        let lists = LISTS.iter().filter(|list| list.may_name(path.file_name()));
        lists.map(|list| Self::InstallList(list.name)).collect()
    }

    /// The package that it is of.
    #[must_use]
    pub fn package(&self) -> Option<&PackageName> {
        match self {
            Self::Signed(Resource::Package(name)) => Some(name),
            Self::Tarball(file) | Self::Docs(file) => Some(&file.package),
            Self::Signed(_) | Self::InstallList(_) | Self::Install(_) => None,
        }
    }

    /// Whether a file that is there is never fetched again: its checksum is signed, or named by a list.
    #[must_use]
    pub fn is_immutable(&self) -> bool {
        matches!(self, Self::Tarball(_) | Self::Install(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(path: &str) -> Option<Target> {
        Target::of(&Asset::at(path).unwrap())
    }

    #[test]
    fn what_a_check_vouches_for_is_pulled() {
        let release: FileName = "foo-1.0.0".parse().unwrap();
        assert_eq!(target("names"), Some(Target::Signed(Resource::Names)));
        assert_eq!(target("versions"), Some(Target::Signed(Resource::Versions)));
        let foo = Resource::Package("foo".parse().unwrap());
        assert_eq!(target("packages/foo"), Some(Target::Signed(foo)));
        let names = Resource::Package("names".parse().unwrap());
        assert_eq!(target("packages/names"), Some(Target::Signed(names)));
        let strict = Resource::Policy("strict".parse().unwrap());
        assert_eq!(target("policies/strict"), Some(Target::Signed(strict)));
        assert_eq!(target("tarballs/foo-1.0.0.tar"), Some(Target::Tarball(release.clone())));
        assert_eq!(target("docs/foo-1.0.0.tar.gz"), Some(Target::Docs(release)));
        for list in ["installs/hex.csv", "installs/hex.csv.signed"] {
            assert_eq!(target(list), Some(Target::InstallList("hex.csv")));
        }
        let install = "installs/1.18.0/hex-2.1.1.ez";
        assert_eq!(target(install), Some(Target::Install(Folder::Root.file(install))));
    }

    #[test]
    fn what_no_check_vouches_for_is_not() {
        for path in [
            "public_key",
            "installs/hex.ez",
            "installs/rebar-1.x.csv",
            "installs/public_keys.pem",
            "git/h/r.git/HEAD",
        ] {
            assert_eq!(target(path), None, "{path}");
        }
    }
}
