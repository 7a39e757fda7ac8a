//! Every path that is a page, and every one that is not.

use super::{crawl, document, page, parser, serve, status};

#[test]
fn files_of_clients_are_the_same_for_browsers() {
    let repository = parser();
    let server = serve(&repository, &[]);
    let accept = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    for path in
        ["packages/json_parser", "names", "versions", "public_key", "tarballs/words-1.0.0.tar"]
    {
        let answer = server.get(&format!("/{path}"), &[accept]);
        assert_eq!((answer.status, answer.body), (200, repository.read(&format!("public/{path}"))));
    }
    for path in ["/browse/json_parser", "/", "/recent"] {
        for accept in [
            "Accept: application/octet-stream",
            "Accept: application/vnd.hex+erlang",
            "Accept: */*",
        ] {
            document(&server.get(path, &[accept]));
        }
    }
}

#[test]
fn slashes_too_many_lead_to_the_same_page_with_links_that_lead_somewhere() {
    let repository = parser();
    let server = serve(&repository, &[]);
    let whole = page(&server, "/browse/json_parser");
    for path in [
        "//browse/json_parser",
        "/browse//json_parser",
        "/browse/json_parser/",
        "/browse/json_parser//",
        "///browse///json_parser///",
        "/browse/json%5Fparser",
    ] {
        let found = page(&server, path);
        assert_eq!(found.words(), whole.words(), "{path}");
        for link in super::own_paths(&server, path, &found) {
            assert_eq!(status(&server, &link), 200, "{link} of {path}");
        }
    }
    for path in ["/browse/json_parser/1.1.0/files", "/browse/json_parser/1.1.0/files/", "/recent/"]
    {
        let answer = server.get(path, &[]);
        if path == "/recent/" {
            assert_eq!(answer.status, 404);
            continue;
        }
        for link in super::own_paths(&server, path, &document(&answer)) {
            assert_eq!(status(&server, &link), 200, "{link} of {path}");
        }
    }
}

#[test]
fn head_says_what_get_would() {
    let repository = parser();
    let server = serve(&repository, &[]);
    let raw = "/browse/json_parser/1.1.0/raw/README.md";
    for path in [
        "/",
        "/?q=json",
        "/browse/json_parser",
        "/recent",
        "/recent.atom",
        "/policies",
        "/suggestions?q=j",
        raw,
        "/browse/absent",
    ] {
        let (head, get) = (server.ask("HEAD", path, &[]), server.get(path, &[]));
        assert_eq!((head.status, head.body.len()), (get.status, 0), "{path}");
        for name in ["content-type", "content-length", "content-security-policy", "cache-control"] {
            assert_eq!(head.header(name), get.header(name), "{path}: {name}");
        }
        if get.status == 200 {
            assert_eq!(get.expect("cache-control"), "private, no-cache", "{path}");
        }
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"] {
        for path in ["/", "/browse/json_parser", "/recent.atom", "/suggestions"] {
            let status = server.ask(method, path, &[]).status;
            assert!(status == 405 || status == 404 || status == 501, "{method} {path}: {status}");
        }
    }
}

#[test]
fn what_is_no_page_is_not_found() {
    let repository = parser();
    repository.write("public/secret", b"secret");
    repository.write("secret", b"secret");
    let server = serve(&repository, &[]);
    let of_package = [
        "",
        "/",
        "absent",
        "Json_Parser",
        "json-parser",
        "..",
        ".",
        "%2e%2e",
        "%00",
        "%ff",
        "%",
        "%zz",
        "json_parser/latest",
        "json_parser/1",
        "json_parser/1.1",
        "json_parser/9.9.9",
        "json_parser/1.1.0/x",
        "json_parser/versions/x",
        "json_parser/dependents/x",
        "json_parser/1.1.0/requirements/x",
        "json_parser/1.1.0/files/absent",
        "json_parser/1.1.0/files/..",
        "json_parser/1.1.0/files/../../../../secret",
        "json_parser/1.1.0/files/%2e%2e%2f%2e%2e%2fsecret",
        "json_parser/1.1.0/files/%ff",
        "json_parser/1.1.0/files/%00",
        "json_parser/1.1.0/raw/",
        "json_parser/1.1.0/raw/../secret",
        "json_parser/1.1.0/raw/%2e%2e/%2e%2e/secret",
        "json_parser/1.1.0/raw/..%5c..%5csecret",
        "json_parser/9.9.9/files/",
        "json_parser/9.9.9/requirements",
        "json_parser/9.9.9/raw/README.md",
        "absent/versions",
        "absent/dependents",
        "absent/diff/1.0.0..1.1.0",
        "json_parser%2f1.1.0",
        "json_parser%00",
        "json_parser/1.1.0%00",
        "json_parser/%31.1.0%0a",
    ];
    for path in of_package {
        for path in [format!("/browse/{path}"), format!("/browse/{path}?q=1&from=1.0.0")] {
            let answer = server.get(&path, &[]);
            assert!([400, 404].contains(&answer.status), "{path}: {}", answer.status);
            assert!(!answer.text().contains("secret"), "{path}");
        }
    }
    let long = format!("/browse/{}", "a".repeat(4_000));
    for path in [
        "/browse",
        "/Recent",
        "/recent.xml",
        "/suggestions/x",
        "/repos/acme/",
        "/repos/x/browse/json_parser",
        "/recent/x",
        long.as_str(),
    ] {
        assert!([400, 404, 414].contains(&status(&server, path)), "{path}");
    }
    // The server is well.
    assert!(crawl(&server, "/browse/words", &[]).len() > 10);
}
