//! Policy files that can be used, and what they are warned of.

use super::read;
use crate::package::Severity;
use crate::policy::file::PolicyFile;
use crate::policy::{OverrideAction, Restriction};

const COMPANY: &str = include_str!("../../../../fixtures/policies/company.toml");
/// The same policy, as Hex's own encoder writes it.
const COMPANY_BY_HEX: &[u8] = include_bytes!("../../../../fixtures/policies/company.payload");

fn warnings(text: &str) -> Vec<String> {
    let file = read(text).unwrap();
    assert_eq!(file.policy.inert_parts(), [], "{text}");
    file.warnings.iter().map(|warning| format!("line {}: {warning}", warning.line)).collect()
}

fn hexpm(rules: &str) -> String {
    format!("[[repository]]\nname = \"hexpm\"\n{rules}\n")
}

#[test]
fn a_policy_has_the_bytes_that_hex_encodes() {
    let PolicyFile { policy, deny_by_default, .. } = read(COMPANY).unwrap();
    assert_eq!(policy.encode().as_bytes(), COMPANY_BY_HEX);
    assert_eq!(deny_by_default, ["partner"]);
    assert_eq!(policy.inert_parts(), []);
}

#[test]
fn an_allow_list_is_a_cooldown_that_never_ends() {
    let file = read(&hexpm("default = \"deny\"\nallow = [{ package = \"plug\" }]")).unwrap();
    let rules = &file.policy.repositories[0];
    let never = Restriction { cooldown: Some("1000mo".to_owned()), ..Restriction::default() };
    assert_eq!(rules.restriction, Some(never));
    assert_eq!(file.deny_by_default, ["hexpm"]);
    assert_eq!(file.warnings, []);
}

/// Of two overrides that apply in the same way, clients take the first one.
#[test]
fn denials_come_first_whatever_the_order_of_the_file() {
    let rules = "except = [{ package = \"a\", cooldown = true }]\nallow = [{ package = \"b\" }]\n\
        deny = [{ package = \"c\" }]";
    let file = read(&hexpm(rules)).unwrap();
    let actions = file.policy.repositories[0].overrides.iter().map(|one| one.action);
    let expected = [OverrideAction::Deny, OverrideAction::Allow, OverrideAction::Cooldown];
    assert_eq!(actions.collect::<Vec<_>>(), expected);
}

#[test]
fn what_is_allowed_is_said_without_a_restriction() {
    for default in ["", "default = \"allow\"\n"] {
        let file = read(&hexpm(&format!("{default}deny = [{{ package = \"foo\" }}]"))).unwrap();
        assert_eq!(file.policy.repositories[0].restriction, None);
        assert_eq!((file.deny_by_default.len(), file.warnings.len()), (0, 0));
    }
}

#[test]
fn the_longest_comment_and_every_form_of_a_name() {
    let comment = "é".repeat(500);
    let rules = format!("deny = [{{ package = \"addressBook\", comment = \"{comment}\" }}]");
    assert_eq!(warnings(&hexpm(&rules)), [""; 0]);
    for name in ["acme", "hexpm:acme", "A-1_b.c"] {
        let text = format!("[[repository]]\nname = \"{name}\"\ncooldown = \"2w\"\n");
        assert_eq!(read(&text).unwrap().policy.repositories[0].repository, name);
    }
    // Clients that have `hexpm:acme` use the first of the two, those that have `acme` the second.
    let both = "[[repository]]\nname = \"hexpm:acme\"\ncooldown = \"2w\"\n\
        [[repository]]\nname = \"acme\"\ncooldown = \"1w\"\n";
    assert_eq!(read(both).unwrap().policy.repositories.len(), 2);
}

/// Clients compare versions with a requirement as Elixir does, and their solver does not see it.
#[test]
fn a_requirement_may_be_one_that_the_solver_does_not_read() {
    for requirement in [
        "~> 1.0 and ~> 1.1",
        "> 1.0.0 and < 2.0.0 and < 3.0.0",
        "> 1.0.0 and >= 1.1.0",
        "1.0.0 and > 0.1.0",
        "~> 1.0 and <= 1.0.0",
        "< 1.2.3 or > 1.2.3",
    ] {
        let rules = format!("deny = [{{ package = \"foo\", requirement = \"{requirement}\" }}]");
        assert_eq!(warnings(&hexpm(&rules)), [""; 0], "{requirement}");
    }
}

#[test]
fn every_word_is_one_of_the_protocol() {
    for severity in Severity::ALL {
        let file = read(&hexpm(&format!("minimum-severity = \"{severity}\""))).unwrap();
        let restriction = file.policy.repositories[0].restriction.as_ref().unwrap();
        assert_eq!(restriction.advisory_min_severity, Some(*severity));
    }
    let all = r#"retired = ["other", "invalid", "security", "deprecated", "renamed"]"#;
    let file = read(&hexpm(all)).unwrap();
    let restriction = file.policy.repositories[0].restriction.as_ref().unwrap();
    assert_eq!(restriction.retirement_reasons.len(), 5);
}

#[test]
fn a_byte_order_mark_and_crlf_are_taken() {
    let text = format!("\u{feff}{}", hexpm("cooldown = \"7d\"").replace('\n', "\r\n"));
    assert_eq!(warnings(&text), [""; 0]);
}

#[test]
fn what_a_policy_does_not_do_is_a_warning() {
    let allow = "default = \"deny\"\nminimum-severity = \"high\"\nretired = [\"security\"]\n\
        allow = [{ package = \"plug\" }]";
    assert_eq!(
        warnings(&hexpm(allow)),
        [
            "line 4: `allow` shows releases that `minimum-severity` and `retired` would hide; allow versions by a \
          requirement, and deny the vulnerable ones"
        ]
    );
    assert_eq!(
        warnings(&hexpm("default = \"deny\"")),
        ["line 3: default = \"deny\" without `allow` hides every package of this repository; add \
          allow = [{ package = \"…\" }]"]
    );
    assert_eq!(
        warnings(&hexpm("minimum-severity = \"none\"")),
        [
            "line 3: minimum-severity = \"none\" hides each release that has an advisory; remove the line if no \
          release is to be hidden for an advisory"
        ]
    );
    assert_eq!(
        warnings(&hexpm("default = \"allow\"")),
        [
            "line 1: this [[repository]] restricts nothing; add a rule, such as minimum-severity = \"high\", or \
          remove it"
        ]
    );
}

#[test]
fn what_older_clients_ignore_is_a_warning() {
    for scope in ["advisory = \"CVE-2026-1\"", "retired = \"security\"", "cooldown = true"] {
        let rules = format!("cooldown = \"7d\"\nexcept = [\n{{ package = \"foo\", {scope} }}]");
        assert_eq!(
            warnings(&hexpm(&rules)),
            [
                "line 5: Hex 2.5.0 and 2.5.1 ignore `except`, so they hide the release that it is about; let \
              developers update Hex by `mix local.hex`, or use `allow`"
            ],
            "{scope}"
        );
    }
}
