//! What came lately, as a page and as a feed.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{page, parser, serve, status};
use crate::support::repository::TestRepository;
use crate::support::server::Server;
use crate::support::tarball::Tarball;
use crate::support::tools;
use crate::support::upstream::until;

/// Reads a feed as any reader of feeds does, and prints it as JSON.
const READER: &str = r#"
import json, sys, xml.etree.ElementTree as tree
atom = "{http://www.w3.org/2005/Atom}"
feed = tree.fromstring(sys.stdin.buffer.read())
assert feed.tag == atom + "feed", feed.tag
def fields(of):
    found = {name: of.findtext(atom + name) for name in ("title", "id", "updated", "summary", "content")}
    found["links"] = {link.get("rel"): link.get("href") for link in of.findall(atom + "link")}
    found["types"] = [content.get("type") for content in of.findall(atom + "content")]
    return found
print(json.dumps({**fields(feed), "entries": [fields(entry) for entry in feed.findall(atom + "entry")]}))
"#;

fn feed(python: &Path, server: &Server, path: &str) -> Value {
    let answer = server.get(path, &[]);
    assert_eq!(
        (answer.status, answer.expect("content-type")),
        (200, "application/atom+xml; charset=utf-8")
    );
    let mut reader = Command::new(python)
        .args(["-c", READER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    reader.stdin.take().unwrap().write_all(&answer.body).unwrap();
    let output = reader.wait_with_output().unwrap();
    assert!(output.status.success(), "no XML: {}", answer.text());
    let feed: Value = serde_json::from_slice(&output.stdout).unwrap();
    // RFC 4287: each has an absolute id of its own, a title and a time.
    let mut ids = Vec::new();
    for entry in feed["entries"].as_array().unwrap() {
        let id = entry["id"].as_str().unwrap();
        assert!(id.starts_with(&server.url()), "{id}");
        assert!(!entry["title"].as_str().unwrap().is_empty());
        assert!(entry["updated"].as_str().unwrap().ends_with('Z'), "{entry}");
        ids.push(id.to_owned());
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count, "an id stands twice: {ids:?}");
    feed
}

fn titles(feed: &Value) -> Vec<String> {
    let entries = feed["entries"].as_array().unwrap().iter();
    entries.map(|entry| entry["title"].as_str().unwrap().to_owned()).collect()
}

fn run(repository: &TestRepository, command: &str, more: &[&str]) {
    let usual = [command, "--to=public", "--name=acme", "--private-key=key.pem"];
    repository.hexreg().run(usual.iter().chain(more).copied()).ok();
}

#[test]
fn a_feed_has_what_changes_while_the_server_runs_and_keeps_it_over_a_restart() {
    let test = "a_feed_has_what_changes_while_the_server_runs_and_keeps_it_over_a_restart";
    let Some(python) = tools::find("python3", test) else { return };
    let repository = parser();
    let server = serve(&repository, &[]);
    let read = || feed(&python, &server, "/recent.atom");
    let has = |title: &str| {
        until(title, || titles(&read()).iter().any(|one| one == title));
    };
    let changes = "# Changelog\n\n## 1.2.0 - 2026-11-27\n\n* <b>fast</b> & [safe](lib/a.ex) \u{c}\u{fffe}\u{1b}[0m\n";
    let tarball = Tarball::new("json_parser", "1.2.0").described(
        "d",
        &[],
        &[("CHANGELOG.md", changes.as_bytes()), ("lib/a.ex", b"defmodule A do\nend\n")],
    );
    repository.write_tarball("json_parser-1.2.0.tar", &tarball.build());
    repository.write_tarball("fresh-0.1.0.tar", &Tarball::new("fresh", "0.1.0").build());
    repository.build(&[]).ok();
    has("json_parser 1.2.0");
    has("New package: fresh 0.1.0");
    let message = "--message=use <1.2.0> & \u{fffe}nothing else";
    run(&repository, "retire", &["--reason=security", message, "json_parser", "1.1.0"]);
    has("Retired: json_parser 1.1.0 (security)");
    run(&repository, "unretire", &["json_parser", "1.1.0"]);
    has("No longer retired: json_parser 1.1.0");
    run(&repository, "remove", &["fresh", "0.1.0"]);
    let removed =
        |feed: &Value| titles(feed).iter().any(|title| title.starts_with("Removed: fresh"));
    let mut before = Value::Null;
    until("removed", || {
        before = read();
        // A feed that takes a second to make has no changelogs.
        removed(&before) && before.to_string().contains("fast")
    });
    assert!(titles(&before)[0].starts_with("Removed: fresh"), "{before}");
    let entry = |title: &str| {
        let entries = before["entries"].as_array().unwrap().iter();
        entries.clone().find(|one| one["title"] == title).unwrap().clone()
    };
    let release = entry("json_parser 1.2.0");
    let content = release["content"].as_str().unwrap();
    assert_eq!(release["types"][0], "html");
    assert!(content.contains("&amp;") && content.contains("fast"), "{content}");
    let absolute = format!("{}/browse/json_parser/1.2.0", server.url());
    assert_eq!(release["links"]["alternate"], absolute);
    assert!(content.contains(&format!("href=\"{absolute}/files/lib/a.ex\"")), "{content}");
    let retired = entry("Retired: json_parser 1.1.0 (security)");
    assert!(retired["summary"].as_str().unwrap().starts_with("use <1.2.0> & "), "{retired}");
    assert_eq!(before["links"]["self"], format!("{}/recent.atom", server.url()));
    assert_eq!(before["updated"], before["entries"][0]["updated"]);
    // Links of the feed lead somewhere.
    for entry in before["entries"].as_array().unwrap() {
        let url = entry["links"]["alternate"].as_str().unwrap();
        let path = url.strip_prefix(&server.url()).unwrap();
        let expected = if path.contains("fresh") { 404 } else { 200 };
        assert_eq!(status(&server, path), expected, "{path}");
    }
    let recent = || page(&server, "/recent").words();
    until("the changelog is read", || recent().contains("fast & safe"));
    let recent = recent();
    for title in titles(&before) {
        assert!(recent.contains(&title), "{title} is not in {recent}");
    }

    drop(server);
    let server = serve(&repository, &[]);
    assert_eq!(titles(&feed(&python, &server, "/recent.atom")), titles(&before));
    assert!(page(&server, "/recent").words().contains("Removed: fresh"));
}

#[test]
fn a_feed_has_what_changed_while_the_server_was_away() {
    let test = "a_feed_has_what_changed_while_the_server_was_away";
    let Some(python) = tools::find("python3", test) else { return };
    let repository = parser();
    drop(serve(&repository, &[]));
    run(&repository, "retire", &["--reason=other", "json_parser", "1.0.0"]);
    let server = serve(&repository, &[]);
    let titles = titles(&feed(&python, &server, "/recent.atom"));
    assert!(titles.iter().any(|one| one.starts_with("Retired: json_parser 1.0.0")), "{titles:?}");
}

/// A base URL is taken over, and a repository below `/repos/` has a feed of its own.
#[test]
fn each_repository_has_a_feed_with_its_urls() {
    let test = "each_repository_has_a_feed_with_its_urls";
    let Some(python) = tools::find("python3", test) else { return };
    let repository = parser();
    let server = Server::run(repository.root(), &["--repo=acme=public"]);
    server.get("/", &[]);
    until("read", || super::reads(&repository).len() == 1);
    let feed = feed(&python, &server, "/repos/acme/recent.atom");
    let url = format!("{}/repos/acme", server.url());
    assert_eq!(feed["links"]["self"], format!("{url}/recent.atom"));
    let entries = feed["entries"].as_array().unwrap();
    assert!(!entries.is_empty());
    for entry in entries {
        let target = entry["links"]["alternate"].as_str().unwrap();
        assert!(target.starts_with(&format!("{url}/browse/")), "{target}");
    }
    assert_eq!(status(&server, "/recent.atom"), 404);
}
