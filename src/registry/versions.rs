//! `/versions`: which releases each package has.

use prost::Message;

use super::proto::versions as proto;
use super::{DecodeError, Payload, Registry};
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
    /// The releases of a registry.
    #[must_use]
    pub fn of(registry: &Registry) -> Self {
        let packages = registry.packages.iter().map(|package| {
            let versions = package.releases.iter().map(|release| release.version.clone());
            (package.name.clone(), versions.collect())
        });
        Self { repository: registry.repository.clone(), packages: packages.collect() }
    }

    /// The message as it is signed.
    #[must_use]
    pub fn encode(&self) -> Payload {
        let packages = self.packages.iter().map(|(name, versions)| proto::Package {
            name: name.to_string(),
            versions: versions.iter().map(Version::to_string).collect(),
            retired: Vec::new(),
            with_advisories: Vec::new(),
        });
        let message = proto::Versions {
            packages: packages.collect(),
            repository: self.repository.to_string(),
        };
        Payload(message.encode_to_vec())
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
