//! Archives of every tool, as clients fetch them and readers find them.

use std::io::Read;

use super::{documentations, documented};
use crate::support::documentation::{DocsFormat, Documentation};
use crate::support::gunzip;
use crate::support::server::Server;

#[test]
fn clients_fetch_the_archives_that_were_published() {
    let repository = documented();
    let server = Server::of(&repository, &[]);
    for docs in documentations() {
        let answer = server.get(&format!("/{}", docs.path()), &[]);
        assert_eq!((answer.status, &answer.body), (200, &docs.build()), "{}", docs.path());
        // What is a stranger's stays on this origin: no other site's script may read it.
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
}

#[test]
fn archives_have_the_files_that_their_tools_write() {
    let of = |format: DocsFormat| {
        let docs = Documentation::new("jam", "1.0.0").format(format).without("404.html");
        let docs = docs.file("assets/a.txt", b"a").script("window.ran = 1");
        let long = format!("{}.html", "long".repeat(40));
        let bytes = docs.file(&long, b"long").build();
        let inflated = gunzip(&bytes);
        let mut archive = tar::Archive::new(&*inflated);
        let paths = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().display().to_string();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            assert!(!bytes.is_empty(), "{path}");
            path
        });
        let paths: Vec<String> = paths.collect();
        assert!(paths.contains(&long) && paths.contains(&"assets/a.txt".to_owned()), "{paths:?}");
        assert!(!paths.contains(&"404.html".to_owned()));
        paths.into_iter().find(|path| path.contains("search_") || path.contains("search-"))
    };
    assert_eq!(
        DocsFormat::ALL.map(|format| of(format).unwrap_or_default()),
        [
            "dist/search_items-5f4dcc3b5a.js",
            "dist/search_items-5F4DCC3B.js",
            "dist/search_data-5F4DCC3B.js",
            "dist/search_data-5F4DCC3B.js",
            "search-data.js",
            "search_data.json",
            "search-data.json",
            "",
        ]
    );
}
