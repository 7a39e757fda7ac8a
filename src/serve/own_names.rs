//! Dependency confusion: a package of one of our own repositories is never served from an upstream, where anyone may
//! publish a package of the same name. A client would take that one if its project forgets to name the repository, or if
//! the own repository cannot be reached.
//!
//! Where it is not known whether an own repository has the name, as its disk is not mounted, the upstream's file is not
//! served either.

use std::sync::Arc;

use super::files::source;
use super::known_registry::Presence;
use super::repository::Repository;
use crate::name::PackageName;
use crate::repository::RepositoryPath;

/// The name of the repository where anyone may publish.
const PUBLIC: &str = "hexpm";

/// Whose a package is that a client asks an upstream's repository for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ownership {
    /// No own repository has a package of the name.
    Upstream,
    /// An own repository has one, or has had one since the server has started, and does not allow upstreams to have it.
    Own,
    /// An own repository cannot be read.
    Unknown,
}

/// The names that own repositories are known to have, and upstreams may not.
pub(super) struct HiddenNames {
    own: Vec<Arc<Repository>>,
}

/// Whose a package of the repository `asked` is.
pub(super) async fn owner(
    repositories: &[Arc<Repository>],
    asked: &Repository,
    name: &PackageName,
) -> Ownership {
    let mut owner = Ownership::Upstream;
    for own in own_repositories(repositories, asked).await {
        match in_own(own, name).await {
            Ownership::Upstream => {}
            Ownership::Own => return Ownership::Own,
            Ownership::Unknown => owner = Ownership::Unknown,
        }
    }
    owner
}

/// The names that listings of the repository `asked` leave out.
pub(super) async fn hidden(repositories: &[Arc<Repository>], asked: &Repository) -> HiddenNames {
    let own = own_repositories(repositories, asked).await;
    HiddenNames { own: own.into_iter().cloned().collect() }
}

/// Reads the registries of all repositories, if one has an upstream: what they have is known then also if they are gone at
/// the first request. May block.
pub(super) fn learn(repositories: &[Arc<Repository>]) {
    if repositories.iter().any(|one| one.has_upstream()) {
        for one in repositories {
            one.registry.read();
        }
    }
}

impl HiddenNames {
    /// Whether there is no such name.
    pub fn is_empty(&self) -> bool {
        self.own.is_empty()
    }

    pub fn include(&self, name: &PackageName) -> bool {
        self.own.iter().any(|own| own.registry.has_had(name) && !own.allow_public().contains(name))
    }
}

/// The repositories whose names `asked` may not have; none if it has no upstream.
async fn own_repositories<'a>(
    repositories: &'a [Arc<Repository>],
    asked: &Repository,
) -> Vec<&'a Arc<Repository>> {
    let mut own = Vec::new();
    if asked.has_upstream() && repositories.len() > 1 {
        asked.registry.refresh().await;
        for one in repositories.iter().filter(|one| !std::ptr::eq(&raw const ***one, asked)) {
            one.registry.refresh().await;
            if is_own(one, asked) {
                own.push(one);
            }
        }
    }
    own
}

/// Whether a repository is our own, as seen from another one that has an upstream. One that cannot be read is.
fn is_own(one: &Repository, asked: &Repository) -> bool {
    let (identity, asked) = (one.registry_identity(), asked.registry_identity());
    // A copy of the same registry.
    if identity.is_some() && identity == asked {
        return false;
    }
    if !one.has_upstream() {
        return true;
    }
    // An organisation that is mirrored or pulled through is private; of two, none is the other's.
    let is_public = identity.is_some_and(|identity| identity.name.as_str() == PUBLIC);
    !is_public && asked.is_none_or(|asked| asked.name.as_str() == PUBLIC)
}

/// Whether an own repository has a package of the name.
async fn in_own(own: &Repository, name: &PackageName) -> Ownership {
    if own.allow_public().contains(name) {
        return Ownership::Upstream;
    }
    let path = RepositoryPath::package(name);
    if !own.registry.has_had(name) {
        match source::stamp(&own.source, path.clone()).await {
            Ok(Some(_)) => own.registry.remember(name),
            Ok(None) if own.registry.presence() != Presence::Gone => return Ownership::Upstream,
            unknown => {
                if own.registry.is_absence_to_be_logged() {
                    let error = unknown.err().map(|error| error.to_string());
                    tracing::error!(
                        repository = own.location.to_string(),
                        error,
                        "nothing is served from upstream that may be of our own: the registry of this repository is not there"
                    );
                }
                return Ownership::Unknown;
            }
        }
    }
    if own.registry.is_to_be_logged(name) {
        tracing::warn!(
            path = own.locate(path.as_str()),
            "not served from upstream: {name} is a package of our own (allow-public allows it)"
        );
    }
    Ownership::Own
}
