//! Signed policies beside a registry: read, verified, inspected, signed anew and pushed.

#[cfg(feature = "buckets")]
mod bucket;
mod commands;
pub mod company;
mod interrupted;
mod why;

use hexreg::policy::{OverrideAction, Policy, RepositoryPolicy};
use hexreg::registry::Payload;

use crate::support::protobuf::{self, extend, unknown_field};
use crate::support::repository::TestRepository;
use crate::support::signed::{payload, policy, write_policy};

const KEY: &str = "acme-2048.pem";
const OTHER_KEY: &str = "acme-4096.pem";

/// `foo` 1.0.0, and the policy `strict`.
fn governed() -> TestRepository {
    let repository = TestRepository::new().release("foo", "1.0.0");
    repository.build(&[]).ok();
    write_policy(&repository, "public/policies/strict", &policy("strict"), KEY);
    repository
}

fn strict(repository: &TestRepository) -> Policy {
    Policy::decode(&Payload::from_bytes(payload(repository, "public/policies/strict").into()))
        .unwrap()
}

#[test]
fn unknown_fields_and_numbers_survive() {
    let mut policy = policy("strict");
    policy.repositories[0].overrides[0].action = OverrideAction::Unknown(9);
    let mut count = 0;
    let extended = extend(policy.encode().as_bytes(), &protobuf::POLICY, &mut || {
        count += 1;
        unknown_field(&format!("tag-{count}"))
    });
    // Two overrides with what they refer to, the restriction, the part about hexpm, and all of it.
    assert_eq!(count, 7);
    let extended = Payload::from_bytes(extended.into());
    let read = Policy::decode(&extended).unwrap();
    assert_eq!(read.repositories[0].overrides[0].action, OverrideAction::Unknown(9));
    assert_eq!(read.encode(), extended);
    assert_eq!(Policy::decode(&policy.encode()).unwrap(), policy);
}

#[test]
fn a_sound_policy_is_no_problem() {
    let repository = governed();
    let ran = repository.hexreg().run(["verify", "public"]).ok();
    assert_eq!(ran.stderr, "");
    // Alone, too: projects may name it before there is a package.
    let repository = TestRepository::new();
    repository.build(&[]).ok();
    write_policy(&repository, "public/policies/strict", &policy("strict"), KEY);
    repository.hexreg().run(["verify", "public"]).ok();
}

#[test]
fn a_policy_that_clients_refuse_is_a_problem() {
    let repository = governed();
    write_policy(&repository, "public/policies/forged", &policy("forged"), OTHER_KEY);
    write_policy(&repository, "public/policies/loose", &policy("strict"), KEY);
    let elsewhere = Policy { repository: "other".parse().unwrap(), ..policy("elsewhere") };
    write_policy(&repository, "public/policies/elsewhere", &elsewhere, KEY);
    repository.write("public/policies/damaged", b"junk");
    repository.write("public/policies/README", b"junk");
    repository.write("public/policies/.hexreg-abc.tmp", b"junk");
    repository.write("public/policies/names", &repository.read("public/names"));
    insta::assert_snapshot!(repository.hexreg().run(["verify", "public"]).transcript(), @r"
    exit code: 1
    --- stdout
    public/policies/.hexreg-abc.tmp: a process that was killed left it; the next build removes it, or a server that begins to publish
    public/policies/README: it does not belong to a registry
    public/policies/damaged: it is not gzipped, or damaged: unexpected end of file
    public/policies/elsewhere: it is of the repository other, not of acme: clients refuse it
    public/policies/forged: its signature is not that of SHA256:roYMrL1Q60Kv7n0/VbgT2yw879NgEa+QKFvEt0/wKtU
    public/policies/loose: it is the policy strict: clients refuse it
    public/policies/names: it is not the message that belongs there: failed to decode Protobuf message: Policy.repository: invalid string value: data is not UTF-8 encoded
    acme: 1 package, 1 release; 7 problems
    --- stderr
    ");
}

#[test]
fn what_clients_ignore_is_a_problem() {
    let repository = governed();
    let mut inert = policy("strict");
    inert.repositories[0].overrides[1].package.requirement = Some(">= 2".to_owned());
    inert.repositories[0].overrides[0].comment = Some("x".repeat(501));
    inert.repositories[0].restriction.as_mut().unwrap().cooldown = Some("7 days".to_owned());
    let second = RepositoryPolicy { overrides: Vec::new(), ..inert.repositories[0].clone() };
    inert.repositories.push(second);
    write_policy(&repository, "public/policies/strict", &inert, KEY);
    insta::assert_snapshot!(repository.hexreg().run(["verify", "public"]).transcript(), @r#"
    exit code: 1
    --- stdout
    public/policies/strict: repository "hexpm": cooldown "7 days": it is ignored: expected 0, or a number followed by d, w or mo
    public/policies/strict: repository "hexpm": override 1 (deny miner): it is ignored: its comment has 501 characters, more than 500
    public/policies/strict: repository "hexpm": override 2 (deny foo >= 2): it is ignored: ">= 2" is not a version requirement
    public/policies/strict: repository "hexpm": all of it: clients use only the first part about this repository
    acme: 1 package, 1 release; 4 problems
    --- stderr
    "#);
    // Upstream has signed it: in a mirror it cannot be repaired.
    repository.write("public/.hexreg-mirror/state", b"");
    let ran = repository.hexreg().run(["verify", "public"]).ok();
    assert_eq!(ran.stderr.lines().count(), 4, "{}", ran.stderr);
    let ran = repository.hexreg().run(["inspect", "public/policies/strict", "--json"]).ok();
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(json["warnings"].as_array().unwrap().len(), 4, "{json}");
}

#[test]
fn a_policy_is_inspected() {
    let repository = governed();
    let mut policy = policy("strict");
    let part = &mut policy.repositories[0];
    let mut advisory = part.overrides[1].clone();
    advisory.action = OverrideAction::Advisory;
    advisory.advisory_id = Some("CVE-2026-1".to_owned());
    part.overrides.push(advisory);
    let bare = RepositoryPolicy {
        repository: "acme".to_owned(),
        restriction: None,
        overrides: Vec::new(),
        unknown: part.unknown.clone(),
    };
    policy.repositories.push(bare);
    write_policy(&repository, "public/policies/strict", &policy, KEY);
    let inspect = |more: &[&str]| {
        let arguments = ["inspect", "public/policies/strict"];
        repository.hexreg().run(arguments.iter().chain(more).copied()).ok().stdout
    };
    insta::assert_snapshot!(inspect(&["--public-key=public/public_key"]), @r"
    policy:      strict
    repository:  acme
    signature:   holds; it is that of SHA256:roYMrL1Q60Kv7n0/VbgT2yw879NgEa+QKFvEt0/wKtU
    visibility:  private
    description: what may go into production

    packages of hexpm
      min severity: high
      retired for:  invalid, security
      cooldown:     7d
      override:     deny miner
      override:     deny foo >= 2.0.0: it mines
      override:     advisory foo >= 2.0.0 (CVE-2026-1): it mines

    packages of acme
    ");
    insta::assert_snapshot!(inspect(&["--json"]), @r#"{"file":"public/policies/strict","kind":"policy","name":"strict","repository":"acme","signature":{"holds":null,"fingerprint":null},"description":"what may go into production","visibility":"private","repositories":[{"repository":"hexpm","restriction":{"advisory_min_severity":"high","retirement_reasons":["invalid","security"],"cooldown":"7d"},"overrides":[{"action":"deny","package":"miner","requirement":null,"advisory_id":null,"retirement_reason":null,"comment":null},{"action":"deny","package":"foo","requirement":">= 2.0.0","advisory_id":null,"retirement_reason":null,"comment":"it mines"},{"action":"advisory","package":"foo","requirement":">= 2.0.0","advisory_id":"CVE-2026-1","retirement_reason":null,"comment":"it mines"}]},{"repository":"acme","restriction":null,"overrides":[]}],"warnings":[]}"#);
    // Wherever it lies, it is known for what it is.
    repository.write("policy", &repository.read("public/policies/strict"));
    let ran = repository.hexreg().run(["inspect", "policy"]).ok();
    assert!(ran.stdout.starts_with("policy:      strict\n"), "{}", ran.stdout);
    repository.write("public/policies/loose", &repository.read("public/policies/strict"));
    let ran = repository.hexreg().run(["inspect", "public/policies/loose"]).ok();
    let misplaced = "it holds policies/strict, and is at the path of policies/loose";
    assert!(ran.stderr.contains(misplaced), "{}", ran.stderr);
}

#[test]
fn a_build_leaves_policies_alone() {
    let repository = governed();
    write_policy(&repository, "public/policies/forged", &policy("forged"), OTHER_KEY);
    repository.write_key("other.pem", "golden/keys/acme-4096.pem");
    let before = repository.served();
    for more in [&[][..], &["--no-cache"], &["--fresh"]] {
        let ran = repository.build(more).ok();
        assert!(ran.stdout.contains("nothing has changed"), "{}", ran.stdout);
        assert!(repository.served() == before);
    }
}

/// Clients that have the new key refuse what the old one signed, and with it each project that names it.
#[test]
fn a_build_with_another_key_signs_them_anew() {
    let repository = governed().key(OTHER_KEY);
    let elsewhere = Policy { repository: "other".parse().unwrap(), ..policy("elsewhere") };
    write_policy(&repository, "public/policies/elsewhere", &elsewhere, KEY);
    write_policy(&repository, "public/policies/ready", &policy("ready"), OTHER_KEY);
    repository.write("public/policies/damaged", b"junk");
    let message = payload(&repository, "public/policies/strict");
    let others = ["elsewhere", "ready", "damaged"].map(|name| format!("public/policies/{name}"));
    let before = others.clone().map(|path| repository.read(&path));
    let ran = repository.build(&["--rotate-key", "--dry-run"]).ok();
    assert!(ran.stdout.contains("updating public/policies/strict"), "{}", ran.stdout);
    insta::assert_snapshot!(repository.build(&["--rotate-key"]).transcript(), @r"
    exit code: 0
    --- stdout
    * updating public/packages/foo
    * updating public/policies/strict
    * updating public/versions
    * updating public/names
    * updating public/public_key
    acme: 1 package, 1 release; 0 created, 5 updated, 0 removed
    --- stderr
    warning: public/policies/damaged left alone: the former key did not sign it for this repository, so clients refuse it
    warning: public/policies/elsewhere left alone: the former key did not sign it for this repository, so clients refuse it
    ");
    assert_eq!(payload(&repository, "public/policies/strict"), message);
    assert_eq!(others.map(|path| repository.read(&path)), before);
    repository.remove("public/policies/elsewhere");
    repository.remove("public/policies/damaged");
    repository.hexreg().run(["verify", "public"]).ok();
    // It is done once.
    let ran = repository.build(&["--rotate-key"]).ok();
    assert!(ran.stdout.contains("nothing has changed"), "{}", ran.stdout);
}

fn push(repository: &TestRepository, more: &[&str]) -> crate::support::hexreg::Ran {
    repository.hexreg().run(["push", "public", "there"].iter().chain(more).copied())
}

#[test]
fn a_push_carries_policies_and_loses_no_override() {
    let repository = governed();
    push(&repository, &[]).ok();
    let there = || repository.files("there", |_| true);
    assert_eq!(there()["policies/strict"], repository.read("public/policies/strict"));
    assert!(push(&repository, &[]).ok().stdout.contains("nothing has changed"));

    // More is denied, and the cooldown is another one.
    let mut stricter = policy("strict");
    let part = &mut stricter.repositories[0];
    part.overrides.push(part.overrides[0].clone());
    part.overrides[2].package.package = "worm".to_owned();
    part.restriction.as_mut().unwrap().cooldown = Some("2w".to_owned());
    write_policy(&repository, "public/policies/strict", &stricter, KEY);
    push(&repository, &[]).ok();
    assert_eq!(strict(&repository), stricter);
    assert_eq!(there()["policies/strict"], repository.read("public/policies/strict"));

    // A checkout that does not know of it yet.
    write_policy(&repository, "public/policies/strict", &policy("strict"), KEY);
    let before = there();
    insta::assert_snapshot!(push(&repository, &[]).transcript(), @r"
    exit code: 1
    --- stdout
    --- stderr
    error: failed to push public to there: published data would be overwritten or removed in 1 place
      there/policies/strict: policies/strict there has an override, or a restriction of a repository, that it has not here
    hint: nothing was written; another writer may have changed it there: bring those releases here and build again, retire here what is retired there, or give --overwrite to lose them
    ");
    assert!(there() == before);
    push(&repository, &["--overwrite"]).ok();
    assert_eq!(there()["policies/strict"], repository.read("public/policies/strict"));

    // What is there and not here stays, unless all but this is to go.
    repository.remove("public/policies/strict");
    push(&repository, &[]).ok();
    assert!(there().contains_key("policies/strict"));
    push(&repository, &["--overwrite"]).ok();
    assert!(!there().contains_key("policies/strict"));
}

#[test]
fn a_push_refuses_a_policy_that_clients_would_refuse() {
    for (name, policy, signer) in [
        ("strict", policy("strict"), OTHER_KEY),
        ("strict", policy("loose"), KEY),
        ("strict", Policy { repository: "other".parse().unwrap(), ..policy("strict") }, KEY),
    ] {
        let repository = governed();
        write_policy(&repository, &format!("public/policies/{name}"), &policy, signer);
        let ran = push(&repository, &[]);
        assert_eq!(ran.code, 1, "{}", ran.transcript());
        assert!(ran.stderr.contains("public/policies/strict cannot be pushed"), "{}", ran.stderr);
        assert!(repository.files("there", |_| true).is_empty());
    }
}
