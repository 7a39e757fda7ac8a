//! What changes a registry, as the program does it, on whichever store.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hexreg::key::PrivateKey;
use hexreg::ops::add::{self, Additions, PublicationTime};
use hexreg::ops::batch::{self, ChangeError, ReleaseChange, ReplaceRule, RequestedChange, Rules};
use hexreg::ops::build;
use hexreg::ops::{policy, push, remove, retire, verify};
use hexreg::package::{Retirement, RetirementReason, UnixSeconds};
use hexreg::policy::{PolicyFile, read_policy};
use hexreg::publish::observer::Observer;
use hexreg::repository::RepositoryPath;
use hexreg::store::{DirStore, Store};
use hexreg::tarball::{FileName, Limits};
use rayon::ThreadPool;
use tempfile::TempDir;

use super::items::{Item, file_name, tarball};
use super::{options, signed};

/// What is done, and to which releases.
#[derive(Clone, Copy, Debug)]
pub enum Verb<'a> {
    Add(&'a [Item<'a>]),
    Replace(Item<'a>),
    /// As the server does it, together and in this order.
    Publish(&'a [Item<'a>]),
    /// As above, by an admin.
    Revert(Item<'a>),
    Remove(Item<'a>),
    Retire(Item<'a>),
    Unretire(Item<'a>),
    /// The registry of these, as it was built elsewhere.
    Push(&'a [Item<'a>]),
    /// As above, whatever stands there.
    Overwrite(&'a [Item<'a>]),
    /// Of the tarballs that are there.
    Build,
    /// As above, with another key in place of the former one.
    Rotate,
    /// The policy `strict`, with a cooldown of so many days.
    SetPolicy(u8),
    RemovePolicy,
    /// As a reader does it; it fails if there is a problem, other than that a removal is under way.
    Verify,
}

/// Why a verb came to nothing.
#[derive(Debug)]
pub struct Failed {
    /// Whether another writer was faster, and nothing else is wrong.
    pub is_conflict: bool,
    /// Whether it says so that something may have been written.
    pub is_write: bool,
    pub text: String,
}

/// When releases are added: later than any was built.
const NOW: UnixSeconds = UnixSeconds(1_800_000_000);

/// The name of the policy.
pub const POLICY: &str = "strict";

/// When all are built.
const THEN: UnixSeconds = UnixSeconds(1_700_000_000);

macro_rules! failed {
    ($module:ident, $error:expr) => {{
        let error = &$error;
        let text = error.to_string();
        let (is_write, store) = match error {
            $module::Error::Write(store) => (true, Some(store)),
            $module::Error::Read(store) => (false, Some(store)),
            _ => (false, None),
        };
        Failed { is_conflict: store.is_some_and(|error| error.is_conflict()), is_write, text }
    }};
}

/// A writer with a key, with tarballs, and with registries to push.
pub struct Machine {
    /// Machines may share it: each tarball and each registry is made once.
    directory: Arc<Mutex<TempDir>>,
    /// How long a writer tries again if another one was faster.
    patience: Duration,
    pool: ThreadPool,
}

impl Machine {
    /// With one thread, so that the n-th operation is always the same.
    pub fn new(patience: Duration) -> Self {
        Self::on(Arc::new(Mutex::new(TempDir::new().unwrap())), patience)
    }

    /// Another writer with the same files.
    pub fn beside(&self, patience: Duration) -> Self {
        Self::on(Arc::clone(&self.directory), patience)
    }

    fn on(directory: Arc<Mutex<TempDir>>, patience: Duration) -> Self {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        Self { directory, patience, pool }
    }

    pub fn run(
        &self,
        verb: Verb<'_>,
        store: &dyn Store,
        observer: &dyn Observer,
    ) -> Result<(), Failed> {
        if let Verb::Verify = verb {
            let mut problems = self.problems(store);
            problems.retain(|_, defect| !matches!(defect, verify::Defect::BeingRemoved));
            let text = problems.iter().map(|(path, defect)| format!("{path}: {defect}\n"));
            let failed = Failed { is_conflict: false, is_write: false, text: text.collect() };
            return if problems.is_empty() { Ok(()) } else { Err(failed) };
        }
        let options = self.options();
        let release = |(name, version, _): Item<'_>| -> FileName {
            format!("{name}-{version}").parse().unwrap()
        };
        let failed = |error: add::Error| failed!(add, error);
        self.pool.install(|| match verb {
            Verb::Add(items) => {
                let added = add::add(store, &options, &self.additions(items), observer);
                added.map(drop).map_err(failed)
            }
            Verb::Replace(item) => {
                let additions = Additions { replace: true, ..self.additions(&[item]) };
                add::add(store, &options, &additions, observer).map(drop).map_err(failed)
            }
            Verb::Publish(items) => {
                let publish = |item: &Item<'_>| {
                    let path = self.additions(&[*item]).tarballs.remove(0);
                    let checked = batch::check_tarball(&path, Limits::HEX, true);
                    ReleaseChange::Publish(checked.unwrap().0)
                };
                self.change(store, items.iter().map(publish).collect(), observer)
            }
            Verb::Revert(item) => {
                self.change(store, vec![ReleaseChange::Revert(release(item))], observer)
            }
            Verb::Remove(item) => {
                let removed = remove::remove(store, &options, &release(item), observer);
                removed.map(drop).map_err(failed)
            }
            Verb::Retire(item) | Verb::Unretire(item) => {
                let retirement = Retirement::new(RetirementReason::Security, None);
                let retirement = matches!(verb, Verb::Retire(_)).then_some(&retirement);
                let retired = retire::retire(store, &options, &release(item), retirement, observer);
                retired.map(drop).map_err(failed)
            }
            Verb::Push(items) | Verb::Overwrite(items) => {
                let from = DirStore::new(self.registry(items));
                let options = push::Options {
                    overwrite: matches!(verb, Verb::Overwrite(_)),
                    judged: BTreeSet::new(),
                    lock_timeout: self.patience,
                    dry_run: false,
                };
                let began = Instant::now();
                let pushed = loop {
                    match push::push(&from, store, &options, observer) {
                        // A process that another test starts holds all our locks until it is itself.
                        Err(push::Error::LockTimeout(_))
                            if began.elapsed() < Duration::from_secs(10) => {}
                        done => break done,
                    }
                };
                pushed.map(drop).map_err(|error: push::Error| failed!(push, error))
            }
            Verb::Build | Verb::Rotate => {
                let mut options = self.build_options();
                if let Verb::Rotate = verb {
                    options.key = other_key();
                    options.rotate_key = true;
                }
                let built = build::build(store, &options, observer);
                built.map(drop).map_err(|error: build::Error| failed!(build, error))
            }
            Verb::SetPolicy(days) => {
                let file = policy_file(days);
                policy::set(store, &options, &file, false, observer).map(drop).map_err(failed)
            }
            Verb::RemovePolicy => {
                let name = POLICY.parse().unwrap();
                policy::remove(store, &options, &name, observer).map(drop).map_err(failed)
            }
            Verb::Verify => unreachable!("it writes nothing"),
        })
    }

    /// Fails with the first refusal, if there is one.
    fn change(
        &self,
        store: &dyn Store,
        changes: Vec<ReleaseChange>,
        observer: &dyn Observer,
    ) -> Result<(), Failed> {
        let rules =
            Rules { replace: ReplaceRule::default(), allow_public: BTreeSet::default(), now: NOW };
        let by_admin = |change| RequestedChange { change, replace: false, is_admin: true };
        let changes: Vec<_> = changes.into_iter().map(by_admin).collect();
        let verdicts = batch::apply(store, &self.options(), &rules, &changes, observer);
        match verdicts.into_iter().find_map(Result::err) {
            None => Ok(()),
            Some(ChangeError::Refused(refusal)) => {
                Err(Failed { is_conflict: false, is_write: true, text: refusal.to_string() })
            }
            Some(ChangeError::Failed(error) | ChangeError::Unknown(error)) => {
                Err(failed!(batch, *error))
            }
        }
    }

    fn options(&self) -> add::Options {
        add::Options {
            repository: "acme".parse().unwrap(),
            key: options().key,
            lock_timeout: self.patience,
            dry_run: false,
        }
    }

    fn build_options(&self) -> build::Options {
        build::Options { latest: Some(THEN), lock_timeout: self.patience, ..options() }
    }

    fn additions(&self, items: &[Item<'_>]) -> Additions {
        let directory = self.directory.lock().unwrap();
        let tarballs = items.iter().map(|item| {
            let folder = directory.path().join(format!("edition{}", item.2));
            let path = folder.join(file_name(*item));
            if !path.exists() {
                fs::create_dir_all(folder).unwrap();
                fs::write(&path, tarball(*item)).unwrap();
            }
            path
        });
        Additions {
            allow_public: BTreeSet::default(),
            tarballs: tarballs.collect(),
            limits: Limits::HEX,
            check_contents: true,
            replace: false,
            now: NOW,
            published_at: PublicationTime::Known,
        }
    }

    /// A directory with the registry of these.
    fn registry(&self, items: &[Item<'_>]) -> PathBuf {
        let names = items.iter().map(|item| format!("{}{}", file_name(*item), item.2));
        let directory = self.directory.lock().unwrap();
        let path = directory.path().join(names.collect::<String>());
        if !path.exists() {
            fs::create_dir_all(path.join("tarballs")).unwrap();
            for item in items {
                fs::write(path.join("tarballs").join(file_name(*item)), tarball(*item)).unwrap();
            }
            let lock_timeout = Duration::from_secs(10);
            let options = build::Options { lock_timeout, ..self.build_options() };
            build::build(&DirStore::new(&path), &options, &()).unwrap();
        }
        path
    }

    /// What is wrong with what stands, by path, for clients that hold the key: after a rotation the other one.
    pub fn problems(&self, store: &dyn Store) -> BTreeMap<String, verify::Defect> {
        let mut published = Vec::new();
        store.read(&RepositoryPath::public_key(), 64 << 10, &mut published).unwrap();
        let other = other_key().public_key().clone();
        let is_rotated = published == other.to_pem().as_bytes();
        let key = if is_rotated { other } else { options().key.public_key().clone() };
        let options = verify::Options {
            repository: Some("acme".parse().unwrap()),
            public_key: Some(key),
            limits: Limits::HEX,
            check_contents: true,
            partial: false,
            lock_timeout: Duration::ZERO,
        };
        let found = self.pool.install(|| verify::verify(store, &options, &())).unwrap().problems;
        found.into_iter().map(|one| (one.path.to_string(), one.defect)).collect()
    }
}

/// The key of [`Verb::Rotate`].
fn other_key() -> PrivateKey {
    signed::key("acme-4096.pem")
}

/// What [`Verb::SetPolicy`] publishes.
pub fn policy_file(days: u8) -> PolicyFile {
    read_policy(&policy_text(days), &"acme".parse().unwrap(), &POLICY.parse().unwrap()).unwrap()
}

/// The same in TOML.
pub fn policy_text(days: u8) -> String {
    format!("[[repository]]\nname = \"hexpm\"\ncooldown = \"{days}d\"\n")
}
