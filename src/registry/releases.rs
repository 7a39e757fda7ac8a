//! `/packages/NAME`: all that a client resolves a package with.

use std::sync::Arc;

use prost::Message;

use super::proto::package as proto;
use super::remarks::{self, Advisories};
use super::{DecodeError, Payload};
use crate::checksum::{InnerChecksum, OuterChecksum};
use crate::name::{PackageName, RepositoryName};
use crate::package::{Advisory, Dependency, Release, Requirement};

/// What `packages/NAME` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Releases {
    /// The repository that serves it.
    pub repository: RepositoryName,
    /// The package.
    pub package: PackageName,
    /// Ascending by version.
    pub releases: Vec<Release>,
}

impl Releases {
    /// The message as it is signed.
    #[must_use]
    pub fn encode(&self) -> Payload {
        encode(&self.repository, &self.package, &self.releases)
    }

    /// What is known of holes in its releases, each once.
    pub fn advisories(&self) -> impl Iterator<Item = &Advisory> {
        Advisories::of(&self.releases).into_iter()
    }

    /// The twin of [`encode`](Self::encode).
    ///
    /// # Errors
    /// [`DecodeError`] for another message, one with a name, version or checksum that is none, or one
    /// that points at an advisory that is not there.
    pub fn decode(payload: &Payload) -> Result<Self, DecodeError> {
        let message = proto::Package::decode(payload.as_bytes())?;
        let advisories = message.advisories.into_iter().map(remarks::decode_advisory).map(Arc::new);
        let advisories: Vec<_> = advisories.collect();
        let releases = message.releases.into_iter();
        let releases = releases.map(|release| decode_release(release, &advisories));
        Ok(Self {
            releases: releases.collect::<Result<_, _>>()?,
            package: message.name.parse()?,
            repository: message.repository.parse()?,
        })
    }
}

/// The message of one package.
pub(super) fn encode(
    repository: &RepositoryName,
    package: &PackageName,
    releases: &[Release],
) -> Payload {
    let advisories = Advisories::of(releases);
    let message = proto::Package {
        releases: releases.iter().map(|release| encode_release(release, &advisories)).collect(),
        name: package.to_string(),
        repository: repository.to_string(),
        advisories: advisories.encode(),
    };
    Payload::encode(&message)
}

fn encode_release(release: &Release, advisories: &Advisories<'_>) -> proto::Release {
    let remarks = &release.remarks;
    proto::Release {
        version: release.version.to_string(),
        inner_checksum: release.inner_checksum.as_bytes().to_vec(),
        dependencies: release.dependencies.iter().map(encode_dependency).collect(),
        retired: remarks.retired.as_ref().map(remarks::encode_retirement),
        outer_checksum: Some(release.outer_checksum.as_bytes().to_vec()),
        advisory_indexes: advisories.indexes(remarks),
        published_at: remarks.published_at.map(remarks::encode_time),
    }
}

fn decode_release(
    message: proto::Release,
    advisories: &[Arc<Advisory>],
) -> Result<Release, DecodeError> {
    let remarks = remarks::decode(&message, advisories)?;
    let checksum = |bytes: Vec<u8>| bytes.try_into().map_err(|_| DecodeError::Checksum);
    let outer_checksum = message.outer_checksum.ok_or(DecodeError::Checksum)?;
    Ok(Release {
        version: message.version.parse()?,
        inner_checksum: InnerChecksum::from_bytes(checksum(message.inner_checksum)?),
        outer_checksum: OuterChecksum::from_bytes(checksum(outer_checksum)?),
        dependencies: message.dependencies.into_iter().map(decode_dependency).collect(),
        remarks,
    })
}

fn encode_dependency(dependency: &Dependency) -> proto::Dependency {
    proto::Dependency {
        package: dependency.package.clone(),
        requirement: dependency.requirement.0.clone(),
        // Always said, as `mix hex.registry build` does. Gleam takes a present `false` for true;
        // it knows no repository but hex.pm's, so it never reads this.
        optional: Some(dependency.optional),
        app: Some(dependency.app.clone()),
        repository: dependency.repository.clone(),
    }
}

fn decode_dependency(message: proto::Dependency) -> Dependency {
    Dependency {
        app: message.app.unwrap_or_else(|| message.package.clone()),
        package: message.package,
        requirement: Requirement(message.requirement),
        optional: message.optional.unwrap_or(false),
        repository: message.repository,
    }
}
