//! What is pulled through, and how much of it is kept.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::name::PackageName;
use crate::ops::mirror::Upstream;
use crate::tarball::FileName;

/// What is pulled through, and how much of it is kept.
#[derive(Clone)]
pub struct PullOptions {
    /// Where files are fetched from.
    pub upstream: Upstream,
    /// Packages whose file is taken even if upstream lost or changed releases.
    pub accept: BTreeSet<PackageName>,
    /// In bytes: how much tarballs and documentation may take in a directory. Those that no client has asked
    /// for longest are removed. `None` keeps all.
    pub size: Option<u64>,
    /// Reads the releases that are never removed: those that lock files pin.
    pub pinned: Arc<PinnedReleases>,
    /// The patterns of the lock files that `pinned` reads. It reads the same if they are the same.
    pub locks: Vec<String>,
}

/// Reads the releases that lock files pin now, or says why it cannot.
pub type PinnedReleases = dyn Fn() -> Result<BTreeSet<FileName>, String> + Send + Sync;

impl PartialEq for PullOptions {
    fn eq(&self, other: &Self) -> bool {
        // Functions cannot be compared.
        let Self { upstream, accept, size, locks, pinned: _ } = self;
        (upstream, accept, size, locks)
            == (&other.upstream, &other.accept, &other.size, &other.locks)
    }
}

impl fmt::Debug for PullOptions {
    /// Without the credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Upstream { url, name, .. } = &self.upstream;
        let mut shown = f.debug_struct("PullOptions");
        shown.field("url", &url.as_str()).field("name", name);
        shown.field("accept", &self.accept).field("size", &self.size).field("locks", &self.locks);
        shown.finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::PublicKey;

    fn options(authorization: &'static str) -> PullOptions {
        let name = Upstream::HEXPM_NAME.parse().unwrap();
        let key = PublicKey::from_pem(Upstream::HEXPM_KEY).unwrap();
        let authorization = Some(http::HeaderValue::from_static(authorization));
        let url = Upstream::HEXPM_URL.parse().unwrap();
        PullOptions {
            upstream: Upstream { url, name, source: None, key, authorization },
            accept: BTreeSet::new(),
            size: None,
            pinned: Arc::new(|| Ok(BTreeSet::new())),
            locks: Vec::new(),
        }
    }

    #[test]
    fn other_credentials_are_other_options_and_are_not_shown() {
        let one = options("secret");
        assert!(one == options("secret") && one != options("other"));
        assert!(one != PullOptions { locks: vec!["a.lock".to_owned()], ..one.clone() });
        assert!(one != PullOptions { size: Some(1), ..one.clone() });
        assert!(!format!("{one:?}").contains("secret"), "{one:?}");
    }
}
