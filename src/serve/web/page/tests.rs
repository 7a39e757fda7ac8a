use std::fmt::Write;

use data_encoding::BASE64;
use sha2::{Digest, Sha256};

use super::repository as page_of;
use super::{CONTENT_SECURITY_POLICY, MAX_ROWS, PageRequest, grouped, index};
use crate::key::PublicKey;
use crate::registry::Versions;
use crate::serve::overview::{Overview, OverviewError, RepositoryState};
use crate::store::{Operation, StoreError};
use crate::version::Version;

const PEM: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/golden/acme/expected/public_key"));

/// A repository of these packages, each with its versions.
fn built(packages: &[(&str, &[&str])]) -> RepositoryState {
    let packages = packages.iter().map(|(name, versions)| {
        let versions = versions.iter().map(|version| version.parse::<Version>().unwrap().into());
        (name.parse().unwrap(), versions.collect())
    });
    let versions = Versions::new("acme".parse().unwrap(), packages.collect());
    RepositoryState::Built(Overview::new(PublicKey::from_pem(PEM).unwrap(), versions))
}

fn many(count: usize) -> RepositoryState {
    let names: Vec<String> = (0..count).map(|number| format!("package_{number:05}")).collect();
    let packages: Vec<(&str, &[&str])> =
        names.iter().map(|name| (name.as_str(), &["1.0.0"][..])).collect();
    built(&packages)
}

fn request(query: &str) -> PageRequest<'_> {
    PageRequest {
        base_url: "https://hex.example.com",
        query,
        needs_token: false,
        mirror: None,
        upstream: None,
    }
}

/// The rows of the table of packages.
fn rows(html: &str) -> Vec<String> {
    let rows = html.lines().filter_map(|line| line.strip_prefix("<tr><th scope=\"row\">"));
    rows.map(|row| {
        row.replace("</th><td>", " ")
            .replace("</td><td class=\"number\">", " ")
            .replace("</td></tr>", "")
    })
    .collect()
}

#[test]
fn the_policy_names_the_style_sheet() {
    for html in [
        page_of(&RepositoryState::NotBuilt, &request("")),
        page_of(&many(1), &request("")),
        index(&[]),
    ] {
        let (_, style) = html.split_once("<style>").unwrap();
        let (style, _) = style.split_once("</style>").unwrap();
        let source = format!("'sha256-{}'", BASE64.encode(&Sha256::digest(style)));
        assert!(CONTENT_SECURITY_POLICY.contains(&source), "the style sheet is {source} now");
        assert!(!html.contains("style="), "the policy forbids it");
        assert!(!html.contains("<script") && !html.contains("src="), "{html}");
    }
}

#[test]
fn packages_have_their_latest_version_and_a_count() {
    let state = built(&[("zoo", &["1.0.0-rc.1"]), ("ant", &["1.9.0", "1.10.0", "2.0.0-a"])]);
    let html = page_of(&state, &request(""));
    assert_eq!(rows(&html), ["ant 1.10.0 3", "zoo 1.0.0-rc.1 1"]);
    assert!(html.contains("2 packages, 4 releases"), "{html}");
    assert!(html.contains("{:ant, &#34;~&#62; 1.10&#34;, repo: &#34;acme&#34;}"), "{html}");
}

#[test]
fn input_is_escaped() {
    let evil = "\"><script>alert(1)</script>'&";
    let html = page_of(
        &many(1),
        &PageRequest {
            base_url: evil,
            query: evil,
            needs_token: false,
            mirror: None,
            upstream: None,
        },
    );
    assert!(!html.contains("<script"), "{html}");
    assert!(!html.contains("\"><s") && !html.contains("'&<"), "{html}");
    assert!(html.contains("value=\"&#34;&#62;&#60;script&#62;"), "{html}");
    let evil = OverviewError::Key(crate::key::KeyError::Unsupported { label: "<b>".to_owned() });
    assert!(page_of(&RepositoryState::Unsound(evil), &request("")).contains("&#60;b&#62;"));
}

#[test]
fn a_search_finds_parts_of_names_and_ranks_the_exact_name_first() {
    let one: &[&str] = &["1.0.0"];
    let state = built(&[("a_plug", one), ("plug_cowboy", one), ("plug", one), ("ecto", one)]);
    let html = page_of(&state, &request(" Plug "));
    assert_eq!(rows(&html), ["plug 1.0.0 1", "plug_cowboy 1.0.0 1", "a_plug 1.0.0 1"]);
    assert!(html.contains("3 packages with <q>Plug</q> in the name."), "{html}");
    assert!(html.contains("value=\"Plug\""), "{html}");
    assert!(html.contains("{:plug, "), "{html}");

    let html = page_of(&state, &request("<none>"));
    assert!(html.contains("No package has <q>&#60;none&#62;</q> in its name."), "{html}");
    assert!(rows(&html).is_empty());
}

#[test]
fn the_page_of_many_packages_is_small() {
    let state = many(20_000);
    let html = page_of(&state, &request(""));
    assert_eq!(rows(&html).len(), MAX_ROWS);
    assert!(html.contains("and 19,800 more: search for a name"), "{html}");
    assert!(html.contains("20,000 packages"), "{html}");
    assert!(html.len() < 64 * 1024, "{} bytes", html.len());
    assert_eq!(rows(&page_of(&state, &request("19999"))), ["package_19999 1.0.0 1"]);
    assert!(!page_of(&many(MAX_ROWS), &request("")).contains(" more: search"));
}

#[test]
fn an_empty_repository_shows_how_to_add_a_package() {
    let html = page_of(&built(&[]), &request(""));
    assert!(html.contains("There are none yet."), "{html}");
    assert!(html.contains("hexreg build PUBLIC_DIR <span class=\"option\">--name=acme<"), "{html}");
    assert!(!html.contains("<form"), "{html}");
}

#[test]
fn errors_are_shown_without_paths() {
    let html = page_of(&RepositoryState::NotBuilt, &request(""));
    assert!(html.contains("This registry has not been built yet."), "{html}");

    let location = "/srv/secret/versions".to_owned();
    let denied = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
    let error = StoreError::new(Operation::Read, location, denied);
    let html = page_of(&RepositoryState::Unsound(OverviewError::Unreadable(error)), &request(""));
    assert!(html.contains("a file cannot be read") && !html.contains("/srv"), "{html}");

    let state = RepositoryState::Unsound(OverviewError::Versions(
        crate::registry::SignedError::TrailingBytes.into(),
    ));
    let html = page_of(&state, &request(""));
    let reason = "versions cannot be trusted: bytes follow the end of its gzip stream";
    assert!(html.contains(reason), "{html}");
}

#[test]
fn the_index_links_every_repository() {
    let (acme, beta) = ("acme".parse().unwrap(), "beta".parse().unwrap());
    let html = index(&[(&acme, &many(3)), (&beta, &RepositoryState::NotBuilt)]);
    assert!(html.contains("<a href=\"repos/acme/\">acme</a>"), "{html}");
    assert!(html.contains("<code>SHA256:") && html.contains("3 packages"), "{html}");
    assert!(html.contains("<a href=\"repos/beta/\">beta</a>"), "{html}");
    assert!(html.contains("not built yet"), "{html}");
    let html = index(&[(&beta, &many(3))]);
    assert!(html.contains("signed for another name: acme"), "{html}");
}

#[test]
fn numbers_are_grouped() {
    let mut text = String::new();
    for number in [0, 12, 999, 1_000, 19_800, 1_234_567] {
        write!(text, "{} ", grouped(number)).unwrap();
    }
    assert_eq!(text, "0 12 999 1,000 19,800 1,234,567 ");
}
