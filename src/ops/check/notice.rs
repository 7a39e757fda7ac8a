//! What a check does not say anything about, though it may be expected.

use std::fmt;

use super::request::CheckRequest;
use crate::lockfile::Pinned;
use crate::registry::PUBLIC_REPOSITORY;

/// What is no finding, and may be a mistake of those who set up the check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckNotice {
    /// A policy has rules for a repository of which nothing is locked.
    IdleRules {
        /// What findings call the policy.
        policy: String,
        /// The repository, as the policy calls it.
        repository: String,
    },
    /// There are packages of other repositories, and hex.pm's names are not known.
    NamesNotCompared,
}

impl fmt::Display for CheckNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IdleRules { policy, repository } => write!(
                f,
                "policy {policy} has rules for {repository}, and no package of it is locked: check that lock files and \
                 policy call it so"
            ),
            Self::NamesNotCompared => f.write_str(
                "the names of your packages are not compared with hex.pm's: add --from with hex.pm or a mirror of it",
            ),
        }
    }
}

/// The notices of a check.
pub(super) fn notices(request: &CheckRequest<'_>) -> Vec<CheckNotice> {
    let pinned: Vec<&Pinned> = request.locks.iter().flat_map(|lock| &lock.file.pinned).collect();
    let mut notices = Vec::new();
    for policy in request.policies {
        let of_policy = policy.policy.repositories.iter().map(|rules| rules.repository.as_str());
        let of_gate = policy.gate.repositories.iter().map(|gate| gate.repository.as_str());
        let mut seen = Vec::new();
        for repository in of_policy.chain(of_gate) {
            if seen.contains(&repository) || !is_idle(repository, request, &pinned) {
                continue;
            }
            seen.push(repository);
            let (policy, repository) = (policy.label.to_owned(), repository.to_owned());
            notices.push(CheckNotice::IdleRules { policy, repository });
        }
    }
    let is_private = |pinned: &&Pinned| pinned.repository.as_deref() != Some(PUBLIC_REPOSITORY);
    let has_hexpm =
        request.sources.iter().any(|source| source.repository().as_str() == PUBLIC_REPOSITORY);
    if !has_hexpm && pinned.iter().any(is_private) {
        notices.push(CheckNotice::NamesNotCompared);
    }
    notices
}

/// Whether rules for a repository look like a mistake: nothing locked has its name, and no registry has it either, or
/// something locked has nearly this name.
fn is_idle(repository: &str, request: &CheckRequest<'_>, pinned: &[&Pinned]) -> bool {
    let organisation = |name: &str| name.strip_prefix("hexpm:").unwrap_or(name).to_owned();
    let locked = || pinned.iter().filter_map(|pinned| pinned.repository.as_deref());
    let applies = locked().any(|name| name == repository || organisation(name) == repository);
    // A `rebar.lock` names no repository.
    let may_apply = pinned.iter().any(|pinned| pinned.repository.is_none());
    let is_known = request.sources.iter().any(|source| source.is_called(repository));
    let is_near = locked().any(|name| organisation(name) == organisation(repository));
    !applies && (!is_known || (is_near && !may_apply))
}
