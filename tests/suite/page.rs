//! The pages in Chromium: on a phone and on a desktop, light and dark.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use tempfile::TempDir;

use hexreg::serve::overview::RepositoryState;
use hexreg::serve::overview_cache::OverviewCache;
use hexreg::serve::web::page::{self, CONTENT_SECURITY_POLICY, PageRequest};
use hexreg::store::DirStore;

use crate::support::repository::TestRepository;
use crate::support::tools;

/// A server of fixed pages on the loopback interface, which records the requested paths.
struct Pages {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Pages {
    /// Each page by its path, and whether the policy is sent with it.
    fn serve(pages: Vec<(&'static str, String, bool)>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let notes = asked.clone();
        // It ends with the test's process.
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let _ = answer(connection, &pages, &notes);
            }
        });
        Self { address, asked }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn answer(
    mut connection: TcpStream,
    pages: &[(&'static str, String, bool)],
    notes: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    // Browsers open connections that they may never use.
    connection.set_read_timeout(Some(std::time::Duration::from_millis(500)))?;
    let mut lines = BufReader::new(&connection).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let path = first.split(' ').nth(1).unwrap_or_default();
    if path.is_empty() {
        return Ok(());
    }
    notes.lock().unwrap().push(path.to_owned());
    let found = pages.iter().find(|(known, ..)| *known == path);
    let (status, body, policy) = match found {
        Some((_, body, true)) => (200, body.as_str(), CONTENT_SECURITY_POLICY),
        Some((_, body, false)) => (200, body.as_str(), "default-src * 'unsafe-inline'"),
        None => (404, "", "default-src 'none'"),
    };
    write!(
        connection,
        "HTTP/1.1 {status} .\r\nConnection: close\r\nContent-Length: {}\r\n\
         Content-Type: text/html; charset=utf-8\r\nContent-Security-Policy: {policy}\r\n\r\n{body}",
        body.len()
    )
}

/// Headless Chromium, which connects to 127.0.0.1 alone.
struct Chromium {
    program: PathBuf,
    profile: TempDir,
}

impl Chromium {
    fn find(test: &str) -> Option<Self> {
        let program = tools::find("chromium", test)?;
        Some(Self { program, profile: TempDir::new().unwrap() })
    }

    fn run(&self, more: &[&str], url: &str) -> String {
        let output = self.profile.path().join("stdout");
        let status = Command::new("timeout")
            .args(["--kill-after=5", "90"])
            .arg(&self.program)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"])
            .args(["--no-first-run", "--disable-background-networking", "--disable-sync"])
            .args(["--disable-component-update", "--disable-dev-shm-usage", "--hide-scrollbars"])
            .arg("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
            .arg(format!("--user-data-dir={}", self.profile.path().join("profile").display()))
            .args(more)
            .arg(url)
            .stdin(Stdio::null())
            // A pipe would stay open as long as any of its processes lives.
            .stdout(fs::File::create(&output).unwrap())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "chromium: {status}");
        fs::read_to_string(output).unwrap()
    }

    /// The document once it has loaded, scripts run where they may.
    fn document(&self, url: &str) -> String {
        self.run(&["--dump-dom"], url)
    }

    fn picture(&self, url: &str, size: (u32, u32), dark: bool, file: &Path) {
        let size = format!("--window-size={},{}", size.0, size.1);
        let scheme = format!("--blink-settings=preferredColorScheme={}", u8::from(!dark));
        let file = format!("--screenshot={}", file.display());
        self.run(&[&size, &scheme, &file], url);
    }
}

/// The state of a repository.
fn state(repository: &TestRepository) -> Arc<RepositoryState> {
    OverviewCache::new(Arc::new(DirStore::new(repository.path("public")))).current()
}

/// A repository with a long name and a long version, which make a page wide.
fn wide() -> TestRepository {
    let name = format!("a{}", "_very".repeat(15));
    let version = format!("1.0.0-rc.{}", "1234567890.".repeat(5) + "1");
    let repository = TestRepository::new().samples().release(&name, &version);
    repository.build(&[]).ok();
    repository
}

fn request(query: &str) -> PageRequest<'_> {
    let base_url = "https://hex.example.com/repos/acme";
    PageRequest { base_url, query, needs_token: true, mirror: None, upstream: None }
}

/// The text between tags, with the entities of these pages resolved.
fn text(document: &str) -> String {
    let (_, body) = document.split_once("<body>").unwrap();
    let pieces = body.split('<').map(|piece| piece.split_once('>').map_or(piece, |(_, text)| text));
    pieces.collect::<String>().replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

#[test]
fn a_page_shows_the_configuration_of_clients() {
    let test = "a_page_shows_the_configuration_of_clients";
    let Some(chromium) = Chromium::find(test) else { return };
    let repository = TestRepository::new().samples();
    repository.build(&[]).ok();
    let html = page::repository(&state(&repository), &request(""));
    let pages = Pages::serve(vec![("/", html, true)]);
    let read = text(&chromium.document(&pages.url("/")));

    let key = String::from_utf8(repository.read("public/public_key")).unwrap();
    let fingerprint = hexreg::key::PublicKey::from_pem(&key).unwrap().fingerprint().to_owned();
    for expected in [
        "acme",
        "2 packages, 3 releases",
        &format!(
            "mix hex.repo add acme https://hex.example.com/repos/acme \
             --fetch-public-key {fingerprint} --auth-key TOKEN"
        ),
        r#"{:greeting, "~> 1.1", repo: "acme"}"#,
        key.trim_end(),
        r#"repo_key => <<"TOKEN">>"#,
    ] {
        assert!(read.contains(expected), "{expected:?} is not in\n{read}");
    }
    assert_eq!(pages.asked(), ["/"], "the page fetches something");
}

#[test]
fn injected_content_is_neither_run_nor_fetched() {
    let test = "injected_content_is_neither_run_nor_fetched";
    let Some(chromium) = Chromium::find(test) else { return };
    let html = page::repository(&RepositoryState::NotBuilt, &request(""));
    let planted = html.replace(
        "</body>",
        "<img src=\"/leak.png\"><link rel=\"stylesheet\" href=\"/leak.css\">\
         <script>document.body.append('it ' + 'ran')</script></body>",
    );
    let pages = Pages::serve(vec![("/", planted.clone(), true), ("/open", planted, false)]);
    assert!(!chromium.document(&pages.url("/")).contains("it ran"));
    assert_eq!(pages.asked(), ["/"]);
    // Only the policy prevented it.
    assert!(chromium.document(&pages.url("/open")).contains("it ran"));
    assert!(pages.asked().contains(&"/leak.png".to_owned()), "{:?}", pages.asked());
}

#[test]
fn no_page_is_wider_than_a_phone() {
    let test = "no_page_is_wider_than_a_phone";
    let Some(chromium) = Chromium::find(test) else { return };
    let repository = wide();
    let built = state(&repository);
    let acme = "acme".parse().unwrap();
    let pages = [
        ("/built", page::repository(&built, &request(""))),
        ("/none", page::repository(&built, &request(&"absent".repeat(20)))),
        ("/new", page::repository(&RepositoryState::NotBuilt, &request(""))),
        ("/index", page::index(&[(&acme, &built), (&acme, &RepositoryState::NotBuilt)])),
    ];
    // A page measures them in frames, without the policy, which forbids frames.
    let frame =
        |path: &str| format!("<iframe src=\"{path}\" width=\"320\" height=\"800\"></iframe>");
    let frames: String = pages.iter().map(|(path, _)| frame(path)).collect();
    let measure = "<script>onload = () => { for (const frame of document.querySelectorAll('iframe')) \
         { const page = frame.contentDocument.documentElement; const style = \
         getComputedStyle(frame.contentDocument.querySelector('main')); document.body.append(' [' + \
         page.scrollWidth + ' ' + style.paddingLeft + ']'); } }</script>";
    let frames = format!("<!doctype html><body>{frames}{measure}</body>");
    let mut served: Vec<_> = pages.into_iter().map(|(path, html)| (path, html, false)).collect();
    served.push(("/frames", frames, false));
    let pages = Pages::serve(served);
    let document = chromium.document(&pages.url("/frames"));
    assert_eq!(document.matches("[320 16px]").count(), 4, "{document}");
}

/// `HEXREG_TEST_PICTURES=DIR` keeps the pictures.
#[test]
fn dark_is_dark_and_light_is_light() {
    let test = "dark_is_dark_and_light_is_light";
    let Some(chromium) = Chromium::find(test) else { return };
    let kept = std::env::var_os("HEXREG_TEST_PICTURES").map(PathBuf::from);
    let repository = wide();
    let built = state(&repository);
    let (acme, beta) = ("acme".parse().unwrap(), "beta".parse().unwrap());
    let mut shown = vec![("/built", page::repository(&built, &request("")), true)];
    if kept.is_some() {
        shown.push(("/found", page::repository(&built, &request("greet")), true));
        shown.push(("/none", page::repository(&built, &request("absent")), true));
        shown.push(("/new", page::repository(&RepositoryState::NotBuilt, &request("")), true));
        shown.push((
            "/index",
            page::index(&[(&acme, &built), (&beta, &RepositoryState::NotBuilt)]),
            true,
        ));
    }
    let paths: Vec<&str> = shown.iter().map(|(path, ..)| *path).collect();
    let pages = Pages::serve(shown);
    let directory = TempDir::new().unwrap();
    let directory = kept.as_deref().unwrap_or(directory.path());
    for path in paths {
        let mut sizes = Vec::new();
        for (name, dark) in [("light", false), ("dark", true)] {
            let file = directory.join(format!("{}-{name}.png", &path[1..]));
            chromium.picture(&pages.url(path), (1280, 900), dark, &file);
            sizes.push(fs::read(file).unwrap());
            if kept.is_some() {
                let file = directory.join(format!("{}-{name}-phone.png", &path[1..]));
                chromium.picture(&pages.url(path), (390, 2000), dark, &file);
            }
        }
        assert!(sizes[0].starts_with(b"\x89PNG") && sizes[1].starts_with(b"\x89PNG"));
        assert_ne!(sizes[0], sizes[1], "{path} is the same in the dark");
    }
}
