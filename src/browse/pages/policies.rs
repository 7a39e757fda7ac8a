//! The page of the policies of a repository: what each says, and how projects take it.

use askama::Template;

use super::frame::Frame;
use super::text::counted;
use super::verdicts::shortened;
use crate::name::{PolicyName, RepositoryName};
use crate::policy::{Policy, RepositoryPolicy, Restriction};
use crate::registry::PUBLIC_REPOSITORY;
use crate::snippets::PolicyLines;

/// How many rules for one repository, and how many ignored parts, the page shows: a policy may have thousands.
const MAX_RULES: usize = 200;
const MAX_IGNORED: usize = 20;

/// The page of the policies of a repository.
#[derive(Clone, Copy)]
pub struct PoliciesPage<'a> {
    /// What is around it.
    pub frame: &'a Frame<'a>,
    /// The name of the repository.
    pub repository: &'a RepositoryName,
    /// By name.
    pub policies: &'a [ShownPolicy<'a>],
    /// Whether it is not known which there are.
    pub is_unknown: bool,
}

/// A policy of a repository.
#[derive(Clone, Debug)]
pub struct ShownPolicy<'a> {
    /// Of its file.
    pub name: &'a PolicyName,
    /// What it says, or why that is not known.
    pub contents: Result<&'a Policy, String>,
}

#[derive(Template)]
#[template(path = "browse/policies.html")]
struct PoliciesTemplate<'a> {
    frame: &'a Frame<'a>,
    repository: &'a str,
    count: String,
    sections: Vec<PolicySection>,
    is_unknown: bool,
    /// Whether mix takes policies of the repository.
    is_taken: bool,
}

struct PolicySection {
    id: String,
    label: String,
    /// Why it is not known what it says.
    problem: Option<String>,
    description: String,
    parts: Vec<RulesPart>,
    /// What clients ignore.
    ignored: Vec<String>,
    lines: PolicyLines,
    file: String,
    file_url: Option<String>,
}

struct RulesPart {
    repository: String,
    rules: Vec<String>,
    more: Option<String>,
}

impl PoliciesPage<'_> {
    /// The page.
    #[must_use]
    pub fn render(&self) -> String {
        let page = PoliciesTemplate {
            frame: self.frame,
            repository: self.repository.as_str(),
            count: policies(self.policies.len()),
            sections: self.policies.iter().map(|one| self.section(one)).collect(),
            is_unknown: self.is_unknown,
            is_taken: self.repository.as_str() != PUBLIC_REPOSITORY,
        };
        // Writing into memory cannot fail.
        page.render().unwrap_or_default()
    }

    fn section(&self, shown: &ShownPolicy<'_>) -> PolicySection {
        let name = shown.name;
        let policy = shown.contents.as_ref().ok();
        let ignored = policy.map(|policy| policy.inert_parts()).unwrap_or_default();
        let ignored = ignored.iter().take(MAX_IGNORED).map(|part| shortened(&part.to_string()));
        let description = policy.and_then(|policy| policy.description.as_deref());
        PolicySection {
            id: format!("policy-{name}"),
            label: format!("{}/{name}", self.repository),
            problem: shown.contents.as_ref().err().map(|why| shortened(why)),
            description: description.map(shortened).unwrap_or_default(),
            parts: policy.iter().flat_map(|one| &one.repositories).map(RulesPart::of).collect(),
            ignored: ignored.collect(),
            lines: PolicyLines::new(self.repository, name),
            file: format!("policies/{name}"),
            file_url: self.frame.urls.asset(&format!("policies/{name}")),
        }
    }
}

impl RulesPart {
    fn of(part: &RepositoryPolicy) -> Self {
        let restriction = part.restriction.iter().flat_map(Restriction::in_words);
        let overrides = part.overrides.iter().map(|one| shortened(&one.explanation()));
        let mut rules: Vec<_> = restriction.chain(overrides.take(MAX_RULES)).collect();
        if rules.is_empty() {
            rules.push("nothing is hidden".to_owned());
        }
        let more = part.overrides.len().checked_sub(MAX_RULES).filter(|more| *more > 0);
        let more = more
            .map(|more| format!("and {} that the page does not show", counted(more, "more rule")));
        Self { repository: shortened(&part.repository), rules, more }
    }
}

fn policies(count: usize) -> String {
    if count == 1 { "1 policy".to_owned() } else { format!("{count} policies") }
}
