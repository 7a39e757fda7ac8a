//! What is kept over a restart; tarballs and files of the cache that are damaged.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use super::{log, names, page, parser, reads, serve, status, until};
use crate::support::repository::TestRepository;
use crate::support::server::Server;
use crate::support::tarball::Tarball;

/// The files that are kept of packages. The index of documentation is in a folder.
fn kept(repository: &TestRepository) -> Vec<PathBuf> {
    let mut kept: Vec<_> = fs::read_dir(repository.path("cache/browse"))
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    kept.sort();
    kept
}

/// Two seconds after a file was written, another change would show in its times.
fn settle() {
    thread::sleep(Duration::from_millis(2_100));
}

/// How many packages the last server has read.
#[track_caller]
fn changed(repository: &TestRepository) -> usize {
    let reads = reads(repository);
    let (_, count) = reads.last().unwrap().split_once("changed=").unwrap();
    let count: String = count.chars().take_while(char::is_ascii_digit).collect();
    count.parse().unwrap()
}

/// The search knows what is inside of the packages.
#[track_caller]
fn is_whole(server: &Server) {
    assert_eq!(names(&page(server, "/?q=parse_text")), ["json_parser"]);
    assert!(page(server, "/browse/json_parser").words().contains("Parses JSON quickly."));
}

#[test]
fn a_restart_reads_nothing_again_and_one_release_more_is_one_package() {
    let repository = parser();
    settle();
    let server = serve(&repository, &[]);
    assert_eq!(changed(&repository), 3);
    is_whole(&server);
    drop(server);
    assert_eq!(kept(&repository).len(), 2, "{:?}", kept(&repository));
    let server = serve(&repository, &[]);
    assert_eq!(changed(&repository), 0, "{:?}", reads(&repository));
    is_whole(&server);
    repository.write_tarball("words-1.1.0.tar", &Tarball::new("words", "1.1.0").build());
    repository.build(&[]).ok();
    until("the release is read", || changed(&repository) == 1);
    assert!(page(&server, "/browse/words").words().contains("words 1.1.0"));
    // What is gone is gone.
    let remove =
        ["remove", "--to=public", "--name=acme", "--private-key=key.pem", "reader", "1.0.0"];
    repository.hexreg().run(remove).ok();
    until("the package is gone", || {
        !names(&page(&server, "/?q=reader")).contains(&"reader".to_owned())
    });
    assert_eq!(status(&server, "/browse/reader"), 404);
    assert!(page(&server, "/browse/json_parser").words().contains("Used by 0 packages"));
    drop(server);
    settle();
    drop(serve(&repository, &[]));
    let server = serve(&repository, &[]);
    assert_eq!(changed(&repository), 0);
    assert_eq!(names(&page(&server, "/")), ["json_parser", "words"]);
}

#[test]
fn files_of_the_cache_that_are_damaged_are_made_anew() {
    let repository = parser();
    settle();
    drop(serve(&repository, &[]));
    for number in 0..2 {
        let file = &kept(&repository)[number];
        let whole = fs::read(file).unwrap();
        let middle = whole.len() / 2;
        let mut flipped = whole.clone();
        flipped[middle] ^= 0x10;
        let mut long = whole.clone();
        long.extend([0xff; 64]);
        for (damage, bytes) in [
            ("empty", Vec::new()),
            ("cut", whole[..middle].to_vec()),
            ("a bit", flipped),
            ("other", b"other".to_vec()),
            ("more", long),
            ("huge lengths", vec![0xff; 4_096]),
        ] {
            fs::write(file, &bytes).unwrap();
            let server = serve(&repository, &[]);
            is_whole(&server);
            assert_eq!(status(&server, "/recent"), 200, "{damage}");
            drop(server);
            drop(serve(&repository, &[]));
            assert_eq!(changed(&repository), 0, "{damage}: {file:?} is not made anew");
        }
        fs::remove_file(file).unwrap();
        fs::create_dir(file).unwrap();
        is_whole(&serve(&repository, &[]));
        fs::remove_dir(file).unwrap();
        drop(serve(&repository, &[]));
    }
}

#[test]
fn a_cache_that_cannot_be_written_is_told_and_no_more() {
    let repository = parser();
    repository.write("cache/browse", b"a file");
    let server = serve(&repository, &[]);
    is_whole(&server);
    let told = "what was read for pages is not kept over a restart";
    assert!(log(&repository).contains(told), "{}", log(&repository));
    drop(server);
    let server = serve(&repository, &[]);
    assert_eq!(changed(&repository), 3);
    is_whole(&server);
}

#[test]
fn a_tarball_that_is_damaged_or_missing_is_told_on_its_page() {
    let repository = parser();
    let path = "public/tarballs/json_parser-1.1.0.tar";
    let mut bytes = repository.read(path);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    repository.write(path, &bytes);
    repository.remove_tarball("words-1.0.0.tar");
    let server = serve(&repository, &[]);
    let damaged = page(&server, "/browse/json_parser").words();
    let told = "cannot be read, or is not the one that is signed";
    assert!(damaged.contains(told), "{damaged}");
    // What is signed is shown all the same.
    assert!(damaged.contains("words ~> 1.0") && damaged.contains("3 versions"), "{damaged}");
    assert!(!damaged.contains("Parses"), "{damaged}");
    let log = log(&repository);
    assert!(log.contains("what it holds is not shown") && log.contains("its checksum is"), "{log}");
    let missing = page(&server, "/browse/words").words();
    assert!(missing.contains("The tarball of this version is not here"), "{missing}");
    for path in ["json_parser/1.1.0", "words/1.0.0"] {
        for rest in ["files/", "files/README.md", "raw/README.md"] {
            assert_eq!(status(&server, &format!("/browse/{path}/{rest}")), 404, "{path}/{rest}");
        }
    }
    let compared = page(&server, "/browse/json_parser/diff/1.0.0..1.1.0").words();
    assert!(
        compared.contains("The files of a version are not here, or cannot be shown."),
        "{compared}"
    );
    // The other version is whole.
    assert!(page(&server, "/browse/json_parser/1.0.0").words().contains("Parses JSON quickly."));
    let needs = page(&server, "/browse/json_parser/1.1.0/requirements").words();
    assert!(needs.contains("words 1.0.0 not here"), "{needs}");
}
