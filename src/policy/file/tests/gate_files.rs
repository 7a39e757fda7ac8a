//! Rules that `hexreg check` alone applies.

use super::read;
use crate::policy::{AcceptedGit, GateRules, RepositoryGate};

#[track_caller]
fn faults(text: &str) -> String {
    read(text).unwrap_err().to_string()
}

const ALL: &str = r#"git = [{ app = "tool", url = "https://git.example.com/tool.git", comment = "SEC-9" }]

[[repository]]
name = "hexpm"
licenses = ["MIT", "Apache 2.0"]
except = [
  { package = "plug", license = true, comment = "asked its authors" },
  { package = "plug", cooldown = true },
]

[[repository]]
name = "acme"
allow-public = ["acme_client"]
"#;

#[test]
fn every_rule_is_read() {
    let file = read(ALL).unwrap();
    let plug = file.policy.repositories[0].overrides[0].package.clone();
    let of = |repository: &str| RepositoryGate {
        repository: repository.to_owned(),
        ..RepositoryGate::default()
    };
    let hexpm = RepositoryGate {
        licenses: Some(vec!["MIT".to_owned(), "Apache 2.0".to_owned()]),
        any_license: vec![plug],
        ..of("hexpm")
    };
    let acme = RepositoryGate { allow_public: vec!["acme_client".to_owned()], ..of("acme") };
    let url = "https://git.example.com/tool.git".to_owned();
    let git = vec![AcceptedGit { app: "tool".to_owned(), url, commit: None }];
    assert_eq!(file.gate, GateRules { repositories: vec![hexpm, acme], git });
}

/// A signed policy has no fields for them.
#[test]
fn none_is_a_part_of_the_policy() {
    let without = r#"[[repository]]
name = "hexpm"
except = [{ package = "plug", cooldown = true }]

[[repository]]
name = "acme"
"#;
    assert_eq!(read(ALL).unwrap().policy, read(without).unwrap().policy);
    assert!(read(without).unwrap().gate.is_empty());
}

/// Such a repository restricts what is checked, if not what mix resolves.
#[test]
fn a_repository_with_licences_alone_restricts_something() {
    let file = read("[[repository]]\nname = \"hexpm\"\nlicenses = [\"MIT\"]\n").unwrap();
    assert_eq!(file.warnings, []);
}

#[test]
fn licences_that_are_a_text() {
    assert_eq!(
        faults("[[repository]]\nname = \"hexpm\"\nlicenses = \"MIT\"\n"),
        r#"line 3: `licenses` is a string: expected an array; write licenses = ["Apache-2.0"]"#
    );
}

#[test]
fn a_licence_that_is_empty() {
    assert_eq!(
        faults("[[repository]]\nname = \"hexpm\"\nlicenses = [\"MIT\", \" \"]\n"),
        r#"line 3: `licenses` has an empty text; write an SPDX identifier, such as "MIT", or a licence as packages write it"#
    );
}

#[test]
fn an_exception_without_licences() {
    assert_eq!(
        faults(
            "[[repository]]\nname = \"hexpm\"\nexcept = [{ package = \"plug\", license = true }]\n"
        ),
        r#"line 1: `except` accepts a licence, and no `licenses` are listed: each is accepted; add licenses = ["MIT", "Apache-2.0"], or remove the exception"#
    );
}

#[test]
fn an_exception_of_a_licence_by_name() {
    assert_eq!(
        faults(
            "[[repository]]\nname = \"hexpm\"\nlicenses = []\nexcept = [{ package = \"plug\", license = \"GPL\" }]\n"
        ),
        "line 4: `license` of `except` can only be true; write license = true, or leave it out"
    );
}

#[test]
fn an_exception_of_a_licence_and_more() {
    assert_eq!(
        faults(
            "[[repository]]\nname = \"hexpm\"\nlicenses = []\nexcept = [{ package = \"plug\", license = true, cooldown = true }]\n"
        ),
        "line 4: `except` accepts one thing: clients ignore an entry with more; write one entry for each of \
         advisory, retired, cooldown and license"
    );
}

#[test]
fn a_public_name_that_is_none() {
    assert_eq!(
        faults("[[repository]]\nname = \"acme\"\nallow-public = [\"Acme\"]\n"),
        r#"line 3: "Acme" is not a package name: expected a lowercase letter, then letters, digits or _; write the name as it is in mix.lock"#
    );
}

#[test]
fn git_without_a_url() {
    assert_eq!(
        faults("git = [{ app = \"tool\" }]\n[[repository]]\nname = \"acme\"\ncooldown = \"7d\"\n"),
        r#"line 1: `git` has no `url`; add url = "https://git.example.com/tool.git""#
    );
}

#[test]
fn git_with_a_key_that_it_does_not_have() {
    assert_eq!(
        faults(
            "git = [{ app = \"tool\", url = \"u\", branch = \"main\" }]\n[[repository]]\nname = \"acme\"\ncooldown = \"7d\"\n"
        ),
        "line 1: `git` has no key `branch`; it has app, url, commit, comment"
    );
}

#[test]
fn a_commit_that_is_short() {
    assert_eq!(
        faults(
            "git = [{ app = \"tool\", url = \"u\", commit = \"01234567\" }]\n[[repository]]\nname = \"acme\"\ncooldown = \"7d\"\n"
        ),
        r#"line 1: "01234567" is not a commit; write all 40 digits of it: commit = "0123456789abcdef0123456789abcdef01234567""#
    );
}

#[test]
fn git_below_a_repository() {
    assert_eq!(
        faults("[[repository]]\nname = \"acme\"\ncooldown = \"7d\"\ngit = []\n"),
        "line 4: [[repository]] has no key `git`; move `git` above the first [[repository]]"
    );
}

#[test]
fn licences_above_a_repository() {
    assert_eq!(
        faults("licenses = [\"MIT\"]\n[[repository]]\nname = \"acme\"\ncooldown = \"7d\"\n"),
        "line 1: the file has no key `licenses`; move `licenses` below a [[repository]]"
    );
}
