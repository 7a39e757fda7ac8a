//! Files that no release names, and private keys that are published.

use std::collections::HashSet;

use rayon::prelude::*;

use super::problem::{Defect, Problem};
use super::resources::Resources;
use super::tree::Tree;
use crate::name::PackageName;
use crate::ops::site::{self, SiteFiles};
use crate::private_key_scan;
use crate::repository::{Folder, RepositoryPath, is_elixirs, is_litter};
use crate::store::{self, EntryKind, Store};

/// Finds files that do not belong to the repository, and private keys in any file.
pub(super) fn find(
    store: &dyn Store,
    tree: &Tree,
    resources: &Resources,
    problems: &[Problem],
) -> Vec<Problem> {
    let unsound: HashSet<&RepositoryPath> = problems.iter().map(|problem| &problem.path).collect();
    let releases = releases(resources);
    let (site, mut problems_of_site) = site(store, tree);
    let found = tree.files.par_iter().map_init(Vec::new, |bytes, (path, kind)| {
        if is_litter(path.as_str()) {
            let holds_key = *kind == EntryKind::File
                && private_key_scan::holds_key(store, path, true, bytes)
                    .is_ok_and(|holds_key| holds_key);
            return holds_key.then(|| Defect::PrivateKey.at(path.clone()));
        }
        let role = role_of(path, &releases, resources);
        if let (Some(site), EntryKind::File) = (&site, kind) {
            if matches!(role, PathRole::Nowhere | PathRole::Unnamed) && site.has(path.as_str()) {
                return page_defect(store, site, path, bytes).map(|defect| defect.at(path.clone()));
            }
        }
        // A valid signed file holds no key. What is in a valid tarball is the decision of its author.
        let is_sound = match role {
            PathRole::Package | PathRole::Policy => true,
            PathRole::Tarball => !unsound.contains(path),
            _ => false,
        };
        // Documentation may show an example of a key. Only a key that is not gzipped is reported.
        let is_inflated = !matches!(role, PathRole::Documentation);
        let defect = match kind {
            // The check that reads the file has reported it.
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
        Some(defect.at(path.clone()))
    });
    problems_of_site.par_extend(found.flatten_iter());
    problems_of_site
}

/// In bytes: the largest page that is read. Documentation is no larger.
const MAX_PAGE: usize = 128 << 20;

/// The files of the site in the same tree, and those of them that are missing.
fn site(store: &dyn Store, tree: &Tree) -> (Option<SiteFiles>, Vec<Problem>) {
    let manifest = RepositoryPath::site_manifest();
    match SiteFiles::read(store) {
        Ok(None) => (None, Vec::new()),
        Ok(Some(site)) => {
            let there: HashSet<&str> = tree.files.iter().map(|(path, _)| path.as_str()).collect();
            let missing = site.paths().filter(|path| !there.contains(path));
            let missing = missing.map(|path| Defect::Missing.at(Folder::Root.file(path)));
            let missing = missing.collect();
            (Some(site), missing)
        }
        Err(site::Error::Read(error)) => (None, vec![Defect::unreadable(error).at(manifest)]),
        Err(_) => (None, vec![Defect::NotASite.at(manifest)]),
    }
}

/// What is wrong with a page. Pages show what is published, such as a key that a README has as an example.
fn page_defect(
    store: &dyn Store,
    site: &SiteFiles,
    path: &RepositoryPath,
    bytes: &mut Vec<u8>,
) -> Option<Defect> {
    match store.read(path, MAX_PAGE, bytes) {
        Err(error) => Some(Defect::unreadable(error)),
        // It has just gone.
        Ok(None) => Some(Defect::Missing),
        Ok(Some(_)) => (!site.is_as_made(path.as_str(), bytes)).then_some(Defect::ChangedPage),
    }
}

/// What a path means in a repository.
#[derive(Clone, Copy)]
enum PathRole {
    /// `names`, `versions`, `public_key`, or a package or policy that is not valid, which another check reports.
    Index,
    /// A valid package.
    Package,
    /// A valid policy.
    Policy,
    /// The tarball of a release.
    Tarball,
    /// The path of the folder of packages or tarballs.
    Folder,
    /// The documentation of a release, which no checksum covers.
    Documentation,
    /// A file that clients may request and no release names.
    Other,
    /// A temporary file of a process that was killed.
    Leftover,
    /// A tarball or documentation that no release names.
    Unnamed,
    /// Not a path of a repository.
    Nowhere,
}

fn role_of(path: &RepositoryPath, releases: &HashSet<String>, resources: &Resources) -> PathRole {
    let Some((folder, name)) = path.in_top_folder() else { return PathRole::Nowhere };
    let named = || {
        let release = folder.stem(name).filter(|release| !release.contains('/'));
        let package: Option<PackageName> =
            release.and_then(|release| release.split_once('-')?.0.parse().ok());
        match release {
            Some(release) if releases.contains(release) => PathRole::Tarball,
            // No registry lists the parts of Elixir.
            Some(_) if folder == Folder::Docs && package.as_ref().is_some_and(is_elixirs) => {
                PathRole::Other
            }
            // The package is not readable, so it may name the release.
            Some(_) if package.is_some_and(|package| resources.is_unknown(&package)) => {
                PathRole::Other
            }
            _ => PathRole::Unnamed,
        }
    };
    match folder {
        Folder::Root | Folder::Packages | Folder::Policies | Folder::Tarballs | Folder::Docs
            if store::is_temporary(name) =>
        {
            PathRole::Leftover
        }
        Folder::Root if RepositoryPath::is_root_file(name) => PathRole::Index,
        Folder::Root if name == store::PROBE => PathRole::Other,
        Folder::Root if *path == RepositoryPath::site_manifest() => PathRole::Other,
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
        // The state of a mirror, what it copies for installers, and git repositories.
        Folder::Installs | Folder::Git | Folder::Mirror | Folder::MirrorPackages => PathRole::Other,
        Folder::Root => PathRole::Nowhere,
    }
}

/// `NAME-VERSION` of each release.
fn releases(resources: &Resources) -> HashSet<String> {
    let packages = resources.packages.iter();
    let releases = packages.flat_map(|(package, releases)| {
        releases.releases.iter().map(move |release| format!("{package}-{}", release.version))
    });
    releases.collect()
}
