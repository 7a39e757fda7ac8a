//! Checks files that the store has already, as if upstream had sent them now.

use bytes::Bytes;

use super::context::PullContext;
use super::error::PullError;
use super::tarballs;
use super::target::Target;
use crate::ops::mirror::check;
use crate::ops::mirror::file_error::FileError;
use crate::ops::mirror::installs::check as installs;
use crate::ops::mirror::installs::list::{InstallList, LISTS};
use crate::registry::Resource;
use crate::repository::{Folder, RepositoryPath};
use crate::tarball::FileName;

/// The error if the file at a path, which is that of the target or of its signature, may not be sent.
pub(super) fn check(
    context: &PullContext,
    target: &Target,
    path: &RepositoryPath,
    bytes: &Bytes,
) -> Result<(), PullError> {
    let checker = &context.checker;
    match target {
        Target::Signed(Resource::Package(name)) => checker.package(name, bytes).map(drop)?,
        Target::Signed(Resource::Policy(name)) => checker.policy(name, bytes).map(drop)?,
        Target::Signed(index) => checker.index(index, bytes).map(drop)?,
        Target::Tarball(file) => tarball(context, file, bytes)?,
        Target::Docs(_) => check::docs(bytes)?,
        Target::InstallList(name) if *path == Folder::Installs.file(name) => {
            installs::list(bytes)?;
            list(name)?.read(bytes)?;
        }
        Target::InstallList(_) => installs::signature(bytes)?,
        Target::Install(path) => install(context, path, bytes)?,
    }
    Ok(())
}

fn list(name: &str) -> Result<&'static InstallList, FileError> {
    LISTS.iter().find(|list| list.name == name).ok_or(FileError::Missing)
}

/// A tarball has to be the one of the package that the store has.
fn tarball(context: &PullContext, file: &FileName, bytes: &[u8]) -> Result<(), PullError> {
    let releases = context.read_releases(&file.package)?;
    let mut releases = releases.into_iter().flat_map(|releases| releases.releases);
    let release = releases.find(|release| release.version == file.version);
    let release = release.ok_or(FileError::Missing)?;
    Ok(context.checker.tarball(&tarballs::expected(file, &release), bytes)?)
}

/// A file of a list has to be the one that the store's list names.
fn install(context: &PullContext, path: &RepositoryPath, bytes: &[u8]) -> Result<(), PullError> {
    for list in LISTS.iter().filter(|list| list.may_name(path.file_name())) {
        let held = context.read(&Folder::Installs.file(list.name), installs::MAX_LIST)?;
        let named = held.and_then(|held| list.read(&held.bytes).ok()?.remove(path));
        if let Some(sha512) = named {
            return Ok(installs::install(list, &sha512, bytes)?);
        }
    }
    Err(FileError::Missing.into())
}
