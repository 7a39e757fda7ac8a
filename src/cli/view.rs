//! The JSON of `hexreg inspect`. Its text output is made from the same types.

use data_encoding::HEXLOWER;
use hexreg::ops::inspect::{Contents, Signature, SignedResource};
use hexreg::package::{Advisory, Dependency, Release, UnixSeconds};
use hexreg::policy::{Override, Policy, RepositoryPolicy};
use hexreg::registry::{ListedVersion, Names, Releases, Versions};
use hexreg::tarball::{FileName, Tarball};
use jiff::Timestamp;
use serde::Serialize;

/// The contents of a file.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum View {
    Names(Index<NamesPackage>),
    Versions(Index<VersionsPackage>),
    NamesOrVersions(Index<NamesPackage>),
    Package(PackageView),
    Policy(PolicyView),
    Tarball(TarballView),
}

/// The result of verifying the signature.
#[derive(Serialize)]
pub struct SignatureView {
    /// `None` if there was no key.
    pub holds: Option<bool>,
    /// The fingerprint of that key.
    pub fingerprint: Option<String>,
}

#[derive(Serialize)]
pub struct Index<T> {
    pub repository: String,
    pub signature: SignatureView,
    pub packages: Vec<T>,
}

#[derive(Serialize)]
pub struct NamesPackage {
    pub name: String,
    pub updated_at: Option<String>,
}

#[derive(Serialize)]
pub struct VersionsPackage {
    pub name: String,
    pub versions: Vec<VersionView>,
}

#[derive(Serialize)]
pub struct VersionView {
    pub version: String,
    pub retired: bool,
    pub with_advisories: bool,
}

#[derive(Serialize)]
pub struct PackageView {
    pub name: String,
    pub repository: String,
    pub signature: SignatureView,
    pub releases: Vec<ReleaseView>,
    pub advisories: Vec<AdvisoryView>,
}

#[derive(Serialize)]
pub struct ReleaseView {
    pub version: String,
    pub inner_checksum: String,
    pub outer_checksum: String,
    pub published_at: Option<String>,
    pub retired: Option<RetiredView>,
    /// The ids of advisories in [`PackageView::advisories`].
    pub advisories: Vec<String>,
    pub dependencies: Vec<DependencyView>,
}

#[derive(Serialize)]
pub struct RetiredView {
    pub reason: String,
    pub message: Option<String>,
}

#[derive(Serialize)]
pub struct AdvisoryView {
    pub id: String,
    pub severity: Option<String>,
    pub summary: String,
    pub html_url: String,
}

#[derive(Serialize)]
pub struct DependencyView {
    pub package: String,
    pub requirement: String,
    pub optional: bool,
    pub app: String,
    pub repository: Option<String>,
}

#[derive(Serialize)]
pub struct TarballView {
    pub name: String,
    pub version: String,
    pub app: String,
    pub size: usize,
    pub inner_checksum: String,
    pub outer_checksum: String,
    pub requirements: Vec<DependencyView>,
}

#[derive(Serialize)]
pub struct PolicyView {
    pub name: String,
    pub repository: String,
    pub signature: SignatureView,
    pub description: Option<String>,
    pub visibility: String,
    pub repositories: Vec<RepositoryPolicyView>,
}

#[derive(Serialize)]
pub struct RepositoryPolicyView {
    pub repository: String,
    pub restriction: Option<RestrictionView>,
    pub overrides: Vec<OverrideView>,
}

#[derive(Serialize)]
pub struct RestrictionView {
    pub advisory_min_severity: Option<String>,
    pub retirement_reasons: Vec<String>,
    pub cooldown: Option<String>,
}

#[derive(Serialize)]
pub struct OverrideView {
    pub action: String,
    pub package: String,
    pub requirement: Option<String>,
    pub advisory_id: Option<String>,
    pub retirement_reason: Option<String>,
    pub comment: Option<String>,
}

impl View {
    /// The view of a file. `fingerprint` is that of the key by which it was verified.
    pub fn of(contents: Contents, fingerprint: Option<&str>) -> Self {
        match contents {
            Contents::Tarball { tarball, release, size } => {
                Self::Tarball(of_tarball(tarball, &release, size))
            }
            Contents::Signed(says, signature) => {
                let signature = of_signature(signature, fingerprint);
                match says {
                    SignedResource::Names(names) => Self::Names(of_names(names, signature)),
                    SignedResource::Versions(versions) => {
                        Self::Versions(of_versions(versions, signature))
                    }
                    SignedResource::NamesOrVersions(names) => {
                        Self::NamesOrVersions(of_names(names, signature))
                    }
                    SignedResource::Package(releases) => {
                        Self::Package(of_package(releases, signature))
                    }
                    SignedResource::Policy(policy) => Self::Policy(of_policy(policy, signature)),
                }
            }
        }
    }
}

fn of_signature(signature: Signature, fingerprint: Option<&str>) -> SignatureView {
    let holds = match signature {
        Signature::NotChecked => None,
        Signature::Holds => Some(true),
        Signature::DoesNotHold => Some(false),
    };
    SignatureView { holds, fingerprint: fingerprint.map(str::to_owned) }
}

fn of_names(names: Names, signature: SignatureView) -> Index<NamesPackage> {
    let packages = names.packages.into_iter().map(|(name, updated_at)| NamesPackage {
        name: name.to_string(),
        updated_at: updated_at.map(time),
    });
    let (repository, packages) = (names.repository.to_string(), packages.collect());
    Index { repository, signature, packages }
}

fn of_versions(versions: Versions, signature: SignatureView) -> Index<VersionsPackage> {
    let view = |listed: ListedVersion| VersionView {
        version: listed.version.to_string(),
        retired: listed.marks.retired,
        with_advisories: listed.marks.with_advisories,
    };
    let packages = versions.packages.into_iter().map(|(name, versions)| {
        let versions = versions.into_iter().map(view).collect();
        VersionsPackage { name: name.to_string(), versions }
    });
    let (repository, packages) = (versions.repository.to_string(), packages.collect());
    Index { repository, signature, packages }
}

fn of_package(releases: Releases, signature: SignatureView) -> PackageView {
    let advisories = releases.advisories().map(of_advisory).collect();
    PackageView {
        name: releases.package.to_string(),
        repository: releases.repository.to_string(),
        signature,
        releases: releases.releases.into_iter().map(of_release).collect(),
        advisories,
    }
}

fn of_release(release: Release) -> ReleaseView {
    let remarks = release.remarks;
    ReleaseView {
        version: release.version.to_string(),
        inner_checksum: HEXLOWER.encode(release.inner_checksum.as_bytes()),
        outer_checksum: HEXLOWER.encode(release.outer_checksum.as_bytes()),
        published_at: remarks.published_at.map(|published_at| time(published_at.seconds)),
        retired: remarks.retired.map(|retired| RetiredView {
            reason: retired.reason.to_string(),
            message: retired.message,
        }),
        advisories: remarks.advisories.iter().map(|advisory| advisory.id.clone()).collect(),
        dependencies: release.dependencies.into_iter().map(of_dependency).collect(),
    }
}

fn of_advisory(advisory: &Advisory) -> AdvisoryView {
    AdvisoryView {
        id: advisory.id.clone(),
        severity: advisory.severity.map(|severity| severity.to_string()),
        summary: advisory.summary.clone(),
        html_url: advisory.html_url.clone(),
    }
}

fn of_dependency(dependency: Dependency) -> DependencyView {
    let Dependency { package, requirement, optional, app, repository } = dependency;
    DependencyView { package, requirement: requirement.0, optional, app, repository }
}

fn of_policy(policy: Policy, signature: SignatureView) -> PolicyView {
    PolicyView {
        name: policy.name.to_string(),
        repository: policy.repository.to_string(),
        signature,
        description: policy.description,
        visibility: policy.visibility.to_string(),
        repositories: policy.repositories.into_iter().map(of_repository_policy).collect(),
    }
}

fn of_repository_policy(part: RepositoryPolicy) -> RepositoryPolicyView {
    let restriction = part.restriction.map(|restriction| RestrictionView {
        advisory_min_severity: restriction.advisory_min_severity.map(|one| one.to_string()),
        retirement_reasons: restriction
            .retirement_reasons
            .iter()
            .map(ToString::to_string)
            .collect(),
        cooldown: restriction.cooldown,
    });
    let overrides = part.overrides.into_iter().map(of_override).collect();
    RepositoryPolicyView { repository: part.repository, restriction, overrides }
}

/// The view of an override.
pub fn of_override(one: Override) -> OverrideView {
    OverrideView {
        action: one.action.to_string(),
        package: one.package.package,
        requirement: one.package.requirement,
        advisory_id: one.advisory_id,
        retirement_reason: one.retirement_reason.map(|reason| reason.to_string()),
        comment: one.comment,
    }
}

fn of_tarball(tarball: Tarball, release: &FileName, size: usize) -> TarballView {
    let metadata = tarball.metadata;
    TarballView {
        name: release.package.to_string(),
        version: release.version.to_string(),
        app: metadata.app.unwrap_or_else(|| release.package.to_string()),
        size,
        inner_checksum: HEXLOWER.encode(tarball.inner_checksum.as_bytes()),
        outer_checksum: HEXLOWER.encode(tarball.outer_checksum.as_bytes()),
        requirements: metadata.requirements.into_iter().map(of_dependency).collect(),
    }
}

/// A time such as `2023-11-14T22:13:20Z`; the seconds if they are out of the range of `jiff`.
fn time(UnixSeconds(seconds): UnixSeconds) -> String {
    let time = Timestamp::from_second(seconds);
    time.map_or_else(|_| seconds.to_string(), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_has_a_text() {
        for (seconds, text) in [
            (1_700_000_000, "2023-11-14T22:13:20Z"),
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (253_402_207_200, "9999-12-30T22:00:00Z"),
            (253_402_300_800, "253402300800"),
            (i64::MAX, "9223372036854775807"),
            (i64::MIN, "-9223372036854775808"),
        ] {
            assert_eq!(time(UnixSeconds(seconds)), text);
        }
    }
}
