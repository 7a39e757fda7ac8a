//! What came of pulling a file.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::ops::mirror::file_validator::FileValidator;
use crate::publish::withdrawn::Withdrawn;
use crate::repository::RepositoryPath;
use crate::store::StoreError;

/// What came of pulling a file.
#[derive(Debug)]
pub struct Pulled {
    /// Where the file is now.
    pub file: PulledFile,
    /// With which the next request is conditional.
    pub validator: Option<Validator>,
    /// How long upstream lets caches keep the file without asking again; `None` if it does not say.
    pub lifetime: Option<Duration>,
    /// How much of that the file was in caches before.
    pub age: Duration,
    /// The files that were written or removed.
    pub changed: Vec<RepositoryPath>,
    /// What upstream has withdrawn of a package.
    pub withdrawn: Vec<Withdrawn>,
}

/// Where the file is now.
#[derive(Debug)]
pub enum PulledFile {
    /// In the store: upstream has the same, or it was written.
    Kept,
    /// Here, as the store could not be written. It was checked.
    NotKept(Vec<(RepositoryPath, Bytes)>, StoreError),
    /// Upstream does not have it.
    Missing,
}

/// What upstream said of a file when it was pulled, so that the next request may be conditional.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Validator(FileValidator);

impl Validator {
    pub(super) fn new(file: FileValidator) -> Self {
        Self(file)
    }

    pub(super) fn file(&self) -> &FileValidator {
        &self.0
    }
}

impl Pulled {
    pub(super) fn new(file: PulledFile) -> Self {
        let (changed, withdrawn) = (Vec::new(), Vec::new());
        let (validator, lifetime, age) = (None, None, Duration::ZERO);
        Self { file, validator, lifetime, age, changed, withdrawn }
    }
}
