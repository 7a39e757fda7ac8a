//! Refuses options that would serve nothing, or would expose more than the user wants.

use std::path::Path;

use super::error::Error;
use super::files::directory::Directory;
use super::options::{Mount, Options};
use crate::store::DirStore;

/// Checks options before anything is served.
///
/// # Errors
/// [`Error`] for the first option at fault.
pub(super) fn check(options: &Options) -> Result<(), Error> {
    for (index, mount) in options.mounts.iter().enumerate() {
        check_directory(mount, options)?;
        if options.mounts.iter().skip(index).skip(1).any(|other| other.name == mount.name) {
            return Err(Error::Twice(mount.path()));
        }
    }
    if let Some(file) = &options.auth_file {
        if options.mounts.iter().any(|mount| lies_inside(file, &mount.directory)) {
            return Err(Error::AuthFileServed(file.clone()));
        }
    }
    let is_guarded = options.auth_file.is_some() || options.tls.is_some();
    if !options.listen.ip().is_loopback() && !is_guarded && !options.allow_anonymous {
        return Err(Error::Exposed(options.listen));
    }
    match options.metrics {
        Some(address) if !address.ip().is_loopback() => Err(Error::ExposedMetrics(address)),
        _ => Ok(()),
    }
}

fn check_directory(mount: &Mount, options: &Options) -> Result<(), Error> {
    let Mount { directory, .. } = mount;
    if !directory.is_dir() {
        return Err(Error::NotADirectory(directory.clone()));
    }
    let files = Directory::new(DirStore::new(directory).with_links(options.links()));
    match files.folder_outside() {
        Some(folder) => Err(Error::LeadsOut(directory.join(folder.as_str()))),
        None => Ok(()),
    }
}

fn lies_inside(file: &Path, directory: &Path) -> bool {
    let [file, directory] = [file, directory].map(|path| path.canonicalize().ok());
    file.zip(directory).is_some_and(|(file, directory)| file.starts_with(directory))
}
