//! What the pages say, and that every link of every page leads to a file.

use super::{check_links, counts, files, page, sample, site};
use crate::support::html::Document;
use crate::support::repository::TestRepository;
use crate::support::tarball::Tarball;

#[test]
fn every_link_leads_to_a_file() {
    let repository = sample();
    let said = site(&repository, &[]).ok();
    assert!(said.stdout.starts_with("acme: 2 packages, documentation of 2 releases; "), "{said:?}");
    let root = repository.path("site").canonicalize().unwrap();
    // The list, the search, two packages, what came lately, two documentations of two pages each, and what leads to each of them.
    assert_eq!(check_links(&root), 11);
    let paths: Vec<String> = files(&root).into_keys().collect();
    assert!(paths.contains(&"docs/plug/1.1.0/Plug.html".to_owned()), "{paths:?}");
    assert!(!paths.iter().any(|path| path.contains("1.0.0")), "{paths:?}");
}

#[test]
fn a_package_page_says_what_it_was_made_from() {
    let repository = sample();
    site(&repository, &[]).ok();
    let page = page(&repository, "browse/plug.html");
    let words = page.words();
    for said in
        ["plug 1.1.0", "A plug", "See the guide.", "faster", "Used by 1 package", "2 versions"]
    {
        assert!(words.replace("<b>", "").replace("</b>", "").contains(said), "{said}: {words}");
    }
    let signed = repository.read("public/packages/plug");
    let digest = data_encoding::HEXLOWER.encode(&<sha2::Sha256 as sha2::Digest>::digest(signed));
    assert!(words.contains(&digest), "{words}");
    assert!(words.contains("SHA256:"), "{words}");
    // What there is only on a server is not linked, nor is the registry, which lies elsewhere.
    let links = page.links();
    for missing in ["/files/", "/raw/", "/versions", "/requirements", "tarballs/", "packages/plug"]
    {
        assert!(!links.iter().any(|link| link.contains(missing)), "{missing}: {links:?}");
    }
    assert!(links.contains(&"../docs/plug/1.1.0/index.html"), "{links:?}");
    assert_eq!(page.all("script").count(), 0);
    assert_eq!(page.all("form").next().unwrap().get("action"), Some("../search.html"));
    assert_eq!(page.all("img").count(), 0);
    let policy = page.all("meta").find_map(|tag| {
        tag.get("http-equiv").filter(|it| *it == "Content-Security-Policy")?;
        tag.get("content")
    });
    assert!(policy.unwrap().starts_with("default-src 'none'; style-src 'sha256-"), "{policy:?}");
}

#[test]
fn the_list_is_cut_into_parts() {
    let mut repository = TestRepository::new();
    for number in 0..401 {
        repository = repository.release(&format!("p{number:03}"), "1.0.0");
    }
    repository.build(&[]).ok();
    let counts = counts(&repository, &[]);
    assert!(counts["created"].as_u64().unwrap() > 401 + 5, "{counts}");
    let first = page(&repository, "index.html");
    let links = first.links();
    assert!(links.contains(&"./list/2.html") && links.contains(&"./browse/p000.html"), "{links:?}");
    assert!(first.words().contains("p000 – p399"), "{}", first.words());
    let second = page(&repository, "list/2.html").words();
    assert!(second.contains("p400") && !second.contains("p399"), "{second}");
    check_links(&repository.path("site").canonicalize().unwrap());
}

#[test]
fn documentation_is_chosen() {
    let repository = sample();
    let has = |path: &str| repository.path(&format!("site/docs/{path}/index.html")).is_file();
    counts(&repository, &["--docs=none"]);
    assert!(!has("plug") && !has("plug/1.1.0"));
    counts(&repository, &["--docs=all"]);
    assert!(has("plug") && has("plug/1.0.0") && has("plug/1.1.0") && has("ecto/3.0.0"));
    let config = String::from_utf8(repository.read("site/docs/plug/1.0.0/docs_config.js")).unwrap();
    assert!(config.contains("v1.1.0") && config.contains("v1.0.0"), "{config}");
    assert!(!config.contains("theirs"), "{config}");
    check_links(&repository.path("site").canonicalize().unwrap());
    counts(&repository, &[]);
    assert!(!has("plug/1.0.0") && has("plug/1.1.0"));
    let sum = "0".repeat(64);
    let locked = format!(
        "%{{\"plug\": {{:hex, :plug, \"1.0.0\", \"{sum}\", [:mix], [], \"hexpm:acme\", \"{sum}\"}}}}"
    );
    repository.write("mix.lock", locked.as_bytes());
    if cfg!(feature = "mirror") {
        counts(&repository, &["--docs=none", "--lock=mix.lock"]);
        assert!(has("plug/1.0.0") && !has("plug/1.1.0") && !has("ecto/3.0.0"));
    }
}

#[test]
fn documentation_leads_to_what_is_here() {
    let repository = sample();
    site(&repository, &[]).ok();
    let plug = page(&repository, "docs/plug/1.1.0/index.html");
    let links = plug.links();
    assert!(links.contains(&"../../ecto/3.0.0/index.html"), "{links:?}");
    assert!(links.contains(&"https://hexdocs.pm/nowhere/index.html"), "{links:?}");
    assert!(links.iter().any(|link| link.ends_with("/browse/plug.html")), "{links:?}");
    assert_eq!(repository.read("site/docs/plug/1.1.0/dist/app.css"), b"h1 { color: red }");
    let names = String::from_utf8(repository.read("site/docs/packages.js")).unwrap();
    assert!(names.contains("[\"ecto\",\"plug\"]"), "{names}");
}

#[test]
fn a_url_makes_a_feed_and_a_page_for_what_is_missing() {
    let repository = sample();
    site(&repository, &[]).ok();
    assert!(
        !repository.path("site/recent.atom").exists() && !repository.path("site/404.html").exists()
    );
    site(&repository, &["--url=https://hex.acme.test/site/"]).ok();
    let feed = String::from_utf8(repository.read("site/recent.atom")).unwrap();
    for said in [
        "<id>https://hex.acme.test/site/recent.atom</id>",
        "href=\"https://hex.acme.test/site/recent.html\"",
        "href=\"https://hex.acme.test/site/browse/plug.html\"",
        "browse/plug/1.1.0#new-",
    ] {
        assert!(feed.contains(said), "{said}: {feed}");
    }
    let missing = page(&repository, "404.html");
    assert!(
        missing
            .links()
            .iter()
            .all(|link| { *link == "#main" || link.starts_with("https://hex.acme.test/site/") })
    );
    let refused = site(&repository, &["--url=hex.acme.test"]);
    assert_eq!(refused.code, 2, "{refused:?}");
}

#[test]
fn a_tarball_that_is_not_the_signed_one_is_not_shown() {
    let repository = sample();
    repository.write_tarball("plug-1.1.0.tar", &Tarball::new("plug", "1.1.0").build());
    let said = site(&repository, &[]).ok();
    assert!(said.stderr.contains("what it holds is not shown: its checksum is"), "{said:?}");
    let words = page(&repository, "browse/plug.html").words();
    assert!(words.contains("is not the one that is signed"), "{words}");
    // The signed one comes back.
    let signed = sample().read("public/tarballs/plug-1.1.0.tar");
    repository.write_tarball("plug-1.1.0.tar", &signed);
    site(&repository, &[]).ok();
    assert!(page(&repository, "browse/plug.html").words().contains("See the guide."));
}

#[test]
fn what_is_not_signed_is_refused() {
    let repository = sample();
    let mut signed = repository.read("public/packages/plug");
    let end = signed.len() - 1;
    signed.truncate(end);
    repository.write("public/packages/plug", &signed);
    let refused = site(&repository, &[]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains("packages/plug cannot be shown: "), "{refused:?}");
    assert!(!repository.path("site/index.html").exists());
}

#[test]
fn an_empty_registry_has_a_page() {
    let repository = TestRepository::new();
    repository.build(&[]).ok();
    site(&repository, &[]).ok();
    let html = String::from_utf8(repository.read("site/index.html")).unwrap();
    assert!(Document::parse(&html).words().contains("There are none yet."), "{html}");
}
