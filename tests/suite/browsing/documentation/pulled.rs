//! Documentation that is fetched from an upstream when a reader asks for it.

use super::samples::{documented, write_docs};
use crate::support::server::Server;
use crate::support::upstream::Upstream;

#[test]
fn a_page_of_documentation_fetches_its_archive() {
    let upstream = Upstream::of(documented());
    write_docs(&upstream.repository, "secret-1.0.0");
    let url = format!("--upstream={}", upstream.unruly.url());
    let more = ["copy", &url, "--upstream-name=acme", "--upstream-key=public/public_key"];
    let server = Server::run(upstream.repository.root(), &more);
    let latest = server.get("/docs/tool/", &[]);
    assert_eq!((latest.status, latest.expect("location")), (302, "../tool/1.1.0/"));
    assert_eq!(upstream.unruly.count("/docs/tool-1.1.0.tar.gz"), 0);
    let index = server.get("/docs/tool/1.1.0/", &[]);
    assert_eq!(index.status, 200, "{}", index.text());
    assert!(index.text().contains("<h1>tool-1.1.0</h1>"));
    assert_eq!(server.get("/docs/tool/1.1.0/dist/app.css", &[]).status, 200);
    assert_eq!(upstream.unruly.count("/docs/tool-1.1.0.tar.gz"), 1);
    assert_eq!(
        upstream.repository.read("copy/docs/tool-1.1.0.tar.gz"),
        upstream.repository.read("public/docs/tool-1.1.0.tar.gz")
    );
    for path in ["/docs/tool/9.9.9/", "/docs/secret/1.0.0/", "/docs/nothing/"] {
        assert_eq!(server.get(path, &[]).status, 404, "{path}");
    }
}
