//! Lists of files, files as pages and as they are, and the difference of two versions.

use super::{PNG, document, entry, page, parser, serve, status};
use crate::support::raw_tar::Entry;
use crate::support::repository::TestRepository;
use crate::support::server::Server;
use crate::support::tarball::Tarball;

const SVG: &[u8] = b"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\">\
    <script>alert(1)</script><circle r=\"4\"/></svg>";

/// A package with a file of each kind.
fn served() -> (TestRepository, Server) {
    let large = "a line of text\n".repeat(80_000);
    let files: Vec<Entry> = [
        ("README.md", b"# Kinds\n".as_slice()),
        ("Makefile", b"all:\n\techo hi\n"),
        ("assets/logo.png", PNG),
        ("assets/drawing.svg", SVG),
        ("blob.bin", b"\x7fELF\0\0\x01\xff"),
        ("empty.txt", b""),
        ("guides/start.md", b"See [the readme](../README.md) and [none](none.md).\n\n- [x] done\n"),
        ("large.txt", large.as_bytes()),
        ("latin.txt", b"caf\xe9\n"),
        ("lib/a b\"c<d>.ex", b"defmodule A do\n  # <b>\nend\n"),
        ("page.html", b"<script>alert(1)</script>\n"),
    ]
    .iter()
    .flat_map(|(path, data)| entry(path, data))
    .chain([Entry::symlink("link.md", "README.md")])
    .chain([Entry::file("run.sh", b"#!/bin/sh\n").header(|header| header.set_mode(0o755))])
    .collect();
    let tarball = Tarball::new("kinds", "1.0.0").files(&files).build();
    let repository = TestRepository::new().tarball("kinds-1.0.0.tar", &tarball);
    repository.build(&[]).ok();
    let server = serve(&repository, &[]);
    (repository, server)
}

#[test]
fn files_are_listed_and_shown_by_their_kind() {
    let (_repository, server) = served();
    let list = page(&server, "/browse/kinds/1.0.0/files/");
    let text = list.words();
    assert!(text.contains("14 files, 1.2 MB unpacked"), "{text}");
    for row in ["link.md link to README.md", "run.sh executable 10 bytes", "empty.txt 0 bytes"] {
        assert!(text.contains(row), "{row} is not in {text}");
    }
    assert!(!list.links().iter().any(|link| link.ends_with("link.md")));
    assert!(list.links().iter().any(|link| link.ends_with("/files/lib/a%20b%22c%3Cd%3E.ex")));

    let shown = |path: &str| page(&server, &format!("/browse/kinds/1.0.0/files/{path}"));
    let source = shown("lib/a%20b%22c%3Cd%3E.ex");
    assert!(source.words().contains("defmodule A do # <b> end"), "{}", source.words());
    assert_eq!(source.all("li").filter(|tag| tag.get("id").is_some()).count(), 3);
    assert!(
        source.all("span").any(|tag| tag.get("class").is_some_and(|one| one.starts_with("hl-")))
    );
    let prose = shown("guides/start.md");
    assert!(prose.links().contains(&"../../../../../browse/kinds/1.0.0/files/README.md"));
    assert!(prose.all("input").any(|tag| tag.get("type") == Some("checkbox")));
    assert!(!prose.links().iter().any(|link| link.contains("none.md")), "{:?}", prose.links());
    let image = shown("assets/logo.png");
    let sources: Vec<_> = image.all("img").map(|tag| tag.get("src").unwrap()).collect();
    assert_eq!(sources, ["../../../../../browse/kinds/1.0.0/raw/assets/logo.png"]);
    for (path, text) in [
        ("blob.bin", "The file is not a text."),
        ("empty.txt", "The file is empty."),
        ("large.txt", "The file is too large to be shown here."),
        ("latin.txt", "caf\u{fffd}"),
        ("page.html", "<script>alert(1)</script>"),
        ("Makefile", "echo hi"),
    ] {
        let found = shown(path).words();
        assert!(found.contains(text), "{path}: {found}");
    }
    // A link leads to what it names.
    assert!(shown("link.md").words().contains("Kinds"));
    for path in ["lib", "lib/", "absent", "README.md/x", "../kinds", "%2e%2e/x"] {
        assert_eq!(status(&server, &format!("/browse/kinds/1.0.0/files/{path}")), 404, "{path}");
    }
}

#[test]
fn files_as_they_are_do_nothing_in_a_browser() {
    let (_repository, server) = served();
    for (path, media_type, body) in [
        ("page.html", "text/plain; charset=utf-8", b"<script>alert(1)</script>\n".as_slice()),
        ("README.md", "text/plain; charset=utf-8", b"# Kinds\n"),
        ("blob.bin", "text/plain; charset=utf-8", b"\x7fELF\0\0\x01\xff"),
        ("empty.txt", "text/plain; charset=utf-8", b""),
        ("assets/logo.png", "image/png", PNG),
        ("assets/drawing.svg", "image/svg+xml", SVG),
    ] {
        let answer = server.get(&format!("/browse/kinds/1.0.0/raw/{path}"), &[]);
        assert_eq!((answer.status, answer.body.as_slice()), (200, body), "{path}");
        assert_eq!(answer.expect("content-type"), media_type, "{path}");
        assert_eq!(answer.expect("x-content-type-options"), "nosniff");
        assert_eq!(answer.expect("cross-origin-resource-policy"), "same-origin");
        let policy = answer.expect("content-security-policy");
        let parts: Vec<_> = policy.split("; ").collect();
        assert!(parts.contains(&"sandbox") && parts.contains(&"default-src 'none'"), "{policy}");
        assert!(!policy.contains("script"), "{policy}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    assert_eq!(status(&server, "/browse/kinds/1.0.0/raw/large.txt"), 200);
    for path in
        ["", "lib", "absent", "..%2f..%2fpublic_key", "..", "/etc/passwd", "%2fetc%2fpasswd"]
    {
        assert_eq!(status(&server, &format!("/browse/kinds/1.0.0/raw/{path}")), 404, "{path}");
    }
}

#[test]
fn two_versions_are_compared_by_link_and_by_form() {
    let repository = parser();
    let changed = Tarball::new("json_parser", "1.2.0")
        .requires("words", "~> 1.1")
        .described(
            "Parses text",
            &["MIT"],
            &[
                ("README.md", b"# JSON Parser\n"),
                ("assets/logo.png", b"\x89PNG\r\n\x1a\n\0"),
                ("lib/json_parser.ex", b"defmodule JsonParser do\n  def <script>\nend\n"),
                ("lib/new.ex", b"defmodule New do\nend"),
            ],
        )
        .build();
    repository.write_tarball("json_parser-1.2.0.tar", &changed);
    repository.build(&[]).ok();
    let server = serve(&repository, &[]);
    let by_link = page(&server, "/browse/json_parser/diff/1.1.0..1.2.0");
    let text = by_link.words();
    for expected in [
        "1 file added, 3 removed, 4 changed, 0 the same",
        "-Description: Parses <b>JSON</b> & more +Description: Parses text",
        "-Licence: Apache-2.0",
        "lib/new.ex added",
        "(no newline at the end)",
        "CHANGELOG.md removed",
        "lib/json_parser.ex changed",
        "+ def <script>",
        "assets/logo.png changed Not a text:",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in\n{text}");
    }
    assert!(by_link.all("ins").count() > 3 && by_link.all("del").count() > 3);
    let by_form = page(&server, "/browse/json_parser/diff?from=1.1.0&to=1.2.0");
    assert_eq!(by_form.words(), text);
    // The other way round, and the same twice.
    let back = page(&server, "/browse/json_parser/diff/1.2.0..1.1.0").words();
    assert!(back.contains("3 files added, 1 removed, 4 changed, 0 the same"), "{back}");
    let same = page(&server, "/browse/json_parser/diff/1.1.0..1.1.0").words();
    assert!(same.contains("0 files added, 0 removed, 0 changed, 7 the same"), "{same}");
    // Both ways of versions with other characters.
    let pre = page(&server, "/browse/json_parser/diff?from=1.0.0&to=2.0.0-rc.1").words();
    assert!(pre.contains("1.0.0 to 2.0.0-rc.1"), "{pre}");
    for path in [
        "diff",
        "diff?from=1.0.0",
        "diff?from=x&to=1.0.0",
        "diff/1.0.0..9.9.9",
        "diff/9.9.9..1.0.0",
        "diff/1.0.0..",
        "diff/..",
        "diff/1.0.0...1.1.0",
        "diff/1.0.0..1.1.0..1.2.0",
    ] {
        assert_eq!(status(&server, &format!("/browse/json_parser/{path}")), 404, "{path}");
    }
    document(&server.get("/browse/json_parser/versions", &[]));
}
