//! The audit log: a line for each change that a client asked for, whatever else is logged.
//!
//! The target is [`TARGET`]. The program writes its lines as JSON, with `--quiet` and without an access log too.

use std::net::IpAddr;

use crate::auth::UserName;
use crate::checksum::OuterChecksum;
use crate::name::RepositoryName;
use crate::tarball::FileName;

/// The target of audit lines.
pub const TARGET: &str = "hexreg::audit";

/// A change that a client asked for.
pub(super) struct AuditRecord<'a> {
    pub client: IpAddr,
    pub user: &'a UserName,
    /// What was asked for, such as `publish`.
    pub action: &'static str,
    pub repository: &'a RepositoryName,
    /// What is to be changed, once that is known.
    pub release: Option<&'a FileName>,
    pub checksum: Option<OuterChecksum>,
}

impl AuditRecord<'_> {
    /// Writes the line. `refused` says why the change was not made.
    pub fn log(&self, refused: Option<&str>) {
        let Self { client, user, action, repository, release, checksum } = self;
        let package = release.map(|release| release.package.as_str());
        let version = release.map(|release| release.version.to_string());
        let checksum = checksum.map(|checksum| checksum.to_string().to_lowercase());
        tracing::info!(
            target: TARGET,
            %client,
            user = user.as_str(),
            action,
            repository = repository.as_str(),
            package,
            version,
            checksum,
            result = if refused.is_some() { "refused" } else { "done" },
            reason = refused,
        );
    }
}
