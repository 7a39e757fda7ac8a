//! `hexreg serve`.

#[cfg(feature = "mirror")]
mod announced;
#[cfg(feature = "mirror")]
mod crowds;
mod embargo;
mod hosts;
mod keys;
mod limits;
mod links;
mod pages;
mod passwords;
pub mod paths;
mod proxied;
pub mod rebuilding;
mod tags;

use std::fs;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

use crate::support::repository::TestRepository;
use crate::support::server::{Answer, Server};
use crate::support::signed::name_releases;

/// Files of git repositories: those that change, and those that do not.
const GIT_REFS: [&str; 3] = [
    "git/git.example/~org/a.b/dep.git/HEAD",
    "git/git.example_8080/dep.git/info/refs",
    "git/git.example/dep.git/objects/info/packs",
];
const GIT_OBJECTS: [&str; 3] = [
    "git/git.example/dep.git/objects/4b/825dc642cb6eb9a060e54bf8d69288fbee4904",
    "git/git.example/dep.git/objects/pack/pack-4b825dc642cb6eb9a060e54bf8d69288fbee4904.pack",
    "git/git.example/dep.git/objects/pack/pack-4b825dc642cb6eb9a060e54bf8d69288fbee4904.idx",
];

/// A repository with every kind of file that clients ask for, and a release `big` 1.0.0 without a tarball.
pub fn repository() -> TestRepository {
    let repository = TestRepository::new().samples();
    repository.build(&[]).ok();
    name_releases(&repository, "public", "big", &["1.0.0"]);
    repository.write("public/docs/welcome-0.1.0.tar.gz", b"docs");
    repository.write("public/policies/strict-1.0", b"policy");
    repository.write("public/installs/hex-1.x.csv", b"2.1.1,abc,1.14.0\n");
    for path in GIT_REFS.iter().chain(&GIT_OBJECTS) {
        repository.write(&format!("public/{path}"), path.as_bytes());
    }
    repository
}

#[test]
fn every_kind_of_file_is_served_with_cache_headers() {
    let repository = repository();
    every_kind_is_served(&Server::of(&repository, &[]), &repository);
}

/// Checks what every server of a registry must do, hexreg or another.
pub fn every_kind_is_served(server: &Server, repository: &TestRepository) {
    // Some send no date for a file that was changed a moment ago.
    tags::settled(server, &format!("/{}", GIT_OBJECTS[2]));
    let of_git = GIT_REFS.map(|path| (path, 0)).into_iter();
    let of_git = of_git.chain(GIT_OBJECTS.map(|path| (path, 604_800)));
    let of_registries = [
        ("names", 3_600),
        ("versions", 3_600),
        ("packages/welcome", 3_600),
        ("policies/strict-1.0", 600),
        ("public_key", 3_600),
        ("tarballs/welcome-0.1.0.tar", 604_800),
        ("docs/welcome-0.1.0.tar.gz", 86_400),
        ("installs/hex-1.x.csv", 3_600),
    ];
    for (path, age) in of_registries.into_iter().chain(of_git) {
        let bytes = repository.read(&format!("public/{path}"));
        let answer = server.get(&format!("/{path}"), &["Accept-Encoding: gzip, br"]);
        assert_eq!((answer.status, &answer.body), (200, &bytes), "{path}");
        assert_eq!(answer.expect("content-type"), "application/octet-stream");
        assert_eq!(answer.expect("content-length"), bytes.len().to_string());
        assert_eq!(answer.expect("cache-control"), format!("public, max-age={age}"));
        assert_eq!(answer.expect("accept-ranges"), "bytes");
        assert_eq!(answer.header("content-encoding"), None);
        assert_eq!(answer.header("location"), None);
        let etag = answer.expect("etag");
        assert!(etag.starts_with('"') && etag.ends_with('"') && etag.len() > 8, "{etag}");
        assert!(answer.expect("last-modified").ends_with(" GMT"));

        let head = server.ask("HEAD", &format!("/{path}"), &[]);
        assert_eq!(head.status, 200);
        for name in ["etag", "last-modified", "content-length", "cache-control", "content-type"] {
            assert_eq!(head.expect(name), answer.expect(name), "{path}");
        }
    }
}

/// The header lines of a request for a file of ten bytes, and the response.
#[test]
fn the_rules_of_http_hold() {
    let repository = repository();
    repository.write("public/docs/welcome-0.1.0.tar.gz", b"0123456789");
    let server = Server::of(&repository, &[]);
    let path = "/docs/welcome-0.1.0.tar.gz";
    let answer = tags::settled(&server, path);
    let etag = answer.expect("etag").to_owned();
    let date = answer.expect("last-modified").to_owned();
    let long_ago = "Sat, 01 Jan 2000 00:00:00 GMT";
    let with = |name: &str, value: &str| format!("{name}: {value}");
    let table: [(Vec<String>, u16, &str); 36] = [
        (vec![], 200, "0123456789"),
        // Conditions about the client's copy.
        (vec![with("If-None-Match", &etag)], 304, ""),
        (vec![with("If-None-Match", &format!("W/{etag}"))], 304, ""),
        (vec![with("If-None-Match", &format!("\"other\", {etag}"))], 304, ""),
        (vec![with("If-None-Match", "*")], 304, ""),
        (vec![with("If-None-Match", "\"other\"")], 200, "0123456789"),
        // One list, in two lines.
        (vec![with("If-None-Match", "\"other\""), with("If-None-Match", &etag)], 304, ""),
        (vec![with("If-None-Match", "\"a\""), with("If-None-Match", "\"b\"")], 200, "0123456789"),
        // rebar3 sends an empty one for a file that it does not have.
        (vec![with("If-None-Match", "")], 200, "0123456789"),
        (vec![with("If-None-Match", "junk")], 200, "0123456789"),
        (vec![with("If-Modified-Since", &date)], 304, ""),
        (vec![with("If-Modified-Since", long_ago)], 200, "0123456789"),
        (vec![with("If-Modified-Since", "yesterday")], 200, "0123456789"),
        // The tag comes before the time.
        (
            vec![with("If-None-Match", "\"other\""), with("If-Modified-Since", &date)],
            200,
            "0123456789",
        ),
        (vec![with("If-None-Match", &etag), with("If-Modified-Since", long_ago)], 304, ""),
        (vec![with("If-Match", &etag)], 200, "0123456789"),
        (vec![with("If-Match", "*")], 200, "0123456789"),
        (vec![with("If-Match", "\"other\"")], 412, ""),
        (vec![with("If-Match", "\"other\""), with("If-Match", &etag)], 200, "0123456789"),
        (vec![with("If-Unmodified-Since", &date)], 200, "0123456789"),
        (vec![with("If-Unmodified-Since", long_ago)], 412, ""),
        // Parts.
        (vec![with("Range", "bytes=0-0")], 206, "0"),
        (vec![with("Range", "bytes=2-4")], 206, "234"),
        (vec![with("Range", "bytes=7-")], 206, "789"),
        (vec![with("Range", "bytes=-3")], 206, "789"),
        (vec![with("Range", "bytes=8-100")], 206, "89"),
        (vec![with("Range", "bytes=0-9")], 206, "0123456789"),
        (vec![with("Range", "bytes=10-")], 416, ""),
        (vec![with("Range", "bytes=0-1,4-5")], 200, "0123456789"),
        (vec![with("Range", "lines=1-2")], 200, "0123456789"),
        // A part if the client has the other part of the same file, else all.
        (vec![with("Range", "bytes=7-"), with("If-Range", &etag)], 206, "789"),
        (vec![with("Range", "bytes=7-"), with("If-Range", &date)], 206, "789"),
        (vec![with("Range", "bytes=7-"), with("If-Range", "\"other\"")], 200, "0123456789"),
        (
            vec![with("Range", "bytes=7-"), with("If-Range", &format!("W/{etag}"))],
            200,
            "0123456789",
        ),
        (vec![with("Range", "bytes=7-"), with("If-Range", long_ago)], 200, "0123456789"),
        (vec![with("Range", "bytes=7-"), with("If-Range", "junk")], 200, "0123456789"),
    ];
    for (headers, status, body) in table {
        let lines: Vec<&str> = headers.iter().map(String::as_str).collect();
        let answer = server.get(path, &lines);
        assert_eq!(answer.status, status, "{lines:?}");
        if answer.status < 300 {
            assert_eq!(String::from_utf8_lossy(&answer.body), body, "{lines:?}");
            assert_eq!(answer.expect("etag"), etag, "{lines:?}");
        }
        if status == 304 {
            assert_eq!(answer.expect("etag"), etag, "{lines:?}");
            assert_eq!(answer.expect("cache-control"), "public, max-age=86400");
            assert_eq!(
                answer.header("content-length"),
                None,
                "that would be the file's: {lines:?}"
            );
        }
        if status > 400 {
            assert_eq!(answer.expect("cache-control"), "no-store", "{lines:?}");
        }
        if status == 206 {
            assert!(answer.expect("content-range").ends_with("/10"), "{lines:?}");
        }
        let head = server.ask("HEAD", path, &lines);
        let is_of_a_part = matches!(status, 206 | 416);
        assert_eq!(head.status, if is_of_a_part { 200 } else { status }, "HEAD {lines:?}");
    }
}

#[test]
fn a_tag_survives_a_restart_and_changes_with_the_file() {
    let repository = repository();
    let first = Server::of(&repository, &[]);
    let tag = |server: &Server| server.get("/packages/greeting", &[]).expect("etag").to_owned();
    let before = tag(&first);
    drop(first);
    let second = Server::of(&repository, &[]);
    assert_eq!(tag(&second), before);
    let repository = repository.release("greeting", "9.0.0");
    repository.build(&[]).ok();
    assert_ne!(tag(&second), before);
}

#[test]
fn only_reading_methods_are_allowed() {
    let repository = repository();
    let server = Server::of(&repository, &[]);
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND"] {
        let answer = server.ask(method, "/names", &[]);
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.expect("allow"), "GET, HEAD");
    }
    assert_eq!(server.get("/packages/nothing", &[]).status, 404);
    assert_eq!(server.get("/tarballs/welcome-9.9.9.tar", &[]).status, 404);
    assert_eq!(server.get("/healthz", &[]).body, b"200 OK\n");
}

/// A build replaces files while they are read.
#[test]
fn a_replaced_file_is_served_at_once_and_a_running_response_is_whole() {
    let repository = repository();
    let server = Server::of(&repository, &[]);
    let old = vec![b'o'; 8 << 20];
    let new = vec![b'n'; 9 << 20];
    repository.write("public/tarballs/big-1.0.0.tar", &old);
    let mut stream = server.connect();
    stream
        .write_all(
            b"GET /tarballs/big-1.0.0.tar HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        )
        .unwrap();
    let mut received = vec![0; 4096];
    stream.read_exact(&mut received).unwrap();
    fs::write(repository.path("public/tarballs/new"), &new).unwrap();
    fs::rename(
        repository.path("public/tarballs/new"),
        repository.path("public/tarballs/big-1.0.0.tar"),
    )
    .unwrap();
    assert_eq!(server.get("/tarballs/big-1.0.0.tar", &[]).body, new);
    stream.read_to_end(&mut received).unwrap();
    assert_eq!(Answer::parse(&received, false).unwrap().body, old);
}

#[test]
fn named_repositories_are_served_below_repos() {
    let repository = repository();
    name_releases(&repository, "other", "foo", &["1.0.0"]);
    let foo = repository.read("other/packages/foo");
    let arguments = ["public", "--repo", "acme=public", "--repo=hexpm=other"];
    let server = Server::run(repository.root(), &arguments);
    let welcome = repository.read("public/packages/welcome");
    assert_eq!(server.get("/packages/welcome", &[]).body, welcome);
    assert_eq!(server.get("/repos/acme/packages/welcome", &[]).body, welcome);
    assert_eq!(server.get("/repos/hexpm/packages/foo", &[]).body, foo);
    for path in [
        "/packages/foo",
        "/repos/hexpm/packages/welcome",
        "/repos/acme/../hexpm/packages/foo",
        "/repos/none/packages/foo",
        "/repos/acme/repos/hexpm/packages/foo",
        "/repos//packages/foo",
    ] {
        assert_eq!(server.get(path, &[]).status, 404, "{path}");
    }
    let server = Server::run(repository.root(), &["--repo=acme=public"]);
    assert_eq!(server.get("/packages/welcome", &[]).status, 404);
    assert_eq!(server.get("/repos/acme/packages/welcome", &[]).body, welcome);
}

#[test]
fn after_a_signal_it_answers_running_requests_and_ends() {
    for signal in ["-TERM", "-INT"] {
        let repository = repository();
        let big = vec![b'x'; 32 << 20];
        repository.write("public/tarballs/big-1.0.0.tar", &big);
        let server = Server::of(&repository, &[]);
        let mut stream = server.connect();
        stream
            .write_all(b"GET /tarballs/big-1.0.0.tar HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .unwrap();
        let mut received = vec![0; 4096];
        stream.read_exact(&mut received).unwrap();
        let idle = server.connect();
        server.signal(signal);
        limits::accepts_no_connection(&server);
        stream.read_to_end(&mut received).unwrap();
        assert_eq!(Answer::parse(&received, false).unwrap().body, big);
        drop(idle);
        assert_eq!(server.ended(), 0);
    }
}

/// It does not wait for a client that reads nothing.
#[test]
fn a_second_signal_ends_it_at_once() {
    let repository = repository();
    repository.write("public/tarballs/big-1.0.0.tar", &vec![b'x'; 32 << 20]);
    let server = Server::of(&repository, &[]);
    let mut stream = server.connect();
    stream.write_all(b"GET /tarballs/big-1.0.0.tar HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    stream.read_exact(&mut [0; 4096]).unwrap();
    server.signal("-INT");
    // A signal that comes before the first one was seen is none.
    limits::accepts_no_connection(&server);
    let began = Instant::now();
    server.signal("-INT");
    assert_eq!(server.ended(), 0);
    assert!(began.elapsed() < Duration::from_secs(15), "it waited {:?}", began.elapsed());
    drop(stream);
}

#[test]
fn the_startup_message_has_the_configuration_of_clients() {
    let repository = repository();
    let server = Server::of(&repository, &["--url=https://hex.example.com/"]);
    let key = String::from_utf8(repository.read("public/public_key")).unwrap();
    let said = server.said.replace(key.trim_end(), "PEM");
    let said = said.replace(&server.address.port().to_string(), "PORT");
    insta::assert_snapshot!(said, @r#"
    listening on http://127.0.0.1:PORT

    serving acme at https://hex.example.com
    fingerprint SHA256:roYMrL1Q60Kv7n0/VbgT2yw879NgEa+QKFvEt0/wKtU

    for mix, in a shell:

    mix hex.repo add acme https://hex.example.com --fetch-public-key SHA256:roYMrL1Q60Kv7n0/VbgT2yw879NgEa+QKFvEt0/wKtU

    for rebar3, in rebar.config (rebar3 asks hex.pm for whatever this repository does not have, and also while it cannot be reached: of a package that is on hex.pm too, it may then take that one):

    {hex, [{repos, [
      #{name => <<"acme">>,
        repo_url => <<"https://hex.example.com">>,
        repo_public_key => <<"PEM
    ">>}
    ]}]}.

    or, for a project whose dependencies are all here (rebar3 asks no repository but these: it fails where a dependency is not there, so all of them have to be):

    {hex, [{repos, replace, [
      #{name => <<"acme">>,
        repo_url => <<"https://hex.example.com">>,
        repo_public_key => <<"PEM
    ">>}
    ]}]}.

    Ctrl-C ends it
    "#);
    let server = Server::of(&repository, &["--url=HTTPS://hex.example.com:444/hex/"]);
    assert!(server.said.contains("serving acme at https://hex.example.com:444/hex\n"));
    // An empty directory can be served before there is anything in it.
    fs::create_dir(repository.path("empty")).unwrap();
    let server = Server::run(repository.root(), &["empty", "--metrics-listen=127.0.0.1:0"]);
    assert!(server.said.contains("no registry was built yet"), "{}", server.said);
    assert_eq!(server.get("/names", &[]).status, 404);
    assert_eq!(server.get("/", &[]).status, 503);
    // Responses are counted, and connections closed, a moment after the client has its response.
    let wanted = [
        "hexreg_requests_total{kind=\"registry\",status=\"404\"} 1",
        "hexreg_requests_total{kind=\"page\",status=\"503\"} 1",
        "hexreg_connections 0",
    ];
    let began = Instant::now();
    loop {
        let text = server.metrics();
        assert!(text.ends_with("# EOF\n"), "{text}");
        if wanted.iter().all(|line| text.contains(line)) {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{text}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn invalid_options_are_refused_with_a_hint() {
    let repository = repository();
    repository.write("readers", b"");
    repository.write("public/readers", b"");
    repository.write("cert.pem", b"junk");
    for secret in ["readers", "public/readers", "cert.pem"] {
        repository.chmod(secret, 0o600);
    }
    let served = |arguments: &[&str]| {
        let ran = repository.hexreg().run(["serve"].iter().chain(arguments).copied());
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
        ran.stderr
    };
    let said = [
        &["nowhere"][..],
        &["public", "--listen=0.0.0.0:0"],
        &["public", "--auth-file=none"],
        &["public", "--auth-file=public/readers"],
        &["public", "--tls-cert=cert.pem", "--tls-key=cert.pem"],
        &["--repo=a=public", "--repo=a=public"],
        &["public", "--listen=8000"],
        &["public", "--url=registry.example"],
        &["public", "--url=https://user:secret@registry.example"],
        &["public", "--url=https://registry.example/?a"],
        &["public", "--url=https://registry.example:99999"],
        &["public", "--url=https://:8000"],
    ];
    let said: Vec<_> = said.into_iter().map(served).collect();
    insta::assert_snapshot!(said.concat(), @r"
    error: failed to serve: nowhere is not a directory
    hint: name the directory that `hexreg build` writes
    error: failed to serve: 0.0.0.0:0 can be reached from other machines, and there is neither an auth file nor a certificate
    hint: give --auth-file and --tls-cert, listen on 127.0.0.1, or say --allow-anonymous
    error: could not read none: No such file or directory (os error 2)
    error: failed to serve: public/readers lies in a directory that is served
    hint: keep it elsewhere
    error: failed to serve: there is no certificate in cert.pem: expected PEM
    hint: give --tls-cert the whole chain, and --tls-key the key of its first certificate
    error: failed to serve: two repositories would be served at /repos/a
    hint: give each a name of its own: --repo NAME=DEST
    error: invalid value '8000' for '--listen <ADDRESS>': invalid socket address; expected HOST:PORT, as in 127.0.0.1:8000

    For more information, try '--help'.
    error: invalid value 'registry.example' for '--url <URL>': expected http://HOST or https://HOST, with nothing but a path after it

    For more information, try '--help'.
    error: invalid value 'https://user:secret@registry.example' for '--url <URL>': expected http://HOST or https://HOST, with nothing but a path after it

    For more information, try '--help'.
    error: invalid value 'https://registry.example/?a' for '--url <URL>': expected http://HOST or https://HOST, with nothing but a path after it

    For more information, try '--help'.
    error: invalid value 'https://registry.example:99999' for '--url <URL>': expected http://HOST or https://HOST, with nothing but a path after it

    For more information, try '--help'.
    error: invalid value 'https://:8000' for '--url <URL>': expected http://HOST or https://HOST, with nothing but a path after it

    For more information, try '--help'.
    ");
    let taken = Server::of(&repository, &["--listen=localhost:0", "--auth-file=readers"]);
    assert!(taken.said.contains("readers has no entries"), "{}", taken.said);
    let listen = format!("--listen={}", taken.address);
    assert!(served(&["public", &listen]).contains("Address already in use"));
}
