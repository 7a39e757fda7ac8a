//! What can be wrong with a dependency that every client can decode.

use std::error::Error;
use std::fmt;

use crate::name::{PackageName, RepositoryName};
use crate::registry::PUBLIC_REPOSITORY;
use crate::requirement::check_solvable;

/// What is wrong with one dependency of a release.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DependencyFault {
    /// Hex's solver raises on its requirement, and with it every resolution that reaches the release.
    Requirement {
        /// The required package.
        package: String,
        /// The requirement on its version.
        requirement: String,
    },
    /// It is required from hex.pm, and this registry has a package of that name too. An attacker may publish the one of
    /// hex.pm.
    PublicNamesake {
        /// The required package.
        package: PackageName,
        /// The registry that has a package of that name.
        repository: RepositoryName,
    },
    /// It is on a package of this registry, which has none of that name.
    Absent {
        /// The required package.
        package: String,
        /// The registry.
        repository: RepositoryName,
    },
}

/// What is wrong with the dependencies of a release: at least one fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DependencyFaults(pub(super) Vec<DependencyFault>);

impl DependencyFaults {
    /// Fails if there are any.
    pub(super) fn refuse(faults: Vec<DependencyFault>) -> Result<(), Self> {
        if faults.is_empty() { Ok(()) } else { Err(Self(faults)) }
    }

    /// Those that are a [`DependencyFault::PublicNamesake`], if any.
    pub(crate) fn public_namesakes(mut self) -> Option<Self> {
        self.0.retain(|fault| matches!(fault, DependencyFault::PublicNamesake { .. }));
        (!self.0.is_empty()).then_some(self)
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &DependencyFault> {
        self.0.iter()
    }

    /// Whether one of them is a [`DependencyFault::PublicNamesake`].
    #[must_use]
    pub fn has_public_namesake(&self) -> bool {
        self.0.iter().any(|fault| matches!(fault, DependencyFault::PublicNamesake { .. }))
    }
}

impl DependencyFault {
    /// The name of the required package.
    #[must_use]
    pub fn package(&self) -> &str {
        match self {
            Self::Requirement { package, .. } | Self::Absent { package, .. } => package,
            Self::PublicNamesake { package, .. } => package.as_str(),
        }
    }
}

impl fmt::Display for DependencyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requirement { package, requirement } => {
                write!(f, "its requirement on {package} stops clients")?;
                let reason = check_solvable(requirement).err();
                let mut reason = reason.as_ref().map(|reason| reason as &dyn Error);
                while let Some(error) = reason {
                    write!(f, ": {error}")?;
                    reason = error.source();
                }
                Ok(())
            }
            Self::Absent { package, repository } => {
                write!(
                    f,
                    "{package} is required from {repository}, which has no package of that name"
                )
            }
            Self::PublicNamesake { package, repository } => write!(
                f,
                "{package} is required from {PUBLIC_REPOSITORY}, but {repository} has a package {package} too \
                 (dependency confusion)"
            ),
        }
    }
}

impl fmt::Display for DependencyFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults: Vec<_> = self.0.iter().map(DependencyFault::to_string).collect();
        f.write_str(&faults.join("; "))
    }
}

impl Error for DependencyFaults {}
