//! A second run: what is left alone, written and removed; files of others; runs that were interrupted.

use std::collections::BTreeMap;
use std::fs;
use std::time::SystemTime;

use super::{check_links, counts, docs_of, files, sample, site, verify};
use crate::support::repository::TestRepository;

/// When each file of the site was written last.
fn times(repository: &TestRepository) -> BTreeMap<String, SystemTime> {
    let root = repository.path("site");
    let paths = files(&root).into_keys();
    paths
        .map(|path| (path.clone(), fs::metadata(root.join(path)).unwrap().modified().unwrap()))
        .collect()
}

/// The files without the one that names them, which says how the archives of documentation are known again.
fn pages(repository: &TestRepository) -> BTreeMap<String, Vec<u8>> {
    let mut files = files(&repository.path("site"));
    files.remove("hexreg-site.json").expect("a manifest");
    files
}

/// The files that were written, or are new, since.
fn written(repository: &TestRepository, before: &BTreeMap<String, SystemTime>) -> Vec<String> {
    let now = times(repository).into_iter();
    now.filter(|(path, time)| before.get(path) != Some(time)).map(|(path, _)| path).collect()
}

#[test]
fn what_has_not_changed_is_left_alone() {
    let repository = sample();
    let first = counts(&repository, &[]);
    assert_eq!(first["updated"], 0);
    // A stamp that may still change is not relied on.
    std::thread::sleep(std::time::Duration::from_millis(2_100));
    counts(&repository, &[]);
    let before = times(&repository);
    let again = counts(&repository, &[]);
    assert_eq!(again["read"], 0, "{again}");
    assert_eq!(
        (&again["created"], &again["updated"], &again["removed"]),
        (&0.into(), &0.into(), &0.into())
    );
    assert_eq!(again["unchanged"], first["created"], "{again} {first}");
    assert_eq!(written(&repository, &before), [""; 0]);
    let said = site(&repository, &[]).ok();
    assert_eq!(said.stdout, "acme: 2 packages, documentation of 2 releases; nothing has changed\n");
}

#[test]
fn only_what_a_release_changes_is_written() {
    let repository = sample();
    counts(&repository, &[]);
    let before = times(&repository);
    let repository = repository.release("jason", "1.0.0");
    repository.build(&[]).ok();
    let changed = counts(&repository, &[]);
    let expected = ["browse/jason.html", "hexreg-site.json", "index.html", "recent.html"];
    let written: Vec<String> = written(&repository, &before)
        .into_iter()
        .filter(|path| !path.starts_with("search/"))
        .collect();
    assert_eq!(written, expected, "{changed}");
    verify(&repository).ok();
}

/// A page of documentation says which documentation is here.
#[test]
fn documentation_is_written_again_when_what_it_leads_to_comes_or_goes() {
    let repository = sample();
    fs::remove_file(repository.path("public/docs/ecto-3.0.0.tar.gz")).unwrap();
    counts(&repository, &[]);
    let page = || String::from_utf8(repository.read("site/docs/plug/1.1.0/index.html")).unwrap();
    assert!(page().contains("https://hexdocs.pm/ecto/index.html"), "{}", page());
    repository.write("public/docs/ecto-3.0.0.tar.gz", &docs_of("Ecto", "plug"));
    counts(&repository, &[]);
    assert!(page().contains("../../ecto/3.0.0/index.html"), "{}", page());
    fs::remove_file(repository.path("public/docs/ecto-3.0.0.tar.gz")).unwrap();
    counts(&repository, &[]);
    assert!(page().contains("https://hexdocs.pm/ecto/index.html"), "{}", page());
    assert!(!repository.path("site/docs/ecto/3.0.0/index.html").exists());
    verify(&repository).ok();
}

#[test]
fn what_went_is_removed_and_nothing_else() {
    let repository = sample();
    counts(&repository, &[]);
    repository.write("site/mine.html", b"mine");
    repository.write("site/docs/mine.txt", b"mine");
    repository.remove_tarball("ecto-3.0.0.tar");
    repository.build(&[]).ok();
    let removed = counts(&repository, &[]);
    assert_ne!(removed["removed"], 0, "{removed}");
    let left = files(&repository.path("site"));
    assert!(!left.keys().any(|path| path.contains("ecto")), "{:?}", left.keys());
    assert_eq!((&left["mine.html"][..], &left["docs/mine.txt"][..]), (&b"mine"[..], &b"mine"[..]));
    check_links(&repository.path("site").canonicalize().unwrap());
}

#[test]
fn files_of_others_are_not_overwritten() {
    for path in ["index.html", "browse/plug.html", "docs/plug/1.1.0/theirs.html", "list/7.html"] {
        let repository = sample();
        repository.write(&format!("site/{path}"), b"theirs");
        let refused = site(&repository, &[]);
        assert_eq!(refused.code, 1, "{refused:?}");
        assert!(
            refused.stderr.contains(&format!("site/{path} is there, and is not of this site")),
            "{refused:?}"
        );
        assert_eq!(files(&repository.path("site")).len(), 1, "{path}");
        assert_eq!(repository.read(&format!("site/{path}")), b"theirs");
    }
}

#[test]
fn a_file_that_was_lost_is_made_again() {
    let repository = sample();
    counts(&repository, &[]);
    let before = pages(&repository);
    for path in ["index.html", "browse/plug.html", "docs/plug/1.1.0/Plug.html", "recent.html"] {
        repository.remove(&format!("site/{path}"));
    }
    let again = counts(&repository, &[]);
    assert_eq!(again["created"], 4, "{again}");
    assert!(pages(&repository) == before);
    // One that was changed is found by a check, and made again by --fresh.
    repository.write("site/browse/plug.html", b"changed");
    assert_eq!(counts(&repository, &[])["updated"], 0);
    counts(&repository, &["--fresh"]);
    assert!(pages(&repository) == before);
}

/// A write fails when the first pages are in place. The next run knows of them.
#[test]
fn a_run_that_failed_is_finished_by_the_next() {
    let repository = sample();
    counts(&repository, &["--docs=none"]);
    let repository = repository.release("aaa", "1.0.0").release("zzz", "1.0.0");
    repository.build(&[]).ok();
    // Nothing can be written in place of a folder.
    fs::create_dir_all(repository.path("site/browse/zzz.html")).unwrap();
    let failed = site(&repository, &["--docs=none"]);
    assert_eq!(failed.code, 2, "{failed:?}");
    assert!(repository.path("site/browse/aaa.html").is_file());
    let unfinished = verify(&repository);
    assert_eq!(unfinished.code, 1);
    assert!(unfinished.stdout.contains("the last run has not ended"), "{unfinished:?}");
    fs::remove_dir(repository.path("site/browse/zzz.html")).unwrap();
    // A killed run leaves temporary files too.
    repository.write("site/browse/.hexreg-abc123.tmp", b"half");
    // What it wrote is no longer wanted by the time of the next one.
    repository.remove_tarball("aaa-1.0.0.tar");
    repository.build(&[]).ok();
    counts(&repository, &["--docs=none"]);
    assert!(!repository.path("site/browse/aaa.html").exists());
    assert!(repository.path("site/browse/zzz.html").is_file());
    assert!(!repository.path("site/browse/.hexreg-abc123.tmp").exists());
    verify(&repository).ok();
}

/// What is killed at any moment is finished by the next run, and is then what a run makes that was never killed.
#[test]
fn a_killed_run_is_finished_by_the_next() {
    let mut repository = TestRepository::new();
    for number in 0..150 {
        repository = repository.release(&format!("p{number:03}"), "1.0.0");
    }
    repository.build(&[]).ok();
    for number in 0..40 {
        repository
            .write(&format!("public/docs/p{number:03}-1.0.0.tar.gz"), &docs_of("Mod", "p001"));
    }
    counts(&repository, &[]);
    let expected = pages(&repository);
    for milliseconds in [5, 30, 60, 100, 150, 250] {
        fs::remove_dir_all(repository.path("site")).unwrap();
        let mut command = repository.hexreg().command();
        command.args(["site", "public", "--out=site", "--quiet"]);
        let mut child = command.spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(milliseconds));
        let _ = child.kill();
        child.wait().unwrap();
        counts(&repository, &[]);
        let found = pages(&repository);
        let paths = |pages: &BTreeMap<String, Vec<u8>>| pages.keys().cloned().collect::<Vec<_>>();
        assert_eq!(paths(&found), paths(&expected), "killed after {milliseconds} ms");
        assert!(found == expected, "killed after {milliseconds} ms");
    }
    verify(&repository).ok();
}

#[test]
fn a_dry_run_writes_nothing() {
    let repository = sample();
    let dry = counts(&repository, &["--dry-run"]);
    assert_ne!(dry["created"], 0);
    assert!(!repository.path("site").exists());
    let first = counts(&repository, &[]);
    assert_eq!(dry["created"], first["created"]);
}
