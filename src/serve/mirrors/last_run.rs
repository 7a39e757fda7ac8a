//! How the last run of a mirror in a directory ended, for a server that starts again.

use std::path::Path;

use crate::ops::lease::LeaseOutcome;
use crate::repository::{Folder, RepositoryPath};
use crate::store::{Action, Change, DirStore, Store, StoreError};

/// In bytes: larger than any outcome.
const MAX_OUTCOME: usize = 64 * 1024;

fn path() -> RepositoryPath {
    Folder::Mirror.file("last-run.json")
}

/// How the last run ended. What cannot be read is as if none had ended: it is shown, and nothing else.
pub(super) fn read(directory: &Path) -> LeaseOutcome {
    let mut bytes = Vec::new();
    let found = DirStore::new(directory).read(&path(), MAX_OUTCOME, &mut bytes);
    match found {
        Ok(Some(_)) => serde_json::from_slice(&bytes).unwrap_or_default(),
        _ => LeaseOutcome::default(),
    }
}

/// Notes how a run ended.
///
/// # Errors
/// The directory cannot be written.
pub(super) fn write(directory: &Path, outcome: &LeaseOutcome) -> Result<(), StoreError> {
    let bytes = serde_json::to_vec(outcome).unwrap_or_default();
    let change = Change::new(path(), Action::Update(bytes.into()));
    DirStore::new(directory).apply(&[&[change]], &|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_run_is_remembered() {
        let directory = tempfile::TempDir::new().unwrap();
        assert_eq!(read(directory.path()), LeaseOutcome::default());
        let outcome = LeaseOutcome {
            ended: Some(2),
            succeeded: Some(1),
            error: Some("x".into()),
            work: None,
        };
        for _ in 0..2 {
            write(directory.path(), &outcome).unwrap();
            assert_eq!(read(directory.path()), outcome);
        }
        std::fs::write(directory.path().join(path().as_str()), "{").unwrap();
        assert_eq!(read(directory.path()), LeaseOutcome::default());
    }
}
