//! The policies of a repository, each read again only when its file has changed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use crate::name::PolicyName;
use crate::policy::Policy;
use crate::published::{Published, Reader};
use crate::registry::Resource;
use crate::repository::{Folder, RepositoryPath};
use crate::serve::clock::unix_nanoseconds;
use crate::serve::error_chain::chain;
use crate::serve::overview::RepositoryState;
use crate::serve::overview_cache::OverviewCache;
use crate::serve::registry_identity::RegistryIdentity;
use crate::store::{EntryKind, ListedFile, Stamp, Store};

/// Reads the policies of a repository as clients do.
pub(crate) struct KnownPolicies {
    store: Arc<dyn Store + Send + Sync>,
    overview: Arc<OverviewCache>,
    /// The upstream that signs the files. `None` if `public_key` says who does.
    signer: Option<RegistryIdentity>,
    /// How long a listing of the folder holds.
    holds: Duration,
    cached: Mutex<Option<CachedPolicies>>,
    /// Held by the one thread that looks at the folder.
    reading: Mutex<()>,
}

/// The policies of a repository at one time.
#[derive(Debug, Default)]
pub(crate) struct PolicyList {
    /// By name.
    pub policies: Vec<Arc<FoundPolicy>>,
    /// Whether it is not known which there are.
    pub is_unknown: bool,
}

/// The file of a policy.
#[derive(Debug)]
pub(crate) struct FoundPolicy {
    pub name: PolicyName,
    pub contents: Result<Policy, PolicyProblem>,
}

/// Why a policy is not applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PolicyProblem {
    /// Clients refuse it, with the reason.
    Refused(String),
    /// The log says why.
    Unreadable,
    /// There are too many, or they are too large.
    TooMuch,
}

/// Clients refuse the registry.
struct UnsoundRegistry;

#[derive(Clone)]
struct CachedPolicies {
    listed_at: Instant,
    signer: RegistryIdentity,
    files: Vec<CachedPolicy>,
    list: Arc<PolicyList>,
}

#[derive(Clone)]
struct CachedPolicy {
    found: Arc<FoundPolicy>,
    /// `None` if it is to be read again in any case.
    stamp: Option<Stamp>,
    /// Until when it holds, if the stamp might not tell of a change, or the file could not be read.
    until: Option<Instant>,
    /// In bytes.
    size: usize,
}

/// How long a listing of a bucket holds, where it is a request.
const REMOTE_HOLDS: Duration = Duration::from_secs(2);

/// How long a folder or a file that could not be read is not read again.
const FAILURE_HOLDS: Duration = Duration::from_secs(1);

/// How long a file is cached that was changed a moment ago, when another change might leave the same stamp.
const UNSETTLED: Duration = Duration::from_millis(500);

/// How many policies are read, and how large they are together: their messages in bytes. In memory they take a few times
/// as much.
const MOST_POLICIES: usize = 100;
const MOST_BYTES: usize = 32 << 20;

impl KnownPolicies {
    /// Of the repository in a store, whose files `signer` signs, or else the key that is published.
    pub fn new(
        store: Arc<dyn Store + Send + Sync>,
        overview: Arc<OverviewCache>,
        signer: Option<RegistryIdentity>,
        is_remote: bool,
    ) -> Self {
        let holds = if is_remote { REMOTE_HOLDS } else { Duration::ZERO };
        Self { store, overview, signer, holds, cached: Mutex::default(), reading: Mutex::new(()) }
    }

    /// The policies now. While one thread reads, the others get the former ones, if there are any. May block.
    pub fn current(&self) -> Arc<PolicyList> {
        let signer = match self.signer() {
            Ok(Some(signer)) => signer,
            Ok(None) => return Arc::default(),
            Err(UnsoundRegistry) => return self.without_signer(),
        };
        let _reading = match self.reading.try_lock() {
            Ok(reading) => reading,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                if let Some(former) = self.cached(&signer) {
                    return former.list;
                }
                self.reading.lock().unwrap_or_else(PoisonError::into_inner)
            }
        };
        let former = self.cached(&signer);
        let holds = |former: &&CachedPolicies| {
            let holds = if former.list.is_unknown { FAILURE_HOLDS } else { self.holds };
            former.listed_at.elapsed() < holds
        };
        if let Some(former) = former.as_ref().filter(holds) {
            return Arc::clone(&former.list);
        }
        let cached = self.look(signer, former);
        let list = Arc::clone(&cached.list);
        *self.lock() = Some(cached);
        list
    }

    /// Who signs the policies; `None` if there is no registry yet.
    fn signer(&self) -> Result<Option<RegistryIdentity>, UnsoundRegistry> {
        if self.signer.is_some() {
            return Ok(self.signer.clone());
        }
        match &*self.overview.current() {
            RepositoryState::Built(overview) => {
                let (name, key) = (overview.repository.clone(), overview.key.clone());
                Ok(Some(RegistryIdentity { name, key }))
            }
            RepositoryState::NotBuilt => Ok(None),
            RepositoryState::Unsound(_) => Err(UnsoundRegistry),
        }
    }

    /// The policies while clients refuse the registry: if it had any, it is not known what they say.
    fn without_signer(&self) -> Arc<PolicyList> {
        let had_some = self.lock().as_ref().is_some_and(|cached| !cached.files.is_empty());
        Arc::new(PolicyList { policies: Vec::new(), is_unknown: had_some })
    }

    /// What was read before with the key of this signer.
    fn cached(&self, signer: &RegistryIdentity) -> Option<CachedPolicies> {
        self.lock().clone().filter(|cached| cached.signer == *signer)
    }

    fn lock(&self) -> MutexGuard<'_, Option<CachedPolicies>> {
        // It is replaced in one step, so it is valid after a panic too.
        self.cached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lists the folder, and reads what has changed.
    fn look(&self, signer: RegistryIdentity, former: Option<CachedPolicies>) -> CachedPolicies {
        let listed_at = Instant::now();
        let listed = match self.store.list(Folder::Policies) {
            Ok(listed) => listed.unwrap_or_default(),
            Err(error) => {
                self.log(&Folder::Policies.path(), &error);
                // What is known of them still holds.
                let known = former.as_ref().filter(|former| !former.files.is_empty());
                let list = known.map_or_else(
                    || Arc::new(PolicyList { policies: Vec::new(), is_unknown: true }),
                    |former| Arc::clone(&former.list),
                );
                let files = former.map(|former| former.files).unwrap_or_default();
                return CachedPolicies { listed_at: Instant::now(), signer, files, list };
            }
        };
        let mut named: Vec<_> = listed.iter().filter_map(named).collect();
        named.sort_by(|(one, _), (other, _)| one.cmp(other));
        let former = former.map(|former| former.files).unwrap_or_default();
        let (mut files, mut left) = (Vec::new(), MOST_BYTES);
        for (name, stamp) in named {
            if files.len() >= MOST_POLICIES || left == 0 {
                files.push(CachedPolicy::unusable(name, PolicyProblem::TooMuch, None));
                continue;
            }
            let known = former.iter().find(|one| one.found.name == name && one.is_still(stamp));
            let file = known.cloned().or_else(|| self.read(name, stamp, &signer));
            left = left.saturating_sub(file.as_ref().map_or(0, |file| file.size));
            files.extend(file);
        }
        let policies = files.iter().map(|file| Arc::clone(&file.found)).collect();
        let list = Arc::new(PolicyList { policies, is_unknown: false });
        CachedPolicies { listed_at, signer, files, list }
    }

    /// Reads a policy that is listed with this stamp; `None` if there is none any more.
    fn read(
        &self,
        name: PolicyName,
        listed: Option<Stamp>,
        signer: &RegistryIdentity,
    ) -> Option<CachedPolicy> {
        let (seen, read_at) = (unix_nanoseconds(), Instant::now());
        let path = RepositoryPath::policy(&name);
        let reader = Reader::new(&*self.store, signer.key.clone()).of_repository(&signer.name);
        let published = match reader.policy(&name, &mut Vec::new()) {
            Ok(published) => published,
            Err(error) => {
                self.log(&path, &error);
                return Some(CachedPolicy::unusable(name, PolicyProblem::Unreadable, listed));
            }
        };
        let stamp = published.stamp();
        let (contents, size) = match published {
            Published::Missing | Published::BeingRemoved { .. } => return None,
            Published::Present { document, .. } => {
                let size = document.encode().as_bytes().len();
                (Ok(document), size)
            }
            Published::Unsound { error, .. } => {
                self.log(&path, &error);
                (Err(PolicyProblem::Refused(chain(&error))), 0)
            }
        };
        let is_settled = stamp.is_some_and(|stamp| stamp.is_settled(seen));
        let until = if is_settled { None } else { read_at.checked_add(UNSETTLED) };
        let found = Arc::new(FoundPolicy { name, contents });
        Some(CachedPolicy { found, stamp, until, size })
    }

    fn log(&self, path: &RepositoryPath, error: &(dyn std::error::Error + 'static)) {
        let path = self.store.locate(path);
        tracing::warn!(path, error = chain(error), "pages do not say what this policy hides");
    }
}

impl CachedPolicy {
    /// One that is looked at again a moment later.
    fn unusable(name: PolicyName, problem: PolicyProblem, stamp: Option<Stamp>) -> Self {
        let found = Arc::new(FoundPolicy { name, contents: Err(problem) });
        Self { found, stamp, until: Instant::now().checked_add(FAILURE_HOLDS), size: 0 }
    }

    /// Whether the file that is listed with this stamp is the one that was read.
    fn is_still(&self, listed: Option<Stamp>) -> bool {
        self.stamp.is_some()
            && self.stamp == listed
            && self.until.is_none_or(|until| Instant::now() < until)
    }
}

/// The name of a policy in a listing. Other files are none of the registry.
fn named(file: &ListedFile) -> Option<(PolicyName, Option<Stamp>)> {
    if file.kind != EntryKind::File {
        return None;
    }
    let path = Folder::Policies.file(&file.name);
    match RepositoryPath::resource_at(path.as_str().as_ref())? {
        Resource::Policy(name) => Some((name, file.stamp)),
        Resource::Names | Resource::Versions | Resource::Package(_) => None,
    }
}

#[cfg(test)]
mod tests;
