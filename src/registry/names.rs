//! `/names`: which packages a repository has.

use prost::Message;

use super::proto::names as proto;
use super::{DecodeError, Payload, Registry};
use crate::name::{PackageName, RepositoryName};
use crate::package::UnixSeconds;

/// What `names` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The repository that serves it.
    pub repository: RepositoryName,
    /// Each package and when it last changed, by name.
    pub packages: Vec<(PackageName, Option<UnixSeconds>)>,
}

impl Names {
    /// The packages of a registry.
    #[must_use]
    pub fn of(registry: &Registry) -> Self {
        let packages = registry.packages.iter();
        Self {
            repository: registry.repository.clone(),
            packages: packages.map(|one| (one.name.clone(), Some(one.updated_at))).collect(),
        }
    }

    /// The message as it is signed.
    #[must_use]
    pub fn encode(&self) -> Payload {
        let packages = self.packages.iter().map(|(name, updated_at)| proto::Package {
            name: name.to_string(),
            // Whole seconds, as Hex takes them from the file system.
            updated_at: updated_at
                .map(|UnixSeconds(seconds)| proto::Timestamp { seconds, nanos: 0 }),
        });
        let message =
            proto::Names { packages: packages.collect(), repository: self.repository.to_string() };
        Payload(message.encode_to_vec())
    }

    /// The twin of [`encode`](Self::encode).
    ///
    /// # Errors
    /// [`DecodeError`] for another message, or one with a name that is none.
    pub fn decode(payload: &Payload) -> Result<Self, DecodeError> {
        let message = proto::Names::decode(payload.as_bytes())?;
        let packages = message.packages.into_iter().map(|package| {
            let updated_at = package.updated_at.map(|time| UnixSeconds(time.seconds));
            Ok((package.name.parse()?, updated_at))
        });
        Ok(Self {
            packages: packages.collect::<Result<_, DecodeError>>()?,
            repository: message.repository.parse()?,
        })
    }
}
