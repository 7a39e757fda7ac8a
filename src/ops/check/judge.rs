//! Judges the dependencies of one lock file.

use super::breach::Breach;
use super::elsewhere;
use super::finding::{Finding, FindingRule};
use super::reading::{FoundRelease, ReadReleases, matches};
use super::request::{CheckRequest, LockToCheck, PolicyToCheck};
use crate::lockfile::{Format, Pinned};
use crate::name::{PackageName, RepositoryName};
use crate::package::Release;
use crate::policy::{BlockReason, Candidate, LicenseFault, Verdict};
use crate::registry::PUBLIC_REPOSITORY;

/// A lock file, and what is known of its releases.
pub(super) struct LockJudge<'a> {
    pub request: &'a CheckRequest<'a>,
    pub lock: LockToCheck<'a>,
    pub releases: &'a ReadReleases,
}

impl LockJudge<'_> {
    /// All findings, by line.
    pub fn judge(&self) -> Vec<Finding> {
        let file = self.lock.file;
        let pinned = file.pinned.iter().flat_map(|pinned| self.of_release(pinned));
        let of_app = |app: &str, breach: Option<Breach>| Some(self.finding(app, app, breach?));
        let policies = self.request.policies;
        let git = file.git.iter().filter_map(|pin| of_app(&pin.app, elsewhere::git(pin, policies)));
        let others = file.others.iter();
        let others =
            others.filter_map(|other| of_app(&other.app, elsewhere::other(other, file.format)));
        let repeated = file.repeated.iter();
        let repeated = repeated.filter_map(|one| of_app(&one.app, Some(elsewhere::repeated(one))));
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

    /// Packages that may be meant in place of the one that is locked: those of its name in other repositories, which a
    /// project takes that forgets to name the repository, and rebar3 where a registry does not answer; and those that
    /// have the name of the application, if that is another one.
    fn namesakes(&self, pinned: &Pinned, found: Option<&FoundRelease<'_>>) -> Vec<Breach> {
        let Some(found) = found else { return Vec::new() };
        let own = found.source.repository();
        let Pinned { app, package, .. } = pinned;
        let accepts = |name: &str| {
            format!("accept it in the policy, below name = \"{own}\": allow-public = [\"{name}\"]")
        };
        let mut breaches = Vec::new();
        let others = self.request.sources.iter().filter(|source| {
            source.repository() != own
                && source.has(package)
                && !self.accepts(own, package.as_str())
        });
        for other in others {
            let other = other.repository();
            breaches.push(Breach {
                rule: FindingRule::Namesake,
                message: format!(
                    "{own} and {other} both have a package {package}; {own} is locked"
                ),
                advice: format!("{} {}", self.way_to_one(own, other), accepts(package.as_str())),
            });
        }
        let of_app = app.parse::<PackageName>().ok().filter(|name| name != package);
        let of_app = of_app.filter(|name| !self.accepts(own, name.as_str()));
        let other = of_app
            .as_ref()
            .and_then(|name| self.request.sources.iter().find(|source| source.has(name)));
        if let Some(other) = other {
            breaches.push(Breach {
                rule: FindingRule::Namesake,
                message: format!(
                    "it is locked as the application {app}, and {} has a package {app}",
                    other.repository()
                ),
                advice: format!("check that {package} is meant, and then {}", accepts(app)),
            });
        }
        breaches
    }

    /// How a project says which of two packages of a name it means, up to what it does if the locked one is meant.
    fn way_to_one(&self, locked: &RepositoryName, other: &RepositoryName) -> String {
        let also = "also in packages of yours that need it";
        match self.lock.file.format {
            Some(Format::Rebar) => {
                format!("let rebar3 ask {locked} alone by `{{repos, replace, […]}}`, and then")
            }
            Some(Format::Gleam) => format!(
                "Gleam knows hex.pm alone: rename the package of {other}; or, if hex.pm's is meant,"
            ),
            Some(Format::Mix) | None if locked.as_str() == PUBLIC_REPOSITORY => format!(
                "if that of {other} is meant, write `repo: \"{other}\"` in mix.exs, {also}; if hex.pm's is meant,"
            ),
            Some(Format::Mix) | None => {
                format!("check that mix.exs says `repo: \"{locked}\"`, {also}, and then")
            }
        }
    }

    /// Whether a policy accepts that a package of this repository has the name of another one.
    fn accepts(&self, repository: &RepositoryName, name: &str) -> bool {
        let gates = self.request.policies.iter().flat_map(|policy| &policy.gate.repositories);
        let mut gates = gates.filter(|gate| {
            let of = gate.repository.strip_prefix("hexpm:").unwrap_or(&gate.repository);
            of == repository.as_str()
        });
        gates.any(|gate| gate.allow_public.iter().any(|one| one == name))
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

    /// The newest version that all policies show, and how to take it. One that is not retired is better.
    fn replacement(&self, pinned: &Pinned, found: &FoundRelease<'_>) -> String {
        let is_shown = |release: &&Release| {
            let shows = |policy| self.verdict(policy, found, release).is_allowed();
            self.request.policies.iter().all(shows)
        };
        let shown = found.package.releases.iter().filter(is_shown);
        let newest = shown.max_by_key(|release| {
            let Release { version, remarks, .. } = release;
            (remarks.retired.is_none(), !version.is_pre_release(), version)
        });
        let Some(Release { version, .. }) = newest else {
            return "no version of it is allowed: use another package, or add an exception to the policy"
                .to_owned();
        };
        let Pinned { app, package, .. } = pinned;
        let (file, command) = match self.lock.file.format {
            Some(Format::Rebar) => ("rebar.config", format!("rebar3 upgrade {app}")),
            Some(Format::Gleam) => ("gleam.toml", format!("gleam update {package}")),
            Some(Format::Mix) | None => ("mix.exs", format!("mix deps.update {app}")),
        };
        format!(
            "{version} is the newest version that is allowed: require it in {file}, and run `{command}`"
        )
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
