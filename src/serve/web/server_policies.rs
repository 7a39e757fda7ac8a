//! The policies of a server that rule the packages of a page, and the page of those of a repository.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Response, StatusCode};

use super::found::Searched;
use super::known_policies::{PolicyList, PolicyProblem};
use super::response;
use super::visit::Visit;
use crate::browse::closure::QualifiedName;
use crate::browse::pages::{
    Frame, PoliciesPage, PolicyVerdicts, RulingPolicy, ShownPolicy, UnreadPolicy, Urls,
};
use crate::package::Release;
use crate::policy::{Candidate, Policy};
use crate::registry::{PUBLIC_REPOSITORY, Releases};
use crate::serve::clock;
use crate::serve::overview::RepositoryState;
use crate::serve::responses::unavailable;

/// The policies of the repositories that a client may read.
pub(super) struct ServerPolicies<'a> {
    lists: Vec<RepositoryPolicies<'a>>,
}

struct RepositoryPolicies<'a> {
    label: String,
    urls: &'a Urls,
    list: Arc<PolicyList>,
}

/// A policy that clients accept.
struct SoundPolicy<'a> {
    /// As projects name it: `REPOSITORY/NAME`.
    label: String,
    urls: &'a Urls,
    policy: &'a Policy,
}

impl<'a> ServerPolicies<'a> {
    /// Those of the repository of a page, and of the others that the client may read. May block.
    pub fn of(own: &'a Searched, others: &'a [Searched]) -> Self {
        let lists = std::iter::once(own).chain(others).map(|one| RepositoryPolicies {
            label: one.label(),
            urls: &one.urls,
            list: one.repository.pages.policies.current(),
        });
        // mix takes no policy of `hexpm`.
        Self { lists: lists.filter(|one| one.label != PUBLIC_REPOSITORY).collect() }
    }

    /// What they say of the releases of a package, now.
    pub fn verdicts(&self, releases: &Releases) -> PolicyVerdicts<'_> {
        let mut verdicts = PolicyVerdicts::at(clock::now());
        let (repository, package) = (releases.repository.as_str(), releases.package.as_str());
        let ruling = self.sound().into_iter().filter_map(|one| {
            let rules = one.policy.rules_for_package(repository, package)?;
            let url = one.urls.policy(one.policy.name.as_str());
            Some(RulingPolicy { label: one.label, url, rules })
        });
        verdicts.policies.extend(ruling);
        for RepositoryPolicies { label, urls, list } in &self.lists {
            for found in &list.policies {
                if let Err(problem) = &found.contents {
                    let url = urls.policy(found.name.as_str());
                    let label = format!("{label}/{}", found.name);
                    verdicts.unread.push(UnreadPolicy { label, url, why: why(problem) });
                }
            }
            if list.is_unknown {
                let (label, url) = (format!("all of {label}"), urls.policies());
                verdicts.unread.push(UnreadPolicy { label, url, why: UNREADABLE.to_owned() });
            }
        }
        verdicts
    }

    /// Those that hide a release, now.
    pub fn hiding(&self, package: &QualifiedName, release: &Release) -> Vec<String> {
        let now = clock::now();
        let candidate = Candidate {
            repository: &package.repository,
            package: &package.package,
            version: &release.version,
            remarks: &release.remarks,
        };
        let hiding = self.sound().into_iter();
        let hiding = hiding.filter(|one| !one.policy.verdict(&candidate, now).is_allowed());
        hiding.map(|one| one.label).collect()
    }

    /// The policies that clients accept, each once: a registry may be served at two places.
    fn sound(&self) -> Vec<SoundPolicy<'_>> {
        let mut all: Vec<SoundPolicy<'_>> = Vec::new();
        for RepositoryPolicies { label, urls, list } in &self.lists {
            for policy in list.policies.iter().filter_map(|found| found.contents.as_ref().ok()) {
                if !all.iter().any(|known| known.policy == policy) {
                    let label = format!("{label}/{}", policy.name);
                    all.push(SoundPolicy { label, urls, policy });
                }
            }
        }
        all
    }
}

const UNREADABLE: &str = "it cannot be read: the server’s log says more";

fn why(problem: &PolicyProblem) -> String {
    match problem {
        PolicyProblem::Refused(reason) => format!("clients refuse it: {reason}"),
        PolicyProblem::Unreadable => UNREADABLE.to_owned(),
        PolicyProblem::TooMuch => {
            "it is not read for pages, as there are too many policies, or too large ones".to_owned()
        }
    }
}

/// The names of the policies of a repository. May block.
pub(super) fn names(searched: &Searched) -> Vec<String> {
    let list = searched.repository.pages.policies.current();
    list.policies.iter().map(|found| found.name.to_string()).collect()
}

/// The page of the policies of a repository. May block.
pub(super) fn page(searched: &Searched, visit: &Visit) -> Response<Body> {
    let RepositoryState::Built(overview) = &*searched.overview() else { return unavailable() };
    let repository = &overview.repository;
    let list = searched.repository.pages.policies.current();
    let shown = list.policies.iter().map(|found| ShownPolicy {
        name: &found.name,
        contents: found.contents.as_ref().map_err(why),
    });
    let shown: Vec<_> = shown.collect();
    let urls = visit.urls.clone();
    let frame = Frame { site: repository.as_str(), query: "", urls, has_search: true };
    let page =
        PoliciesPage { frame: &frame, repository, policies: &shown, is_unknown: list.is_unknown };
    response::html(StatusCode::OK, page.render())
}
