//! `/names`: the packages of a repository.

use std::collections::BTreeMap;

use prost::Message;

use super::kept::Kept;
use super::proto::names as proto;
use super::{DecodeError, PackageEntry, Payload, timestamp};
use crate::name::{PackageName, RepositoryName};
use crate::package::{Timestamp, UnixSeconds};
use crate::unknown_fields::UnknownFields;

/// The decoded `names`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The name of the repository. A client refuses the file if it has another name configured.
    pub repository: RepositoryName,
    /// Each package and the time of its last change, sorted by name.
    pub packages: Vec<(PackageName, Option<UnixSeconds>)>,
    /// What the message has beyond that.
    pub unknown: UnknownInNames,
}

/// What `names` has beyond the other fields of [`Names`]. hexreg writes it only if another program wrote it first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnknownInNames {
    /// Unknown fields of the message `Names`.
    pub index: UnknownFields,
    /// Unknown fields of the packages.
    pub packages: BTreeMap<PackageName, UnknownFields>,
    /// Times that are not a whole second or have unknown fields. They are written back unless the package has changed
    /// since.
    pub times: BTreeMap<PackageName, Timestamp>,
}

impl Names {
    /// An index without unknown fields.
    #[must_use]
    pub fn new(
        repository: RepositoryName,
        packages: Vec<(PackageName, Option<UnixSeconds>)>,
    ) -> Self {
        Self { repository, packages, unknown: UnknownInNames::default() }
    }

    /// The encoded message, to be signed.
    #[must_use]
    pub fn encode(&self) -> Payload {
        let packages = self.packages.iter().map(|(name, updated_at)| (name, *updated_at));
        encode_packages(&self.repository, packages, &self.unknown)
    }

    /// Decodes the message; the inverse of [`encode`](Self::encode).
    ///
    /// # Errors
    /// [`DecodeError`] if it is another message or has an invalid name.
    pub fn decode(payload: &Payload) -> Result<Self, DecodeError> {
        let message = Kept::<proto::Names>::decode(payload.as_bytes())?;
        let (message, index) = message.into_parts();
        let mut unknown = UnknownInNames { index, ..UnknownInNames::default() };
        let packages = message.packages.into_iter().map(|package| {
            let (package, fields) = package.into_parts();
            let name: PackageName = package.name.parse()?;
            if !fields.is_empty() {
                unknown.packages.insert(name.clone(), fields);
            }
            let updated_at = package.updated_at.map(|time| {
                let time = timestamp::decode(time);
                let seconds = time.seconds;
                if time != Timestamp::from(seconds) {
                    unknown.times.insert(name.clone(), time);
                }
                seconds
            });
            Ok((name, updated_at))
        });
        Ok(Self {
            packages: packages.collect::<Result<_, DecodeError>>()?,
            repository: message.repository.parse()?,
            unknown,
        })
    }
}

/// Encodes the index of a registry with these packages.
pub(super) fn encode(
    repository: &RepositoryName,
    packages: &[PackageEntry],
    unknown: &UnknownInNames,
) -> Payload {
    let packages = packages.iter().map(|one| (&one.name, Some(one.updated_at)));
    encode_packages(repository, packages, unknown)
}

fn encode_packages<'a>(
    repository: &RepositoryName,
    packages: impl Iterator<Item = (&'a PackageName, Option<UnixSeconds>)>,
    unknown: &UnknownInNames,
) -> Payload {
    let none = UnknownFields::default();
    let packages = packages.map(|(name, updated_at)| {
        let updated_at = updated_at.map(|seconds| {
            let exact = unknown.times.get(name).filter(|exact| exact.seconds == seconds);
            // Hex writes whole seconds: the modification time of a tarball.
            exact.map_or_else(|| timestamp::encode(&seconds.into()), timestamp::encode)
        });
        let package = proto::Package { name: name.to_string(), updated_at };
        Kept::with(package, unknown.packages.get(name).unwrap_or(&none))
    });
    let (packages, repository) = (packages.collect(), repository.to_string());
    Payload::encode(&Kept::with(proto::Names { packages, repository }, &unknown.index))
}
