//! `hexreg check`: judges what lock files pin, where no client obeys a policy.
//!
//! mix applies a policy to what it resolves, and to nothing that a lock file has already; rebar3, Gleam and older Hex apply
//! none. The same rules are applied here to each locked release, and further ones that no policy can have.
//!
//! ```text
//! lock files → source of each release → packages/NAME, once each → tarballs, where a licence is needed → findings
//! ```

mod breach;
mod elsewhere;
mod finding;
mod judge;
mod notice;
mod reading;
mod request;
mod source;

pub use finding::{Finding, FindingRule};
pub use notice::CheckNotice;
pub use request::{CheckRequest, LockToCheck, PolicyToCheck};
pub use source::{CheckSource, CheckSourceError};

use crate::lockfile::LockFile;
use crate::name::RepositoryName;
use crate::ops::registry_source::SourceError;
use crate::publish::observer::Observer;
use judge::LockJudge;
use reading::ReadReleases;

/// What was found.
#[derive(Clone, Debug)]
pub struct CheckReport {
    /// In the order of the lock files and their lines.
    pub findings: Vec<Finding>,
    /// How many dependencies the lock files have.
    pub dependencies: usize,
    /// What may be a mistake of those who set up the check.
    pub notices: Vec<CheckNotice>,
}

/// Why nothing could be judged.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// A file of a registry cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Two registries are the same repository, and either may be meant.
    #[error("{first} and {second} are both the repository {repository}")]
    SameRepository {
        /// The first registry.
        first: String,
        /// The second registry.
        second: String,
        /// Their name.
        repository: RepositoryName,
    },
}

/// Judges lock files. Files of registries are read on the threads of the current pool.
///
/// # Errors
/// [`CheckError`] if a registry cannot be read: nothing is said of a part.
pub fn check(
    request: &CheckRequest<'_>,
    observer: &dyn Observer,
) -> Result<CheckReport, CheckError> {
    refuse_same(request.sources)?;
    let releases = ReadReleases::read(request, observer)?;
    let mut findings = Vec::new();
    let mut dependencies = 0_usize;
    for lock in request.locks {
        let LockFile { pinned, git, others, .. } = lock.file;
        dependencies = [pinned.len(), git.len(), others.len()]
            .into_iter()
            .fold(dependencies, usize::saturating_add);
        findings.extend(LockJudge { request, lock: *lock, releases: &releases }.judge());
    }
    Ok(CheckReport { findings, dependencies, notices: notice::notices(request) })
}

fn refuse_same(sources: &[CheckSource]) -> Result<(), CheckError> {
    for (number, second) in sources.iter().enumerate() {
        let mut earlier = sources.iter().take(number);
        if let Some(first) = earlier.find(|first| first.repository() == second.repository()) {
            return Err(CheckError::SameRepository {
                first: first.label().to_owned(),
                second: second.label().to_owned(),
                repository: first.repository().clone(),
            });
        }
    }
    Ok(())
}
