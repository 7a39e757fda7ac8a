//! Tests of looking packages up, and of their views, by the repository that the real Hex client built.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use super::*;
use crate::serve::api::views::{self, Site};
use crate::serve::files::directory::Directory;
use crate::store::DirStore;

/// The repository `acme`, with documentation of two releases.
pub(crate) fn acme() -> TempDir {
    let directory = TempDir::new().unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/golden/acme");
    let copy = |from: &Path, to: &str| {
        fs::create_dir_all(directory.path().join(to)).unwrap();
        for entry in fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
            if entry.path().is_file() {
                let file = directory.path().join(to).join(entry.file_name());
                fs::copy(entry.path(), file).unwrap();
            }
        }
    };
    copy(&golden.join("expected"), "");
    copy(&golden.join("expected/packages"), "packages");
    copy(&golden.join("tarballs"), "tarballs");
    fs::create_dir(directory.path().join("docs")).unwrap();
    for release in ["apple-2.0.0", "banana-0.1.0"] {
        fs::write(directory.path().join(format!("docs/{release}.tar.gz")), "").unwrap();
    }
    directory
}

pub(crate) fn packages(directory: &TempDir) -> Packages {
    let source: Arc<dyn FileSource> = Arc::new(Directory::new(DirStore::new(directory.path())));
    let releases = Arc::new(ReleaseIndex::new(Arc::clone(&source), None));
    Packages::new(source, releases)
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap()
}

fn with_site<T>(call: impl FnOnce(&Site<'_>) -> T) -> T {
    let repository = "acme".parse().unwrap();
    let (api, url) =
        ("https://hex.example.com/api/repos/acme", "https://hex.example.com/repos/acme");
    call(&Site { repository: &repository, api, url, has_pages: true })
}

#[tokio::test]
async fn a_package_is_found_as_it_is_signed() {
    let directory = acme();
    let packages = packages(&directory);
    let apple = packages.find(&"apple".parse().unwrap()).await.unwrap().unwrap();
    let view =
        with_site(|site| apple.with_facts(&["ci", "ann"], |facts| views::package(site, facts)));
    insta::assert_snapshot!(pretty(&view), @r#"
    {
      "configs": {
        "erlang.mk": "dep_apple = hex 2.0.0",
        "mix.exs": "{:apple, \"~> 2.0\", repo: \"acme\"}",
        "rebar.config": "{apple, \"2.0.0\"}"
      },
      "docs_html_url": null,
      "downloads": {},
      "html_url": "https://hex.example.com/repos/acme/browse/apple",
      "latest_stable_version": "2.0.0",
      "latest_version": "2.0.0",
      "meta": {
        "description": "The apple sample package",
        "licenses": [
          "Apache-2.0"
        ],
        "links": {
          "Home": "https://example.com/apple"
        },
        "maintainers": []
      },
      "name": "apple",
      "owners": [
        {
          "url": "https://hex.example.com/api/repos/acme/users/ci",
          "username": "ci"
        },
        {
          "url": "https://hex.example.com/api/repos/acme/users/ann",
          "username": "ann"
        }
      ],
      "releases": [
        {
          "has_docs": true,
          "url": "https://hex.example.com/api/repos/acme/packages/apple/releases/2.0.0",
          "version": "2.0.0"
        },
        {
          "has_docs": false,
          "url": "https://hex.example.com/api/repos/acme/packages/apple/releases/2.0.0-rc.2-hyphen",
          "version": "2.0.0-rc.2-hyphen"
        },
        {
          "has_docs": false,
          "url": "https://hex.example.com/api/repos/acme/packages/apple/releases/2.0.0-rc.10",
          "version": "2.0.0-rc.10"
        },
        {
          "has_docs": false,
          "url": "https://hex.example.com/api/repos/acme/packages/apple/releases/2.0.0-rc.2",
          "version": "2.0.0-rc.2"
        },
        {
          "has_docs": false,
          "url": "https://hex.example.com/api/repos/acme/packages/apple/releases/2.0.0-alpha",
          "version": "2.0.0-alpha"
        },
        {
          "has_docs": false,
          "url": "https://hex.example.com/api/repos/acme/packages/apple/releases/1.10.0",
          "version": "1.10.0"
        },
        {
          "has_docs": false,
          "url": "https://hex.example.com/api/repos/acme/packages/apple/releases/1.9.0",
          "version": "1.9.0"
        }
      ],
      "repository": "acme",
      "retirements": {},
      "url": "https://hex.example.com/api/repos/acme/packages/apple"
    }
    "#);
    assert!(packages.find(&"nothing".parse().unwrap()).await.unwrap().is_none());
    fs::write(directory.path().join("packages/apple"), "junk").unwrap();
    assert!(packages.find(&"apple".parse().unwrap()).await.is_err());
}

#[tokio::test]
async fn a_release_is_found_as_it_is_signed() {
    let directory = acme();
    let packages = packages(&directory);
    let find = async |name: &str| packages.find_release(&name.parse().unwrap()).await.unwrap();
    let banana = find("banana-0.1.0").await.unwrap();
    let view = with_site(|site| views::release(site, &banana.facts(Some("ci"))));
    insta::assert_snapshot!(pretty(&view), @r#"
    {
      "checksum": "9e1e01d0de70a72de46d1dc802f953070c91a2024c721013a0b04ddd8997b441",
      "configs": {
        "erlang.mk": "dep_banana = hex 0.1.0",
        "mix.exs": "{:banana, \"~> 0.1.0\", repo: \"acme\"}",
        "rebar.config": "{banana, \"0.1.0\"}"
      },
      "docs_html_url": null,
      "downloads": null,
      "has_docs": true,
      "html_url": "https://hex.example.com/repos/acme/browse/banana",
      "meta": {
        "app": "banana",
        "build_tools": [
          "mix"
        ],
        "elixir": "~> 1.12"
      },
      "package_url": "https://hex.example.com/api/repos/acme/packages/banana",
      "publisher": {
        "url": "https://hex.example.com/api/repos/acme/users/ci",
        "username": "ci"
      },
      "requirements": {
        "apple": {
          "app": "apple",
          "optional": false,
          "requirement": "~> 1.9"
        },
        "cherry": {
          "app": "cherry_app",
          "optional": true,
          "requirement": ">= 0.1.0 and < 2.0.0"
        },
        "telemetry": {
          "app": "telemetry",
          "optional": false,
          "repository": "hexpm",
          "requirement": "~> 0.4 or ~> 1.0"
        }
      },
      "retirement": null,
      "security_advisories": [],
      "url": "https://hex.example.com/api/repos/acme/packages/banana/releases/0.1.0",
      "version": "0.1.0"
    }
    "#);
    assert!(find("banana-0.2.0").await.is_none() && find("nothing-1.0.0").await.is_none());
}

#[tokio::test]
async fn a_package_is_shown_without_its_tarball() {
    let directory = acme();
    fs::remove_file(directory.path().join("tarballs/banana-0.1.0.tar")).unwrap();
    let packages = packages(&directory);
    let banana = packages.find(&"banana".parse().unwrap()).await.unwrap().unwrap();
    let view = with_site(|site| {
        banana.with_facts(&[], |facts| {
            (views::package(site, facts), views::listed_package(site, facts))
        })
    });
    // rebar3 needs text in a list.
    assert_eq!(
        (&view.0["meta"]["description"], &view.1["meta"]["description"]),
        (&Value::Null, &"".into())
    );
    assert_eq!(view.0["configs"]["mix.exs"], r#"{:banana, "~> 0.1.0", repo: "acme"}"#);
}
