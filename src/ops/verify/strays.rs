//! Files that nobody names, and keys that nobody should be served.

use std::collections::HashSet;

use rayon::prelude::*;

use super::Error;
use super::problem::{Problem, Wrong};
use super::resources::Resources;
use crate::private_key_scan;
use crate::repository::{Folder, RepositoryPath, is_litter};
use crate::store::{self, EntryKind, Store};

/// Everything that is served, at any depth.
pub(super) struct Tree {
    /// By path.
    pub files: Vec<(RepositoryPath, EntryKind)>,
}

impl Tree {
    pub fn walk(store: &dyn Store) -> Result<Self, Error> {
        let mut files = store.walk()?.ok_or(Error::Missing)?;
        files.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(Self { files })
    }

    /// Whether a mirror keeps it.
    pub fn is_mirror(&self) -> bool {
        self.files.iter().any(|(path, _)| path.folder() == Folder::Mirror)
    }

    /// Whether everything in a folder was found: it is not so where the folder, or all of the tree, is
    /// among what should be files.
    pub fn is_whole(&self, folder: Folder) -> bool {
        let (root, folder) = (Folder::Root.path(), folder.path());
        !self.files.iter().any(|(path, _)| *path == root || *path == folder)
    }
}

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
            return holds_key.then(|| Wrong::PrivateKey.at(path.clone()));
        }
        let place = place(path, &releases, resources);
        // What says what it should holds no key; what is in a sound package is the package's matter.
        let is_sound = match place {
            Place::Package | Place::Policy => true,
            Place::Tarball => !unsound.contains(path),
            _ => false,
        };
        // It may well print a key that is an example, as its package may.
        let is_inflated = !matches!(place, Place::Documentation);
        let wrong = match kind {
            // Whoever was to read it has said so.
            EntryKind::Unknown(_) | EntryKind::LeadsOut if unsound.contains(path) => return None,
            EntryKind::LeadsOut => Wrong::LeadsOut,
            EntryKind::Unreadable(reason) | EntryKind::Unknown(reason) => {
                Wrong::Unlistable(reason.clone())
            }
            EntryKind::Other if matches!(place, Place::Folder) => Wrong::NotAFolder,
            EntryKind::Folder | EntryKind::Other => Wrong::NotAFile,
            EntryKind::File if is_sound => return None,
            EntryKind::File => {
                match (private_key_scan::holds_key(store, path, is_inflated, bytes), place) {
                    (Ok(true), _) => Wrong::PrivateKey,
                    (Err(_), _) if unsound.contains(path) => return None,
                    (Err(error), _) => Wrong::unreadable(error),
                    (Ok(false), Place::Folder) => Wrong::NotAFolder,
                    (Ok(false), Place::Leftover) => Wrong::Leftover,
                    (Ok(false), Place::Unnamed) => Wrong::Unnamed,
                    (Ok(false), Place::Nowhere) => Wrong::Stray,
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
enum Place {
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

fn place(path: &RepositoryPath, releases: &HashSet<String>, resources: &Resources) -> Place {
    let Some((folder, name)) = path.in_top_folder() else { return Place::Nowhere };
    let named = || {
        let release = folder.stem(name).filter(|release| !release.contains('/'));
        let package = release.and_then(|release| release.split_once('-')?.0.parse().ok());
        match release {
            Some(release) if releases.contains(release) => Place::Tarball,
            // Its package says nothing, so nobody can tell.
            Some(_) if package.is_some_and(|package| resources.is_unknown(&package)) => {
                Place::Other
            }
            _ => Place::Unnamed,
        }
    };
    match folder {
        Folder::Root | Folder::Packages | Folder::Policies | Folder::Tarballs
            if store::is_temporary(name) =>
        {
            Place::Leftover
        }
        Folder::Root if RepositoryPath::is_root_file(name) => Place::Index,
        Folder::Root if name == store::PROBE => Place::Other,
        Folder::Root
            if [Folder::Packages, Folder::Tarballs].iter().any(|known| known.path() == *path) =>
        {
            Place::Folder
        }
        Folder::Packages => match name.parse() {
            Ok(name) if resources.packages.contains_key(&name) => Place::Package,
            Ok(_) => Place::Index,
            Err(_) => Place::Nowhere,
        },
        Folder::Policies => match name.parse() {
            Ok(name) if resources.policies.contains_key(&name) => Place::Policy,
            Ok(_) => Place::Index,
            Err(_) => Place::Nowhere,
        },
        Folder::Tarballs => named(),
        Folder::Docs => match named() {
            Place::Tarball | Place::Other => Place::Documentation,
            place => place,
        },
        // A mirror's own, and git repositories beside it.
        Folder::Installs | Folder::Git | Folder::Mirror | Folder::MirrorPackages => Place::Other,
        Folder::Root => Place::Nowhere,
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
