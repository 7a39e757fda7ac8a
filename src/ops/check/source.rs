//! A registry that has locked packages, and the names of all its packages.

use std::collections::HashSet;

use crate::name::{PackageName, RepositoryName};
use crate::ops::registry_source::{RegistrySource, SourceError};

/// A registry that has locked packages.
///
/// Its `names` says which packages it has. Whether hex.pm has a name is asked of this list: a request for the name itself
/// would tell it the names of private packages.
pub struct CheckSource {
    label: String,
    repository: RepositoryName,
    names: HashSet<PackageName>,
    registry: RegistrySource,
}

/// Why a registry cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CheckSourceError {
    /// Its `names` cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// It has no `names`.
    #[error("{label} has no `names`")]
    NoNames {
        /// The registry.
        label: String,
    },
}

impl CheckSource {
    /// Reads the names of a registry, which messages call `label`.
    ///
    /// # Errors
    /// [`CheckSourceError`] if it has none, or they cannot be read.
    pub fn open(label: String, registry: RegistrySource) -> Result<Self, CheckSourceError> {
        let Some(names) = registry.names()? else {
            return Err(CheckSourceError::NoNames { label });
        };
        let packages = names.packages.into_iter().map(|(name, _)| name).collect();
        Ok(Self { label, repository: names.repository, names: packages, registry })
    }

    /// What messages call it: its path or URL.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Its name, as its signed files say it.
    #[must_use]
    pub fn repository(&self) -> &RepositoryName {
        &self.repository
    }

    pub(super) fn registry(&self) -> &RegistrySource {
        &self.registry
    }

    /// Whether clients may call it so. The files of `hexpm:acme` are signed as those of `acme`.
    pub(super) fn is_called(&self, repository: &str) -> bool {
        repository.strip_prefix("hexpm:").unwrap_or(repository) == self.repository.as_str()
    }

    pub(super) fn has(&self, package: &PackageName) -> bool {
        self.names.contains(package)
    }
}
