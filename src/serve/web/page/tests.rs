use data_encoding::BASE64;
use sha2::{Digest, Sha256};

use super::{PackageList, PageRequest};
use crate::browse::pages::{CONTENT_SECURITY_POLICY, Frame, PackageItem, Urls};
use crate::key::PublicKey;
use crate::name::RepositoryName;
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

fn frame(query: &str) -> Frame<'_> {
    Frame { site: "acme", query, urls: Urls::from_path(""), has_search: true }
}

fn item(name: &str) -> PackageItem {
    PackageItem {
        name: name.to_owned(),
        url: format!("./browse/{name}"),
        repository: None,
        description: "<b>bold</b>".to_owned(),
        latest: "1.0.0".to_owned(),
        updated: Some("2026-11-27".to_owned()),
        dependents: "3".to_owned(),
        badges: vec!["retired".to_owned()],
    }
}

fn page_of(state: &RepositoryState, query: &str, list: PackageList) -> String {
    let frame = frame(query);
    let request = PageRequest {
        frame: &frame,
        base_url: "https://hex.example.com",
        needs_token: false,
        mirror: None,
        upstream: None,
        policies: Vec::new(),
        list,
    };
    super::repository(state, request)
}

fn first_page(rows: Vec<PackageItem>) -> PackageList {
    PackageList { is_first_page: true, rows, ..PackageList::default() }
}

fn index(repositories: &[(&RepositoryName, &RepositoryState)]) -> String {
    super::index(&frame(""), repositories, None)
}

#[test]
fn the_policy_names_the_style_sheet_and_the_script() {
    for html in [
        page_of(&RepositoryState::NotBuilt, "", PackageList::default()),
        page_of(&built(&[("ant", &["1.0.0"])]), "", first_page(vec![item("ant")])),
        index(&[]),
    ] {
        for element in ["style", "script"] {
            let (_, text) = html.split_once(&format!("<{element}>")).unwrap();
            let (text, _) = text.split_once(&format!("</{element}>")).unwrap();
            let source = format!("'sha256-{}'", BASE64.encode(&Sha256::digest(text)));
            assert!(CONTENT_SECURITY_POLICY.contains(&source), "the {element} is {source} now");
        }
        assert!(!html.contains("style=") && !html.contains("onclick"), "the policy forbids it");
        assert!(!html.contains("src="), "{html}");
    }
}

#[test]
fn packages_are_listed_below_the_lines_for_clients() {
    let state = built(&[("zoo", &["1.0.0-rc.1"]), ("ant", &["1.9.0", "1.10.0", "2.0.0-a"])]);
    let html = page_of(&state, "", first_page(vec![item("zoo"), item("ant")]));
    assert!(html.contains("2 packages, 4 releases"), "{html}");
    assert!(html.contains("{:ant, &#34;~&#62; 1.10&#34;, repo: &#34;acme&#34;}"), "{html}");
    assert!(html.contains("<a href=\"./browse/zoo\">zoo</a> <span class=\"badge\">retired</span>"));
    assert!(html.contains("&#60;b&#62;bold&#60;/b&#62;"), "{html}");
    let later = PackageList { is_first_page: false, ..first_page(vec![item("zoo")]) };
    let html = page_of(&state, "zoo", later);
    assert!(!html.contains("mix hex.repo add") && html.contains("./browse/zoo"), "{html}");
}

#[test]
fn input_is_escaped() {
    let evil = "\"><script>alert(1)</script>'&";
    let list = PackageList {
        caption: evil.to_owned(),
        did_you_mean: Some(evil.to_owned()),
        ..PackageList::default()
    };
    let html = page_of(&built(&[("ant", &["1.0.0"])]), evil, list);
    assert!(!html.contains("<script>alert"), "{html}");
    assert!(!html.contains("\"><s") && !html.contains("'&<"), "{html}");
    assert!(html.contains("value=\"&#34;&#62;&#60;script&#62;"), "{html}");
    assert!(html.contains("No package matches <q dir=\"auto\">&#34;&#62;"), "{html}");
    let evil = OverviewError::Key(crate::key::KeyError::Unsupported { label: "<b>".to_owned() });
    let html = page_of(&RepositoryState::Unsound(evil), "", PackageList::default());
    assert!(html.contains("&#60;b&#62;"), "{html}");
}

#[test]
fn a_list_says_what_is_still_read_and_what_was_meant() {
    let list = PackageList {
        reading: Some((1_200, 20_000)),
        did_you_mean: Some("json thing".to_owned()),
        ..first_page(vec![item("ant")])
    };
    let html = page_of(&built(&[("ant", &["1.0.0"])]), "jsn", list);
    assert!(html.contains("1,200 of 20,000"), "{html}");
    assert!(html.contains("Did you mean <a href=\"./?q=json%20thing\">json thing</a>?"), "{html}");
}

#[test]
fn an_empty_repository_shows_how_to_add_a_package() {
    let html = page_of(&built(&[]), "", first_page(Vec::new()));
    assert!(html.contains("There are none yet."), "{html}");
    assert!(html.contains("hexreg build PUBLIC_DIR <span class=\"option\">--name=acme<"), "{html}");
}

#[test]
fn errors_are_shown_without_paths() {
    let html = page_of(&RepositoryState::NotBuilt, "", PackageList::default());
    assert!(html.contains("This registry has not been built yet."), "{html}");

    let location = "/srv/secret/versions".to_owned();
    let denied = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
    let error = OverviewError::Unreadable(StoreError::new(Operation::Read, location, denied));
    let html = page_of(&RepositoryState::Unsound(error), "", PackageList::default());
    assert!(html.contains("a file cannot be read") && !html.contains("/srv"), "{html}");

    let error = OverviewError::Versions(crate::registry::SignedError::TrailingBytes.into());
    let html = page_of(&RepositoryState::Unsound(error), "", PackageList::default());
    let reason = "versions cannot be trusted: bytes follow the end of its gzip stream";
    assert!(html.contains(reason), "{html}");
}

#[test]
fn the_index_links_every_repository() {
    let (acme, beta) = ("acme".parse().unwrap(), "beta".parse().unwrap());
    let three = built(&[("a", &["1.0.0"]), ("b", &["1.0.0"]), ("c", &["1.0.0"])]);
    let html = index(&[(&acme, &three), (&beta, &RepositoryState::NotBuilt)]);
    assert!(html.contains("<a href=\"repos/acme/\">acme</a>"), "{html}");
    assert!(html.contains("<code>SHA256:") && html.contains("3 packages"), "{html}");
    assert!(html.contains("<a href=\"repos/beta/\">beta</a>"), "{html}");
    assert!(html.contains("not built yet"), "{html}");
    let html = index(&[(&beta, &three)]);
    assert!(html.contains("signed for another name: acme"), "{html}");
}
