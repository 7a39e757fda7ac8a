//! What the mirror has, and what it keeps in mind of it.
//!
//! Beside the files that it serves, a mirror has a folder of its own, which no client asks for:
//!
//! ```text
//! .hexreg-mirror/
//! ├── state.json     of each package what upstream's indexes said when its file was fetched, and its tag
//! ├── journal        the same of the packages of a run that has not ended, a line each
//! ├── carried        what `hexreg build` took over of upstream's remarks
//! ├── tarballs-only.json tarballs-only.journal   the same two, where only tarballs are mirrored
//! └── public_key names versions packages/   upstream's own files, where they are not served
//! ```
//!
//! Each of the two products has its own, for what is so of a file in one folder need not be of the other's.
//!
//! All of it may be lost: then what it told is found out again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use url::Url;

use super::check::Checker;
use super::planner::MirrorContents;
use super::entity_tag::EntityTag;
use super::task::PackageFile;
use super::{Error, Options, Upstream};
use crate::key::PublicKey;
use crate::name::PackageName;
use crate::package::UnixSeconds;
use crate::published::{DocumentError, Published, PublishedKey, Reader};
use crate::registry::{Resource, SignedError};
use crate::repository::{Folder, RepositoryPath};
use crate::store::{
    self, Action, Change, DirStore, EntryKind, ListedFile, Operation, RealFolder, Store, StoreError,
};

/// A mirror's directory.
pub(super) struct MirrorDirectory {
    /// Where tarballs lie, and all else that clients ask for by name.
    pub files: DirStore,
    /// Where upstream's signed files lie.
    pub registry: DirStore,
    own: DirStore,
    directory: PathBuf,
    journal: Mutex<Option<File>>,
    journal_name: &'static str,
    /// For messages.
    journal_path: PathBuf,
    state_path: RepositoryPath,
    pub state: MirrorState,
}

/// What a mirror keeps in mind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct MirrorState {
    /// Whose tags these are.
    pub upstream: String,
    /// Of each file that is asked for each time: its tag, and the digest of the file that came with it.
    pub tags: BTreeMap<String, EntityTag>,
    /// Of each package whose file was fetched.
    #[serde(default)]
    pub packages: BTreeMap<String, PackageRecord>,
    /// [`MirrorContents::without_docs`].
    pub without_docs: BTreeSet<String>,
}

/// What a mirror keeps in mind of a package's file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PackageRecord {
    /// What the indexes said of the package when it was fetched: [`MirrorContents::listings`].
    pub listing: String,
    /// When upstream was last asked for it, in seconds since 1970.
    pub asked: i64,
    /// When upstream was asked in vain since then, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<i64>,
    pub tag: Option<EntityTag>,
}

impl MirrorDirectory {
    /// Looks at a directory, which need not exist yet.
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
        mirror_dir.refuse_others(&options.upstream)?;
        let state = mirror_dir.stored_state(&options.upstream.url)?;
        Ok(Self { state, ..mirror_dir })
    }

    /// Somebody's registry is not to be overwritten with another one.
    fn refuse_others(&self, upstream: &Upstream) -> Result<(), Error> {
        let refused = |path: &RepositoryPath| {
            Err(Error::OtherRegistry { location: self.registry.locate(path) })
        };
        let path = RepositoryPath::public_key();
        let standing = PublishedKey::read(&self.registry)?;
        if standing.and_then(|standing| standing.key.ok()).is_some_and(|key| key != upstream.key) {
            return refused(&path);
        }
        // There need not be a key beside it; and one key may sign for many repositories.
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

    /// Keeps upstream's key beside its signed files where those are not served, for a build that reads them
    /// to check them with. It is there before any of them.
    pub fn keep_key(&self, key: &PublicKey) -> Result<(), StoreError> {
        let path = RepositoryPath::public_key();
        let standing = PublishedKey::read(&self.registry)?;
        let pem = || key.to_pem().as_bytes().to_vec().into();
        let action = match standing {
            Some(standing) if standing.key.is_ok() => return Ok(()),
            Some(_) => Action::Update(pem()),
            None => Action::Create(pem()),
        };
        self.registry.apply(&[&[Change::new(path, action)]], &|_| ())
    }

    /// What was kept in mind; of tags, those that are of this upstream.
    fn stored_state(&self, upstream: &Url) -> Result<MirrorState, Error> {
        let read = read(&self.own, &self.state_path, MAX_STATE)?;
        let state = read.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let mut state: MirrorState = state.unwrap_or_default();
        if state.upstream != upstream.as_str() {
            state.tags.clear();
            state.packages.values_mut().for_each(|noted| noted.tag = None);
            state.upstream = upstream.to_string();
        }
        // Its last line may be half of one; so it says less than it could, and nothing wrong.
        let journal = self.own_folder().and_then(|own| match own {
            Some(own) => own.read(self.journal_name, MAX_STATE_BYTES),
            None => Ok(None),
        });
        let journal = match journal {
            // A run whose notes are larger than any can be has none.
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => None,
            read => read.map_err(|error| self.journal_error(Operation::Read, error))?,
        };
        let journal = String::from_utf8(journal.unwrap_or_default()).unwrap_or_default();
        let lines = journal.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
        let mut is_this_upstream = false;
        for (name, noted) in lines.filter_map(|line| line.split_once(' ')) {
            if name == JOURNAL_UPSTREAM {
                is_this_upstream = noted == upstream.as_str();
            } else if let Ok(noted) = serde_json::from_str::<PackageRecord>(noted) {
                let tag = noted.tag.filter(|_| is_this_upstream);
                state.packages.insert(name.to_owned(), PackageRecord { tag, ..noted });
            }
        }
        Ok(state)
    }

    /// Removes what a killed run left.
    pub fn clear(&self) -> Result<(), StoreError> {
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
            let left = listed.into_iter().filter(|one| store::is_temporary(&one.name));
            let remove = |one: ListedFile| Change::new(folder.file(&one.name), Action::Remove);
            store.apply(&[&left.map(remove).collect::<Vec<_>>()], &|_| ())?;
        }
        Ok(())
    }

    /// What the planner is to know of it.
    pub fn known(&self) -> Result<MirrorContents, Error> {
        let list = |store: &DirStore, folder| store.list(folder).map(Option::unwrap_or_default);
        let files = |listed: Vec<ListedFile>| {
            listed.into_iter().filter(|one| one.kind == EntryKind::File).map(|one| one.name)
        };
        let packages = files(list(&self.registry, Folder::Packages)?);
        let tarballs = files(list(&self.files, Folder::Tarballs)?);
        let docs = files(list(&self.files, Folder::Docs)?);
        let MirrorState { packages: noted, without_docs, .. } = &self.state;
        let noted = noted
            .iter()
            .filter_map(|(name, noted)| Some((name.parse::<PackageName>().ok()?, noted)));
        let (mut listings, mut asked) = (BTreeMap::new(), BTreeMap::new());
        let mut failed = BTreeMap::new();
        for (name, noted) in noted {
            listings.insert(name.clone(), noted.listing.clone());
            failed.extend(noted.failed.map(|time| (name.clone(), UnixSeconds(time))));
            asked.insert(name, UnixSeconds(noted.asked));
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

    /// A signed file as it stands; none where there is none.
    pub fn resource(&self, resource: &Resource) -> Result<Option<Bytes>, StoreError> {
        let path = RepositoryPath::resource(resource);
        read(&self.registry, &path, resource.max_size())
    }

    /// What the mirror has of a package, if upstream signed it, with the tag by which upstream knows it.
    pub fn package(&self, name: &PackageName, checker: &Checker) -> Option<PackageFile> {
        let bytes = self.resource(&Resource::Package(name.clone())).ok()??;
        let file = checker.package(name, &bytes).ok()?;
        let noted = self.state.packages.get(name.as_str());
        let tag = noted.and_then(|noted| noted.tag.clone());
        let tag = tag.filter(|tag| tag.good_for(&bytes).is_some());
        Some(PackageFile { bytes, tag, is_held: true, ..file })
    }

    /// Keeps in mind what is known of a package whose file was just put in place, or found unchanged.
    pub fn note(&self, name: &PackageName, noted: &PackageRecord) -> Result<(), StoreError> {
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        let mut write = || -> io::Result<()> {
            if journal.is_none() {
                let directory = RealFolder::open(&self.directory)?;
                let directory = directory.ok_or(io::ErrorKind::NotFound)?;
                let own = directory.child_or_new(Folder::Mirror.path().as_str())?;
                let opened = own.append(self.journal_name);
                // A run that was killed may have left half a line, which is to stay one of its own.
                let line = format!("\n{JOURNAL_UPSTREAM} {}\n", self.state.upstream);
                journal.insert(opened?).write_all(line.as_bytes())?;
            }
            let line = format!("{name} {}\n", serde_json::to_string(noted)?);
            journal.as_mut().map_or(Ok(()), |file| file.write_all(line.as_bytes()))
        };
        write().map_err(|source| self.journal_error(Operation::Write, source))
    }

    /// hexreg's own folder in the mirror, if there is one.
    fn own_folder(&self) -> io::Result<Option<RealFolder>> {
        match RealFolder::open(&self.directory)? {
            Some(directory) => directory.child(Folder::Mirror.path().as_str()),
            None => Ok(None),
        }
    }

    fn journal_error(&self, operation: Operation, error: io::Error) -> StoreError {
        StoreError::new(operation, self.journal_path.display().to_string(), error)
    }

    /// Whether a run noted something that did not come to its end, or this one has not yet.
    pub fn has_journal(&self) -> bool {
        self.own_folder().ok().flatten().is_some_and(|own| own.has(self.journal_name))
    }

    /// Keeps a run's state in mind, and forgets what it noted on the way.
    pub fn keep(&self, state: &MirrorState) -> Result<(), Error> {
        let bytes = serde_json::to_vec(state).unwrap_or_default();
        let change = Change::new(self.state_path.clone(), Action::Update(bytes.into()));
        self.own.apply(&[&[change]], &|_| ())?;
        let removed = self.own_folder().and_then(|own| match own {
            Some(own) => own.remove_file(self.journal_name),
            None => Ok(()),
        });
        removed.map_err(|error| self.journal_error(Operation::Remove, error).into())
    }
}

/// Makes sure that hexreg's own folder is no link: what is kept there is written and cleared without a word.
fn refuse_link(directory: &Path, own: &Path) -> Result<(), StoreError> {
    let opened = RealFolder::open(directory).and_then(|directory| match directory {
        Some(directory) => directory.child(Folder::Mirror.path().as_str()).map(drop),
        None => Ok(()),
    });
    opened.map_err(|error| StoreError::new(Operation::Open, own.display().to_string(), error))
}

/// A file as it stands; none where there is none, or where it is larger than that.
pub(super) fn read(
    store: &DirStore,
    path: &RepositoryPath,
    limit: usize,
) -> Result<Option<Bytes>, StoreError> {
    let mut bytes = Vec::new();
    let found = store.read(path, limit, &mut bytes)?;
    Ok(found.filter(|_| bytes.len() <= limit).map(|_| bytes.into()))
}

/// What begins the line that tells whose tags follow; no package has such a name.
const JOURNAL_UPSTREAM: &str = "#";

/// In bytes: half a million packages' worth.
const MAX_STATE: usize = 128 << 20;
const MAX_STATE_BYTES: u64 = MAX_STATE as u64;
