//! `hexreg policy why`

use std::collections::BTreeSet;
use std::path::PathBuf;

use hexreg::lockfile::Pinned;
use hexreg::name::PackageName;
use hexreg::package::{Release, UnixSeconds};
use hexreg::policy::{BlockReason, Candidate, Policy};
use hexreg::version::Version;
use serde::Serialize;

use crate::cli::failure::Failure;
use crate::cli::policy_argument::{LoadedPolicy, PolicyArgs};
use crate::cli::registry_argument::{self, AccessArgs, RegistryArgument};
use crate::cli::view::{self, OverrideView};
use crate::cli::{lock, output, time};

/// Say which releases of a package a policy hides, and why
///
/// Asks the registry of --from for the releases of PACKAGE, and judges each as mix does: whether it is hidden,
/// by which rule, which exception accepts what, and when a cooldown ends. mix keeps the versions of a lock
/// file, whatever a policy says: --lock marks them.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hexreg policy why plug --policy strict.toml --from public
  hexreg policy why plug 1.15.0 --policy public/policies/strict --from https://repo.hex.pm
  hexreg policy why plug --policy https://hex.example.com/policies/strict --public-key=acme_public.pem \\
      --lock mix.lock")]
pub struct WhyPolicy {
    /// The package
    package: PackageName,
    /// One version of it, in place of all
    version: Option<Version>,
    #[command(flatten)]
    policy: PolicyArgs,
    /// The registry that has the package: a directory, a bucket or a URL
    #[arg(long, value_name = "DEST|URL", default_value = "https://repo.hex.pm", value_parser = RegistryArgument::parser())]
    from: RegistryArgument,
    /// What clients call that registry, such as hexpm:acme [default: as in the lock file, else as in its signed
    /// files]
    #[arg(long, value_name = "NAME")]
    repository: Option<String>,
    /// Mark the versions that this lock file pins: mix.lock, rebar.lock or manifest.toml; may be given more than
    /// once
    #[arg(long, value_name = "FILE")]
    lock: Vec<PathBuf>,
    #[command(flatten)]
    access: AccessArgs,
    /// Print one JSON object and nothing else
    #[arg(long)]
    pub json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct WhyJson {
    policy: String,
    repository: String,
    package: String,
    /// Whether the policy has rules for the repository.
    has_rules: bool,
    releases: Vec<JudgedRelease>,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct JudgedRelease {
    version: String,
    allowed: bool,
    reasons: Vec<ReasonJson>,
    overrides: Vec<OverrideView>,
    /// The lock files that pin it.
    locked_by: Vec<String>,
    /// Such as `hidden: it is retired (security)`.
    #[serde(skip)]
    verdict: String,
}

#[derive(Serialize)]
struct ReasonJson {
    rule: &'static str,
    reason: String,
    /// When a cooldown ends, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<i64>,
}

/// A pinned release of the package, and the lock file.
struct LockedRelease {
    lock: String,
    pinned: Pinned,
}

impl WhyPolicy {
    /// Runs the command.
    pub fn run(&self) -> Result<(), Failure> {
        let access = self.access.access()?;
        let LoadedPolicy { policy, label, warnings, .. } = self.policy.load(&access)?;
        let locked = self.locked()?;
        let source = self.from.open(&access)?;
        let package = source.package(&self.package);
        let package = package.map_err(|error| registry_argument::failure(&error))?;
        let Some(package) = package else {
            return Err(Failure::input(format!("the registry has no package {}", self.package))
                .hint("--from names the registry: a directory, a bucket or a URL"));
        };
        let repository = self.repository(&locked, package.repository.as_str());
        let now = time::system_now();
        let is_asked = |release: &&Release| {
            self.version.as_ref().is_none_or(|version| *version == release.version)
        };
        let judged = package.releases.iter().filter(is_asked);
        let judged: Vec<_> =
            judged.map(|release| self.judge(&policy, &repository, release, &locked, now)).collect();
        if let Some(version) = self.version.as_ref().filter(|_| judged.is_empty()) {
            let message = format!("{} has no {} {version}", package.repository, self.package);
            return Err(Failure::input(message).hint("leave VERSION out to see all versions"));
        }
        let has_rules = policy.rules_for(&repository).is_some();
        let package = self.package.to_string();
        let why =
            WhyJson { policy: label, repository, package, has_rules, releases: judged, warnings };
        if self.json { output::json(&why) } else { why.print() }
    }

    /// The pins of the package.
    fn locked(&self) -> Result<Vec<LockedRelease>, Failure> {
        let locks = lock::read_all(&self.lock, false)?;
        let pins = locks.into_iter().flat_map(|(lock, file)| {
            let pinned = file.pinned.into_iter().filter(|pinned| pinned.package == self.package);
            pinned.map(move |pinned| LockedRelease { lock: lock.clone(), pinned })
        });
        Ok(pins.collect())
    }

    /// What clients call the registry.
    fn repository(&self, locked: &[LockedRelease], signed: &str) -> String {
        let of_lock: BTreeSet<_> =
            locked.iter().filter_map(|one| one.pinned.repository.as_deref()).collect();
        let is_of_source = |name: &&&str| name.strip_prefix("hexpm:").unwrap_or(name) == signed;
        let of_lock = of_lock.iter().find(is_of_source).map(|name| (*name).to_owned());
        self.repository.clone().or(of_lock).unwrap_or_else(|| signed.to_owned())
    }

    fn judge(
        &self,
        policy: &Policy,
        repository: &str,
        release: &Release,
        locked: &[LockedRelease],
        now: UnixSeconds,
    ) -> JudgedRelease {
        let candidate = Candidate {
            repository,
            package: self.package.as_str(),
            version: &release.version,
            remarks: &release.remarks,
        };
        let verdict = policy.verdict(&candidate, now);
        let locked_by = locked.iter().filter(|one| one.pinned.version == release.version);
        JudgedRelease {
            version: release.version.to_string(),
            allowed: verdict.is_allowed(),
            reasons: verdict.reasons.iter().map(ReasonJson::of).collect(),
            verdict: verdict.to_string(),
            overrides: verdict.overrides.into_iter().cloned().map(view::of_override).collect(),
            locked_by: locked_by.map(|one| one.lock.clone()).collect(),
        }
    }
}

impl ReasonJson {
    fn of(reason: &BlockReason) -> Self {
        let (rule, until) = match reason {
            BlockReason::Denied => ("deny", None),
            BlockReason::Advisory { .. } => ("minimum-severity", None),
            BlockReason::Retired(_) => ("retired", None),
            reason if reason.is_not_on_list() => ("default", None),
            BlockReason::Cooldown { until, .. } => ("cooldown", until.map(|until| until.0)),
        };
        Self { rule, reason: reason.to_string(), until }
    }
}

impl WhyJson {
    fn print(&self) -> Result<(), Failure> {
        self.warnings.iter().for_each(|warning| output::warning(warning));
        let Self { policy, repository, package, .. } = self;
        let rules =
            if self.has_rules { "" } else { ": the policy has no rules for this repository" };
        output::line(&format!("{repository}/{package} under {policy}{rules}"))?;
        let width = self.releases.iter().map(|one| one.version.len()).max().unwrap_or_default();
        self.releases.iter().try_for_each(|one| output::line(&one.text(width)))
    }
}

impl JudgedRelease {
    /// Such as `  1.5.0  hidden: it is retired (security)`.
    fn text(&self, width: usize) -> String {
        let keeps = if self.allowed { "" } else { ": mix keeps it" };
        let locked = self.locked_by.iter().map(|lock| format!("; {lock} pins it{keeps}"));
        let locked: String = locked.collect();
        format!("  {:width$}  {}{locked}", self.version, self.verdict)
    }
}
