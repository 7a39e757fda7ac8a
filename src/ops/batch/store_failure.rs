//! Which errors are of the store as a whole, so that every change would meet them.

use std::io::ErrorKind;

use crate::ops::edit::Error;
use crate::registry::Resource;
use crate::repository::{Folder, RepositoryPath};
use crate::store::{Operation, Store, StoreError, StoreErrorKind};

/// Whether an error is of the store as a whole, or of a file that every change needs. To make the changes one by one
/// would only take time: mix gives up after 15 seconds.
pub(super) fn is_of_store(store: &dyn Store, error: &Error) -> bool {
    match error {
        Error::NoRegistry { .. }
        | Error::OtherKey { .. }
        | Error::MissingIndex { .. }
        | Error::LockTimeout(_)
        | Error::Key(_) => true,
        Error::Rejected { .. }
        | Error::Exists { .. }
        | Error::NoSuchRelease { .. }
        | Error::NoSuchPolicy { .. }
        | Error::PolicyOfHexpm
        | Error::LargePolicy { .. }
        | Error::Undated { .. }
        | Error::LostRelease { .. } => false,
        Error::InTheWay { location }
        | Error::Signed { location, .. }
        | Error::Decode { location, .. }
        | Error::OtherPackage { location, .. }
        | Error::OtherPolicy { location, .. }
        | Error::OtherRepository { location, .. } => is_needed_by_all(store, location),
        Error::Read(error) | Error::Write(error) => is_of_all_files(store, error),
    }
}

fn is_of_all_files(store: &dyn Store, error: &StoreError) -> bool {
    let is_of_all = match &error.kind {
        // Other writers were faster for as long as they may be waited for.
        StoreErrorKind::Conflict
        | StoreErrorKind::BeingRemoved
        | StoreErrorKind::NoSpace(_)
        | StoreErrorKind::TimedOut(_)
        | StoreErrorKind::Unavailable(_)
        | StoreErrorKind::ConditionsIgnored(_) => true,
        StoreErrorKind::Io(error) => matches!(
            error.kind(),
            ErrorKind::ReadOnlyFilesystem
                | ErrorKind::ConnectionRefused
                | ErrorKind::ConnectionReset
                | ErrorKind::ConnectionAborted
                | ErrorKind::HostUnreachable
                | ErrorKind::NetworkUnreachable
                | ErrorKind::NetworkDown
                | ErrorKind::OutOfMemory
        ),
        _ => matches!(error.operation, Operation::Lock),
    };
    is_of_all || is_needed_by_all(store, &error.location)
}

/// Whether every change needs what is at a location. Folders of tarballs and of documentation are not: some changes
/// leave them alone.
fn is_needed_by_all(store: &dyn Store, location: &str) -> bool {
    let needed = [
        Folder::Root.path(),
        Folder::Packages.path(),
        RepositoryPath::public_key(),
        RepositoryPath::resource(&Resource::Versions),
        RepositoryPath::resource(&Resource::Names),
    ];
    needed.iter().any(|path| store.locate(path) == location)
}
