//! `/versions`: which releases each package has.

use prost::Message;
use rayon::prelude::*;

use super::proto::versions as proto;
use super::{DecodeError, Entry, Payload};
use crate::name::{PackageName, RepositoryName};
use crate::version::Version;

/// What `versions` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versions {
    /// The repository that serves it.
    pub repository: RepositoryName,
    /// Each package and its versions, ascending, by name.
    pub packages: Vec<(PackageName, Vec<Version>)>,
}

impl Versions {
    /// The message as it is signed.
    #[must_use]
    pub fn encode(&self) -> Payload {
        let packages = self.packages.iter().map(|(name, versions)| package(name, versions));
        message(&self.repository, packages.collect())
    }

    /// The twin of [`encode`](Self::encode).
    ///
    /// # Errors
    /// [`DecodeError`] for another message, or one with a name or version that is none.
    pub fn decode(payload: &Payload) -> Result<Self, DecodeError> {
        let message = proto::Versions::decode(payload.as_bytes())?;
        let packages = message.packages.into_iter().map(|package| {
            let versions = package.versions.iter().map(|version| version.parse());
            Ok((package.name.parse()?, versions.collect::<Result<_, _>>()?))
        });
        Ok(Self {
            packages: packages.collect::<Result<_, DecodeError>>()?,
            repository: message.repository.parse()?,
        })
    }
}

/// The message of a registry with these packages.
pub(super) fn encode(repository: &RepositoryName, packages: &[Entry]) -> Payload {
    let packages = packages.par_iter().map(|one| package(&one.name, &one.versions));
    message(repository, packages.collect())
}

fn package(name: &PackageName, versions: &[Version]) -> proto::Package {
    proto::Package {
        name: name.to_string(),
        versions: versions.iter().map(Version::to_string).collect(),
        retired: Vec::new(),
        with_advisories: Vec::new(),
    }
}

fn message(repository: &RepositoryName, packages: Vec<proto::Package>) -> Payload {
    Payload::encode(&proto::Versions { packages, repository: repository.to_string() })
}
