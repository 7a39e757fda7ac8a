//! What macOS, git and file managers leave in a tree is no problem of the registry, and no command copies it.

use crate::support::hexreg::Ran;
use crate::support::repository::TestRepository;
use crate::support::server::Server;
use crate::support::tarball::Tarball;

/// In each folder of a registry, and some below it.
const LITTER: [&str; 20] = [
    ".DS_Store",
    ".gitignore",
    ".nojekyll",
    "._names",
    "Thumbs.db",
    "lost+found/x",
    "tarballs/._foo-1.0.0.tar",
    "tarballs/.DS_Store",
    "tarballs/.gitkeep",
    "tarballs/Thumbs.db",
    "tarballs/desktop.ini",
    "tarballs/__MACOSX/x.tar",
    "packages/.gitkeep",
    "packages/._foo",
    "packages/Thumbs.db",
    "packages/Desktop.ini",
    "docs/._foo-1.0.0.tar.gz",
    "docs/.DS_Store",
    "installs/.DS_Store",
    "policies/desktop.ini",
];

/// `foo` 1.0.0, built, and then littered.
fn littered() -> TestRepository {
    let repository = TestRepository::new().release("foo", "1.0.0");
    repository.build(&[]).ok();
    for path in LITTER {
        repository.write(&format!("public/{path}"), b"x");
    }
    repository
}

#[track_caller]
fn assert_quiet(ran: &Ran, stdout: &str) {
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", ran.transcript());
    assert!(ran.stdout.contains(stdout), "{}", ran.transcript());
}

#[test]
fn a_build_passes_over_it_and_leaves_it_where_it_is() {
    let repository = littered();
    let ran = repository.build(&["--no-cache"]);
    assert_quiet(&ran, "acme: 1 package, 1 release; nothing has changed");
    repository.write_tarball("foo-1.1.0.tar", &Tarball::new("foo", "1.1.0").build());
    assert_quiet(&repository.build(&[]), "acme: 1 package, 2 releases; 0 created, ");
    for path in LITTER {
        assert!(repository.path("public").join(path).exists(), "{path}");
    }
}

#[test]
fn it_is_no_problem_of_a_registry() {
    let repository = littered();
    let verified = repository.hexreg().run(["verify", "public"]);
    assert_quiet(&verified, "acme: 1 package, 1 release; no problem");
    // A key may lie under any name.
    repository.write("public/.gitkeep", &repository.read("key.pem"));
    let verified = repository.hexreg().run(["verify", "public"]);
    assert_eq!(verified.code, 1, "{}", verified.transcript());
    assert!(verified.stdout.starts_with("public/.gitkeep: it holds a PRIVATE KEY"), "{verified:?}");
    // What no system leaves is still told.
    repository.write("public/.gitkeep", b"");
    repository.write("public/tarballs/notes.txt", b"x");
    repository.write("public/tarballs/.foo-1.0.0.tar", b"x");
    let verified = repository.hexreg().run(["verify", "public"]);
    assert!(verified.stdout.contains("; 2 problems\n"), "{}", verified.transcript());
}

#[test]
fn a_push_does_not_carry_it() {
    let repository = littered();
    let pushed = repository.hexreg().run(["push", "public", "elsewhere"]);
    assert_quiet(&pushed, "created");
    let carried = repository.files("elsewhere", |_| true);
    let carried: Vec<_> = carried.keys().map(String::as_str).collect();
    let expected = ["names", "packages/foo", "public_key", "tarballs/foo-1.0.0.tar", "versions"];
    assert_eq!(carried, expected);
}

#[cfg(feature = "serve")]
#[test]
fn nobody_is_served_it() {
    let repository = littered();
    let server = Server::of(&repository, &[]);
    for path in LITTER {
        assert_eq!(server.get(&format!("/{path}"), &[]).status, 404, "{path}");
    }
    assert_eq!(server.get("/names", &[]).status, 200);
}
