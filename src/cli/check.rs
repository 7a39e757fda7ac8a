//! `hexreg check`

mod sarif;
mod sources;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ValueEnum, ValueHint};
use hexreg::ops::check::{
    self, CheckError, CheckReport, CheckRequest, Finding, LockToCheck, PolicyToCheck,
};
use rayon::ThreadPoolBuilder;
use serde::Serialize;

use super::failure::{self, Failure};
use super::policy_argument::{LoadedPolicy, PoliciesArgs};
use super::progress::Progress;
use super::registry_argument::{self, AccessArgs, RegistryArgument};
use super::{lock, output, stderr, time};

/// Check what lock files pin against a policy
///
/// Applies a policy to each locked release, as mix does to what it resolves: for rebar3, Gleam, older Hex and
/// bots, and for what was locked before. Beyond that it finds licences that the policy does not accept, names
/// that two of the registries have, git dependencies, and checksums that differ from the registry's. Each
/// finding has its file and line, and says what to do.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hexreg check --lock mix.lock --policy strict.toml
  hexreg check --lock mix.lock --lock rebar.lock --policy strict.toml --from public \\
      --from https://repo.hex.pm
  hexreg check --lock mix.lock --policy https://hex.example.com/policies/strict \\
      --public-key=acme_public.pem --format=sarif > hexreg.sarif

Exit codes: 0 no finding; 1 findings; 2 nothing could be checked: usage, environment,
a lock file, policy or registry that cannot be read.")]
pub struct Args {
    /// The lock file: mix.lock, rebar.lock or manifest.toml; `-` reads standard input; may be given more than once
    #[arg(long, value_name = "FILE", required = true, value_hint = ValueHint::FilePath)]
    lock: Vec<PathBuf>,
    #[command(flatten)]
    policies: PoliciesArgs,
    /// A registry that has the packages: a directory, a bucket or a URL; may be given more than once, for each
    /// repository of the lock files
    #[arg(long, value_name = "DEST|URL", default_value = "https://repo.hex.pm", value_parser = RegistryArgument::parser())]
    from: Vec<RegistryArgument>,
    #[command(flatten)]
    access: AccessArgs,
    /// How findings are printed
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    format: CheckFormat,
}

/// How findings are printed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CheckFormat {
    /// Two lines for each finding, for people
    Text,
    /// One JSON object
    Json,
    /// SARIF 2.1.0, which code hosts show beside the lines of the file
    Sarif,
}

/// How many files of registries are read at once. Most may be far away.
const READERS: usize = 8;

/// What `--format=json` prints.
#[derive(Serialize)]
struct CheckJson<'a> {
    findings: Vec<FindingJson<'a>>,
    dependencies: usize,
    warnings: &'a [String],
}

#[derive(Serialize)]
struct FindingJson<'a> {
    rule: &'static str,
    file: &'a str,
    line: Option<usize>,
    package: &'a str,
    version: Option<&'a str>,
    repository: Option<&'a str>,
    message: &'a str,
    advice: &'a str,
}

impl Args {
    /// Runs the command.
    pub fn main(&self) -> ExitCode {
        match self.run() {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::from(1),
            Err(failure) => {
                // 1 is for findings alone: a build that cannot be checked is another thing.
                let failure = failure.of_usage();
                let printed = match self.format {
                    CheckFormat::Text => Ok(()),
                    CheckFormat::Json => output::json(&failure),
                    CheckFormat::Sarif => sarif::print_failure(&failure.line()),
                };
                if self.format != CheckFormat::Json || printed.is_err() {
                    failure.print();
                }
                failure::exit_code(&Err(failure))
            }
        }
    }

    /// Checks and prints; whether there is no finding.
    fn run(&self) -> Result<bool, Failure> {
        let access = self.access.access()?;
        let locks = lock::read_as_written(&self.lock)?;
        let policies = self.policies.load(&access)?;
        if let Some(policy) = policies.iter().find(|policy| policy.is_unverified) {
            let message = format!("the signature of policy {} is not verified", policy.label);
            return Err(
                Failure::environment(message).hint("give --public-key=PATH of its registry")
            );
        }
        let pool = ThreadPoolBuilder::new().num_threads(READERS).build();
        let pool = pool.map_err(|error| Failure::environment(format!("no threads: {error}")))?;
        let sources = sources::open_all(&self.from, &access)?;
        let to_check = locks.iter().map(|(path, file)| LockToCheck { path, file });
        let to_check: Vec<_> = to_check.collect();
        let applied = policies
            .iter()
            .map(|LoadedPolicy { policy, label, gate, .. }| PolicyToCheck { label, policy, gate });
        let applied: Vec<_> = applied.collect();
        let request = CheckRequest {
            locks: &to_check,
            policies: &applied,
            sources: &sources,
            now: time::system_now(),
        };
        let progress = Progress::new(true);
        let report = pool.install(|| check::check(&request, &progress));
        progress.clear();
        let report = report.map_err(|error| match &error {
            CheckError::Source(error) => registry_argument::failure(error),
            CheckError::SameRepository { .. } => {
                Failure::environment(error.to_string()).hint("give --from once for each repository")
            }
        })?;
        let of_policies = policies.iter().flat_map(|policy| policy.warnings.iter().cloned());
        let notices = report.notices.iter().map(ToString::to_string);
        let warnings: Vec<_> = of_policies.chain(notices).collect();
        self.print(&report, locks.len(), &warnings)?;
        Ok(report.findings.is_empty())
    }

    fn print(
        &self,
        report: &CheckReport,
        locks: usize,
        warnings: &[String],
    ) -> Result<(), Failure> {
        if self.format != CheckFormat::Json {
            for warning in warnings {
                output::warning(warning);
            }
        }
        match self.format {
            CheckFormat::Text => print_text(report, locks),
            CheckFormat::Json => output::json(&CheckJson {
                findings: report.findings.iter().map(FindingJson::of).collect(),
                dependencies: report.dependencies,
                warnings,
            }),
            CheckFormat::Sarif => {
                // What a person sees in the log of CI.
                stderr::write(&format!("{}\n", summary(report, locks)));
                sarif::print(&report.findings, warnings)
            }
        }
    }
}

fn print_text(report: &CheckReport, locks: usize) -> Result<(), Failure> {
    for finding in &report.findings {
        output::line(&headline(finding))?;
        output::line(&format!("  {}", finding.advice))?;
    }
    output::line(&summary(report, locks))
}

/// Such as `1 lock file, 12 dependencies: 2 findings`.
fn summary(report: &CheckReport, locks: usize) -> String {
    let findings = match report.findings.len() {
        0 if report.dependencies == 0 => "nothing to check".to_owned(),
        0 => "no finding".to_owned(),
        number => output::count(number, "finding"),
    };
    let dependencies = match report.dependencies {
        1 => "1 dependency".to_owned(),
        number => format!("{} dependencies", output::thousands(number)),
    };
    format!("{}, {dependencies}: {findings}", output::count(locks, "lock file"))
}

/// Such as `mix.lock:2: hexpm/plug 1.5.0: policy strict.toml: it is retired (security) [retired]`.
fn headline(finding: &Finding) -> String {
    let Finding { lock, rule, message, .. } = finding;
    let line = finding.line.map(|line| format!(":{line}")).unwrap_or_default();
    format!("{lock}{line}: {}: {message} [{rule}]", finding.dependency())
}

impl<'a> FindingJson<'a> {
    fn of(finding: &'a Finding) -> Self {
        Self {
            rule: finding.rule.id(),
            file: &finding.lock,
            line: finding.line,
            package: &finding.package,
            version: finding.version.as_deref(),
            repository: finding.repository.as_deref(),
            message: &finding.message,
            advice: &finding.advice,
        }
    }
}
