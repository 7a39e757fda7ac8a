//! A site in the tree of its registry, and what build, verify, push and serve make of it.

use super::{check_links, files, is_page, sample};
use crate::support::repository::TestRepository;
use crate::support::server::Server;

/// The site of `public/` in `public/`.
fn beside() -> TestRepository {
    let repository = sample();
    repository.hexreg().run(["site", "public", "--out=public"]).ok();
    repository
}

#[test]
fn pages_link_the_files_of_the_registry() {
    let repository = beside();
    let page = String::from_utf8(repository.read("public/browse/plug.html")).unwrap();
    for link in ["../tarballs/plug-1.1.0.tar", "../packages/plug", "../docs/plug-1.1.0.tar.gz"] {
        assert!(page.contains(&format!("href=\"{link}\"")), "{link}: {page}");
    }
    check_links(&repository.path("public").canonicalize().unwrap());
}

#[test]
fn verify_knows_the_files_of_a_site() {
    let repository = beside();
    let verify = || repository.hexreg().run(["verify", "public"]);
    verify().ok();
    repository.hexreg().run(["verify", "public", "--site=public"]).ok();
    // A README shows a key as an example.
    let page = "public/docs/plug/1.1.0/Plug.html";
    let good = repository.read(page);
    repository.write(page, b"changed");
    let said = verify();
    assert_eq!(said.code, 1);
    assert!(
        said.stdout.contains("Plug.html: it is not the page that `hexreg site` made"),
        "{said:?}"
    );
    repository.write(page, &good);
    repository.remove("public/browse/ecto.html");
    let said = verify();
    assert!(said.stdout.contains("browse/ecto.html: it is missing"), "{said:?}");
    repository.write("public/browse/other.html", b"other");
    assert!(verify().stdout.contains("browse/other.html: it does not belong to a registry"));
    repository.remove("public/browse/other.html");
    repository.hexreg().run(["site", "public", "--out=public"]).ok();
    verify().ok();
    repository.write("public/hexreg-site.json", b"[]");
    assert!(verify().stdout.contains("it is not the list of a site's files"));
}

#[test]
fn a_build_leaves_a_site_alone() {
    let repository = beside();
    let before: Vec<_> =
        files(&repository.path("public")).into_iter().filter(|(path, _)| is_page(path)).collect();
    let said = repository.build(&[]).ok();
    assert_eq!(said.stderr, "");
    let repository = repository.release("jason", "1.0.0");
    repository.build(&[]).ok();
    let after: Vec<_> =
        files(&repository.path("public")).into_iter().filter(|(path, _)| is_page(path)).collect();
    assert_eq!(before, after);
}

#[test]
fn push_copies_the_registry_and_says_that_it_leaves_the_site() {
    let repository = beside();
    let push = |more: &[&str]| {
        let usual = ["push", "public", "there"];
        repository.hexreg().run(usual.iter().chain(more).copied())
    };
    let said = push(&[]).ok();
    assert_eq!(said.stderr.lines().count(), 1, "{said:?}");
    assert!(
        said.stderr.contains("hexreg-site.json left out: `hexreg site` writes a site there"),
        "{said:?}"
    );
    let copied = files(&repository.path("there"));
    assert!(!copied.keys().any(|path| is_page(path)), "{:?}", copied.keys());
    // A site there stays, also if DEST may lose what is not here.
    repository.hexreg().run(["site", "there", "--out=there"]).ok();
    let with_site = files(&repository.path("there"));
    assert!(with_site.contains_key("docs/packages.js"));
    push(&["--overwrite"]).ok();
    assert_eq!(files(&repository.path("there")), with_site);
    repository.hexreg().run(["verify", "there", "--site=there"]).ok();
}

#[test]
fn a_server_shows_its_own_pages() {
    let repository = beside();
    let server = Server::of(&repository, &[]);
    for path in
        ["/index.html", "/browse/plug.html", "/hexreg-site.json", "/list/2.html", "/recent.html"]
    {
        assert_eq!(server.get(path, &[]).status, 404, "{path}");
    }
    assert_eq!(server.get("/browse/plug", &[]).status, 200);
    assert_eq!(server.get("/tarballs/plug-1.1.0.tar", &[]).status, 200);
}
