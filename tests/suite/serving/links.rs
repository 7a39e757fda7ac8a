//! Links in the served directory: within it they are followed, and none leads out of it.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::{GIT_OBJECTS, GIT_REFS, repository};
use crate::support::repository::TestRepository;
use crate::support::server::Server;

/// Replaces a file by a link.
fn link(repository: &TestRepository, path: &str, target: &str) {
    let place = repository.path(&format!("public/{path}"));
    let _ = fs::remove_file(&place);
    symlink(target, place).unwrap();
}

/// One file of each kind.
fn files() -> Vec<&'static str> {
    let mut files = vec![
        "names",
        "versions",
        "public_key",
        "packages/welcome",
        "policies/strict-1.0",
        "docs/welcome-0.1.0.tar.gz",
        "tarballs/greeting-1.0.0.tar",
        "installs/hex-1.x.csv",
    ];
    files.extend(GIT_REFS);
    files.extend(GIT_OBJECTS);
    files
}

#[test]
fn no_link_out_of_the_directory_is_followed() {
    let repository = repository();
    repository.write("secret", b"SECRET");
    let absolute = repository.path("secret").display().to_string();
    let server = Server::of(&repository, &[]);
    for path in files() {
        let right = repository.read(&format!("public/{path}"));
        let up = "../".repeat(path.split('/').count());
        for target in [absolute.clone(), format!("{up}secret"), "/etc/passwd".to_owned()] {
            link(&repository, path, &target);
            for method in ["GET", "HEAD"] {
                let answer = server.ask(method, &format!("/{path}"), &[]);
                assert_eq!(answer.status, 404, "{path} -> {target}");
                assert!(!answer.text().contains("SECRET"));
            }
        }
        fs::remove_file(repository.path(&format!("public/{path}"))).unwrap();
        repository.write(&format!("public/{path}"), &right);
        assert_eq!(server.get(&format!("/{path}"), &[]).body, right, "{path}");
    }
    let log = String::from_utf8(repository.read("serve.log")).unwrap();
    let line =
        log.lines().find(|line| line.contains("WARN") && line.contains("installs/hex-1.x.csv"));
    assert!(line.unwrap().contains("not followed without --follow-links"), "{log}");
    // A link in place of a folder is not followed either.
    repository.write("out/9.9.9/hex-9.9.9.ez", b"SECRET");
    link(&repository, "installs/9.9.9", "../../out/9.9.9");
    assert_eq!(server.get("/installs/9.9.9/hex-9.9.9.ez", &[]).status, 404);
}

#[test]
fn with_follow_links_all_links_are_followed() {
    let repository = repository();
    let server = Server::of(&repository, &["--follow-links"]);
    for path in files() {
        let place = repository.path(&format!("public/{path}"));
        let out = repository.path("out");
        fs::rename(&place, &out).unwrap();
        symlink(&out, &place).unwrap();
        let right = fs::read(&out).unwrap();
        assert_eq!(server.get(&format!("/{path}"), &[]).body, right, "{path}");
        fs::remove_file(&place).unwrap();
        fs::rename(out, place).unwrap();
    }
}

#[test]
fn links_within_the_directory_are_followed() {
    let repository = repository();
    let server = Server::of(&repository, &[]);
    for path in files() {
        let place = repository.path(&format!("public/{path}"));
        let right = fs::read(&place).unwrap();
        fs::create_dir_all(repository.path("public/.store/deep")).unwrap();
        fs::rename(&place, repository.path("public/.store/deep/file")).unwrap();
        let up = "../".repeat(path.split('/').count() - 1);
        let absolute = repository.path("public/.store/deep/file").display().to_string();
        for target in [format!("{up}.store/deep/file"), absolute] {
            link(&repository, path, &target);
            assert_eq!(server.get(&format!("/{path}"), &[]).body, right, "{path} -> {target}");
        }
        fs::remove_file(&place).unwrap();
        fs::rename(repository.path("public/.store/deep/file"), place).unwrap();
    }
    fs::rename(repository.path("public/tarballs"), repository.path("public/.tarballs")).unwrap();
    symlink(".tarballs", repository.path("public/tarballs")).unwrap();
    assert_eq!(server.get("/tarballs/greeting-1.0.0.tar", &[]).status, 200);
    assert_eq!(Server::of(&repository, &[]).get("/tarballs/greeting-1.0.0.tar", &[]).status, 200);
}

/// Stops a thread when dropped, also when the test fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A path cannot become a link between its check and its opening.
#[test]
fn a_link_that_is_swapped_in_meanwhile_is_not_followed() {
    let repository = repository();
    repository.write("secret", b"SECRET");
    repository.write("docs", b"documentation");
    let (path, done) = ("public/docs/welcome-0.1.0.tar.gz", AtomicBool::new(false));
    // Also before the other thread has begun.
    repository.write(path, b"documentation");
    let server = Server::of(&repository, &["--log-format=off"]);
    thread::scope(|scope| {
        scope.spawn(|| {
            let (new, place) = (repository.path("public/docs/new"), repository.path(path));
            while !done.load(Ordering::Relaxed) {
                symlink("../../secret", &new).unwrap();
                fs::rename(&new, &place).unwrap();
                fs::copy(repository.path("docs"), &new).unwrap();
                fs::rename(&new, &place).unwrap();
            }
        });
        let ends = Ends(&done);
        let mut counts = (0, 0);
        let mut unexpected = None;
        while unexpected.is_none() && (counts.0 < 200 || counts.1 < 20) {
            let answer = server.get("/docs/welcome-0.1.0.tar.gz", &[]);
            match (answer.status, answer.body.as_slice()) {
                (200, b"documentation") => counts.0 += 1,
                (404, _) => counts.1 += 1,
                _ => unexpected = Some(answer),
            }
        }
        drop(ends);
        assert_eq!(unexpected, None, "after {counts:?}");
    });
}

/// Some users switch to a new version of a directory by renaming such a link.
#[test]
fn the_directory_itself_may_be_a_link_that_is_switched() {
    let repository = repository();
    let files = repository.files("public", |_| true);
    for (path, bytes) in &files {
        repository.write(&format!("v1/{path}"), bytes);
    }
    let older = TestRepository::new().release("greeting", "0.1.0");
    older.build(&[]).ok();
    for (path, bytes) in &older.files("public", |_| true) {
        repository.write(&format!("v2/{path}"), bytes);
    }
    let switch = |to: &str| {
        symlink(to, repository.path("new")).unwrap();
        fs::rename(repository.path("new"), repository.path("current")).unwrap();
    };
    switch("v1");
    let server = Server::run(repository.root(), &["current"]);
    for round in 0..20 {
        let (version, other) = if round % 2 == 0 { ("v1", "1.0.0") } else { ("v2", "0.1.0") };
        switch(version);
        for path in ["names", "packages/greeting", &format!("tarballs/greeting-{other}.tar")] {
            let right = repository.read(&format!("{version}/{path}"));
            assert_eq!(server.get(&format!("/{path}"), &[]).body, right, "{version}/{path}");
        }
        let gone = if version == "v1" { "0.1.0" } else { "1.0.0" };
        assert_eq!(server.get(&format!("/tarballs/greeting-{gone}.tar"), &[]).status, 404);
    }
    fs::remove_dir_all(repository.path("v1")).unwrap();
    assert_eq!(server.get("/packages/greeting", &[]).status, 200);
}

#[test]
fn a_folder_outside_is_refused_at_the_start() {
    let repository = repository();
    for folder in ["packages", "policies", "tarballs", "docs", "installs", "git"] {
        let place = repository.path(&format!("public/{folder}"));
        let out = repository.path(&format!("disk-{folder}"));
        fs::rename(&place, &out).unwrap();
        symlink(&out, &place).unwrap();
        let ran = repository.hexreg().run(["serve", "public", "--listen=127.0.0.1:0"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
        assert_eq!(
            ran.stderr,
            format!(
                "error: failed to serve: public/{folder} is a link that leads out of the directory\n\
                 hint: give --follow-links to serve the files behind it to everyone who may read\n"
            )
        );
        let server = Server::of(&repository, &["--follow-links"]);
        assert_eq!(server.get("/tarballs/greeting-1.0.0.tar", &[]).status, 200, "{folder}");
        fs::remove_file(&place).unwrap();
        fs::rename(out, place).unwrap();
    }
}

/// Pages are made of files that are opened beneath the directory too.
#[test]
fn a_page_shows_nothing_of_another_directory() {
    let repository = repository();
    let other = TestRepository::new().release("secret_project", "1.0.0");
    other.build(&[]).ok();
    let versions = other.path("public/versions").display().to_string();
    let server = Server::of(&repository, &[]);
    assert_eq!(server.get("/", &[]).status, 200);
    link(&repository, "versions", &versions);
    let answer = server.get("/", &[]);
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(!answer.text().contains("secret_project"), "{}", answer.text());
}
