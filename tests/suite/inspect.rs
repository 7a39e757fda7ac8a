//! What is said of one file, and whose signature it bears.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use hexreg::key::PrivateKey;
use hexreg::ops::inspect::{Contents, Error, Options, SignedResource, inspect_bytes};
use hexreg::registry::{Gzip, Payload};
use hexreg::tarball::Limits;

use crate::support::hexreg::Ran;
use crate::support::protobuf::{field, number, varint};
use crate::support::repository::TestRepository;
use crate::support::tarball::Tarball;
use crate::support::{gzip, read_fixture};

const GOLDEN: &str = "golden/acme/expected";

/// The golden registry and its tarballs, with the public key of another one as `other_key`.
fn golden() -> TestRepository {
    let repository = TestRepository::new();
    for file in ["names", "versions", "packages/banana", "public_key"] {
        repository.write(&format!("public/{file}"), &read_fixture(&format!("{GOLDEN}/{file}")));
    }
    let tarball = "tarballs/banana-0.1.0.tar";
    repository
        .write(&format!("public/{tarball}"), &read_fixture(&format!("golden/acme/{tarball}")));
    repository.write("other_key", &read_fixture("golden/acme-4096/public_key"));
    repository
}

fn inspect(repository: &TestRepository, arguments: &[&str]) -> Ran {
    repository.hexreg().run([&["inspect"], arguments].concat())
}

fn time(seconds: i64) -> Vec<u8> {
    [number(1, seconds), number(2, 0)].concat()
}

/// A file with this payload, signed with the key of the golden vectors.
fn signed(payload: &[Vec<u8>]) -> Vec<u8> {
    let pem = String::from_utf8(read_fixture("golden/keys/acme-2048.pem")).unwrap();
    let key = PrivateKey::from_pem(&pem, None).unwrap();
    Payload::from_bytes(payload.concat().into()).sign(&key).unwrap().to_gzip(&mut Gzip::new())
}

/// Inspects the bytes of a file at a path.
fn says(bytes: &[u8], path: &str) -> Result<SignedResource, Error> {
    let options = Options { public_key: None, limits: Limits::HEX };
    inspect_bytes(bytes, Path::new(path), &options).map(|report| match report.contents {
        Contents::Signed(says, _) => says,
        Contents::Tarball { .. } => panic!("{path} is a tarball"),
    })
}

fn release(version: &str, more: &[Vec<u8>]) -> Vec<u8> {
    let sums = [field(1, version), field(2, [0xAB; 32]), field(5, [0xCD; 32])];
    field(1, [sums.concat(), more.concat()].concat())
}

#[test]
fn names() {
    let repository = golden();
    insta::assert_snapshot!(inspect(&repository, &["public/names"]).transcript(), @r"
    exit code: 0
    --- stdout
    resource:   names
    repository: acme
    signature:  not checked; --public-key=PATH checks it
    packages:   7

    apple       2023-11-21T22:14:09Z
    banana      2023-11-22T22:14:16Z
    cherry      2023-11-24T22:14:30Z
    date_fruit  2023-11-25T22:14:37Z
    elder       2023-11-26T22:14:44Z
    fig         2023-11-27T22:14:51Z
    grape       2023-11-28T22:14:58Z
    --- stderr
    ");
    insta::assert_snapshot!(inspect(&repository, &["public/names", "--json"]).transcript(), @r#"
    exit code: 0
    --- stdout
    {"file":"public/names","kind":"names","repository":"acme","signature":{"holds":null,"fingerprint":null},"packages":[{"name":"apple","updated_at":"2023-11-21T22:14:09Z"},{"name":"banana","updated_at":"2023-11-22T22:14:16Z"},{"name":"cherry","updated_at":"2023-11-24T22:14:30Z"},{"name":"date_fruit","updated_at":"2023-11-25T22:14:37Z"},{"name":"elder","updated_at":"2023-11-26T22:14:44Z"},{"name":"fig","updated_at":"2023-11-27T22:14:51Z"},{"name":"grape","updated_at":"2023-11-28T22:14:58Z"}],"warnings":[]}
    --- stderr
    "#);
}

#[test]
fn versions() {
    let repository = golden();
    insta::assert_snapshot!(inspect(&repository, &["public/versions"]).transcript(), @r"
    exit code: 0
    --- stdout
    resource:   versions
    repository: acme
    signature:  not checked; --public-key=PATH checks it
    packages:   7

    apple       1.9.0, 1.10.0, 2.0.0-alpha, 2.0.0-rc.2, 2.0.0-rc.10, 2.0.0-rc.2-hyphen, 2.0.0
    banana      0.1.0
    cherry      0.0.1, 0.2.0
    date_fruit  3.1.4
    elder       1.0.0
    fig         0.1.0
    grape       0.1.0
    --- stderr
    ");
    insta::assert_snapshot!(inspect(&repository, &["public/versions", "--json"]).transcript(), @r#"
    exit code: 0
    --- stdout
    {"file":"public/versions","kind":"versions","repository":"acme","signature":{"holds":null,"fingerprint":null},"packages":[{"name":"apple","versions":[{"version":"1.9.0","retired":false,"with_advisories":false},{"version":"1.10.0","retired":false,"with_advisories":false},{"version":"2.0.0-alpha","retired":false,"with_advisories":false},{"version":"2.0.0-rc.2","retired":false,"with_advisories":false},{"version":"2.0.0-rc.10","retired":false,"with_advisories":false},{"version":"2.0.0-rc.2-hyphen","retired":false,"with_advisories":false},{"version":"2.0.0","retired":false,"with_advisories":false}]},{"name":"banana","versions":[{"version":"0.1.0","retired":false,"with_advisories":false}]},{"name":"cherry","versions":[{"version":"0.0.1","retired":false,"with_advisories":false},{"version":"0.2.0","retired":false,"with_advisories":false}]},{"name":"date_fruit","versions":[{"version":"3.1.4","retired":false,"with_advisories":false}]},{"name":"elder","versions":[{"version":"1.0.0","retired":false,"with_advisories":false}]},{"name":"fig","versions":[{"version":"0.1.0","retired":false,"with_advisories":false}]},{"name":"grape","versions":[{"version":"0.1.0","retired":false,"with_advisories":false}]}],"warnings":[]}
    --- stderr
    "#);
}

#[test]
fn a_package() {
    let repository = golden();
    insta::assert_snapshot!(inspect(&repository, &["public/packages/banana"]).transcript(), @r"
    exit code: 0
    --- stdout
    package:    banana
    repository: acme
    signature:  not checked; --public-key=PATH checks it
    releases:   1

    0.1.0
      inner checksum: f47b6d01463821404c99e3bc19b1b3a174491547e83faad81f562438ae44790b
      outer checksum: 9e1e01d0de70a72de46d1dc802f953070c91a2024c721013a0b04ddd8997b441
      dependency:     apple ~> 1.9
      dependency:     cherry >= 0.1.0 and < 2.0.0 (optional, app cherry_app)
      dependency:     telemetry ~> 0.4 or ~> 1.0 (repository hexpm)
    --- stderr
    ");
    insta::assert_snapshot!(inspect(&repository, &["public/packages/banana", "--json"]).transcript(), @r#"
    exit code: 0
    --- stdout
    {"file":"public/packages/banana","kind":"package","name":"banana","repository":"acme","signature":{"holds":null,"fingerprint":null},"releases":[{"version":"0.1.0","inner_checksum":"f47b6d01463821404c99e3bc19b1b3a174491547e83faad81f562438ae44790b","outer_checksum":"9e1e01d0de70a72de46d1dc802f953070c91a2024c721013a0b04ddd8997b441","published_at":null,"retired":null,"advisories":[],"dependencies":[{"package":"apple","requirement":"~> 1.9","optional":false,"app":"apple","repository":null},{"package":"cherry","requirement":">= 0.1.0 and < 2.0.0","optional":true,"app":"cherry_app","repository":null},{"package":"telemetry","requirement":"~> 0.4 or ~> 1.0","optional":false,"app":"telemetry","repository":"hexpm"}]}],"advisories":[],"warnings":[]}
    --- stderr
    "#);
}

#[test]
fn a_tarball() {
    let repository = golden();
    let tarball = "public/tarballs/banana-0.1.0.tar";
    insta::assert_snapshot!(inspect(&repository, &[tarball]).transcript(), @r"
    exit code: 0
    --- stdout
    tarball of:     banana 0.1.0
    app:            banana
    size:           5,632 bytes
    inner checksum: f47b6d01463821404c99e3bc19b1b3a174491547e83faad81f562438ae44790b
    outer checksum: 9e1e01d0de70a72de46d1dc802f953070c91a2024c721013a0b04ddd8997b441
    requirement:    apple ~> 1.9 (repository acme)
    requirement:    cherry >= 0.1.0 and < 2.0.0 (optional, app cherry_app, repository acme)
    requirement:    telemetry ~> 0.4 or ~> 1.0 (repository hexpm)
    --- stderr
    ");
    insta::assert_snapshot!(inspect(&repository, &[tarball, "--json"]).transcript(), @r#"
    exit code: 0
    --- stdout
    {"file":"public/tarballs/banana-0.1.0.tar","kind":"tarball","name":"banana","version":"0.1.0","app":"banana","size":5632,"inner_checksum":"f47b6d01463821404c99e3bc19b1b3a174491547e83faad81f562438ae44790b","outer_checksum":"9e1e01d0de70a72de46d1dc802f953070c91a2024c721013a0b04ddd8997b441","requirements":[{"package":"apple","requirement":"~> 1.9","optional":false,"app":"apple","repository":"acme"},{"package":"cherry","requirement":">= 0.1.0 and < 2.0.0","optional":true,"app":"cherry_app","repository":"acme"},{"package":"telemetry","requirement":"~> 0.4 or ~> 1.0","optional":false,"app":"telemetry","repository":"hexpm"}],"warnings":[]}
    --- stderr
    "#);
}

/// The signature is verified with the given key only, not with a `public_key` beside the file.
#[test]
fn a_signature_that_holds() {
    let repository = golden();
    let arguments = ["public/packages/banana", "--public-key=public/public_key"];
    insta::assert_snapshot!(inspect(&repository, &arguments).transcript(), @r"
    exit code: 0
    --- stdout
    package:    banana
    repository: acme
    signature:  holds; it is that of SHA256:roYMrL1Q60Kv7n0/VbgT2yw879NgEa+QKFvEt0/wKtU
    releases:   1

    0.1.0
      inner checksum: f47b6d01463821404c99e3bc19b1b3a174491547e83faad81f562438ae44790b
      outer checksum: 9e1e01d0de70a72de46d1dc802f953070c91a2024c721013a0b04ddd8997b441
      dependency:     apple ~> 1.9
      dependency:     cherry >= 0.1.0 and < 2.0.0 (optional, app cherry_app)
      dependency:     telemetry ~> 0.4 or ~> 1.0 (repository hexpm)
    --- stderr
    ");
    let key = repository.read("public/public_key");
    let arguments = ["inspect", "public/names", "--public-key=-", "--json"];
    let ran = repository.hexreg().input(&key).run(arguments).ok();
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    insta::assert_snapshot!(json["signature"], @r#"{"fingerprint":"SHA256:roYMrL1Q60Kv7n0/VbgT2yw879NgEa+QKFvEt0/wKtU","holds":true}"#);
}

#[test]
fn a_signature_that_does_not_hold() {
    let repository = golden();
    let arguments = ["public/packages/banana", "--public-key=other_key"];
    insta::assert_snapshot!(inspect(&repository, &arguments).transcript(), @r"
    exit code: 1
    --- stdout
    package:    banana
    repository: acme
    signature:  does not hold; it is not that of SHA256:bUESh9wmx18yY9JtcpqOqn6e0Z2Wcb9Ro4nfpdG8MNs
    releases:   1

    0.1.0
      inner checksum: f47b6d01463821404c99e3bc19b1b3a174491547e83faad81f562438ae44790b
      outer checksum: 9e1e01d0de70a72de46d1dc802f953070c91a2024c721013a0b04ddd8997b441
      dependency:     apple ~> 1.9
      dependency:     cherry >= 0.1.0 and < 2.0.0 (optional, app cherry_app)
      dependency:     telemetry ~> 0.4 or ~> 1.0 (repository hexpm)
    --- stderr
    error: public/packages/banana: its signature is not that of SHA256:bUESh9wmx18yY9JtcpqOqn6e0Z2Wcb9Ro4nfpdG8MNs
    hint: another key signed it, or it was changed: clients with this key refuse it
    ");
    let arguments = ["public/packages/banana", "--public-key=other_key", "--json"];
    insta::assert_snapshot!(inspect(&repository, &arguments).transcript(), @r#"
    exit code: 1
    --- stdout
    {"file":"public/packages/banana","kind":"package","name":"banana","repository":"acme","signature":{"holds":false,"fingerprint":"SHA256:bUESh9wmx18yY9JtcpqOqn6e0Z2Wcb9Ro4nfpdG8MNs"},"releases":[{"version":"0.1.0","inner_checksum":"f47b6d01463821404c99e3bc19b1b3a174491547e83faad81f562438ae44790b","outer_checksum":"9e1e01d0de70a72de46d1dc802f953070c91a2024c721013a0b04ddd8997b441","published_at":null,"retired":null,"advisories":[],"dependencies":[{"package":"apple","requirement":"~> 1.9","optional":false,"app":"apple","repository":null},{"package":"cherry","requirement":">= 0.1.0 and < 2.0.0","optional":true,"app":"cherry_app","repository":null},{"package":"telemetry","requirement":"~> 0.4 or ~> 1.0","optional":false,"app":"telemetry","repository":"hexpm"}]}],"advisories":[],"error":"public/packages/banana: its signature is not that of SHA256:bUESh9wmx18yY9JtcpqOqn6e0Z2Wcb9Ro4nfpdG8MNs","hint":"another key signed it, or it was changed: clients with this key refuse it","warnings":[]}
    --- stderr
    "#);
}

#[test]
fn an_invalid_key() {
    let repository = golden();
    let check = |key| inspect(&repository, &["public/names", "--public-key", key]).transcript();
    insta::assert_snapshot!(check("key.pem"), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: key.pem: it is a private key: expected the public key that belongs to it
    ");
    insta::assert_snapshot!(check("public/names"), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: public/names: it is not a key in PEM: expected a line -----BEGIN … KEY-----, base64 and a line -----END … KEY-----
    ");
    insta::assert_snapshot!(check("absent"), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: could not read absent: No such file or directory (os error 2)
    ");
}

/// A user who gives a key must not take a missing check for a passed one.
#[test]
fn a_tarball_bears_no_signature() {
    let arguments = ["public/tarballs/banana-0.1.0.tar", "--public-key=public/public_key"];
    insta::assert_snapshot!(inspect(&golden(), &arguments).transcript(), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: public/tarballs/banana-0.1.0.tar: a package tarball has no signature: packages/NAME has its checksums and is signed
    hint: inspect packages/NAME with the key, and compare the outer checksum
    ");
}

#[test]
fn retired_releases_and_advisories() {
    let repository = TestRepository::new();
    let retired = |reason, more: &[Vec<u8>]| field(4, [number(1, reason), more.concat()].concat());
    let advisory = [
        field(1, "GHSA-0000"),
        field(2, "reads one byte too many"),
        field(3, "https://example.com/GHSA-0000"),
        number(4, 3),
        field(6, "https://example.com/api/GHSA-0000"),
    ];
    let package = signed(&[
        release("1.0.0", &[retired(2, &[field(2, "use 1.1.0")]), number(6, 0)]),
        release("1.1.0", &[retired(4, &[]), field(7, time(1_700_000_000))]),
        release("1.2.0", &[retired(9, &[]), field(7, time(i64::MAX))]),
        release("1.3.0", &[field(7, time(-1))]),
        field(2, "foo"),
        field(3, "acme"),
        field(4, advisory.concat()),
    ]);
    repository.write("foo", &package);
    insta::assert_snapshot!(inspect(&repository, &["foo"]).ok().stdout, @r"
    package:    foo
    repository: acme
    signature:  not checked; --public-key=PATH checks it
    releases:   4

    1.0.0
      retired:        security: use 1.1.0
      inner checksum: abababababababababababababababababababababababababababababababab
      outer checksum: cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd
      advisories:     GHSA-0000

    1.1.0
      published at:   2023-11-14T22:13:20Z
      retired:        renamed
      inner checksum: abababababababababababababababababababababababababababababababab
      outer checksum: cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd

    1.2.0
      published at:   9223372036854775807
      retired:        9
      inner checksum: abababababababababababababababababababababababababababababababab
      outer checksum: cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd

    1.3.0
      published at:   1969-12-31T23:59:59Z
      inner checksum: abababababababababababababababababababababababababababababababab
      outer checksum: cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd

    advisory GHSA-0000
      severity: high
      summary:  reads one byte too many
      url:      https://example.com/GHSA-0000
    ");
    insta::assert_snapshot!(inspect(&repository, &["foo", "--json"]).ok().stdout, @r#"{"file":"foo","kind":"package","name":"foo","repository":"acme","signature":{"holds":null,"fingerprint":null},"releases":[{"version":"1.0.0","inner_checksum":"abababababababababababababababababababababababababababababababab","outer_checksum":"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd","published_at":null,"retired":{"reason":"security","message":"use 1.1.0"},"advisories":["GHSA-0000"],"dependencies":[]},{"version":"1.1.0","inner_checksum":"abababababababababababababababababababababababababababababababab","outer_checksum":"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd","published_at":"2023-11-14T22:13:20Z","retired":{"reason":"renamed","message":null},"advisories":[],"dependencies":[]},{"version":"1.2.0","inner_checksum":"abababababababababababababababababababababababababababababababab","outer_checksum":"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd","published_at":"9223372036854775807","retired":{"reason":"9","message":null},"advisories":[],"dependencies":[]},{"version":"1.3.0","inner_checksum":"abababababababababababababababababababababababababababababababab","outer_checksum":"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd","published_at":"1969-12-31T23:59:59Z","retired":null,"advisories":[],"dependencies":[]}],"advisories":[{"id":"GHSA-0000","severity":"high","summary":"reads one byte too many","html_url":"https://example.com/GHSA-0000"}],"warnings":[]}"#);

    let foo = [field(1, "foo"), field(2, "1.0.0"), field(2, "1.1.0"), field(2, "1.2.0")].concat();
    let foo = [foo, field(3, [0, 1]), field(5, [0])].concat();
    repository.write("versions", &signed(&[field(1, foo), field(2, "acme")]));
    insta::assert_snapshot!(inspect(&repository, &["versions"]).ok().stdout, @r"
    resource:   versions
    repository: acme
    signature:  not checked; --public-key=PATH checks it
    packages:   1

    foo  1.0.0 (retired, has advisories), 1.1.0 (retired), 1.2.0
    ");
    insta::assert_snapshot!(inspect(&repository, &["versions", "--json"]).ok().stdout, @r#"{"file":"versions","kind":"versions","repository":"acme","signature":{"holds":null,"fingerprint":null},"packages":[{"name":"foo","versions":[{"version":"1.0.0","retired":true,"with_advisories":true},{"version":"1.1.0","retired":true,"with_advisories":false},{"version":"1.2.0","retired":false,"with_advisories":false}]}],"warnings":[]}"#);
}

#[test]
fn an_index_out_of_range() {
    let repository = TestRepository::new();
    let rest = [field(2, "foo"), field(3, "acme")].concat();
    let package = signed(&[release("1.0.0", &[number(6, 0)]), rest]);
    repository.write("packages/foo", &package);
    insta::assert_snapshot!(inspect(&repository, &["packages/foo"]).transcript(), @r"
    exit code: 1
    --- stdout
    --- stderr
    error: packages/foo: it points at a version or an advisory that is not in it
    ");
    for index in [&[2][..], &varint(u64::MAX)] {
        let foo = [field(1, "foo"), field(2, "1.0.0"), field(3, index)].concat();
        let versions = signed(&[field(1, foo), field(2, "acme")]);
        let error = says(&versions, "versions").unwrap_err();
        assert!(matches!(error, Error::Resource(_)), "{error}");
    }
}

/// Both are the same bytes, so only the path decides.
#[test]
fn an_empty_registry() {
    let repository = TestRepository::new();
    for (path, from) in [("names", "names"), ("versions", "versions"), ("downloaded", "names")] {
        repository.write(path, &read_fixture(&format!("golden/empty/{from}")));
    }
    insta::assert_snapshot!(inspect(&repository, &["names"]).ok().stdout, @r"
    resource:   names
    repository: acme
    signature:  not checked; --public-key=PATH checks it
    packages:   0
    ");
    insta::assert_snapshot!(inspect(&repository, &["versions"]).ok().stdout, @r"
    resource:   versions
    repository: acme
    signature:  not checked; --public-key=PATH checks it
    packages:   0
    ");
    insta::assert_snapshot!(inspect(&repository, &["downloaded"]).ok().stdout, @r"
    resource:   names or versions of an empty registry, which are the same
    repository: acme
    signature:  not checked; --public-key=PATH checks it
    packages:   0
    ");
    insta::assert_snapshot!(inspect(&repository, &["downloaded", "--json"]).ok().stdout, @r#"{"file":"downloaded","kind":"names_or_versions","repository":"acme","signature":{"holds":null,"fingerprint":null},"packages":[],"warnings":[]}"#);
}

#[test]
fn a_resource_is_recognised_by_its_own_fields() {
    for path in ["names", "versions", "packages/banana"] {
        let bytes = read_fixture(&format!("{GOLDEN}/{path}"));
        let found = says(&bytes, path).unwrap();
        for elsewhere in ["x", "names", "versions", "packages/names", "packages/-"] {
            assert_eq!(says(&bytes, elsewhere).unwrap(), found, "{path} as {elsewhere}");
        }
    }
    // Names without times, and versions of packages that have none.
    let bare = signed(&[field(1, field(1, "foo")), field(2, "acme")]);
    assert!(matches!(says(&bare, "names").unwrap(), SignedResource::Names(_)));
    assert!(matches!(says(&bare, "versions").unwrap(), SignedResource::Versions(..)));
    assert!(matches!(says(&bare, "x").unwrap(), SignedResource::NamesOrVersions(_)));
    assert!(matches!(says(&bare, "packages/foo"), Err(Error::Resource(_))));
    // A package whose releases are all gone.
    let gone = signed(&[field(2, "foo"), field(3, "acme")]);
    assert!(matches!(says(&gone, "x").unwrap(), SignedResource::Package(..)));
    assert!(matches!(says(&signed(&[field(2, "a b")]), "x"), Err(Error::NoResource)));
}

#[test]
fn a_file_at_the_path_of_another() {
    let repository = golden();
    repository.write("public/packages/apple", &repository.read("public/packages/banana"));
    repository.write("public/names", &repository.read("public/versions"));
    repository.write("download.tar", &repository.read("public/tarballs/banana-0.1.0.tar"));
    repository.write("apple-0.1.0.tar", &repository.read("public/tarballs/banana-0.1.0.tar"));
    let warned = |file| inspect(&repository, &[file]).ok().stderr;
    insta::assert_snapshot!(warned("public/packages/apple"), @"warning: public/packages/apple: it holds packages/banana, and is at the path of packages/apple");
    insta::assert_snapshot!(warned("public/names"), @"warning: public/names: it holds versions, and is at the path of names");
    insta::assert_snapshot!(warned("download.tar"), @"warning: download.tar: its file name is not NAME-VERSION.tar: there is no `-` between name and version");
    insta::assert_snapshot!(warned("apple-0.1.0.tar"), @"warning: apple-0.1.0.tar: its metadata says banana-0.1.0: clients ask for that as banana-0.1.0.tar");
    let ran = inspect(&repository, &["apple-0.1.0.tar", "--json"]).ok();
    assert_eq!(ran.stderr, "");
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    insta::assert_snapshot!(json["warnings"], @r#"["apple-0.1.0.tar: its metadata says banana-0.1.0: clients ask for that as banana-0.1.0.tar"]"#);
}

#[test]
fn damaged_files() {
    let repository = golden();
    let mut flipped = repository.read("public/packages/banana");
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    repository.write("public/packages/banana", &flipped);
    let names = repository.read("public/names");
    repository.write("public/names", &names[..names.len() / 2]);
    repository.write("public/versions", b"");
    repository.write("docs.tar.gz", &gzip(b"no message"));
    let told = |file| inspect(&repository, &[file]).transcript();
    insta::assert_snapshot!(told("public/packages/banana"), @r"
    exit code: 1
    --- stdout
    --- stderr
    error: public/packages/banana: it is not gzipped, or damaged: corrupt gzip stream does not have a matching checksum
    hint: expected names, versions, packages/NAME or policies/NAME of a registry, as it is served, or a tarball
    ");
    insta::assert_snapshot!(told("public/names"), @r"
    exit code: 1
    --- stdout
    --- stderr
    error: public/names: it is not gzipped, or damaged: incomplete deflate stream
    hint: expected names, versions, packages/NAME or policies/NAME of a registry, as it is served, or a tarball
    ");
    insta::assert_snapshot!(told("public/versions"), @r"
    exit code: 1
    --- stdout
    --- stderr
    error: public/versions: it is not gzipped, or damaged: unexpected end of file
    hint: expected names, versions, packages/NAME or policies/NAME of a registry, as it is served, or a tarball
    ");
    insta::assert_snapshot!(told("docs.tar.gz"), @r"
    exit code: 1
    --- stdout
    --- stderr
    error: docs.tar.gz: it is not a signed resource
    hint: expected names, versions, packages/NAME or policies/NAME of a registry, as it is served, or a tarball
    ");
}

/// No part of a file says anything, and none makes the program panic.
#[test]
fn truncated_files() {
    let file = read_fixture(&format!("{GOLDEN}/packages/banana"));
    for length in 0..file.len() {
        assert!(says(&file[..length], "packages/banana").is_err(), "{length}");
    }
    let tarball = Tarball::new("foo", "1.0.0").build();
    for length in (0..tarball.len()).step_by(97) {
        assert!(says(&tarball[..length], "foo-1.0.0.tar").is_err(), "{length}");
    }
}

/// The same words as of a build.
#[test]
fn an_unsound_tarball() {
    let bytes = Tarball::new("foo", "1.0.0").checksum("0".repeat(64)).build();
    let repository = TestRepository::new().tarball("foo-1.0.0.tar", &bytes);
    let ran = inspect(&repository, &["public/tarballs/foo-1.0.0.tar"]);
    insta::assert_snapshot!(ran.transcript(), @r"
    exit code: 1
    --- stdout
    --- stderr
    error: public/tarballs/foo-1.0.0.tar: inner checksum mismatch: CHECKSUM says 000000000000…, the files hash to CBB712389442…
    ");
    let reason = ran.stderr.strip_prefix("error: ").unwrap();
    assert!(repository.build(&[]).stderr.contains(reason));
    // What is called a tarball is one that is unsound, whatever it is.
    repository.write_tarball("foo-1.0.0.tar", b"hello");
    let ran = inspect(&repository, &["public/tarballs/foo-1.0.0.tar", "--json"]);
    insta::assert_snapshot!(ran.transcript(), @r#"
    exit code: 1
    --- stdout
    {"file":"public/tarballs/foo-1.0.0.tar","error":"public/tarballs/foo-1.0.0.tar: it is not a tar archive","warnings":[]}
    --- stderr
    "#);
}

#[test]
fn files_that_clients_would_not_read() {
    let repository = TestRepository::new();
    repository.write_tarball("foo-1.0.0.tar", &vec![0; (16 << 20) + 1]);
    let ran = inspect(&repository, &["public/tarballs/foo-1.0.0.tar"]);
    insta::assert_snapshot!(ran.transcript(), @r"
    exit code: 1
    --- stdout
    --- stderr
    error: public/tarballs/foo-1.0.0.tar: it has more than 16777216 bytes, the most that clients accept
    ");
}

#[test]
fn other_kinds_of_file() {
    let repository = golden();
    repository.write("notes.txt", b"hello\n");
    let told = |arguments: &[&str]| inspect(&repository, arguments).transcript();
    insta::assert_snapshot!(told(&["notes.txt"]), @r"
    exit code: 1
    --- stdout
    --- stderr
    error: notes.txt: it is neither gzipped, as names, versions, packages/NAME and policies/NAME are, nor a tar archive, as packages are
    hint: expected names, versions, packages/NAME or policies/NAME of a registry, as it is served, or a tarball
    ");
    insta::assert_snapshot!(told(&["notes.txt", "--json"]), @r#"
    exit code: 1
    --- stdout
    {"file":"notes.txt","error":"notes.txt: it is neither gzipped, as names, versions, packages/NAME and policies/NAME are, nor a tar archive, as packages are","hint":"expected names, versions, packages/NAME or policies/NAME of a registry, as it is served, or a tarball","warnings":[]}
    --- stderr
    "#);
    insta::assert_snapshot!(told(&["public/public_key"]), @r"
    exit code: 1
    --- stdout
    --- stderr
    error: public/public_key: it is neither gzipped, as names, versions, packages/NAME and policies/NAME are, nor a tar archive, as packages are
    hint: expected names, versions, packages/NAME or policies/NAME of a registry, as it is served, or a tarball
    ");
    insta::assert_snapshot!(told(&["public/packages"]), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: could not read public/packages: Is a directory (os error 21)
    ");
    insta::assert_snapshot!(told(&["absent"]), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: could not read absent: No such file or directory (os error 2)
    ");
    insta::assert_snapshot!(told(&["absent", "--json"]), @r#"
    exit code: 2
    --- stdout
    {"file":"absent","error":"could not read absent: No such file or directory (os error 2)","warnings":[]}
    --- stderr
    "#);
}

#[test]
fn a_pipe_or_a_device_is_not_waited_for() {
    let repository = golden();
    let made = std::process::Command::new("mkfifo").arg(repository.path("pipe.tar")).status();
    assert!(made.unwrap().success());
    symlink("pipe.tar", repository.path("link.tar")).unwrap();
    UnixListener::bind(repository.path("socket")).unwrap();
    for file in ["pipe.tar", "link.tar", "socket", "/dev/zero"] {
        let ran = inspect(&repository, &[file]);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{file}");
        let problem = "it is a device, a pipe or a socket, not a regular file";
        let hint = "save its contents to a file, and inspect that";
        assert_eq!(ran.stderr, format!("error: could not read {file}: {problem}\nhint: {hint}\n"));
    }
}

#[test]
fn a_link_to_a_file_is_that_file() {
    let repository = golden();
    symlink("public/names", repository.path("link")).unwrap();
    let told = |file: &str| inspect(&repository, &[file]).ok().stdout;
    assert_eq!(told("link"), told("public/names"));
}

/// A file may come from an attacker, and its contents are printed on a terminal.
#[test]
fn control_characters_are_escaped() {
    let repository = TestRepository::new();
    let evil = "\x1b[2J\r\n\u{202E}x";
    let dependency = [field(1, evil), field(2, evil), field(4, evil), field(5, evil)].concat();
    let retired = [number(1, 0), field(2, evil)].concat();
    let advisory = [field(1, evil), field(2, evil), field(3, evil), field(6, "")].concat();
    let file = signed(&[
        release("1.0.0", &[field(3, dependency), field(4, retired), number(6, 0)]),
        field(2, "foo"),
        field(3, "acme"),
        field(4, advisory),
    ]);
    repository.write("\x1b[31mfoo", &file);
    let ran = inspect(&repository, &["\x1b[31mfoo"]).ok();
    insta::assert_snapshot!(ran.stdout, @r"
    package:    foo
    repository: acme
    signature:  not checked; --public-key=PATH checks it
    releases:   1

    1.0.0
      retired:        other: \u{1b}[2J\r\n\u{202e}x
      inner checksum: abababababababababababababababababababababababababababababababab
      outer checksum: cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd
      advisories:     \u{1b}[2J\r\n\u{202e}x
      dependency:     \u{1b}[2J\r\n\u{202e}x \u{1b}[2J\r\n\u{202e}x (repository \u{1b}[2J\r\n\u{202e}x)

    advisory \u{1b}[2J\r\n\u{202e}x
      summary: \u{1b}[2J\r\n\u{202e}x
      url:     \u{1b}[2J\r\n\u{202e}x
    ");
    let json = inspect(&repository, &["\x1b[31mfoo", "--json"]).ok().stdout;
    for printed in [ran.stdout, json] {
        assert!(!printed.contains('\x1b') && !printed.contains('\r'), "{printed:?}");
    }
    let mut told = inspect(&repository, &["\x1b[31mabsent"]).stderr;
    insta::assert_snapshot!(told, @r"error: could not read \u{1b}[31mabsent: No such file or directory (os error 2)");
    told.retain(char::is_control);
    assert_eq!(told, "\n");
}
