//! `hexreg site`: the pages of a registry as files.
//!
//! | module | what belongs there |
//! | --- | --- |
//! | `pages` | what the pages say, and that every link of every page leads to a file |
//! | `again` | a second run: what is left alone, written and removed; files of others; runs that were interrupted |
//! | `checked` | `hexreg verify --site` finds every change |
//! | `beside` | a site in the tree of its registry, and what build, verify, push and serve make of it |
//! | `evil` | packages and documentation of attackers |
//! | `in_buckets` | a site in a bucket |
//! | `in_chromium` | the site in a browser: from a disk, and from nginx |

mod again;
mod beside;
mod checked;
mod evil;
#[cfg(feature = "buckets")]
mod in_buckets;
#[cfg(all(feature = "mirror", feature = "serve"))]
mod in_chromium;
mod pages;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use url::Url;
use walkdir::WalkDir;

use crate::support::hexreg::Ran;
use crate::support::html::Document;
use crate::support::raw_tar::{Entry, archive};
use crate::support::repository::TestRepository;
use crate::support::tarball::Tarball;

/// Makes the site of `public/` in `site/`.
fn site(repository: &TestRepository, more: &[&str]) -> Ran {
    let usual = ["site", "public", "--out=site"];
    repository.hexreg().run(usual.iter().chain(more).copied())
}

/// The same, which must go well, as JSON.
#[track_caller]
fn counts(repository: &TestRepository, more: &[&str]) -> Value {
    let ran = site(repository, &[more, &["--json"]].concat()).ok();
    serde_json::from_str(&ran.stdout).unwrap()
}

#[track_caller]
fn verify(repository: &TestRepository) -> Ran {
    repository.hexreg().run(["verify", "public", "--site=site"])
}

/// The files of a directory with their bytes.
fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let walk = WalkDir::new(root).into_iter().map(Result::unwrap);
    let files = walk.filter(|entry| entry.file_type().is_file());
    let named = files.map(|entry| {
        let path = entry.path().strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        (path, std::fs::read(entry.path()).unwrap())
    });
    named.collect()
}

fn page(repository: &TestRepository, path: &str) -> Document {
    let html = String::from_utf8(repository.read(&format!("site/{path}"))).unwrap();
    Document::parse(&html)
}

fn is_page(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|ending| ending == "html")
}

/// Every link of every page that leads to the site itself leads to a file of it.
#[track_caller]
fn check_links(root: &Path) -> usize {
    let (mut pages, mut links) = (0, 0);
    for (path, bytes) in files(root) {
        if !is_page(&path) {
            continue;
        }
        pages += 1;
        let base = Url::from_file_path(root.join(&path)).unwrap();
        let document = Document::parse(&String::from_utf8(bytes).unwrap());
        let found = document.tags.iter().flat_map(|tag| {
            let names = ["href", "src", "action"];
            names.into_iter().filter_map(|name| tag.get(name)).map(str::to_owned)
        });
        let refreshed = document.all("meta").filter_map(|tag| {
            tag.get("content")?.split_once("url=").map(|(_, url)| url.to_owned())
        });
        for link in found.chain(refreshed) {
            let target = base.join(&link).unwrap();
            if target.scheme() != "file" {
                continue;
            }
            links += 1;
            let file = target.to_file_path().unwrap();
            assert!(file.starts_with(root), "{path} leads out by {link}");
            assert!(file.is_file(), "{path} leads nowhere by {link}");
        }
    }
    assert!(pages > 0 && links > pages, "{links} links of {pages} pages");
    pages
}

/// An archive of documentation.
fn docs(files: &[(&str, &[u8])]) -> Vec<u8> {
    let entries: Vec<Entry> = files.iter().map(|(path, data)| Entry::file(path, data)).collect();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&archive(&entries)).unwrap();
    gzip.finish().unwrap()
}

/// Documentation of a module, which links to that of another package.
fn docs_of(module: &str, other: &str) -> Vec<u8> {
    let page = format!(
        "<!DOCTYPE html><html><head><meta charset=\"utf-8\"><title>{module}</title>\
         <script src=\"docs_config.js\"></script></head><body><h1 id=\"top\">{module}</h1>\
         <a href=\"https://hexdocs.pm/{other}/index.html\">other</a> \
         <a href=\"https://hexdocs.pm/nowhere/index.html\">nowhere</a></body></html>"
    );
    docs(&[
        ("index.html", page.as_bytes()),
        (&format!("{module}.html"), page.as_bytes()),
        ("dist/app.css", b"h1 { color: red }"),
        ("docs_config.js", b"var versionNodes = ['theirs'];"),
    ])
}

/// `plug` of two versions with documentation of each, and `ecto`, which uses it.
fn sample() -> TestRepository {
    let readme = b"# Plug\n\nSee [the guide](guides/start.md).\n\n![logo](logo.png)\n";
    let changes = b"# Changelog\n\n## v1.1.0\n\n* faster\n\n## v1.0.0\n\n* first\n";
    let of = |version: &str| {
        let more = "{<<\"description\">>,<<\"A <b>plug</b>\"/utf8>>}.\n".to_owned();
        let files = [
            Entry::file("README.md", readme),
            Entry::file("CHANGELOG.md", changes),
            Entry::file("guides/start.md", b"# Start\n"),
            Entry::file("logo.png", b"\x89PNG\r\n"),
        ];
        Tarball::new("plug", version).more_metadata(more).files(&files).build()
    };
    let repository = TestRepository::new()
        .tarball("plug-1.0.0.tar", &of("1.0.0"))
        .tarball("plug-1.1.0.tar", &of("1.1.0"))
        .tarball(
            "ecto-3.0.0.tar",
            &Tarball::new("ecto", "3.0.0").requires("plug", "~> 1.0").build(),
        );
    repository.build(&[]).ok();
    repository.write("public/docs/plug-1.0.0.tar.gz", &docs_of("Plug", "ecto"));
    repository.write("public/docs/plug-1.1.0.tar.gz", &docs_of("Plug", "ecto"));
    repository.write("public/docs/ecto-3.0.0.tar.gz", &docs_of("Ecto", "plug"));
    repository
}
