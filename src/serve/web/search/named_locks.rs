//! Lock files that the configuration names, as choices on the page of the search.

use std::path::{Path, PathBuf};

use super::lock_form::{LockForm, LockFormError};
use super::request::ChosenDocs;
use crate::regular_file;
use crate::serve::web::found::Searched;

/// In bytes: the largest lock file, as in a form.
const MAX_SIZE: u64 = 1 << 20;

/// A lock file that the configuration names.
pub(super) struct NamedLock {
    /// What users see of its path: `shop/mix.lock`.
    pub label: String,
    path: PathBuf,
}

/// The lock files of these repositories.
pub(super) fn all(searched: &[Searched]) -> Vec<NamedLock> {
    let paths = searched.iter().flat_map(|one| one.repository.search_locks());
    paths.map(|path| NamedLock { label: label(path), path: path.clone() }).collect()
}

impl NamedLock {
    /// The releases that it pins now.
    ///
    /// # Errors
    /// [`LockFormError`]: it is no lock file, or cannot be read. The log says why.
    pub fn pinned(&self) -> Result<Vec<ChosenDocs>, LockFormError> {
        let text = regular_file::read(&self.path, MAX_SIZE).map_err(|error| {
            let path = self.path.display().to_string();
            tracing::warn!(path, %error, "the search in what it pins fails");
            LockFormError::Missing
        })?;
        LockForm::of_file(&self.label, text).pinned()
    }
}

/// The name of the file and of its folder, which tells projects apart.
fn label(path: &Path) -> String {
    let mut parts: Vec<_> = path.components().rev().take(2).collect();
    parts.reverse();
    let parts: Vec<_> = parts.iter().map(|part| part.as_os_str().to_string_lossy()).collect();
    parts.join("/")
}
