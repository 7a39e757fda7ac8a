//! Paths, headers and bytes of documentation.

use std::io::Read as _;

use flate2::read::GzDecoder;

use super::samples::{PAGE, docs, documented, write_docs};
use crate::browsing::page;
use crate::support::repository::TestRepository;
use crate::support::server::{Answer, Server};
use crate::support::upstream::until;

fn get(server: &Server, path: &str) -> Answer {
    server.get(path, &[])
}

#[track_caller]
fn location(answer: &Answer) -> &str {
    assert_eq!(answer.status, 302, "{answer:?}");
    answer.expect("location")
}

#[test]
fn a_package_leads_to_its_latest_documentation() {
    let repository = documented();
    let server = Server::of(&repository, &["--repo=named=public"]);
    for (path, leads_to) in [
        ("/docs/tool", "tool/1.1.0/"),
        ("/docs/tool/", "../tool/1.1.0/"),
        ("/docs/tool/Page.html", "../tool/1.1.0/Page.html"),
        ("/docs/tool/dist/a%20b.js?x=1", "../../tool/1.1.0/dist/a%20b.js?x=1"),
        ("/docs/tool/1.0.0", "1.0.0/"),
        ("/docs/tool/1.0.0?x", "1.0.0/?x"),
        ("/repos/named/docs/tool/", "../tool/1.1.0/"),
    ] {
        assert_eq!(location(&get(&server, path)), leads_to, "{path}");
    }
    let index = get(&server, "/docs/tool/1.1.0/");
    assert_eq!(index.status, 200);
    assert!(index.text().contains("<h1>tool-1.1.0</h1>"), "{}", index.text());
    assert_eq!(index.expect("content-type"), "text/html");
    assert_eq!(get(&server, "/docs/tool/1.1.0/index.html").body, index.body);
    let pre = get(&server, "/repos/named/docs/tool/2.0.0-rc.1/");
    assert!(pre.text().contains("<h1>tool-2.0.0-rc.1</h1>"));
}

#[test]
fn what_has_no_links_is_sent_as_it_is_in_the_archive() {
    let repository = documented();
    let server = Server::of(&repository, &[]);
    let css = get(&server, "/docs/tool/1.0.0/dist/app.css");
    assert_eq!((css.status, css.body.as_slice()), (200, b"body{}".as_slice()));
    assert_eq!(css.expect("content-type"), "text/css");
    let data = get(&server, "/docs/tool/1.0.0/dist/search_data-1.js");
    assert_eq!(data.body, b"searchData={\"items\":[]}");
    // The archive is that of clients, and no page of documentation may read it.
    let archive = get(&server, "/docs/tool-1.0.0.tar.gz");
    assert_eq!(archive.body, repository.read("public/docs/tool-1.0.0.tar.gz"));
    assert_eq!(archive.header("access-control-allow-origin"), None);
}

#[test]
fn documentation_runs_in_a_sandbox_and_is_checked_again() {
    let repository = documented();
    let server = Server::of(&repository, &[]);
    let page = get(&server, "/docs/tool/1.0.0/Page.html");
    let policy = page.expect("content-security-policy");
    let form = format!("form-action {}/docs/tool/", server.address);
    assert_eq!(policy, format!("sandbox allow-scripts allow-forms allow-downloads; {form}"));
    assert_eq!(page.expect("access-control-allow-origin"), "*");
    assert_eq!(page.expect("x-content-type-options"), "nosniff");
    assert_eq!(page.expect("referrer-policy"), "no-referrer");
    assert_eq!(page.expect("cache-control"), "public, no-cache");
    let tag = format!("If-None-Match: {}", page.expect("etag"));
    let again = server.get("/docs/tool/1.0.0/Page.html", &[&tag]);
    assert_eq!((again.status, again.body.len()), (304, 0));
    // Another page of the registry has none of it.
    for path in ["/", "/browse/tool", "/names", "/docs/nothing/1.0.0/"] {
        let answer = get(&server, path);
        assert_eq!(answer.header("access-control-allow-origin"), None, "{path}");
    }
    let worker = server.get("/docs/tool/1.0.0/dist/app.css", &["Service-Worker: script"]);
    assert_eq!(worker.status, 403);
    assert_eq!(server.ask("POST", "/docs/tool/1.0.0/", &["Content-Length: 0"]).status, 405);
}

#[test]
fn a_script_of_documentation_may_ask_for_the_next_page() {
    let repository = documented();
    let server = Server::of(&repository, &[]);
    let ask = |path: &str| {
        let headers = ["Origin: null", "Access-Control-Request-Headers: x-requested-with"];
        server.ask("OPTIONS", path, &headers)
    };
    let allowed = ask("/docs/tool/1.0.0/Page.html");
    assert_eq!(allowed.status, 204);
    assert_eq!(allowed.expect("access-control-allow-origin"), "*");
    assert_eq!(allowed.expect("access-control-allow-headers"), "x-requested-with");
    for path in ["/", "/names", "/docs/tool-1.0.0.tar.gz", "/browse/tool"] {
        let refused = ask(path);
        assert_eq!(refused.status, 405, "{path}");
        assert_eq!(refused.header("access-control-allow-origin"), None, "{path}");
    }
}

#[test]
fn a_client_that_takes_gzip_gets_gzip() {
    let repository = documented();
    let server = Server::of(&repository, &[]);
    let path = "/docs/tool/1.0.0/Page.html";
    let plain = get(&server, path);
    assert_eq!(plain.header("content-encoding"), None);
    let gzip = server.get(path, &["Accept-Encoding: gzip, br"]);
    assert_eq!(gzip.expect("content-encoding"), "gzip");
    assert_eq!(gzip.expect("vary"), "accept-encoding");
    assert_ne!(gzip.expect("etag"), plain.expect("etag"));
    let mut inflated = Vec::new();
    GzDecoder::new(gzip.body.as_slice()).read_to_end(&mut inflated).unwrap();
    assert_eq!(inflated, plain.body);
    let length = |answer: &Answer| answer.expect("content-length").parse::<usize>().unwrap();
    for (headers, answer) in [(vec![], &plain), (vec!["Accept-Encoding: gzip"], &gzip)] {
        let head = server.ask("HEAD", path, &headers);
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!(length(&head), answer.body.len());
        assert_eq!(head.expect("etag"), answer.expect("etag"));
    }
}

#[test]
fn links_lead_to_what_is_here() {
    let repository = documented();
    let server = Server::of(&repository, &[]);
    let page = get(&server, "/docs/tool/1.0.0/Page.html").text();
    assert!(page.contains("\"../../helper/1.0.0/Helper.html\""), "{page}");
    assert!(!PAGE.contains("../../helper"));
    // The menu of versions is not that of the archive.
    let config = get(&server, "/docs/tool/1.0.0/docs_config.js");
    assert_eq!(config.expect("content-type"), "text/javascript");
    let config = config.text();
    let version = |version: &str, more: &str| {
        format!("{{\"version\":\"v{version}\",\"url\":\"../{version}\"{more}}}")
    };
    let versions =
        [version("2.0.0-rc.1", ""), version("1.1.0", ",\"latest\":true"), version("1.0.0", "")];
    let expected = format!("var versionNodes = [{}];", versions.join(","));
    assert!(config.starts_with(&expected), "{config}");
    let names = get(&server, "/docs/packages.json?search=name:he*");
    assert_eq!(names.expect("content-type"), "application/json");
    assert!(names.text().contains("\"helper\"") && !names.text().contains("tool"));
}

#[test]
fn a_package_page_leads_to_its_documentation() {
    let repository = documented();
    let server = Server::of(&repository, &[]);
    let shown = page(&server, "/browse/tool/1.0.0");
    assert!(shown.links().contains(&"../../docs/tool/1.0.0/"), "{:?}", shown.links());
    assert!(shown.links().contains(&"../../docs/tool-1.0.0.tar.gz"), "{:?}", shown.links());
    // Each version in the list leads to its own.
    for version in ["1.0.0", "1.1.0", "2.0.0-rc.1"] {
        let own = format!("../../docs/tool/{version}/");
        assert!(shown.links().contains(&own.as_str()), "{version}: {:?}", shown.links());
    }
}

#[test]
fn documentation_that_is_not_here_names_what_is() {
    let repository = documented();
    let server = Server::of(&repository, &[]);
    for (path, says) in [
        ("/docs/tool/9.9.9/", "No documentation of this version is here."),
        ("/docs/tool/1.0.0/Missing.html", "The documentation has no such page."),
    ] {
        let missing = get(&server, path);
        assert_eq!(missing.status, 404, "{path}");
        let document = super::super::document(&missing);
        assert!(document.words().contains(says), "{}", document.words());
        let latest = "../../tool/1.1.0/";
        assert!(document.links().contains(&latest), "{path}: {:?}", document.links());
    }
    let missing = get(&server, "/docs/nothing/");
    assert_eq!(missing.status, 404);
    assert!(missing.text().contains("No documentation of this package is here."));
    for path in ["/docs", "/docs/", "/docs/Tool/1.0.0/", "/docs/tool/1.0.0/%ff", "//docs/tool/"] {
        assert_eq!(get(&server, path).status, 404, "{path}");
    }
}

#[test]
fn only_what_is_released_is_shown_and_elixir_itself() {
    let repository = documented();
    for release in ["tool-3.0.0", "secret-1.0.0", "elixir-1.18.4", "eex-1.18.4"] {
        write_docs(&repository, release);
    }
    let server = Server::of(&repository, &[]);
    assert_eq!(get(&server, "/docs/tool/3.0.0/").status, 404);
    assert_eq!(get(&server, "/docs/secret/1.0.0/").status, 404);
    assert_eq!(get(&server, "/docs/secret/").status, 404);
    assert_eq!(location(&get(&server, "/docs/tool/")), "../tool/1.1.0/");
    assert_eq!(location(&get(&server, "/docs/elixir/Enum.html")), "../elixir/1.18.4/Enum.html");
    assert_eq!(get(&server, "/docs/eex/1.18.4/").status, 200);
}

#[test]
fn an_archive_has_an_error_page_of_its_own() {
    let repository = documented();
    let files: [(&str, &[u8]); 2] =
        [("index.html", b"<html>"), ("404.html", b"<html><body>not in this book")];
    repository.write("public/docs/tool-1.0.0.tar.gz", &docs(&files));
    let server = Server::of(&repository, &[]);
    let missing = get(&server, "/docs/tool/1.0.0/Missing.html");
    assert_eq!(missing.status, 404);
    assert!(missing.text().contains("not in this book"));
    assert!(missing.expect("content-security-policy").starts_with("sandbox"));
    // Nothing but a page is asked for by a reader.
    let script = get(&server, "/docs/tool/1.0.0/missing.js");
    assert!(script.status == 404 && !script.text().contains("not in this book"));
}

#[test]
fn a_damaged_archive_is_told_and_a_new_one_is_shown() {
    let repository = documented();
    repository.write("public/docs/tool-1.0.0.tar.gz", b"damaged");
    let evil = docs(&[("../../etc/evil.html", b"<html>")]);
    repository.write("public/docs/tool-1.1.0.tar.gz", &evil);
    let server = Server::of(&repository, &[]);
    for version in ["1.0.0", "1.1.0"] {
        let damaged = get(&server, &format!("/docs/tool/{version}/"));
        assert_eq!(damaged.status, 404);
        assert!(damaged.text().contains("damaged, or not safe to unpack"), "{}", damaged.text());
    }
    let log = super::super::log(&repository);
    assert!(log.contains("it is not gzipped"), "{log}");
    assert!(log.contains("has `..` in its path"), "{log}");
    write_docs(&repository, "tool-1.0.0");
    until("the new archive is shown", || get(&server, "/docs/tool/1.0.0/").status == 200);
}

#[test]
fn a_page_that_was_asked_for_is_sent_from_memory() {
    let repository = TestRepository::new().release("tool", "1.0.0");
    let row = "<p><a href=\"https://hexdocs.pm/tool/1.0.0/Page.html\">Page</a> of a tool</p>\n";
    let large = format!("<html><head></head><body>{}</body></html>", row.repeat(7_000));
    repository.write(
        "public/docs/tool-1.0.0.tar.gz",
        &docs(&[("index.html", b"<html>"), ("Large.html", large.as_bytes())]),
    );
    repository.build(&[]).ok();
    let server = Server::of(&repository, &[]);
    let get = || server.get("/docs/tool/1.0.0/Large.html", &["Accept-Encoding: gzip"]);
    let first = get();
    assert!(first.body.len() < large.len() / 20, "{}", first.body.len());
    for _ in 0..20 {
        assert_eq!(get().body, first.body);
    }
    // No directory has what was unpacked.
    let listed = repository.files("public", |_| true);
    assert!(listed.keys().all(|path| !path.contains("Large")), "{:?}", listed.keys());
}
