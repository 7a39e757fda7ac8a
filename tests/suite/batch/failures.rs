//! Changes that cannot be made. Each fails alone, unless the whole store is at fault; what was made before is made.

use std::fs;
use std::io::ErrorKind;
use std::slice;
use std::sync::atomic::{AtomicUsize, Ordering};

use hexreg::ops::batch::ReleaseChange;
use hexreg::repository::{Folder, RepositoryPath};
use hexreg::store::{
    AppliedChange, Change, Content, DirStore, EntryKind, ListedFile, LockOutcome, Operation, Store,
    StoreError,
};

use super::{Publisher, assert_sound, ends, foo, registry, releases, requested, retire, revert};
use crate::support::memory::MemoryStore;
use crate::support::tarball::Tarball;

/// When a change to a file fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// While new files are written beside the old ones: nothing was changed before.
    Beside,
    /// In its turn.
    InPlace,
    /// Not before this transaction, counted from one.
    From(usize),
}

/// A store that does not change files whose paths contain a text.
struct Failing<'a> {
    files: &'a MemoryStore,
    path: &'static str,
    kind: ErrorKind,
    when: When,
    locks: AtomicUsize,
    transactions: AtomicUsize,
}

impl<'a> Failing<'a> {
    fn new(files: &'a MemoryStore, path: &'static str, kind: ErrorKind, when: When) -> Self {
        let (locks, transactions) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { files, path, kind, when, locks, transactions }
    }

    fn check(&self, change: &Change) -> Result<(), StoreError> {
        let late = match self.when {
            When::From(first) => self.transactions.load(Ordering::SeqCst) < first,
            When::Beside | When::InPlace => false,
        };
        if late || !change.path.as_str().contains(self.path) {
            return Ok(());
        }
        Err(StoreError::new(Operation::Write, self.locate(&change.path), self.kind))
    }
}

impl Store for Failing<'_> {
    fn list(&self, folder: Folder) -> Result<Option<Vec<ListedFile>>, StoreError> {
        self.files.list(folder)
    }

    fn walk(&self) -> Result<Option<Vec<(RepositoryPath, EntryKind)>>, StoreError> {
        self.files.walk()
    }

    fn read(
        &self,
        path: &RepositoryPath,
        limit: usize,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<Content>, StoreError> {
        self.files.read(path, limit, buffer)
    }

    fn apply(
        &self,
        stages: &[&[Change]],
        made: &dyn Fn(AppliedChange<'_>),
    ) -> Result<(), StoreError> {
        let mut changes = stages.iter().copied().flatten().peekable();
        // Leftovers come by themselves.
        if changes.peek().is_some() {
            self.transactions.fetch_add(1, Ordering::SeqCst);
        }
        if self.when == When::Beside {
            changes.clone().try_for_each(|change| self.check(change))?;
        }
        for change in changes {
            self.check(change)?;
            self.files.apply(&[slice::from_ref(change)], &|_| ())?;
            made(AppliedChange::new(change));
        }
        Ok(())
    }

    fn lock(&self) -> Result<LockOutcome, StoreError> {
        self.locks.fetch_add(1, Ordering::SeqCst);
        self.files.lock()
    }

    fn lock_shared(&self) -> Result<LockOutcome, StoreError> {
        self.files.lock_shared()
    }

    fn locate(&self, path: &RepositoryPath) -> String {
        self.files.locate(path)
    }
}

#[test]
fn a_change_that_cannot_be_written_fails_alone() {
    let publisher = Publisher::new();
    let new = |name: &str| publisher.publish(&Tarball::new(name, "1.0.0"));
    for when in [When::Beside, When::InPlace] {
        for path in ["tarballs/bad-1.0.0.tar", "packages/bad"] {
            for kind in [ErrorKind::InvalidFilename, ErrorKind::PermissionDenied, ErrorKind::Other]
            {
                let files = registry(&publisher);
                let store = Failing::new(&files, path, kind, when);
                let changes = [
                    publisher.publish(&foo("1.0.0", 1)),
                    new("aaa"),
                    new("bad"),
                    publisher.publish(&foo("1.0.0", 1)),
                    retire("base-1.0.0"),
                    retire("bad-1.0.0"),
                    publisher.docs("foo-1.0.0", b"docs"),
                    new("zzz"),
                ];
                let context = format!("{path} {kind} {when:?}");
                let ends = ends(&publisher.try_apply(&store, &changes));
                let expected = [
                    "created",
                    "created",
                    "failed",
                    "inserted_at",
                    "retired",
                    // It was judged by itself.
                    "no such release",
                    "docs stored",
                    "created",
                ];
                assert_eq!(ends, expected, "{context}");
                assert_eq!(store.locks.load(Ordering::SeqCst), 1, "{context}");
                let files = files.files();
                assert_eq!(releases(&files, "zzz").len(), 1, "{context}");
                assert!(releases(&files, "base")[0].remarks.retired.is_some(), "{context}");
                assert_eq!(releases(&files, "bad"), [], "{context}");
            }
        }
    }
}

/// mix gives up after 15 seconds.
#[test]
fn a_full_store_is_not_tried_for_each_change() {
    let publisher = Publisher::new();
    for kind in [ErrorKind::StorageFull, ErrorKind::TimedOut, ErrorKind::ConnectionRefused] {
        let files = registry(&publisher);
        let before = files.files();
        let store = Failing::new(&files, "tarballs/foo-1.0.0.tar", kind, When::Beside);
        let changes = [
            publisher.publish(&Tarball::new("bar", "1.0.0")),
            publisher.publish(&foo("1.0.0", 1)),
            retire("base-1.0.0"),
            // Another group.
            revert("foo-1.0.0"),
        ];
        let ends = ends(&publisher.try_apply(&store, &changes));
        assert_eq!(ends, ["failed"; 4], "{kind}");
        assert_eq!(store.transactions.load(Ordering::SeqCst), 1, "{kind}");
        assert_eq!(files.files(), before, "{kind}");
    }
    let files = registry(&publisher);
    files.set("versions", b"damaged");
    let changes = [publisher.publish(&foo("1.0.0", 1)), retire("base-1.0.0")];
    let verdicts = publisher.try_apply(&files, &changes);
    assert_eq!(ends(&verdicts), ["failed"; 2]);
    let message = verdicts[1].as_ref().unwrap_err().to_string();
    assert!(message.starts_with("versions is not signed with this key"), "{message}");
}

/// A revert is of another group than the publication of the same package.
#[test]
fn what_was_made_before_an_error_is_made() {
    let publisher = Publisher::new();
    for kind in [ErrorKind::StorageFull, ErrorKind::Other] {
        let files = registry(&publisher);
        let store = Failing::new(&files, "versions", kind, When::From(2));
        let changes = [
            publisher.publish(&foo("1.0.0", 1)),
            publisher.publish(&foo("1.1.0", 1)),
            revert("foo-1.0.0"),
            publisher.publish(&foo("1.0.0", 2)),
        ];
        let ends = ends(&publisher.try_apply(&store, &changes));
        assert_eq!(ends, ["created", "created", "failed", "failed"], "{kind}");
        let files = files.files();
        assert_eq!(files["tarballs/foo-1.0.0.tar"], foo("1.0.0", 1).build(), "{kind}");
        assert_eq!(releases(&files, "foo").len(), 2, "{kind}");
    }
}

/// The indexes do not name the releases any more when one of them cannot be taken out of its package.
#[test]
fn a_change_that_was_made_in_part_is_neither_made_nor_refused() {
    let publisher = Publisher::new();
    let files = registry(&publisher);
    let new = |name: &str, version: &str| publisher.publish(&Tarball::new(name, version));
    let all = ["1.0.0", "1.1.0"].map(|version| [new("bar", version), new("foo", version)]);
    publisher.apply(&files, &all.concat());
    let store = Failing::new(&files, "packages/foo", ErrorKind::Other, When::InPlace);
    let changes = [revert("foo-1.0.0"), revert("bar-1.0.0"), retire("base-1.0.0")];
    let ends = ends(&publisher.try_apply(&store, &changes));
    assert_eq!(ends, ["unknown", "reverted", "retired"]);
    let after = files.files();
    assert_eq!(releases(&after, "bar").len(), 1);
    assert!(!after.contains_key("tarballs/bar-1.0.0.tar"));
    assert!(releases(&after, "base")[0].remarks.retired.is_some());
    // Once the file may be changed, the same request ends it.
    assert_eq!(super::words(&publisher.apply(&files, &changes[..1])), ["reverted"]);
    assert_sound(&files);
}

/// Another attempt does not judge a revert again that has taken effect: there is no such release any more.
#[test]
fn a_revert_whose_neighbour_keeps_its_tarball_is_made() {
    let publisher = Publisher::new();
    let files = registry(&publisher);
    let new = |name: &str| publisher.publish(&Tarball::new(name, "1.0.0"));
    publisher.apply(&files, &[new("bar"), new("foo")]);
    let store = Failing::new(&files, "tarballs/bar-1.0.0.tar", ErrorKind::Other, When::InPlace);
    let ends = ends(&publisher.try_apply(&store, &[revert("bar-1.0.0"), revert("foo-1.0.0")]));
    assert_eq!(ends, ["unknown", "reverted"]);
    let files = files.files();
    assert!(!files.contains_key("packages/foo") && !files.contains_key("tarballs/foo-1.0.0.tar"));
    assert!(!files.contains_key("packages/bar"));
}

/// Also in a directory, where the system itself refuses.
#[test]
fn an_upload_that_is_gone_fails_alone() {
    let publisher = Publisher::new();
    let directory = tempfile::TempDir::new().unwrap();
    let store = DirStore::new(directory.path());
    publisher.create(&store);
    // No folder can be created there.
    fs::write(directory.path().join("docs"), b"").unwrap();
    let gone = publisher.publish(&Tarball::new("gone", "1.0.0"));
    let ReleaseChange::Publish(tarball) = &gone.change else { panic!("{gone:?}") };
    fs::remove_file(tarball.path()).unwrap();
    let changes = [
        publisher.publish(&foo("1.0.0", 1)),
        gone,
        publisher.docs("base-1.0.0", b"docs"),
        publisher.publish(&Tarball::new("bar", "1.0.0")),
        requested(ReleaseChange::Unretire("base-1.0.0".parse().unwrap())),
    ];
    let verdicts = publisher.try_apply(&store, &changes);
    assert_eq!(ends(&verdicts), ["created", "failed", "failed", "created", "unretired"]);
    let message = verdicts[1].as_ref().unwrap_err().to_string();
    assert!(message.starts_with("could not read ") && message.contains("upload"), "{message}");
    let messages = verdicts[2].as_ref().unwrap_err().to_string();
    assert!(messages.contains("docs"), "{messages}");
    fs::remove_file(directory.path().join("docs")).unwrap();
    assert_sound(&store);
}
