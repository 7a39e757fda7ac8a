//! The page of a package, its versions, and the packages that use it.

use std::sync::Arc;

use hexreg::package::{Advisory, Severity, UnixSeconds};
use hexreg::unknown_fields::UnknownFields;

use super::{build, crawl, names, page, parser, serve};
use crate::support::repository::TestRepository;
use crate::support::signed::{edit, key};
use crate::support::tarball::Tarball;

fn retire(repository: &TestRepository, version: &str) {
    let retire = ["retire", "--to=public", "--name=acme", "--private-key=key.pem"];
    let why = ["--reason=security", "--message=use <i>1.1.0</i>", "json_parser", version];
    repository.hexreg().run(retire.iter().chain(&why).copied()).ok();
}

/// 1.0.0 is retired, and two versions are advised against.
fn remarked() -> TestRepository {
    let repository = parser();
    retire(&repository, "1.0.0");
    edit(&repository, "public/packages/json_parser", &key("acme-2048.pem"), |release| {
        release.remarks.published_at = Some(UnixSeconds(1_700_000_000).into());
        if release.version.to_string() != "2.0.0-rc.1" {
            release.remarks.advisories = vec![Arc::new(Advisory {
                id: "GHSA-1".to_owned(),
                summary: "a <script>hole</script>".to_owned(),
                severity: Some(Severity::High),
                cvss_score: Some(7.5.into()),
                html_url: "https://advisories.example/html".to_owned(),
                api_url: "https://advisories.example/api".to_owned(),
                aliases: vec!["CVE-2026-1".to_owned()],
                unknown: UnknownFields::default(),
            })];
        }
    });
    repository.build(&[]).ok();
    repository
}

#[test]
fn the_page_of_a_package_says_what_its_tarball_and_its_signed_file_say() {
    let repository = remarked();
    let server = serve(&repository, &[]);
    let answer = server.get("/browse/json_parser", &[]);
    // In one request.
    assert!(answer.body.len() < 50_000, "{} bytes", answer.body.len());
    let found = page(&server, "/browse/json_parser");
    let text = found.words();
    for expected in [
        // The newest that is no pre-release.
        "json_parser 1.1.0",
        "Parses <b>JSON</b> & more",
        "Apache-2.0",
        "MIT",
        "Bad: javascript:alert(1)",
        "~> 1.15",
        "2023-11-14",
        // The README.
        "Parses JSON quickly.",
        // The changelog's section.
        "Changes in 1.1.0 numbers are exact",
        "All of CHANGELOG.md",
        // Dependencies, and who depends on it.
        "words ~> 1.0 acme",
        "jason ~> 1.4 hex.pm",
        "Used by 1 package reader",
        // Lines to copy.
        "{:json_parser, \"~> 1.1\", repo: \"acme\"}",
        "{json_parser, \"1.1.0\"}",
        "dep_json_parser = hex 1.1.0",
        // The advisory.
        "Security advisory GHSA-1 (high, CVSS 7.5) a <script>hole</script> Also known as CVE-2026-1.",
        "3 versions",
        "7 files",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in\n{text}");
    }
    for absent in ["first release", "gleam add", "This version is retired", "The latest version is"]
    {
        assert!(!text.contains(absent), "{absent:?} is in\n{text}");
    }
    let foreign: Vec<_> = found
        .all("a")
        .filter(|tag| {
            let target = tag.get("href").unwrap();
            target.starts_with("http")
        })
        .collect();
    for url in
        ["https://example.com/json", "https://example.com/x", "https://advisories.example/html"]
    {
        let link = foreign.iter().find(|tag| tag.get("href") == Some(url));
        let rel = link.unwrap_or_else(|| panic!("no link to {url}")).get("rel").unwrap();
        assert!(rel.contains("nofollow") && rel.contains("noreferrer"), "{url}: {rel}");
    }
    assert_eq!(foreign.len(), 3, "{foreign:?}");
    // The image of the package is shown, and the other one is its alternative text.
    let images: Vec<_> = found.all("img").map(|tag| tag.get("src").unwrap()).collect();
    assert_eq!(images, ["../browse/json_parser/1.1.0/raw/assets/logo.png"]);
    assert!(text.contains("far"), "{text}");
    assert!(found.links().contains(&"../browse/json_parser/1.1.0/files/guides/start.md"));

    // What is signed can be checked.
    let inspect = |path: &str| repository.hexreg().run(["inspect", path]).ok().stdout;
    let told = inspect("public/tarballs/json_parser-1.1.0.tar");
    for label in ["inner checksum: ", "outer checksum: "] {
        let checksum = told.lines().find_map(|line| line.strip_prefix(label)).unwrap().trim();
        assert!(checksum.len() == 64 && text.contains(checksum), "{label}{checksum} {text}");
    }
    let pem = String::from_utf8(repository.read("public/public_key")).unwrap();
    let fingerprint = hexreg::key::PublicKey::from_pem(&pem).unwrap().fingerprint().to_owned();
    assert!(text.contains(&fingerprint), "{text}");
}

#[test]
fn another_version_has_its_own_banners_and_names_the_latest() {
    let repository = remarked();
    let server = serve(&repository, &[]);
    let text = page(&server, "/browse/json_parser/1.0.0").words();
    for expected in [
        "json_parser 1.0.0",
        "The latest version is 1.1.0",
        "This version is retired: it has a security problem use <i>1.1.0</i>",
        "Security advisory GHSA-1",
        "Changes in 1.0.0 first release",
        "retired 1 advisory",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in\n{text}");
    }
    assert!(!text.contains("exact"), "{text}");
    let text = page(&server, "/browse/json_parser/2.0.0-rc.1").words();
    assert!(
        !text.contains("The latest version is") && !text.contains("Security advisory"),
        "{text}"
    );
    assert!(text.contains("{:json_parser, \"~> 2.0.0-rc.1\", repo: \"acme\"}"), "{text}");

    let found = page(&server, "/browse/json_parser/versions");
    let rows: Vec<_> = found
        .links()
        .into_iter()
        .filter_map(|link| {
            link.strip_prefix("../../browse/json_parser/")
                .filter(|rest| rest.starts_with(['1', '2']))
        })
        .collect();
    assert_eq!(rows, ["2.0.0-rc.1", "1.1.0", "1.0.0"]);
    let text = found.words();
    assert!(text.contains("1.0.0 retired 1 advisory 2023-11-14"), "{text}");
    assert!(found.links().contains(&"../../browse/json_parser/diff/1.0.0..1.1.0"));
}

#[test]
fn gleam_adds_packages_of_hexpm_alone() {
    let repository = TestRepository::new().release("words", "1.2.0");
    build(&repository, "public", "hexpm");
    let server = serve(&repository, &[]);
    let text = page(&server, "/browse/words").words();
    assert!(text.contains("gleam add words@1"), "{text}");
    assert!(text.contains("{:words, \"~> 1.2\"}"), "{text}");
}

#[test]
fn every_link_of_every_page_leads_somewhere() {
    let repository = remarked();
    let server = serve(&repository, &[]);
    let pages = crawl(&server, "/", &[]);
    for kind in [
        "/browse/json_parser",
        "/browse/json_parser/1.0.0",
        "/browse/json_parser/versions",
        "/browse/json_parser/1.1.0/files/",
        "/browse/json_parser/1.1.0/files/lib/json_parser.ex",
        "/browse/json_parser/1.1.0/files/assets/logo.png",
        "/browse/json_parser/1.1.0/requirements",
        "/browse/json_parser/diff/1.0.0..1.1.0",
        "/recent",
    ] {
        assert!(pages.iter().any(|(path, _)| path == kind), "{kind} is not linked");
    }
    for (path, found) in &pages {
        assert_eq!(found.all("h1").count(), 1, "{path}");
        assert_eq!(found.all("main").count(), 1, "{path}");
        assert!(found.all("html").all(|tag| tag.get("lang") == Some("en")), "{path}");
        assert!(found.all("img").all(|tag| tag.get("alt").is_some()), "{path}");
        let mut ids: Vec<_> = found.tags.iter().filter_map(|tag| tag.get("id")).collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count, "an id stands twice in {path}");
    }
}

#[test]
fn all_that_use_a_package_are_listed_once() {
    let mut repository = TestRepository::new().release("base", "1.0.0");
    for number in 0..120 {
        let name = format!("user{number:03}");
        let tarball = Tarball::new(&name, "1.0.0").requires("base", "~> 1.0").build();
        repository = repository.tarball(&format!("{name}-1.0.0.tar"), &tarball);
    }
    // Only an old version of it does.
    let former = Tarball::new("former", "1.0.0").requires("base", "~> 1.0").build();
    let repository = repository.tarball("former-1.0.0.tar", &former).release("former", "2.0.0");
    repository.build(&[]).ok();
    let server = serve(&repository, &[]);
    let found = page(&server, "/browse/base");
    assert!(found.words().contains("Used by 120 packages"), "{}", found.words());
    assert!(found.links().contains(&"../browse/base/dependents"));
    let list = |number: usize| page(&server, &format!("/browse/base/dependents?page={number}"));
    let users = |number| {
        let mut users = names(&list(number));
        users.retain(|name| name != "base");
        users
    };
    let (first, second) = (users(1), users(2));
    assert_eq!((first.len(), second.len()), (100, 20));
    let mut all = [first, second].concat();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 120);
    assert!(all.iter().all(|name| name.starts_with("user")), "{all:?}");
    assert!(list(1).links().contains(&"../../browse/base/dependents?page=2"));
    assert!(users(3).is_empty() && users(usize::MAX).is_empty());
}
