//! `hexreg policy why`: which releases a policy hides.

use std::sync::Arc;

use hexreg::package::{Advisory, Retirement, RetirementReason, Severity, Timestamp, UnixSeconds};
use hexreg::unknown_fields::UnknownFields;

use crate::support::hexreg::Ran;
use crate::support::repository::TestRepository;
use crate::support::signed::{edit, key};

const RULES: &str = r#"[[repository]]
name = "acme"
minimum-severity = "high"
retired = ["security"]
cooldown = "999mo"
deny = [{ package = "foo", requirement = "~> 1.0", comment = "SEC-12" }]
allow = [{ package = "foo", requirement = "== 2.0.0" }]
except = [
  { package = "foo", requirement = "== 4.0.0", advisory = "CVE-2026-1", comment = "not reachable" },
  { package = "foo", requirement = "== 4.0.0", cooldown = true },
]
"#;

/// `foo` in five versions: 1.0.0 is plain, 2.0.0 is retired, 3.0.0 and 4.0.0 have an advisory; all but 5.0.0 say when
/// they were published.
fn repository() -> TestRepository {
    let mut repository = TestRepository::new();
    for version in ["1.0.0", "2.0.0", "3.0.0", "4.0.0", "5.0.0"] {
        repository = repository.release("foo", version);
    }
    repository.build(&[]).ok();
    let advisory = Arc::new(Advisory {
        id: "GHSA-1".to_owned(),
        summary: "it mines".to_owned(),
        severity: Some(Severity::Critical),
        cvss_score: None,
        html_url: "https://example.com/GHSA-1".to_owned(),
        api_url: "https://example.com/GHSA-1.json".to_owned(),
        aliases: vec!["CVE-2026-1".to_owned()],
        unknown: UnknownFields::default(),
    });
    edit(&repository, "public/packages/foo", &key("acme-2048.pem"), |release| {
        let version = release.version.to_string();
        let remarks = &mut release.remarks;
        if version != "5.0.0" {
            let seconds = UnixSeconds(1_700_000_000);
            remarks.published_at =
                Some(Timestamp { seconds, nanos: 0, unknown: UnknownFields::default() });
        }
        if version == "2.0.0" || version == "3.0.0" {
            remarks.retired = Some(Retirement::new(RetirementReason::Security, None));
        }
        if version == "3.0.0" || version == "4.0.0" {
            remarks.advisories = vec![Arc::clone(&advisory)];
        }
    });
    repository.write("strict.toml", RULES.as_bytes());
    repository
}

fn why(repository: &TestRepository, arguments: &[&str]) -> Ran {
    repository.hexreg().run([&["policy", "why"], arguments].concat())
}

const TOML: [&str; 5] = ["foo", "--policy", "strict.toml", "--from", "public"];

#[test]
fn every_rule_says_why_it_hides() {
    let repository = repository();
    insta::assert_snapshot!(why(&repository, &TOML).transcript(), @r"
    exit code: 0
    --- stdout
    acme/foo under strict.toml
      1.0.0  hidden: the policy denies it (deny foo ~> 1.0: SEC-12)
      2.0.0  allowed (allow foo == 2.0.0)
      3.0.0  hidden: it has a security advisory of severity high or above: GHSA-1; it is retired (security); it was published less than 999mo ago: old enough on 2105-12-04
      4.0.0  allowed (except CVE-2026-1 of foo == 4.0.0: not reachable; except the cooldown of foo == 4.0.0)
      5.0.0  allowed
    --- stderr
    warning: strict.toml:9: Hex 2.5.0 and 2.5.1 ignore `except`, so they hide the release that it is about; let developers update Hex by `mix local.hex`, or use `allow`
    ");
}

#[test]
fn one_version_is_judged() {
    let repository = repository();
    let version = |version| why(&repository, &[&TOML[..], &[version]].concat());
    insta::assert_snapshot!(version("4.0.0").transcript(), @r"
    exit code: 0
    --- stdout
    acme/foo under strict.toml
      4.0.0  allowed (except CVE-2026-1 of foo == 4.0.0: not reachable; except the cooldown of foo == 4.0.0)
    --- stderr
    warning: strict.toml:9: Hex 2.5.0 and 2.5.1 ignore `except`, so they hide the release that it is about; let developers update Hex by `mix local.hex`, or use `allow`
    ");
    insta::assert_snapshot!(version("9.0.0").transcript(), @r"
    exit code: 1
    --- stdout
    --- stderr
    error: acme has no foo 9.0.0
    hint: leave VERSION out to see all versions
    ");
}

#[test]
fn as_json() {
    let repository = repository();
    let ran = why(&repository, &[&TOML[..], &["1.0.0", "--json"]].concat());
    insta::assert_snapshot!(ran.transcript(), @r#"
    exit code: 0
    --- stdout
    {"policy":"strict.toml","repository":"acme","package":"foo","has_rules":true,"releases":[{"version":"1.0.0","allowed":false,"reasons":[{"rule":"deny","reason":"the policy denies it"}],"overrides":[{"action":"deny","package":"foo","requirement":"~> 1.0","advisory_id":null,"retirement_reason":null,"comment":"SEC-12"}],"locked_by":[]}],"warnings":["strict.toml:9: Hex 2.5.0 and 2.5.1 ignore `except`, so they hide the release that it is about; let developers update Hex by `mix local.hex`, or use `allow`"]}
    --- stderr
    "#);
}

#[test]
fn what_a_lock_file_pins_is_kept() {
    let repository = repository();
    let lock =
        "%{\n  \"foo\": {:hex, :foo, \"1.0.0\", \"INNER\", [:mix], [], \"acme\", \"OUTER\"},\n}\n";
    let lock = lock.replace("INNER", &"a".repeat(64)).replace("OUTER", &"b".repeat(64));
    repository.write("mix.lock", lock.as_bytes());
    let ran = why(&repository, &[&TOML[..], &["1.0.0", "--lock=mix.lock"]].concat());
    insta::assert_snapshot!(ran.transcript(), @r"
    exit code: 0
    --- stdout
    acme/foo under strict.toml
      1.0.0  hidden: the policy denies it (deny foo ~> 1.0: SEC-12); mix.lock pins it: mix keeps it
    --- stderr
    warning: strict.toml:9: Hex 2.5.0 and 2.5.1 ignore `except`, so they hide the release that it is about; let developers update Hex by `mix local.hex`, or use `allow`
    ");
}

/// hex.pm signs the packages of `hexpm:acme` as those of `acme`.
#[test]
fn an_organisation_is_called_as_clients_do() {
    let repository = repository();
    let rules = "[[repository]]\nname = \"hexpm:acme\"\ndeny = [{ package = \"foo\" }]\n";
    repository.write("strict.toml", rules.as_bytes());
    let plain = why(&repository, &[&TOML[..], &["1.0.0"]].concat());
    insta::assert_snapshot!(plain.transcript(), @r"
    exit code: 0
    --- stdout
    acme/foo under strict.toml: the policy has no rules for this repository
      1.0.0  allowed
    --- stderr
    ");
    let named = why(&repository, &[&TOML[..], &["1.0.0", "--repository=hexpm:acme"]].concat());
    insta::assert_snapshot!(named.transcript(), @r"
    exit code: 0
    --- stdout
    hexpm:acme/foo under strict.toml
      1.0.0  hidden: the policy denies it (deny foo)
    --- stderr
    ");
}

#[test]
fn a_signed_policy_in_a_file() {
    let repository = repository();
    let set = ["policy", "set", "strict", "--file", "strict.toml", "--to", "public", "--name=acme"];
    repository.hexreg().run([&set[..], &["--private-key=key.pem"]].concat()).ok();
    let with = |policy: &str, more: &[&str]| {
        let arguments = ["foo", "1.0.0", "--from", "public", "--policy", policy];
        why(&repository, &[&arguments[..], more].concat())
    };
    insta::assert_snapshot!(with("public/policies/strict", &[]).transcript(), @r"
    exit code: 0
    --- stdout
    acme/foo under acme/strict
      1.0.0  hidden: the policy denies it (deny foo ~> 1.0: SEC-12)
    --- stderr
    ");
    repository.write("copy", &repository.read("public/policies/strict"));
    insta::assert_snapshot!(with("copy", &[]).transcript(), @r"
    exit code: 0
    --- stdout
    acme/foo under acme/strict
      1.0.0  hidden: the policy denies it (deny foo ~> 1.0: SEC-12)
    --- stderr
    warning: copy: its signature is not checked; --public-key=PATH checks it
    ");
    assert_eq!(with("copy", &["--public-key=public/public_key"]).ok().stderr, "");
    let other = crate::support::read_fixture("golden/keys/hexpm-public.pem");
    repository.write("other.pem", &other);
    insta::assert_snapshot!(with("copy", &["--public-key=other.pem"]).transcript(), @r"
    exit code: 1
    --- stdout
    --- stderr
    error: copy: another key signed it
    hint: give the --public-key that signed it
    ");
    insta::assert_snapshot!(with("public/packages/foo", &[]).transcript(), @r"
    exit code: 1
    --- stdout
    --- stderr
    error: public/packages/foo is not a policy
    hint: give policies/NAME, or a policy in TOML
    ");
    insta::assert_snapshot!(with("absent.toml", &[]).transcript(), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: could not read absent.toml: No such file or directory (os error 2)
    ");
}

#[test]
fn a_package_that_is_missing() {
    let repository = repository();
    let ran = why(&repository, &["bar", "--policy", "strict.toml", "--from", "public"]);
    insta::assert_snapshot!(ran.transcript(), @r"
    exit code: 1
    --- stdout
    --- stderr
    error: the registry has no package bar
    hint: --from names the registry: a directory, a bucket or a URL
    ");
}

#[cfg(all(feature = "mirror", feature = "serve"))]
#[test]
fn policy_and_packages_at_a_url() {
    use crate::support::server::Server;

    let repository = repository();
    let set = ["policy", "set", "strict", "--file", "strict.toml", "--to", "public", "--name=acme"];
    repository.hexreg().run([&set[..], &["--private-key=key.pem"]].concat()).ok();
    let server = Server::of(&repository, &[]);
    let url = format!("http://{}", server.address);
    let policy = format!("{url}/policies/strict");
    let ran = |more: &[&str]| {
        let arguments = ["foo", "1.0.0", "--from", &url, "--policy", &policy];
        let ran = why(&repository, &[&arguments[..], more].concat());
        ran.transcript().replace(&url, "http://HOST")
    };
    insta::assert_snapshot!(ran(&["--public-key=public/public_key"]), @r"
    exit code: 0
    --- stdout
    acme/foo under acme/strict
      1.0.0  hidden: the policy denies it (deny foo ~> 1.0: SEC-12)
    --- stderr
    ");
    insta::assert_snapshot!(ran(&[]), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: the public key of http://HOST/ is not known
    hint: give --public-key=PATH
    ");
    let other = crate::support::read_fixture("golden/keys/hexpm-public.pem");
    repository.write("other.pem", &other);
    insta::assert_snapshot!(ran(&["--public-key=other.pem"]), @r"
    exit code: 1
    --- stdout
    --- stderr
    error: could not read http://HOST/policies/strict: its signature is not that of SHA256:O1LOYhHFW4kcrblKAxROaDEzLD8bn1seWbe5tq8TRsk
    hint: give the --public-key that signed it, if that is another one
    ");
    let show = ["policy", "show", "strict", "--from", &url, "--public-key=public/public_key"];
    let shown = repository.hexreg().run(show).ok();
    assert!(shown.stdout.contains("deny foo ~> 1.0: SEC-12"), "{}", shown.stdout);
}

#[cfg(not(feature = "mirror"))]
#[test]
fn without_the_feature_no_url_is_read() {
    let repository = repository();
    let ran = why(&repository, &["foo", "--policy", "strict.toml"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("without the feature `mirror`"), "{}", ran.stderr);
}
