//! How files come to stand: whole, in order, for good, and by one build at a time.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use hexreg::ops::build::build;
use hexreg::package::UnixSeconds;

use crate::support::memory::MemoryStore;
use crate::support::options;
use crate::support::repository::TestRepository;
use crate::support::tarball::Tarball;
use crate::support::tools;
use crate::support::witness::is_temporary;

/// Another program that holds the lock of `public/`, until it is killed.
fn hold(repository: &TestRepository) -> Child {
    hold_as("--exclusive", repository)
}

/// As above, alone or sharing it.
pub fn hold_as(how: &str, repository: &TestRepository) -> Child {
    let mut child = Command::new("flock")
        .args([how, "--no-fork", "public", "sh", "-c", "echo held; exec sleep 600"])
        .current_dir(repository.root())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = [0; 5];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut said).unwrap();
    child
}

#[test]
fn a_second_build_waits_says_so_and_gives_up() {
    let test = "a_second_build_waits_says_so_and_gives_up";
    if tools::find("flock", test).is_none() {
        return;
    }
    let repository = TestRepository::new().release("foo", "1.0.0");
    let mut other = hold(&repository);
    let began = Instant::now();
    let ran = repository.build(&["--lock-timeout=1"]);
    assert!(began.elapsed() >= Duration::from_secs(1));
    insta::assert_snapshot!(ran.transcript(), @r"
    exit code: 2
    --- stdout
    --- stderr
    warning: another hexreg holds public: waiting up to 1 s for it to end
    error: failed to build `acme`: another hexreg holds public, and did not end within 1 s
    hint: nothing was written; let it end, or give a longer --lock-timeout
    ");
    assert!(repository.served().is_empty());

    let ran = repository.build(&["--lock-timeout=0", "--json"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (2, ""));

    // A dry run changes nothing, so it need not wait.
    repository.build(&["--lock-timeout=0", "--dry-run"]).ok();
    other.kill().unwrap();
    other.wait().unwrap();
}

/// The lock dies with its process, so nothing goes stale.
#[test]
fn a_build_goes_on_once_the_other_is_killed() {
    let test = "a_build_goes_on_once_the_other_is_killed";
    if tools::find("flock", test).is_none() {
        return;
    }
    let repository = TestRepository::new().release("foo", "1.0.0");
    let mut other = hold(&repository);
    let mut build = repository.hexreg().command();
    build.args(["build", "public", "--name=acme", "--private-key=key.pem"]);
    build.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut build = build.spawn().unwrap();
    let mut said = String::new();
    BufReader::new(build.stderr.take().unwrap()).read_line(&mut said).unwrap();
    assert!(said.contains("waiting up to 60 s"), "{said}");
    sleep(Duration::from_millis(100));
    other.kill().unwrap();
    other.wait().unwrap();
    let ran = build.wait_with_output().unwrap();
    let stdout = String::from_utf8(ran.stdout).unwrap();
    assert_eq!(ran.status.code(), Some(0), "{stdout}");
    assert!(stdout.ends_with("4 created, 0 updated, 0 removed\n"), "{stdout}");
}

#[test]
fn what_a_killed_build_left_is_removed() {
    let repository = TestRepository::new().release("foo", "1.0.0");
    repository.build(&[]).ok();
    let sound = repository.served();
    let left = [
        "public/.hexreg-AbC123.tmp",
        "public/packages/.hexreg-x.tmp",
        // As `hexreg add` and `hexreg push` may leave it.
        "public/tarballs/.hexreg-y.tmp",
    ];
    for left in left {
        repository.write(left, b"half a fi");
    }
    // The same with a cache that knows everything else.
    sleep(Duration::from_millis(2_100));
    let ran = repository.build(&[]).ok();
    insta::assert_snapshot!(ran.stdout, @r"
    * removing public/.hexreg-AbC123.tmp
    * removing public/packages/.hexreg-x.tmp
    * removing public/tarballs/.hexreg-y.tmp
    acme: 1 package, 1 release; 0 created, 0 updated, 3 removed
    ");
    assert_eq!(repository.served(), sound);
    repository.write("public/.hexreg-AbC123.tmp", b"half a fi");
    assert!(repository.build(&[]).ok().stdout.starts_with("* removing"));
    // Names that are only similar belong to other programs.
    for kept in ["public/.hexreg-x", "public/packages/.x.tmp", "public/tarballs/.hexreg-x"] {
        repository.write(kept, b"");
    }
    let ran = repository.build(&[]).ok();
    assert!(ran.stdout.ends_with("nothing has changed\n"), "{}", ran.stdout);
}

/// Another one, on another machine, may be writing what looks like a leftover.
#[test]
fn where_there_is_no_lock_only_what_is_a_day_old_is_taken_for_a_leftover() {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let now = i64::try_from(now.as_secs()).unwrap();
    let hour = 60 * 60;
    let ages = [("new", 0), ("young", 23 * hour), ("old", 25 * hour), ("ahead", -25 * hour)];
    let store = || {
        let tarball = Tarball::new("foo", "1.0.0").build();
        let foo = [("tarballs/foo-1.0.0.tar".to_owned(), tarball)];
        ages.iter().fold(MemoryStore::of(&foo.into()), |store, (name, age)| {
            let path = format!("packages/.hexreg-{name}.tmp");
            store.file(&path, b"half a fi", UnixSeconds(now - age))
        })
    };
    let left = |store: &MemoryStore| -> Vec<_> {
        let paths = store.files().into_keys().filter(|path| is_temporary(path));
        paths.map(|path| path.replace("packages/.hexreg-", "")).collect()
    };
    let alone = store();
    build(&alone, &options(), &()).unwrap();
    assert_eq!(left(&alone), [""; 0]);
    let shared = store().without_lock();
    build(&shared, &options(), &()).unwrap();
    assert_eq!(left(&shared), ["ahead.tmp", "new.tmp", "young.tmp"]);
}

/// What strace writes of these calls of a build.
fn trace(repository: &TestRepository, public_dir: &str, calls: &str) -> String {
    trace_command(repository, &["build", public_dir, "--no-cache"], calls)
}

/// What strace writes of these calls of a command.
fn trace_command(repository: &TestRepository, command: &[&str], calls: &str) -> String {
    let log = repository.path("strace.log");
    let status = Command::new("strace")
        .args(["-f", "-y", "-e", &format!("trace={calls}"), "-o"])
        .arg(&log)
        .arg(assert_cmd::cargo::cargo_bin!("hexreg"))
        .args(command)
        .args(["--name=acme", "--private-key=key.pem", "--quiet"])
        .current_dir(repository.root())
        .status();
    assert!(status.unwrap().success());
    fs::read_to_string(log).unwrap()
}

/// A dry run waits for no lock, and takes no file of a running build for a leftover.
#[test]
fn a_dry_run_beside_a_build_leaves_its_files_out() {
    let test = "a_dry_run_beside_a_build_leaves_its_files_out";
    if tools::find("flock", test).is_none() {
        return;
    }
    let repository = TestRepository::new().release("foo", "1.0.0");
    repository.build(&[]).ok();
    repository.write("public/.hexreg-AbC123.tmp", b"half a fi");
    let ran = repository.build(&["--dry-run"]).ok();
    assert!(ran.stdout.contains("removing"), "{}", ran.stdout);
    let mut other = hold(&repository);
    let ran = repository.build(&["--dry-run"]).ok();
    assert!(!ran.stdout.contains("removing"), "{}", ran.stdout);
    other.kill().unwrap();
    other.wait().unwrap();
}

/// The calls by which a build changes what is served, with their paths from the directory of the
/// repository: `fsync public/TEMPORARY`, `rename public/versions`.
fn calls_of_a_build(repository: &TestRepository, public_dir: &str) -> Vec<String> {
    calls_of(repository, &["build", public_dir, "--no-cache"])
}

/// The same of any command.
fn calls_of(repository: &TestRepository, command: &[&str]) -> Vec<String> {
    let calls = "fsync,syncfs,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat";
    let log = trace_command(repository, command, calls);
    let root = repository.root().canonicalize().unwrap();
    let calls = log.lines().filter(|line| !line.contains(" = -1 ")).filter_map(|line| {
        let line = line.split_once(' ')?.1.trim_start();
        let (call, arguments) = line.split_once('(')?;
        let path = match call {
            "fsync" | "syncfs" => arguments.split_once('<')?.1.split_once('>')?.0,
            _ => arguments.rsplit('"').nth(1)?,
        };
        let path = path.strip_prefix(root.to_str().unwrap()).unwrap_or(path);
        let path = if path.is_empty() { "." } else { path.trim_start_matches('/') };
        let temporary = path.split_once(".hexreg-").map(|(folder, _)| format!("{folder}TEMPORARY"));
        Some(format!("{} {}", call.replace("at", ""), temporary.unwrap_or_else(|| path.to_owned())))
    });
    calls.collect()
}

/// Those that concern `public/`, with their paths from there.
fn calls(repository: &TestRepository) -> Vec<String> {
    let calls = calls_of_a_build(repository, "public");
    let below = calls.iter().filter_map(|call| {
        let (call, path) = call.split_once(" public")?;
        Some(format!("{call} {}", path.trim_start_matches('/')))
    });
    below.collect()
}

/// Where a call is among others; all of its kind if there are several.
fn places(calls: &[String], wanted: &str) -> Vec<usize> {
    let places: Vec<_> = (0..calls.len()).filter(|place| calls[*place] == wanted).collect();
    assert!(!places.is_empty(), "no {wanted:?} in {calls:#?}");
    places
}

#[test]
fn files_are_flushed_then_renamed_and_each_stage_is_flushed_before_the_next() {
    let test = "files_are_flushed_then_renamed_and_each_stage_is_flushed_before_the_next";
    if tools::find("strace", test).is_none() {
        return;
    }
    for packages in [1, 40] {
        let mut repository = TestRepository::new().release("stale", "1.0.0");
        repository.build(&[]).ok();
        repository.remove_tarball("stale-1.0.0.tar");
        for package in 0..packages {
            repository = repository.release(&format!("package{package}"), "1.0.0");
        }
        let calls = calls(&repository);
        let first = |wanted: &str| places(&calls, wanted)[0];
        let last = |wanted: &str| *places(&calls, wanted).last().unwrap();
        let renamed = |package: usize| first(&format!("rename packages/package{package}"));
        let first_rename = (0..packages).map(renamed).min().unwrap();
        let last_package = (0..packages).map(renamed).max().unwrap();

        // Everything is on the disk before anything is seen.
        if packages == 1 {
            assert_eq!(places(&calls, "fsync packages/TEMPORARY").len(), 1);
            assert_eq!(places(&calls, "fsync TEMPORARY").len(), 2);
            assert!(last("fsync packages/TEMPORARY") < first_rename);
            assert!(last("fsync TEMPORARY") < first_rename);
        } else {
            assert!(last("syncfs packages") < first_rename);
            assert!(last("syncfs ") < first_rename);
        }
        let flushed_between = |call: &str, from: usize, to: usize| {
            let between = places(&calls, call).into_iter().any(|place| from < place && place < to);
            assert!(between, "no {call:?} between {from} and {to} of {calls:#?}");
        };
        flushed_between("fsync packages", last_package, first("rename versions"));
        assert!(first("rename versions") < first("rename names"));
        flushed_between("fsync ", first("rename names"), first("unlink packages/stale"));
        flushed_between("fsync packages", first("unlink packages/stale"), usize::MAX);
    }
}

/// syncfs reports errors since its file was opened, except those that were reported to another process before.
#[test]
fn what_is_flushed_at_once_was_opened_before_anything_was_written() {
    let test = "what_is_flushed_at_once_was_opened_before_anything_was_written";
    if tools::find("strace", test).is_none() {
        return;
    }
    let mut repository = TestRepository::new();
    for package in 0..20 {
        repository = repository.release(&format!("package{package}"), "1.0.0");
    }
    let log = trace(&repository, "public", "openat,syncfs");
    let lines: Vec<_> = log.lines().collect();
    let first_write = lines.iter().position(|line| line.contains(".hexreg-")).unwrap();
    let mut flushes = 0;
    for (place, line) in lines.iter().enumerate() {
        let Some((_, file)) = line.split_once("syncfs(") else { continue };
        let file = format!(" = {}", file.split_once('>').unwrap().0);
        let opened = lines[..place].iter().rposition(|line| line.contains(&file)).unwrap();
        assert!(opened < first_write, "{log}");
        flushes += 1;
    }
    assert_eq!(flushes, 2, "{log}");
}

/// What lies in a directory is there for good once the whole way to it is.
#[test]
fn the_way_to_a_new_directory_is_flushed_before_anything_is_in_it() {
    let test = "the_way_to_a_new_directory_is_flushed_before_anything_is_in_it";
    if tools::find("strace", test).is_none() {
        return;
    }
    let repository = TestRepository::new();
    fs::create_dir(repository.path("a")).unwrap();
    let until_laid_down = |calls: Vec<String>| {
        let laid_down = calls.iter().position(|call| call.ends_with("TEMPORARY")).unwrap();
        calls[..laid_down].join("\n")
    };
    // A build begins where there is a directory, an addition anywhere.
    repository.write("foo-1.0.0.tar", &Tarball::new("foo", "1.0.0").build());
    let add = calls_of(&repository, &["add", "foo-1.0.0.tar", "--to=a/b/public"]);
    insta::assert_snapshot!(until_laid_down(add), @r"
    fsync .
    mkdir a/b
    fsync a
    mkdir a/b/public
    fsync a/b
    fsync a/b
    fsync a/b
    mkdir a/b/public/packages
    fsync a/b/public
    fsync a/b
    mkdir a/b/public/tarballs
    fsync a/b/public
    ");
    // It was there, perhaps because a build was killed once it had made it.
    let calls_for = |public_dir| until_laid_down(calls_of_a_build(&repository, public_dir));
    insta::assert_snapshot!(calls_for("public"), @"fsync .");
    // It has been built before.
    fs::remove_file(repository.path("public/versions")).unwrap();
    insta::assert_snapshot!(calls_for("public"), @"");
}

/// A build of nothing new flushes nothing.
#[test]
fn where_nothing_changes_nothing_is_flushed() {
    let test = "where_nothing_changes_nothing_is_flushed";
    if tools::find("strace", test).is_none() {
        return;
    }
    let repository = TestRepository::new().release("foo", "1.0.0");
    repository.build(&[]).ok();
    assert_eq!(calls(&repository), Vec::<String>::new());
}

/// Readers see nothing of a build that finds no space.
#[test]
fn a_build_that_cannot_write_all_of_it_changes_nothing() {
    let repository = TestRepository::new().release("foo", "1.0.0");
    repository.build(&[]).ok();
    let sound = repository.served();
    let big = (0..400).map(|minor| format!("1.{minor}.0"));
    for version in big {
        repository
            .write_tarball(&format!("bar-{version}.tar"), &Tarball::new("bar", &version).build());
    }
    // 20 blocks of 512 bytes: enough for `names`, not for `packages/bar`.
    let hexreg = assert_cmd::cargo::cargo_bin!("hexreg").display().to_string();
    let build = "build public --name=acme --private-key=key.pem --no-cache";
    let output = Command::new("sh")
        .args(["-c", &format!("trap '' XFSZ; ulimit -f 20; exec '{hexreg}' {build} 2>&1")])
        .current_dir(repository.root())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!(String::from_utf8(output.stdout).unwrap(), @r"
    error: failed to build `acme`: could not write public/packages/bar: File too large (os error 27)
    hint: nothing was changed: fix this and try again
    ");
    assert_eq!(repository.served(), sound, "and no temporary file stays");
}
