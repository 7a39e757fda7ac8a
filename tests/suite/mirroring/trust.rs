//! Signatures, and what upstream must not change.

use std::fs;

use super::{is_verbatim, mirror, report, samples, upstream};
use crate::support::repository::TestRepository;
use crate::support::server::Server;
use crate::support::tarball::Tarball;
use crate::support::unruly::{Fault, Unruly};

/// The path and the reason of each failure.
fn failures(report: &serde_json::Value) -> Vec<(String, String)> {
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let failures = report["failures"].as_array().unwrap().iter();
    failures.map(|one| (text(&one["path"]), text(&one["reason"]))).collect()
}

#[test]
fn another_key_or_another_name_is_refused() {
    let (repository, server) = samples();
    repository.write_key("other.pem", "golden/keys/acme-4096.pem");
    let other = repository.hexreg().run(["key", "show", "other.pem", "--public"]);
    repository.write("other-public.pem", other.stdout.as_bytes());
    let run = |name: &str, key: &str| {
        let url = server.url();
        let options = ["--upstream", &url, "--upstream-name", name, "--upstream-key", key];
        repository.hexreg().run(["mirror", "copy", "--all"].into_iter().chain(options))
    };
    let ran = run("acme", "other-public.pem");
    assert_eq!(ran.code, 1, "{}", ran.transcript());
    assert!(ran.stderr.contains("names: its signature is not that of SHA256:"), "{}", ran.stderr);
    let ran = run("hexpm", "public/public_key");
    assert_eq!(ran.code, 1, "{}", ran.transcript());
    assert!(
        ran.stderr.contains("it belongs to the repository `acme`, not `hexpm`"),
        "{}",
        ran.stderr
    );
    // hex.pm's key is for hex.pm.
    let url = server.url();
    let ran = repository.hexreg().run(["mirror", "copy", "--all", "--upstream", &url]);
    assert_eq!(ran.code, 1, "{}", ran.transcript());
    assert!(
        ran.stderr.contains("not that of SHA256:O1LOYhHFW4kcrblKAxROaDEzLD8bn1seWbe5tq8TRsk"),
        "{}",
        ran.stderr
    );
    let arguments = ["mirror", "copy", "--all", "--upstream-name=acme", "--upstream", &url];
    let ran = repository.hexreg().run(arguments);
    assert_eq!(ran.code, 2, "{}", ran.transcript());
    assert!(ran.stderr.contains("give --upstream-key"), "{}", ran.stderr);
    assert!(!repository.path("copy/names").exists() && !repository.path("copy/packages").exists());
}

/// Each of these files is intact and signed.
#[test]
fn a_file_in_place_of_another_is_refused() {
    let (repository, server) = samples();
    for (path, instead, why) in [
        ("/packages/welcome", "packages/greeting", "it is the file of the package greeting"),
        ("/packages/welcome", "names", "packages/welcome: "),
        ("/versions", "names", "versions: "),
        ("/tarballs/greeting-1.0.0.tar", "tarballs/greeting-1.1.0.tar", "checksums disagree"),
    ] {
        let bytes = repository.read(&format!("public/{instead}"));
        let unruly = Unruly::before(server.address, move |asked, _| {
            if asked == path { Fault::Replace(bytes.clone()) } else { Fault::None }
        });
        let ran = mirror(&repository, &unruly.url(), &["--all", "--retries=0"]);
        assert_eq!(ran.code, 1, "{path}: {}", ran.transcript());
        assert!(ran.stderr.contains(why), "{path}: {}", ran.stderr);
        assert!(!repository.path(&format!("copy{path}")).exists(), "{path}");
        fs::remove_dir_all(repository.path("copy")).unwrap();
    }
}

/// The same contents in another archive: clients pin the archive's checksum.
#[test]
fn another_archive_of_the_same_contents_is_refused() {
    let repository = TestRepository::new().release("foo", "1.0.0");
    repository.build(&[]).ok();
    let server = Server::of(&repository, &[]);
    let reversed = Tarball::new("foo", "1.0.0").reversed().build();
    let unruly = Unruly::before(server.address, move |path, _| match path {
        "/tarballs/foo-1.0.0.tar" => Fault::Replace(reversed.clone()),
        _ => Fault::None,
    });
    let told = failures(&report(&repository, &unruly.url(), &["--all", "--retries=0"]));
    assert_eq!(told.len(), 1, "{told:?}");
    let reason = told[0].1.strip_prefix("checksums disagree; ").unwrap();
    let who: Vec<_> = reason.split("; ").collect();
    let checksums = |who: &str| who.split_once(": inner ").unwrap().1.to_owned();
    let [registry, file] = [who[0], who[1]].map(checksums);
    let split = |sums: &str| sums.split_once(", outer ").map(|(a, b)| (a.to_owned(), b.to_owned()));
    let ((inner, outer), (file_inner, file_outer)) =
        (split(&registry).unwrap(), split(&file).unwrap());
    assert!(inner == file_inner && outer != file_outer, "{reason}");
    assert!(!repository.path("copy/tarballs/foo-1.0.0.tar").exists());
}

#[test]
fn another_registry_is_not_overwritten() {
    let (repository, server) = samples();
    fs::create_dir_all(repository.path("copy/tarballs")).unwrap();
    let tarball = repository.read("public/tarballs/greeting-1.0.0.tar");
    repository.write("copy/tarballs/greeting-1.0.0.tar", &tarball);
    let build = ["build", "copy", "--private-key=key.pem", "--no-cache", "--name=mine"];
    repository.hexreg().run(build).ok();
    let names = repository.read("copy/names");
    // The same key and another name.
    let ran = mirror(&repository, &server.url(), &["--all"]);
    assert_eq!(ran.code, 1, "{}", ran.transcript());
    assert!(ran.stderr.contains("copy/names belongs to another repository"), "{}", ran.stderr);
    assert_eq!(repository.read("copy/names"), names);
    // With --tarballs-only the registry is not overwritten.
    mirror(&repository, &server.url(), &["--all", "--tarballs-only"]).ok();
    assert_eq!(repository.read("copy/names"), names);
    repository.hexreg().run(build).ok();
    repository.hexreg().run(["verify", "copy", "--name=mine"]).ok();
    assert!(repository.path("copy/packages/welcome").exists());

    repository.write_key("other.pem", "golden/keys/acme-4096.pem");
    fs::remove_dir_all(repository.path("copy")).unwrap();
    fs::create_dir_all(repository.path("copy/tarballs")).unwrap();
    let build = ["build", "copy", "--private-key=other.pem", "--no-cache", "--name=acme"];
    repository.hexreg().run(build).ok();
    let ran = mirror(&repository, &server.url(), &["--all"]);
    assert_eq!(ran.code, 1, "{}", ran.transcript());
    assert!(ran.stderr.contains("copy/public_key belongs to another repository"), "{}", ran.stderr);
}

#[test]
fn a_lost_or_changed_release_is_held_back_until_it_is_accepted() {
    let repository = TestRepository::new()
        .release("lost", "1.0.0")
        .release("lost", "1.1.0")
        .release("changed", "1.0.0")
        .release("gone", "1.0.0")
        .release("kept", "1.0.0");
    repository.build(&[]).ok();
    let server = Server::of(&repository, &[]);
    mirror(&repository, &server.url(), &["--all"]).ok();
    let before: Vec<_> = ["packages/lost", "packages/changed", "packages/gone"]
        .map(|path| (path, repository.read(&format!("copy/{path}"))))
        .into();

    repository.remove_tarball("lost-1.0.0.tar");
    repository.remove_tarball("gone-1.0.0.tar");
    let other = Tarball::new("changed", "1.0.0").requires("kept", "~> 1.0").build();
    repository.write_tarball("changed-1.0.0.tar", &other);
    // The indexes have the time of each package's last change in whole seconds.
    repository.set_mtime("changed-1.0.0.tar", 2_000_000_000);
    let tarball = Tarball::new("kept", "1.1.0").build();
    repository.write_tarball("kept-1.1.0.tar", &tarball);
    repository.build(&[]).ok();

    let url = server.url();
    let alarmed = report(&repository, &url, &["--all", "--prune"]);
    let told = failures(&alarmed);
    let paths: Vec<_> = told.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["packages/changed", "packages/gone", "packages/lost"], "{told:?}");
    assert!(told[0].1.contains("1.0.0 was "), "{told:?}");
    assert!(told[2].1.contains("upstream no longer has 1.0.0"), "{told:?}");
    for (path, bytes) in before {
        assert_eq!(repository.read(&format!("copy/{path}")), bytes, "{path}");
    }
    // The rest was mirrored, with the indexes, and nothing of the held back package was removed.
    for path in ["names", "versions", "packages/kept", "tarballs/kept-1.1.0.tar"] {
        let upstream = repository.read(&format!("public/{path}"));
        assert_eq!(repository.read(&format!("copy/{path}")), upstream, "{path}");
    }
    assert!(repository.path("copy/tarballs/gone-1.0.0.tar").exists());
    assert!(repository.path("copy/tarballs/lost-1.0.0.tar").exists());
    let verified = repository.hexreg().run(["verify", "copy", "--partial"]);
    insta::assert_snapshot!(verified.transcript(), @"
    exit code: 1
    --- stdout
    copy/names: it does not name gone, which has releases
    copy/versions: it does not name gone, which has releases
    copy/versions: it lacks lost 1.0.0, which packages/lost has
    acme: 4 packages, 6 releases; 3 problems
    --- stderr
    ");
    assert_eq!(failures(&report(&repository, &url, &["--all", "--prune"])), told, "until then");

    let accept = ["--accept=lost", "--accept=changed", "--accept=gone"];
    mirror(&repository, &url, &[&["--all", "--prune"], &accept[..]].concat()).ok();
    is_verbatim(&repository);
    for gone in ["tarballs/lost-1.0.0.tar", "tarballs/gone-1.0.0.tar", "packages/gone"] {
        assert!(!repository.path("copy").join(gone).exists(), "{gone}");
    }
    assert_eq!(repository.read("copy/tarballs/changed-1.0.0.tar"), other);
    // After --accept the package is like any other.
    let quiet = report(&repository, &url, &["--all", "--prune"]);
    assert_eq!((&quiet["requests"], failures(&quiet).len()), (&2.into(), 0), "{quiet}");
}

/// --refresh fetches packages that the indexes call unchanged.
#[test]
fn a_refresh_finds_changes_that_the_indexes_do_not_show() {
    let repository = TestRepository::new().release("changed", "1.0.0");
    repository.set_mtime("changed-1.0.0.tar", 1_000_000_000);
    repository.build(&[]).ok();
    let server = Server::of(&repository, &[]);
    mirror(&repository, &server.url(), &["--all"]).ok();
    let other = Tarball::new("changed", "1.0.0").requires("kept", "~> 1.0").build();
    repository.write_tarball("changed-1.0.0.tar", &other);
    repository.set_mtime("changed-1.0.0.tar", 1_000_000_000);
    repository.build(&[]).ok();
    assert_eq!(failures(&report(&repository, &server.url(), &["--all"])), []);
    let told = failures(&report(&repository, &server.url(), &["--all", "--refresh"]));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].1.contains("1.0.0 was "), "{told:?}");
}

/// The message has the checksums of lock file, registry and file.
#[test]
fn a_lock_file_with_other_checksums_fails_its_package_alone() {
    let (repository, server) = samples();
    let pin = |package: &str, version: &str, outer: &str| {
        format!(
            "  \"{package}\": {{:hex, :{package}, \"{version}\", nil, [:mix], [], \"acme\", {outer}}},\n"
        )
    };
    let wrong = "ab".repeat(32);
    let lock = [
        "%{\n".to_owned(),
        pin("greeting", "1.0.0", "nil"),
        pin("welcome", "0.1.0", &format!("\"{wrong}\"")),
        "}\n".to_owned(),
    ];
    repository.write("mix.lock", lock.concat().as_bytes());
    let url = server.url();
    let first = report(&repository, &url, &["--lock=mix.lock"]);
    let told = failures(&first);
    assert_eq!(told.len(), 1, "{told:?}");
    let (path, reason) = &told[0];
    assert_eq!(path, "tarballs/welcome-0.1.0.tar");
    let tarball = repository.read("public/tarballs/welcome-0.1.0.tar");
    let outer = hexreg::checksum::OuterChecksum::of(&tarball).to_string();
    assert_eq!(reason.matches(&outer).count(), 2, "{reason}");
    assert_eq!(reason.matches(&wrong.to_uppercase()).count(), 1, "{reason}");
    for who in ["mix.lock: ", "the registry: ", "the file: "] {
        assert!(reason.contains(who), "{reason}");
    }
    assert!(repository.path("copy/tarballs/greeting-1.0.0.tar").exists());
    assert!(!repository.path("copy/tarballs/greeting-1.1.0.tar").exists(), "it was not asked for");
    assert!(!repository.path("copy/tarballs/welcome-0.1.0.tar").exists());
    assert!(!repository.path("copy/packages/welcome").exists());

    // The same if the mirror has all files already.
    mirror(&repository, &url, &["--all"]).ok();
    let second = report(&repository, &url, &["--lock=mix.lock"]);
    assert_eq!(failures(&second)[0].1, *reason);
    is_verbatim(&repository);
}

#[test]
fn pins_that_upstream_does_not_have_are_reported() {
    let (repository, server) = samples();
    repository.write(
        "mix.lock",
        b"%{
  \"greeting\": {:hex, :greeting, \"9.0.0\", nil, [:mix], [], \"acme\", nil},
  \"nothing\": {:hex, :nothing, \"1.0.0\", nil, [:mix], [], \"acme\", nil},
  \"other\": {:hex, :other, \"1.0.0\", nil, [:mix], [], \"hexpm\", nil},
  \"near\": {:path, \"../near\"},
  \"source\": {:git, \"https://git.example/a/b.git\", \"0123456789012345678901234567890123456789\", []},
}
",
    );
    let told = report(&repository, &server.url(), &["--lock=mix.lock"]);
    assert_eq!(
        failures(&told),
        [
            (
                "packages/greeting".to_owned(),
                "mix.lock pins 9.0.0, which upstream does not have".to_owned()
            ),
            ("packages/nothing".to_owned(), "upstream has no such package".to_owned()),
        ]
    );
    let left_out = told["left_out"].as_array().unwrap().iter();
    let left_out: Vec<_> = left_out.map(|one| one["app"].as_str().unwrap()).collect();
    assert_eq!(left_out, ["other", "near", "source"]);
    // A lock file without any pin of upstream.
    repository.write(
        "mix.lock",
        b"%{\"other\": {:hex, :other, \"1.0.0\", nil, [:mix], [], \"hexpm\", nil}}\n",
    );
    let ran = mirror(&repository, &server.url(), &["--lock=mix.lock"]);
    assert_eq!(ran.code, 1, "{}", ran.transcript());
    assert!(ran.stderr.contains("nothing that was asked for"), "{}", ran.stderr);
    assert!(ran.stderr.contains("other: of the repository hexpm (mix.lock)"), "{}", ran.stderr);
}

#[test]
fn a_dry_run_reports_the_same_and_writes_nothing() {
    let (repository, server) = samples();
    let dry = report(&repository, &server.url(), &["--all", "--dry-run"]);
    assert!(!repository.path("copy").exists());
    let done = report(&repository, &server.url(), &["--all"]);
    let sorted = |report: &serde_json::Value| {
        let created = report["created"].as_array().unwrap().iter();
        let mut created: Vec<_> = created.map(|path| path.as_str().unwrap().to_owned()).collect();
        created.sort();
        created
    };
    assert_eq!(sorted(&dry), sorted(&done));
    assert_eq!(sorted(&done).len(), 8, "{done}");
    // Nothing is removed either.
    let dry = report(&repository, &server.url(), &["--only=welcome", "--prune", "--dry-run"]);
    assert_eq!(dry["removed"].as_array().unwrap().len(), 3, "{dry}");
    is_verbatim(&repository);
}

#[test]
fn credentials_come_from_the_environment_or_netrc_and_are_never_shown() {
    let repository = TestRepository::new().samples();
    repository.build(&[]).ok();
    let added = repository.hexreg().run(["auth", "add", "readers", "ci"]).ok();
    let token = added.stdout.trim().to_owned();
    let server = Server::of(&repository, &["--auth-file=readers"]);
    let url = server.url();
    let ran = mirror(&repository, &url, &["--all"]);
    assert_eq!(ran.code, 1, "{}", ran.transcript());
    assert!(ran.stderr.contains("answers 401 Unauthorized"), "{}", ran.stderr);

    let options = upstream(&url);
    let run = |more: &[&str], environment: (&str, &str)| {
        let arguments = ["mirror", "copy", "--all"].into_iter().chain(more.iter().copied());
        let arguments = arguments.chain(options.iter().map(String::as_str));
        repository.hexreg().env(environment.0, environment.1).run(arguments)
    };
    let ran = run(&["--upstream-auth=env:HEX_KEY"], ("HEX_KEY", &token)).ok();
    assert!(!ran.transcript().contains(&token), "{}", ran.transcript());
    is_verbatim(&repository);
    fs::remove_dir_all(repository.path("copy")).unwrap();

    repository.write("netrc", format!("machine 127.0.0.1 login ci password {token}\n").as_bytes());
    run(&["--upstream-auth=netrc"], ("NETRC", "netrc")).ok();
    is_verbatim(&repository);

    for (more, said) in [
        (["--upstream-auth=env:NOT_SET"], "NOT_SET is not set"),
        ([&format!("--upstream-auth={token}")[..]], "is neither env:NAME, file:PATH nor netrc"),
    ] {
        let ran = run(&more, ("X", ""));
        assert_eq!(ran.code, 2, "{}", ran.transcript());
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
        assert!(!ran.stderr.contains(&token), "{}", ran.stderr);
    }
    let upstream = format!("--upstream=https://ci:{token}@c.example");
    let ran = repository.hexreg().run(["mirror", "copy", "--all", &upstream]);
    assert_eq!(ran.code, 2, "{}", ran.transcript());
    assert!(ran.stderr.contains("give --upstream-auth"), "{}", ran.stderr);
    assert!(!ran.stderr.contains(&token), "{}", ran.stderr);
}

#[test]
fn two_mirrors_wait_for_each_other() {
    let (repository, server) = samples();
    let slow = Unruly::before(server.address, |path, _| match path {
        "/packages/welcome" => Fault::Drip(std::time::Duration::from_millis(4)),
        _ => Fault::None,
    });
    std::thread::scope(|scope| {
        let both: Vec<_> =
            (0..2).map(|_| scope.spawn(|| mirror(&repository, &slow.url(), &["--all"]))).collect();
        for one in both {
            one.join().unwrap().ok();
        }
    });
    assert_eq!(slow.count("/tarballs/"), 3, "the second one found all of it");
    is_verbatim(&repository);
}

/// A full mirror and a mirror of tarballs have states of their own.
#[test]
fn a_directory_that_is_mirrored_both_ways_is_current_in_both() {
    let repository = TestRepository::new().release("one", "1.0.0");
    repository.build(&[]).ok();
    let server = Server::of(&repository, &[]);
    let url = server.url();
    mirror(&repository, &url, &["--all"]).ok();
    let tarball = Tarball::new("one", "1.1.0").build();
    repository.write_tarball("one-1.1.0.tar", &tarball);
    repository.build(&[]).ok();
    mirror(&repository, &url, &["--all", "--tarballs-only"]).ok();
    mirror(&repository, &url, &["--all"]).ok();
    is_verbatim(&repository);
}

/// A registry may have own packages beside upstream's.
#[test]
fn own_tarballs_are_neither_removed_nor_overwritten() {
    let repository = TestRepository::new().release("theirs", "1.0.0").release("both", "1.0.0");
    repository.build(&[]).ok();
    let server = Server::of(&repository, &[]);
    let (own, fork) = (Tarball::new("own", "1.0.0"), Tarball::new("both", "1.0.0"));
    let (own, fork) = (own.build(), fork.requires("own", "~> 1.0").build());
    repository.write("copy/tarballs/own-1.0.0.tar", &own);
    repository.write("copy/tarballs/both-1.0.0.tar", &fork);
    let options = ["--only=theirs", "--only=both", "--tarballs-only", "--prune"];
    let told = failures(&report(&repository, &server.url(), &options));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].0 == "tarballs/both-1.0.0.tar" && told[0].1.contains("was "), "{told:?}");
    assert_eq!(repository.read("copy/tarballs/both-1.0.0.tar"), fork);

    let options = [&options[..], &["--accept=both"]].concat();
    mirror(&repository, &server.url(), &options).ok();
    let theirs = repository.read("public/tarballs/both-1.0.0.tar");
    assert_eq!(repository.read("copy/tarballs/both-1.0.0.tar"), theirs);
    assert_eq!(repository.read("copy/tarballs/own-1.0.0.tar"), own);
}

/// A run is incomplete while a git repository is missing.
#[test]
fn nothing_is_removed_while_a_git_repository_fails() {
    let (repository, server) = samples();
    mirror(&repository, &server.url(), &["--all"]).ok();
    repository.write(
        "mix.lock",
        b"%{
  \"welcome\": {:hex, :welcome, \"0.1.0\", nil, [:mix], [], \"acme\", nil},
  \"dep\": {:git, \"file:///nowhere\", \"0123456789012345678901234567890123456789\", []},
}
",
    );
    let options = ["--lock=mix.lock", "--prune"];
    let told = report(&repository, &server.url(), &[&options[..], &["--git"]].concat());
    assert_eq!(failures(&told).len(), 1, "{told}");
    assert!(repository.path("copy/tarballs/greeting-1.0.0.tar").exists());
    mirror(&repository, &server.url(), &options).ok();
    assert!(!repository.path("copy/tarballs/greeting-1.0.0.tar").exists());
}
