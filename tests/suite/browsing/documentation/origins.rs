//! In which origin documentation is, and who may read it there.

use super::samples::{documented, origin_of_docs};
use crate::support::repository::TestRepository;
use crate::support::server::{Answer, Port, Server};
use crate::support::upstream::until;

/// A server whose readers need credentials, with documentation in an origin of its own, and the header of a reader.
fn closed(more: &[&str]) -> (TestRepository, Server, String) {
    let repository = documented();
    let token = repository.hexreg().run(["auth", "add", "readers", "ann"]).ok().stdout;
    let server = Server::of(&repository, &[&["--auth-file=readers"], more].concat());
    (repository, server, format!("Authorization: {}", token.trim()))
}

#[track_caller]
fn location(answer: &Answer) -> String {
    assert_eq!(answer.status, 302, "{answer:?}");
    answer.expect("location").to_owned()
}

/// The path of a package's documentation with a pass.
#[track_caller]
fn with_pass(docs: Port, token: &str, path: &str) -> String {
    let answer = docs.get(&format!("/docs/{path}"), &[token]);
    let location = location(&answer);
    let (_, passed) = location.split_once('~').unwrap_or_else(|| panic!("{location}"));
    format!("/docs/~{passed}")
}

#[test]
fn without_an_origin_of_its_own_no_documentation_is_shown_that_needs_credentials() {
    let (_repository, server, token) = closed(&[]);
    assert!(server.said.contains("documentation is not shown"), "{}", server.said);
    assert_eq!(server.get("/docs/tool/1.0.0/", &[]).status, 401);
    for path in ["/docs/tool/1.0.0/", "/docs/tool/", "/docs/tool/1.0.0/docs_config.js"] {
        assert_eq!(server.get(path, &[&token]).status, 404, "{path}");
    }
    let page = server.get("/browse/tool/1.0.0", &[&token]).text();
    assert!(page.contains("docs/tool-1.0.0.tar.gz") && !page.contains("docs/tool/1.0.0/"));
}

#[test]
fn credentials_are_exchanged_for_a_pass_of_one_package() {
    let (_repository, server, token) = closed(&["--docs-listen=127.0.0.1:0"]);
    let docs = origin_of_docs(&server);
    let challenged = docs.get("/docs/tool/1.0.0/", &[]);
    assert_eq!(challenged.status, 401);
    assert!(challenged.expect("www-authenticate").starts_with("Basic "));
    assert_eq!(docs.get("/docs/nothing/1.0.0/", &[]).status, 401);
    let path = with_pass(docs, &token, "tool/1.0.0/index.html");
    // What a page in a sandbox loads has no credentials.
    let page = docs.get(&path, &[]);
    assert_eq!(page.status, 200, "{path}: {}", page.text());
    assert!(page.text().contains("<h1>tool-1.0.0</h1>"));
    assert!(page.expect("content-security-policy").starts_with("sandbox allow-scripts"));
    assert_eq!(page.expect("cache-control"), "private, no-cache");
    let beside = |file: &str| path.replace("index.html", file);
    for file in ["dist/app.css", "docs_config.js", "../1.1.0/index.html", "../../packages.json"] {
        let path = beside(file).replace("1.0.0/../", "").replace("tool/../", "");
        assert_eq!(docs.get(&path, &[]).status, 200, "{path}");
    }
    assert_eq!(docs.get(&path, &["Service-Worker: script"]).status, 403);
    // The pass is of no other package.
    let other = path.replace("/tool/", "/helper/");
    let leads_to = location(&docs.get(&other, &[]));
    assert_eq!(leads_to, format!("{}/docs/helper/1.0.0/index.html", server.url()));
    // The links of a page lead to the pages of the registry.
    assert!(page.text().contains(&format!("{}/browse/tool", server.url())), "{}", page.text());
}

#[test]
fn the_registry_leads_to_the_origin_of_documentation_and_never_shows_it() {
    let (_repository, server, token) = closed(&["--docs-listen=127.0.0.1:0"]);
    let docs = origin_of_docs(&server);
    assert_eq!(server.get("/docs/tool/1.0.0/Page.html?a=b", &[]).status, 401);
    let leads_to = location(&server.get("/docs/tool/1.0.0/Page.html?a=b", &[&token]));
    assert!(!leads_to.starts_with(&server.url()), "{leads_to}");
    let (_, path) = leads_to.split_once("/docs/").unwrap();
    assert_eq!(docs.get(&format!("/docs/{path}"), &[]).status, 200, "{path}");
    // Nor with a pass.
    assert_eq!(server.get(&format!("/docs/{path}"), &[]).status, 401);
    assert_eq!(server.get(&format!("/docs/{path}"), &[&token]).status, 302);
    let page = server.get("/browse/tool/1.0.0", &[&token]).text();
    assert!(page.contains("../../docs/tool/1.0.0/"), "{page}");
    assert_eq!(server.get("/docs/tool-1.0.0.tar.gz", &[&token]).status, 200);
}

#[test]
fn the_origin_of_documentation_has_nothing_else() {
    let (_repository, server, token) = closed(&["--docs-listen=127.0.0.1:0"]);
    let docs = origin_of_docs(&server);
    for path in [
        "/",
        "/names",
        "/versions",
        "/browse/tool",
        "/tarballs/tool-1.0.0.tar",
        "/docs/tool-1.0.0.tar.gz",
        "/api/packages/tool",
        "/healthz",
        "/docs",
    ] {
        assert_eq!(docs.get(path, &[&token]).status, 404, "{path}");
    }
}

#[test]
fn no_page_of_another_package_gets_a_pass() {
    let (_repository, server, token) = closed(&["--docs-listen=127.0.0.1:0"]);
    let docs = origin_of_docs(&server);
    let urls = ["/docs/tool/1.0.0/index.html", "/docs/tool/1.0.0/dist/search_data-1.js"];
    for ask in [
        Box::new(|path: &str, more: &str| docs.get(path, &[&token, more]))
            as Box<dyn Fn(&str, &str) -> Answer>,
        Box::new(|path: &str, more: &str| server.get(path, &[&token, more])),
    ] {
        for url in urls {
            for destination in ["script", "style", "iframe", "empty", "image", "worker"] {
                let answer = ask(url, &format!("Sec-Fetch-Dest: {destination}"));
                assert_eq!(answer.status, 403, "{url} {destination}");
            }
            assert_eq!(ask(url, "Sec-Fetch-Dest: document").status, 302, "{url}");
        }
        // A browser that does not say what it asks for runs no page.
        assert_eq!(ask(urls[1], "Accept: */*").status, 403);
        assert_eq!(ask(urls[0], "Accept: */*").status, 302);
    }
}

#[test]
fn a_pass_ends_with_a_change_of_the_users() {
    let (repository, server, token) = closed(&["--docs-listen=127.0.0.1:0"]);
    let docs = origin_of_docs(&server);
    let path = with_pass(docs, &token, "tool/1.0.0/index.html");
    assert_eq!(docs.get(&path, &[]).status, 200);
    repository.hexreg().run(["auth", "remove", "readers", "ann"]).ok();
    until("the pass is not valid any more", || docs.get(&path, &[]).status == 302);
}

#[test]
fn the_log_has_no_pass() {
    let (repository, server, token) = closed(&["--docs-listen=127.0.0.1:0"]);
    let docs = origin_of_docs(&server);
    let path = with_pass(docs, &token, "tool/1.0.0/index.html");
    assert_eq!(docs.get(&path, &[]).status, 200);
    let shown = "/docs/~/tool/1.0.0/index.html";
    until("the request is logged", || super::super::log(&repository).contains(shown));
    let (_, pass) = path.split_once('~').unwrap();
    let (pass, _) = pass.split_once('/').unwrap();
    assert!(!super::super::log(&repository).contains(pass));
}

#[test]
fn a_name_of_its_own_is_an_origin_of_its_own() {
    let repository = documented();
    let token = repository.hexreg().run(["auth", "add", "readers", "ann"]).ok().stdout;
    let token = format!("Authorization: {}", token.trim());
    let arguments = [
        "--auth-file=readers",
        "--url=https://hex.example.com",
        "--docs-url=https://docs.example.com",
    ];
    let server = Server::of(&repository, &arguments);
    assert!(server.said.contains("documentation at https://docs.example.com\n"), "{}", server.said);
    let leads_to = location(&server.get_from("hex.example.com", "/docs/tool/", &[&token]));
    assert!(leads_to.starts_with("https://docs.example.com/docs/~tool."), "{leads_to}");
    let path = leads_to.trim_start_matches("https://docs.example.com");
    let leads_to = location(&server.get_from("docs.example.com", path, &[]));
    assert_eq!(leads_to, "../tool/1.1.0/");
    let page = server.get_from("docs.example.com:443", &format!("{path}1.1.0/"), &[]);
    assert_eq!(page.status, 200);
    let policy = page.expect("content-security-policy");
    assert!(policy.contains("form-action docs.example.com/docs/~tool."), "{policy}");
    // Each name has its own.
    assert_eq!(server.get_from("docs.example.com", "/names", &[&token]).status, 404);
    assert_eq!(server.get_from("hex.example.com", "/names", &[&token]).status, 200);
    assert_eq!(server.get_from("DOCS.example.com", "/docs/tool/", &[]).status, 401);
    assert_eq!(server.get_from("hex.example.com", path, &[&token]).status, 302);
}

#[test]
fn where_everyone_may_read_an_origin_of_its_own_needs_no_pass() {
    let repository = documented();
    let server = Server::of(&repository, &["--docs-listen=127.0.0.1:0"]);
    let docs = origin_of_docs(&server);
    let page = docs.get("/docs/tool/1.0.0/", &[]);
    assert_eq!((page.status, page.expect("cache-control")), (200, "public, no-cache"));
    assert!(page.expect("content-security-policy").starts_with("sandbox"));
    let leads_to = location(&server.get("/docs/tool/1.0.0/", &[]));
    assert!(leads_to.ends_with("/docs/tool/1.0.0/") && !leads_to.starts_with(&server.url()));
    assert_eq!(location(&docs.get("/docs/~x/tool/1.0.0/", &[])), "../../../tool/1.0.0/");
    // A page elsewhere could have its name lead to this machine.
    assert_eq!(docs.get_as("attacker.example", "/docs/tool/1.0.0/").status, 421);
}

#[test]
fn documentation_is_never_put_in_the_origin_of_the_registry() {
    let repository = documented();
    for (arguments, origins) in [
        (
            ["--url=https://hex.example.com", "--docs-url=https://HEX.example.com:443/docs"],
            ["https://HEX.example.com:443/docs", "https://hex.example.com"],
        ),
        (
            ["--listen=127.0.0.1:8765", "--docs-url=http://127.0.0.1:8765"],
            ["http://127.0.0.1:8765", "http://127.0.0.1:8765"],
        ),
        (
            ["--listen=127.0.0.1:8765", "--docs-listen=0.0.0.0:8765"],
            ["0.0.0.0:8765", "127.0.0.1:8765"],
        ),
        (
            ["--url=http://hex.example.com:8766", "--docs-listen=127.0.0.1:8766"],
            ["127.0.0.1:8766", "http://hex.example.com:8766"],
        ),
    ] {
        let given = ["serve", "public", "--allow-anonymous", arguments[0], arguments[1]];
        let ran = repository.hexreg().run(given);
        let said = ran.transcript();
        assert_eq!(ran.code, 2, "{said}");
        assert!(said.contains("would have the origin of the registry"), "{said}");
        assert!(origins.iter().all(|origin| said.contains(origin)), "{said}");
    }
    let unknown = [
        "serve",
        "public",
        "--allow-anonymous",
        "--listen=0.0.0.0:8765",
        "--docs-url=http://d.example",
    ];
    let ran = repository.hexreg().run(unknown);
    assert!(ran.code == 2 && ran.transcript().contains("the URL of the registry is not known"));
}
