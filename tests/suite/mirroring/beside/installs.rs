//! `--installs`

use std::fmt::Write;

use aws_lc_rs::digest::{self, SHA512};
use data_encoding::{BASE64, HEXLOWER};
use serde_json::{Value, json};
use walkdir::WalkDir;

use crate::mirroring::{is_verbatim, report, samples};
use crate::support::repository::TestRepository;
use crate::support::server::Server;

const LISTS: [&str; 4] = ["hex-1.x.csv", "hex.csv", "rebar3-1.x.csv", "rebar.csv"];

/// The file that a line of each list names.
const ARTIFACTS: [(&str, &str, &str); 5] = [
    ("hex-1.x.csv", "2.0.6,SUM,1.14.0", "1.14.0/hex-2.0.6.ez"),
    ("hex-1.x.csv", "2.1.1,SUM,1.18.0", "1.18.0/hex-2.1.1.ez"),
    ("hex.csv", "2.2.1,SUM,1.18.4,27", "1.18.4/hex-2.2.1-otp-27.ez"),
    ("rebar3-1.x.csv", "3.22.0,SUM,1.0.0", "1.0.0/rebar3-3.22.0"),
    ("rebar.csv", "3.24.0,SUM,1.18.4,27", "1.18.4/rebar3-3.24.0-otp-27"),
];

fn write_list(repository: &TestRepository, list: &str, text: &str) {
    repository.write(&format!("public/installs/{list}"), text.as_bytes());
    repository.write(&format!("public/installs/{list}.signed"), &signature(list));
}

/// A text with the form of a signature.
fn signature(list: &str) -> Vec<u8> {
    let digest = digest::digest(&SHA512, list.as_bytes());
    format!("{}\n", BASE64.encode(&digest.as_ref().repeat(4))).into_bytes()
}

/// Content of the right kind for a path.
fn artifact(path: &str) -> Vec<u8> {
    let magic = if path.contains("/hex-") { "PK\x03\x04" } else { "#!/usr/bin/env escript\n" };
    format!("{magic}what is at {path}").into_bytes()
}

fn upstream() -> (TestRepository, Server) {
    let (repository, server) = samples();
    for list in LISTS {
        let mut text = String::new();
        for (_, line, path) in ARTIFACTS.iter().filter(|(of, _, _)| *of == list) {
            let bytes = artifact(path);
            repository.write(&format!("public/installs/{path}"), &bytes);
            let sum = HEXLOWER.encode(digest::digest(&SHA512, &bytes).as_ref());
            writeln!(text, "{}", line.replace("SUM", &sum)).unwrap();
        }
        write_list(&repository, list, &text);
    }
    (repository, server)
}

fn run(repository: &TestRepository, server: &Server) -> Value {
    report(repository, &server.url(), &["--all", "--installs"])
}

/// Asserts that the mirror has upstream's files and no others.
#[track_caller]
fn has_no_other_files(repository: &TestRepository) {
    let copy = repository.path("copy");
    let files = WalkDir::new(&copy).into_iter().map(Result::unwrap);
    for file in files.filter(|file| file.file_type().is_file()) {
        let path = file.path().strip_prefix(&copy).unwrap();
        if !path.starts_with(".hexreg-mirror") {
            let bytes = repository.read(&format!("public/{}", path.display()));
            assert!(
                repository.read(&format!("copy/{}", path.display())) == bytes,
                "{}",
                path.display()
            );
        }
    }
}

#[test]
fn installs_are_mirrored_and_then_unchanged() {
    let (repository, server) = upstream();
    let first = run(&repository, &server);
    assert_eq!((&first["requests"], &first["failures"]), (&json!(7 + 4 + 4 + 5), &json!([])));
    is_verbatim(&repository);
    let second = run(&repository, &server);
    // Requests for the indexes, and for each list and its signature. Nothing has changed.
    assert_eq!((&second["requests"], &second["bytes"]), (&json!(10), &json!(0)), "{second}");
    assert_eq!(second["updated"], json!([]));

    // Files that were removed here or changed upstream are fetched.
    repository.remove("copy/installs/1.18.0/hex-2.1.1.ez");
    repository.write("public/installs/hex.csv.signed", &signature("another key's"));
    let third = run(&repository, &server);
    assert_eq!(third["created"], json!(["installs/1.18.0/hex-2.1.1.ez"]), "{third}");
    assert_eq!(third["updated"], json!(["installs/hex.csv.signed"]), "{third}");
    is_verbatim(&repository);
}

#[test]
fn a_file_with_another_checksum_keeps_its_list_out() {
    let (repository, server) = upstream();
    let (path, wrong) =
        ("installs/1.18.0/hex-2.1.1.ez", "its SHA-512 is not what hex-1.x.csv says");
    let right = repository.read(&format!("public/{path}"));
    repository.write(&format!("public/{path}"), b"something else");
    let first = run(&repository, &server);
    assert_eq!(first["failures"], json!([{ "path": path, "reason": wrong }]));
    for missing in [path, "installs/hex-1.x.csv", "installs/hex-1.x.csv.signed", "names"] {
        assert!(!repository.path(&format!("copy/{missing}")).exists(), "{missing}");
    }
    for list in &LISTS[1..] {
        assert!(repository.path(&format!("copy/installs/{list}")).exists(), "{list}");
    }
    repository.write(&format!("public/{path}"), &right);
    assert_eq!(run(&repository, &server)["failures"], json!([]));
    is_verbatim(&repository);

    // For a new list, existing files are compared again.
    repository.write(&format!("copy/{path}"), b"damaged");
    repository.remove("copy/installs/hex-1.x.csv");
    assert_eq!(run(&repository, &server)["updated"], json!([path]));
    is_verbatim(&repository);
}

#[test]
fn a_list_without_a_signature_is_kept_out_and_a_missing_list_is_no_error() {
    let (repository, server) = upstream();
    repository.remove("public/installs/hex.csv.signed");
    repository.remove("public/installs/rebar.csv");
    let path = "installs/hex.csv.signed";
    let failures = json!([{ "path": path, "reason": "upstream does not have it" }]);
    assert_eq!(run(&repository, &server)["failures"], failures);
    assert!(!repository.path("copy/installs/hex.csv").exists());
    assert!(!repository.path("copy/installs/rebar.csv").exists());
    has_no_other_files(&repository);
}

#[test]
fn a_hostile_list_names_no_other_folder() {
    let (repository, server) = upstream();
    repository.write("public/installs/hex-evil", b"evil");
    let sum = HEXLOWER.encode(digest::digest(&SHA512, b"evil").as_ref());
    for line in [
        format!("../../hex-evil,{sum},1.18.0"),
        format!("evil,{sum},.."),
        format!("evil,{sum},../.."),
        format!("evil,{sum},/tmp"),
        format!("evil,{sum},1.18.0/../.."),
        format!("evil,{sum},1.18.0%2f..%2f.."),
        format!("evil,{sum},1.18.0\\..\\.."),
        format!("evil,{sum},.hidden"),
        format!("evil,{sum},"),
        format!("{},{sum},1.18.0", "x".repeat(5_000)),
        format!("evil\0,{sum},1.18.0"),
        format!("?evil,{sum},1.18.0"),
    ] {
        write_list(&repository, "hex-1.x.csv", &format!("{line}\n"));
        let said = run(&repository, &server);
        let reason = "line 1 is not VERSION,SHA-512,ELIXIR, or contradicts a line before it";
        let failures = json!([{ "path": "installs/hex-1.x.csv", "reason": reason }]);
        assert_eq!(said["failures"], failures, "{line}");
        assert!(!repository.path("copy/installs/hex-1.x.csv").exists());
    }
    has_no_other_files(&repository);
}

/// A response of another service, after a redirect.
#[test]
fn a_malformed_signature_is_not_published() {
    let (repository, server) = upstream();
    repository.write("public/installs/hex-1.x.csv.signed", b"{\"Token\": \"of the machine\"}\n");
    let said = run(&repository, &server);
    let reason = "it is not a signature: expected one of RSA, in base64";
    let failures = json!([{ "path": "installs/hex-1.x.csv.signed", "reason": reason }]);
    assert_eq!(said["failures"], failures, "{said}");
    for missing in ["installs/hex-1.x.csv.signed", "installs/hex-1.x.csv", "names"] {
        assert!(!repository.path(&format!("copy/{missing}")).exists(), "{missing}");
    }
    has_no_other_files(&repository);
}

/// The signature of a list is not checked.
#[test]
fn a_file_of_another_kind_is_not_published() {
    let (repository, server) = upstream();
    for (list, line, path, kind) in [
        ("hex-1.x.csv", "2.0.6,SUM,1.14.0", "1.14.0/hex-2.0.6.ez", "a zip archive"),
        ("rebar.csv", "3.24.0,SUM,1.18.4,27", "1.18.4/rebar3-3.24.0-otp-27", "an escript"),
    ] {
        let bytes = b"root:x:0:0:root:/root:/bin/bash\n";
        repository.write(&format!("public/installs/{path}"), bytes);
        let sum = HEXLOWER.encode(digest::digest(&SHA512, bytes).as_ref());
        write_list(&repository, list, &format!("{}\n", line.replace("SUM", &sum)));
        let said = run(&repository, &server);
        let failures =
            json!([{ "path": format!("installs/{path}"), "reason": format!("it is not {kind}") }]);
        assert_eq!(said["failures"], failures, "{said}");
        // The first file is missing, and the second is the former one.
        let copy = std::fs::read(repository.path(&format!("copy/installs/{path}"))).ok();
        assert_eq!(copy, (list == "rebar.csv").then(|| artifact(path)));
        repository.write(&format!("public/installs/{path}"), &artifact(path));
        let sum = HEXLOWER.encode(digest::digest(&SHA512, &artifact(path)).as_ref());
        write_list(&repository, list, &format!("{}\n", line.replace("SUM", &sum)));
        assert_eq!(run(&repository, &server)["failures"], json!([]));
    }
}
