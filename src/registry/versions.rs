//! `/versions`: the releases of each package.

use std::collections::BTreeMap;

use prost::Message;
use rayon::prelude::*;

use super::kept::Kept;
use super::package_entry::{ListedVersion, PackageEntry};
use super::proto::versions as proto;
use super::{DecodeError, Payload};
use crate::name::{PackageName, RepositoryName};
use crate::package::Marks;
use crate::unknown_fields::UnknownFields;
use crate::version::Version;

/// The decoded `versions`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versions {
    /// The name of the repository. A client refuses the file if it has another name configured.
    pub repository: RepositoryName,
    /// Each package, sorted by name, and its versions in ascending order.
    pub packages: Vec<(PackageName, Vec<ListedVersion>)>,
    /// What the message has beyond that.
    pub unknown: UnknownInVersions,
}

/// Unknown fields of `versions`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnknownInVersions {
    /// Fields of the message `Versions`.
    pub index: UnknownFields,
    /// Fields of the packages. A field may refer to versions by index, as `retired` does. It is kept unchanged, so it
    /// refers to another version after an earlier one was added or removed.
    pub packages: BTreeMap<PackageName, UnknownFields>,
}

impl Versions {
    /// An index without unknown fields.
    #[must_use]
    pub fn new(
        repository: RepositoryName,
        packages: Vec<(PackageName, Vec<ListedVersion>)>,
    ) -> Self {
        Self { repository, packages, unknown: UnknownInVersions::default() }
    }

    /// The encoded message, to be signed.
    #[must_use]
    pub fn encode(&self) -> Payload {
        let packages = self.packages.iter();
        let packages = packages.map(|(name, versions)| package(name, versions, &self.unknown));
        message(&self.repository, packages.collect(), &self.unknown)
    }

    /// Decodes the message; the inverse of [`encode`](Self::encode).
    ///
    /// # Errors
    /// [`DecodeError`] if it is another message, has an invalid name or version, or marks a version that does not exist.
    pub fn decode(payload: &Payload) -> Result<Self, DecodeError> {
        let message = Kept::<proto::Versions>::decode(payload.as_bytes())?;
        let (message, index) = message.into_parts();
        let mut unknown = UnknownInVersions { index, ..UnknownInVersions::default() };
        let packages = message.packages.into_iter().map(|package| {
            let (package, fields) = package.into_parts();
            let versions = decode_versions(&package)?;
            let name: PackageName = package.name.parse()?;
            if !fields.is_empty() {
                unknown.packages.insert(name.clone(), fields);
            }
            Ok((name, versions))
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
    unknown: &UnknownInVersions,
) -> Payload {
    let packages = packages.par_iter().map(|one| package(&one.name, &one.versions, unknown));
    message(repository, packages.collect(), unknown)
}

fn package(
    name: &PackageName,
    versions: &[ListedVersion],
    unknown: &UnknownInVersions,
) -> Kept<proto::Package> {
    let marked = |is: fn(&Marks) -> bool| {
        let marked = versions.iter().zip(0..).filter(move |(one, _)| is(&one.marks));
        marked.map(|(_, index)| index).collect()
    };
    let package = proto::Package {
        name: name.to_string(),
        versions: versions.iter().map(|one| one.version.to_string()).collect(),
        retired: marked(|marks| marks.retired),
        with_advisories: marked(|marks| marks.with_advisories),
    };
    Kept::with(package, unknown.packages.get(name).unwrap_or(&UnknownFields::default()))
}

fn decode_versions(package: &proto::Package) -> Result<Vec<ListedVersion>, DecodeError> {
    let parsed = package.versions.iter().map(|version| version.parse().map(Version::into));
    let mut versions: Vec<ListedVersion> = parsed.collect::<Result<_, _>>()?;
    let mut mark = |index: i32, set: fn(&mut Marks)| {
        let marked = usize::try_from(index).ok().and_then(|index| versions.get_mut(index));
        marked.map(|one| set(&mut one.marks)).ok_or(DecodeError::Index)
    };
    for index in &package.retired {
        mark(*index, |marks| marks.retired = true)?;
    }
    for index in &package.with_advisories {
        mark(*index, |marks| marks.with_advisories = true)?;
    }
    Ok(versions)
}

fn message(
    repository: &RepositoryName,
    packages: Vec<Kept<proto::Package>>,
    unknown: &UnknownInVersions,
) -> Payload {
    let message = proto::Versions { packages, repository: repository.to_string() };
    Payload::encode(&Kept::with(message, &unknown.index))
}
