//! Tests of views, of what the golden repository does not have.

use std::sync::Arc;

use serde_json::Value;

use super::*;
use crate::checksum::{InnerChecksum, OuterChecksum};
use crate::package::{
    Advisory, CvssScore, Release, Remarks, Retirement, RetirementReason, Severity, UnixSeconds,
};
use crate::registry::Releases;
use crate::tarball::Description;
use crate::unknown_fields::UnknownFields;

fn with_site<T>(call: impl FnOnce(&Site<'_>) -> T) -> T {
    let repository = "acme".parse().unwrap();
    let (api, url) = ("http://localhost/api", "http://localhost/repos/acme");
    call(&Site { repository: &repository, api, url, has_pages: false })
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap()
}

fn release_of(version: &str, remarks: Remarks) -> Release {
    Release {
        version: version.parse().unwrap(),
        inner_checksum: InnerChecksum::from_bytes([1; 32]),
        outer_checksum: OuterChecksum::from_bytes([0xAB; 32]),
        dependencies: Vec::new(),
        remarks,
    }
}

/// All that a registry may say of a release.
fn remarks(reason: RetirementReason) -> Remarks {
    let advisory = Advisory {
        id: "GHSA-1".to_owned(),
        summary: "It leaks".to_owned(),
        severity: Some(Severity::High),
        cvss_score: Some(CvssScore::from(7.5)),
        html_url: "https://example.com/1".to_owned(),
        api_url: "https://example.com/1.json".to_owned(),
        aliases: vec!["CVE-1".to_owned()],
        unknown: UnknownFields::default(),
    };
    Remarks {
        retired: Some(Retirement::new(reason, Some("Use 1.1".to_owned()))),
        published_at: Some(UnixSeconds(1_700_000_000).into()),
        advisories: vec![Arc::new(advisory)],
        ..Remarks::default()
    }
}

fn facts_of<T>(releases: Vec<Release>, view: impl FnOnce(&PackageFacts<'_>) -> T) -> T {
    let releases = Releases::new("acme".parse().unwrap(), "foo".parse().unwrap(), releases);
    let description = Description { app: Some("foo_app".to_owned()), ..Description::default() };
    view(&PackageFacts {
        releases: &releases,
        description: Some(&description),
        updated_at: Some(UnixSeconds(1_800_000_000)),
        has_docs: &|_| false,
        owners: &[],
    })
}

#[test]
fn a_retired_release_with_an_advisory() {
    let release = release_of("1.0.0", remarks(RetirementReason::Security));
    let package = "foo".parse().unwrap();
    let facts = ReleaseFacts {
        package: &package,
        release: &release,
        description: None,
        has_docs: false,
        publisher: None,
    };
    let view = with_site(|site| super::release(site, &facts));
    insta::assert_snapshot!(pretty(&view), @r#"
    {
      "checksum": "abababababababababababababababababababababababababababababababab",
      "configs": {
        "erlang.mk": "dep_foo = hex 1.0.0",
        "mix.exs": "{:foo, \"~> 1.0\", repo: \"acme\"}",
        "rebar.config": "{foo, \"1.0.0\"}"
      },
      "docs_html_url": null,
      "downloads": null,
      "has_docs": false,
      "html_url": "http://localhost/api/packages/foo",
      "inserted_at": "2023-11-14T22:13:20Z",
      "meta": {
        "app": "foo",
        "build_tools": [],
        "elixir": null
      },
      "package_url": "http://localhost/api/packages/foo",
      "publisher": null,
      "requirements": {},
      "retirement": {
        "message": "Use 1.1",
        "reason": "security"
      },
      "security_advisories": [
        {
          "aliases": [
            "CVE-1"
          ],
          "api_url": "https://example.com/1.json",
          "cvss_rating": "high",
          "cvss_score": 7.5,
          "html_url": "https://example.com/1",
          "id": "GHSA-1",
          "summary": "It leaks"
        }
      ],
      "updated_at": "2023-11-14T22:13:20Z",
      "url": "http://localhost/api/packages/foo/releases/1.0.0",
      "version": "1.0.0"
    }
    "#);
}

#[test]
fn a_package_with_a_retired_release() {
    let mut beta = release_of("2.0.0-rc.1", Remarks::default());
    beta.remarks.published_at = Some(UnixSeconds(1_750_000_000).into());
    let releases = vec![
        release_of("1.0.0", Remarks::default()),
        release_of("1.1.0", remarks(RetirementReason::Unknown(9))),
        beta,
    ];
    let view = facts_of(releases, |facts| with_site(|site| package(site, facts)));
    insta::assert_snapshot!(pretty(&view), @r#"
    {
      "configs": {
        "erlang.mk": "dep_foo = hex 1.0.0",
        "mix.exs": "{:foo_app, \"~> 1.0\", hex: :foo, repo: \"acme\"}",
        "rebar.config": "{foo_app, \"1.0.0\", {pkg, foo}}"
      },
      "docs_html_url": null,
      "downloads": {},
      "html_url": "http://localhost/api/packages/foo",
      "inserted_at": "2023-11-14T22:13:20Z",
      "latest_stable_version": "1.1.0",
      "latest_version": "2.0.0-rc.1",
      "meta": {
        "description": null,
        "licenses": [],
        "links": {},
        "maintainers": []
      },
      "name": "foo",
      "owners": [],
      "releases": [
        {
          "has_docs": false,
          "inserted_at": "2025-06-15T15:06:40Z",
          "url": "http://localhost/api/packages/foo/releases/2.0.0-rc.1",
          "version": "2.0.0-rc.1"
        },
        {
          "has_docs": false,
          "inserted_at": "2023-11-14T22:13:20Z",
          "url": "http://localhost/api/packages/foo/releases/1.1.0",
          "version": "1.1.0"
        },
        {
          "has_docs": false,
          "url": "http://localhost/api/packages/foo/releases/1.0.0",
          "version": "1.0.0"
        }
      ],
      "repository": "acme",
      "retirements": {
        "1.1.0": {
          "message": "Use 1.1",
          "reason": "other"
        }
      },
      "updated_at": "2027-01-15T08:00:00Z",
      "url": "http://localhost/api/packages/foo"
    }
    "#);
}

#[test]
fn the_recommended_release_is_stable_and_not_retired_if_one_is() {
    let retired = || remarks(RetirementReason::Invalid);
    for (releases, expected) in [
        (vec![("1.0.0", false), ("1.1.0", true), ("2.0.0-rc.1", false)], "1.0.0"),
        (vec![("1.0.0", true), ("1.1.0", true), ("2.0.0-rc.1", false)], "1.1.0"),
        (vec![("1.0.0-rc.1", false), ("1.0.0-rc.2", true)], "1.0.0-rc.2"),
    ] {
        let releases = releases.into_iter().map(|(version, is_retired)| {
            release_of(version, if is_retired { retired() } else { Remarks::default() })
        });
        let releases: Vec<_> = releases.collect();
        let found = facts_of(releases, |facts| {
            facts.releases.recommended().map(|release| release.version.to_string())
        });
        assert_eq!(found.as_deref(), Some(expected));
    }
    // No client shall fail on a package without releases.
    let view = facts_of(Vec::new(), |facts| with_site(|site| listed_package(site, facts)));
    assert_eq!(view["latest_version"], Value::Null);
    assert_eq!(view["meta"]["description"], "");
    assert_eq!(view["configs"]["mix.exs"], r#"{:foo_app, ">= 0.0.0", hex: :foo, repo: "acme"}"#);
}

#[test]
fn accounts_and_keys() {
    let (repository, name) = ("acme".parse().unwrap(), "foo".parse().unwrap());
    let packages = [AccountPackage {
        repository: &repository,
        name: &name,
        url: "http://localhost/api/packages/foo".to_owned(),
        html_url: "http://localhost/browse/foo".to_owned(),
    }];
    let key = Key {
        name: "ci",
        secret: None,
        is_authing: true,
        permissions: vec![
            KeyPermission { domain: "api", resource: Some("write") },
            KeyPermission { domain: "repositories", resource: None },
        ],
        revoke_at: Some(UnixSeconds(1_800_000_000)),
    };
    let views = with_site(|site| {
        [
            me(site.api, "ci", &packages),
            owners(site.api, &["ci"]),
            keys(site.api, std::slice::from_ref(&key)),
            auth("ci"),
        ]
    });
    let created = with_site(|site| Key { secret: Some("hx_1"), ..key }.view(site.api));
    assert_eq!(created["secret"], "hx_1");
    insta::assert_snapshot!(pretty(&Value::from(views.to_vec())), @r#"
    [
      {
        "handles": {},
        "organizations": [],
        "packages": [
          {
            "html_url": "http://localhost/browse/foo",
            "name": "foo",
            "repository": "acme",
            "url": "http://localhost/api/packages/foo"
          }
        ],
        "url": "http://localhost/api/users/ci",
        "username": "ci"
      },
      [
        {
          "email": "ci",
          "level": "full",
          "url": "http://localhost/api/users/ci",
          "username": "ci"
        }
      ],
      [
        {
          "authing_key": true,
          "inserted_at": "unknown",
          "name": "ci",
          "permissions": [
            {
              "domain": "api",
              "resource": "write"
            },
            {
              "domain": "repositories",
              "resource": null
            }
          ],
          "revoke_at": "2027-01-15T08:00:00Z",
          "secret": null,
          "updated_at": "unknown",
          "url": "http://localhost/api/keys/ci"
        }
      ],
      {
        "key": {
          "name": "ci",
          "owner": {
            "name": "ci",
            "type": "user"
          }
        }
      }
    ]
    "#);
}
