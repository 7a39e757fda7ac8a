//! Pages for people, asked for in masses while the registry changes all the time.

use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use hexreg::name::PackageName;
use hexreg::package::Marks;
use hexreg::registry::{Gzip, ListedVersion, Versions};

use super::repository;
use crate::support::repository::TestRepository;
use crate::support::server::Server;
use crate::support::signed::key;
use crate::support::tools;

/// `versions` of so many packages, and the key that signed it, in `public/`.
fn write_versions(repository: &TestRepository, packages: usize) {
    let versions =
        || vec![ListedVersion { version: "1.0.0".parse().unwrap(), marks: Marks::default() }];
    let packages =
        (0..packages).map(|number| (format!("package{number}").parse().unwrap(), versions()));
    let mut packages: Vec<(PackageName, _)> = packages.collect();
    packages.sort_by(|a, b| a.0.cmp(&b.0));
    let key = key("acme-2048.pem");
    let index = Versions::new("acme".parse().unwrap(), packages).encode().sign(&key).unwrap();
    repository.write("public/versions", &index.to_gzip(&mut Gzip::new()));
    repository.write("public/public_key", key.public_key().to_pem().as_bytes());
}

/// Each page has to read `versions` again, which takes long.
#[test]
fn pages_delay_neither_files_nor_health_nor_other_clients() {
    let test = "pages_delay_neither_files_nor_health_nor_other_clients";
    let Some(curl) = tools::find("curl", test) else { return };
    let repository = repository();
    write_versions(&repository, 20_000);
    let server = Server::of(&repository, &[]);
    let versions = File::options().write(true).open(repository.path("public/versions")).unwrap();
    let ended = AtomicBool::new(false);
    let (shown, late) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                versions.set_modified(SystemTime::now()).unwrap();
                thread::sleep(Duration::from_millis(1));
            }
        });
        let visitors: Vec<_> = (0..120)
            .map(|_| {
                scope.spawn(|| {
                    let answer = server.get("/", &[]);
                    match answer.status {
                        200 => shown.fetch_add(1, Ordering::Relaxed),
                        429 => {
                            assert_eq!(answer.expect("retry-after"), "1");
                            late.fetch_add(1, Ordering::Relaxed)
                        }
                        other => panic!("{other}"),
                    }
                })
            })
            .collect();
        while late.load(Ordering::Relaxed) == 0 {
            assert!(visitors.iter().any(|one| !one.is_finished()), "all of them wait");
            thread::sleep(Duration::from_millis(1));
        }
        // The address has as many waits as it may have.
        for path in ["/healthz", "/public_key", "/packages/welcome"] {
            let began = Instant::now();
            assert_eq!(server.get(path, &[]).status, 200, "{path}");
            let took = began.elapsed();
            // On a busy machine all takes longer: then the visitors who came before it wait still.
            let is_before_pages = visitors.iter().any(|one| !one.is_finished());
            assert!(took < Duration::from_secs(1) || is_before_pages, "{path}: {took:?}");
        }
        let began = Instant::now();
        let output = std::process::Command::new(curl)
            .args(["--silent", "--show-error", "--interface", "127.0.0.2"])
            .args(["--output", "/dev/null", "--write-out", "%{http_code}"])
            .arg(server.url())
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "200", "{output:?}");
        let of_another = began.elapsed();
        for visitor in visitors {
            visitor.join().unwrap();
        }
        assert!(of_another < began.elapsed(), "{of_another:?}");
        ended.store(true, Ordering::Relaxed);
    });
    assert!(shown.into_inner() >= 34 && late.into_inner() >= 1);
}

/// RFC 9112, section 3.2.2.
#[test]
fn a_page_shows_the_requested_url() {
    let repository = repository();
    let server = Server::of(&repository, &[]);
    let port = server.address.port();
    let request = format!(
        "GET http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n"
    );
    let page = server.send(request.as_bytes(), false).unwrap().text();
    assert!(page.contains(&format!("http://127.0.0.1:{port}")), "{page}");
    assert!(!page.contains("http://localhost"), "{page}");
}
