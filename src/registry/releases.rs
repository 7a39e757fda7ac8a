//! `/packages/NAME`: the releases of one package, from which clients resolve.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use prost::Message;
use prost::encoding::message;

use super::kept::Kept;
use super::proto::package as proto;
use super::remarks::{self, Advisories};
use super::{DecodeError, Payload, timestamp};
use crate::checksum::{InnerChecksum, OuterChecksum};
use crate::name::{PackageName, RepositoryName};
use crate::package::{Advisory, Dependency, Release, Requirement, UnknownInRelease};
use crate::unknown_fields::UnknownFields;
use crate::version::Version;

/// The decoded `packages/NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Releases {
    /// The name of the repository. A client refuses the file if it has another name configured.
    pub repository: RepositoryName,
    /// The name of the package. A client refuses the file if it requested another one.
    pub package: PackageName,
    /// In ascending order of version.
    pub releases: Vec<Release>,
    /// Unknown fields of the message, and the advisories to which no release refers.
    pub unknown: UnknownFields,
}

/// The field number of the advisories in [`proto::Package`].
const ADVISORIES: u32 = 4;

impl Releases {
    /// A package without unknown fields.
    #[must_use]
    pub fn new(repository: RepositoryName, package: PackageName, releases: Vec<Release>) -> Self {
        Self { repository, package, releases, unknown: UnknownFields::default() }
    }

    /// The release that a new project uses: the latest stable one that is not retired, else the latest one.
    #[must_use]
    pub fn recommended(&self) -> Option<&Release> {
        self.recommended_of(|_| true)
    }

    /// The same of some releases. Each is asked about once at most.
    #[must_use]
    pub fn recommended_of(&self, is_one: impl Fn(&Release) -> bool) -> Option<&Release> {
        let (mut stable, mut any) = (None, None);
        for release in self.releases.iter().rev().filter(|release| is_one(release)) {
            any = any.or(Some(release));
            if !release.version.is_pre_release() {
                if release.remarks.retired.is_none() {
                    return Some(release);
                }
                stable = stable.or(Some(release));
            }
        }
        stable.or(any)
    }

    /// The latest release that is no pre-release.
    #[must_use]
    pub fn latest_stable(&self) -> Option<&Release> {
        self.releases.iter().rev().find(|release| !release.version.is_pre_release())
    }

    /// The release of a version.
    #[must_use]
    pub fn release(&self, version: &Version) -> Option<&Release> {
        self.releases.iter().find(|release| release.version == *version)
    }

    /// The encoded message, to be signed.
    #[must_use]
    pub fn encode(&self) -> Payload {
        encode(&self.repository, &self.package, &self.releases, &self.unknown)
    }

    /// The advisories of all releases, each once.
    pub fn advisories(&self) -> impl Iterator<Item = &Advisory> {
        Advisories::of(&self.releases).into_iter()
    }

    /// Decodes the message; the inverse of [`encode`](Self::encode).
    ///
    /// # Errors
    /// [`DecodeError`] if it is another message, has an invalid name, version or checksum, or refers to an advisory that
    /// does not exist.
    pub fn decode(payload: &Payload) -> Result<Self, DecodeError> {
        let message = Kept::<proto::Package>::decode(payload.as_bytes())?;
        let (message, unknown) = message.into_parts();
        let unknown = with_idle_advisories(unknown, &message);
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

/// The unknown fields of a package, followed by the advisories to which no release refers. When the package is encoded
/// again, these follow all other advisories, so no index changes.
fn with_idle_advisories(unknown: UnknownFields, package: &proto::Package) -> UnknownFields {
    let releases = package.releases.iter();
    let used: HashSet<u32> =
        releases.flat_map(|release| &release.known.advisory_indexes).copied().collect();
    let idle = (0..).zip(&package.advisories).filter(|(index, _)| !used.contains(index));
    let mut idle = idle.peekable();
    if idle.peek().is_none() {
        return unknown;
    }
    let mut fields = unknown.as_encoded().to_vec();
    idle.for_each(|(_, advisory)| message::encode(ADVISORIES, advisory, &mut fields));
    UnknownFields::from_encoded(fields)
}

/// Encodes one package.
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
    let mut encoder = DependencyEncoder::new(&remarks.unknown);
    let dependencies = release.dependencies.iter();
    let message = proto::Release {
        version: release.version.to_string(),
        inner_checksum: release.inner_checksum.as_bytes().to_vec(),
        dependencies: dependencies.map(|one| encoder.encode(one)).collect(),
        retired: remarks.retired.as_ref().map(remarks::encode_retirement),
        outer_checksum: Some(release.outer_checksum.as_bytes().to_vec()),
        advisory_indexes: advisories.indexes(remarks),
        published_at: remarks.published_at.as_ref().map(timestamp::encode),
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

/// Encodes the dependencies of a release in order, each with its unknown fields.
struct DependencyEncoder<'a> {
    unknown: &'a UnknownInRelease,
    /// The number of dependencies that were encoded so far, by package.
    encoded: HashMap<&'a str, usize>,
}

impl<'a> DependencyEncoder<'a> {
    fn new(unknown: &'a UnknownInRelease) -> Self {
        Self { unknown, encoded: HashMap::new() }
    }

    fn encode(&mut self, dependency: &'a Dependency) -> Kept<proto::Dependency> {
        let message = proto::Dependency {
            package: dependency.package.clone(),
            requirement: dependency.requirement.0.clone(),
            // Always present, as in the files of `mix hex.registry build`. Gleam takes a present `false` for true, but
            // it reads no repository other than hex.pm's.
            optional: Some(dependency.optional),
            app: Some(dependency.app.clone()),
            repository: dependency.repository.clone(),
        };
        match self.unknown_of(&dependency.package) {
            None => message.into(),
            Some(unknown) => Kept::with(message, unknown),
        }
    }

    /// The unknown fields of the next dependency on a package.
    fn unknown_of(&mut self, package: &'a str) -> Option<&'a UnknownFields> {
        let all = self.unknown.dependencies.get(package)?;
        let encoded = self.encoded.entry(package).or_default();
        let unknown = all.get(*encoded);
        *encoded = encoded.saturating_add(1);
        unknown
    }
}

fn decode_dependencies(
    messages: Vec<Kept<proto::Dependency>>,
    unknown: &mut UnknownInRelease,
) -> Vec<Dependency> {
    let dependencies = messages.into_iter().map(|message| {
        let (message, fields) = message.into_parts();
        let of_package = unknown.dependencies.entry(message.package.clone());
        of_package.or_default().push(fields);
        Dependency {
            app: message.app.unwrap_or_else(|| message.package.clone()),
            package: message.package,
            requirement: Requirement(message.requirement),
            optional: message.optional.unwrap_or(false),
            repository: message.repository,
        }
    });
    let dependencies = dependencies.collect();
    unknown.dependencies.retain(|_, all| all.iter().any(|fields| !fields.is_empty()));
    dependencies
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::{Remarks, Severity};

    fn release(version: &str, remarks: Remarks) -> Release {
        let dependency = |requirement: &str| Dependency {
            package: "bar".to_owned(),
            requirement: Requirement(requirement.to_owned()),
            optional: false,
            app: "bar".to_owned(),
            repository: None,
        };
        Release {
            version: version.parse().unwrap(),
            inner_checksum: InnerChecksum::from_bytes([1; 32]),
            outer_checksum: OuterChecksum::from_bytes([2; 32]),
            dependencies: vec![dependency("~> 1.0"), dependency("~> 2.0"), dependency("~> 3.0")],
            remarks,
        }
    }

    fn advised(id: &str) -> Remarks {
        let advisory = Advisory {
            id: id.to_owned(),
            summary: String::new(),
            severity: Some(Severity::High),
            cvss_score: None,
            html_url: String::new(),
            api_url: String::new(),
            aliases: Vec::new(),
            unknown: UnknownFields::default(),
        };
        Remarks { advisories: vec![Arc::new(advisory)], ..Remarks::default() }
    }

    fn releases(all: Vec<Release>) -> Releases {
        Releases::new("acme".parse().unwrap(), "foo".parse().unwrap(), all)
    }

    /// The ids of all that a message lists.
    fn ids(payload: &Payload) -> Vec<String> {
        let message = Kept::<proto::Package>::decode(payload.as_bytes()).unwrap();
        message.known.advisories.iter().map(|advisory| advisory.known.id.clone()).collect()
    }

    #[test]
    fn an_advisory_that_no_release_points_at_survives_each_change() {
        let both = releases(vec![release("1.0.0", advised("A")), release("1.1.0", advised("B"))]);
        let mut message = Kept::<proto::Package>::decode(both.encode().as_bytes()).unwrap();
        message.known.releases[0].known.advisory_indexes.clear();
        let read = Releases::decode(&Payload::encode(&message)).unwrap();
        assert_eq!(read.releases[0].remarks.advisories, []);
        assert_eq!(ids(&read.encode()), ["B", "A"]);
        let again = Releases::decode(&read.encode()).unwrap();
        assert_eq!(again, read);
        // Another release, with another advisory, takes no index from it.
        let mut more = again;
        more.releases.push(release("1.2.0", advised("C")));
        assert_eq!(ids(&more.encode()), ["B", "C", "A"]);
        assert_eq!(Releases::decode(&more.encode()).unwrap(), more);
    }

    #[test]
    fn two_dependencies_of_one_name_keep_their_own_unknown_fields() {
        let field = |value: u8| UnknownFields::from_encoded(vec![0x78, value]);
        let mut remarks = Remarks::default();
        let fields = vec![field(1), UnknownFields::default(), field(3)];
        remarks.unknown.dependencies.insert("bar".to_owned(), fields);
        let before = releases(vec![release("1.0.0", remarks)]);
        let payload = before.encode();
        let read = Releases::decode(&payload).unwrap();
        assert_eq!(read, before);
        assert_eq!(read.encode().as_bytes(), payload.as_bytes());
        let plain = releases(vec![release("1.0.0", Remarks::default())]);
        assert_eq!(Releases::decode(&plain.encode()).unwrap(), plain);
    }
}
