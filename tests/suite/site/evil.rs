//! Packages and documentation of attackers.

use super::{check_links, counts, docs, files, page, site, verify};
use crate::support::raw_tar::Entry;
use crate::support::repository::TestRepository;
use crate::support::tarball::Tarball;

#[test]
fn a_readme_runs_nothing_and_loads_nothing() {
    let readme = b"# x\n\n<script>alert(1)</script><img src=http://evil.example/a.png>\n\n![far](http://evil.example/c.png)\n\n\
        <iframe src=javascript:parent.evil=1></iframe>[run](javascript:window.evil=1)\n\n<base href=http://evil.example/>";
    let more = "{<<\"description\">>,<<\"<script>alert(2)</script>\"/utf8>>}.\n".to_owned();
    let tarball = Tarball::new("evil", "1.0.0").more_metadata(more);
    let tarball = tarball.files(&[Entry::file("README.md", readme)]).build();
    let repository = TestRepository::new().tarball("evil-1.0.0.tar", &tarball);
    repository.build(&[]).ok();
    site(&repository, &["--url=https://hex.acme.test"]).ok();
    for path in ["browse/evil.html", "index.html", "recent.html", "404.html"] {
        let document = page(&repository, path);
        for name in ["script", "iframe", "img", "base", "object"] {
            assert_eq!(document.all(name).count(), 0, "{path}: {name}");
        }
        assert!(!document.links().iter().any(|link| link.contains("javascript:")), "{path}");
    }
    assert!(page(&repository, "index.html").words().contains("<script>alert(2)</script>"));
}

#[test]
fn documentation_stays_in_its_folder() {
    let repository = TestRepository::new().release("evil", "1.0.0").release("good", "1.0.0");
    repository.build(&[]).ok();
    let long = format!("{}.html", "a".repeat(250));
    let unpacked = docs(&[
        ("index.html", b"<p>evil"),
        ("docs_config.js", b"theirs"),
        (".hexreg-abc.tmp", b"temporary"),
        (&long[..99], b"fits"),
        ("a/b/c/d.html", b"deep"),
    ]);
    repository.write("public/docs/evil-1.0.0.tar.gz", &unpacked);
    for refused in [
        docs(&[("index.html", b"x"), ("../../good/index.html", b"theirs")]),
        docs(&[("index.html", b"x"), ("/etc/passwd", b"theirs")]),
        docs(&[("index.html", b"x"), ("2.0.0/index.html", b"theirs")]),
        docs(&[("other.html", b"x")]),
        b"no archive".to_vec(),
    ] {
        repository.write("public/docs/good-1.0.0.tar.gz", &refused);
        let said = site(&repository, &[]).ok();
        assert!(
            said.stderr.contains("docs/good-1.0.0.tar.gz: what it holds is not shown: "),
            "{said:?}"
        );
        let there = files(&repository.path("site"));
        assert!(!there.keys().any(|path| path.starts_with("docs/good")), "{:?}", there.keys());
        let links = page(&repository, "browse/good.html");
        assert!(!links.links().iter().any(|link| link.contains("docs/good")));
        assert!(there["docs/evil/1.0.0/docs_config.js"].starts_with(b"var "), "{:?}", there.keys());
        assert!(there.contains_key("docs/evil/1.0.0/a/b/c/d.html"));
        assert!(!there.keys().any(|path| path.contains(".hexreg-abc")));
        verify(&repository).ok();
    }
    check_links(&repository.path("site").canonicalize().unwrap());
}

#[test]
fn documentation_that_no_release_names_is_not_shown() {
    let repository = TestRepository::new().release("good", "1.0.0");
    repository.build(&[]).ok();
    for file in ["good-2.0.0", "gone-1.0.0", "elixir-1.18.4"] {
        repository.write(&format!("public/docs/{file}.tar.gz"), &docs(&[("index.html", b"<p>x")]));
    }
    let made = counts(&repository, &["--docs=all"]);
    assert_eq!(made["documentation"], 1, "{made}");
    assert!(repository.path("site/docs/elixir/1.18.4/index.html").is_file());
}
