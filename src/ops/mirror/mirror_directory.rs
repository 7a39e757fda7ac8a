//! The directory of a mirror.
//!
//! Besides the files that clients request, it has a folder for hexreg:
//!
//! ```text
//! .hexreg-mirror/
//! ├── state.json     what the mirror remembers between runs
//! ├── journal        the same of the packages of a run that has not ended, one a line
//! ├── used.json      when clients of a server that pulls through asked for each file
//! ├── carried        what `hexreg build` has carried over of upstream's remarks
//! ├── tarballs-only.json tarballs-only.journal   the first two, where only tarballs are mirrored
//! └── public_key names versions packages/   upstream's signed files, where they are not served
//! ```
//!
//! A full mirror and a mirror of tarballs have states of their own, as their files lie in different folders.
//!
//! All of it may be deleted: the next run finds it out again.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use super::check::Checker;
use super::error::Error;
use super::options::Options;
use super::planner::MirrorContents;
use super::state::{MirrorState, PackageRecord};
use super::task::PackageFile;
use super::upstream::Upstream;
use crate::key::PublicKey;
use crate::name::PackageName;
use crate::package::UnixSeconds;
use crate::publish::Plan;
use crate::published::{DocumentError, Published, PublishedKey, Reader};
use crate::registry::{Resource, SignedError};
use crate::repository::{Folder, RepositoryPath};
use crate::store::{
    self, Action, Change, DirStore, EntryKind, ListedFile, Operation, RealFolder, Store, StoreError,
};

/// The directory of a mirror.
pub(super) struct MirrorDirectory {
    /// Where tarballs are, and all else that is not signed.
    pub files: DirStore,
    /// Where upstream's signed files are.
    pub registry: DirStore,
    /// hexreg's folder.
    own: DirStore,
    directory: PathBuf,
    journal: Mutex<Option<File>>,
    journal_name: &'static str,
    /// For messages.
    journal_path: PathBuf,
    state_path: RepositoryPath,
    pub state: MirrorState,
}

impl MirrorDirectory {
    /// Opens a directory, which need not exist yet.
    pub fn open(directory: &Path, options: &Options) -> Result<Self, Error> {
        let own = directory.join(Folder::Mirror.path().as_str());
        refuse_link(directory, &own)?;
        let (registry, state, journal) = if options.tarballs_only {
            (own.as_path(), "tarballs-only.json", "tarballs-only.journal")
        } else {
            (directory, "state.json", "journal")
        };
        let mirror_dir = Self {
            files: DirStore::new(directory),
            registry: DirStore::new(registry),
            journal: Mutex::new(None),
            directory: directory.to_owned(),
            journal_name: journal,
            journal_path: own.join(journal),
            state_path: Folder::Root.file(state),
            own: DirStore::new(own),
            state: MirrorState::default(),
        };
        mirror_dir.refuse_other_registry(&options.upstream)?;
        let (state, journal) = (mirror_dir.read_state()?, mirror_dir.read_journal()?);
        let state = MirrorState::parse(state.as_deref(), &journal, &options.upstream.url);
        Ok(Self { state, ..mirror_dir })
    }

    /// Fails where the directory has a registry with another key or name, which the mirror would overwrite.
    fn refuse_other_registry(&self, upstream: &Upstream) -> Result<(), Error> {
        let refused = |path: &RepositoryPath| {
            Err(Error::OtherRegistry { location: self.registry.locate(path) })
        };
        let held = PublishedKey::read(&self.registry)?;
        if held.and_then(|held| held.key.ok()).is_some_and(|key| key != upstream.key) {
            return refused(&RepositoryPath::public_key());
        }
        // The key may be missing, and one key may sign for many repositories.
        let path = RepositoryPath::resource(&Resource::Names);
        let reader = Reader::new(&self.registry, upstream.key.clone());
        match reader.of_repository(&upstream.name).names(&mut Vec::new())? {
            Published::Missing | Published::BeingRemoved { .. } | Published::Present { .. } => {
                Ok(())
            }
            Published::Unsound { error, .. } => match error {
                DocumentError::Signed(SignedError::Signature(_)) => refused(&path),
                // It is not a signed file.
                DocumentError::Signed(_) => Ok(()),
                _ => refused(&path),
            },
        }
    }

    /// Writes upstream's key beside signed files that are not served: `hexreg build` checks them with it. It is
    /// written before any of them.
    pub fn write_key(&self, key: &PublicKey) -> Result<(), StoreError> {
        let path = RepositoryPath::public_key();
        let held = PublishedKey::read(&self.registry)?;
        let pem = || key.to_pem().as_bytes().to_vec().into();
        let action = match held {
            Some(held) if held.key.is_ok() => return Ok(()),
            Some(_) => Action::Update(pem()),
            None => Action::Create(pem()),
        };
        self.registry.apply(&[&[Change::new(path, action)]], &|_| ())
    }

    fn read_state(&self) -> Result<Option<Bytes>, StoreError> {
        read(&self.own, &self.state_path, MAX_STATE)
    }

    fn read_journal(&self) -> Result<String, StoreError> {
        let read = self.own_folder().and_then(|own| match own {
            Some(own) => own.read(self.journal_name, MAX_STATE_BYTES),
            None => Ok(None),
        });
        let journal = match read {
            // A journal above the limit is not one of hexreg's.
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => None,
            read => read.map_err(|error| self.journal_error(Operation::Read, error))?,
        };
        Ok(String::from_utf8(journal.unwrap_or_default()).unwrap_or_default())
    }

    /// Removes the temporary files of a run that was killed.
    pub fn remove_leftovers(&self) -> Result<(), StoreError> {
        for (store, folder) in [
            (&self.registry, Folder::Packages),
            (&self.registry, Folder::Policies),
            (&self.registry, Folder::Root),
            (&self.own, Folder::Root),
            (&self.files, Folder::Tarballs),
            (&self.files, Folder::Docs),
            (&self.files, Folder::Installs),
        ] {
            let listed = store.list(folder)?.unwrap_or_default();
            let leftovers = listed.into_iter().filter(|one| store::is_temporary(&one.name));
            let leftovers: Vec<_> = leftovers.map(|one| folder.file(&one.name)).collect();
            Plan::between(&leftovers, None, &[], [].iter()).apply(store, &|_| ())?;
        }
        Ok(())
    }

    /// Lists the mirror for the planner.
    pub fn contents(&self) -> Result<MirrorContents, Error> {
        let list = |store: &DirStore, folder| store.list(folder).map(Option::unwrap_or_default);
        let files = |listed: Vec<ListedFile>| {
            listed.into_iter().filter(|one| one.kind == EntryKind::File).map(|one| one.name)
        };
        let packages = files(list(&self.registry, Folder::Packages)?);
        let tarballs = files(list(&self.files, Folder::Tarballs)?);
        let docs = files(list(&self.files, Folder::Docs)?);
        let MirrorState { packages: records, without_docs, .. } = &self.state;
        let (mut listings, mut asked) = (BTreeMap::new(), BTreeMap::new());
        let mut failed = BTreeMap::new();
        for (name, record) in records {
            let Ok(name) = name.parse::<PackageName>() else { continue };
            listings.insert(name.clone(), record.listing.clone());
            failed.extend(record.failed.map(|time| (name.clone(), UnixSeconds(time))));
            asked.insert(name, UnixSeconds(record.asked));
        }
        Ok(MirrorContents {
            packages: packages.filter_map(|name| name.parse().ok()).collect(),
            tarballs: tarballs.filter_map(|name| Folder::Tarballs.release(&name)).collect(),
            docs: docs.filter_map(|name| Folder::Docs.release(&name)).collect(),
            without_docs: without_docs.iter().filter_map(|file| file.parse().ok()).collect(),
            listings,
            asked,
            failed,
        })
    }

    /// The bytes of a signed file, if the mirror has it.
    pub fn resource(&self, resource: &Resource) -> Result<Option<Bytes>, StoreError> {
        let path = RepositoryPath::resource(resource);
        read(&self.registry, &path, resource.max_size())
    }

    /// The mirror's file of a package, if upstream has signed it.
    pub fn package(&self, name: &PackageName, checker: &Checker) -> Option<PackageFile> {
        let bytes = self.resource(&Resource::Package(name.clone())).ok()??;
        let file = checker.package(name, &bytes).ok()?;
        let record = self.state.packages.get(name.as_str());
        let validator = record.and_then(|record| record.validator.clone());
        let validator = validator.filter(|validator| validator.is_of(&bytes));
        Some(PackageFile { bytes, validator, is_held: true, ..file })
    }

    /// Appends a package whose file was written, or has not changed, to the journal.
    pub fn record(&self, name: &PackageName, record: &PackageRecord) -> Result<(), StoreError> {
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        let mut write = || -> io::Result<()> {
            if journal.is_none() {
                let directory = RealFolder::open(&self.directory)?;
                let directory = directory.ok_or(io::ErrorKind::NotFound)?;
                let own = directory.child_or_new(Folder::Mirror.path().as_str())?;
                let opened = own.append(self.journal_name);
                journal.insert(opened?).write_all(self.state.journal_header().as_bytes())?;
            }
            let line = record.journal_line(name)?;
            journal.as_mut().map_or(Ok(()), |file| file.write_all(line.as_bytes()))
        };
        write().map_err(|source| self.journal_error(Operation::Write, source))
    }

    /// Whether there is a journal, of this run or of one that was killed.
    pub fn has_journal(&self) -> bool {
        self.own_folder().ok().flatten().is_some_and(|own| own.has(self.journal_name))
    }

    /// Writes the state of a run that has ended, and removes the journal.
    pub fn write_state(&self, state: &MirrorState) -> Result<(), Error> {
        let bytes = serde_json::to_vec(state).unwrap_or_default();
        let change = Change::new(self.state_path.clone(), Action::Update(bytes.into()));
        self.own.apply(&[&[change]], &|_| ())?;
        let removed = self.own_folder().and_then(|own| match own {
            Some(own) => own.remove_file(self.journal_name),
            None => Ok(()),
        });
        removed.map_err(|error| self.journal_error(Operation::Remove, error).into())
    }

    /// hexreg's folder in the mirror, if there is one.
    fn own_folder(&self) -> io::Result<Option<RealFolder>> {
        match RealFolder::open(&self.directory)? {
            Some(directory) => directory.child(Folder::Mirror.path().as_str()),
            None => Ok(None),
        }
    }

    fn journal_error(&self, operation: Operation, error: io::Error) -> StoreError {
        StoreError::new(operation, self.journal_path.display().to_string(), error)
    }
}

/// Fails where hexreg's folder is a link: its files are written and removed without a message.
fn refuse_link(directory: &Path, own: &Path) -> Result<(), StoreError> {
    let opened = RealFolder::open(directory).and_then(|directory| match directory {
        Some(directory) => directory.child(Folder::Mirror.path().as_str()).map(drop),
        None => Ok(()),
    });
    opened.map_err(|error| StoreError::new(Operation::Open, own.display().to_string(), error))
}

/// Reads a file; `None` if it is missing or larger than `limit`.
pub(super) fn read(
    store: &DirStore,
    path: &RepositoryPath,
    limit: usize,
) -> Result<Option<Bytes>, StoreError> {
    let mut bytes = Vec::new();
    let found = store.read(path, limit, &mut bytes)?;
    Ok(found.filter(|_| bytes.len() <= limit).map(|_| bytes.into()))
}

/// In bytes: enough for half a million packages.
const MAX_STATE: usize = 128 << 20;
const MAX_STATE_BYTES: u64 = MAX_STATE as u64;
