//! `NAME-VERSION.tar`, the only name under which clients ask for a tarball.

use std::fmt;
use std::str::FromStr;

use super::{Metadata, MetadataError};
use crate::name::PackageName;
use crate::version::Version;

/// The file name of a tarball.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName {
    /// Before the first `-`, which no package name holds.
    pub package: PackageName,
    /// Between that and `.tar`.
    pub version: Version,
}

/// Why a file name is not the one clients ask for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFileName {
    /// Not `NAME-VERSION.tar`.
    #[error("its file name is not NAME-VERSION.tar: {0}")]
    Syntax(String),
    /// The tarball holds something else than its name says.
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
    /// The name that a tarball's file has to have, where it is called `named` now: with the metadata's own
    /// name, else with that in `named`, if it has the metadata's version, else with the application's.
    ///
    /// # Errors
    /// [`MetadataError::Nameless`] where none of them is there, [`MetadataError::Name`] where the
    /// application's is all there is and no package may have it.
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

    /// Compares the name with what the tarball says of itself. A tarball that does not say its package's
    /// name is of the package that its file names, as `mix hex.registry build` has it.
    ///
    /// # Errors
    /// [`InvalidFileName::Mismatch`] names what the metadata says.
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
