//! Where the releases of packages come from.

use std::fmt;
use std::sync::Arc;

use crate::registry::Releases;

/// The packages that a client of this server can have.
pub trait PackageSource {
    /// Looks up a package. Its name comes from a requirement, so it can be any text.
    ///
    /// A closure asks once for each package. It does not wait for a slow answer: a source that has to wait returns
    /// [`Lookup::Unknown`] after a time of its own.
    fn releases(&self, repository: &str, package: &str) -> Lookup;
}

/// What a [`PackageSource`] has of a package.
#[derive(Clone, Debug)]
pub enum Lookup {
    /// A repository of this server has it.
    Here(Arc<Releases>),
    /// The upstream of a repository has it, and clients get it from there.
    Upstream(Arc<Releases>),
    /// No repository of this server has it, nor an upstream.
    Missing,
    /// It could not be asked for; the reason is for people.
    Unknown(String),
}

/// Where a package is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whereabouts {
    /// In a repository of this server.
    Here,
    /// In the upstream of a repository, from which clients get it.
    Upstream,
    /// Nowhere that this server knows.
    Missing,
    /// It could not be asked for; the reason is for people.
    Unknown(String),
}

/// A package of a repository. Both are texts of a requirement, and not checked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QualifiedName {
    /// The name of the repository.
    pub repository: String,
    /// The name of the package.
    pub package: String,
}

/// `REPOSITORY/PACKAGE`.
impl fmt::Display for QualifiedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.repository, self.package)
    }
}
