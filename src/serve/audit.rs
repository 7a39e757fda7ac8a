//! The audit log: a line for each change that a client asked for, whatever else is logged.
//!
//! The target is [`TARGET`]. The program writes its lines as JSON, with `--quiet` and without an access log too.

use std::net::IpAddr;

use crate::auth::User;
use crate::checksum::OuterChecksum;
use crate::name::{PackageName, RepositoryName};
use crate::tarball::FileName;
use crate::version::Version;

/// The target of audit lines.
pub const TARGET: &str = "hexreg::audit";

/// What the line of a change says, as far as it is known.
#[derive(Clone, Debug)]
pub(crate) struct AuditLine {
    pub client: IpAddr,
    pub user: User,
    /// What was asked for, such as `publish`.
    pub action: &'static str,
    pub repository: Option<RepositoryName>,
    pub package: Option<PackageName>,
    pub version: Option<Version>,
    /// Of the tarball, or of the archive of the documentation.
    pub checksum: Option<OuterChecksum>,
}

/// What became of a change.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AuditResult<'a> {
    Done,
    /// By a rule, or by what the token permits. Nothing was changed.
    Refused(&'a str),
    /// By an error, which says whether it is unknown what was changed.
    Failed(&'a str),
}

impl AuditLine {
    /// The line of a change to this release.
    #[must_use]
    pub fn of_release(self, release: &FileName) -> Self {
        let FileName { package, version } = release.clone();
        Self { package: Some(package), version: Some(version), ..self }
    }

    /// Writes the line.
    pub fn write(&self, result: AuditResult<'_>) {
        let Self { client, user, action, repository, package, version, checksum } = self;
        let (result, reason) = match result {
            AuditResult::Done => ("done", None),
            AuditResult::Refused(reason) => ("refused", Some(reason)),
            AuditResult::Failed(reason) => ("failed", Some(reason)),
        };
        tracing::info!(
            target: TARGET,
            %client,
            user = user.name.as_str(),
            token = user.token.map(|id| id.to_string()),
            action,
            repository = repository.as_ref().map(RepositoryName::as_str),
            package = package.as_ref().map(PackageName::as_str),
            version = version.as_ref().map(Version::to_string),
            checksum = checksum.map(|checksum| checksum.to_string().to_lowercase()),
            result,
            reason,
        );
    }
}
