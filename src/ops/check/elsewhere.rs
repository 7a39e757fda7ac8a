//! Judges dependencies that are no releases, and applications that are locked twice.

use super::breach::Breach;
use super::finding::FindingRule;
use super::request::PolicyToCheck;
use crate::credentials::HIDDEN;
use crate::lockfile::{Format, GitPin, OtherDependency, OtherSource, Repeated};

/// A commit of git, unless a policy accepts it.
pub(super) fn git(pin: &GitPin, policies: &[PolicyToCheck<'_>]) -> Option<Breach> {
    let GitPin { app, url, revision } = pin;
    let mut accepted = policies.iter().flat_map(|policy| &policy.gate.git);
    if accepted.any(|accepted| accepted.accepts(app, url, revision)) {
        return None;
    }
    let commit: String = revision.chars().take(12).collect();
    let shown = url.without_user();
    let advice = if shown.contains(HIDDEN) {
        "use a release of a registry".to_owned()
    } else {
        format!(
            "use a release of a registry, or accept it in the policy: git = [{{ app = {app:?}, url = {shown:?} }}]"
        )
    };
    Some(Breach {
        rule: FindingRule::Git,
        message: format!("it comes from git, {shown} at {commit}, which no registry vouches for"),
        advice,
    })
}

/// A dependency from elsewhere.
pub(super) fn other(other: &OtherDependency, format: Option<Format>) -> Option<Breach> {
    let (rule, message, advice) = match &other.source {
        // Gleam locks directories of the project.
        OtherSource::Path if format == Some(Format::Gleam) => return None,
        OtherSource::Path => (
            FindingRule::OtherSource,
            "it is a directory, which the build tool never locks".to_owned(),
            "remove the entry: it may hide the package that is fetched",
        ),
        OtherSource::Revision(revision) => (
            FindingRule::Git,
            format!("it comes from git at {revision:?}, which is no commit and may move"),
            "let the build tool lock a commit, or use a release of a registry",
        ),
        OtherSource::Hg => (
            FindingRule::OtherSource,
            "it comes from Mercurial".to_owned(),
            "use a release of a registry",
        ),
        OtherSource::Other(name) => (
            FindingRule::OtherSource,
            format!("it comes from `{name}`, which hexreg does not know"),
            "use a release of a registry",
        ),
    };
    Some(Breach { rule, message, advice: advice.to_owned() })
}

/// An application that is locked twice.
pub(super) fn repeated(repeated: &Repeated) -> Breach {
    Breach {
        rule: FindingRule::LockedTwice,
        message: repeated.to_string(),
        advice: "remove the entry that is wrong; let the build tool lock anew if in doubt"
            .to_owned(),
    }
}
