//! What a build creates, updates, leaves alone, removes and refuses.

use std::collections::BTreeMap;
use std::fs;
use std::time::SystemTime;

use hexreg::key::PublicKey;
use hexreg::registry::{Names, Releases, Signed, Versions};
use walkdir::WalkDir;

use crate::support::gunzip;
use crate::support::repository::TestRepository;
use crate::support::tarball::Tarball;

/// When each served file was last written, and as which file.
fn stamps(repository: &TestRepository) -> BTreeMap<String, (SystemTime, u64)> {
    use std::os::unix::fs::MetadataExt;
    let stamp = |path: &str| {
        let found = fs::metadata(repository.path("public").join(path)).unwrap();
        (found.modified().unwrap(), found.ino())
    };
    repository.served().into_keys().map(|path| (path.clone(), stamp(&path))).collect()
}

fn key_of(repository: &TestRepository) -> PublicKey {
    PublicKey::from_pem(&String::from_utf8(repository.read("public/public_key")).unwrap()).unwrap()
}

fn versions(repository: &TestRepository) -> Vec<String> {
    let file = repository.read("public/versions");
    let signed = Signed::from_gzip(&file).unwrap();
    let versions = Versions::decode(&signed.verify(&key_of(repository)).unwrap()).unwrap();
    let packages = versions.packages.iter();
    packages
        .flat_map(|(name, all)| all.iter().map(move |v| format!("{name} {}", v.version)))
        .collect()
}

fn updated_at(repository: &TestRepository) -> Vec<i64> {
    let file = repository.read("public/names");
    let signed = Signed::from_gzip(&file).unwrap();
    let names = Names::decode(&signed.verify(&key_of(repository)).unwrap()).unwrap();
    names.packages.iter().map(|(_, time)| time.unwrap().0).collect()
}

#[test]
fn the_folder_for_tarballs_is_created() {
    let repository = TestRepository::new();
    fs::remove_dir(repository.path("public/tarballs")).unwrap();
    let ran = repository.build(&[]).ok();
    insta::assert_snapshot!(ran.stdout, @r"
    * creating public/tarballs
    * creating public/public_key
    * creating public/versions
    * creating public/names
    acme: 0 packages, 0 releases; 4 created, 0 updated, 0 removed
    ");
    assert!(repository.path("public/tarballs").is_dir());
}

#[test]
fn a_tarball_is_dropped_in() {
    let repository = TestRepository::new().release("foo", "1.0.0").release("bar", "1.0.0");
    repository.set_mtime("foo-1.0.0.tar", 1_700_000_000);
    repository.build(&[]).ok();
    let bar = stamps(&repository)["packages/bar"];
    repository.write_tarball("foo-1.1.0.tar", &Tarball::new("foo", "1.1.0").build());
    let ran = repository.build(&[]).ok();
    insta::assert_snapshot!(ran.stdout, @r"
    * updating public/packages/foo
    * updating public/versions
    * updating public/names
    acme: 2 packages, 3 releases; 0 created, 3 updated, 0 removed
    ");
    assert_eq!(stamps(&repository)["packages/bar"], bar);
    assert_eq!(versions(&repository), ["bar 1.0.0", "foo 1.0.0", "foo 1.1.0"]);
}

#[test]
fn a_package_is_taken_away_after_the_indexes_stopped_naming_it() {
    let repository = TestRepository::new().release("foo", "1.0.0").release("bar", "1.0.0");
    repository.build(&[]).ok();
    repository.remove_tarball("bar-1.0.0.tar");
    let ran = repository.build(&[]).ok();
    insta::assert_snapshot!(ran.stdout, @r"
    * updating public/versions
    * updating public/names
    * removing public/packages/bar
    acme: 1 package, 1 release; 0 created, 2 updated, 1 removed
    ");
    assert!(!repository.path("public/packages/bar").exists());
}

#[test]
fn what_has_not_changed_is_not_touched() {
    let repository = TestRepository::golden();
    repository.build(&[]).ok();
    let before = stamps(&repository);
    let ran = repository.build(&[]).ok();
    assert_eq!(ran.stdout, "acme: 7 packages, 14 releases; nothing has changed\n");
    assert_eq!(stamps(&repository), before);
}

/// A replaced tarball of the same name gets its new checksum.
#[test]
fn a_tarball_is_replaced() {
    let repository = TestRepository::new().release("foo", "1.0.0");
    repository.build(&[]).ok();
    let changed = Tarball::new("foo", "1.0.0").more_metadata("{<<\"description\">>,<<\"new\">>}.");
    repository.write_tarball("foo-1.0.0.tar", &changed.build());
    repository.build(&[]).ok();
    let file = repository.read("public/packages/foo");
    let signed = Signed::from_gzip(&file).unwrap();
    let releases = Releases::decode(&signed.verify(&key_of(&repository)).unwrap()).unwrap();
    let expected = hexreg::checksum::OuterChecksum::of(&changed.build());
    assert_eq!(releases.releases[0].outer_checksum, expected);
}

/// Damage of a served file, by hand or by a disk, is put right; every bit of it counts.
#[test]
fn a_served_file_that_was_altered_is_written_again() {
    let repository = TestRepository::new().release("foo", "1.0.0");
    repository.build(&[]).ok();
    let sound = repository.served();
    for path in ["names", "versions", "packages/foo"] {
        let bytes = &sound[path];
        // A few kinds of damage; `properties` flips bits everywhere.
        for damaged in [&b""[..], b"junk", &bytes[..bytes.len() - 1], &[bytes, &b"x"[..]].concat()]
        {
            repository.write(&format!("public/{path}"), damaged);
            let ran = repository.build(&[]).ok();
            assert!(ran.stdout.contains(&format!("* updating public/{path}\n")), "{}", ran.stdout);
            assert_eq!(repository.served(), sound);
        }
    }
}

#[test]
fn nothing_is_written_on_a_dry_run() {
    let repository = TestRepository::new();
    fs::remove_dir(repository.path("public/tarballs")).unwrap();
    let ran = repository.build(&["--dry-run"]).ok();
    insta::assert_snapshot!(ran.stdout, @r"
    * creating public/tarballs
    * creating public/public_key
    * creating public/versions
    * creating public/names
    acme: 0 packages, 0 releases; 4 created, 0 updated, 0 removed (dry run: nothing was written)
    ");
    assert_eq!(fs::read_dir(repository.path("public")).unwrap().count(), 0);

    let repository = TestRepository::new().release("foo", "1.0.0").release("bar", "1.0.0");
    repository.build(&[]).ok();
    repository.remove_tarball("bar-1.0.0.tar");
    let before = stamps(&repository);
    let ran = repository.build(&["--dry-run"]).ok();
    assert!(ran.stdout.contains("* removing public/packages/bar\n"));
    assert_eq!(stamps(&repository), before);
}

#[test]
fn updated_at_is_the_newest_time_in_whole_seconds() {
    let repository = TestRepository::new()
        .release("foo", "1.0.0")
        .release("foo", "2.0.0")
        .release("old", "1.0.0");
    repository.set_mtime("foo-1.0.0.tar", 1_700_000_000);
    repository.set_mtime("foo-2.0.0.tar", 1_600_000_000);
    repository.set_mtime("old-1.0.0.tar", -1);
    repository.build(&[]).ok();
    assert_eq!(updated_at(&repository), [1_700_000_000, -1]);
}

#[test]
fn source_date_epoch_caps_updated_at() {
    let repository = TestRepository::new().release("new", "1.0.0").release("old", "1.0.0");
    repository.set_mtime("new-1.0.0.tar", 1_700_000_000);
    repository.set_mtime("old-1.0.0.tar", 1_500_000_000);
    let arguments = ["build", "public", "--name=acme", "--private-key=key.pem"];
    repository.hexreg().env("SOURCE_DATE_EPOCH", "1600000000").run(arguments).ok();
    assert_eq!(updated_at(&repository), [1_600_000_000, 1_500_000_000]);

    let ran = repository.hexreg().env("SOURCE_DATE_EPOCH", "yesterday").run(arguments);
    insta::assert_snapshot!(ran.transcript(), @r#"
    exit code: 2
    --- stdout
    --- stderr
    error: SOURCE_DATE_EPOCH is "yesterday": expected whole seconds since 1970
    hint: unset it, or set it to what `date +%s` prints
    "#);
}

/// A repository's own name goes unsaid, another one's stays.
#[test]
fn dependencies_name_only_other_repositories() {
    let tarball = Tarball::new("foo", "1.0.0").more_metadata(
        "{<<\"requirements\">>,[\
         {<<\"theirs\">>,[{<<\"requirement\">>,<<\"~> 1.0\">>},{<<\"repository\">>,<<\"hexpm\">>}]},\
         {<<\"ours\">>,[{<<\"requirement\">>,nil},{<<\"app\">>,<<\"our_app\">>},\
         {<<\"repository\">>,<<\"acme\">>}]}]}.",
    );
    let repository = TestRepository::new().tarball("foo-1.0.0.tar", &tarball.build());
    repository.build(&[]).ok();
    let file = repository.read("public/packages/foo");
    let signed = Signed::from_gzip(&file).unwrap();
    let releases = Releases::decode(&signed.verify(&key_of(&repository)).unwrap()).unwrap();
    let said = releases.releases[0].dependencies.iter().map(|dependency| {
        let repository = dependency.repository.as_deref().unwrap_or("-");
        format!(
            "{} {} {} {repository}",
            dependency.package, dependency.requirement.0, dependency.app
        )
    });
    assert_eq!(said.collect::<Vec<_>>(), ["ours >= 0.0.0 our_app -", "theirs ~> 1.0 theirs hexpm"]);
}

#[test]
fn a_mistyped_destination_does_not_become_a_registry() {
    let repository = TestRepository::new();
    let build = |directory: &str, more: &[&str]| {
        let usual = ["build", directory, "--name=acme", "--private-key=key.pem"];
        repository.hexreg().run(usual.iter().chain(more).copied())
    };
    for more in [&[][..], &["--dry-run"]] {
        let ran = build("pubilc", more);
        assert_eq!(ran.code, 1, "{}", ran.transcript());
        assert!(!repository.path("pubilc").exists());
    }
    insta::assert_snapshot!(build("pubilc", &[]).stderr, @r"
    error: failed to build `acme`: there are no tarballs and no registry at pubilc
    hint: nothing was written; check that DEST is right; for a registry without releases, create pubilc/tarballs first
    ");
    fs::create_dir_all(repository.path("other/notes")).unwrap();
    assert_eq!(build("other", &[]).code, 1);
    assert_eq!(fs::read_dir(repository.path("other")).unwrap().count(), 1);

    fs::create_dir(repository.path("other/tarballs")).unwrap();
    let ran = build("other", &[]).ok();
    assert!(
        ran.stdout.ends_with("acme: 0 packages, 0 releases; 3 created, 0 updated, 0 removed\n")
    );
    // From then on it is a registry, with the folder and without.
    fs::remove_dir(repository.path("other/tarballs")).unwrap();
    build("other", &[]).ok();
    assert!(repository.path("other/tarballs").exists());

    // Nor is an empty directory a mistake, though git keeps a file in it.
    repository.write("empty/.gitkeep", b"");
    build("empty", &[]).ok();
}

#[test]
fn many_packages_stand_in_order_whatever_the_number_of_jobs() {
    let mut repository = TestRepository::new();
    for number in 0..60 {
        repository = repository.release(&format!("package_{number}"), "1.0.0");
    }
    repository.build(&["--jobs=1"]).ok();
    let one = repository.served();
    fs::remove_dir_all(repository.path("public/packages")).unwrap();
    fs::remove_file(repository.path("public/versions")).unwrap();
    repository.build(&["--jobs=7"]).ok();
    assert_eq!(repository.served(), one);
    let listed = versions(&repository);
    assert_eq!(listed.len(), 60);
    assert!(listed.is_sorted_by(|a, b| a.split(' ').next() < b.split(' ').next()));
}

/// A web server runs as another user: served files have the mode of any new file.
#[test]
fn served_files_have_the_usual_mode_and_no_temporary_file_stays() {
    use std::os::unix::fs::PermissionsExt;
    let repository = TestRepository::new().release("foo", "1.0.0");
    repository.build(&[]).ok();
    let usual = fs::metadata(repository.path("public/tarballs/foo-1.0.0.tar")).unwrap();
    for entry in WalkDir::new(repository.path("public")) {
        let entry = entry.unwrap();
        let found = entry.metadata().unwrap();
        if found.is_file() {
            assert_eq!(found.permissions().mode(), usual.permissions().mode());
        }
        assert!(!entry.file_name().to_str().unwrap().starts_with('.'));
    }
}

#[test]
fn what_is_no_package_in_packages_is_left_alone() {
    let repository = TestRepository::new().release("foo", "1.0.0");
    repository.write("public/packages/.hidden", b"");
    repository.write("public/packages/folder/file", b"");
    repository.write("public/packages/Stale", b"");
    let ran = repository.build(&[]).ok();
    assert!(ran.stdout.contains("* removing public/packages/Stale\n"), "{}", ran.stdout);
    insta::assert_snapshot!(ran.stderr, @"warning: public/packages/folder left alone: nothing but files with plain names belongs there");
    assert!(repository.path("public/packages/.hidden").exists());
}

#[test]
fn a_folder_that_is_a_file_is_an_error_of_the_environment() {
    let repository = TestRepository::new();
    fs::remove_dir(repository.path("public/tarballs")).unwrap();
    repository.write("public/tarballs", b"");
    let ran = repository.build(&[]);
    insta::assert_snapshot!(ran.transcript(), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: failed to build `acme`: could not list public/tarballs: not a directory
    hint: nothing was written; fix this and build again
    ");
    for public_dir in ["public/tarballs", "public/tarballs/below"] {
        let ran =
            repository.hexreg().run(["build", public_dir, "--name=acme", "--private-key=key.pem"]);
        let why = format!("could not list {public_dir}: not a directory");
        assert!(ran.stderr.to_lowercase().contains(&why), "{}", ran.stderr);
        assert_eq!(ran.code, 2);
    }
}

/// A link that leads nowhere is known to be one.
#[test]
fn a_dangling_link_in_packages_is_left_alone_or_replaced() {
    let repository = TestRepository::new().release("foo", "1.0.0");
    fs::create_dir_all(repository.path("public/packages")).unwrap();
    for name in ["foo", "bar"] {
        std::os::unix::fs::symlink("nowhere", repository.path("public/packages").join(name))
            .unwrap();
    }
    let ran = repository.build(&[]).ok();
    assert!(ran.stderr.contains("public/packages/bar left alone"), "{}", ran.stderr);
    assert!(repository.path("public/packages/foo").is_file());
    assert!(repository.path("public/packages/bar").is_symlink());
}

/// What was done before a failure is told, and building again completes it.
#[test]
fn a_failure_half_way_says_what_was_done() {
    let repository = TestRepository::new().release("foo", "1.0.0");
    repository.set_mtime("foo-1.0.0.tar", 1_700_000_000);
    repository.build(&[]).ok();
    let sound = repository.served();
    repository.write("public/packages/foo", b"junk");
    // No user, not even root, can replace a folder by a file.
    fs::remove_file(repository.path("public/versions")).unwrap();
    fs::create_dir(repository.path("public/versions")).unwrap();
    insta::assert_snapshot!(repository.build(&[]).transcript(), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: failed to build `acme`: could not read public/versions: it is not a file
    hint: nothing was written; fix this and build again
    ");
    fs::remove_dir(repository.path("public/versions")).unwrap();
    repository.build(&[]).ok();
    assert_eq!(repository.served(), sound);
}

#[test]
fn a_pipe_in_place_of_a_served_file_is_not_waited_for() {
    let repository = TestRepository::new().release("foo", "1.0.0");
    let made = std::process::Command::new("mkfifo").arg(repository.path("public/names")).status();
    assert!(made.unwrap().success());
    let ran = repository.build(&[]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("could not read public/names: it is not a file"), "{}", ran.stderr);
}

#[test]
fn a_name_that_is_not_utf8_in_packages_is_left_alone() {
    use std::os::unix::ffi::OsStrExt;
    let repository = TestRepository::new();
    let name = std::ffi::OsStr::from_bytes(b"foo\xFF");
    fs::create_dir_all(repository.path("public/packages")).unwrap();
    fs::write(repository.path("public/packages").join(name), b"").unwrap();
    repository.build(&[]).ok();
    let ran = repository.build(&[]).ok();
    assert_eq!(ran.stdout, "acme: 0 packages, 0 releases; nothing has changed\n");
    assert!(ran.stderr.contains("left alone"), "{}", ran.stderr);
}

#[test]
fn hexpm_is_a_name_like_any_other() {
    let repository = TestRepository::new().release("foo", "1.0.0");
    repository.hexreg().run(["build", "public", "--name=hexpm", "--private-key=key.pem"]).ok();
    let names = gunzip(&repository.read("public/names"));
    assert!(names.windows(5).any(|window| window == b"hexpm"));
}
