//! Files and folders that cannot be read or listed.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Duration;

use hexreg::ops::verify::{Options, Report, verify};
use hexreg::store::Store;
use hexreg::tarball::Limits;

use super::{finds, sound, verify as run};
use crate::publishing::hold_as;
use crate::support::faulty::{Fault, FaultyStore};
use crate::support::memory::MemoryStore;
use crate::support::repository::TestRepository;
use crate::support::signed::{policy, write_policy};
use crate::support::{read_fixture, tools};

fn options() -> Options {
    Options {
        repository: None,
        public_key: None,
        limits: Limits::HEX,
        check_contents: false,
        partial: false,
        lock_timeout: Duration::ZERO,
    }
}

/// With one thread, so that the n-th operation is always the same.
fn look(store: &dyn Store) -> Result<Report, hexreg::ops::verify::Error> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    pool.install(|| verify(store, &options(), &()))
}

#[test]
fn files_that_cannot_be_read() {
    let repository = sound();
    for path in ["installs/hex-1.x.csv", "docs/foo-1.0.0.tar.gz"] {
        repository.write(&format!("public/{path}"), b"junk");
    }
    write_policy(&repository, "public/policies/strict", &policy("strict"), "acme-2048.pem");
    let mut files = repository.served();
    for release in ["bar-1.0.0", "foo-1.0.0", "foo-1.1.0"] {
        let path = format!("tarballs/{release}.tar");
        let bytes = repository.read(&format!("public/{path}"));
        files.insert(path, bytes);
    }
    let memory = MemoryStore::of(&files);
    assert!(look(&memory).unwrap().problems.is_empty());

    let mut told = Vec::new();
    for at in 1.. {
        let fault = Fault { at, kind: ErrorKind::PermissionDenied, torn: false, lasting: false };
        let store = FaultyStore::new(&memory, fault);
        let found = look(&store);
        if !store.has_failed() {
            break;
        }
        match found {
            Err(error) => told.push(error.to_string().trim_end().to_owned()),
            Ok(report) => {
                let unreadable = |kind| kind == "unreadable";
                let mut problems = report.problems.iter();
                let problem = problems.find(|problem| unreadable(problem.defect.kind())).unwrap();
                told.push(problem.path.to_string());
            }
        }
    }
    told.sort();
    // The key and the indexes are read once more, to see whether they hold a private key.
    insta::assert_snapshot!(told.join("\n"), @r"
    could not list
    could not lock
    docs/foo-1.0.0.tar.gz
    hexreg-site.json
    installs/hex-1.x.csv
    names
    names
    packages/bar
    packages/foo
    policies/strict
    public_key
    public_key
    tarballs/bar-1.0.0.tar
    tarballs/foo-1.0.0.tar
    tarballs/foo-1.1.0.tar
    versions
    versions
    ");
}

/// A consequence of a folder that could not be listed is not reported.
#[test]
fn a_folder_that_cannot_be_listed_is_one_problem() {
    for folder in ["packages", "tarballs"] {
        let damaged = || {
            let repository = sound();
            repository.write("public/docs/foo-1.0.0.tar.gz", b"junk");
            fs::rename(repository.path(&format!("public/{folder}")), repository.path("away"))
                .unwrap();
            repository
        };
        let repository = damaged();
        repository.write(&format!("public/{folder}"), b"junk");
        let ran = finds(&repository, &[], &[&format!("{folder} not_a_folder")]);
        let told = format!("public/{folder}: it is not a folder\n");
        assert!(ran.stdout.starts_with(&told), "{}", ran.stdout);

        // No user can follow a link in a circle or a dangling one, not even root.
        for target in [folder, "nowhere"] {
            let repository = damaged();
            symlink(target, repository.path(&format!("public/{folder}"))).unwrap();
            finds(&repository, &[], &[&format!("{folder} unreadable")]);
        }
    }
    let repository = sound();
    for path in ["packages/foo", "tarballs/bar-1.0.0.tar"] {
        let place = repository.path(&format!("public/{path}"));
        fs::remove_file(&place).unwrap();
        symlink(place.file_name().unwrap(), &place).unwrap();
    }
    finds(&repository, &[], &["packages/foo unreadable", "tarballs/bar-1.0.0.tar unreadable"]);
    // Other problems are still reported.
    let repository = sound();
    repository.write("public/tarballs/README", b"junk");
    fs::rename(repository.path("public/packages"), repository.path("away")).unwrap();
    repository.write("public/packages", &read_fixture("golden/keys/acme-2048.pem"));
    finds(&repository, &[], &["packages private_key", "tarballs/README unnamed"]);
}

#[test]
fn a_build_and_a_check_wait_for_each_other() {
    let test = "a_build_and_a_check_wait_for_each_other";
    if tools::find("flock", test).is_none() {
        return;
    }
    let repository = sound();
    let mut other = hold_as("--exclusive", &repository);
    insta::assert_snapshot!(run(&repository, &["--lock-timeout=1"]).transcript(), @r"
    exit code: 2
    --- stdout
    --- stderr
    warning: another hexreg holds public: waiting up to 1 s for it to end
    error: failed to verify public: another hexreg holds public, and did not end within 1 s
    hint: let it end, or give a longer --lock-timeout
    ");
    let ran = run(&repository, &["--lock-timeout=1", "--json"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (2, ""));
    insta::assert_snapshot!(ran.stdout, @r#"{"error":"failed to verify public: another hexreg holds public, and did not end within 1 s","hint":"let it end, or give a longer --lock-timeout","warnings":["another hexreg holds public: waiting up to 1 s for it to end"]}"#);
    other.kill().unwrap();
    other.wait().unwrap();

    let mut other = hold_as("--shared", &repository);
    run(&repository, &["--lock-timeout=0"]).ok();
    assert_eq!(repository.build(&["--lock-timeout=0"]).code, 2);
    other.kill().unwrap();
    other.wait().unwrap();
    repository.build(&["--lock-timeout=0"]).ok();
}

/// A user with read permission only, in a directory that cannot be written to.
#[test]
fn checking_needs_no_write_permission() {
    let test = "checking_needs_no_write_permission";
    if tools::find("setpriv", test).is_none() {
        return;
    }
    let repository = sound();
    repository.chmod("", 0o755);
    repository.chmod("public", 0o555);
    let Some(mut nobody) = nobody(&repository, test) else { return };
    let mut owner = repository.hexreg().command();
    nobody.args(["verify", "public"]);
    owner.args(["verify", "public"]);
    let (nobody, owner) = (nobody.output().unwrap(), owner.output().unwrap());
    assert_eq!(nobody, owner);
}

/// The message says that the permission is missing, and not that the directory does not exist.
#[test]
fn a_directory_that_may_not_be_read() {
    let test = "a_directory_that_may_not_be_read";
    if tools::find("setpriv", test).is_none() {
        return;
    }
    let repository = sound();
    repository.chmod("", 0o755);
    repository.chmod("public", 0o700);
    let Some(mut nobody) = nobody(&repository, test) else { return };
    let output = nobody.args(["verify", "public"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!(String::from_utf8(output.stderr).unwrap(), @r"
    error: failed to verify public: could not lock public: Permission denied (os error 13)
    hint: verify as a user who may read and enter the directory
    ");
}

/// hexreg as a user who owns nothing; none where this one may not become another.
fn nobody(repository: &TestRepository, test: &str) -> Option<Command> {
    let binary = repository.hexreg().command();
    let mut nobody = Command::new("setpriv");
    nobody.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(binary.get_program());
    let arguments: Vec<_> = nobody.get_args().map(ToOwned::to_owned).collect();
    let can = Command::new("setpriv").args(arguments).arg("--version").output().unwrap();
    if !can.status.success() {
        tools::leave_out(&format!("{test} may not become another user here"));
        return None;
    }
    nobody.current_dir(repository.root());
    Some(nobody)
}
