//! Refuses options that would serve nothing, or would expose more than the user wants.

use std::path::Path;

use super::error::Error;
use super::files::directory::Directory;
use super::options::{Options, RepositoryOptions};
use crate::store::DirStore;

/// Checks options before anything is served. [`serve`](super::serve) does so itself.
///
/// # Errors
/// [`Error`] for the first option at fault.
pub fn check(options: &Options) -> Result<(), Error> {
    for (index, repository) in options.repositories.iter().enumerate() {
        check_location(repository, options)?;
        let mut others = options.repositories.iter().skip(index).skip(1);
        if let Some(path) = others.find_map(|other| repository.mount.shared_path(&other.mount)) {
            return Err(Error::Twice(path));
        }
    }
    let secrets = options.auth_file.iter().chain(options.tls.iter().map(|tls| &tls.key));
    for file in secrets {
        let mut directories =
            options.repositories.iter().filter_map(|one| one.location.as_directory());
        if directories.any(|directory| lies_inside(file, directory)) {
            return Err(Error::SecretServed(file.clone()));
        }
    }
    if options.is_exposed() {
        return Err(Error::Exposed(options.listen));
    }
    Ok(())
}

fn check_location(repository: &RepositoryOptions, options: &Options) -> Result<(), Error> {
    let Some(directory) = repository.location.as_directory() else { return Ok(()) };
    // What is fetched from upstream begins with an empty directory, which is created.
    #[cfg(feature = "mirror")]
    if (repository.mirror.is_some() || repository.pull.is_some()) && !directory.exists() {
        return Ok(());
    }
    if !directory.is_dir() {
        return Err(Error::NotADirectory(directory.to_owned()));
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
