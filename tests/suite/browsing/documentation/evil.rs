//! Documentation that attacks its readers, in every way of serving it: none of it reads the registry with the credentials of
//! its reader, or the storage of another package. Where nothing protects, all of it does.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use data_encoding::BASE64;
use serde_json::{Value, json};

use super::write;
use crate::support::browser::Browser;
use crate::support::documentation::Documentation;
use crate::support::hexreg::Hexreg;
use crate::support::repository::TestRepository;
use crate::support::server::{Server, free_address};
use crate::support::tarball::Tarball;
use crate::support::unprotected::Unprotected;

/// Names of this machine are other origins, which Chromium trusts as those of HTTPS: so there are service workers.
const HOSTS: &str = "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE *.localhost";

/// A reader, and the password.
const READER: &str = "amy:reader-of-all";

/// What is attacked in a registry that asks who reads.
const OF_REGISTRY: [&str; 11] = [
    "fetch",
    "request",
    "frame",
    "frameOfFrame",
    "popup",
    "form",
    "worker",
    "script",
    "module",
    "serviceWorker",
    "ownServiceWorker",
];

/// What is attacked of another package.
const OF_PACKAGE: [&str; 7] = [
    "storage",
    "storageOfNewFrame",
    "storageOfFrame",
    "storageOfPopup",
    "cookie",
    "database",
    "cache",
];

/// Where a reader finds what, as full URLs.
struct Places {
    /// Where the reader signs in.
    sign_in: Option<String>,
    victim: String,
    evil: String,
    /// Pages with a secret, each with a script that has one.
    secrets: Vec<(String, String)>,
    /// The root of all.
    root: String,
}

impl Places {
    /// Those of a registry below a URL, with documentation that is found from there.
    fn below(registry: &str) -> Self {
        Self {
            sign_in: None,
            victim: format!("{registry}/docs/victim/1.0.0/index.html"),
            evil: format!("{registry}/docs/evil/1.0.0/index.html"),
            secrets: vec![(
                format!("{registry}/browse/victim"),
                format!("{registry}/docs/victim/1.0.0/dist/search_data-5F4DCC3B.js"),
            )],
            root: "/".to_owned(),
        }
    }
}

/// `evil` and `victim`, of which the page, the search data and the description have the secret.
fn documentations() -> [Documentation; 2] {
    let evil = Documentation::new("evil", "1.0.0")
        .script(include_str!("evil.js"))
        .file("evil_worker.js", b"self.onfetch = () => {};");
    let victim = Documentation::new("victim", "1.0.0").script(include_str!("victim.js")).module(
        "Victim",
        "The secret of a company.",
        &[("hide", 1, "Keeps a secret.")],
    );
    // The index of a documentation may be a page that leads on.
    [evil, victim].map(|docs| {
        let page = docs.files()["readme.html"].clone();
        docs.file("index.html", &page)
    })
}

fn repository() -> TestRepository {
    let repository = TestRepository::new();
    for docs in documentations() {
        write(&repository, &docs);
    }
    let victim = Tarball::new("victim", "1.0.0").described("A secret", &["MIT"], &[]).build();
    repository.write_tarball("victim-1.0.0.tar", &victim);
    repository.build(&[]).ok();
    let password = READER.split_once(':').unwrap().1;
    let add = ["auth", "add", "readers", "amy", "--password"];
    repository.hexreg().input(format!("{password}\n").as_bytes()).run(add).ok();
    repository
}

/// Every attack that succeeds: what it got must have the secret.
fn successes(test: &str, places: &Places, of_package: &[&str]) -> Option<Vec<String>> {
    let browser = Browser::start(test, HOSTS)?;
    if let Some(url) = &places.sign_in {
        browser.open(url);
        for (page, _) in &places.secrets {
            browser.open(&page.replace("://", &format!("://{READER}@")));
            browser.until("document.documentElement.outerHTML.includes('secret')");
        }
    }
    browser.open(&places.victim);
    browser.until("window.keep !== undefined");
    assert_eq!(browser.run_until_done("keep().then(done)"), "secret", "the victim keeps nothing");
    let victim = browser.url();
    browser.open(&places.evil);
    browser.until("window.attacks !== undefined");
    let evil = browser.url();
    let mut successes = Vec::new();
    let mut attack = |name: &str, parameters: &Value| {
        let got = browser.run_until_done(&format!(
            "if (!window.attacks['{name}']) throw new Error('no such attack');
             Promise.resolve().then(() => window.attacks['{name}']({parameters}))
               .then(got => done(String(got)), error => done('refused'));"
        ));
        if got.as_str().unwrap().contains("secret") {
            successes.push(name.to_owned());
        }
        assert_eq!(browser.url(), evil, "{name} leads elsewhere");
    };
    for (url, script) in &places.secrets {
        for name in OF_REGISTRY {
            attack(name, &json!({"url": url, "script": script, "root": places.root}));
        }
    }
    for name in of_package {
        attack(name, &json!({"page": victim}));
    }
    Some(successes)
}

#[track_caller]
fn assert_none_succeeds(test: &str, places: &Places) {
    if let Some(successes) = successes(test, places, &OF_PACKAGE) {
        assert_eq!(successes, Vec::<String>::new());
    }
}

/// `hexreg serve --config` with this file, which names the address.
fn serve(repository: &TestRepository, address: SocketAddr, config: &str) -> Server {
    let config =
        format!("listen = \"{address}\"\nlog-format = \"off\"\nauth-file = \"readers\"\n{config}");
    repository.write("hexreg.toml", config.as_bytes());
    let mut command = Hexreg::new(repository.root()).command();
    command.args(["serve", "--config", "hexreg.toml"]);
    command.stdout(std::process::Stdio::null()).current_dir(repository.root());
    Server::other(&mut command, address)
}

#[test]
fn every_attack_succeeds_where_nothing_protects() {
    let test = "every_attack_succeeds_where_nothing_protects";
    let mut files = BTreeMap::new();
    for (docs, name) in documentations().iter().zip(["evil", "victim"]) {
        let of_package = docs.files().into_iter();
        files.extend(of_package.map(|(path, bytes)| (format!("docs/{name}/1.0.0/{path}"), bytes)));
    }
    files.insert("browse/victim".to_owned(), b"<p>A secret".to_vec());
    let server = Unprotected::start(files, Some(&BASE64.encode(READER.as_bytes())));
    let port = server.address.port();
    let places = Places {
        sign_in: Some(format!("http://{READER}@registry.localhost:{port}/browse/victim")),
        ..Places::below(&format!("http://registry.localhost:{port}"))
    };
    let Some(successes) = successes(test, &places, &OF_PACKAGE) else { return };
    assert_eq!(successes, [&OF_REGISTRY[..], &OF_PACKAGE].concat());
}

#[test]
fn none_succeeds_in_the_origin_of_a_registry_for_everyone() {
    let test = "none_succeeds_in_the_origin_of_a_registry_for_everyone";
    let repository = repository();
    let server = Server::of(&repository, &[]);
    let mut places = Places::below(&server.url());
    // Documentation is for everyone here. The registry has no other script.
    for (page, script) in &mut places.secrets {
        script.clone_from(page);
    }
    assert_none_succeeds(test, &places);
}

#[test]
fn none_succeeds_at_an_address_for_documentation() {
    let test = "none_succeeds_at_an_address_for_documentation";
    let repository = repository();
    let (address, docs) = (free_address(), free_address());
    let port = address.port();
    let config = format!(
        "url = \"http://registry.localhost:{port}\"\ndocs-listen = \"{docs}\"\n\
         [[repository]]\nroot = true\nat = \"public\"\n"
    );
    let _server = serve(&repository, address, &config);
    assert_none_succeeds(
        test,
        &with_password("registry.localhost", port, docs.port(), "registry.localhost"),
    );
}

#[test]
fn none_succeeds_under_a_name_for_documentation() {
    let test = "none_succeeds_under_a_name_for_documentation";
    let repository = repository();
    let address = free_address();
    let port = address.port();
    let config = format!(
        "url = \"http://registry.localhost:{port}\"\n\
         docs-url = \"http://docs.localhost:{port}\"\n\
         [[repository]]\nroot = true\nat = \"public\"\n"
    );
    let _server = serve(&repository, address, &config);
    assert_none_succeeds(test, &with_password("registry.localhost", port, port, "docs.localhost"));
}

/// Of a registry whose readers sign in, with documentation elsewhere, whose files are secrets too.
fn with_password(registry: &str, port: u16, docs_port: u16, docs: &str) -> Places {
    let mut places = Places::below(&format!("http://{registry}:{port}"));
    places.sign_in = Some(format!("http://{READER}@{registry}:{port}/"));
    let docs = format!("http://{docs}:{docs_port}/docs/victim/1.0.0");
    places
        .secrets
        .push((format!("{docs}/Victim.html"), format!("{docs}/dist/search_data-5F4DCC3B.js")));
    places
}

#[test]
fn documentation_for_everyone_reads_no_repository_beside_it() {
    let test = "documentation_for_everyone_reads_no_repository_beside_it";
    let repository = repository();
    let address = free_address();
    let port = address.port();
    let config = format!(
        "url = \"http://registry.localhost:{port}\"\n\
         [[repository]]\nname = \"open\"\nanonymous = true\nat = \"public\"\n\
         [[repository]]\nname = \"closed\"\nat = \"public\"\n"
    );
    let _server = serve(&repository, address, &config);
    let url = format!("http://registry.localhost:{port}");
    let mut places = Places::below(&format!("{url}/repos/open"));
    places.sign_in = Some(format!("http://{READER}@registry.localhost:{port}/repos/closed/"));
    let closed = format!("{url}/repos/closed");
    places.secrets = vec![(
        format!("{closed}/browse/victim"),
        format!("{closed}/docs/victim/1.0.0/dist/search_data-5F4DCC3B.js"),
    )];
    assert_none_succeeds(test, &places);
}

/// What a package of a static site keeps, another one does not find. Nobody signs in there, and every page is for everyone.
#[test]
fn packages_of_a_static_site_have_no_storage_of_each_other() {
    let test = "packages_of_a_static_site_have_no_storage_of_each_other";
    let repository = repository();
    repository.hexreg().run(["site", "public", "--out=site", "--docs=all"]).ok();
    let server = Unprotected::start(repository.files("site", |_| true), None);
    let mut places = Places::below(&format!("http://site.localhost:{}", server.address.port()));
    places.secrets.clear();
    let of_package: Vec<&str> =
        OF_PACKAGE.into_iter().filter(|name| name.starts_with("storage")).collect();
    let Some(successes) = successes(test, &places, &of_package) else { return };
    assert_eq!(successes, Vec::<String>::new());
}

#[test]
fn files_of_a_site_on_a_disk_read_no_other_file() {
    let test = "files_of_a_site_on_a_disk_read_no_other_file";
    let repository = repository();
    repository.hexreg().run(["site", "public", "--out=site", "--docs=all"]).ok();
    repository.write("secret.html", b"<p>A secret");
    let site = format!("file://{}", repository.path("site").display());
    let mut places = Places::below(&site);
    let secret = format!("file://{}", repository.path("secret.html").display());
    places.secrets = vec![(secret.clone(), secret)];
    let of_package: Vec<&str> =
        OF_PACKAGE.into_iter().filter(|name| name.starts_with("storage")).collect();
    let Some(successes) = successes(test, &places, &of_package) else { return };
    assert_eq!(successes, Vec::<String>::new());
}
