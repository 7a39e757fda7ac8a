//! Links that lead out of the directory, and those that do not.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::Value;

use super::{sound, verify};
use crate::support::hexreg::Ran;
use crate::support::repository::TestRepository;

/// Each problem as `path kind`, and the hint.
fn problems(repository: &TestRepository, more: &[&str]) -> (Vec<String>, Option<String>) {
    let Ran { stdout, .. } = verify(repository, &[more, &["--json"]].concat());
    let report: Value = serde_json::from_str(&stdout).unwrap();
    let problems = report["problems"].as_array().unwrap().iter().map(|problem| {
        let path = problem["path"].as_str().unwrap().trim_start_matches("public/");
        format!("{path} {}", problem["kind"].as_str().unwrap())
    });
    (problems.collect(), report["hint"].as_str().map(str::to_owned))
}

/// Puts a link to a copy of it outside in the place of a file or folder.
fn move_out(repository: &TestRepository, path: &str) {
    let (place, out) = (repository.path(&format!("public/{path}")), repository.path("out"));
    fs::create_dir_all(&out).unwrap();
    let moved = out.join(path.replace('/', "_"));
    fs::rename(&place, &moved).unwrap();
    symlink(moved, place).unwrap();
}

#[test]
fn a_file_behind_a_link_out_is_named_in_every_folder() {
    let repository = sound();
    let other = [
        "docs/foo-1.0.0.tar.gz",
        "installs/hex-1.x.csv",
        "git/host/dep.git/HEAD",
        "installs/1.18.0/hex-2.1.1.ez",
        "notes",
        "policies/strict",
    ];
    for path in other {
        repository.write(&format!("public/{path}"), b"text");
    }
    let signed = ["packages/foo", "tarballs/bar-1.0.0.tar", "names", "public_key"];
    for path in other.into_iter().chain(signed) {
        move_out(&repository, path);
    }
    let (found, hint) = problems(&repository, &[]);
    let mut expected: Vec<_> =
        other.into_iter().chain(signed).map(|path| format!("{path} leads_out")).collect();
    expected.sort();
    let leading: Vec<_> = found.iter().filter(|one| one.ends_with("leads_out")).cloned().collect();
    assert_eq!(leading, expected, "{found:?}");
    assert!(hint.unwrap().starts_with("--follow-links checks the targets of links"));
    // The targets are valid files.
    let (found, hint) = problems(&repository, &["--follow-links"]);
    assert_eq!(found, ["notes stray", "policies/strict not_signed"]);
    assert_eq!(hint, None);
}

#[test]
fn a_folder_behind_a_link_out_is_one_problem() {
    for folder in ["tarballs", "packages"] {
        let repository = sound();
        move_out(&repository, folder);
        assert_eq!(problems(&repository, &[]).0, [format!("{folder} leads_out")]);
        assert_eq!(problems(&repository, &["--follow-links"]).0, [""; 0]);
    }
    let repository = sound();
    move_out(&repository, "tarballs");
    insta::assert_snapshot!(verify(&repository, &[]).transcript(), @r"
    exit code: 1
    --- stdout
    public/tarballs: it is a link that leads out of the directory: `hexreg serve` does not follow it
    acme: 2 packages, 3 releases; 1 problem
    --- stderr
    hint: --follow-links checks the targets of links; give it to `hexreg serve` too to serve them
    ");
}

#[test]
fn links_within_the_directory_are_no_problem() {
    let repository = sound();
    let move_within = |path: &str, to: &str, target: &str| {
        let place = repository.path(&format!("public/{path}"));
        fs::rename(&place, repository.path(&format!("public/{to}"))).unwrap();
        symlink(target, place).unwrap();
    };
    move_within("packages", ".packages", ".packages");
    move_within("tarballs/bar-1.0.0.tar", ".bar", "../.bar");
    let absolute = repository.path("public/.names");
    move_within("names", ".names", absolute.to_str().unwrap());
    let (found, _) = problems(&repository, &[]);
    assert!(found.iter().all(|one| one.ends_with(" stray")), "{found:?}");
}

#[cfg(feature = "buckets")]
#[test]
fn a_bucket_has_no_links() {
    let ran = sound().hexreg().run(["verify", "s3://bucket", "--follow-links"]);
    insta::assert_snapshot!(ran.transcript(), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: --follow-links is for directories, and s3://bucket is a bucket
    hint: leave it out: a bucket has no links
    ");
}
