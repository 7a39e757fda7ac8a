//! `hexreg verify --site` finds every change.

use serde_json::Value;

use super::{counts, sample, verify};
use crate::support::repository::TestRepository;

/// The problems of a check, as path below the site and kind.
fn problems(repository: &TestRepository) -> Vec<(String, String)> {
    let ran = repository.hexreg().run(["verify", "public", "--site=site", "--json"]);
    let said: Value = serde_json::from_str(&ran.stdout).unwrap();
    let problems = said["problems"].as_array().unwrap();
    assert_eq!(ran.code, i32::from(!problems.is_empty()));
    let text = |value: &Value| value.as_str().unwrap().trim_start_matches("site/").to_owned();
    problems.iter().map(|one| (text(&one["path"]), text(&one["kind"]))).collect()
}

fn problem(path: &str, kind: &str) -> Vec<(String, String)> {
    vec![(path.to_owned(), kind.to_owned())]
}

#[test]
fn a_site_is_what_the_registry_gives() {
    let repository = sample();
    let made = counts(&repository, &["--docs=all", "--url=https://hex.acme.test"]);
    let said = verify(&repository).ok();
    let files = made["created"].as_u64().unwrap();
    assert!(said.stdout.contains(&format!("site: {files} files; no problem")), "{said:?} {made}");
}

#[test]
fn each_change_is_found() {
    for path in [
        "index.html",
        "browse/plug.html",
        "recent.html",
        "docs/plug/index.html",
        "docs/plug/1.1.0/Plug.html",
        "docs/plug/1.1.0/dist/app.css",
        "docs/plug/1.1.0/docs_config.js",
        "docs/packages.js",
        "search.html",
        "search/docs-search.js",
        "search/docs-index.js",
    ] {
        let repository = sample();
        counts(&repository, &[]);
        let file = format!("site/{path}");
        let mut bytes = repository.read(&file);
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        repository.write(&file, &bytes);
        assert_eq!(problems(&repository), problem(path, "page_changed"));
        repository.remove(&file);
        assert_eq!(problems(&repository), problem(path, "page_missing"));
    }
}

/// The manifest is believed in nothing.
#[test]
fn a_page_that_was_changed_with_the_manifest_is_found() {
    let repository = sample();
    counts(&repository, &[]);
    let evil = b"<p>Download version 6.6.6";
    repository.write("site/browse/plug.html", evil);
    let digest =
        data_encoding::HEXLOWER.encode(&<sha2::Sha256 as sha2::Digest>::digest(evil)[..16]);
    let mut manifest: Value =
        serde_json::from_slice(&repository.read("site/hexreg-site.json")).unwrap();
    manifest["files"]["browse/plug.html"] = digest.into();
    repository.write("site/hexreg-site.json", manifest.to_string().as_bytes());
    assert_eq!(problems(&repository), problem("browse/plug.html", "page_differs"));
    // A page of a package that there is not.
    counts(&repository, &["--fresh"]);
    repository.write("site/browse/evil.html", evil);
    assert_eq!(problems(&repository), problem("browse/evil.html", "page_stray"));
    manifest["files"]["browse/evil.html"] = manifest["files"]["browse/plug.html"].clone();
    counts(&repository, &["--fresh"]);
    repository.write("site/hexreg-site.json", manifest.to_string().as_bytes());
    assert_eq!(problems(&repository), problem("browse/evil.html", "page_surplus"));
}

#[test]
fn a_site_of_another_state_is_found() {
    let repository = sample();
    counts(&repository, &[]);
    let repository = repository.release("jason", "1.0.0");
    repository.build(&[]).ok();
    let found = problems(&repository);
    let expected = [
        ("browse/jason.html", "page_missing"),
        ("index.html", "page_differs"),
        ("recent.html", "page_differs"),
        ("search/docs-index.js", "page_differs"),
    ];
    let found: Vec<(&str, &str)> =
        found.iter().map(|(path, kind)| (path.as_str(), kind.as_str())).collect();
    assert_eq!(found, expected);
}

#[test]
fn what_is_no_site_is_said() {
    let repository = sample();
    assert_eq!(problems(&repository), problem("hexreg-site.json", "site_missing"));
    counts(&repository, &[]);
    let manifest = String::from_utf8(repository.read("site/hexreg-site.json")).unwrap();
    let version = format!("\"hexreg\":\"{}\"", env!("CARGO_PKG_VERSION"));
    assert!(manifest.contains(&version), "{manifest}");
    let other = manifest.replace(&version, "\"hexreg\":\"0.0.1\"");
    repository.write("site/hexreg-site.json", other.as_bytes());
    assert_eq!(problems(&repository), problem("hexreg-site.json", "site_of_other_version"));
    // Another version makes all of it again.
    let again = counts(&repository, &[]);
    assert_eq!(again["read"], 4, "{again}");
    verify(&repository).ok();
    repository.write("site/hexreg-site.json", b"{");
    let refused = verify(&repository);
    assert_eq!(refused.code, 2, "{refused:?}");
}
