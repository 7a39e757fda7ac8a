//! Many at once: builds, readers, and whoever brings and takes away tarballs meanwhile. What stands is
//! the registry of one listing, or a build says why there is none.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use hexreg::ops::build::{Error, RejectionCause, build};
use hexreg::repository::{Folder, RepositoryPath};
use hexreg::store::{
    AppliedChange, Change, Content, DirStore, EntryKind, ListedFile, LockOutcome, Store, StoreError,
};

use crate::support::items::{file_name, tarball};
use crate::support::options;
use crate::support::random::{Random, setting};
use crate::support::repository::TestRepository;
use crate::support::strace;
use crate::support::witness::{Files, Tree, is_temporary};

/// Another build, on its way.
fn spawn(repository: &TestRepository) -> Child {
    let mut build = repository.hexreg().command();
    build.args(["build", "public", "--name=acme", "--private-key=key.pem", "--quiet"]);
    build.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Lets those who go on until it is over come to an end, where a test fails too.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Puts a tarball in place as a careful uploader does, or as a careless one.
fn upload(repository: &TestRepository, file: &str, bytes: &[u8], carefully: bool) {
    let path = repository.path("public/tarballs").join(file);
    if carefully {
        let beside = repository.path("public/tarballs").join(format!("{file}.part"));
        fs::write(&beside, bytes).unwrap();
        fs::rename(beside, path).unwrap();
    } else {
        let mut file = fs::File::create(path).unwrap();
        for part in bytes.chunks(bytes.len() / 3) {
            file.write_all(part).unwrap();
            thread::sleep(Duration::from_micros(500));
        }
    }
}

#[test]
fn many_builds_at_once_make_one_registry_while_tarballs_come_go_and_change() {
    let rounds = setting("HEXREG_ROUNDS", 4);
    let repository = TestRepository::new();
    let mut random = Random::new(setting("HEXREG_SEED", 1));
    for package in 0..30 {
        let item = (&*format!("package{package}"), "1.0.0", 0);
        repository.write_tarball(&file_name(item), &tarball(item));
    }
    let mut ends = [0; 3];
    for _ in 0..rounds {
        let (ended, done) = (AtomicBool::new(false), AtomicUsize::new(0));
        thread::scope(|scope| {
            let mut random = Random::new(random.next());
            let (repository, ended, done) = (&repository, &ended, &done);
            let meddler = scope.spawn(move || {
                let is_going_on = || !ended.load(Ordering::SeqCst);
                for turn in 1.. {
                    if !is_going_on() {
                        break;
                    }
                    // Now and then it rests until two builds have ended. One builds at a time, so the second has read
                    // tarballs that did not change, however slow the machine is.
                    let two_more = done.load(Ordering::SeqCst) + 2;
                    while turn % 25 == 0 && done.load(Ordering::SeqCst) < two_more && is_going_on()
                    {
                        thread::sleep(Duration::from_millis(1));
                    }
                    let name = format!("package{}", random.below(40));
                    let item = (&*name, "1.0.0", u8::try_from(random.below(3)).unwrap());
                    match random.below(4) {
                        0 => {
                            let path = repository.path("public/tarballs").join(file_name(item));
                            let _ = fs::remove_file(path);
                        }
                        how => upload(repository, &file_name(item), &tarball(item), how > 1),
                    }
                    thread::sleep(Duration::from_millis(random.next() % 8));
                }
            });
            let over = Over(ended);
            let builds = (0..8).map(|_| {
                let build = spawn(repository);
                scope.spawn(move || {
                    let ran = build.wait_with_output().unwrap();
                    done.fetch_add(1, Ordering::SeqCst);
                    ran
                })
            });
            for build in builds.collect::<Vec<_>>() {
                let ran = build.join().unwrap();
                let stderr = String::from_utf8(ran.stderr).unwrap();
                let code = ran.status.code().expect("no signal ends it");
                assert!(code == 0 || stderr.contains("error: "), "{code} {stderr}");
                assert!(!stderr.contains("panicked"), "{stderr}");
                ends[usize::try_from(code).unwrap()] += 1;
            }
            drop(over);
            meddler.join().unwrap();
        });
        let tree = Tree { served: repository.served(), ..Tree::default() };
        tree.agrees();
        assert!(!tree.served.keys().any(|path| is_temporary(path)));
    }
    let [well, rejected, failed] = ends;
    eprintln!(
        "of {} builds {well} went well, {rejected} rejected a tarball and {failed} failed",
        ends.iter().sum::<usize>()
    );
    assert!(well > 0);

    repository.build(&[]).ok();
    assert_eq!(repository.tree(), repository.fresh());
    repository.tree().follow(&|_| false);
}

/// What a client that looks now gets: `versions` first, then what it names, then a tarball.
fn read_as_a_client(repository: &TestRepository, place: usize) -> usize {
    let public = repository.path("public");
    let mut files = Files::new();
    let mut fetch = |path: &str| {
        let found = fs::read(public.join(path));
        if let Ok(bytes) = &found {
            files.insert(path.to_owned(), bytes.clone());
        }
        found.is_ok()
    };
    if !fetch("public_key") || !fetch("versions") {
        return 0;
    }
    let versions = Tree::of(files.clone()).versions().unwrap().packages;
    let Some((name, named)) = versions.get(place % versions.len().max(1)) else { return 0 };
    let mut fetch = |path: String| {
        let bytes = fs::read(public.join(&path));
        files.insert(path.clone(), bytes.unwrap_or_else(|error| panic!("{path}: {error}")));
    };
    fetch(format!("packages/{name}"));
    for version in named {
        fetch(format!("tarballs/{name}-{}.tar", version.version));
    }
    // Of a newer release than `versions` knew of the tarball was not fetched.
    let newer = |tarball: &str| {
        !named.iter().any(|known| tarball == format!("{name}-{}.tar", known.version))
    };
    files.remove("versions");
    let tree = Tree::of(files);
    tree.follow(&newer);
    named.len()
}

#[test]
fn a_reader_during_builds_that_add_misses_nothing() {
    let rounds = setting("HEXREG_ROUNDS", 4);
    let repository = TestRepository::new();
    fs::create_dir_all(repository.path("public/tarballs")).unwrap();
    let (ended, seen) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut place = 0;
            while !ended.load(Ordering::SeqCst) {
                place += 7;
                seen.fetch_add(read_as_a_client(&repository, place), Ordering::SeqCst);
            }
        });
        let _over = Over(&ended);
        for round in 0..rounds * 3 {
            for package in 0..20 {
                let version = format!("1.{round}.0");
                let item = (&*format!("package{}", package + round), &*version, 0);
                upload(&repository, &file_name(item), &tarball(item), true);
            }
            repository.build(&[]).ok();
            assert!(!reader.is_finished(), "the reader met something that was not there");
        }
    });
    let seen = seen.into_inner();
    eprintln!("{seen} releases were looked for and found");
    assert!(seen > 100, "{seen}");
}

/// A directory in which another process does something after it was listed, before a file of it is read.
struct Meddled<'a> {
    inner: DirStore,
    file: &'static str,
    meddle: &'a (dyn Fn(PathBuf) + Sync),
}

impl Store for Meddled<'_> {
    fn list(&self, folder: Folder) -> Result<Option<Vec<ListedFile>>, StoreError> {
        self.inner.list(folder)
    }

    fn walk(&self) -> Result<Option<Vec<(RepositoryPath, EntryKind)>>, StoreError> {
        self.inner.walk()
    }

    fn read(
        &self,
        path: &RepositoryPath,
        limit: usize,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<Content>, StoreError> {
        if path.as_str() == self.file {
            (self.meddle)(PathBuf::from(self.inner.locate(path)));
        }
        self.inner.read(path, limit, buffer)
    }

    fn apply(
        &self,
        stages: &[&[Change]],
        made: &dyn Fn(AppliedChange<'_>),
    ) -> Result<(), StoreError> {
        self.inner.apply(stages, made)
    }

    fn lock(&self) -> Result<LockOutcome, StoreError> {
        self.inner.lock()
    }

    fn lock_shared(&self) -> Result<LockOutcome, StoreError> {
        self.inner.lock_shared()
    }

    fn locate(&self, path: &RepositoryPath) -> String {
        self.inner.locate(path)
    }
}

/// Builds while another process changes a file; the error, and nothing is written.
fn meddle(
    repository: &TestRepository,
    file: &'static str,
    meddle: &(dyn Fn(PathBuf) + Sync),
) -> Error {
    // Times of a file system may tick as seldom as a hundred times a second.
    thread::sleep(Duration::from_millis(20));
    let inner = DirStore::new(repository.path("public"));
    build(&Meddled { inner, file, meddle }, &options(), &()).unwrap_err()
}

fn cause(error: Error) -> RejectionCause {
    let Error::Rejected { mut rejections, .. } = error else { panic!("{error}") };
    assert_eq!(rejections.len(), 1);
    rejections.remove(0).cause
}

#[test]
fn a_tarball_that_changes_between_its_listing_and_its_reading_is_noticed() {
    let foo = |edition| tarball(("foo", "1.0.0", edition));
    let repository = TestRepository::new().release("bar", "1.0.0");
    repository.write_tarball("foo-1.0.0.tar", &foo(0));
    repository.build(&[]).ok();
    let sound = repository.served();
    let put_back = || repository.write_tarball("foo-1.0.0.tar", &foo(0));
    let meddle = |how: &(dyn Fn(PathBuf) + Sync)| {
        let cause = cause(meddle(&repository, "tarballs/foo-1.0.0.tar", how));
        assert_eq!(repository.served(), sound);
        put_back();
        cause
    };

    // Each of them a sound tarball all the while, of the same size.
    assert_eq!(foo(0).len(), foo(1).len());
    let replaced = |path: PathBuf| {
        fs::write(path.with_extension("part"), foo(1)).unwrap();
        fs::rename(path.with_extension("part"), path).unwrap();
    };
    assert!(matches!(meddle(&replaced), RejectionCause::Changed));
    assert!(matches!(meddle(&|path| fs::write(path, foo(1)).unwrap()), RejectionCause::Changed));
    // Even with the time that it had.
    let disguised = |path: PathBuf| {
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        fs::write(&path, foo(1)).unwrap();
        fs::File::options().append(true).open(path).unwrap().set_modified(modified).unwrap();
    };
    assert!(matches!(meddle(&disguised), RejectionCause::Changed));
    assert!(matches!(meddle(&|path| fs::remove_file(path).unwrap()), RejectionCause::Vanished));

    repository.build(&[]).ok();
    assert_eq!(repository.tree(), repository.fresh());
}

/// A process without the lock, such as `rsync`.
#[test]
fn a_served_file_that_changes_after_it_was_listed_is_noticed() {
    let repository = TestRepository::new().release("foo", "1.0.0");
    repository.build(&[]).ok();
    for path in ["versions", "names", "packages/foo"] {
        let served = repository.served();
        let other = |path: PathBuf| fs::write(path, b"other").unwrap();
        let error = meddle(&repository, path, &other);
        assert!(matches!(error, Error::Changed { .. }), "{error}");
        assert_eq!(repository.read(&format!("public/{path}")), b"other");
        repository.build(&[]).ok();
        assert_eq!(repository.served(), served);
    }
}

/// A deployment that swaps directories while a build is about to lock the one that it has opened.
#[test]
fn a_directory_that_is_replaced_before_it_is_locked_is_not_taken_for_one_that_others_hold() {
    let test =
        "a_directory_that_is_replaced_before_it_is_locked_is_not_taken_for_one_that_others_hold";
    if !strace::is_available(test) {
        return;
    }
    let repository = TestRepository::new().release("old", "1.0.0");
    let new = tarball(("new", "1.0.0", 0));
    repository.write("next/tarballs/new-1.0.0.tar", &new);
    let public = repository.path("public").canonicalize().unwrap();
    let traced = thread::scope(|scope| {
        scope.spawn(|| {
            while !is_open_elsewhere(&public) {
                thread::sleep(Duration::from_millis(1));
            }
            fs::rename(&public, repository.path("previous")).unwrap();
            fs::rename(repository.path("next"), &public).unwrap();
        });
        // Time for the other thread to find that the directory is open, on a busy machine too.
        strace::build(&repository, "flock", "delay_enter=3000000", "1")
    });
    assert_eq!((traced.code, traced.stderr.as_str()), (Some(0), ""));
    let served: Vec<_> = repository.served().into_keys().collect();
    assert_eq!(served, ["names", "packages/new", "public_key", "versions"]);
    assert!(!repository.path("previous/versions").exists());
}

/// Whether some process has this file open.
fn is_open_elsewhere(path: &Path) -> bool {
    let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let files = processes.filter_map(|process| fs::read_dir(process.path().join("fd")).ok());
    let mut files = files.flatten().filter_map(Result::ok);
    files.any(|file| fs::read_link(file.path()).is_ok_and(|open| open == path))
}
