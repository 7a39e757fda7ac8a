//! What fails, fails cleanly: whichever operation it is, of a store in memory and of the real one, and
//! however little room there is. Clients find what they are sent to, whole, and the next build makes
//! everything right.
//!
//! `scripts/kill` tries each system call; CI has time for some.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::sync::Mutex;

use hexreg::ops::build::{Error, Report, build};
use hexreg::publish::observer::Observer;
use hexreg::repository::RepositoryPath;
use hexreg::store::{Changed, Store};

use crate::support::disk::Disk;
use crate::support::faulty::{Fault, FaultyStore};
use crate::support::items::{Item, file_name, tarball};
use crate::support::memory::MemoryStore;
use crate::support::options;
use crate::support::pending_build::{
    ADDITION, Change, EVERYTHING, EXCHANGE, FIRST, MANY, PendingBuild, REMOVAL,
};
use crate::support::random::setting;
use crate::support::repository::TestRepository;
use crate::support::strace::{self, Traced};
use crate::support::tarball::Tarball;
use crate::support::witness::{Files, Moment, Tree, Witness, is_temporary};

/// The paths that were reported as changed.
#[derive(Default)]
struct Reported(Mutex<Vec<String>>);

impl Observer for Reported {
    fn changed(&self, path: &RepositoryPath, _: Changed) {
        self.0.lock().unwrap().push(path.to_string());
    }
}

fn with_tarballs(mut served: Files, items: &[Item<'_>]) -> MemoryStore {
    let tarballs = items.iter().map(|item| (format!("tarballs/{}", file_name(*item)), *item));
    served.extend(tarballs.map(|(path, item)| (path, tarball(item))));
    MemoryStore::of(&served)
}

fn tree(store: &MemoryStore) -> Tree {
    Tree::of(store.files())
}

/// Builds with each operation of a store in memory failing in turn.
fn fail_operations(change: Change, kind: ErrorKind) {
    let options = options();
    // One thread, so that the n-th operation is always the same.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let run = |store: &dyn Store, reported: &Reported| -> Result<Report, Error> {
        pool.install(|| build(store, &options, reported))
    };
    let before = with_tarballs(Files::new(), change.before);
    run(&before, &Reported::default()).unwrap();
    let was = if change.before.is_empty() { Tree::default() } else { tree(&before) };
    let start = with_tarballs(was.served.clone(), change.after);
    let done = MemoryStore::of(&start.files());
    run(&done, &Reported::default()).unwrap();
    let witness = Witness { before: was, after: tree(&done) };

    let mut faults = 0;
    for (torn, lasting) in [(false, false), (true, false), (false, true)] {
        for at in 1.. {
            let memory = MemoryStore::of(&start.files());
            let store = FaultyStore::new(&memory, Fault { at, kind, torn, lasting });
            let reported = Reported::default();
            let built = run(&store, &reported);
            let moment = witness.examine(&tree(&memory));
            if !store.has_failed() {
                built.unwrap();
                assert_eq!(moment, Moment::Done);
                break;
            }
            faults += 1;
            let error = built.expect_err("the fault is reported");
            if !matches!(error, Error::Write(_)) {
                assert_eq!(moment, Moment::NothingWritten, "{error}");
            }
            for path in reported.0.into_inner().unwrap() {
                let is_changed = memory.files().get(&path) == done.files().get(&path);
                assert!(is_changed, "{path} was reported as changed");
            }
            run(&memory, &Reported::default()).unwrap();
            assert_eq!(tree(&memory), witness.after);
        }
    }
    eprintln!("{faults} operations of a store failed");
    assert!(faults > 20, "{faults}");
}

/// A module of tests for each change: a build of it in which each operation of the store fails in turn.
macro_rules! where_an_operation_of_a_store_fails_the_next_build_makes_it_right {
    ($($name:ident: $change:expr;)+) => {
        mod store {$(
            mod $name {
                use super::super::*;

                #[test]
                fn no_room() {
                    fail_operations($change, ErrorKind::StorageFull);
                }

                #[test]
                fn no_permission() {
                    fail_operations($change, ErrorKind::PermissionDenied);
                }

                #[test]
                fn other() {
                    fail_operations($change, ErrorKind::Other);
                }
            }
        )+}
    };
}

where_an_operation_of_a_store_fails_the_next_build_makes_it_right! {
    first: FIRST;
    addition: ADDITION;
    removal: REMOVAL;
    exchange: EXCHANGE;
    everything: EVERYTHING;
}

/// The exit code says that it failed, and the message why; unless it was the message that failed.
fn is_clear(traced: &Traced, code: i32) {
    assert!([0, 1, 2].contains(&code), "{traced:?}");
    assert!(!traced.stderr.contains("panicked"), "{traced:?}");
    let has_message = traced.stderr.lines().any(|line| line.starts_with("error: "));
    let is_silenced = traced.hits.iter().any(|call| call.contains(" write(2<"));
    assert!(code == 0 || has_message || is_silenced, "{traced:?}");
}

/// One in how many of the calls that are tried in part.
fn every() -> usize {
    setting("HEXREG_EVERY", 11)
}

/// Builds with each `step`-th of these system calls failing, one after the other: with this error, or with any where
/// every call is tried.
fn fail_calls(test: &str, change: Change, calls: &str, error: &str, step: usize) {
    if !strace::is_available(test) {
        return;
    }
    let pending = PendingBuild::new(change);
    let all = ["ENOSPC", "EIO", "EACCES"];
    let errors = if every() == 1 { &all[..] } else { &[error][..] };
    let mut ends: BTreeMap<(Moment, i32), usize> = BTreeMap::new();
    for error in errors {
        for n in (1..).step_by(step) {
            pending.rewind();
            let tampering = format!("error={error}");
            let traced = strace::build(&pending.repository, calls, &tampering, &n.to_string());
            let tree = pending.repository.tree();
            let moment = pending.witness.examine(&tree);
            let code = traced.code.expect("no signal ends it");
            if traced.hits.is_empty() {
                assert_eq!((code, moment), (0, Moment::Done), "{traced:?}");
                break;
            }
            is_clear(&traced, code);
            // Temporary files stay that it can neither remove nor stat.
            if !calls.contains("unlink") && !calls.contains("stat") {
                let before = &pending.witness.before.served;
                let mut left = tree.served.keys().filter(|path| is_temporary(path));
                assert!(left.all(|path| before.contains_key(path)), "{traced:?}");
            }
            *ends.entry((moment, code)).or_default() += 1;
            pending.build_again();
        }
    }
    eprintln!("{} builds with a failing {calls}:", ends.values().sum::<usize>());
    for ((moment, code), times) in &ends {
        eprintln!("{times:5}  exit code {code}, {moment}");
    }
}

/// A module of tests for each change: a build of it in which system calls of one kind fail in turn. Each `$rare`-th of
/// those is tried of which there are few.
macro_rules! where_a_system_call_fails_no_client_is_harmed_and_the_next_build_makes_it_right {
    ($($name:ident: $change:expr, $rare:expr;)+) => {
        mod system_calls {$(
            mod $name {
                use super::super::*;

                const TEST: &str = module_path!();

                #[test]
                fn open() {
                    fail_calls(TEST, $change, "open,openat", "ENOSPC", every());
                }

                #[test]
                fn read() {
                    fail_calls(TEST, $change, "read", "EIO", every());
                }

                #[test]
                fn write() {
                    fail_calls(TEST, $change, "write", "EACCES", every());
                }

                #[test]
                fn flush_of_a_file_or_folder() {
                    fail_calls(TEST, $change, "fsync", "ENOSPC", every());
                }

                #[test]
                fn flush_of_a_file_system() {
                    fail_calls(TEST, $change, "syncfs", "EIO", every());
                }

                #[test]
                fn rename() {
                    fail_calls(TEST, $change, "rename,renameat,renameat2", "EACCES", $rare);
                }

                #[test]
                fn removal() {
                    fail_calls(TEST, $change, "unlink,unlinkat", "ENOSPC", every());
                }

                #[test]
                fn lock() {
                    fail_calls(TEST, $change, "flock", "EIO", $rare);
                }

                #[test]
                fn stat() {
                    fail_calls(TEST, $change, "fstat,newfstatat,statx", "EACCES", every());
                }

                #[test]
                fn listing() {
                    fail_calls(TEST, $change, "getdents64", "ENOSPC", every());
                }
            }
        )+}
    };
}

where_a_system_call_fails_no_client_is_harmed_and_the_next_build_makes_it_right! {
    first: FIRST, 1;
    addition: ADDITION, 1;
    removal: REMOVAL, 1;
    exchange: EXCHANGE, 1;
    everything: EVERYTHING, 1;
    many: MANY, every();
}

/// What is said is what failed, whatever it was asked for.
#[test]
fn what_cannot_be_looked_at_is_named() {
    let test = "what_cannot_be_looked_at_is_named";
    if !strace::is_available(test) {
        return;
    }
    let repository = TestRepository::new().release("foo", "1.0.0").release("gone", "1.0.0");
    repository.build(&["--no-cache"]).ok();
    repository.remove_tarball("gone-1.0.0.tar");
    let said = |n: &str| {
        let calls = "fstat,stat,lstat,newfstatat,statx";
        let traced = strace::build(&repository, calls, "error=EIO", n);
        let error = "error: failed to build `acme`: ";
        let said = traced.stderr.lines().find_map(|line| line.strip_prefix(error));
        let said = said.unwrap_or("nothing");
        (!traced.hits.is_empty()).then(|| format!("{}: {said}", traced.code.unwrap()))
    };
    insta::assert_snapshot!(said("1+").unwrap(), @"2: could not list public: Input/output error (os error 5)");
    let mut all = BTreeSet::new();
    for n in 1.. {
        // To be removed again. A file is cached once it is old enough: without a cache, the n-th call is the same in
        // every run.
        repository.write("public/packages/gone", b"");
        let _ = std::fs::remove_dir_all(repository.path("cache"));
        let Some(said) = said(&n.to_string()) else { break };
        all.insert(said);
    }
    insta::assert_snapshot!(all.into_iter().collect::<Vec<_>>().join("\n"), @r"
    0: nothing
    1: 1 of 1 tarball rejected
    2: could not inspect public/names: Input/output error (os error 5)
    2: could not inspect public/packages/foo: Input/output error (os error 5)
    2: could not inspect public/packages/gone: Input/output error (os error 5)
    2: could not inspect public/public_key: Input/output error (os error 5)
    2: could not inspect public/versions: Input/output error (os error 5)
    2: could not list public/.hexreg-mirror: Input/output error (os error 5)
    2: could not list public/packages: Input/output error (os error 5)
    2: could not list public/policies: Input/output error (os error 5)
    2: could not list public/tarballs: Input/output error (os error 5)
    2: could not list public: Input/output error (os error 5)
    2: could not lock public: Input/output error (os error 5)
    2: could not read public/names: Input/output error (os error 5)
    2: could not read public/packages/foo: Input/output error (os error 5)
    2: could not read public/packages/gone: Input/output error (os error 5)
    2: could not read public/public_key: Input/output error (os error 5)
    2: could not read public/versions: Input/output error (os error 5)
    ");
}

/// As on some network file systems.
#[test]
fn a_file_system_that_flushes_no_folders_will_do_and_one_that_fails_to_will_not() {
    let test = "a_file_system_that_flushes_no_folders_will_do_and_one_that_fails_to_will_not";
    if !strace::is_available(test) {
        return;
    }
    let pending = PendingBuild::new(ADDITION);
    let no_such_thing = ["EINVAL", "EOPNOTSUPP", "ENOSYS", "EBADF"];
    for error in no_such_thing.into_iter().chain(["EIO", "EROFS"]) {
        let (mut files, mut folders) = (0, 0);
        for n in 1.. {
            pending.rewind();
            let tampering = format!("error={error}");
            let traced = strace::build(&pending.repository, "fsync", &tampering, &n.to_string());
            let Some(hit) = traced.hits.first() else { break };
            let is_file = hit.contains(".tmp>");
            *(if is_file { &mut files } else { &mut folders }) += 1;
            let is_forgiven = !is_file && no_such_thing.contains(&error);
            assert_eq!(traced.code, Some(if is_forgiven { 0 } else { 2 }), "{traced:?}");
        }
        assert!(files > 2 && folders > 2, "{files} {folders}");
    }
}

/// Else two builds' messages run into each other, letter by letter.
#[test]
fn a_message_is_written_at_once() {
    let test = "a_message_is_written_at_once";
    if !strace::is_available(test) {
        return;
    }
    let repository = TestRepository::new();
    for name in ["a", "b", "c"] {
        repository.write(&format!("public/tarballs/{name}-1.0.0.tar"), b"oops");
    }
    let second = strace::build(&repository, "write", "error=EIO", "2");
    assert_eq!((second.code, second.hits.as_slice()), (Some(1), &[] as &[String]));
    assert_eq!(second.stderr.lines().count(), 5, "{}", second.stderr);
}

#[test]
fn however_little_room_a_disk_has_a_build_changes_all_or_nothing() {
    let test = "however_little_room_a_disk_has_a_build_changes_all_or_nothing";
    let repository = TestRepository::new();
    let Some(disk) = Disk::mount(repository.path("public"), "1m", test) else { return };
    for item in [("foo", "1.0.0", 0), ("bar", "1.0.0", 0), ("gone", "1.0.0", 0)] {
        repository.write_tarball(&file_name(item), &tarball(item));
    }
    repository.build(&["--no-cache"]).ok();
    let before = repository.tree();
    repository.remove_tarball("gone-1.0.0.tar");
    // More than a page each.
    for release in 0..60 {
        let version = format!("2.{release}.0");
        for name in ["foo", "baz"] {
            repository.write_tarball(&format!("{name}-{version}.tar"), &small(name, &version));
        }
    }
    let witness = Witness { before, after: repository.fresh() };

    let mut full = 0;
    for pages in 0.. {
        disk.fill(pages);
        let ran = repository.build(&["--no-cache"]);
        let mut tree = repository.tree();
        tree.served.remove("filler");
        let moment = witness.examine(&tree);
        disk.make_room();
        if ran.code == 0 {
            assert_eq!(moment, Moment::Done);
            break;
        }
        full += 1;
        assert_eq!((ran.code, moment), (2, Moment::NothingWritten), "{}", ran.transcript());
        assert!(ran.stderr.contains("No space left on device"), "{}", ran.transcript());
        assert!(ran.stderr.contains("hint: nothing was changed"), "{}", ran.transcript());
    }
    assert!(full > 4, "{full}");
    repository.build(&["--no-cache"]).ok();
    assert_eq!(repository.tree(), witness.after);
}

/// A disk that was filled while nothing stood yet.
#[test]
fn a_first_build_on_a_full_disk_leaves_nothing() {
    let test = "a_first_build_on_a_full_disk_leaves_nothing";
    let repository = TestRepository::new();
    let Some(disk) = Disk::mount(repository.path("public"), "256k", test) else { return };
    repository.write_tarball("foo-1.0.0.tar", &small("foo", "1.0.0"));
    disk.fill(0);
    let ran = repository.build(&["--no-cache", "--jobs=1"]);
    insta::assert_snapshot!(ran.transcript(), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: failed to build `acme`: could not write public/public_key: No space left on device (os error 28)
    hint: nothing was changed: fix this and try again
    ");
    assert_eq!(repository.served().into_keys().collect::<Vec<_>>(), ["filler"]);
    disk.make_room();
    repository.build(&["--no-cache"]).ok();
    assert_eq!(repository.tree(), repository.fresh());
}

/// There is room, and no file can be made.
#[test]
fn a_disk_that_takes_no_more_files_says_so() {
    let test = "a_disk_that_takes_no_more_files_says_so";
    let repository = TestRepository::new();
    // The directory itself, `tarballs`, a tarball and `packages`.
    let Some(_disk) = Disk::mount(repository.path("public"), "1m,nr_inodes=4", test) else {
        return;
    };
    repository.write_tarball("foo-1.0.0.tar", &small("foo", "1.0.0"));
    insta::assert_snapshot!(repository.build(&["--no-cache", "--jobs=1"]).transcript(), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: failed to build `acme`: could not write public/public_key: No space left on device (os error 28)
    hint: nothing was changed: fix this and try again
    ");
}

fn small(name: &str, version: &str) -> Vec<u8> {
    Tarball::new(name, version).build()
}
