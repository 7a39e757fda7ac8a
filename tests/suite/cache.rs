//! What a build remembers, and when it must not.
//!
//! A file that changed less than two seconds before it was looked at is not remembered, so these
//! tests wait that long where something is to be.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use hexreg::cache::CacheFile;
use hexreg::key::PrivateKey;
use hexreg::ops::build::{Options, Report, build};
use hexreg::store::DirStore;

use crate::support::repository::TestRepository;
use crate::support::tarball::Tarball;

fn wait_a_moment() {
    sleep(Duration::from_millis(2_100));
}

/// Built twice, the second time long enough after the first for everything to be remembered.
fn settled() -> TestRepository {
    let repository = TestRepository::new().release("foo", "1.0.0").release("bar", "1.0.0");
    repository.build(&[]).ok();
    wait_a_moment();
    repository.build(&[]).ok();
    repository
}

/// The one cache file.
fn cache_file(repository: &TestRepository) -> PathBuf {
    let files: Vec<_> = fs::read_dir(repository.path("cache")).unwrap().collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].as_ref().unwrap().path()
}

const UNCHANGED: &str = "acme: 2 packages, 2 releases; nothing has changed\n";

/// What strace sees a build open below the directory that is served.
fn opened(repository: &TestRepository) -> Vec<String> {
    let log = repository.path("strace.log");
    let status = Command::new("strace")
        .args(["-f", "-e", "trace=open,openat,openat2", "-o"])
        .arg(&log)
        .arg(assert_cmd::cargo::cargo_bin!("hexreg"))
        .args(["build", "public", "--name=acme", "--private-key=key.pem", "--quiet"])
        .current_dir(repository.root())
        .env("HEXREG_CACHE_DIR", repository.path("cache"))
        .status();
    assert!(status.unwrap().success());
    let log = fs::read_to_string(log).unwrap();
    let paths = log.lines().filter_map(|line| line.split('"').nth(1).map(str::to_owned));
    paths.filter(|path| path.starts_with("public")).collect()
}

#[test]
fn where_nothing_changed_nothing_but_folders_is_read() {
    let test = "where_nothing_changed_nothing_but_folders_is_read";
    if crate::support::tools::find("strace", test).is_none() {
        return;
    }
    let repository = settled();
    let mut paths = opened(&repository);
    paths.sort();
    paths.dedup();
    assert_eq!(paths, ["public", "public/packages", "public/tarballs"]);
}

#[test]
fn a_new_tarball_is_the_only_one_that_is_read() {
    let test = "a_new_tarball_is_the_only_one_that_is_read";
    if crate::support::tools::find("strace", test).is_none() {
        return;
    }
    let repository = settled();
    repository.write_tarball("baz-1.0.0.tar", &Tarball::new("baz", "1.0.0").build());
    let paths = opened(&repository);
    let tarballs: Vec<_> =
        paths.iter().filter(|path| path.starts_with("public/tarballs/")).collect();
    assert_eq!(tarballs, ["public/tarballs/baz-1.0.0.tar"]);
    assert!(!paths.contains(&"public/packages/foo".to_owned()), "{paths:?}");
}

/// A cache of many tarballs is not written again for a few.
#[test]
fn a_few_tarballs_are_read_twice_rather_than_all_written_to_the_cache() {
    let mut repository = TestRepository::new();
    for release in 0..130 {
        repository = repository.release("foo", &format!("1.{release}.0"));
    }
    let read = |repository: &TestRepository| {
        let report = repository.build(&["--json"]).ok().stdout;
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        report["read"].as_u64().unwrap()
    };
    wait_a_moment();
    assert_eq!(read(&repository), 130);
    wait_a_moment();
    assert_eq!(read(&repository), 0);
    let cache = fs::read(cache_file(&repository)).unwrap();
    let add = |version: &str| {
        let tarball = Tarball::new("foo", version).build();
        repository.write_tarball(&format!("foo-{version}.tar"), &tarball);
    };
    add("2.0.0");
    wait_a_moment();
    assert_eq!(read(&repository), 1);
    assert_eq!(fs::read(cache_file(&repository)).unwrap(), cache);
    // Nothing has changed, so this one is worth remembering.
    wait_a_moment();
    assert_eq!(read(&repository), 1);
    assert_ne!(fs::read(cache_file(&repository)).unwrap(), cache);
    assert_eq!(read(&repository), 0);
    for version in ["2.1.0", "2.2.0", "2.3.0"] {
        add(version);
    }
    wait_a_moment();
    assert_eq!(read(&repository), 3);
    assert_eq!(read(&repository), 0, "three of 131 are enough to remember");
}

/// The same bytes, with and without.
#[test]
fn a_cache_changes_no_byte() {
    let repository = settled();
    repository.write_tarball("foo-1.1.0.tar", &Tarball::new("foo", "1.1.0").build());
    repository.remove_tarball("bar-1.0.0.tar");
    repository.build(&[]).ok();
    let with = repository.served();
    fs::remove_dir_all(repository.path("cache")).unwrap();
    let ran = repository.build(&["--no-cache"]).ok();
    assert!(ran.stdout.ends_with("nothing has changed\n"), "{}", ran.stdout);
    assert_eq!(repository.served(), with);
    assert!(!repository.path("cache").exists(), "--no-cache keeps nothing");
}

/// A cache knows of the older of two tarballs, and of a payload that lists both.
#[test]
fn a_young_release_that_is_withdrawn_is_not_remembered() {
    let repository = TestRepository::new().release("foo", "1.0.0");
    wait_a_moment();
    repository.write_tarball("foo-1.1.0.tar", &Tarball::new("foo", "1.1.0").build());
    repository.build(&[]).ok();
    repository.remove_tarball("foo-1.1.0.tar");
    repository.build(&[]).ok();
    let with = repository.served();
    repository.build(&["--no-cache"]).ok();
    assert_eq!(repository.served(), with);
    let foo = crate::support::gunzip(&repository.read("public/packages/foo"));
    assert!(!foo.windows(5).any(|window| window == b"1.1.0"));
}

/// The right to write the cache is no right to sign.
#[test]
fn a_forged_cache_is_as_good_as_none() {
    let repository = settled();
    let file = cache_file(&repository);
    let mut forged = fs::read(&file).unwrap();
    // All that stands between MAGIC and the end, digests that need no key included.
    let magic = forged.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let body = magic + 1 + usize::from(forged[magic]) + 64;
    let place = forged.windows(9).rposition(|window| window == b"\n\x051.0.0\x12 ").unwrap();
    forged[place + 9] ^= 1;
    let digest: [u8; 32] = hexreg::cache::fingerprint(&forged[body..]);
    forged[body - 32..body].copy_from_slice(&digest);
    fs::write(&file, forged).unwrap();
    let sound = repository.served();
    fs::remove_file(repository.path("public/packages/foo")).unwrap();
    fs::remove_file(repository.path("public/packages/bar")).unwrap();
    repository.build(&[]).ok();
    assert_eq!(repository.served(), sound);
}

/// `touch -r`, `cp -p`: name, size and time are what they were.
#[test]
fn a_tarball_replaced_under_the_same_name_size_and_time_is_noticed() {
    for in_place in [true, false] {
        let repository = TestRepository::new();
        let first = Tarball::new("foo", "1.0.0").more_metadata("{<<\"x\">>,1}.").build();
        let second = Tarball::new("foo", "1.0.0").more_metadata("{<<\"x\">>,2}.").build();
        assert_eq!(first.len(), second.len());
        repository.write_tarball("foo-1.0.0.tar", &first);
        repository.set_mtime("foo-1.0.0.tar", 1_700_000_000);
        repository.build(&[]).ok();
        wait_a_moment();
        repository.build(&[]).ok();
        if !in_place {
            repository.remove_tarball("foo-1.0.0.tar");
        }
        repository.write_tarball("foo-1.0.0.tar", &second);
        repository.set_mtime("foo-1.0.0.tar", 1_700_000_000);
        let ran = repository.build(&[]).ok();
        assert!(ran.stdout.starts_with("* updating public/packages/foo\n"), "{}", ran.stdout);
    }
}

/// A file that changed in the moment the cache was written counts as changed.
#[test]
fn a_tarball_changed_in_the_same_moment_is_not_remembered() {
    let repository = TestRepository::new();
    let first = Tarball::new("foo", "1.0.0").more_metadata("{<<\"x\">>,1}.").build();
    // On a busy machine, the moment may be over before the build looks.
    loop {
        let began = Instant::now();
        repository.write_tarball("foo-1.0.0.tar", &first);
        repository.build(&[]).ok();
        if began.elapsed() < Duration::from_secs(2) {
            break;
        }
        fs::remove_dir_all(repository.path("cache")).unwrap();
    }
    // Had it been remembered, its name would stand in the cache.
    let cache = fs::read(cache_file(&repository)).unwrap();
    assert!(!cache.windows(13).any(|window| window == b"foo-1.0.0.tar"));
    wait_a_moment();
    repository.build(&[]).ok();
    let cache = fs::read(cache_file(&repository)).unwrap();
    assert!(cache.windows(13).any(|window| window == b"foo-1.0.0.tar"));
}

#[test]
fn a_served_file_altered_or_deleted_by_hand_is_put_right() {
    let repository = settled();
    let sound = repository.served();
    for path in ["names", "versions", "packages/foo", "public_key"] {
        let public = format!("public/{path}");
        fs::remove_file(repository.path(&public)).unwrap();
        let ran = repository.build(&[]).ok();
        assert!(ran.stdout.contains(&format!("* creating {public}\n")), "{}", ran.stdout);
        assert_eq!(repository.served(), sound);
        if path == "public_key" {
            continue;
        }
        // In place, with the size and time it had.
        wait_a_moment();
        repository.build(&[]).ok();
        let file = File::options().write(true).open(repository.path(&public)).unwrap();
        let modified = file.metadata().unwrap().modified().unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, b"x", 40).unwrap();
        file.set_modified(modified).unwrap();
        let ran = repository.build(&[]).ok();
        assert!(ran.stdout.contains(&format!("* updating {public}\n")), "{}", ran.stdout);
        assert_eq!(repository.served(), sound);
    }
}

/// Every byte, and every length; with nothing to do, and with a file to put back.
#[test]
fn a_damaged_cache_is_as_good_as_none() {
    let repository = settled();
    let file = cache_file(&repository);
    let sound = fs::read(&file).unwrap();
    let store = DirStore::new(repository.path("public"));
    let pem = String::from_utf8(repository.read("key.pem")).unwrap();
    let cache = CacheFile::of(&repository.path("cache"), &repository.path("public")).unwrap();
    let options = Options {
        key: PrivateKey::from_pem(&pem, None).unwrap(),
        dry_run: true,
        cache: Some(cache.clone()),
        ..crate::support::options()
    };
    assert_eq!(build(&store, &options, &()).unwrap().read, 0, "the cache is in use");
    for gone in [None, Some("public/packages/foo")] {
        if let Some(path) = gone {
            fs::remove_file(repository.path(path)).unwrap();
        }
        fs::write(&file, &sound).unwrap();
        let report = || Report { read: 0, ..build(&store, &options, &()).unwrap() };
        let expected = report();
        fs::write(&file, [&sound[..], b"x"].concat()).unwrap();
        assert_eq!(report(), expected);
        for place in 0..sound.len() {
            let mut flipped = sound.clone();
            flipped[place] ^= 0x55;
            for damaged in [&flipped, &sound[..place]] {
                fs::write(&file, damaged).unwrap();
                assert_eq!(report(), expected, "{place}");
            }
        }
    }
}

/// With another key, another name or a stricter check, nothing that was found before counts.
#[test]
fn a_cache_of_other_options_is_as_good_as_none() {
    let repository = settled();
    repository.write_key("key.pem", "golden/keys/acme-4096.pem");
    assert_eq!(repository.build(&[]).code, 1);
    repository.build(&["--rotate-key"]).ok();
    let ran = repository.hexreg().run(["build", "public", "--name=other", "--private-key=key.pem"]);
    assert!(ran.stdout.contains("* updating public/packages/foo\n"), "{}", ran.transcript());

    let repository = TestRepository::new();
    let outside = crate::support::raw_tar::Entry::file("/etc/passwd", b"");
    let tarball = Tarball::new("foo", "1.0.0").files(&[outside]).build();
    repository.write_tarball("foo-1.0.0.tar", &tarball);
    repository.build(&["--no-check-contents"]).ok();
    wait_a_moment();
    repository.build(&["--no-check-contents"]).ok();
    assert_eq!(repository.build(&[]).code, 1);
}

/// A folder without a file looks like none.
#[test]
fn a_folder_that_is_gone_is_made_again() {
    let repository = TestRepository::new();
    repository.build(&[]).ok();
    wait_a_moment();
    repository.build(&[]).ok();
    fs::remove_dir(repository.path("public/tarballs")).unwrap();
    let ran = repository.build(&[]).ok();
    assert!(ran.stdout.starts_with("* creating public/tarballs\n"), "{}", ran.stdout);
}

/// Two registries do not share a cache, and one has the same by whatever path it is reached.
#[test]
fn a_cache_belongs_to_a_real_path() {
    let repository = settled();
    std::os::unix::fs::symlink("public", repository.path("link")).unwrap();
    let build = ["build", "link", "--name=acme", "--private-key=key.pem"];
    assert_eq!(repository.hexreg().run(build).ok().stdout, UNCHANGED);
    cache_file(&repository);
    let build = ["build", "second", "--name=acme", "--private-key=key.pem"];
    fs::create_dir(repository.path("second")).unwrap();
    repository.hexreg().run(build).ok();
    assert_eq!(fs::read_dir(repository.path("cache")).unwrap().count(), 2);
}

#[test]
fn a_cache_is_its_owners_alone_and_never_in_the_served_directory() {
    let repository = settled();
    let mode = fs::metadata(cache_file(&repository)).unwrap().mode();
    assert_eq!(mode & 0o777, 0o600);
    for directory in ["public", "public/cache", "public/../public/deep/cache"] {
        let ran = repository.build(&[&format!("--cache-dir={directory}")]);
        assert_eq!(ran.code, 2, "{}", ran.transcript());
        assert!(ran.stderr.contains("would be published"), "{}", ran.stderr);
    }
}

/// A cache that cannot be written does not stop a build.
#[test]
fn without_a_place_for_a_cache_a_build_goes_on() {
    let repository = TestRepository::new().release("foo", "1.0.0");
    repository.write("file", b"");
    repository.build(&["--cache-dir=file"]).ok();
    let permissions = fs::Permissions::from_mode(0o500);
    fs::create_dir(repository.path("locked")).unwrap();
    fs::set_permissions(repository.path("locked"), permissions).unwrap();
    repository.build(&["--cache-dir=locked/cache"]).ok();
}

/// Files and secret stores end what they hold in a line feed.
#[test]
fn variables_are_trimmed_and_what_is_no_path_names_its_variable() {
    let repository = TestRepository::new().release("foo", "1.0.0");
    let cache = repository.path("elsewhere").display().to_string();
    let build = ["build", "public", "--name=acme", "--private-key=key.pem"];
    let run = |name: &str, value: &str| repository.hexreg().env(name, value).run(build);
    run("HEXREG_CACHE_DIR", &format!("{cache}\r\n")).ok();
    assert!(fs::read_dir(&cache).unwrap().count() == 1);
    run("SOURCE_DATE_EPOCH", " 1700000000\n").ok();
    let said = [run("HEXREG_CACHE_DIR", "one\ntwo"), run("SOURCE_DATE_EPOCH", "1\n2")];
    let said = said.map(|ran| format!("{}: {}", ran.code, ran.stderr));
    insta::assert_snapshot!(said.concat(), @r#"
    2: error: HEXREG_CACHE_DIR has a control character in it: expected a path
    2: error: SOURCE_DATE_EPOCH is "1\n2": expected whole seconds since 1970
    hint: unset it, or set it to what `date +%s` prints
    "#);
}
