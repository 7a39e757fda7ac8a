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
    warning: bar 1.0.0 was published, and is gone: projects that have locked it can no longer fetch it
    warning: foo 1.1.0 is another tarball than the one that was published: its outer checksum was 1762064E4AA0…, and is 2A8C749AAE28…: projects that have locked it can no longer fetch it
    warning: foo 2.0.0 was published, and is gone: projects that have locked it can no longer fetch it
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
    error: failed to build `acme`: what was published would change in 3 places
      public/tarballs/bar-1.0.0.tar: bar 1.0.0 was published, and is gone
      public/tarballs/foo-1.1.0.tar: foo 1.1.0 is another tarball than the one that was published: its outer checksum was 1762064E4AA0…, and is 2A8C749AAE28…
      public/tarballs/foo-2.0.0.tar: foo 2.0.0 was published, and is gone
    hint: nothing was written; put back what was published, or build without --immutable, also to complete an interrupted change of keys
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

/// What lies where no client looks for it, and what `versions` does not name.
#[test]
fn what_was_never_published_raises_no_alarm() {
    let repository = TestRepository::new().release("foo", "1.0.0").release("bar", "1.0.0");
    repository.build(&[]).ok();
    let foo = repository.read("public/packages/foo");
    repository.write("public/packages/copy", &foo);
    repository.write("public/packages/baz", b"junk");
    assert_eq!(repository.build(&["--immutable"]).ok().stderr, "");
    // Both are validly signed, and neither is where it belongs; `versions` still names both.
    let bar = repository.read("public/packages/bar");
    repository.write("public/packages/bar", &foo);
    repository.write("public/packages/foo", &bar);
    let ran = repository.build(&["--immutable"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("foo 1.0.0 was published, and packages/foo"), "{}", ran.stderr);
}

/// A package's file that is removed together with its tarball is still named in `versions`.
#[test]
fn a_release_whose_package_is_gone_or_damaged_is_missed_all_the_same() {
    let repository = TestRepository::new()
        .release("foo", "1.0.0")
        .release("foo", "2.0.0")
        .release("bar", "1.0.0")
        .release("baz", "1.0.0");
    repository.build(&[]).ok();
    repository.write("public/packages/foo", b"junk");
    repository.remove_tarball("foo-2.0.0.tar");
    repository.remove("public/packages/bar");
    repository.remove_tarball("bar-1.0.0.tar");
    repository.remove("public/packages/baz");
    let before = repository.served();
    insta::assert_snapshot!(repository.build(&["--immutable"]).transcript(), @r"
    exit code: 1
    --- stdout
    --- stderr
    error: failed to build `acme`: what was published would change in 4 places
      public/tarballs/bar-1.0.0.tar: bar 1.0.0 was published, and is gone
      public/packages/baz: baz 1.0.0 was published, and packages/baz, which told its checksum, is missing, older, or not validly signed
      public/packages/foo: foo 1.0.0 was published, and packages/foo, which told its checksum, is missing, older, or not validly signed
      public/tarballs/foo-2.0.0.tar: foo 2.0.0 was published, and is gone
    hint: nothing was written; put back what was published, or build without --immutable, also to complete an interrupted change of keys
    ");
    assert_eq!(repository.served(), before);
    insta::assert_snapshot!(repository.build(&[]).ok().stderr, @r"
    warning: bar 1.0.0 was published, and is gone: projects that have locked it can no longer fetch it
    warning: baz 1.0.0 was published, and packages/baz, which told its checksum, is missing, older, or not validly signed: if this is another tarball, projects that have locked it can no longer fetch it
    warning: foo 1.0.0 was published, and packages/foo, which told its checksum, is missing, older, or not validly signed: if this is another tarball, projects that have locked it can no longer fetch it
    warning: foo 2.0.0 was published, and is gone: projects that have locked it can no longer fetch it
    ");
    repository.build(&["--immutable"]).ok();
}

/// As a change of keys leaves it that was cut short, or bytes that went bad.
#[test]
fn what_no_known_key_signed_cannot_be_compared() {
    let repository = TestRepository::new().release("foo", "1.0.0");
    repository.build(&[]).ok();
    repository.write_key("key.pem", "golden/keys/acme-4096.pem");
    let other = TestRepository::new();
    other.write_key("key.pem", "golden/keys/acme-4096.pem");
    other.build(&[]).ok();
    repository.write("public/public_key", &other.read("public/public_key"));
    let ran = repository.build(&["--immutable"]);
    insta::assert_snapshot!(ran.transcript(), @r"
    exit code: 1
    --- stdout
    --- stderr
    error: failed to build `acme`: what was published would change in 2 places
      public/packages/foo: what packages/foo published cannot be told: it is missing or damaged, or another key signed it
      public/versions: what versions published cannot be told: it is missing or damaged, or another key signed it
    hint: nothing was written; put back what was published, or build without --immutable, also to complete an interrupted change of keys
    ");
    let ran = repository.build(&[]).ok();
    assert_eq!(ran.stderr.lines().count(), 2, "{}", ran.stderr);
    repository.build(&["--immutable"]).ok();
}

/// A registry that no index was written for yet, or that has lost the one that counts.
#[test]
fn without_versions_each_package_counts_and_names_tells_that_there_was_one() {
    let repository = TestRepository::new().release("foo", "1.0.0").release("bar", "1.0.0");
    repository.build(&[]).ok();
    repository.remove("public/versions");
    let ran = repository.build(&["--immutable"]);
    assert!(ran.stderr.contains("what versions published cannot be told"), "{}", ran.stderr);
    repository.remove("public/names");
    repository.build(&["--immutable"]).ok();

    repository.remove("public/versions");
    repository.remove("public/names");
    repository.write("public/packages/foo", b"junk");
    repository.remove_tarball("bar-1.0.0.tar");
    let ran = repository.build(&["--immutable"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("bar 1.0.0 was published, and is gone"), "{}", ran.stderr);
    assert!(ran.stderr.contains("what packages/foo published cannot be told"), "{}", ran.stderr);
}

/// As out of an old backup, or after half a copy.
#[test]
fn a_release_that_its_package_does_not_tell_of_yet_is_missed_too() {
    let repository = TestRepository::new().release("foo", "1.0.0");
    repository.build(&[]).ok();
    let old = repository.read("public/packages/foo");
    let repository = repository.release("foo", "2.0.0");
    repository.build(&[]).ok();
    repository.write("public/packages/foo", &old);
    let ran = repository.build(&["--immutable"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("foo 2.0.0 was published, and packages/foo"), "{}", ran.stderr);
    // The old file is as the new one should be.
    repository.remove_tarball("foo-2.0.0.tar");
    let ran = repository.build(&["--immutable"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("foo 2.0.0 was published, and is gone"), "{}", ran.stderr);
}

#[test]
fn another_name_is_told_of() {
    let repository = TestRepository::new().release("foo", "1.0.0");
    repository.build(&[]).ok();
    let build = |more: &[&str]| {
        let usual = ["build", "public", "--name=acmee", "--private-key=key.pem"];
        repository.hexreg().run(usual.iter().chain(more).copied())
    };
    insta::assert_snapshot!(build(&["--dry-run"]).ok().stderr, @"warning: the repository was published as acme, and would be acmee: clients that know it by the former name will refuse all of it");
    let ran = build(&["--immutable"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.contains("public/versions: the repository was published as acme"),
        "{}",
        ran.stderr
    );
    build(&[]).ok();
    assert_eq!(build(&[]).ok().stderr, "");
}

/// A build that cannot read the key that clients hold must not sign with another one by accident.
#[test]
fn a_lost_public_key_is_not_replaced_with_another_unasked() {
    let repository = TestRepository::new().release("foo", "1.0.0");
    repository.build(&[]).ok();
    let key = repository.read("public/public_key");
    repository.remove("public/public_key");
    repository.build(&["--immutable"]).ok();
    assert_eq!(repository.read("public/public_key"), key);

    repository.remove("public/public_key");
    repository.write_key("key.pem", "golden/keys/acme-4096.pem");
    let before = repository.served();
    insta::assert_snapshot!(repository.build(&[]).transcript(), @r"
    exit code: 1
    --- stdout
    --- stderr
    error: failed to build `acme`: public/public_key is missing, and public/versions is not signed with the key SHA256:bUESh9wmx18yY9JtcpqOqn6e0Z2Wcb9Ro4nfpdG8MNs, which this build would sign with
    hint: nothing was written; sign with the former key, or give --rotate-key and hand the new public_key to every client
    ");
    assert_eq!(repository.served(), before);
    for (gone, next) in [("versions", "names"), ("names", "packages/foo")] {
        repository.remove(&format!("public/{gone}"));
        let ran = repository.build(&[]);
        let told = format!("public/{next} is not signed");
        assert!(ran.stderr.contains(&told), "{}", ran.transcript());
    }
    repository.build(&["--rotate-key"]).ok();
}

/// A wall of warnings is not read.
#[test]
fn of_many_alarms_some_are_told_and_the_rest_counted() {
    let mut repository = TestRepository::new();
    for version in 0..25 {
        repository = repository.release("foo", &format!("1.0.{version}"));
    }
    repository.build(&[]).ok();
    for version in 0..25 {
        repository.remove_tarball(&format!("foo-1.0.{version}.tar"));
    }
    let ran = repository.build(&["--dry-run"]).ok();
    assert_eq!(ran.stderr.lines().count(), 21);
    assert!(ran.stderr.ends_with("warning: 5 more alarms: --json lists all of them\n"));
    let ran = repository.build(&["--dry-run", "--json"]).ok();
    assert_eq!(ran.stdout.matches("was published, and is gone").count(), 25);
}
