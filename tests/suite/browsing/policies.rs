//! What policies say beside each version, and the page of the policies of a repository.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hexreg::package::{Advisory, Severity, UnixSeconds};
use hexreg::unknown_fields::UnknownFields;

use super::evil::ATTACKS;
use super::{build, configured, crawl, document, log, page, page_for, parser, serve, status};
use crate::support::html::Document;
use crate::support::repository::TestRepository;
use crate::support::server::Server;
use crate::support::signed::{edit, key, name_releases, policy, write_policy};
use crate::support::stopwatch::Stopwatch;
use crate::support::upstream::until;

const KEY: &str = "acme-2048.pem";

/// The lines that say that a policy hides a version begin so.
const HIDDEN: &str = "Hidden by acme/";

/// Publishes a policy of acme in a directory.
fn set(repository: &TestRepository, directory: &str, name: &str, rules: &str) {
    repository.write("rules.toml", rules.as_bytes());
    let to = format!("--to={directory}");
    let set = ["policy", "set", name, "--file=rules.toml", &to];
    let own = ["--name=acme", "--private-key=key.pem", "--accept-undated"];
    repository.hexreg().run(set.iter().chain(&own).copied()).ok();
}

fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    i64::try_from(now).unwrap()
}

/// `json_parser` with 1.0.0 retired, 1.1.0 with the advisory `GHSA-1`, and all published so many seconds ago.
fn remarked(age: i64) -> TestRepository {
    let repository = parser();
    let retire = ["retire", "--to=public", "--name=acme", "--private-key=key.pem"];
    let why = ["--reason=security", "json_parser", "1.0.0"];
    repository.hexreg().run(retire.iter().chain(&why).copied()).ok();
    remark(&repository, now() - age, "GHSA-1");
    repository
}

/// Has the registry say when all of `json_parser` was published, and which advisory 1.1.0 has.
fn remark(repository: &TestRepository, published: i64, advisory: &str) {
    edit(repository, "public/packages/json_parser", &key(KEY), |release| {
        release.remarks.published_at = Some(UnixSeconds(published).into());
        if release.version.to_string() == "1.1.0" {
            release.remarks.advisories = vec![Arc::new(Advisory {
                id: advisory.to_owned(),
                summary: "a hole".to_owned(),
                severity: Some(Severity::High),
                cvss_score: None,
                html_url: "https://advisories.example/html".to_owned(),
                api_url: "https://advisories.example/api".to_owned(),
                aliases: vec!["CVE-2026-1".to_owned()],
                unknown: UnknownFields::default(),
            })];
        }
    });
    repository.build(&[]).ok();
}

const A_DAY: i64 = 86_400;
const A_YEAR: i64 = 366 * A_DAY;

/// The rules for the packages of acme.
fn rules(rules: &str) -> String {
    format!("[[repository]]\nname = \"acme\"\n{rules}\n")
}

#[track_caller]
fn has(found: &Document, expected: &str) {
    let text = found.words();
    assert!(text.contains(expected), "{expected:?} is not in\n{text}");
}

#[track_caller]
fn has_not(found: &Document, absent: &str) {
    let text = found.words();
    assert!(!text.contains(absent), "{absent:?} is in\n{text}");
}

/// What is said of each rule.
struct Case {
    rules: &'static str,
    /// Of a version, from `Hidden by acme/strict: `.
    hidden: &'static [(&'static str, &'static str)],
    /// The facts of 1.1.0.
    fact: &'static str,
}

#[track_caller]
fn check(case: &Case) {
    let repository = remarked(A_YEAR);
    set(&repository, "public", "strict", &rules(case.rules));
    let server = serve(&repository, &[]);
    let package = page(&server, "/browse/json_parser");
    let versions = page(&server, "/browse/json_parser/versions");
    for version in ["1.0.0", "1.1.0", "2.0.0-rc.1"] {
        let release = page(&server, &format!("/browse/json_parser/{version}"));
        let hidden = case.hidden.iter().find(|(of, _)| *of == version);
        if let Some((_, why)) = hidden {
            has(&package, &format!("Hidden by acme/strict: {why}"));
            has(&versions, &format!("{version}: Hidden by acme/strict: {why}"));
            has(&release, &format!("Hidden by the policy acme/strict {why}"));
            has(&release, "Policies acme/strict: hidden");
        } else {
            has_not(&versions, &format!("{version}: Hidden"));
            has_not(&release, "Hidden by the policy");
            has(&release, "acme/strict: allowed");
        }
    }
    has(&page(&server, "/browse/json_parser/1.1.0"), case.fact);
    let count = |found: &Document| found.words().matches("Hidden by acme/strict").count();
    assert_eq!((count(&package), count(&versions)), (case.hidden.len(), case.hidden.len()));
    // The rules are about another package.
    has_not(&page(&server, "/browse/words"), HIDDEN);
}

#[test]
fn a_denial_is_said_with_its_rule_and_comment() {
    check(&Case {
        rules: "deny = [{ package = \"json_parser\", requirement = \"~> 1.0\", comment = \"see SEC-12\" }]",
        hidden: &[
            ("1.0.0", "the policy denies it (deny json_parser ~> 1.0: see SEC-12)"),
            ("1.1.0", "the policy denies it (deny json_parser ~> 1.0: see SEC-12)"),
        ],
        // Pre-releases are the only ones left.
        fact: "A new project under it takes 2.0.0-rc.1 . What acme/strict says",
    });
}

#[test]
fn an_advisory_is_said_with_the_severity_and_its_id() {
    check(&Case {
        rules: "minimum-severity = \"high\"",
        hidden: &[("1.1.0", "it has a security advisory of severity high or above: GHSA-1")],
        fact: "Security advisory GHSA-1",
    });
}

#[test]
fn a_lower_severity_than_that_of_the_policy_hides_nothing() {
    check(&Case {
        rules: "minimum-severity = \"critical\"",
        hidden: &[],
        fact: "acme/strict: allowed",
    });
}

#[test]
fn a_retirement_is_said_with_its_reason() {
    check(&Case {
        rules: "retired = [\"security\"]",
        hidden: &[("1.0.0", "it is retired (security)")],
        fact: "acme/strict: allowed",
    });
}

#[test]
fn what_an_allow_list_does_not_name_is_said() {
    check(&Case {
        rules: "default = \"deny\"\nallow = [{ package = \"json_parser\", requirement = \"== 1.0.0\" },{ package = \"words\" }]",
        hidden: &[
            ("1.1.0", "the policy does not allow it (only what is on its list)"),
            ("2.0.0-rc.1", "the policy does not allow it (only what is on its list)"),
        ],
        fact: "A new project under it takes 1.0.0 .",
    });
}

#[test]
fn an_exception_is_said_among_the_facts() {
    check(&Case {
        rules: "minimum-severity = \"low\"\nexcept = [{ package = \"json_parser\", advisory = \"CVE-2026-1\", comment = \"not reachable\" }]",
        hidden: &[],
        fact: "acme/strict: allowed (except CVE-2026-1 of json_parser: not reachable)",
    });
}

#[test]
fn a_young_release_is_shown_as_allowed_once_it_is_old_enough() {
    let repository = remarked(A_DAY - 3_600);
    set(&repository, "public", "strict", &rules("cooldown = \"1d\""));
    let server = serve(&repository, &[]);
    let young = "Hidden by acme/strict: it was published less than 1d ago: old enough on 2";
    let path = "/browse/json_parser";
    let found = page(&server, path);
    has(&found, young);
    has(&found, "Hidden by the policy acme/strict it was published less than 1d ago");
    has(&found, "It hides every version.");
    has(&page(&server, "/browse/json_parser/versions"), young);
    // Nothing on the way may keep the page, and a browser has to ask again.
    let answer = server.get(path, &[]);
    assert_eq!(answer.expect("cache-control"), "private, no-cache");
    assert_eq!((answer.header("etag"), answer.header("last-modified")), (None, None));
    // A day old in some seconds. On a busy machine they may be over before the page is there.
    for number in 2.. {
        let (published, advisory) = (now() - A_DAY + 8, format!("GHSA-{number}"));
        remark(&repository, published, &advisory);
        let release = || page(&server, "/browse/json_parser/1.1.0").words();
        until("the change is seen", || release().contains(&advisory));
        let release = release();
        if now() < published + A_DAY {
            assert!(release.contains("Hidden by the policy acme/strict"), "{release}");
            break;
        }
    }
    until("the releases are old enough", || !page(&server, path).words().contains("Hidden"));
    has(&page(&server, path), "acme/strict: allowed");
}

#[test]
fn the_page_of_policies_has_what_each_says_and_the_lines_for_developers() {
    let repository = parser();
    let text = "description = \"company rules\"\n[[repository]]\nname = \"hexpm\"\nminimum-severity = \"high\"\n\
        retired = [\"security\", \"invalid\"]\ncooldown = \"7d\"\ndeny = [{ package = \"left_pad\", comment = \"SEC-12\" }]\n\
        [[repository]]\nname = \"acme\"\ndefault = \"deny\"\nallow = [{ package = \"words\" }]\n";
    repository.write("rules.toml", text.as_bytes());
    let set = "policy set strict --file=rules.toml --to=public --name=acme --private-key=key.pem --accept-undated";
    let printed = repository.hexreg().run(set.split(' ')).ok();
    self::set(&repository, "public", "calm", &rules(""));
    let server = serve(&repository, &[]);
    let found = page(&server, "/policies");
    for expected in [
        "2 policies",
        "acme/strict company rules Packages of hexpm \
         hides releases with a security advisory of severity high or above \
         hides releases that are retired (security, invalid) \
         hides releases that were published less than 7d ago deny left_pad: SEC-12 \
         Packages of acme hides all that it does not allow allow words",
        "acme/calm Packages of acme nothing is hidden",
    ] {
        has(&found, expected);
    }
    for line in [
        "HEX_POLICY=acme/strict",
        "mix hex.config policy acme/strict",
        "hex: [policy: [repo: \"acme\", name: \"strict\"]]",
    ] {
        has(&found, line);
        let printed = format!("{}{}", printed.stdout, printed.stderr);
        assert!(printed.contains(line), "{printed}");
    }
    // From the first page to each policy, and to its file.
    let links: Vec<_> = crawl(&server, "/", &[]).into_iter().map(|(path, _)| path).collect();
    assert!(links.contains(&"/policies".to_owned()), "{links:?}");
    has(&page(&server, "/"), "Policies acme/calm , acme/strict");
    assert!(page(&server, "/").links().contains(&"./policies#policy-strict"));
    let ids: Vec<_> = found.tags.iter().filter_map(|tag| tag.get("id")).collect();
    assert!(ids.contains(&"policy-strict"), "{ids:?}");
    assert_eq!(server.get("/policies/strict", &[]).body, repository.read("public/policies/strict"));
}

#[test]
fn without_a_policy_nothing_is_said() {
    let repository = remarked(A_YEAR);
    let server = serve(&repository, &[]);
    for path in
        ["/", "/browse/json_parser", "/browse/json_parser/versions", "/browse/json_parser/1.0.0"]
    {
        has_not(&page(&server, path), "olic");
    }
    has(&page(&server, "/policies"), "There are none. To publish one");
    assert_eq!(status(&server, "/policies/strict"), 404);
}

#[test]
fn changes_are_seen_while_the_server_runs() {
    let repository = remarked(A_YEAR);
    let server = serve(&repository, &[]);
    let path = "/browse/json_parser";
    has_not(&page(&server, path), "olic");
    set(&repository, "public", "strict", &rules("retired = [\"security\"]"));
    has(&page(&server, path), "Hidden by acme/strict: it is retired (security)");
    set(&repository, "public", "strict", &rules("minimum-severity = \"high\""));
    let found = page(&server, path);
    has(&found, "Hidden by acme/strict: it has a security advisory");
    has_not(&found, "it is retired");
    let remove = "policy remove strict --to=public --name=acme --private-key=key.pem";
    repository.hexreg().run(remove.split(' ')).ok();
    has_not(&page(&server, path), "olic");
    has(&page(&server, "/policies"), "There are none.");
}

#[test]
fn a_policy_that_clients_refuse_breaks_no_page_and_is_named() {
    let repository = remarked(A_YEAR);
    set(&repository, "public", "calm", &rules("retired = [\"security\"]"));
    set(&repository, "public", "strict", &rules("minimum-severity = \"high\""));
    let server = serve(&repository, &[]);
    let whole = repository.read("public/policies/strict");
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    let forged = policy("strict");
    for (how, bytes, why) in [
        ("flipped", Some(flipped), "clients refuse it: "),
        ("cut", Some(whole[..20].to_vec()), "clients refuse it: it is not gzipped, or damaged"),
        ("empty", Some(Vec::new()), "clients refuse it: it is not gzipped, or damaged"),
        ("forged", None, "clients refuse it: its signature is not that of SHA256:"),
    ] {
        match bytes {
            Some(bytes) => repository.write("public/policies/strict", &bytes),
            None => write_policy(&repository, "public/policies/strict", &forged, "acme-4096.pem"),
        }
        let unknown = format!("What the policy acme/strict hides is not known: {why}");
        for path in
            ["/browse/json_parser", "/browse/json_parser/1.0.0", "/browse/json_parser/versions"]
        {
            let found = page(&server, path);
            has(&found, &unknown);
            // The other one still holds.
            has(&found, "Hidden by acme/calm: it is retired (security)");
            has_not(&found, "Hidden by acme/strict");
        }
        let found = page(&server, "/policies");
        has(&found, &format!("acme/strict It is not known what it hides: {why}"));
        has(&found, "acme/calm Packages of acme");
        // No project should take a policy that stops mix.
        has(&found, "HEX_POLICY=acme/calm");
        has_not(&found, "HEX_POLICY=acme/strict");
        assert!(log(&repository).contains("pages do not say what this policy hides"), "{how}");
    }
    repository.write("public/policies/strict", &whole);
    let found = page(&server, "/browse/json_parser");
    has(&found, "Hidden by acme/strict: it has a security advisory");
    has_not(&found, "is not known");
    // Nothing says where the files are.
    fs::remove_dir_all(repository.path("public/policies")).unwrap();
    repository.write("public/policies", b"no folder");
    let found = page(&server, "/browse/json_parser/versions");
    has_not(&found, repository.root().to_str().unwrap());
}

/// `hexpm` for all, and `acme` for all or for those with a token. A policy of acme is about both.
fn two(is_open: bool) -> (TestRepository, Server, String) {
    let repository = TestRepository::new().release("words", "1.0.0").release("words", "1.1.0");
    build(&repository, "public", "hexpm");
    fs::create_dir_all(repository.path("own/tarballs")).unwrap();
    let own = crate::support::tarball::Tarball::new("own", "1.0.0").build();
    repository.write("own/tarballs/own-1.0.0.tar", &own);
    build(&repository, "own", "acme");
    let rules = "description = \"a secret plan\"\n[[repository]]\nname = \"hexpm\"\ndeny = [{ package = \"words\", \
        requirement = \"== 1.1.0\", comment = \"hush\" }]\n[[repository]]\nname = \"acme\"\ndeny = [{ package = \"own\" }]\n";
    set(&repository, "own", "strict", rules);
    let token = repository.hexreg().run(["auth", "add", "readers", "ann"]).ok().stdout;
    let token = format!("Authorization: {}", token.trim());
    let config = format!(
        "auth-file = \"readers\"\n[[repository]]\nname = \"hexpm\"\nat = \"public\"\nanonymous = true\n\
         [[repository]]\nname = \"acme\"\nat = \"own\"\nanonymous = {is_open}\n"
    );
    let server = configured(&repository, &config, 2, &[&token]);
    (repository, server, token)
}

#[test]
fn a_policy_of_one_repository_rules_pages_of_another() {
    let (_repository, server, _) = two(true);
    let path = "/repos/hexpm/browse/words";
    let found = page(&server, path);
    let why = "the policy denies it (deny words == 1.1.0: hush)";
    has(&found, &format!("Hidden by acme/strict: {why}"));
    has(&found, &format!("Hidden by the policy acme/strict {why}"));
    has(&found, "A new project under it takes 1.0.0 .");
    let links: Vec<_> = found.links().into_iter().filter(|link| link.contains("polic")).collect();
    assert!(
        !links.is_empty()
            && links.iter().all(|link| link.ends_with("repos/acme/policies#policy-strict")),
        "{links:?}"
    );
    for link in super::own_paths(&server, path, &found) {
        assert_eq!(status(&server, &link), 200, "{link}");
    }
    has(
        &page(&server, "/repos/hexpm/browse/words/versions"),
        &format!("1.1.0: Hidden by acme/strict: {why}"),
    );
    has(
        &page(&server, "/repos/acme/browse/own"),
        "Hidden by the policy acme/strict the policy denies it (deny own)",
    );
    // They are policies of acme alone.
    has(&page(&server, "/repos/hexpm/policies"), "There are none.");
    has(&page(&server, "/repos/acme/policies"), "acme/strict a secret plan");
    has_not(&page(&server, "/repos/hexpm/"), "olic");
}

#[test]
fn what_is_pulled_in_is_marked_where_a_policy_hides_it() {
    let repository = remarked(A_YEAR);
    let server = serve(&repository, &[]);
    let path = "/browse/reader/1.0.0/requirements";
    has_not(&page(&server, path), "olic");
    set(&repository, "public", "strict", &rules("minimum-severity = \"high\""));
    let found = page(&server, path);
    has(&found, "json_parser 1 advisory hidden by acme/strict 1.1.0 here");
    has(
        &found,
        "This is resolved without a policy. A project under acme/strict takes other versions",
    );
    assert_eq!(found.words().matches("hidden by").count(), 1);
}

#[test]
fn who_may_not_read_a_repository_sees_nothing_of_its_policies() {
    let (_repository, server, token) = two(false);
    for path in
        ["browse/words", "browse/words/1.1.0", "browse/words/versions", "", "policies", "recent"]
    {
        let path = format!("/repos/hexpm/{path}");
        let without = server.get(&path, &[]);
        assert_eq!(without.status, 200, "{path}");
        for secret in ["hush", "acme/strict", "secret", "Hidden"] {
            assert!(!without.text().contains(secret), "{path} says {secret}: {}", without.text());
        }
    }
    for path in ["policies", "policies/strict"] {
        let answer = server.get(&format!("/repos/acme/{path}"), &[]);
        assert_eq!(answer.status, 401, "{path}");
        assert!(!answer.text().contains("acme"), "{path}: {}", answer.text());
    }
    let with = |path: &str| page_for(&server, path, &[&token]);
    has(&with("/repos/hexpm/browse/words"), "Hidden by acme/strict: the policy denies it");
    has(&with("/repos/hexpm/browse/words/1.1.0"), "(deny words == 1.1.0: hush)");
    has(&with("/repos/acme/policies"), "a secret plan");
}

#[test]
fn texts_of_a_policy_are_only_text() {
    let repository = remarked(A_YEAR);
    let mut evil = policy("evil");
    evil.description = Some(ATTACKS.join("\n\n"));
    let part = &mut evil.repositories[0];
    part.repository = "acme".to_owned();
    part.restriction = None;
    let rule = part.overrides[0].clone();
    part.overrides = ATTACKS
        .iter()
        .map(|attack| {
            let mut rule = rule.clone();
            rule.package.package = "json_parser".to_owned();
            rule.comment = Some((*attack).to_owned());
            rule
        })
        .collect();
    let mut other = part.clone();
    other.repository = ATTACKS[0].to_owned();
    other.overrides[0].package.package = ATTACKS[1].to_owned();
    other.overrides[0].package.requirement = Some(ATTACKS[2].to_owned());
    evil.repositories.push(other);
    write_policy(&repository, "public/policies/evil", &evil, KEY);
    let server = serve(&repository, &[]);
    let pages = [
        "policies",
        "browse/json_parser",
        "browse/json_parser/1.0.0",
        "browse/json_parser/versions",
    ];
    for path in pages {
        let found = page(&server, &format!("/{path}"));
        has(&found, "<script>window.evil=1;alert(1)</script>");
        for tag in &found.tags {
            for (name, value) in &tag.attributes {
                assert!(
                    !name.starts_with("on") && !value.contains("javascript:"),
                    "{path}: {tag:?}"
                );
            }
            assert!(
                !["iframe", "object", "svg", "math", "base"].contains(&tag.name.as_str()),
                "{path}: {tag:?}"
            );
        }
        assert!(!server.get(&format!("/{path}"), &[]).text().contains("<script>window"), "{path}");
    }
}

#[test]
fn a_thousand_versions_under_a_large_policy_are_a_page_soon() {
    let repository = TestRepository::new().release("foo", "1.0.0");
    repository.build(&[]).ok();
    let versions: Vec<String> = (0..1_000).map(|number| format!("1.{number}.0")).collect();
    let versions: Vec<&str> = versions.iter().map(String::as_str).collect();
    name_releases(&repository, "public", "foo", &versions);
    let mut large = policy("large");
    let part = &mut large.repositories[0];
    part.repository = "acme".to_owned();
    let rule = part.overrides[1].clone();
    part.overrides = (0..10_000)
        .map(|number| {
            let mut rule = rule.clone();
            let is_of_foo = number % 100 == 0;
            rule.package.package = if is_of_foo { "foo".to_owned() } else { format!("p{number}") };
            rule.package.requirement = Some(format!("== 1.{}.0", number / 20));
            rule
        })
        .collect();
    write_policy(&repository, "public/policies/large", &large, KEY);
    let server = serve(&repository, &[]);
    let work = Stopwatch::of(&server);
    for path in ["/browse/foo", "/browse/foo/versions", "/policies"] {
        page(&server, path);
    }
    assert!(work.elapsed() < Duration::from_secs(15), "{:?}", work.elapsed());
    let found = page(&server, "/browse/foo/versions");
    assert_eq!(found.words().matches("Hidden by acme/large").count(), 100);
    has(&page(&server, "/policies"), "and 9,800 more rules that the page does not show");
    document(&server.get("/browse/foo", &[]));
}
