//! The paths of a repository's files. No other module spells a folder or the ending of a file name.

use std::fmt;
use std::path::Path;

use serde::Serialize;

use super::litter::is_litter;
use crate::name::{PackageName, PolicyName};
use crate::registry::Resource;
use crate::tarball::FileName;

/// A path below a repository's URL, such as `packages/phoenix`. Always `/`-separated.
///
/// Hex specification, "Endpoints", "Repository".
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct RepositoryPath(String);

const NAMES: &str = "names";
const VERSIONS: &str = "versions";
const PUBLIC_KEY: &str = "public_key";

/// What says which files in the same tree are pages of `hexreg site`.
const SITE_MANIFEST: &str = "hexreg-site.json";

/// The ending of a tarball's file name. Clients ask for it in lower case, so `.TAR` is another ending.
const TARBALL_ENDING: &str = ".tar";

/// The ending of the file name of a release's documentation.
const DOCS_ENDING: &str = ".tar.gz";

/// What [`DOCS_ENDING`] has after [`TARBALL_ENDING`].
const GZIP_ENDING: &str = ".gz";

/// The folders of a repository. A registry is built from and into the first three; mirrors have more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Folder {
    /// The repository itself: `names`, `versions`, `public_key`.
    Root,
    /// `packages/NAME`
    Packages,
    /// `tarballs/NAME-VERSION.tar`
    Tarballs,
    /// `docs/NAME-VERSION.tar.gz`
    Docs,
    /// The files that `mix local.hex` and `mix local.rebar` ask for.
    Installs,
    /// `policies/NAME`
    Policies,
    /// Bare git repositories: `git/HOST/PATH.git`.
    Git,
    /// The state of `hexreg mirror`. No client asks for it.
    Mirror,
    /// Upstream's `packages/NAME`, in a mirror that does not serve them.
    MirrorPackages,
}

impl Folder {
    /// All folders but the root and those that lie deeper.
    const TOP: [Self; 7] = [
        Self::Packages,
        Self::Tarballs,
        Self::Docs,
        Self::Installs,
        Self::Policies,
        Self::Git,
        Self::Mirror,
    ];

    /// The path as text; empty for the root.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tarballs => "tarballs",
            Self::Packages => "packages",
            Self::Docs => "docs",
            Self::Installs => "installs",
            Self::Policies => "policies",
            Self::Git => "git",
            Self::Mirror => ".hexreg-mirror",
            Self::MirrorPackages => ".hexreg-mirror/packages",
            Self::Root => "",
        }
    }

    /// The folder of this name at the top of a repository.
    pub(super) fn at_top(name: &str) -> Option<Self> {
        Self::TOP.into_iter().find(|folder| folder.as_str() == name)
    }

    /// The folder itself.
    #[must_use]
    pub fn path(self) -> RepositoryPath {
        RepositoryPath(self.as_str().to_owned())
    }

    /// A file in it, by the name under which it was listed.
    #[must_use]
    pub fn file(self, name: &str) -> RepositoryPath {
        match self {
            Self::Root => RepositoryPath(name.to_owned()),
            _ => RepositoryPath(format!("{}/{name}", self.as_str())),
        }
    }

    /// What follows the folder in the text of a path; `None` if the path is not below the folder.
    #[must_use]
    pub fn strip_from(self, path: &str) -> Option<&str> {
        match self {
            Self::Root => Some(path),
            _ => path.strip_prefix(self.as_str())?.strip_prefix('/'),
        }
    }

    /// A file name without the ending that all files of the folder have; `None` if it has another ending.
    #[must_use]
    pub fn stem(self, file_name: &str) -> Option<&str> {
        match self {
            Self::Tarballs => file_name.strip_suffix(TARBALL_ENDING),
            Self::Docs => file_name.strip_suffix(DOCS_ENDING),
            _ => Some(file_name),
        }
    }

    /// The release that a file of this name in `tarballs` or `docs` belongs to; `None` for a name that no client asks
    /// for.
    #[must_use]
    pub fn release(self, file_name: &str) -> Option<FileName> {
        let tarball = match self {
            Self::Tarballs => file_name,
            Self::Docs => file_name.strip_suffix(GZIP_ENDING)?,
            _ => return None,
        };
        // `FileName` parses a name without the ending too.
        if tarball.ends_with(TARBALL_ENDING) { tarball.parse().ok() } else { None }
    }
}

impl RepositoryPath {
    /// The public key that clients check signatures with.
    #[must_use]
    pub fn public_key() -> Self {
        Self(PUBLIC_KEY.to_owned())
    }

    /// What says which files in the same tree are those of a static site. No client of a registry asks for it.
    #[must_use]
    pub fn site_manifest() -> Self {
        Self(SITE_MANIFEST.to_owned())
    }

    /// The path of a signed resource.
    #[must_use]
    pub fn resource(resource: &Resource) -> Self {
        match resource {
            Resource::Names => Self(NAMES.to_owned()),
            Resource::Versions => Self(VERSIONS.to_owned()),
            Resource::Package(name) => Self::package(name),
            Resource::Policy(name) => Self::policy(name),
        }
    }

    /// The resource that is served at a path with this end; the inverse of [`resource`](Self::resource).
    #[must_use]
    pub fn resource_at(path: &Path) -> Option<Resource> {
        let name = path.file_name()?.to_str()?;
        // The folders go first: a package may be called `names`.
        let folder = path.parent().and_then(Path::file_name);
        if folder.is_some_and(|folder| folder == Folder::Packages.as_str()) {
            return name.parse().ok().map(Resource::Package);
        }
        if folder.is_some_and(|folder| folder == Folder::Policies.as_str()) {
            // `desktop.ini` is a valid name of a policy.
            return name.parse().ok().filter(|_| !is_litter(name)).map(Resource::Policy);
        }
        let mut indexes = [Resource::Names, Resource::Versions].into_iter();
        indexes.find(|index| Self::resource(index).as_str() == name)
    }

    /// The file that lists a package's releases.
    #[must_use]
    pub fn package(name: &PackageName) -> Self {
        Folder::Packages.file(name.as_str())
    }

    /// A policy.
    #[must_use]
    pub fn policy(name: &PolicyName) -> Self {
        Folder::Policies.file(name.as_str())
    }

    /// The tarball of a release.
    #[must_use]
    pub fn tarball(release: &FileName) -> Self {
        Folder::Tarballs.file(&format!("{release}{TARBALL_ENDING}"))
    }

    /// The documentation of a release.
    #[must_use]
    pub fn docs(release: &FileName) -> Self {
        Folder::Docs.file(&format!("{release}{DOCS_ENDING}"))
    }

    /// Whether a registry has a file of this name at its root.
    #[must_use]
    pub fn is_root_file(name: &str) -> bool {
        [NAMES, VERSIONS, PUBLIC_KEY].contains(&name)
    }

    /// Whether it is `names` or `versions`.
    #[must_use]
    pub fn is_index(&self) -> bool {
        [NAMES, VERSIONS].contains(&self.as_str())
    }

    /// The last part.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&self.0, |(_, name)| name)
    }

    /// The folder that holds the file itself; the root for files in folders that have no name here.
    #[must_use]
    pub fn folder(&self) -> Folder {
        let folder = self.0.rsplit_once('/').map_or("", |(folder, _)| folder);
        match folder {
            _ if folder == Folder::MirrorPackages.as_str() => Folder::MirrorPackages,
            _ => Folder::at_top(folder).unwrap_or(Folder::Root),
        }
    }

    /// The folder at the top of the repository that the path is below, at any depth, and the path in that folder.
    /// `None` below a folder that no repository has.
    #[must_use]
    pub fn in_top_folder(&self) -> Option<(Folder, &str)> {
        match self.0.split_once('/') {
            Some((folder, rest)) => Some((Folder::at_top(folder)?, rest)),
            None => Some((Folder::Root, &self.0)),
        }
    }

    /// The path of its parent, which may be deeper than any [`Folder`].
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
    fn a_path_names_the_resource_that_is_served_there() {
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
    #[test]
    fn a_file_name_names_the_release_and_no_other_spelling_does() {
        let release: FileName = "foo-1.0.0-rc.1".parse().unwrap();
        let (tarball, docs) = (RepositoryPath::tarball(&release), RepositoryPath::docs(&release));
        assert_eq!(tarball.as_str(), "tarballs/foo-1.0.0-rc.1.tar");
        assert_eq!(docs.as_str(), "docs/foo-1.0.0-rc.1.tar.gz");
        assert_eq!(Folder::Tarballs.release(tarball.file_name()), Some(release.clone()));
        assert_eq!(Folder::Docs.release(docs.file_name()), Some(release));
        for (folder, name) in [
            (Folder::Tarballs, "foo-1.0.0"),
            (Folder::Tarballs, "foo-1.0.0.TAR"),
            (Folder::Tarballs, "foo-1.0.0.tar.tar"),
            (Folder::Tarballs, "foo-1.0.0.tar.gz"),
            (Folder::Docs, "foo-1.0.0.gz"),
            (Folder::Docs, "foo-1.0.0.tar"),
            (Folder::Packages, "foo-1.0.0"),
        ] {
            assert_eq!(folder.release(name), None, "{name}");
        }
    }

    #[test]
    fn a_path_is_below_one_folder_at_the_top() {
        for (path, expected) in [
            ("names", Some((Folder::Root, "names"))),
            ("packages/foo", Some((Folder::Packages, "foo"))),
            ("git/host/a.git/HEAD", Some((Folder::Git, "host/a.git/HEAD"))),
            (".hexreg-mirror/packages/foo", Some((Folder::Mirror, "packages/foo"))),
            ("src/packages/foo", None),
        ] {
            let path = RepositoryPath(path.to_owned());
            assert_eq!(path.in_top_folder(), expected, "{path}");
        }
        let deep = Folder::MirrorPackages.file("foo");
        assert_eq!(deep.folder(), Folder::MirrorPackages);
        assert_eq!(Folder::Mirror.strip_from(deep.as_str()), Some("packages/foo"));
        assert_eq!(Folder::Packages.strip_from("packages"), None);
    }
}
