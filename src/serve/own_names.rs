//! Dependency confusion: a package of one of our own repositories is never served from an upstream, where anyone may
//! publish a package of the same name. Clients that forget to name the repository, or find it unreachable, would take that
//! one.

use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use super::files::source;
use super::repository::Repository;
use crate::name::PackageName;
use crate::repository::{Asset, RepositoryPath};

/// The names of our own packages that clients have asked an upstream's repository for.
#[derive(Default)]
pub(super) struct OwnNames {
    /// Those that the log has told of. No more are told of than there are own packages.
    told: Mutex<HashSet<PackageName>>,
}

impl OwnNames {
    /// Whether a file of an upstream's repository is of a package whose name one of our own repositories has, and does not
    /// allow upstreams to have.
    ///
    /// # Errors
    /// An own repository cannot be asked: then it is not known.
    pub async fn include(
        &self,
        repositories: &[Arc<Repository>],
        asked: &Repository,
        asset: &Asset,
    ) -> io::Result<bool> {
        if !asked.has_upstream() {
            return Ok(false);
        }
        let release = asset.release().map(|release| release.package);
        let Some(name) = release.or_else(|| asset.package()) else { return Ok(false) };
        let own = repositories.iter().filter(|one| !one.has_upstream());
        for own in own.filter(|own| !own.allow_public().contains(&name)) {
            let path = RepositoryPath::package(&name);
            if source::stamp(&own.source, path.clone()).await?.is_some() {
                self.tell(&name, own, &path);
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn tell(&self, name: &PackageName, own: &Repository, path: &RepositoryPath) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.insert(name.clone()) {
            tracing::warn!(
                path = own.locate(path.as_str()),
                "not served from upstream: {name} is a package of our own (allow-public allows it)"
            );
        }
    }
}
