//! What would break the lock files of users is told, or refused.

use crate::support::repository::TestRepository;
use crate::support::tarball::Tarball;

/// Published, and then one release replaced, one gone, one package gone.
fn broken() -> TestRepository {
    let repository = TestRepository::new()
        .release("foo", "1.0.0")
        .release("foo", "1.1.0")
        .release("foo", "2.0.0")
        .release("bar", "1.0.0")
        .release("baz", "1.0.0");
    repository.build(&[]).ok();
    let other = Tarball::new("foo", "1.1.0").more_metadata("{<<\"x\">>,1}.").build();
    repository.write_tarball("foo-1.1.0.tar", &other);
    repository.remove_tarball("foo-2.0.0.tar");
    repository.remove_tarball("bar-1.0.0.tar");
    // Not an alarm.
    repository.write_tarball("baz-1.1.0.tar", &Tarball::new("baz", "1.1.0").build());
    repository
}

#[test]
fn a_release_that_changes_or_goes_is_warned_of() {
    let repository = broken();
    let dry = repository.build(&["--dry-run"]).ok();
    let ran = repository.build(&[]).ok();
    assert_eq!(ran.stderr, dry.stderr);
    insta::assert_snapshot!(ran.stderr, @r"
    warning: foo 1.1.0 is another tarball than the one that was published: its outer checksum was 2F1F4B666FE1…, and is FE1176F54E2A…: whoever has locked it cannot fetch it any more
    warning: foo 2.0.0 was published, and is gone: whoever has locked it cannot fetch it any more
    warning: bar 1.0.0 was published, and is gone: whoever has locked it cannot fetch it any more
    ");
    assert_eq!(repository.build(&[]).ok().stderr, "", "it is the new registry that counts now");
}

#[test]
fn an_immutable_registry_refuses() {
    let repository = broken();
    let before = repository.served();
    insta::assert_snapshot!(repository.build(&["--immutable"]).transcript(), @r"
    exit code: 1
    --- stdout
    --- stderr
    error: failed to build `acme`: 3 releases would not stay as published
      public/tarballs/foo-1.1.0.tar: foo 1.1.0 is another tarball than the one that was published: its outer checksum was 2F1F4B666FE1…, and is FE1176F54E2A…
      public/tarballs/foo-2.0.0.tar: foo 2.0.0 was published, and is gone
      public/tarballs/bar-1.0.0.tar: bar 1.0.0 was published, and is gone
    hint: nothing was written; put back the tarballs that were published, or build without --immutable
    ");
    assert_eq!(repository.served(), before);
    let ran = repository.build(&["--immutable", "--json"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.contains("public/tarballs/bar-1.0.0.tar"), "{}", ran.stdout);
    // What was published comes back, and more may come.
    for (name, version) in [("foo", "1.1.0"), ("foo", "2.0.0"), ("bar", "1.0.0")] {
        repository
            .write_tarball(&format!("{name}-{version}.tar"), &Tarball::new(name, version).build());
    }
    repository.build(&["--immutable"]).ok();
}

/// With and without a cache that knows the package.
#[test]
fn a_known_package_is_compared_too() {
    for wait in [0, 2_100] {
        let repository = TestRepository::new().release("foo", "1.0.0").release("foo", "1.1.0");
        repository.build(&[]).ok();
        std::thread::sleep(std::time::Duration::from_millis(wait));
        repository.build(&[]).ok();
        repository.remove_tarball("foo-1.1.0.tar");
        let ran = repository.build(&["--immutable"]);
        assert_eq!(ran.code, 1);
        assert!(ran.stderr.contains("foo 1.1.0 was published, and is gone"), "{}", ran.stderr);
    }
}

/// What another key signed counts once that key was replaced.
#[test]
fn a_new_key_does_not_forget_what_the_old_one_signed() {
    let repository = TestRepository::new().release("foo", "1.0.0");
    repository.build(&[]).ok();
    repository.remove_tarball("foo-1.0.0.tar");
    repository.write_key("key.pem", "golden/keys/acme-4096.pem");
    let ran = repository.build(&["--immutable", "--rotate-key"]);
    assert_eq!(ran.code, 1, "{}", ran.transcript());
}

/// What nobody signed was never published.
#[test]
fn a_file_that_is_not_validly_signed_raises_no_alarm() {
    let repository = TestRepository::new().release("foo", "1.0.0");
    repository.build(&[]).ok();
    // Nor was what lies where no client looks for it.
    let copy = repository.read("public/packages/foo");
    repository.write("public/packages/copy", &copy);
    repository.write("public/packages/foo", b"junk");
    repository.write("public/packages/bar", b"junk");
    assert_eq!(repository.build(&["--immutable"]).ok().stderr, "");
}
