//! Files that nobody names, and keys that nobody should be served.

use std::collections::HashSet;

use rayon::prelude::*;

use super::problem::{Defect, Problem};
use super::resources::Resources;
use super::tree::Tree;
use crate::private_key_scan;
use crate::repository::{Folder, RepositoryPath, is_litter};
use crate::store::{self, EntryKind, Store};

/// What nobody names, and every private key.
pub(super) fn find(
    store: &dyn Store,
    tree: &Tree,
    resources: &Resources,
    problems: &[Problem],
) -> Vec<Problem> {
    let unsound: HashSet<&RepositoryPath> = problems.iter().map(|problem| &problem.path).collect();
    let releases = releases(resources);
    let found = tree.files.par_iter().map_init(Vec::new, |bytes, (path, kind)| {
        if is_litter(path.as_str()) {
            let holds_key = *kind == EntryKind::File
                && private_key_scan::holds_key(store, path, true, bytes)
                    .is_ok_and(|holds_key| holds_key);
            return holds_key.then(|| Defect::PrivateKey.at(path.clone()));
        }
        let role = role_of(path, &releases, resources);
        // What says what it should holds no key; what is in a sound package is the package's matter.
        let is_sound = match role {
            PathRole::Package | PathRole::Policy => true,
            PathRole::Tarball => !unsound.contains(path),
            _ => false,
        };
        // It may well print a key that is an example, as its package may.
        let is_inflated = !matches!(role, PathRole::Documentation);
        let wrong = match kind {
            // Whoever was to read it has said so.
            EntryKind::Unknown(_) | EntryKind::LeadsOut if unsound.contains(path) => return None,
            EntryKind::LeadsOut => Defect::LeadsOut,
            EntryKind::Unreadable(reason) | EntryKind::Unknown(reason) => {
                Defect::Unlistable(reason.clone())
            }
            EntryKind::Other if matches!(role, PathRole::Folder) => Defect::NotAFolder,
            EntryKind::Folder | EntryKind::Other => Defect::NotAFile,
            EntryKind::File if is_sound => return None,
            EntryKind::File => {
                match (private_key_scan::holds_key(store, path, is_inflated, bytes), role) {
                    (Ok(true), _) => Defect::PrivateKey,
                    (Err(_), _) if unsound.contains(path) => return None,
                    (Err(error), _) => Defect::unreadable(error),
                    (Ok(false), PathRole::Folder) => Defect::NotAFolder,
                    (Ok(false), PathRole::Leftover) => Defect::Leftover,
                    (Ok(false), PathRole::Unnamed) => Defect::Unnamed,
                    (Ok(false), PathRole::Nowhere) => Defect::Stray,
                    (Ok(false), _) => return None,
                }
            }
        };
        Some(wrong.at(path.clone()))
    });
    found.flatten_iter().collect()
}

/// What a path is to the registry.
#[derive(Clone, Copy)]
enum PathRole {
    /// `names`, `versions`, `public_key`, or a package or policy that was found wanting: told of elsewhere.
    Index,
    /// A package that says what it should.
    Package,
    /// A policy that says what it should.
    Policy,
    /// What a release names.
    Tarball,
    /// Where packages or tarballs should lie.
    Folder,
    /// What a release names, and nothing vouches for.
    Documentation,
    /// What clients may ask for, and no registry signs.
    Other,
    /// What a killed build left.
    Leftover,
    /// Where a release could name it.
    Unnamed,
    Nowhere,
}

fn role_of(path: &RepositoryPath, releases: &HashSet<String>, resources: &Resources) -> PathRole {
    let Some((folder, name)) = path.in_top_folder() else { return PathRole::Nowhere };
    let named = || {
        let release = folder.stem(name).filter(|release| !release.contains('/'));
        let package = release.and_then(|release| release.split_once('-')?.0.parse().ok());
        match release {
            Some(release) if releases.contains(release) => PathRole::Tarball,
            // Its package says nothing, so nobody can tell.
            Some(_) if package.is_some_and(|package| resources.is_unknown(&package)) => {
                PathRole::Other
            }
            _ => PathRole::Unnamed,
        }
    };
    match folder {
        Folder::Root | Folder::Packages | Folder::Policies | Folder::Tarballs
            if store::is_temporary(name) =>
        {
            PathRole::Leftover
        }
        Folder::Root if RepositoryPath::is_root_file(name) => PathRole::Index,
        Folder::Root if name == store::PROBE => PathRole::Other,
        Folder::Root
            if [Folder::Packages, Folder::Tarballs].iter().any(|known| known.path() == *path) =>
        {
            PathRole::Folder
        }
        Folder::Packages => match name.parse() {
            Ok(name) if resources.packages.contains_key(&name) => PathRole::Package,
            Ok(_) => PathRole::Index,
            Err(_) => PathRole::Nowhere,
        },
        Folder::Policies => match name.parse() {
            Ok(name) if resources.policies.contains_key(&name) => PathRole::Policy,
            Ok(_) => PathRole::Index,
            Err(_) => PathRole::Nowhere,
        },
        Folder::Tarballs => named(),
        Folder::Docs => match named() {
            PathRole::Tarball | PathRole::Other => PathRole::Documentation,
            role => role,
        },
        // A mirror's own, and git repositories beside it.
        Folder::Installs | Folder::Git | Folder::Mirror | Folder::MirrorPackages => PathRole::Other,
        Folder::Root => PathRole::Nowhere,
    }
}

/// `NAME-VERSION` of each.
fn releases(resources: &Resources) -> HashSet<String> {
    let packages = resources.packages.iter();
    let releases = packages.flat_map(|(package, releases)| {
        releases.releases.iter().map(move |release| format!("{package}-{}", release.version))
    });
    releases.collect()
}
