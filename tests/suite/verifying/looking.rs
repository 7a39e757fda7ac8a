//! What cannot be looked at is told, wherever it lies.

use std::io::ErrorKind;

use hexreg::ops::verify::{Options, Report, verify};
use hexreg::store::Store;
use hexreg::tarball::Limits;

use super::sound;
use crate::support::faulty::{Fault, FaultyStore};
use crate::support::memory::MemoryStore;

fn options() -> Options {
    Options { repository: None, public_key: None, limits: Limits::HEX, check_contents: false }
}

/// With one thread, so that the n-th operation is always the same.
fn look(store: &dyn Store) -> Result<Report, hexreg::ops::verify::Error> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    pool.install(|| verify(store, &options(), &()))
}

#[test]
fn whatever_cannot_be_read_is_a_problem() {
    let repository = sound();
    for path in ["installs/hex-1.x.csv", "docs/foo-1.0.0.tar.gz", "policies/strict"] {
        repository.write(&format!("public/{path}"), b"junk");
    }
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
            Err(error) => told.push(error.to_string()),
            Ok(report) => {
                let unreadable = |kind| kind == "unreadable";
                let mut problems = report.problems.iter();
                let problem = problems.find(|problem| unreadable(problem.wrong.kind())).unwrap();
                told.push(problem.path.to_string());
            }
        }
    }
    told.sort();
    // The key and the indexes are read once more, to see whether they hold a private key.
    insta::assert_snapshot!(told.join("\n"), @r"
    could not list
    docs/foo-1.0.0.tar.gz
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
