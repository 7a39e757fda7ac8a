//! `/names`: which packages a repository has.

use std::collections::BTreeMap;

use prost::Message;

use super::kept::Kept;
use super::proto::names as proto;
use super::{DecodeError, PackageEntry, Payload, timestamp};
use crate::name::{PackageName, RepositoryName};
use crate::package::{Timestamp, UnixSeconds};
use crate::unknown_fields::UnknownFields;

/// What `names` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The repository that serves it.
    pub repository: RepositoryName,
    /// Each package and when it last changed, by name.
    pub packages: Vec<(PackageName, Option<UnixSeconds>)>,
    /// What else it says.
    pub unknown: UnknownInNames,
}

/// What `names` says beyond what [`Names`] has room for; hexreg itself writes none of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnknownInNames {
    /// Fields of the index itself.
    pub index: UnknownFields,
    /// Fields of packages.
    pub packages: BTreeMap<PackageName, UnknownFields>,
    /// Times of packages that are no whole second, or have further fields: what is said of such a time is
    /// no longer said when the package has changed since.
    pub times: BTreeMap<PackageName, Timestamp>,
}

impl Names {
    /// An index without fields that this version does not know.
    #[must_use]
    pub fn new(
        repository: RepositoryName,
        packages: Vec<(PackageName, Option<UnixSeconds>)>,
    ) -> Self {
        Self { repository, packages, unknown: UnknownInNames::default() }
    }

    /// The message as it is signed.
    #[must_use]
    pub fn encode(&self) -> Payload {
        let packages = self.packages.iter().map(|(name, updated_at)| (name, *updated_at));
        encode_packages(&self.repository, packages, &self.unknown)
    }

    /// The twin of [`encode`](Self::encode).
    ///
    /// # Errors
    /// [`DecodeError`] for another message, or one with a name that is none.
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

/// The message of a registry with these packages.
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
            // Whole seconds, as Hex takes them from the file system.
            exact.map_or_else(|| timestamp::encode(&seconds.into()), timestamp::encode)
        });
        let package = proto::Package { name: name.to_string(), updated_at };
        Kept::with(package, unknown.packages.get(name).unwrap_or(&none))
    });
    let (packages, repository) = (packages.collect(), repository.to_string());
    Payload::encode(&Kept::with(proto::Names { packages, repository }, &unknown.index))
}
