//! Fields that this version does not know: hex.pm or a newer hexreg wrote them, and no command loses them.

use std::collections::BTreeSet;

use hexreg::key::PrivateKey;
use hexreg::package::{
    Advisory, Remarks, Retirement, RetirementReason, UnixSeconds, UnknownInRelease,
};
use hexreg::registry::{Gzip, Payload, Releases, Signed};
use hexreg::unknown_fields::UnknownFields;

use crate::support::protobuf::{self, Nesting, extend, unknown_field};
use crate::support::repository::TestRepository;
use crate::support::tarball::Tarball;
use crate::support::{gunzip, read_fixture};

fn payload(repository: &TestRepository, path: &str) -> Payload {
    let file = repository.read(&format!("public/{path}"));
    Signed::from_gzip(&file).unwrap().unverified().unwrap()
}

fn releases(repository: &TestRepository, package: &str) -> Releases {
    Releases::decode(&payload(repository, &format!("packages/{package}"))).unwrap()
}

fn write(repository: &TestRepository, path: &str, payload: &Payload) {
    let pem = String::from_utf8(read_fixture("golden/keys/acme-2048.pem")).unwrap();
    let signed = payload.sign(&PrivateKey::from_pem(&pem, None).unwrap()).unwrap();
    repository.write(&format!("public/{path}"), &signed.to_gzip(&mut Gzip::new()));
}

/// Which of the fields that [`extended`] added a file has, each as often as it has it.
fn tags(repository: &TestRepository, path: &str) -> Vec<String> {
    let bytes = gunzip(&repository.read(&format!("public/{path}")));
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let found = text.match_indices("tag-").map(|(start, _)| text[start..start + 7].to_owned());
    found.collect()
}

/// `foo` 1.0.0, of which all is said that can be, and 1.1.0, and `bar` 1.0.0; with a field of its own at each
/// level of each file. Inner ones come first:
///
/// - packages/foo: 000 and 001 the dependencies of 1.0.0, 002 its retirement, 003 its time, 004 the release,
///   005 the release 1.1.0, 006 the advisory, 007 the package
/// - packages/bar: 008 the release, 009 the package
/// - names: 010 the time of bar, 011 bar, 012 the time of foo, 013 foo, 014 the index
/// - versions: 015 bar, 016 foo, 017 the index
fn extended() -> TestRepository {
    let needs = Tarball::new("foo", "1.0.0").requires("bar", "~> 1.0").requires("baz", ">= 0.0.0");
    let repository = TestRepository::new()
        .tarball("foo-1.0.0.tar", &needs.build())
        .release("foo", "1.1.0")
        .release("bar", "1.0.0");
    for file in ["foo-1.0.0.tar", "foo-1.1.0.tar", "bar-1.0.0.tar"] {
        repository.set_mtime(file, 1_700_000_000);
    }
    repository.build(&[]).ok();
    let mut package = releases(&repository, "foo");
    let advisory = Advisory {
        id: "GHSA-1".to_owned(),
        summary: "a hole".to_owned(),
        severity: None,
        cvss_score: Some(7.5.into()),
        html_url: "https://advisories.example/html".to_owned(),
        api_url: "https://advisories.example/api".to_owned(),
        aliases: Vec::new(),
        unknown: UnknownFields::default(),
    };
    package.releases[0].remarks = Remarks {
        retired: Some(Retirement::new(RetirementReason::from_number(9), None)),
        published_at: Some(UnixSeconds(1_700_000_000).into()),
        advisories: vec![advisory.into()],
        unknown: UnknownInRelease::default(),
    };
    write(&repository, "packages/foo", &package.encode());
    repository.build(&[]).ok();

    let mut number = 0;
    let mut more = || {
        number += 1;
        unknown_field(&format!("tag-{:03}", number - 1))
    };
    let files: [(&str, &Nesting); 4] = [
        ("packages/foo", &protobuf::PACKAGE),
        ("packages/bar", &protobuf::PACKAGE),
        ("names", &protobuf::NAMES),
        ("versions", &protobuf::VERSIONS),
    ];
    for (path, nesting) in files {
        let bytes = extend(payload(&repository, path).as_bytes(), nesting, &mut more);
        write(&repository, path, &Payload::from_bytes(bytes.into()));
    }
    assert_eq!(number, 18);
    repository
}

/// The tags from one to another.
fn range(tags: std::ops::RangeInclusive<u8>) -> Vec<String> {
    tags.map(|tag| format!("tag-{tag:03}")).collect()
}

/// No file lacks any of its fields but these, or has one that is another's or that it has twice.
#[track_caller]
fn assert_kept(repository: &TestRepository, but: &[u8]) {
    for (path, all) in [
        ("packages/foo", 0..=7),
        ("packages/bar", 8..=9),
        ("names", 10..=14),
        ("versions", 15..=17),
    ] {
        let mut found = tags(repository, path);
        found.sort();
        let lost: BTreeSet<_> = but.iter().map(|tag| format!("tag-{tag:03}")).collect();
        let mut expected = range(all);
        expected.retain(|tag| !lost.contains(tag));
        assert_eq!(found, expected, "{path}");
    }
    repository.hexreg().run(["verify", "public", "--partial"]).ok();
}

const WHICH: [&str; 3] = ["--to=public", "--name=acme", "--private-key=key.pem"];

fn amend(repository: &TestRepository, command: &str, arguments: &[&str]) {
    let all = [command].into_iter().chain(WHICH).chain(arguments.iter().copied());
    repository.hexreg().run(all).ok();
}

#[test]
fn a_build_of_the_same_tarballs_writes_nothing() {
    for more in [&["--no-cache"][..], &[]] {
        let repository = extended();
        let before = repository.served();
        let ran = repository.build(more).ok();
        assert!(ran.stdout.contains("nothing has changed"), "{}", ran.stdout);
        assert!(repository.served() == before);
        assert_kept(&repository, &[]);
    }
}

#[test]
fn a_build_with_another_key_signs_the_same_payloads() {
    let repository = extended().key("acme-4096.pem");
    let paths = ["names", "versions", "packages/foo", "packages/bar"];
    let before = paths.map(|path| payload(&repository, path));
    repository.build(&["--rotate-key"]).ok();
    assert_eq!(paths.map(|path| payload(&repository, path)), before);
    assert_kept(&repository, &[]);
}

/// The time of a package is another one then, so what was said of the old time goes.
#[test]
fn a_build_with_a_further_release_keeps_them() {
    for more in [&["--no-cache"][..], &[]] {
        let repository = extended();
        repository.build(more).ok();
        repository.write_tarball("foo-1.0.1.tar", &Tarball::new("foo", "1.0.1").build());
        repository.set_mtime("foo-1.0.1.tar", 4_000_000_000);
        repository.build(more).ok();
        assert_eq!(releases(&repository, "foo").releases.len(), 3);
        assert_kept(&repository, &[12]);
    }
}

/// What is said of a release is said of its tarball.
#[test]
fn a_build_with_another_tarball_of_a_release_loses_those_of_that_release() {
    let repository = extended();
    repository.write_tarball("foo-1.0.0.tar", &Tarball::new("foo", "1.0.0").build());
    repository.set_mtime("foo-1.0.0.tar", 1);
    repository.build(&[]).ok();
    // With its advisory, which no other release has.
    assert_kept(&repository, &[0, 1, 2, 3, 4, 6]);
}

#[test]
fn a_fresh_build_forgets_them() {
    let repository = extended();
    repository.build(&["--fresh"]).ok();
    assert_kept(&repository, &(0..=17).collect::<Vec<_>>());
    assert_eq!(repository.served(), repository.fresh().served);
}

/// Fields of files that another key signed are not believed.
#[test]
fn a_build_takes_none_from_another_signer() {
    let repository = extended();
    let pem = String::from_utf8(read_fixture("golden/keys/acme-4096.pem")).unwrap();
    let other = PrivateKey::from_pem(&pem, None).unwrap();
    for path in ["names", "versions"] {
        let signed = payload(&repository, path).sign(&other).unwrap();
        repository.write(&format!("public/{path}"), &signed.to_gzip(&mut Gzip::new()));
    }
    repository.build(&[]).ok();
    assert_kept(&repository, &(10..=17).collect::<Vec<_>>());
}

#[test]
fn an_added_release_loses_none_of_the_others() {
    let repository = extended();
    repository.write("foo-1.0.1.tar", &Tarball::new("foo", "1.0.1").build());
    amend(&repository, "add", &["foo-1.0.1.tar"]);
    assert_eq!(releases(&repository, "foo").releases.len(), 3);
    assert_kept(&repository, &[12]);
}

#[test]
fn a_replaced_release_loses_its_own() {
    let repository = extended();
    repository.write("foo-1.0.0.tar", &Tarball::new("foo", "1.0.0").build());
    amend(&repository, "add", &["--replace", "foo-1.0.0.tar"]);
    assert_kept(&repository, &[0, 1, 2, 3, 4, 6, 12]);
}

#[test]
fn a_removed_release_takes_its_own_with_it() {
    let repository = extended();
    amend(&repository, "remove", &["foo", "1.1.0"]);
    assert_eq!(releases(&repository, "foo").releases.len(), 1);
    assert_kept(&repository, &[5]);
}

#[test]
fn retiring_and_taking_it_back_lose_none_but_those_of_the_retirement() {
    let repository = extended();
    amend(&repository, "retire", &["foo", "1.0.0", "--reason=renamed", "--message=use bar"]);
    let retired = releases(&repository, "foo").releases[0].remarks.retired.clone().unwrap();
    assert_eq!(retired.reason, RetirementReason::Renamed);
    assert_kept(&repository, &[]);
    amend(&repository, "unretire", &["foo", "1.0.0"]);
    assert_kept(&repository, &[2]);
}

#[test]
fn a_push_carries_them() {
    let repository = extended();
    repository.hexreg().run(["push", "public", "there"]).ok();
    let there = repository.files("there", |path| !path.starts_with("tarballs"));
    assert!(there == repository.served());
    amend(&repository, "retire", &["foo", "1.1.0", "--reason=invalid"]);
    repository.hexreg().run(["push", "public", "there"]).ok();
    let there = repository.files("there", |path| !path.starts_with("tarballs"));
    assert!(there == repository.served());
    assert_kept(&repository, &[]);
    // Where they are there and not here, they would be lost.
    repository.build(&["--fresh"]).ok();
    let ran = repository.hexreg().run(["push", "public", "there"]);
    assert_eq!(ran.code, 1, "{}", ran.transcript());
    assert!(
        ran.stderr.contains("what is said of foo 1.1.0 there is not said here"),
        "{}",
        ran.stderr
    );
}

/// Times are in whole seconds where hexreg and Hex write them, and need not be where hex.pm does.
#[test]
fn nanoseconds_survive() {
    let repository = TestRepository::new().release("foo", "1.0.0").release("bar", "1.0.0");
    for file in ["foo-1.0.0.tar", "bar-1.0.0.tar"] {
        repository.set_mtime(file, 1_700_000_000);
    }
    repository.build(&[]).ok();
    let mut package = releases(&repository, "foo");
    let mut time = hexreg::package::Timestamp::from(UnixSeconds(1_700_000_000));
    time.nanos = 123_456_789;
    package.releases[0].remarks.published_at = Some(time.clone());
    write(&repository, "packages/foo", &package.encode());
    let mut names = hexreg::registry::Names::decode(&payload(&repository, "names")).unwrap();
    for (name, updated_at) in &names.packages {
        let time = hexreg::package::Timestamp { seconds: updated_at.unwrap(), ..time.clone() };
        names.unknown.times.insert(name.clone(), time);
    }
    write(&repository, "names", &names.encode());
    repository.build(&[]).ok();
    assert_eq!(payload(&repository, "names"), names.encode());
    repository.write("foo-2.0.0.tar", &Tarball::new("foo", "2.0.0").build());
    amend(&repository, "add", &["foo-2.0.0.tar"]);
    assert_eq!(releases(&repository, "foo").releases[0].remarks.published_at, Some(time));
    let now = hexreg::registry::Names::decode(&payload(&repository, "names")).unwrap();
    let exact: Vec<_> = now.unknown.times.keys().map(ToString::to_string).collect();
    assert_eq!(exact, ["bar"]);
}
