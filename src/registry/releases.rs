//! `/packages/NAME`: all that a client resolves a package with.

use std::sync::Arc;

use prost::Message;

use super::kept::Kept;
use super::proto::package as proto;
use super::remarks::{self, Advisories};
use super::{DecodeError, Payload};
use crate::checksum::{InnerChecksum, OuterChecksum};
use crate::name::{PackageName, RepositoryName};
use crate::package::{Advisory, Dependency, Release, Requirement, UnknownInRelease};
use crate::unknown_fields::UnknownFields;

/// What `packages/NAME` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Releases {
    /// The repository that serves it.
    pub repository: RepositoryName,
    /// The package.
    pub package: PackageName,
    /// Ascending by version.
    pub releases: Vec<Release>,
    /// What this version does not know.
    pub unknown: UnknownFields,
}

impl Releases {
    /// A package without fields that this version does not know.
    #[must_use]
    pub fn new(repository: RepositoryName, package: PackageName, releases: Vec<Release>) -> Self {
        Self { repository, package, releases, unknown: UnknownFields::default() }
    }

    /// The message as it is signed.
    #[must_use]
    pub fn encode(&self) -> Payload {
        encode(&self.repository, &self.package, &self.releases, &self.unknown)
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
        let message = Kept::<proto::Package>::decode(payload.as_bytes())?;
        let (message, unknown) = message.into_parts();
        let advisories = message.advisories.into_iter().map(remarks::decode_advisory).map(Arc::new);
        let advisories: Vec<_> = advisories.collect();
        let releases = message.releases.into_iter();
        let releases = releases.map(|release| decode_release(release, &advisories));
        Ok(Self {
            releases: releases.collect::<Result<_, _>>()?,
            package: message.name.parse()?,
            repository: message.repository.parse()?,
            unknown,
        })
    }
}

/// The message of one package.
pub(super) fn encode(
    repository: &RepositoryName,
    package: &PackageName,
    releases: &[Release],
    unknown: &UnknownFields,
) -> Payload {
    let advisories = Advisories::of(releases);
    let message = proto::Package {
        releases: releases.iter().map(|release| encode_release(release, &advisories)).collect(),
        name: package.to_string(),
        repository: repository.to_string(),
        advisories: advisories.encode(),
    };
    Payload::encode(&Kept::with(message, unknown))
}

fn encode_release(release: &Release, advisories: &Advisories<'_>) -> Kept<proto::Release> {
    let remarks = &release.remarks;
    let dependencies = release.dependencies.iter();
    let message = proto::Release {
        version: release.version.to_string(),
        inner_checksum: release.inner_checksum.as_bytes().to_vec(),
        dependencies: dependencies.map(|one| encode_dependency(one, &remarks.unknown)).collect(),
        retired: remarks.retired.as_ref().map(remarks::encode_retirement),
        outer_checksum: Some(release.outer_checksum.as_bytes().to_vec()),
        advisory_indexes: advisories.indexes(remarks),
        published_at: remarks.published_at.as_ref().map(remarks::encode_time),
    };
    Kept::with(message, &remarks.unknown.release)
}

fn decode_release(
    message: Kept<proto::Release>,
    advisories: &[Arc<Advisory>],
) -> Result<Release, DecodeError> {
    let (mut message, unknown) = message.into_parts();
    let mut remarks = remarks::decode(&mut message, advisories)?;
    remarks.unknown.release = unknown;
    let checksum = |bytes: Vec<u8>| bytes.try_into().map_err(|_| DecodeError::Checksum);
    let outer_checksum = message.outer_checksum.ok_or(DecodeError::Checksum)?;
    Ok(Release {
        version: message.version.parse()?,
        inner_checksum: InnerChecksum::from_bytes(checksum(message.inner_checksum)?),
        outer_checksum: OuterChecksum::from_bytes(checksum(outer_checksum)?),
        dependencies: decode_dependencies(message.dependencies, &mut remarks.unknown),
        remarks,
    })
}

fn encode_dependency(
    dependency: &Dependency,
    unknown: &UnknownInRelease,
) -> Kept<proto::Dependency> {
    let message = proto::Dependency {
        package: dependency.package.clone(),
        requirement: dependency.requirement.0.clone(),
        // Always said, as `mix hex.registry build` does. Gleam takes a present `false` for true;
        // it knows no repository but hex.pm's, so it never reads this.
        optional: Some(dependency.optional),
        app: Some(dependency.app.clone()),
        repository: dependency.repository.clone(),
    };
    match unknown.dependencies.get(&dependency.package) {
        None => message.into(),
        Some(unknown) => Kept::with(message, unknown),
    }
}

fn decode_dependencies(
    messages: Vec<Kept<proto::Dependency>>,
    unknown: &mut UnknownInRelease,
) -> Vec<Dependency> {
    let dependencies = messages.into_iter().map(|message| {
        let (message, fields) = message.into_parts();
        if !fields.is_empty() {
            unknown.dependencies.insert(message.package.clone(), fields);
        }
        Dependency {
            app: message.app.unwrap_or_else(|| message.package.clone()),
            package: message.package,
            requirement: Requirement(message.requirement),
            optional: message.optional.unwrap_or(false),
            repository: message.repository,
        }
    });
    dependencies.collect()
}
