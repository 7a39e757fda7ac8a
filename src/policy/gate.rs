//! Rules that `hexreg check` alone applies: a signed policy has no fields for them, and no client obeys them.

use spdx::Expression;

use super::PackageRef;
use crate::lockfile::GitUrl;
use crate::version::Version;

/// What a policy file says for `hexreg check` alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GateRules {
    /// The rules for the packages of each repository. One without such rules is not in it.
    pub repositories: Vec<RepositoryGate>,
    /// The git dependencies that are accepted.
    pub git: Vec<AcceptedGit>,
}

/// The rules for the packages of one repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepositoryGate {
    /// The name that clients use for the repository.
    pub repository: String,
    /// The licences that a package may have: SPDX identifiers, or other texts as packages say them. `None` if each
    /// licence, and none, is accepted.
    pub licenses: Option<Vec<String>>,
    /// The releases that may have any licence, or none.
    pub any_license: Vec<PackageRef>,
    /// The packages that may have the name of a package of another repository.
    pub allow_public: Vec<String>,
}

/// A git dependency that is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedGit {
    /// The OTP application.
    pub app: String,
    /// The URL of the git repository, as in the lock file. The user of a web address makes no difference.
    pub url: String,
    /// The one commit that is accepted; `None` for each.
    pub commit: Option<String>,
}

/// What is wrong with the licences of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LicenseFault {
    /// Its metadata names no licence.
    Unlicensed,
    /// Its metadata names these licences, which are not accepted.
    NotAccepted(Vec<String>),
}

impl GateRules {
    /// Whether no rule is for `hexreg check` alone.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.repositories.is_empty() && self.git.is_empty()
    }

    /// The rules for a repository. For `hexpm:ORGANISATION` they may be those of the name of the organisation.
    #[must_use]
    pub fn rules_for(&self, repository: &str) -> Option<&RepositoryGate> {
        let organisation = repository.strip_prefix("hexpm:").unwrap_or(repository);
        let is_of = |rules: &&RepositoryGate| {
            rules.repository == repository || rules.repository == organisation
        };
        self.repositories.iter().find(is_of)
    }
}

impl AcceptedGit {
    /// Whether this dependency is accepted.
    #[must_use]
    pub fn accepts(&self, app: &str, url: &GitUrl, commit: &str) -> bool {
        let is_commit = |accepted: &String| accepted.eq_ignore_ascii_case(commit);
        self.app == app && url.is_at(&self.url) && self.commit.as_ref().is_none_or(is_commit)
    }
}

impl RepositoryGate {
    /// Whether a licence is needed of this release.
    #[must_use]
    pub fn needs_license(&self, package: &str, version: &Version) -> bool {
        let is_accepted = self.any_license.iter().any(|one| one.covers(package, version));
        self.licenses.is_some() && !is_accepted
    }

    /// What is wrong with the licences of a release, which are those of its metadata. Each of them has to be accepted;
    /// of an SPDX expression such as `MIT OR Apache-2.0`, as much as it needs.
    #[must_use]
    pub fn license_fault(&self, licenses: &[String]) -> Option<LicenseFault> {
        let accepted = self.licenses.as_ref()?;
        if licenses.iter().all(|license| license.trim().is_empty()) {
            return Some(LicenseFault::Unlicensed);
        }
        let refused = licenses.iter().filter(|license| !is_accepted(license, accepted));
        let refused: Vec<_> = refused.cloned().collect();
        (!refused.is_empty()).then_some(LicenseFault::NotAccepted(refused))
    }
}

/// Packages write licences freely. What is neither accepted word by word nor an SPDX expression is not guessed at.
fn is_accepted(license: &str, accepted: &[String]) -> bool {
    let is_listed =
        |name: &str| accepted.iter().any(|one| one.trim().eq_ignore_ascii_case(name.trim()));
    let meets = |expression: Expression| {
        expression.evaluate(|requirement| is_listed(&requirement.to_string()))
    };
    is_listed(license) || Expression::parse(license).is_ok_and(meets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(licenses: &[&str]) -> RepositoryGate {
        let licenses = licenses.iter().map(|one| (*one).to_owned()).collect();
        RepositoryGate { licenses: Some(licenses), ..RepositoryGate::default() }
    }

    fn fault(accepted: &[&str], found: &[&str]) -> Option<LicenseFault> {
        let found: Vec<_> = found.iter().map(|one| (*one).to_owned()).collect();
        gate(accepted).license_fault(&found)
    }

    fn refused(licenses: &[&str]) -> LicenseFault {
        LicenseFault::NotAccepted(licenses.iter().map(|one| (*one).to_owned()).collect())
    }

    #[test]
    fn each_licence_has_to_be_accepted() {
        assert_eq!(fault(&["MIT"], &["MIT"]), None);
        assert_eq!(fault(&["mit"], &["MIT "]), None);
        assert_eq!(fault(&["MIT"], &["MIT", "GPL-3.0"]), Some(refused(&["GPL-3.0"])));
        assert_eq!(fault(&["MIT"], &["BSD-3-Clause"]), Some(refused(&["BSD-3-Clause"])));
        assert_eq!(fault(&[], &["MIT"]), Some(refused(&["MIT"])));
    }

    #[test]
    fn an_expression_needs_what_it_says() {
        assert_eq!(fault(&["MIT"], &["MIT OR GPL-3.0-only"]), None);
        let both = "MIT AND GPL-3.0-only";
        assert_eq!(fault(&["MIT"], &[both]), Some(refused(&[both])));
        assert_eq!(fault(&["MIT", "GPL-3.0-only"], &[both]), None);
        let exception = "Apache-2.0 WITH LLVM-exception";
        assert_eq!(fault(&["Apache-2.0"], &[exception]), Some(refused(&[exception])));
        assert_eq!(fault(&[exception], &[exception]), None);
    }

    /// `Apache 2.0` is no SPDX identifier. Whether it is meant as one, a person decides.
    #[test]
    fn another_spelling_is_not_guessed_at() {
        assert_eq!(fault(&["Apache-2.0"], &["Apache 2.0"]), Some(refused(&["Apache 2.0"])));
        assert_eq!(fault(&["Apache-2.0", "Apache 2.0"], &["Apache 2.0"]), None);
        assert_eq!(fault(&["MIT"], &["MIT OR"]), Some(refused(&["MIT OR"])));
    }

    #[test]
    fn no_licence_is_a_fault_only_where_licences_are_listed() {
        assert_eq!(fault(&["MIT"], &[]), Some(LicenseFault::Unlicensed));
        assert_eq!(fault(&["MIT"], &[""]), Some(LicenseFault::Unlicensed));
        assert_eq!(RepositoryGate::default().license_fault(&[]), None);
    }

    #[test]
    fn a_release_may_be_excepted() {
        let old = PackageRef {
            package: "plug".to_owned(),
            requirement: Some("< 1.5.0".to_owned()),
            unknown: crate::unknown_fields::UnknownFields::default(),
        };
        let gate = RepositoryGate { any_license: vec![old], ..gate(&["MIT"]) };
        let needs = |package, version: &str| gate.needs_license(package, &version.parse().unwrap());
        assert!(!needs("plug", "1.4.9"));
        assert!(needs("plug", "1.5.0"));
        assert!(needs("cowboy", "1.4.9"));
        assert!(!RepositoryGate::default().needs_license("plug", &"1.0.0".parse().unwrap()));
    }

    #[test]
    fn rules_of_an_organisation_may_have_its_name() {
        let of = |repository: &str| {
            let gate =
                RepositoryGate { repository: repository.to_owned(), ..RepositoryGate::default() };
            GateRules { repositories: vec![gate], git: Vec::new() }
        };
        assert!(of("acme").rules_for("hexpm:acme").is_some());
        assert!(of("hexpm:acme").rules_for("hexpm:acme").is_some());
        assert!(of("hexpm:acme").rules_for("acme").is_none());
    }
}
