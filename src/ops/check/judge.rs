//! Judges the dependencies of one lock file.

use super::finding::{Finding, FindingRule};
use super::reading::{FoundRelease, ReadReleases, matches};
use super::request::{CheckRequest, LockToCheck, PolicyToCheck};
use crate::lockfile::{Format, GitPin, OtherDependency, OtherSource, Pinned, Repeated};
use crate::name::RepositoryName;
use crate::package::Release;
use crate::policy::{BlockReason, Candidate, LicenseFault, Verdict};
use crate::version::Version;

/// A lock file, and what is known of its releases.
pub(super) struct LockJudge<'a> {
    pub request: &'a CheckRequest<'a>,
    pub lock: LockToCheck<'a>,
    pub releases: &'a ReadReleases,
}

/// What clients call hex.pm's repository.
const HEXPM: &str = "hexpm";

/// A rule that is broken.
struct Breach {
    rule: FindingRule,
    message: String,
    advice: String,
}

impl LockJudge<'_> {
    /// All findings, by line.
    pub fn judge(&self) -> Vec<Finding> {
        let file = self.lock.file;
        let pinned = file.pinned.iter().flat_map(|pinned| self.of_release(pinned));
        let git = file.git.iter().filter_map(|pin| self.of_git(pin));
        let others = file.others.iter().filter_map(|other| self.of_other(other));
        let repeated = file.repeated.iter().map(|repeated| self.of_repeated(repeated));
        let mut findings: Vec<_> = pinned.chain(git).chain(others).chain(repeated).collect();
        findings.sort_by_key(|finding| (finding.line, finding.rule));
        findings
    }

    fn of_release(&self, pinned: &Pinned) -> Vec<Finding> {
        let found = self.releases.find(self.request, pinned);
        let mut breaches = self.namesakes(pinned, found.as_ref());
        match &found {
            None => breaches.push(self.unknown(pinned)),
            Some(found) => match found.release {
                None => breaches.push(unknown_release(pinned, found)),
                Some(release) => {
                    breaches.extend(checksum(pinned, found, release));
                    breaches.extend(self.hidden(pinned, found, release));
                    breaches.extend(self.license(pinned, found, release));
                }
            },
        }
        let repository = found.map(|found| found.repository).or_else(|| pinned.repository.clone());
        let finding = |breach: Breach| Finding {
            version: Some(pinned.version.to_string()),
            repository: repository.clone(),
            ..self.finding(&pinned.app, pinned.package.as_str(), breach)
        };
        breaches.into_iter().map(finding).collect()
    }

    fn finding(&self, app: &str, package: &str, breach: Breach) -> Finding {
        Finding {
            rule: breach.rule,
            lock: self.lock.path.to_owned(),
            line: self.lock.file.line(app),
            package: package.to_owned(),
            version: None,
            repository: None,
            message: breach.message,
            advice: breach.advice,
        }
    }

    /// No source has the package.
    fn unknown(&self, pinned: &Pinned) -> Breach {
        let sources = self.request.sources;
        let of_repository = pinned
            .repository
            .as_deref()
            .and_then(|repository| sources.iter().find(|source| source.is_called(repository)));
        match (&pinned.repository, of_repository) {
            (Some(repository), None) => Breach {
                rule: FindingRule::UnknownRepository,
                message: format!("it is not judged: no --from is the repository {repository}"),
                advice: format!("add --from with a directory, bucket or URL of {repository}"),
            },
            (Some(repository), Some(source)) => Breach {
                rule: FindingRule::UnknownRelease,
                message: format!("{repository} has no such package (in {})", source.label()),
                advice: WRONG_SOURCE.to_owned(),
            },
            (None, _) => Breach {
                rule: FindingRule::UnknownRelease,
                message: "it is not judged: no --from has the package".to_owned(),
                advice: "add --from with the registry that has it".to_owned(),
            },
        }
    }

    /// Other repositories that have a package of this name. A project that forgets to name the repository takes theirs,
    /// and rebar3 takes it where a registry does not answer.
    fn namesakes(&self, pinned: &Pinned, found: Option<&FoundRelease<'_>>) -> Vec<Breach> {
        let Some(found) = found else { return Vec::new() };
        let own = found.source.repository();
        let others = self.request.sources.iter().filter(|source| {
            source.repository() != own
                && source.has(&pinned.package)
                && !self.accepts_namesake(pinned, &[own.as_str(), source.repository().as_str()])
        });
        let breach = others.map(|other| {
            let (package, other) = (&pinned.package, other.repository());
            let way = self.way_to_one(own, other);
            Breach {
                rule: FindingRule::Namesake,
                message: format!("{own} and {other} both have a package {package}; {own} is locked"),
                advice: format!(
                    "{way}; where both are meant, accept it in the policy: allow-public = [\"{package}\"]"
                ),
            }
        });
        breach.collect()
    }

    /// How a project says which of two packages of a name it means.
    fn way_to_one(&self, locked: &RepositoryName, other: &RepositoryName) -> String {
        match self.lock.file.format {
            Some(Format::Rebar) => {
                "let rebar3 ask one repository alone: `{repos, replace, […]}`".to_owned()
            }
            Some(Format::Gleam) => {
                format!("Gleam knows hex.pm alone: rename the package of {other}")
            }
            Some(Format::Mix) | None if locked.as_str() == HEXPM => format!(
                "if that of {other} is meant, write `repo: \"{other}\"` in mix.exs, also in packages of yours that \
                 need it"
            ),
            Some(Format::Mix) | None => format!(
                "write `repo: \"{locked}\"` in mix.exs, also in packages of yours that need it"
            ),
        }
    }

    /// Whether a policy accepts the name in one of these repositories.
    fn accepts_namesake(&self, pinned: &Pinned, repositories: &[&str]) -> bool {
        let gates = self.request.policies.iter().flat_map(|policy| &policy.gate.repositories);
        let mut gates = gates.filter(|gate| {
            let name = gate.repository.strip_prefix("hexpm:").unwrap_or(&gate.repository);
            repositories.contains(&name)
        });
        gates.any(|gate| gate.allow_public.iter().any(|name| name == pinned.package.as_str()))
    }

    /// The policies that hide the release.
    fn hidden(&self, pinned: &Pinned, found: &FoundRelease<'_>, release: &Release) -> Vec<Breach> {
        let hides = |policy: &PolicyToCheck<'_>| -> Vec<Breach> {
            let verdict = self.verdict(policy, found, release);
            let breach = |reason: &BlockReason| Breach {
                rule: rule_of(reason),
                message: hiding(policy.label, &verdict, reason),
                advice: self.replacement(pinned, found),
            };
            verdict.reasons.iter().map(breach).collect()
        };
        self.request.policies.iter().flat_map(hides).collect()
    }

    fn verdict<'p>(
        &self,
        policy: &PolicyToCheck<'p>,
        found: &FoundRelease<'_>,
        release: &Release,
    ) -> Verdict<'p> {
        let candidate = Candidate {
            repository: &found.repository,
            package: found.package.package.as_str(),
            version: &release.version,
            remarks: &release.remarks,
        };
        policy.policy.verdict(&candidate, self.request.now)
    }

    /// The newest version that all policies show, and how to take it.
    fn replacement(&self, pinned: &Pinned, found: &FoundRelease<'_>) -> String {
        let is_shown = |release: &&Release| {
            let shows = |policy| self.verdict(policy, found, release).is_allowed();
            release.remarks.retired.is_none() && self.request.policies.iter().all(shows)
        };
        let shown = found.package.releases.iter().filter(is_shown).map(|release| &release.version);
        let newest = shown.max_by_key(|version| (!version.is_pre_release(), *version));
        let Some(newest) = newest else {
            return "no version of it is allowed: use another package, or add an exception to the policy"
                .to_owned();
        };
        format!(
            "{newest} is the newest version that is allowed: {}",
            self.how_to_take(pinned, newest)
        )
    }

    /// The command that locks another version.
    fn how_to_take(&self, pinned: &Pinned, version: &Version) -> String {
        let Pinned { app, package, .. } = pinned;
        match self.lock.file.format {
            Some(Format::Rebar) => {
                format!("require it in rebar.config, and run `rebar3 upgrade {app}`")
            }
            Some(Format::Gleam) => {
                format!("require it in gleam.toml, and run `gleam update {package}`")
            }
            Some(Format::Mix) | None if *version > pinned.version => {
                format!(
                    "run `mix deps.update {app}`, and change the requirement if that does not take it"
                )
            }
            Some(Format::Mix) | None => {
                format!("require it in mix.exs, and run `mix deps.update {app}`")
            }
        }
    }

    /// What policies say of the licences.
    fn license(&self, pinned: &Pinned, found: &FoundRelease<'_>, release: &Release) -> Vec<Breach> {
        let refuses = |policy: &PolicyToCheck<'_>| {
            let rules = policy.gate.rules_for(&found.repository)?;
            if !rules.needs_license(pinned.package.as_str(), &pinned.version) {
                return None;
            }
            let Some(licenses) = self.releases.licenses(release) else {
                return Some(Breach {
                    rule: FindingRule::License,
                    message: format!(
                        "policy {}: its licence is not known: {} has no tarball of it",
                        policy.label,
                        found.source.label()
                    ),
                    advice: "give a --from that has the tarballs".to_owned(),
                });
            };
            let (what, example) = match rules.license_fault(licenses)? {
                LicenseFault::Unlicensed => ("it has no licence".to_owned(), None),
                LicenseFault::NotAccepted(refused) => {
                    let quoted: Vec<_> = refused.iter().map(|one| format!("{one:?}")).collect();
                    (
                        format!("its licence is not accepted: {}", quoted.join(", ")),
                        quoted.into_iter().next(),
                    )
                }
            };
            let package = &pinned.package;
            let list = example
                .map(|example| format!(", or add {example} to `licenses`"))
                .unwrap_or_default();
            Some(Breach {
                rule: FindingRule::License,
                message: format!("policy {}: {what}", policy.label),
                advice: format!(
                    "use another package{list}, or accept it: except = [{{ package = \"{package}\", license = true }}]"
                ),
            })
        };
        self.request.policies.iter().filter_map(refuses).collect()
    }

    fn of_git(&self, pin: &GitPin) -> Option<Finding> {
        let GitPin { app, url, revision } = pin;
        let url = url.without_credentials();
        let mut accepted = self.request.policies.iter().flat_map(|policy| &policy.gate.git);
        if accepted.any(|accepted| accepted.app == *app && accepted.url == url) {
            return None;
        }
        let commit: String = revision.chars().take(12).collect();
        let breach = Breach {
            rule: FindingRule::Git,
            message: format!("it comes from git, {url} at {commit}, which no registry vouches for"),
            advice: format!(
                "use a release of a registry, or accept it in the policy: git = [{{ app = \"{app}\", url = \"{url}\" }}]"
            ),
        };
        Some(self.finding(app, app, breach))
    }

    fn of_other(&self, other: &OtherDependency) -> Option<Finding> {
        let OtherDependency { app, source } = other;
        let (rule, message) = match source {
            // It is a part of the project.
            OtherSource::Path => return None,
            OtherSource::Revision(revision) => {
                let message =
                    format!("it comes from git at {revision:?}, which is no commit and may move");
                (FindingRule::Git, message)
            }
            OtherSource::Hg => (FindingRule::OtherSource, "it comes from Mercurial".to_owned()),
            OtherSource::Other(name) => (
                FindingRule::OtherSource,
                format!("it comes from `{name}`, which hexreg does not know"),
            ),
        };
        let breach = Breach { rule, message, advice: "use a release of a registry".to_owned() };
        Some(self.finding(app, app, breach))
    }

    fn of_repeated(&self, repeated: &Repeated) -> Finding {
        let breach = Breach {
            rule: FindingRule::LockedTwice,
            message: repeated.to_string(),
            advice: "remove the entry that is wrong; let the build tool lock anew if in doubt"
                .to_owned(),
        };
        self.finding(&repeated.app, &repeated.app, breach)
    }
}

const WRONG_SOURCE: &str =
    "lock another version, or find out where this one comes from: it may have been reverted";

fn unknown_release(pinned: &Pinned, found: &FoundRelease<'_>) -> Breach {
    let Pinned { package, version, .. } = pinned;
    Breach {
        rule: FindingRule::UnknownRelease,
        message: format!(
            "{} has no {package} {version} (in {})",
            found.repository,
            found.source.label()
        ),
        advice: WRONG_SOURCE.to_owned(),
    }
}

fn checksum(pinned: &Pinned, found: &FoundRelease<'_>, release: &Release) -> Option<Breach> {
    if matches(release, pinned) {
        return None;
    }
    let (kind, locked, signed) = match pinned.outer_checksum {
        Some(outer) if outer != release.outer_checksum => {
            ("outer", outer.excerpt(), release.outer_checksum.excerpt())
        }
        _ => {
            let inner = pinned.inner_checksum.map(|inner| inner.excerpt());
            ("inner", inner.unwrap_or_default(), release.inner_checksum.excerpt())
        }
    };
    Some(Breach {
        rule: FindingRule::Checksum,
        message: format!(
            "its {kind} checksum is {locked}… in the lock file and {signed}… in {}",
            found.repository
        ),
        advice:
            "find out whether the lock file or the release was changed, before you lock it anew"
                .to_owned(),
    })
}

fn rule_of(reason: &BlockReason) -> FindingRule {
    match reason {
        BlockReason::Denied => FindingRule::Denied,
        BlockReason::Advisory { .. } => FindingRule::Advisory,
        BlockReason::Retired(_) => FindingRule::Retired,
        reason if reason.is_not_on_list() => FindingRule::NotAllowed,
        BlockReason::Cooldown { .. } => FindingRule::Cooldown,
    }
}

/// Why a policy hides a release, such as `policy strict.toml denies it (deny plug < 1.5.0: SEC-12)`.
fn hiding(policy: &str, verdict: &Verdict<'_>, reason: &BlockReason) -> String {
    let denial = verdict.overrides.first().filter(|_| *reason == BlockReason::Denied);
    match denial {
        Some(denial) => format!("policy {policy} denies it ({})", denial.explanation()),
        None if reason.is_not_on_list() => {
            format!("policy {policy} does not allow it: it is not on its list")
        }
        None => format!("policy {policy}: {reason}"),
    }
}
