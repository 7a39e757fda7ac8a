use super::*;
use crate::checksum::{InnerChecksum, OuterChecksum};
use crate::package::{Remarks, Retirement, RetirementReason, Timestamp};
use crate::policy::{Policy, read_policy};

const DAY: i64 = 86_400;

fn policy(rules: &str) -> Policy {
    let text = format!("[[repository]]\nname = \"acme\"\n{rules}\n");
    read_policy(&text, &"acme".parse().unwrap(), &"strict".parse().unwrap()).unwrap().policy
}

/// Versions of `foo`, published on the day of their major version.
fn releases(versions: &[&str]) -> Releases {
    let release = |text: &&str| {
        let version: crate::version::Version = text.parse().unwrap();
        let day: i64 = text.split('.').next().unwrap().parse().unwrap();
        let remarks = Remarks {
            published_at: Some(Timestamp::from(UnixSeconds(day.saturating_mul(DAY)))),
            ..Remarks::default()
        };
        Release {
            version,
            inner_checksum: InnerChecksum::from_bytes([0; 32]),
            outer_checksum: OuterChecksum::from_bytes([0; 32]),
            dependencies: Vec::new(),
            remarks,
        }
    };
    let releases = versions.iter().map(release).collect();
    Releases::new("acme".parse().unwrap(), "foo".parse().unwrap(), releases)
}

fn verdicts(policy: &Policy, now: i64) -> PolicyVerdicts<'_> {
    let rules = policy.rules_for_package("acme", "foo").unwrap();
    let url = "../policies#policy-strict".to_owned();
    let mut verdicts = PolicyVerdicts::at(UnixSeconds(now));
    verdicts.policies.push(RulingPolicy { label: "acme/strict".to_owned(), url, rules });
    verdicts
}

/// The lines of all versions, the newest first.
fn lines(policy: &Policy, releases: &Releases, now: i64) -> Vec<Vec<String>> {
    let verdicts = verdicts(policy, now);
    releases.releases.iter().rev().map(|release| verdicts.lines(release)).collect()
}

#[test]
fn a_release_that_is_allowed_has_no_line() {
    let policy =
        policy("deny = [{ package = \"foo\", requirement = \"== 1.0.0\", comment = \"SEC-1\" }]");
    let releases = releases(&["1.0.0", "2.0.0"]);
    let denied = "Hidden by acme/strict: the policy denies it (deny foo == 1.0.0: SEC-1)";
    assert_eq!(lines(&policy, &releases, 0), [vec![], vec![denied.to_owned()]]);
    let facts =
        |index: usize| verdicts(&policy, 0).facts(&releases.releases[index])[0].text.clone();
    assert_eq!(facts(1), "acme/strict: allowed");
    assert_eq!(facts(0), "acme/strict: hidden");
}

#[test]
fn a_release_becomes_old_enough() {
    let (policy, releases) = (policy("cooldown = \"7d\""), releases(&["1.0.0", "5.0.0"]));
    let young = |until: &str| {
        vec![format!(
            "Hidden by acme/strict: it was published less than 7d ago: old enough on {until}"
        )]
    };
    assert_eq!(lines(&policy, &releases, 6 * DAY), [young("1970-01-13"), young("1970-01-09")]);
    assert_eq!(lines(&policy, &releases, 8 * DAY - 1)[1], young("1970-01-09"));
    assert_eq!(lines(&policy, &releases, 8 * DAY), [young("1970-01-13"), vec![]]);
    assert!(lines(&policy, &releases, 12 * DAY).iter().all(Vec::is_empty));
}

#[test]
fn a_banner_names_the_version_that_a_new_project_takes() {
    let urls = Urls::from_path("browse/foo");
    let mut releases = releases(&["1.0.0", "2.0.0", "3.0.0", "4.0.0-rc.1"]);
    let retired = Retirement::new(RetirementReason::Deprecated, None);
    releases.releases[1].remarks.retired = Some(retired);
    let banner = |policy: &Policy, index: usize| {
        let release = releases.releases[index].clone();
        let mut banners = verdicts(policy, 0).banners(&releases, &release, &urls);
        assert!(banners.len() < 2);
        banners.pop().map(|one| (one.why, one.allowed.map(|(version, _)| version)))
    };
    let newest = policy("deny = [{ package = \"foo\", requirement = \">= 3.0.0\" }]");
    // 2.0.0 is retired.
    let (why, allowed) = banner(&newest, 2).unwrap();
    assert_eq!(why, "the policy denies it (deny foo >= 3.0.0)");
    assert_eq!(allowed.unwrap(), "1.0.0");
    assert_eq!(banner(&newest, 0), None);
    let all = policy("deny = [{ package = \"foo\" }]");
    assert_eq!(banner(&all, 0).unwrap().1, None);
    let stable = policy("deny = [{ package = \"foo\", requirement = \"~> 1.0 or ~> 3.0\" }]");
    assert_eq!(banner(&stable, 2).unwrap().1.unwrap(), "2.0.0");
}

#[test]
fn texts_are_short_and_on_one_line() {
    assert_eq!(shortened("a\n b\u{202e}c"), "a bc");
    let long = "ä".repeat(MOST_TEXT + 1);
    assert_eq!(shortened(&long), format!("{}…", "ä".repeat(MOST_TEXT)));
    let whole = "ä".repeat(MOST_TEXT);
    assert_eq!(shortened(&whole), whole);
}
