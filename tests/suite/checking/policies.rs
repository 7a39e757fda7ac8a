//! Several policies, signed ones, and what is advised.

use super::company::Company;
use super::rules::{broken, check};
use crate::support::tarball::Tarball;

#[test]
fn several_policies_are_all_applied() {
    let company = Company::new();
    let entry = company.mix_entry("denied", "1.0.0", "hexpm");
    let later = "[[repository]]\nname = \"hexpm\"\ndeny = [{ package = \"denied\", requirement = \">= 1.1.0\" }]\n";
    company.repository.write("later.toml", later.as_bytes());
    company.repository.write("mix.lock", format!("%{{\n{entry}}}\n").as_bytes());
    let ran = company.check("mix.lock", &["--policy=later.toml"]);
    // What one shows, the other hides.
    insta::assert_snapshot!(ran.transcript(), @r"
    exit code: 1
    --- stdout
    mix.lock:2: hexpm/denied 1.0.0: policy strict.toml denies it (deny denied < 1.1.0: SEC-12) [denied]
      no version of it is allowed: use another package, or add an exception to the policy
    1 lock file, 1 dependency: 1 finding
    --- stderr
    ");
}

#[test]
fn a_signed_policy_is_applied() {
    let company = Company::new();
    let set = ["policy", "set", "strict", "--file=strict.toml", "--to=public", "--name=acme"];
    let set = company.repository.hexreg().run([&set[..], &["--private-key=key.pem"]].concat()).ok();
    insta::assert_snapshot!(set.stderr, @"warning: `licenses`, `allow-public`, `git` and `except` of a `license` are not part of the signed policy: `hexreg check` alone applies them");
    let check = ["check", "--lock=mix.lock", "--from=hex", "--policy=public/policies/strict"];
    let ran = company.repository.hexreg().run(check);
    // A signed policy has no licences; acme is no --from.
    assert_eq!(
        broken(&ran),
        ["denied", "advisory", "retired", "cooldown", "unknown-repository", "git"],
        "{}",
        ran.transcript()
    );
    assert!(ran.stdout.contains("policy acme/strict: "), "{}", ran.stdout);
}

/// Either of two policies may be the one that hides a release, or does not accept its licence.
#[test]
fn each_of_several_policies_is_applied() {
    let company = Company::new();
    let (sound, either) = (
        company.mix_entry("sound", "1.0.0", "hexpm"),
        company.mix_entry("either", "1.0.0", "hexpm"),
    );
    company.repository.write("mix.lock", format!("%{{\n{sound}{either}}}\n").as_bytes());
    let more = "[[repository]]\nname = \"hexpm\"\ndeny = [{ package = \"sound\" }]\nlicenses = [\"MIT\"]\n";
    company.repository.write("more.toml", more.as_bytes());
    let both = |policies: [&str; 2]| {
        let policies = policies.map(|policy| format!("--policy={policy}"));
        let usual = ["check", "--lock=mix.lock", "--from=hex"];
        company.repository.hexreg().run(usual.into_iter().chain(policies.iter().map(|one| &**one)))
    };
    for policies in [["strict.toml", "more.toml"], ["more.toml", "strict.toml"]] {
        let ran = both(policies);
        assert_eq!(broken(&ran), ["denied", "license"], "{}", ran.transcript());
        assert!(
            ran.stdout.contains("either 1.0.0: policy more.toml: its licence"),
            "{}",
            ran.stdout
        );
    }
}

/// A project should neither move to a release that its author withdrew, nor to one that is no release yet.
#[test]
fn what_is_advised_is_neither_retired_nor_a_pre_release() {
    let company = Company::new();
    let add = |version: &str| {
        let file = format!("moving-{version}.tar");
        company.repository.write(&file, &Tarball::new("moving", version).build());
        let to = ["--to=hex", "--name=hexpm", "--private-key=hex.pem"];
        company.repository.hexreg().run(["add", &file].into_iter().chain(to)).ok();
    };
    let policy = "[[repository]]\nname = \"hexpm\"\ndeny = [{ package = \"moving\", requirement = \"== 1.0.0\" }]\n";
    add("1.0.0");
    let locked = company.mix_entry("moving", "1.0.0", "hexpm");
    let advised = || {
        let ran = check(&company, policy, &[&locked]);
        assert_eq!(broken(&ran), ["denied"], "{}", ran.transcript());
        let advice = ran.stdout.lines().nth(1).unwrap().trim_start().to_owned();
        advice.split(' ').next().unwrap().to_owned()
    };
    assert_eq!(advised(), "no");
    add("2.0.0-rc.1");
    assert_eq!(advised(), "2.0.0-rc.1");
    add("1.1.0");
    assert_eq!(advised(), "1.1.0");
    add("1.2.0");
    assert_eq!(advised(), "1.2.0");
    let retire = ["retire", "moving", "1.2.0", "--reason=renamed"];
    let to = ["--to=hex", "--name=hexpm", "--private-key=hex.pem"];
    company.repository.hexreg().run(retire.into_iter().chain(to)).ok();
    assert_eq!(advised(), "1.1.0");
}
