//! What policies say of releases, in words beside each version.

use super::urls::Urls;
use crate::browse::readme::plain_line;
use crate::package::{Release, UnixSeconds};
use crate::policy::{PackageRules, Verdict};
use crate::registry::Releases;

/// What policies say of the releases of a package, at one time.
#[derive(Clone, Debug)]
pub struct PolicyVerdicts<'a> {
    /// The policies that have rules for the repository of the package.
    pub policies: Vec<RulingPolicy<'a>>,
    /// Policies of which it is not known what they say.
    pub unread: Vec<UnreadPolicy>,
    now: UnixSeconds,
}

/// A policy that has rules for the repository of a package.
#[derive(Clone, Debug)]
pub struct RulingPolicy<'a> {
    /// As projects name it: `REPOSITORY/NAME`.
    pub label: String,
    /// Of what it says.
    pub url: String,
    /// Its rules for the package.
    pub rules: PackageRules<'a>,
}

/// A policy of which it is not known what it says.
#[derive(Clone, Debug)]
pub struct UnreadPolicy {
    /// As projects name it, or all of a repository.
    pub label: String,
    /// Where policies of its repository are shown.
    pub url: String,
    /// Why it is not known.
    pub why: String,
}

/// A policy that hides the release of a page.
pub(super) struct PolicyBanner {
    pub label: String,
    pub url: String,
    pub why: String,
    /// The version that a new project takes under the policy, with its page.
    pub allowed: Option<(String, String)>,
}

/// What a policy says of a release that it does not hide, or does.
pub(super) struct PolicyFact {
    pub text: String,
    pub url: String,
}

/// How much is shown of a reason, in characters: the longest comment that clients accept, and the rule.
const MOST_TEXT: usize = 800;

impl<'a> PolicyVerdicts<'a> {
    /// Those of no policy, at this time.
    #[must_use]
    pub fn at(now: UnixSeconds) -> Self {
        Self { policies: Vec::new(), unread: Vec::new(), now }
    }

    fn of(&self, policy: &RulingPolicy<'a>, release: &Release) -> Verdict<'a> {
        policy.rules.verdict(&release.version, &release.remarks, self.now)
    }

    /// A line for each policy that hides a release.
    pub(super) fn lines(&self, release: &Release) -> Vec<String> {
        let hidden = self.policies.iter().filter_map(|policy| {
            let verdict = self.of(policy, release);
            let why = shortened(&verdict.explanation());
            (!verdict.is_allowed()).then(|| format!("Hidden by {}: {why}", policy.label))
        });
        hidden.collect()
    }

    /// The policies that hide a release.
    pub(super) fn banners(
        &self,
        releases: &Releases,
        release: &Release,
        urls: &Urls,
    ) -> Vec<PolicyBanner> {
        let name = releases.package.as_str();
        let hidden = self.policies.iter().filter_map(|policy| {
            let verdict = self.of(policy, release);
            if verdict.is_allowed() {
                return None;
            }
            let allowed = releases.recommended_of(|one| self.of(policy, one).is_allowed());
            let allowed = allowed.map(|one| &one.version);
            Some(PolicyBanner {
                label: policy.label.clone(),
                url: policy.url.clone(),
                why: shortened(&verdict.explanation()),
                allowed: allowed.map(|one| (one.to_string(), urls.release(name, one))),
            })
        });
        hidden.collect()
    }

    /// What each policy says of a release. Why one hides it is said by the banner.
    pub(super) fn facts(&self, release: &Release) -> Vec<PolicyFact> {
        let facts = self.policies.iter().map(|policy| {
            let verdict = self.of(policy, release);
            let verdict = if verdict.is_allowed() {
                shortened(&verdict.to_string())
            } else {
                "hidden".to_owned()
            };
            PolicyFact { text: format!("{}: {verdict}", policy.label), url: policy.url.clone() }
        });
        facts.collect()
    }
}

/// A text of a policy on one line.
pub(super) fn shortened(text: &str) -> String {
    let line = plain_line(text);
    match line.char_indices().nth(MOST_TEXT) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

#[cfg(test)]
mod tests;
