//! Refuses options that would serve nothing, or would expose more than the user wants.

use std::path::Path;

use super::error::Error;
use super::files::directory::Directory;
use super::options::{DocsOptions, Options, RepositoryOptions};
use super::url_origin::{is_same_origin, port_of};
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
        return Err(Error::Exposed(options.exposed_address().unwrap_or(options.listen)));
    }
    check_docs(options)
}

/// Documentation is the code of strangers: where it has an origin of its own, that is not the one of the registry.
fn check_docs(options: &Options) -> Result<(), Error> {
    let DocsOptions { listen, url } = &options.docs;
    let registry = options.known_url();
    let shared = |docs: String, registry: String| Err(Error::SharedOrigin { docs, registry });
    match (url, &registry) {
        (Some(docs), Some(registry)) if is_same_origin(docs, registry) => {
            return shared(docs.clone(), registry.clone());
        }
        (Some(docs), None) => return Err(Error::UnknownOrigin(docs.clone())),
        _ => {}
    }
    let Some(listen) = listen else { return Ok(()) };
    let (one, other) = (listen.ip(), options.listen.ip());
    let is_same_address = one == other || one.is_unspecified() || other.is_unspecified();
    if listen.port() != 0 && listen.port() == options.listen.port() && is_same_address {
        return shared(listen.to_string(), options.listen.to_string());
    }
    // Without a URL, it is at the same host.
    let registry = options.url.as_ref().filter(|registry| {
        let is_alike = registry.starts_with(&format!("{}:", options.scheme()));
        url.is_none() && is_alike && port_of(registry) == Some(listen.port())
    });
    registry.map_or(Ok(()), |registry| shared(listen.to_string(), registry.clone()))
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
