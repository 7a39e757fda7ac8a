//! What a company rules by, of hex.pm's packages and of its own: field by field as it is signed.

use hexreg::package::Severity;
use hexreg::policy::{Override, OverrideAction, Policy, RepositoryPolicy, Visibility};

use super::strict;
use crate::support::hexreg::Ran;
use crate::support::repository::TestRepository;
use crate::support::tarball::Tarball;

/// A cooldown, a rule about advisories and a denial by requirement, for `hexpm` and for `acme`.
pub const BOTH: &str = r#"description = "company rules"

[[repository]]
name = "hexpm"
cooldown = "7d"
minimum-severity = "high"
deny = [{ package = "plug", requirement = ">= 1.0.0 and < 1.4.0", comment = "SEC-12" }]

[[repository]]
name = "acme"
cooldown = "1w"
minimum-severity = "low"
deny = [{ package = "foo", requirement = "~> 2.0" }]
"#;

const WRITE: [&str; 4] = ["--to", "public", "--name=acme", "--private-key=key.pem"];

fn set(repository: &TestRepository, rules: &str, more: &[&str]) -> Ran {
    repository.write("strict.toml", rules.as_bytes());
    let set = ["policy", "set", "strict", "--file", "strict.toml"];
    repository.hexreg().run([&set[..], &WRITE, more].concat())
}

/// A registry with the policy `strict`.
pub fn ruled(rules: &str) -> TestRepository {
    let repository = TestRepository::new().release("foo", "1.0.0");
    repository.build(&[]).ok();
    set(&repository, rules, &[]).ok();
    repository
}

fn overrides(rules: &RepositoryPolicy) -> Vec<(OverrideAction, &str, Option<&str>, Option<&str>)> {
    let fields = |one: &'_ Override| {
        assert_eq!((&one.advisory_id, one.retirement_reason), (&None, None));
    };
    rules.overrides.iter().for_each(fields);
    let overrides = rules.overrides.iter().map(|one| {
        let package = &one.package;
        (
            one.action,
            package.package.as_str(),
            package.requirement.as_deref(),
            one.comment.as_deref(),
        )
    });
    overrides.collect()
}

#[test]
fn one_policy_rules_hexpm_and_the_companys_own_packages() {
    let Policy { repository, name, description, visibility, repositories, unknown } =
        strict(&ruled(BOTH));
    assert_eq!((repository.as_str(), name.as_str()), ("acme", "strict"));
    assert_eq!((description.as_deref(), visibility), (Some("company rules"), Visibility::Private));
    assert!(unknown.is_empty());
    let [hexpm, acme] = &repositories[..] else { panic!("{repositories:?}") };
    for (rules, name, cooldown, severity) in
        [(hexpm, "hexpm", "7d", Severity::High), (acme, "acme", "1w", Severity::Low)]
    {
        assert_eq!(rules.repository, name);
        let restriction = rules.restriction.as_ref().unwrap();
        assert_eq!(restriction.cooldown.as_deref(), Some(cooldown));
        assert_eq!(restriction.advisory_min_severity, Some(severity));
        assert_eq!(restriction.retirement_reasons, []);
    }
    let deny = OverrideAction::Deny;
    assert_eq!(overrides(hexpm), [(deny, "plug", Some(">= 1.0.0 and < 1.4.0"), Some("SEC-12"))]);
    assert_eq!(overrides(acme), [(deny, "foo", Some("~> 2.0"), None)]);
}

#[cfg(feature = "serve")]
#[test]
fn it_is_served_to_the_byte() {
    let repository = ruled(BOTH);
    let server = crate::support::server::Server::of(&repository, &[]);
    let answer = server.get("/policies/strict", &[]);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, repository.read("public/policies/strict"));
}

#[test]
fn an_allow_list_is_a_cooldown_that_never_ends_and_what_is_allowed() {
    let rules = "[[repository]]\nname = \"hexpm\"\ndefault = \"deny\"\n\
        allow = [{ package = \"phoenix\", requirement = \"~> 1.7\" }, { package = \"plug\" }]\n";
    let policy = strict(&ruled(rules));
    let [hexpm] = &policy.repositories[..] else { panic!("{policy:?}") };
    let restriction = hexpm.restriction.as_ref().unwrap();
    assert_eq!(restriction.cooldown.as_deref(), Some("1000mo"));
    assert_eq!(
        (restriction.advisory_min_severity, restriction.retirement_reasons.len()),
        (None, 0)
    );
    let allow = OverrideAction::Allow;
    assert_eq!(
        overrides(hexpm),
        [(allow, "phoenix", Some("~> 1.7"), None), (allow, "plug", None, None)]
    );
}

/// What clients drop without a message, and what crashes mix: each is refused with its line and the reason.
#[test]
fn what_clients_drop_is_refused() {
    let repository = TestRepository::new().release("foo", "1.0.0");
    repository.build(&[]).ok();
    let before = repository.tree();
    let long = format!("deny = [{{ package = \"foo\", comment = \"{}\" }}]", "x".repeat(501));
    for (rule, reason) in [
        (
            "deny = [{ package = \"foo\", requirement = \">= 2\" }]",
            "\">= 2\" is not a version requirement",
        ),
        (
            "deny = [{ package = \"foo\", advisory = \"CVE-2026-1\" }]",
            "`deny` has no key `advisory`; move the entry to `except`",
        ),
        (&long, "`comment` has 501 characters: clients ignore an entry with more than 500"),
        ("cooldown = \"7 days\"", "\"7 days\" is not a cooldown: clients ignore"),
        ("cooldown = \"99999999999d\"", "it ends after the year 9999, where mix crashes"),
    ] {
        let ran = set(&repository, &format!("[[repository]]\nname = \"hexpm\"\n{rule}\n"), &[]);
        assert_eq!(ran.code, 1, "{}", ran.transcript());
        let is_named = |line: &str| line.contains("strict.toml:3: ") && line.contains(reason);
        assert!(ran.stderr.lines().any(is_named), "{}", ran.transcript());
        assert_eq!(repository.tree(), before);
    }
}

/// `except` with `cooldown` beside `default = "deny"`: approved, as far as no other rule hides it.
#[test]
fn an_exception_from_the_default_keeps_the_other_rules() {
    let rules = "[[repository]]\nname = \"acme\"\ndefault = \"deny\"\nretired = [\"security\"]\n\
        allow = [{ package = \"bar\" }]\nexcept = [{ package = \"foo\", cooldown = true }]\n";
    let repository = TestRepository::new();
    let files = [("foo", "1.0.0"), ("foo", "2.0.0"), ("bar", "1.0.0"), ("baz", "1.0.0")];
    let files = files.map(|(name, version)| {
        let file = format!("{name}-{version}.tar");
        repository.write(&file, &Tarball::new(name, version).build());
        file
    });
    let files: Vec<_> = files.iter().map(String::as_str).collect();
    let add = [&["add"], &files[..], &["--published-at=1700000000"], &WRITE].concat();
    repository.hexreg().run(add).ok();
    for (package, version) in [("foo", "2.0.0"), ("bar", "1.0.0")] {
        let retire = ["retire", package, version, "--reason=security"];
        repository.hexreg().run([&retire[..], &WRITE].concat()).ok();
    }
    set(&repository, rules, &[]).ok();
    let why = |package: &str| {
        let why = ["policy", "why", package, "--policy", "strict.toml", "--from", "public"];
        repository.hexreg().run([&why[..], &["--json"]].concat()).ok().stdout
    };
    let verdicts = |package: &str| {
        let why: serde_json::Value = serde_json::from_str(&why(package)).unwrap();
        let releases = why["releases"].as_array().unwrap().clone().into_iter();
        let verdicts = releases.map(|release| {
            let reasons = release["reasons"].as_array().unwrap().iter();
            let rules = reasons.map(|reason| reason["rule"].as_str().unwrap().to_owned());
            rules.collect::<Vec<_>>()
        });
        verdicts.collect::<Vec<_>>()
    };
    assert_eq!(verdicts("foo"), [vec![], vec!["retired"]]);
    // What is allowed is shown whatever else is said of it.
    assert_eq!(verdicts("bar"), [[""; 0]]);
    assert_eq!(verdicts("baz"), [["default"]]);
    let why: serde_json::Value = serde_json::from_str(&why("baz")).unwrap();
    let reason = serde_json::json!({
        "rule": "default", "reason": "the policy does not allow it (only what is on its list)",
    });
    assert_eq!(why["releases"][0]["reasons"], serde_json::json!([reason]));
    let policy = strict(&repository);
    let restriction = policy.repositories[0].restriction.as_ref().unwrap();
    assert_eq!(restriction.cooldown.as_deref(), Some("1000mo"));
}
