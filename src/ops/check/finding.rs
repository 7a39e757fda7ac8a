//! What is wrong with a dependency of a lock file.

use std::fmt;

/// What is wrong with a dependency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule that it breaks.
    pub rule: FindingRule,
    /// The path of the lock file.
    pub lock: String,
    /// The line of its entry, from 1; `None` if it is not known.
    pub line: Option<usize>,
    /// The package; for a dependency that is no package, the OTP application.
    pub package: String,
    /// The version that is locked.
    pub version: Option<String>,
    /// The repository, as the lock file calls it or as it was found.
    pub repository: Option<String>,
    /// What is wrong, as a sentence without a full stop.
    pub message: String,
    /// What to do.
    pub advice: String,
}

impl Finding {
    /// The dependency, such as `hexpm/plug 1.5.0`.
    #[must_use]
    pub fn dependency(&self) -> String {
        let repository = self.repository.as_ref().map(|repository| format!("{repository}/"));
        let version = self.version.as_ref().map(|version| format!(" {version}"));
        let (repository, version) = (repository.unwrap_or_default(), version.unwrap_or_default());
        format!("{repository}{}{version}", self.package)
    }
}

/// A rule for dependencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FindingRule {
    /// A policy denies the release.
    Denied,
    /// A policy has an allow list, and the release is not on it.
    NotAllowed,
    /// The release has an advisory that a policy does not accept.
    Advisory,
    /// The release is retired for a reason that a policy does not accept.
    Retired,
    /// The release is younger than the cooldown of a policy.
    Cooldown,
    /// A policy does not accept the licence of the release, or the release has none.
    License,
    /// Two repositories have a package of this name.
    Namesake,
    /// The dependency comes from git.
    Git,
    /// The dependency comes from elsewhere than from a registry or git.
    OtherSource,
    /// The lock file and the registry have different checksums.
    Checksum,
    /// The registry does not have the release.
    UnknownRelease,
    /// No registry was given that is the repository of the package.
    UnknownRepository,
    /// The lock file has the application twice, differently.
    LockedTwice,
}

impl FindingRule {
    /// All rules.
    pub const ALL: [Self; 13] = [
        Self::Denied,
        Self::NotAllowed,
        Self::Advisory,
        Self::Retired,
        Self::Cooldown,
        Self::License,
        Self::Namesake,
        Self::Git,
        Self::OtherSource,
        Self::Checksum,
        Self::UnknownRelease,
        Self::UnknownRepository,
        Self::LockedTwice,
    ];

    /// Its identifier, such as `not-allowed`.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::NotAllowed => "not-allowed",
            Self::Advisory => "advisory",
            Self::Retired => "retired",
            Self::Cooldown => "cooldown",
            Self::License => "license",
            Self::Namesake => "namesake",
            Self::Git => "git",
            Self::OtherSource => "other-source",
            Self::Checksum => "checksum",
            Self::UnknownRelease => "unknown-release",
            Self::UnknownRepository => "unknown-repository",
            Self::LockedTwice => "locked-twice",
        }
    }

    /// What has to be so, as a sentence.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::Denied => "No policy denies the release.",
            Self::NotAllowed => "The release is on the allow list of the policy.",
            Self::Advisory => {
                "The release has no security advisory that the policy does not accept."
            }
            Self::Retired => "The release is not retired for a reason that the policy names.",
            Self::Cooldown => "The release is older than the cooldown of the policy.",
            Self::License => "The policy accepts each licence of the release.",
            Self::Namesake => "One repository alone has a package of this name.",
            Self::Git => "The dependency is a release of a registry, and not a commit.",
            Self::OtherSource => "The dependency comes from a registry.",
            Self::Checksum => "The lock file has the checksum that the registry signed.",
            Self::UnknownRelease => "The registry has the release.",
            Self::UnknownRepository => "The registry of the package is known.",
            Self::LockedTwice => "The lock file has each application once.",
        }
    }
}

/// The identifier.
impl fmt::Display for FindingRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}
