//! Documentation as readers use it in Chromium: from a server, from a bucket, and from a disk; with and without scripts.

use std::path::Path;

use serde_json::Value;

use super::documented;
use crate::browsing::in_chromium::{run_in_an_empty_namespace, violations, wide};
use crate::browsing::serve;
use crate::support::browser::Browser;
use crate::support::documentation::DocsFormat;
use crate::support::repository::TestRepository;
use crate::support::seaweedfs::SeaweedFs;
use crate::support::server::free_address;
use crate::support::tools;

/// No host but this one has an address.
const ALONE: &str = "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1";

/// Documentation that a reader has opened.
struct Reading {
    browser: Browser,
    /// The folder of all documentation, as a URL with a slash at its end.
    docs: String,
    /// What leads to the index of a folder: a server finds it by itself.
    index: &'static str,
}

impl Reading {
    fn of_server(browser: Browser, url: &str) -> Self {
        Self { browser, docs: format!("{url}/docs/"), index: "" }
    }

    fn of_files(browser: Browser, site: &str) -> Self {
        Self { browser, docs: format!("{site}/docs/"), index: "index.html" }
    }

    fn open(&self, path: &str) {
        self.browser.open(&format!("{}{path}", self.docs));
    }

    /// Waits until the page is the one at the end of a URL.
    #[track_caller]
    fn until_at(&self, end: &str) {
        self.browser.until_loaded(&format!("location.href.endsWith({end:?})"));
    }

    /// What an expression is, once scripts of the page have run.
    #[track_caller]
    fn value(&self, expression: &str, expected: impl Into<Value>) {
        self.browser.until_is(expression, &expected.into());
    }

    /// Where the link with a text leads.
    fn link(&self, text: &str) -> String {
        let found = "[...document.querySelectorAll('ul.links a')].find(one => one.textContent ===";
        let link = self.browser.value(&format!("{found} {text:?}).href"));
        link.as_str().unwrap().to_owned()
    }

    fn click(&self, text: &str) {
        let found = "[...document.querySelectorAll('a')].find(one => one.textContent ===";
        self.browser.leave_by(&format!("{found} {text:?}).click();"));
    }

    /// Pages, links, the sidebar, the menu of versions, and the way back; each step as a reader does it.
    fn read_with_scripts(&self) {
        let browser = &self.browser;
        self.open(&format!("table_press/2.1.0/{}", self.index));
        self.until_at("table_press/2.1.0/readme.html");
        browser.until("document.querySelectorAll('#nodes li').length === 4");
        // The sidebar.
        self.click("TablePress.Trim");
        self.until_at("table_press/2.1.0/TablePress.Trim.html");
        self.value("document.querySelector('h1').textContent", "TablePress.Trim");
        // Links lead to what is here, in the version that is nearest.
        for (text, end) in [
            ("root", "row_names/"),
            ("latest", "row_names/RowNames.html#name/1"),
            ("pinned", "row_names/0.4.2/RowNames.html#name/1"),
            ("own host", "row_names/RowNames.html#name/1"),
            ("own host, pinned", "row_names/0.4.2/RowNames.html#name/1"),
        ] {
            let link = self.link(text);
            let place = link.strip_prefix(&self.docs).unwrap_or_else(|| panic!("{text}: {link}"));
            // Of a link without a version, some ways of serving know the version before.
            let place = place.replace("row_names/0.4.2/", "row_names/");
            let end = end.replace("row_names/0.4.2/", "row_names/");
            assert_eq!(place.trim_end_matches("index.html"), end, "{text}");
        }
        self.click("pinned");
        self.until_at("row_names/0.4.2/RowNames.html#name/1");
        self.click("latest");
        self.until_at("/TablePress.html");
        // What is not here leads to where it was, and says so.
        assert_eq!(self.link("nowhere"), "https://hexdocs.pm/not_mirrored/1.0.0/NotMirrored.html");
        self.value(
            "[...document.querySelectorAll('[data-hexreg-missing]')].some(one => one.title.includes('not_mirrored'))",
            true,
        );
        // A frame sends the text of a function on a page of another package.
        let hint =
            browser.run_until_done(&format!("reader.hint({:?}).then(done)", self.link("pinned")));
        assert!(hint.as_str().unwrap().contains("The name of a value."), "{hint}");
        // The menu of versions is that of what is here.
        let menu =
            "[...document.querySelectorAll('#versions option')].map(one => one.textContent).join()";
        self.value(menu, "v3.0.0-rc.1,v2.1.0 (latest),v2.0.0");
        browser.leave_by(
            "const menu = document.getElementById('versions'); menu.selectedIndex = 2; menu.onchange();",
        );
        browser.until("location.href.includes('/table_press/2.0.0/')");
        browser.until("document.getElementById('versions')?.selectedIndex === 2");
        // A page asks no other host for its images, style sheets and scripts.
        self.open("table_press/2.1.0/streams.html");
        self.until_at("streams.html");
        self.value("document.images[0].currentSrc + document.images[0].alt", "build passes");
        // The documentation's own search, which keeps what it has found.
        self.open("table_press/2.0.0/search.html?q=rows");
        browser.until("document.querySelectorAll('#found li').length > 1");
        self.value("sessionStorage.getItem('reader:found') > 1", true);
        // A choice that is kept.
        browser.run("reader.night(); reader.close();");
        self.value("JSON.parse(localStorage.getItem('reader:settings')).theme", "night");
        self.value("document.body.className.trim()", "night");
        // To another package by its name.
        browser.leave_by("window.prompted = 'row'; document.getElementById('packages').click();");
        browser.until("location.href.includes('/row_names/0.4.2/')");
        self.until_at("readme.html");
        // Back to the package, and from there to its documentation.
        browser.click("#hexreg-package");
        browser.until("document.querySelector('h1')?.textContent.includes('row_names')");
        browser.click("a[href*='docs/row_names/0.4.2/']");
        browser
            .until("document.querySelector('.sidebar-projectName')?.textContent === 'row_names'");
        // Pages of every tool are whole.
        for (name, page) in JAMS {
            self.open(&format!("{name}/1.0.0/{page}.html"));
            browser.until("document.querySelector('main').textContent.includes('Spreads jam')");
            browser.until("document.readyState === 'complete' && typeof reader === 'object'");
        }
    }

    /// What works without a script too.
    fn read_without_scripts(&self) {
        let browser = &self.browser;
        browser.set_scripts(false);
        self.open(&format!("table_press/2.1.0/{}", self.index));
        self.until_at("table_press/2.1.0/readme.html");
        self.value("typeof reader", "undefined");
        self.open("table_press/2.1.0/TablePress.html");
        browser.click("ul.links li:nth-child(3) a");
        self.until_at("row_names/0.4.2/RowNames.html#name/1");
        browser.click("#hexreg-package");
        browser.until("document.querySelector('h1')?.textContent.includes('row_names')");
        browser.set_scripts(true);
    }

    /// No script has failed, nothing was refused or missing, and no other host was asked for anything.
    fn end(self, faults: impl Fn(&str) -> bool) {
        let found: Vec<String> = self.browser.faults();
        let found: Vec<&String> = found.iter().filter(|fault| !faults(fault)).collect();
        assert_eq!(found, Vec::<&String>::new());
        let requests = self.browser.requests();
        // Browsers ask for an icon at the root of a server.
        let icon = self.browser.run("return new URL('/favicon.ico', location.href).href;");
        let own = self.docs.trim_end_matches("docs/");
        let own = [own, icon.as_str().unwrap(), "data:", "blob:", "chrome:", "about:"];
        let outside =
            requests.sent.iter().filter(|url| !own.iter().any(|own| url.starts_with(own)));
        assert_eq!(outside.collect::<Vec<_>>(), Vec::<&String>::new());
        assert!(requests.sent.len() > 50, "{requests:?}");
    }
}

/// A package of each format, and the page of its module.
const JAMS: [(&str, &str); 8] = [
    ("jam_20", "Jam20"),
    ("jam_22", "Jam22"),
    ("jam_30", "Jam30"),
    ("jam_37", "Jam37"),
    ("jam_gleam", "jam/gleam"),
    ("jam_gleam_9", "jam/gleam9"),
    ("jam_gleam_14", "jam/gleam14"),
    ("jam_edoc", "jam_edoc"),
];

fn none(_: &str) -> bool {
    false
}

#[test]
fn every_format_has_a_package() {
    assert_eq!(JAMS.len(), DocsFormat::ALL.len());
}

#[test]
fn documentation_of_a_server_is_read_as_on_the_internet() {
    let test = "documentation_of_a_server_is_read_as_on_the_internet";
    let Some(browser) = Browser::start(test, ALONE) else { return };
    let repository = documented();
    let server = serve(&repository, &[]);
    let reading = Reading::of_server(browser, &server.url());
    reading.read_with_scripts();
    reading.read_without_scripts();
    reading.end(none);
}

#[test]
fn documentation_for_those_with_a_password_is_read_in_its_own_origin() {
    let test = "documentation_for_those_with_a_password_is_read_in_its_own_origin";
    let Some(browser) = Browser::start(test, ALONE) else { return };
    let repository = documented();
    let add = ["auth", "add", "readers", "amy", "--password"];
    repository.hexreg().input(b"reader-of-all\n").run(add).ok();
    let docs = format!("--docs-listen={}", free_address());
    let server = crate::support::server::Server::of(&repository, &["--auth-file=readers", &docs]);
    let registry = server.url();
    browser.open(&format!("{}/", registry.replace("://", "://amy:reader-of-all@")));
    browser.open(&format!("{registry}/browse/row_names"));
    browser.until("document.querySelector('h1')?.textContent.includes('row_names')");
    browser.click("a[href*='docs/row_names/0.4.2/']");
    browser.until("location.href.endsWith('/row_names/0.4.2/readme.html')");
    browser.until("document.querySelectorAll('#nodes li').length > 1");
    assert!(!browser.url().starts_with(&registry), "{}", browser.url());
    // To another package, and back to the registry.
    browser.leave_by(
        "[...document.querySelectorAll('a')].find(one => one.textContent === 'pinned').click();",
    );
    browser.until("location.href.endsWith('/table_press/2.1.0/TablePress.html')");
    browser.until("document.querySelectorAll('#versions option').length === 3");
    browser.leave_by("const menu = document.getElementById('versions'); menu.selectedIndex = 2; menu.onchange();");
    browser.until("location.href.includes('/table_press/2.0.0/')");
    browser.until("document.getElementById('hexreg-package') !== null");
    browser.click("#hexreg-package");
    browser.until("document.querySelector('h1')?.textContent.includes('table_press')");
    assert!(browser.url().starts_with(&registry), "{}", browser.url());
    // Who has no password reads nothing there.
    assert_eq!(server.get("/docs/table_press/2.1.0/TablePress.html", &[]).status, 401);
    assert_eq!(browser.faults(), Vec::<String>::new());
}

/// Gleam's pages fetch their search data, which no browser does from a disk.
fn is_of_gleam_on_a_disk(fault: &str) -> bool {
    fault.contains("jam_gleam")
}

#[test]
fn documentation_on_a_disk_is_read_without_a_server() {
    let test = "documentation_on_a_disk_is_read_without_a_server";
    let Some(browser) = Browser::start(test, ALONE) else { return };
    let repository = documented();
    repository.hexreg().run(["site", "public", "--out=a site", "--docs=all"]).ok();
    let reading = Reading::of_files(browser, &file_url(&repository.path("a site")));
    reading.read_with_scripts();
    reading.read_without_scripts();
    reading.end(is_of_gleam_on_a_disk);
}

fn file_url(path: &Path) -> String {
    format!("file://{}", path.display()).replace(' ', "%20")
}

#[test]
fn documentation_in_a_bucket_is_read_without_a_server_of_ours() {
    let test = "documentation_in_a_bucket_is_read_without_a_server_of_ours";
    let Some(seaweedfs) = SeaweedFs::start(test) else { return };
    let Some(browser) = Browser::start(test, ALONE) else { return };
    let repository: TestRepository = documented();
    let bucket = seaweedfs.bucket("registry");
    let (out, endpoint) = (format!("--out={}", bucket.url("hex")), bucket.endpoint());
    let site = ["site", "public", &out, "--docs=all", "--endpoint", &endpoint];
    bucket.known_to(repository.hexreg()).run(site).ok();
    let reading = Reading::of_files(browser, &bucket.http("hex"));
    reading.read_with_scripts();
    reading.read_without_scripts();
    reading.end(none);
}

#[test]
fn without_a_network_documentation_is_whole_and_asks_for_nothing_outside() {
    run_in_an_empty_namespace(
        "without_a_network_documentation_is_whole_and_asks_for_nothing_outside",
        "browsing::documentation::in_chromium::in_an_empty_namespace",
    );
}

#[test]
#[ignore = "it needs a network namespace that the test above makes"]
fn in_an_empty_namespace() {
    let browser = || Browser::start("in_an_empty_namespace", "").expect("the test above found it");
    let repository = documented();
    let server = serve(&repository, &[]);
    let reading = Reading::of_server(browser(), &server.url());
    reading.read_with_scripts();
    reading.end(none);
    repository.hexreg().run(["site", "public", "--out=site", "--docs=all"]).ok();
    let reading = Reading::of_files(browser(), &file_url(&repository.path("site")));
    reading.read_with_scripts();
    reading.end(is_of_gleam_on_a_disk);
}

#[test]
fn pages_around_documentation_fit_a_phone_and_hold_no_barrier() {
    let test = "pages_around_documentation_fit_a_phone_and_hold_no_barrier";
    let Some(browser) = Browser::start(test, ALONE) else { return };
    let Some(axe) = tools::find_installed("axe/node_modules/axe-core/axe.min.js", test) else {
        return;
    };
    let axe = std::fs::read_to_string(axe).unwrap();
    let repository = documented();
    repository.hexreg().run(["site", "public", "--out=site", "--docs=all"]).ok();
    let site = file_url(&repository.path("site"));
    let server = serve(&repository, &[]);
    let mut urls: Vec<String> = [
        "docs/table_press/9.9.9/",
        "docs/nothing/",
        "docs/jam_edoc/1.0.0/none.html",
        "browse/table_press",
    ]
    .map(|path| format!("{}/{path}", server.url()))
    .into();
    urls.extend(
        ["index", "browse/table_press", "recent", "search"]
            .map(|path| format!("{site}/{path}.html")),
    );
    let mut barriers = Vec::new();
    for url in &urls {
        for is_dark in [false, true] {
            browser.set_dark(is_dark);
            browser.open(url);
            assert_eq!(browser.value("document.querySelectorAll('h1').length"), 1, "{url}");
            barriers.extend(violations(
                &browser,
                &axe,
                url,
                if is_dark { "dark" } else { "light" },
            ));
        }
        barriers.extend(wide(&browser, url));
        barriers.extend(violations(&browser, &axe, url, "on a phone"));
        browser.set_width(None);
    }
    assert!(barriers.is_empty(), "{}", barriers.join("\n"));
}
