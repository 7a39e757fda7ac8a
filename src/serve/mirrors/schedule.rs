//! How often a repository is mirrored, and what of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::ops::mirror;

/// How often a repository is mirrored, and what of it.
#[derive(Clone)]
pub struct MirrorSchedule {
    /// From the end of a run to the start of the next one; it varies, as [`mirror::pause`] says.
    pub every: Duration,
    /// Makes the options of a run: lock files and secrets are read again for each.
    pub options: Arc<OptionsOfRun>,
    /// What the options are made of. Schedules are the same if their texts are.
    pub description: String,
}

/// Makes the options of a run, or says why it cannot.
pub type OptionsOfRun = dyn Fn() -> Result<mirror::Options, String> + Send + Sync;

impl MirrorSchedule {
    /// A text that differs where what is mirrored does. Readers of a bucket may see it, and it tells them nothing.
    pub(super) fn hash(&self) -> String {
        let hash = Sha256::digest(self.description.as_bytes());
        HEXLOWER.encode(hash.first_chunk::<8>().unwrap_or(&[0; 8]))
    }
}

impl PartialEq for MirrorSchedule {
    fn eq(&self, other: &Self) -> bool {
        (self.every, &self.description) == (other.every, &other.description)
    }
}

impl fmt::Debug for MirrorSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { every, description, .. } = self;
        f.debug_struct("MirrorSchedule")
            .field("every", every)
            .field("description", description)
            .finish_non_exhaustive()
    }
}
