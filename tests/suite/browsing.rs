//! The pages about packages: what each of them says, who sees it, and what Chromium makes of them.
//!
//! | module | what belongs there |
//! | --- | --- |
//! | `package` | the page of a package, its versions, and the packages that use it |
//! | `files` | lists of files, files as pages and as they are, and the difference of two versions |
//! | `requirements` | everything that a release pulls in |
//! | `search` | what a search finds, suggests and means; lists of several pages |
//! | `changes` | what came lately, as a page and as a feed |
//! | `docs_search` | the search in documentation, lock files, and what Hex asks |
//! | `policies` | what policies say beside each version, and the page of policies |
//! | `paths` | every path that is a page, and every one that is not |
//! | `rights` | names that a client may not see |
//! | `caching` | what is kept over a restart; tarballs and files of the cache that are damaged |
//! | `documentation` | documentation of packages: read, searched, and apart from the registry |
//! | `buckets` | pages of a registry in a bucket |
//! | `evil` | a package that attacks its readers, and the server |
//! | `in_chromium` | keyboard, phone, dark, without JavaScript, for all readers, without a network |

#[cfg(all(feature = "buckets", feature = "mirror"))]
mod buckets;
mod caching;
mod changes;
mod docs_search;
mod documentation;
mod evil;
mod files;
mod in_chromium;
mod package;
mod paths;
mod policies;
#[cfg(feature = "mirror")]
mod pulled;
mod requirements;
mod rights;
mod search;

use url::Url;

use crate::support::html::Document;
use crate::support::raw_tar::Entry;
use crate::support::repository::TestRepository;
use crate::support::server::{Answer, Server};
use crate::support::tarball::Tarball;
use crate::support::upstream::until;

/// What the log says once all that has changed was read.
const READ: &str = "packages were read for pages";

fn log(repository: &TestRepository) -> String {
    String::from_utf8(repository.read("serve.log")).unwrap()
}

/// The lines of the log that say what was read.
fn reads(repository: &TestRepository) -> Vec<String> {
    let log = repository.path("serve.log");
    let log = std::fs::read_to_string(log).unwrap_or_default();
    log.lines().filter(|line| line.contains(READ)).map(str::to_owned).collect()
}

/// Serves `public/` with more arguments, once its packages were read.
fn serve(repository: &TestRepository, more: &[&str]) -> Server {
    let before = reads(repository).len();
    let server = Server::of(repository, more);
    // A visit makes it read at once.
    server.get("/", &[]);
    until("the packages were read", || reads(repository).len() > before);
    server
}

/// Serves several repositories as a configuration says, once the packages of so many were read, which those can do who send
/// these header lines.
fn configured(repository: &TestRepository, config: &str, count: usize, headers: &[&str]) -> Server {
    let before = reads(repository).len();
    repository.write("hexreg.toml", format!("listen = \"127.0.0.1:0\"\n{config}").as_bytes());
    let server = Server::configured(repository.hexreg(), repository.root(), "hexreg.toml");
    // With something to search for, the page looks at all repositories.
    server.get("/?q=x", headers);
    until("the packages were read", || reads(repository).len() >= before + count);
    server
}

/// Builds `DIRECTORY/`, signed for this name.
fn build(repository: &TestRepository, directory: &str, name: &str) {
    let name = format!("--name={name}");
    repository.hexreg().run(["build", directory, &name, "--private-key=key.pem"]).ok();
}

/// An HTML page, which holds nothing that it must not.
#[track_caller]
fn document(answer: &Answer) -> Document {
    assert!(answer.expect("content-type").starts_with("text/html"), "{answer:?}");
    assert_eq!(answer.expect("x-content-type-options"), "nosniff");
    assert_eq!(answer.expect("referrer-policy"), "no-referrer");
    let policy = answer.expect("content-security-policy");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let document = Document::parse(&answer.text());
    assert_eq!(document.fault(), None, "{}", answer.text());
    document
}

/// The page at a path, which there must be.
#[track_caller]
fn page(server: &Server, path: &str) -> Document {
    page_for(server, path, &[])
}

/// The same for a client that sends these header lines.
#[track_caller]
fn page_for(server: &Server, path: &str, headers: &[&str]) -> Document {
    let answer = server.get(path, headers);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    document(&answer)
}

fn status(server: &Server, path: &str) -> u16 {
    server.get(path, &[]).status
}

/// The links of a page that lead to this server, as paths, each once.
fn own_paths(server: &Server, path: &str, document: &Document) -> Vec<String> {
    let base = Url::parse(&format!("{}{path}", server.url())).unwrap();
    let links = document.tags.iter().filter_map(|tag| tag.get("href").or_else(|| tag.get("src")));
    let mut paths: Vec<String> = links
        .filter_map(|link| base.join(link).ok())
        .filter(|url| url.origin() == base.origin())
        .map(|url| url[url::Position::BeforePath..url::Position::AfterQuery].to_owned())
        .collect();
    paths.sort();
    paths.dedup();
    paths
}

/// Every page that can be reached from a path by links, with its path. Each link has to lead somewhere, save those that are
/// expected to lead nowhere.
#[track_caller]
fn crawl(server: &Server, from: &str, leads_nowhere: &[&str]) -> Vec<(String, Document)> {
    let (mut pages, mut seen) = (Vec::new(), vec![from.to_owned()]);
    let mut next = 0;
    while let Some(path) = seen.get(next).cloned() {
        next += 1;
        assert!(next < 1_000, "too many pages");
        let answer = server.get(&path, &[]);
        let expected = if leads_nowhere.contains(&path.as_str()) { 404 } else { 200 };
        assert_eq!(answer.status, expected, "{path} of {seen:?}");
        if answer.status != 200 || !answer.expect("content-type").starts_with("text/html") {
            continue;
        }
        let document = document(&answer);
        for link in own_paths(server, &path, &document) {
            if !seen.contains(&link) {
                seen.push(link);
            }
        }
        pages.push((path, document));
    }
    pages
}

/// The rows of a list of packages, by the names that they link.
fn names(document: &Document) -> Vec<String> {
    let links = document.links().into_iter();
    let links = links.filter(|link| !link.contains("?q=") && !link.contains("/versions"));
    let names = links.filter_map(|link| link.split_once("browse/").map(|(_, name)| name));
    names.filter(|name| !name.contains('/')).map(str::to_owned).collect()
}

impl Tarball {
    /// With what authors say of a package: a description, licences, links, and files.
    fn described(self, description: &str, licenses: &[&str], files: &[(&str, &[u8])]) -> Self {
        let licenses: Vec<String> =
            licenses.iter().map(|one| format!("<<\"{one}\"/utf8>>")).collect();
        let more = format!(
            "{{<<\"description\">>,<<\"{}\"/utf8>>}}.\n{{<<\"licenses\">>,[{}]}}.\n",
            description.replace('\\', "\\\\").replace('"', "\\\""),
            licenses.join(",")
        );
        let files: Vec<Entry> = files.iter().flat_map(|(path, data)| entry(path, data)).collect();
        self.more_metadata(more).files(&files)
    }
}

/// A file of a package. A long name has a header of its own.
fn entry(path: &str, data: &[u8]) -> Vec<Entry> {
    if path.len() < 100 && path.is_ascii() {
        return vec![Entry::file(path, data)];
    }
    vec![Entry::pax(&[("path", path)]), Entry::file("long", data)]
}

/// A package `json_parser` of several versions, with all that a page shows, what it needs, and what needs it.
fn parser() -> TestRepository {
    let of = |version: &str, changes: &str, source: &str| {
        let readme = b"# JSON Parser\n\nParses *JSON* quickly. See [the guide](guides/start.md) and \
            [elsewhere](https://example.com/x).\n\n![logo](assets/logo.png) ![far](https://evil.example/far.png)\n";
        Tarball::new("json_parser", version)
            .requires("words", "~> 1.0")
            .requires_public("jason", "~> 1.4")
            .more_metadata(
                "{<<\"links\">>,[{<<\"GitHub\">>,<<\"https://example.com/json\">>},\
                 {<<\"Bad\">>,<<\"javascript:alert(1)\">>}]}.\n{<<\"elixir\">>,<<\"~> 1.15\">>}.\n",
            )
            .described(
                "Parses <b>JSON</b> & more",
                &["Apache-2.0", "MIT"],
                &[
                    ("README.md", readme),
                    ("CHANGELOG.md", changes.as_bytes()),
                    ("guides/start.md", b"# Start\n\nBack to [the readme](../README.md).\n"),
                    ("assets/logo.png", PNG),
                    ("lib/json_parser.ex", source.as_bytes()),
                    ("lib/empty.ex", b""),
                ],
            )
            .build()
    };
    let changes =
        "# Changelog\n\n## v1.1.0\n\n* numbers are **exact**\n\n## v1.0.0\n\n* first release\n";
    let source = "defmodule JsonParser do\n  def parse_text(text), do: {:ok, text}\nend\n";
    let newer = source.replace("{:ok, text}", "{:ok, String.trim(text)}");
    let repository = TestRepository::new()
        .tarball("json_parser-1.0.0.tar", &of("1.0.0", changes, source))
        .tarball("json_parser-1.1.0.tar", &of("1.1.0", changes, &newer))
        .tarball("json_parser-2.0.0-rc.1.tar", &of("2.0.0-rc.1", changes, source))
        .release("words", "1.0.0")
        .tarball(
            "reader-1.0.0.tar",
            &Tarball::new("reader", "1.0.0").requires("json_parser", "~> 1.0").build(),
        );
    repository.build(&[]).ok();
    repository
}

/// One pixel.
const PNG: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\
    \0\0\0\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\0\x05\0\x01\xff\x56\xc7\x2f\x0d\0\0\0\0IEND\xaeB`\x82";
