//! The pages in Chromium: by keyboard, on a phone, in the dark, without JavaScript, for readers who do not see them, with
//! a package that attacks them, and without a network.

use std::env;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::evil::{HOST, evil};
use super::{parser, serve};
use crate::support::browser::{Browser, keys};
use crate::support::repository::TestRepository;
use crate::support::server::Server;
use crate::support::tarball::Tarball;
use crate::support::tools;
use crate::support::upstream::until;

/// No host but this one has an address.
const ALONE: &str = "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1";

/// A repository of which every kind of page shows something, also a long name and a long version.
fn shown() -> TestRepository {
    let repository = parser();
    let name = format!("a{}", "_very".repeat(15));
    let version = format!("1.0.0-rc.{}", "1234567890.".repeat(5) + "1");
    let readme = "# Wide\n\n| a | b | c | d | e | f | g | h |\n|---|---|---|---|---|---|---|---|\n\
                  | columns | columns | columns | columns | columns | columns | columns | columns |\n\n\
                  ```elixir\nlong = \"a line of code that is much longer than the screen of any phone is wide\"\n```\n\n\
                  - [x] done\n- [ ] not done\n\n> quoted\n\nA note[^1].\n\n[^1]: At the end.\n\n#### Deep\n";
    let wide = Tarball::new(&name, &version)
        .requires("json_parser", "~> 1.0")
        .requires("gone", "~> 1.0")
        .requires_public("jason", "~> 1.4")
        .described(
            &"A long description, ".repeat(12),
            &["Apache-2.0"],
            &[
                ("README.md", readme.as_bytes()),
                (
                    &format!("lib/{}.ex", "long_name_of_a_file_".repeat(4)),
                    b"defmodule Long do\n  @moduledoc \"a\"\nend\n",
                ),
            ],
        )
        .build();
    repository.write_tarball(&format!("{name}-{version}.tar"), &wide);
    let other = Tarball::new("json_zebra", "1.0.0").build();
    repository.write_tarball("json_zebra-1.0.0.tar", &other);
    repository.build(&[]).ok();
    let retire =
        ["retire", "--to=public", "--name=acme", "--private-key=key.pem", "--reason=security"];
    let why = ["--message=use 1.1.0 instead of it", "json_parser", "1.0.0"];
    repository.hexreg().run(retire.iter().chain(&why).copied()).ok();
    let rules = format!(
        "description = \"what may go into production\"\n[[repository]]\nname = \"acme\"\nretired = [\"security\"]\n\
         deny = [{{ package = \"json_parser\", requirement = \"== 1.1.0\", comment = \"{}\" }}]\n",
        "a_long_comment ".repeat(30)
    );
    repository.write("rules.toml", rules.as_bytes());
    let set = "policy set a-policy-with-a-long-name-that-no-phone-has-room-for-in-one-line --file=rules.toml --to=public";
    let own = "--name=acme --private-key=key.pem";
    repository.hexreg().run(set.split(' ').chain(own.split(' '))).ok();
    repository.write("public/policies/damaged", b"junk");
    repository
}

/// A path of every kind of page.
fn paths() -> Vec<String> {
    let (name, version) =
        (format!("a{}", "_very".repeat(15)), format!("1.0.0-rc.{}", "1234567890.".repeat(5) + "1"));
    let file = format!("lib/{}.ex", "long_name_of_a_file_".repeat(4));
    [
        "",
        "?q=json",
        "?q=zzyzx",
        "browse/json_parser",
        "browse/json_parser/1.0.0",
        "browse/json_parser/versions",
        "browse/json_parser/dependents",
        "browse/json_parser/1.1.0/files/",
        "browse/json_parser/1.1.0/files/lib/json_parser.ex",
        "browse/json_parser/1.1.0/files/guides/start.md",
        "browse/json_parser/1.1.0/files/assets/logo.png",
        "browse/json_parser/diff/1.0.0..1.1.0",
        "browse/json_parser/1.1.0/requirements",
        "recent",
        "policies",
        &format!("browse/{name}"),
        &format!("browse/{name}/{version}/files/{file}"),
        &format!("browse/{name}/{version}/requirements"),
    ]
    .map(|path| format!("/{path}"))
    .into()
}

#[test]
fn packages_are_found_and_read_by_keyboard_and_without_javascript() {
    let test = "packages_are_found_and_read_by_keyboard_and_without_javascript";
    let Some(browser) = Browser::start(test, ALONE) else { return };
    let repository = shown();
    let server = serve(&repository, &[]);
    let open = |path: &str| browser.open(&format!("{}{path}", server.url()));
    let until_at = |path: &str| {
        browser.until_loaded(&format!("location.pathname + location.search === {path:?}"));
    };
    let list = "document.getElementById('suggestions')";
    let chosen = "document.querySelector('[aria-selected=true] strong')";
    open("/");
    // A slash leads into the search, from where letters are typed.
    browser.press("/");
    browser.until("document.activeElement.id === 'q'");
    browser.press("json");
    // What is suggested for fewer letters is replaced, and a choice among it is gone.
    let asked = "performance.getEntriesByType('resource').some(one => one.name.endsWith('q=json') && one.responseEnd > 0)";
    browser.until(asked);
    browser.run_until_done("setTimeout(done, 100);");
    browser.until(&format!("!{list}.hidden && {list}.children.length > 1"));
    let input =
        |name: &str| browser.value(&format!("document.getElementById('q').getAttribute('{name}')"));
    assert_eq!((input("role"), input("aria-expanded")), ("combobox".into(), "true".into()));
    assert_eq!(browser.value(&format!("{chosen} === null")), true);
    browser.press(keys::DOWN);
    browser.until(&format!("{chosen}?.textContent === 'json_parser'"));
    let active = input("aria-activedescendant");
    assert_eq!(
        browser.value(&format!("document.getElementById({active}).getAttribute('role')")),
        "option"
    );
    browser.press(keys::DOWN);
    browser.until(&format!("{chosen}?.textContent === 'json_zebra'"));
    // Up from the first one leads back to what is typed.
    browser.press(&format!("{}{}", keys::UP, keys::UP));
    browser.until(&format!("{chosen} === null"));
    browser.press(keys::ESCAPE);
    browser.until(&format!("{list}.hidden"));
    assert_eq!(input("aria-expanded"), "false");
    browser.press("_");
    browser.until(&format!("!{list}.hidden"));
    browser.press(&format!("{}{}", keys::DOWN, keys::ENTER));
    until_at("/browse/json_parser");
    // The version picker, the diff, and what came lately.
    browser.click("a[href$='browse/json_parser/versions']");
    until_at("/browse/json_parser/versions");
    browser.run("document.getElementById('from').value = '1.0.0'; document.getElementById('to').value = '1.1.0';");
    browser.click("main form button");
    until_at("/browse/json_parser/diff?from=1.0.0&to=1.1.0");
    assert!(browser.value("document.querySelectorAll('ins').length").as_u64().unwrap() > 0);
    browser.click("nav a[href$='recent']");
    until_at("/recent");
    browser.until("document.querySelectorAll('ol.list > li').length > 3");
    // The first key leads past the bar.
    browser.press(keys::TAB);
    browser.until("document.activeElement.className === 'skip'");
    browser.press(keys::ENTER);
    browser.until("location.hash === '#main'");

    browser.set_scripts(false);
    open("/browse/words");
    assert_eq!(browser.value(&format!("{list} === null")), true, "a script has run");
    browser.click("#q");
    browser.press(&format!("json{}", keys::ENTER));
    until_at("/?q=json");
    browser.click("table a[href$='browse/json_parser']");
    until_at("/browse/json_parser");
    browser.set_scripts(true);
    drop(server);
}

#[test]
fn pages_fit_a_phone_are_dark_in_the_dark_and_hold_no_barrier() {
    let test = "pages_fit_a_phone_are_dark_in_the_dark_and_hold_no_barrier";
    let Some(browser) = Browser::start(test, ALONE) else { return };
    let Some(axe) = tools::find_installed("axe/node_modules/axe-core/axe.min.js", test) else {
        return;
    };
    let axe = std::fs::read_to_string(axe).unwrap();
    let repository = shown();
    let server = serve(&repository, &[]);
    let background = "getComputedStyle(document.body).backgroundColor";
    let mut barriers = Vec::new();
    for path in paths() {
        browser.set_dark(false);
        browser.open(&format!("{}{path}", server.url()));
        let light = browser.value(background);
        barriers.extend(violations(&browser, &axe, &path, "light"));
        browser.set_dark(true);
        assert_ne!(browser.value(background), light, "{path} is as light in the dark");
        barriers.extend(violations(&browser, &axe, &path, "dark"));
        barriers.extend(wide(&browser, &path));
        barriers.extend(violations(&browser, &axe, &path, "on a phone"));
        browser.set_width(None);
    }
    assert!(barriers.is_empty(), "{}", barriers.join("\n"));
    let requests = browser.requests();
    let others = requests.sent.iter().filter(|url| !is_own(&server, url));
    assert_eq!(others.collect::<Vec<_>>(), Vec::<&String>::new());
}

/// Where a page is wider than the screen of a phone.
pub(super) fn wide(browser: &Browser, path: &str) -> Vec<String> {
    let mut barriers = Vec::new();
    for width in [360, 320] {
        browser.set_width(Some(width));
        browser.until(&format!("screen.width === {width}"));
        let wide = browser.run(
            "const page = document.documentElement; return page.scrollWidth <= arguments.length + innerWidth && \
             innerWidth === screen.width ? null : [page.scrollWidth, innerWidth, screen.width, \
             ...[...document.querySelectorAll('body *')].filter(one => one.getBoundingClientRect().right > screen.width) \
             .slice(0, 5).map(one => one.outerHTML.slice(0, 120))];",
        );
        if !wide.is_null() {
            barriers.push(format!("{path} at {width}: wider than a phone: {wide}"));
        }
    }
    barriers
}

/// Whether a request leaves the server alone. Chromium's first page, and images in it, are of no network.
fn is_own(server: &Server, url: &str) -> bool {
    [server.url().as_str(), "chrome:", "data:"].iter().any(|own| url.starts_with(own))
}

/// What axe finds that hinders some readers.
pub(super) fn violations(browser: &Browser, axe: &str, path: &str, how: &str) -> Vec<String> {
    if browser.value("typeof axe") == "undefined" {
        browser.run(axe);
    }
    let found = browser.run_until_done(
        "axe.run(document, {resultTypes: ['violations']}).then(found => done(found.violations.map(one => [one.id, one.help, \
         one.nodes.slice(0, 3).map(node => node.html.slice(0, 200) + ' ' + node.failureSummary)])), error => done([String(error)]));",
    );
    let found = found.as_array().unwrap().iter();
    found.map(|one| format!("{path} {how}: {one}")).collect()
}

/// A host to which Chromium is led for every other one: it records what is sent to it, and has an evil page itself.
struct Witness {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Witness {
    fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&heard);
        // It ends with the test's process.
        thread::spawn(move || {
            for mut connection in listener.incoming().flatten() {
                let notes = Arc::clone(&notes);
                thread::spawn(move || {
                    // Chromium opens connections that it does not use.
                    let _ = connection.set_read_timeout(Some(Duration::from_secs(60)));
                    let mut bytes = [0; 4_096];
                    if let Ok(count) = connection.read(&mut bytes) {
                        notes.lock().unwrap().extend(&bytes[..count]);
                        let _ = write!(
                            connection,
                            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n\
                             <img src=http://a.{HOST}/><script>window.evil=1</script>"
                        );
                    }
                });
            }
        });
        Self { address, heard }
    }

    /// Whether a request or a TLS connection to the evil host came.
    fn has_heard(&self) -> bool {
        String::from_utf8_lossy(&self.heard.lock().unwrap()).contains(HOST)
    }
}

#[test]
fn nothing_of_an_evil_package_runs_or_is_fetched() {
    let test = "nothing_of_an_evil_package_runs_or_is_fetched";
    let witness = Witness::start();
    let hosts = format!("MAP * {}, EXCLUDE 127.0.0.1", witness.address);
    let Some(browser) = Browser::start(test, &hosts) else { return };
    let repository = evil();
    let server = serve(&repository, &[]);
    let open = |path: &str| browser.open(&format!("{}/{path}", server.url()));
    let runs = || browser.value("window.evil !== undefined") == true || browser.dialog().is_some();
    for path in [
        "",
        "?q=evil",
        "?q=<script>window.evil=1</script>",
        "browse/evil",
        "browse/evil/1.0.0",
        "browse/evil/versions",
        "browse/evil/1.1.0/files/",
        "browse/evil/1.1.0/files/README.md",
        "browse/evil/1.1.0/files/CHANGELOG.md",
        "browse/evil/1.1.0/files/image.md",
        "browse/evil/1.1.0/files/evil.svg",
        "browse/evil/1.1.0/files/evil.html",
        "browse/evil/1.1.0/files/lib/evil.ex",
        "browse/evil/1.1.0/files/%22%3E%3Cscript%3Ewindow.evil%3D1%3C%2Fscript%3E.md",
        "browse/evil/diff/1.0.0..1.1.0",
        "browse/evil/1.1.0/requirements",
        "recent",
        "recent.atom",
        "suggestions?q=evil",
        "browse/evil/1.1.0/raw/evil.html",
        "browse/evil/1.1.0/raw/logo.png",
        "browse/evil/1.1.0/raw/evil.svg",
    ] {
        open(path);
        assert!(!runs(), "{path} runs a script of the package");
        // A document of its own may have what it likes: it is in a sandbox.
        if path.contains("/raw/") {
            continue;
        }
        assert_eq!(browser.value("window.frames.length"), 0, "{path}");
        let outside = "[...document.querySelectorAll('main ~ *')].filter(one => one.localName !== 'footer' && \
                       one.localName !== 'script').length";
        assert_eq!(browser.value(outside), 0, "{path}: something is outside of the page");
        assert!(browser.url().starts_with(&server.url()), "{path} leads to {}", browser.url());
    }
    // A reader touches everything but links to other sites.
    open("browse/evil");
    let links = browser.value(
        "[...document.querySelectorAll('main a')].map(one => one.protocol).filter(one => !['http:', 'https:', 'mailto:'].includes(one))",
    );
    assert_eq!(links, Value::Array(Vec::new()));
    browser.run(
        "for (const one of document.querySelectorAll('main :not(a)')) { one.dispatchEvent(new MouseEvent('mouseover')); \
         if (!one.closest('a')) one.click(); one.focus(); }",
    );
    assert!(!runs() && browser.url().ends_with("/browse/evil"), "{}", browser.url());
    assert_eq!(browser.windows(), 1);
    // Suggestions show a description as it is.
    browser.click("#q");
    browser.press("evil");
    browser.until("document.querySelectorAll('#suggestions li').length > 0");
    assert!(
        !runs() && browser.value("document.querySelectorAll('#suggestions script').length") == 0
    );

    assert!(!witness.has_heard(), "{}", String::from_utf8_lossy(&witness.heard.lock().unwrap()));
    // The witness would have heard it, and the script would have been seen. Chromium lets pages of this machine ask it.
    browser.open(&format!("http://{}/", witness.address));
    assert!(runs());
    until("the witness hears", || witness.has_heard());
}

#[test]
fn without_a_network_pages_are_whole_and_ask_for_nothing_outside() {
    run_in_an_empty_namespace(
        "without_a_network_pages_are_whole_and_ask_for_nothing_outside",
        "browsing::in_chromium::in_an_empty_namespace",
    );
}

/// Runs a test that is ignored otherwise where there is no network but the one of this machine alone.
pub(super) fn run_in_an_empty_namespace(test: &str, ignored: &str) {
    let Some(unshare) = tools::find("unshare", test) else { return };
    for program in ["ip", "chromium", "chromedriver"] {
        let Some(_) = tools::find(program, test) else { return };
    }
    let inside = |more: &[&str]| {
        let mut command = Command::new(&unshare);
        command.arg("--net").args(more).args([
            "--",
            "sh",
            "-c",
            "ip link set lo up && exec \"$@\"",
            "sh",
        ]);
        command.arg(env::current_exe().unwrap());
        command.args(["--exact", ignored, "--ignored"]);
        command.output().unwrap()
    };
    // A user namespace, for tests that are not run by root.
    let ran = [&[][..], &["--map-root-user"]].into_iter().map(inside);
    let told = |output: &std::process::Output| {
        String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
    };
    let mut whys = Vec::new();
    for output in ran {
        if told(&output).contains("running 1 test") {
            return assert!(output.status.success(), "{}", told(&output));
        }
        whys.push(told(&output));
    }
    let required = env::var_os("HEXREG_TEST_TOOLS").is_some_and(|value| value == "required");
    assert!(!required, "{test} needs a network namespace: {whys:?}");
    tools::leave_out(&format!("{test} needs a network namespace: {whys:?}"));
}

#[test]
#[ignore = "it needs a network namespace that the test above makes"]
fn in_an_empty_namespace() {
    let browser = Browser::start("in_an_empty_namespace", "").expect("the test above has found it");
    let repository = shown();
    let server: Server = serve(&repository, &[]);
    browser.requests();
    for path in paths() {
        browser.open(&format!("{}{path}", server.url()));
        browser.until("document.readyState === 'complete'");
        assert_eq!(browser.value("document.querySelectorAll('main h1').length"), 1, "{path}");
        let broken =
            "[...document.images].filter(one => !one.complete || one.naturalWidth === 0).length";
        assert_eq!(browser.value(broken), 0, "{path}: an image is missing");
    }
    let requests = browser.requests();
    assert!(requests.sent.len() > paths().len(), "{requests:?}");
    for url in &requests.sent {
        assert!(is_own(&server, url), "{url} is outside");
    }
}
