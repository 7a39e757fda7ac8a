//! The search in documentation in Chromium, as readers use it: by keyboard, with a lock file, from a server and from files.

use std::path::Path;

use serde_json::{Value, json};

use super::write;
use crate::browsing::in_chromium::{run_in_an_empty_namespace, violations, wide};
use crate::browsing::serve;
use crate::clients::nginx::Nginx;
use crate::support::browser::{Browser, keys};
use crate::support::documentation::Documentation;
use crate::support::repository::TestRepository;
use crate::support::seaweedfs::SeaweedFs;
use crate::support::server::Server;
use crate::support::tools;
use crate::support::upstream::until;

/// No host but this one has an address.
const ALONE: &str = "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1";

/// A lock file of a project that uses an older version.
const LOCK: &str = "%{\n  \"rows\": {:hex, :rows, \"1.0.0\", \"1d07d50cb9bb05097fdf187b31cf087c7297aafc3fed8299aac79c128a707e47\", [:mix], [], \"hexpm\", \"cbf53aa1f5c4d758a7559c0bd6d59e286c2be0c6a1fac8cc3eee2f638243b93e\"},\n}\n";

/// Two packages that say the same, one of them in two versions, and one with more functions than a page shows.
fn searchable() -> TestRepository {
    let repository = TestRepository::new();
    let rows = |name: &str, version: &str, module: &str| {
        Documentation::new(name, version)
            .module(
                module,
                "Reads tables with marmalade.",
                &[
                    ("parse_row", 2, "Turns a line into fields, like toffee & <b>nougat</b>."),
                    (
                        "a_function_with_a_name_that_is_wider_than_any_phone_shows_in_one_line",
                        1,
                        "Wide.",
                    ),
                ],
            )
            .page("guide", "Guide", &[("Large tables", "A table of any size takes one row.")])
    };
    let names: Vec<String> = (0..60).map(|at| format!("count_{at}")).collect();
    let counts: Vec<(&str, usize, &str)> =
        names.iter().map(|name| (name.as_str(), 1, "Counts abacus beads.")).collect();
    for docs in [
        rows("rows", "1.0.0", "Rows"),
        rows("rows", "1.1.0", "Rows"),
        rows("sheets", "2.0.0", "Sheets"),
        Documentation::new("abacus", "1.0.0").module("Abacus", "Beads.", &counts),
    ] {
        write(&repository, &docs);
    }
    repository.build(&[]).ok();
    repository
}

/// Serves `public/`, once its documentation was read.
fn serve_searchable(repository: &TestRepository) -> Server {
    let server = serve(repository, &[]);
    let log = || std::fs::read_to_string(repository.path("serve.log")).unwrap_or_default();
    until("the documentation was read", || log().contains("documentation was read for the search"));
    server
}

fn file_url(path: &Path) -> String {
    format!("file://{}", path.display()).replace(' ', "%20")
}

/// A search that a reader has opened.
struct Searching {
    browser: Browser,
    /// What is before the paths of all pages, without a slash at its end.
    base: String,
    /// The page of the search, after that.
    page: &'static str,
}

impl Searching {
    fn of_server(browser: Browser, server: &Server) -> Self {
        Self { browser, base: server.url(), page: "/search" }
    }

    fn of_files(browser: Browser, site: String) -> Self {
        Self { browser, base: site, page: "/search.html" }
    }

    fn open(&self, query: &str) {
        self.browser.open(&format!("{}{}{query}", self.base, self.page));
    }

    /// The titles of the results, in order.
    fn titles(&self) -> Vec<String> {
        self.texts("[...document.querySelectorAll('.results h3')].map(one => one.textContent)")
    }

    fn texts(&self, expression: &str) -> Vec<String> {
        let value = self.browser.value(expression);
        value.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
    }

    /// Waits for results, of which these are the packages, with the versions that links lead to, each once.
    #[track_caller]
    fn until_releases(&self, expected: &[&str]) {
        let releases = "[...new Set([...document.querySelectorAll('.results h3 a')].map(one => \
                        (one.href.split('/docs/')[1] || '-').split('/').slice(0, 2).join(' ')))].sort()";
        self.browser.until_is(releases, &json!(expected));
    }

    /// Waits for results, the first of which has this title. A link that is followed before the page has loaded would
    /// take its place in the history.
    #[track_caller]
    fn until_first(&self, title: &str) {
        self.browser.until_loaded(&format!(
            "document.querySelector('.results h3')?.textContent === {title:?}"
        ));
    }

    /// Waits until a place is shown.
    #[track_caller]
    fn until_at(&self, end: &str) {
        self.browser.until_loaded(&format!("location.href.endsWith({end:?})"));
    }

    #[track_caller]
    fn until_focused(&self, id: &str) {
        self.browser.until(&format!("document.activeElement.id === {id:?}"));
    }

    /// Types into the field that has the focus. Enter comes once all is there.
    fn type_and_enter(&self, text: &str) {
        self.browser.press(text);
        self.browser.until(&format!("document.activeElement.value === {text:?}"));
        self.browser.press(keys::ENTER);
    }

    /// From an empty field to a function, and on to other results, without a mouse.
    fn by_keyboard(&self) {
        let browser = &self.browser;
        self.open("");
        self.until_focused("docs-q");
        self.type_and_enter("Rows.parse_row/2");
        self.until_first("Rows.parse_row/2");
        assert!(browser.url().contains("q=Rows.parse_row%2F2"), "{}", browser.url());
        // What documentation says is text.
        let text = browser.value("document.querySelector('.results').textContent");
        assert!(text.as_str().unwrap().contains("toffee & nougat"), "{text}");
        assert_eq!(browser.value("document.querySelector('.results b')"), Value::Null);
        // A slash leads back into the field, with its text chosen: what is typed takes its place.
        browser.run("document.activeElement.blur();");
        browser.press("/");
        self.until_focused("docs-q");
        self.type_and_enter("marmalade");
        self.until_first("Rows");
        self.until_releases(&["rows 1.1.0", "sheets 2.0.0"]);
        // The button is next, and then the first result.
        browser.click("#docs-q");
        browser.press(&format!("{}{}", keys::TAB, keys::TAB));
        browser.until("document.activeElement.closest('.results h3')?.textContent === 'Rows'");
        browser.press(keys::ENTER);
        self.until_at("/docs/rows/1.1.0/Rows.html");
        browser.back();
        self.until_first("Rows");
        assert_eq!(browser.value("document.getElementById('docs-q').value"), "marmalade");
        // The place of a function is part of the link.
        self.open("?q=Sheets.parse_row/2");
        self.until_first("Sheets.parse_row/2");
        browser.click(".results h3 a");
        self.until_at("/docs/sheets/2.0.0/Sheets.html#parse_row/2");
        // Nothing found is said.
        self.open("?q=zzyzx");
        browser.until("/No|0 results/.test(document.getElementById('main').textContent)");
        assert_eq!(self.titles(), [""; 0]);
    }

    /// One package, and what a lock file pins: pasted, and as a file.
    fn with_chosen_packages(&self, repository: &TestRepository) {
        let browser = &self.browser;
        browser.open(&format!("{}/browse/sheets", self.base));
        browser.click("a[href$='search?package=sheets']");
        self.until_at("/search?package=sheets");
        browser.enter("#docs-q", &format!("parse{}", keys::ENTER));
        self.until_first("Sheets.parse_row/2");
        self.until_releases(&["sheets 2.0.0"]);
        browser.click("main p a[href^='search?q=']");
        browser.until("document.querySelectorAll('.results h3').length > 1");
        self.until_releases(&["rows 1.1.0", "sheets 2.0.0"]);
        let send = || browser.click("form.lock button");
        let is_pinned = || {
            self.until_at("/search?q=parse&packages=rows-1.0.0");
            self.until_first("Rows.parse_row/2");
            self.until_releases(&["rows 1.0.0"]);
        };
        self.open("?q=parse");
        browser.enter("#lock-text", LOCK);
        send();
        is_pinned();
        // The next search is in the same versions.
        browser.click("#docs-q");
        browser.press(keys::ENTER);
        browser.until("location.search.includes('packages=rows-1.0.0')");
        self.until_releases(&["rows 1.0.0"]);
        repository.write("mix.lock", LOCK.as_bytes());
        self.open("?q=parse");
        browser.enter("#lock-file", repository.path("mix.lock").to_str().unwrap());
        send();
        is_pinned();
        self.open("?q=parse");
        browser.enter("#lock-text", "no lock file");
        send();
        browser.until("document.querySelector('[role=alert]')?.textContent.includes('lock file')");
        assert_eq!(browser.value("document.getElementById('docs-q').value"), "parse");
    }

    /// No script has failed, nothing was refused, and no other host was asked for anything.
    fn end(self) {
        assert_eq!(self.browser.faults(), Vec::<String>::new());
        let own = [self.base.as_str(), "data:", "blob:", "chrome:", "about:"];
        let host = self.browser.run("return new URL('/favicon.ico', location.href).href;");
        let sent = self.browser.requests().sent;
        let outside = sent.iter().filter(|url| {
            !own.iter().any(|own| url.starts_with(own)) && **url != host.as_str().unwrap()
        });
        assert_eq!(outside.collect::<Vec<_>>(), Vec::<&String>::new());
        assert!(sent.len() > 5, "{sent:?}");
    }
}

/// The results of many pages, one page after the other, on a server.
fn follow_pages(searching: &Searching) {
    let browser = &searching.browser;
    searching.open("?q=abacus");
    browser.until("document.querySelectorAll('.results h3').length === 20");
    let first = searching.titles();
    browser.click(".paging a[rel=next]");
    browser.until_loaded("location.search.includes('page=2')");
    let second = searching.titles();
    assert_eq!(second.len(), 20);
    assert!(second.iter().all(|one| !first.contains(one)), "{first:?} {second:?}");
}

#[test]
fn a_server_is_searched_by_keyboard_and_in_what_a_project_uses() {
    let test = "a_server_is_searched_by_keyboard_and_in_what_a_project_uses";
    let Some(browser) = Browser::start(test, ALONE) else { return };
    let repository = searchable();
    let server = serve_searchable(&repository);
    let searching = Searching::of_server(browser, &server);
    searching.by_keyboard();
    searching.with_chosen_packages(&repository);
    follow_pages(&searching);
    // A refused form has a status that the console names.
    let faults = searching.browser.faults();
    assert!(faults.iter().all(|fault| fault.contains("422")), "{faults:?}");
    searching.end();
}

#[test]
fn a_server_is_searched_without_javascript() {
    let test = "a_server_is_searched_without_javascript";
    let Some(browser) = Browser::start(test, ALONE) else { return };
    let repository = searchable();
    let server = serve_searchable(&repository);
    let searching = Searching::of_server(browser, &server);
    let browser = &searching.browser;
    browser.set_scripts(false);
    browser.open(&server.url());
    browser.click("nav a[href$='search']");
    searching.until_at("/search");
    assert_eq!(browser.value("document.getElementById('suggestions')"), Value::Null);
    searching.until_focused("docs-q");
    searching.type_and_enter("toffee");
    searching.until_first("Rows.parse_row/2");
    browser.enter("#lock-text", LOCK);
    browser.click("form.lock button");
    searching.until_at("/search?q=toffee&packages=rows-1.0.0");
    searching.until_releases(&["rows 1.0.0"]);
    follow_pages(&searching);
    browser.set_scripts(true);
    searching.end();
}

/// The search of a site, which needs a script; without, the page says so.
fn search_files(browser: Browser, site: String) {
    let searching = Searching::of_files(browser, site);
    searching.by_keyboard();
    let browser = &searching.browser;
    searching.open("?q=abacus");
    browser.until("document.querySelectorAll('.results h3').length === 10");
    let first = searching.titles();
    browser.click("#docs-more");
    browser.until("document.querySelectorAll('.results h3').length === 20");
    assert_eq!(searching.titles()[..10], first);
    // The focus goes on to the first of the new results, as the button may be gone.
    browser.until("document.activeElement.closest('.results li:nth-child(11)') !== null");
    // Packages are found too.
    searching.open("?q=sheets");
    browser.until("document.querySelector('.results a[href$=\"browse/sheets.html\"]') !== null");
    browser.click(".results a[href$='browse/sheets.html']");
    searching.until_at("/browse/sheets.html");
    browser.set_scripts(false);
    searching.open("?q=toffee");
    browser.until("document.querySelector('noscript').textContent.includes('script')");
    browser.set_scripts(true);
    searching.end();
}

/// Makes the site of `public/` in a directory.
fn site_of(repository: &TestRepository, directory: &str) {
    repository.hexreg().run(["site", "public", &format!("--out={directory}")]).ok();
}

#[test]
fn a_site_is_searched_from_a_disk() {
    let test = "a_site_is_searched_from_a_disk";
    let Some(browser) = Browser::start(test, ALONE) else { return };
    let repository = searchable();
    site_of(&repository, "a site");
    search_files(browser, file_url(&repository.path("a site")));
}

#[test]
fn a_site_is_searched_from_nginx() {
    let test = "a_site_is_searched_from_nginx";
    let Some(nginx) = tools::find("nginx", test) else { return };
    let Some(browser) = Browser::start(test, ALONE) else { return };
    let repository = searchable();
    site_of(&repository, "site");
    let types = "types { text/html html; text/css css; text/javascript js; }";
    let server = Nginx::serve_with(&nginx, &repository.path("site"), types);
    search_files(browser, server.url());
}

#[test]
fn a_site_is_searched_in_a_bucket() {
    let test = "a_site_is_searched_in_a_bucket";
    let Some(seaweedfs) = SeaweedFs::start(test) else { return };
    let Some(browser) = Browser::start(test, ALONE) else { return };
    let repository = searchable();
    let bucket = seaweedfs.bucket("registry");
    let (out, endpoint) = (format!("--out={}", bucket.url("hex")), bucket.endpoint());
    bucket
        .known_to(repository.hexreg())
        .run(["site", "public", &out, "--endpoint", &endpoint])
        .ok();
    search_files(browser, bucket.http("hex"));
}

#[test]
fn without_a_network_searches_find_all_and_ask_for_nothing_outside() {
    run_in_an_empty_namespace(
        "without_a_network_searches_find_all_and_ask_for_nothing_outside",
        "browsing::documentation::searched::in_an_empty_namespace",
    );
}

#[test]
#[ignore = "it needs a network namespace that the test above makes"]
fn in_an_empty_namespace() {
    let browser = || Browser::start("in_an_empty_namespace", "").expect("the test above found it");
    let repository = searchable();
    let server = serve_searchable(&repository);
    let searching = Searching::of_server(browser(), &server);
    searching.by_keyboard();
    searching.with_chosen_packages(&repository);
    searching.browser.faults();
    searching.end();
    site_of(&repository, "a site");
    search_files(browser(), file_url(&repository.path("a site")));
}

#[test]
fn searches_fit_a_phone_are_dark_in_the_dark_and_hold_no_barrier() {
    let test = "searches_fit_a_phone_are_dark_in_the_dark_and_hold_no_barrier";
    let Some(browser) = Browser::start(test, ALONE) else { return };
    let Some(axe) = tools::find_installed("axe/node_modules/axe-core/axe.min.js", test) else {
        return;
    };
    let axe = std::fs::read_to_string(axe).unwrap();
    let repository = searchable();
    site_of(&repository, "a site");
    repository.write("shop/mix.lock", LOCK.as_bytes());
    let server = serve_searchable(&repository);
    let site = file_url(&repository.path("a site"));
    let queries = ["", "?q=parse_row", "?q=abacus", "?q=toffee%20abacus", "?q=zzyzx", "?q=wider"];
    let mut pages: Vec<String> = queries
        .iter()
        .flat_map(|query| {
            [format!("{}/search{query}", server.url()), format!("{site}/search.html{query}")]
        })
        .collect();
    let chosen = ["package=rows", "packages=rows-1.0.0,none-1.0.0,sheets", "packages=none"];
    pages.extend(chosen.map(|chosen| format!("{}/search?q=parse&{chosen}", server.url())));
    let mut barriers = Vec::new();
    let background = "getComputedStyle(document.body).backgroundColor";
    for page in &pages {
        browser.set_dark(false);
        browser.open(page);
        browser.until("!document.body.textContent.includes('Searching …')");
        let light = browser.value(background);
        barriers.extend(violations(&browser, &axe, page, "light"));
        browser.set_dark(true);
        assert_ne!(browser.value(background), light, "{page} is as light in the dark");
        barriers.extend(violations(&browser, &axe, page, "dark"));
        barriers.extend(wide(&browser, page));
        barriers.extend(violations(&browser, &axe, page, "on a phone"));
        browser.set_width(None);
    }
    // A form that was refused.
    browser.open(&format!("{}/search?q=parse", server.url()));
    browser.enter("#lock-text", "no lock file");
    browser.click("form.lock button");
    browser.until("document.querySelector('[role=alert]') !== null");
    barriers.extend(violations(&browser, &axe, "a refused form", "dark"));
    barriers.extend(wide(&browser, "a refused form"));
    assert!(barriers.is_empty(), "{}", barriers.join("\n"));
}
