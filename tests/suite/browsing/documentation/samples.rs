//! Two packages with plain documentation, and servers of it.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::raw_tar::{Entry, archive};
use crate::support::repository::TestRepository;
use crate::support::server::{Port, Server};

/// A page of documentation, large enough to be compressed.
pub const PAGE: &str = "<!doctype html><html><head><title>Page</title></head><body><h1>Page</h1>\
    <p>aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa</p>\
    <a href=\"https://hexdocs.pm/helper/Helper.html\">Helper</a></body></html>";

/// The bytes of an archive of documentation.
pub fn docs(files: &[(&str, &[u8])]) -> Vec<u8> {
    let entries: Vec<Entry> = files.iter().map(|(path, data)| Entry::file(path, data)).collect();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&archive(&entries)).unwrap();
    gzip.finish().unwrap()
}

/// Writes the documentation of a release, with a page and a script.
pub fn write_docs(repository: &TestRepository, release: &str) {
    let index = format!("<html><head></head><body><h1>{release}</h1></body></html>");
    let files: [(&str, &[u8]); 5] = [
        ("index.html", index.as_bytes()),
        ("Page.html", PAGE.as_bytes()),
        ("dist/app.css", b"body{}"),
        ("dist/search_data-1.js", b"searchData={\"items\":[]}"),
        ("docs_config.js", b"var versionNodes = 'of the archive';"),
    ];
    repository.write(&format!("public/docs/{release}.tar.gz"), &docs(&files));
}

/// A repository with two packages that have documentation.
pub fn documented() -> TestRepository {
    let repository = TestRepository::new()
        .release("tool", "1.0.0")
        .release("tool", "1.1.0")
        .release("tool", "2.0.0-rc.1")
        .release("helper", "1.0.0");
    for release in ["tool-1.0.0", "tool-1.1.0", "tool-2.0.0-rc.1", "helper-1.0.0"] {
        write_docs(&repository, release);
    }
    repository.build(&[]).ok();
    repository
}

/// The origin of documentation of a server that has one.
pub fn origin_of_docs(server: &Server) -> Port {
    let said = server.said.split("documentation at http://127.0.0.1:").nth(1);
    let port = said.unwrap_or_else(|| panic!("{}", server.said)).split('\n').next().unwrap();
    Port::of(port.parse().unwrap())
}
