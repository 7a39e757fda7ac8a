//! The audit log: a line for each change that a client asked for, whatever else is logged.
//!
//! The target is [`TARGET`]. The program writes its lines as JSON, with `--quiet` and without an access log too. Each line
//! is counted in the metrics.

use std::net::IpAddr;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::auth::User;
use crate::checksum::OuterChecksum;
use crate::name::{PackageName, RepositoryName};
use crate::tarball::FileName;
use crate::version::Version;

/// The target of audit lines.
pub const TARGET: &str = "hexreg::audit";

/// How many changes clients asked for, and what became of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChangeCounters(Family<ChangeLabels, Counter>);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ChangeLabels {
    action: &'static str,
    result: &'static str,
}

impl ChangeCounters {
    /// Registers the counters.
    pub fn register(&self, registry: &mut Registry) {
        let help = "Changes that clients asked for, by action and result";
        registry.register("changes", help, self.0.clone());
    }

    /// Shows the counters of an action from now on: an alarm sees the first that fails.
    pub fn show(&self, action: &'static str) {
        for result in ["done", "refused", "failed"] {
            drop(self.0.get_or_create(&ChangeLabels { action, result }));
        }
    }
}

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
    /// Where it is counted.
    pub counters: ChangeCounters,
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

    /// Writes the line, and counts it.
    pub fn write(&self, result: AuditResult<'_>) {
        let Self { client, user, action, repository, package, version, checksum, counters } = self;
        let (result, reason) = match result {
            AuditResult::Done => ("done", None),
            AuditResult::Refused(reason) => ("refused", Some(reason)),
            AuditResult::Failed(reason) => ("failed", Some(reason)),
        };
        counters.0.get_or_create(&ChangeLabels { action, result }).inc();
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
