//! What an index is told of a package, and what it tells of it.

use crate::name::PackageName;
use crate::package::UnixSeconds;
use crate::version::Version;

/// A package as the signed registry has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexedPackage {
    /// Its name.
    pub name: PackageName,
    /// The recommended release; `None` if there is none.
    pub version: Option<Version>,
    /// How many releases it has.
    pub releases: usize,
    /// When the recommended release was published.
    pub published_at: Option<UnixSeconds>,
    /// When the package was changed last.
    pub updated_at: Option<UnixSeconds>,
    /// When its first release was published.
    pub first_published_at: Option<UnixSeconds>,
    /// Whether the recommended release is retired.
    pub is_retired: bool,
    /// How many advisories its recommended release has.
    pub advisories: usize,
    /// What the recommended release depends on.
    pub dependencies: Vec<PackageDependency>,
    /// What was read: the digest or stamp of the package's signed file.
    pub source: [u8; 32],
    /// What the tarball of the recommended release has inside.
    pub inside: Inside,
}

/// A package that another one depends on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageDependency {
    /// The repository that it is in; `None` for the one of the package that depends on it.
    pub repository: Option<String>,
    /// Its name.
    pub name: String,
}

/// What an index is told of the inside of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inside {
    /// Nothing: the tarball was not read yet.
    Unread,
    /// What it was told before is still right.
    Kept,
    /// What the tarball says now.
    Read(PackageInside),
}

/// What the tarball of a release says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackageInside {
    /// The outer checksum of the tarball, or what else tells which one was read.
    pub source: [u8; 32],
    /// Its description. What is above 4 KiB is not kept.
    pub description: String,
    /// Its licences.
    pub licenses: Vec<String>,
    /// The distinct words of its README, as [`words()`](super::words()) returns them.
    pub words: Vec<String>,
    /// The names of its modules and functions, such as `Foo.Bar` and `Foo.Bar.baz/2`.
    pub definitions: Vec<String>,
}

/// What an index knows of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageRow {
    /// Its name.
    pub name: PackageName,
    /// The recommended release.
    pub version: Option<Version>,
    /// How many releases it has.
    pub releases: usize,
    /// When the recommended release was published.
    pub published_at: Option<UnixSeconds>,
    /// When the package was changed last.
    pub updated_at: Option<UnixSeconds>,
    /// When its first release was published.
    pub first_published_at: Option<UnixSeconds>,
    /// Whether the recommended release is retired.
    pub is_retired: bool,
    /// How many advisories its recommended release has.
    pub advisories: usize,
    /// What the recommended release depends on.
    pub dependencies: Vec<PackageDependency>,
    /// As in [`IndexedPackage`].
    pub source: [u8; 32],
    /// As in [`PackageInside`]; `None` if the tarball was not read yet.
    pub inside_source: Option<[u8; 32]>,
    /// Its description; empty if the tarball was not read yet.
    pub description: String,
    /// Its licences.
    pub licenses: Vec<String>,
    /// How many packages of the same repository depend on it, hidden ones included.
    pub dependents: usize,
}
