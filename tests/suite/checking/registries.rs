//! What is read of the registries, and which of them a package is of.

use super::company::{Company, STRICT};
use super::rules::{broken, check};
use crate::support::hexreg::Ran;

/// Checks a `rebar.lock` with one package of the company by this policy, against both registries.
fn check_rebar(company: &Company, policy: &str, package: &str) -> Ran {
    let outer = company.outer("public", package, "1.0.0");
    let lock = format!(
        "{{\"1.2.0\",[{{<<\"{package}\">>,{{pkg,<<\"{package}\">>,<<\"1.0.0\">>}},0}}]}}.\n\
         [{{pkg_hash_ext,[{{<<\"{package}\">>,<<\"{outer}\">>}}]}}].\n"
    );
    company.repository.write("strict.toml", policy.as_bytes());
    company.repository.write("rebar.lock", lock.as_bytes());
    company.check("rebar.lock", &["--from=public"])
}

/// A policy calls an organisation of hex.pm `hexpm:acme`, and a `rebar.lock` calls it nothing.
#[test]
fn an_organisation_of_a_rebar_lock() {
    let company = Company::new();
    for (name, expected) in
        [("acme", vec!["denied"]), ("hexpm:acme", vec!["denied"]), ("hexpm", vec![])]
    {
        let policy =
            format!("[[repository]]\nname = \"{name}\"\ndeny = [{{ package = \"tool\" }}]\n");
        let ran = check_rebar(&company, &policy, "tool");
        assert_eq!(broken(&ran), expected, "{name}: {}", ran.transcript());
    }
    let licenses = "[[repository]]\nname = \"hexpm:acme\"\nlicenses = [\"MIT\"]\n";
    let ran = check_rebar(&company, licenses, "tool");
    assert_eq!(broken(&ran), ["license"], "{}", ran.transcript());
}

/// A request would say the name of a private package to hex.pm.
#[test]
fn a_registry_is_not_asked_for_a_package_that_its_index_does_not_have() {
    let company = Company::new();
    company.repository.write("hex/packages/tool", b"who asks is found out");
    check_rebar(&company, STRICT, "tool").ok();
    let tool = company.mix_entry("tool", "1.0.0", "acme");
    check(&company, STRICT, &[&tool]).ok();
}

/// They may be large, and a mirror without them is enough.
#[test]
fn tarballs_are_read_only_for_licences() {
    let company = Company::new();
    let sound = company.mix_entry("sound", "1.0.0", "hexpm");
    company.repository.write("hex/tarballs/sound-1.0.0.tar", b"who reads is found out");
    let accepted = "except = [{ package = \"sound\", license = true }]\n";
    check(&company, &format!("{STRICT}{accepted}"), &[&sound]).ok();
    let without = STRICT.lines().filter(|line| !line.starts_with("licenses"));
    check(&company, &without.collect::<Vec<_>>().join("\n"), &[&sound]).ok();
    assert_eq!(check(&company, STRICT, &[&sound]).code, 2);
}
