//! `/names`: which packages a repository has.

use prost::Message;

use super::proto::names as proto;
use super::{DecodeError, Entry, Payload};
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
    /// The message as it is signed.
    #[must_use]
    pub fn encode(&self) -> Payload {
        let packages = self.packages.iter().map(|(name, updated_at)| package(name, *updated_at));
        message(&self.repository, packages.collect())
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

/// The message of a registry with these packages.
pub(super) fn encode(repository: &RepositoryName, packages: &[Entry]) -> Payload {
    let packages = packages.iter().map(|one| package(&one.name, Some(one.updated_at)));
    message(repository, packages.collect())
}

fn package(name: &PackageName, updated_at: Option<UnixSeconds>) -> proto::Package {
    // Whole seconds, as Hex takes them from the file system.
    let timestamp = |UnixSeconds(seconds)| proto::Timestamp { seconds, nanos: 0 };
    proto::Package { name: name.to_string(), updated_at: updated_at.map(timestamp) }
}

fn message(repository: &RepositoryName, packages: Vec<proto::Package>) -> Payload {
    Payload::encode(&proto::Names { packages, repository: repository.to_string() })
}
