//! The site in a browser: from a disk, and from nginx.

use super::{sample, site};
use crate::clients::nginx::Nginx;
use crate::support::browser::{Browser, keys};
use crate::support::tools;

/// From the list to a package, its documentation, that of another package, and back.
fn follow_links(browser: &Browser, base: &str) {
    browser.open(&format!("{base}/index.html"));
    assert_eq!(browser.value("document.querySelector('h1').textContent"), "acme");
    browser.click("a[href$='browse/plug.html']");
    browser.until("location.pathname.endsWith('/browse/plug.html')");
    assert_eq!(browser.value("getComputedStyle(document.querySelector('.bar')).display"), "block");
    browser.click("a[href$='docs/plug/1.1.0/index.html']");
    browser.until("location.pathname.endsWith('/docs/plug/1.1.0/index.html')");
    assert_eq!(browser.value("versionNodes[0].version"), "v1.1.0");
    browser.click("a[href*='ecto']");
    browser.until("location.pathname.endsWith('/docs/ecto/3.0.0/index.html')");
    browser.click("#hexreg-package");
    browser.until("location.pathname.endsWith('/browse/ecto.html')");
    // The form leads to the search, whose script reads the index: packages and their documentation in one list.
    browser.click("#q");
    browser.press("plug");
    browser.press(keys::ENTER);
    browser.until("location.pathname.endsWith('/search.html')");
    browser.until("document.querySelectorAll('#docs-results a').length > 1");
    let links = "Array.from(document.querySelectorAll('#docs-results a'), (one) => one.getAttribute('href')).join(' ')";
    let links = browser.value(links).as_str().unwrap().to_owned();
    assert!(links.contains("./browse/plug.html"), "{links}");
    assert!(links.contains("./docs/plug/1.1.0/"), "{links}");
    let said = browser.value("document.getElementById('docs-results').textContent");
    assert!(said.as_str().unwrap().contains("A <b>plug</b>"), "{said}");
    browser.click("#docs-results a[href='./browse/plug.html']");
    browser.until("location.pathname.endsWith('/browse/plug.html')");
    browser.open(&format!("{base}/docs/plug/index.html"));
    browser.until("location.pathname.endsWith('/docs/plug/1.1.0/index.html')");
}

#[test]
fn links_lead_on_from_a_disk() {
    let test = "links_lead_on_from_a_disk";
    let Some(browser) = Browser::start(test, "MAP * ~NOTFOUND") else { return };
    let repository = sample();
    site(&repository, &[]).ok();
    let base = format!("file://{}", repository.path("site").display());
    follow_links(&browser, &base);
    browser.set_scripts(false);
    browser.open(&format!("{base}/search.html?q=plug"));
    browser.until("document.querySelector('noscript') !== null");
    browser.click(".brand");
    browser.until("location.pathname.endsWith('/index.html')");
}

#[test]
fn links_lead_on_from_a_server_of_files() {
    let test = "links_lead_on_from_a_server_of_files";
    let Some(nginx) = tools::find("nginx", test) else { return };
    let Some(browser) = Browser::start(test, "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1") else { return };
    let repository = sample();
    site(&repository, &[]).ok();
    let types =
        "types { text/html html; text/css css; text/javascript js; application/json json; }";
    let server = Nginx::serve_with(&nginx, &repository.path("site"), types);
    follow_links(&browser, &server.url());
}
