//! `NAME-VERSION.tar`, the name by which clients request a tarball.

use std::fmt;
use std::str::FromStr;

use super::{Metadata, MetadataError};
use crate::name::PackageName;
use crate::version::Version;

/// The file name of a tarball, which is also the name of a release: `NAME-VERSION`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName {
    /// The part before the first `-`: a package's name has none.
    pub package: PackageName,
    /// The part between that and `.tar`.
    pub version: Version,
}

/// Why a file name is not the one that clients request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFileName {
    /// The name is not of the form `NAME-VERSION.tar`.
    #[error("its file name is not NAME-VERSION.tar: {0}")]
    Syntax(String),
    /// The tarball is of another release than its name says.
    #[error("its metadata says {0}: clients ask for that as {0}.tar")]
    Mismatch(FileName),
}

impl FromStr for FileName {
    type Err = InvalidFileName;

    fn from_str(file: &str) -> Result<Self, InvalidFileName> {
        let syntax = |problem: String| InvalidFileName::Syntax(problem);
        let stem = file.strip_suffix(".tar").unwrap_or(file);
        let (package, version) = stem
            .split_once('-')
            .ok_or_else(|| syntax("there is no `-` between name and version".to_owned()))?;
        Ok(Self {
            package: package.parse().map_err(|e| syntax(format!("{e}")))?,
            version: version.parse().map_err(|e| syntax(format!("{e}")))?,
        })
    }
}

impl FileName {
    /// The file name that a tarball must have, if its current one is `named`. The package's name comes from the metadata;
    /// if it has none, from `named`, if that has the metadata's version; else from the application.
    ///
    /// # Errors
    /// [`MetadataError::Nameless`] if there is none of these, [`MetadataError::Name`] if there is only an application's
    /// name that a package may not have.
    pub fn of(metadata: &Metadata, named: Option<&Self>) -> Result<Self, MetadataError> {
        let named = named.filter(|named| named.version == metadata.version);
        let package = match (&metadata.name, named, &metadata.app) {
            (Some(name), _, _) => name.clone(),
            (None, Some(named), _) => named.package.clone(),
            (None, None, Some(app)) => app.parse()?,
            (None, None, None) => return Err(MetadataError::Nameless),
        };
        Ok(Self { package, version: metadata.version.clone() })
    }

    /// Compares the file name with the metadata. If the metadata has no name, the file name decides, as for
    /// `mix hex.registry build`.
    ///
    /// # Errors
    /// [`InvalidFileName::Mismatch`] with the release of the metadata.
    pub fn check(&self, metadata: &Metadata) -> Result<(), InvalidFileName> {
        let package = metadata.name.as_ref().unwrap_or(&self.package).clone();
        let actual = Self { package, version: metadata.version.clone() };
        if *self == actual { Ok(()) } else { Err(InvalidFileName::Mismatch(actual)) }
    }
}

/// `NAME-VERSION`, without `.tar`.
impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.package, self.version)
    }
}
