//! The listing of a repository, before any file is read.

use std::collections::{HashMap, HashSet};
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use rayon::prelude::*;

use super::options::Options;
use crate::cache::{self, Fingerprint};
use crate::name::PackageName;
use crate::publish::Plan;
use crate::publish::observer::{Observer, Warning};
use crate::publish::transaction::Attempt;
use crate::published::Reader;
use crate::registry::Registry;
use crate::repository::{Folder, RepositoryPath, is_litter};
use crate::store::{self, EntryKind, ListedFile, Operation, Stamp, Store, StoreError};

/// The directory entries that a build needs, sorted by name within each folder.
pub(super) struct Listing {
    /// When the listing began, in nanoseconds since 1970.
    seen: i64,
    /// The folder for tarballs, if it has to be created.
    pub missing: Option<Folder>,
    /// Entries whose names end as those of tarballs.
    pub tarballs: Vec<ListedFile>,
    /// The files of `packages/`.
    pub resources: Vec<ListedFile>,
    /// Temporary files that killed builds left, as far as that is certain.
    pub leftovers: Vec<RepositoryPath>,
    /// Whether the root folder has any entry.
    is_occupied: bool,
    /// Those of `names`, `versions` and `public_key` that exist.
    root: Vec<ListedFile>,
    /// Upstream's `public_key` in the folder of a mirror, if it exists.
    mirror: Vec<ListedFile>,
    /// Upstream's package files in that folder.
    mirrored: Vec<ListedFile>,
}

/// In seconds: a temporary file older than this is considered abandoned where no lock keeps other writers out. No build
/// takes that long, and no two clocks differ by that much.
const ABANDONED: i64 = 24 * 60 * 60;

impl Listing {
    /// Lists the folders. The observer is warned of entries that do not belong there. If no other writer can be at work
    /// (`is_alone`), each temporary file was left by a killed build.
    pub fn take(
        store: &dyn Store,
        is_alone: bool,
        observer: &dyn Observer,
    ) -> Result<Self, StoreError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let begun = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let is_abandoned =
            |file: &ListedFile| is_alone || begun.saturating_sub(file.modified.0) > ABANDONED;
        let location = |folder: Folder, file: &ListedFile| store.locate(&folder.file(&file.name));
        // A concurrent writer writes a file before the index that names it. So the tarballs are listed last: all that
        // the other files name are among them.
        let root = store.list(Folder::Root)?;
        let packages = store.list(Folder::Packages)?;
        let tarballs = store.list(Folder::Tarballs)?;
        let missing = tarballs.is_none().then_some(Folder::Tarballs);
        let [mut root, packages, mut tarballs] = [root, packages, tarballs].map(|files| {
            let mut files = files.unwrap_or_default();
            files.retain(|file| !is_litter(&file.name));
            files
        });
        let mut leftovers = Vec::new();
        let mut is_temporary = |folder: Folder, file: &ListedFile| {
            let is_temporary = store::is_temporary(&file.name) && file.kind == EntryKind::File;
            if is_temporary && is_abandoned(file) {
                leftovers.push(folder.file(&file.name));
            }
            is_temporary
        };
        tarballs.retain(|file| {
            let is_tarball = Folder::Tarballs.stem(&file.name).is_some();
            if !is_tarball && !is_temporary(Folder::Tarballs, file) {
                observer.warn(Warning::PassedOver { location: location(Folder::Tarballs, file) });
            }
            is_tarball
        });
        // Whether a file is kept, replaced or removed depends on its kind.
        let refuse_unknown = |folder: Folder, file: &ListedFile| match &file.kind {
            EntryKind::Unknown(reason) => Err(StoreError::new(
                Operation::Inspect,
                location(folder, file),
                io::Error::other(reason.clone()),
            )),
            _ => Ok(()),
        };
        let is_hidden = |file: &ListedFile| file.name.starts_with('.');
        let mut resources = packages;
        let mut served = resources.iter().filter(|file| !is_hidden(file));
        served.try_for_each(|file| refuse_unknown(Folder::Packages, file))?;
        resources.retain(|file| {
            is_temporary(Folder::Packages, file);
            // Hex ignores hidden files too. The temporary files of a running build are hidden.
            let is_package = !is_hidden(file) && file.kind == EntryKind::File;
            if !is_hidden(file) && !is_package {
                observer.warn(Warning::NotAPackage { location: location(Folder::Packages, file) });
            }
            is_package
        });
        let is_occupied = !root.is_empty();
        root.retain(|file| {
            is_temporary(Folder::Root, file);
            RepositoryPath::is_root_file(&file.name)
        });
        root.iter().try_for_each(|file| refuse_unknown(Folder::Root, file))?;
        root.retain(|file| file.kind == EntryKind::File);
        let (mut mirror, mut mirrored) =
            (store.list(Folder::Mirror)?.unwrap_or_default(), Vec::new());
        mirror.retain(|file| file.name == RepositoryPath::public_key().as_str());
        if !mirror.is_empty() {
            mirrored = store.list(Folder::MirrorPackages)?.unwrap_or_default();
            mirrored.retain(|file| !is_hidden(file));
        }
        if is_alone {
            // A build writes policies when the key changes.
            for file in store.list(Folder::Policies)?.unwrap_or_default() {
                is_temporary(Folder::Policies, &file);
            }
        }
        leftovers.sort();
        let seen = i64::try_from(now.as_nanos()).unwrap_or(i64::MAX);
        for files in [&mut tarballs, &mut resources, &mut root, &mut mirrored] {
            files.par_sort_unstable_by(|a, b| a.name.cmp(&b.name));
        }
        Ok(Self {
            seen,
            missing,
            tarballs,
            resources,
            leftovers,
            is_occupied,
            root,
            mirror,
            mirrored,
        })
    }

    /// Whether there is nothing to build from, nothing that was built, and no empty directory to begin in. A directory
    /// with other files and without `tarballs/` is not one, nor is a bucket.
    pub fn is_nothing(&self, attempt: &Attempt<'_>) -> bool {
        let has_files = [&self.tarballs, &self.resources, &self.root]
            .into_iter()
            .any(|files| !files.is_empty());
        let is_elsewhere = self.missing.is_some() && self.is_occupied;
        !has_files && (is_elsewhere || attempt.has_concurrent_writers())
    }

    /// Checks that what was built still holds. The registry names a tarball that another writer removed since it was
    /// listed. And the tarball of a release may have come back, after its package was written without that release, or
    /// removed.
    pub fn confirm(
        &self,
        attempt: &Attempt<'_>,
        options: &Options,
        registry: &Registry,
        plan: &Plan,
    ) -> Result<(), StoreError> {
        let store = attempt.store();
        let undone = |path: RepositoryPath| Err(attempt.undone(&path));
        let packages = store.list(Folder::Packages)?.unwrap_or_default();
        let packages: HashSet<_> = packages.iter().map(|file| file.name.as_str()).collect();
        let tarballs = store.list(Folder::Tarballs)?.unwrap_or_default();
        let stamps: HashMap<_, _> =
            tarballs.iter().map(|file| (file.name.as_str(), file.stamp)).collect();
        for file in &self.tarballs {
            let stamp = stamps.get(file.name.as_str());
            if stamp != Some(&file.stamp) || !packages.contains(package(file)) {
                return undone(Folder::Tarballs.file(&file.name));
            }
        }
        let changed = plan.changes.iter().map(|change| &change.path);
        let changed = changed.filter(|path| path.folder() == Folder::Packages);
        let changed: HashSet<_> = changed.map(RepositoryPath::file_name).collect();
        let listed: HashSet<_> = self.tarballs.iter().map(|file| file.name.as_str()).collect();
        let is_new = |file: &&ListedFile| !listed.contains(file.name.as_str());
        let mut new = tarballs.iter().filter(is_new);
        if let Some(file) = new.find(|file| changed.contains(package(file))) {
            return undone(Folder::Tarballs.file(&file.name));
        }
        let releases = registry.packages.iter().map(|package| {
            (&package.name, package.versions.iter().map(|listed| &listed.version).collect())
        });
        let reader = Reader::new(store, options.key.public_key().clone());
        reader.index_without(&releases.collect())?.map_or(Ok(()), undone)
    }

    /// The stamp of a file, if any later change of the file is sure to change the stamp.
    pub fn settled_stamp(&self, file: &ListedFile) -> Option<Stamp> {
        file.stamp.filter(|stamp| stamp.is_settled(self.seen))
    }

    /// The entry of a resource or of `public_key`.
    pub fn served(&self, path: &RepositoryPath) -> Option<&ListedFile> {
        match path.as_str().split_once('/') {
            Some((_, name)) => find(&self.resources, name),
            None => find(&self.root, path.as_str()),
        }
    }

    /// Whether there is the folder of a mirror with upstream's files in it.
    pub fn is_mirror(&self) -> bool {
        !self.mirror.is_empty()
    }

    /// The entry of upstream's package file.
    pub fn mirrored(&self, package: &PackageName) -> Option<&ListedFile> {
        find(&self.mirrored, package.as_str())
    }

    /// The tarballs of each package: those whose names are the same up to the first `-`.
    pub fn packages(&self) -> impl ParallelIterator<Item = &[ListedFile]> {
        self.tarballs.par_chunk_by(|a, b| package(a) == package(b))
    }

    /// The tarballs of one package.
    pub fn tarballs_of(&self, package: &str) -> &[ListedFile] {
        let prefix = format!("{package}-");
        let from = self.tarballs.partition_point(|file| file.name < prefix);
        let (_, from) = self.tarballs.split_at(from);
        from.split_at(from.partition_point(|file| file.name.starts_with(&prefix))).0
    }

    /// A fingerprint of all names and stamps; `None` if a stamp is not settled.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        let mut text = Vec::new();
        for files in [&self.tarballs, &self.resources, &self.root, &self.mirror, &self.mirrored] {
            text.extend(files.len().to_le_bytes());
            for file in files {
                let stamp = self.settled_stamp(file)?;
                text.extend(file.name.len().to_le_bytes());
                text.extend(file.name.bytes());
                stamp.extend(&mut text);
            }
        }
        Some(cache::fingerprint(&text))
    }
}

/// The package of a tarball, by its file name.
pub(super) fn package(tarball: &ListedFile) -> &str {
    let name = tarball.name.as_str();
    name.split_once('-').map_or(name, |(package, _)| package)
}

fn find<'a>(files: &'a [ListedFile], name: &str) -> Option<&'a ListedFile> {
    let found = files.binary_search_by(|file| file.name.as_str().cmp(name)).ok()?;
    files.get(found)
}
