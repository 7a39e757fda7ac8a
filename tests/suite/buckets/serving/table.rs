//! What a directory answers, a bucket answers.

use std::time::Duration;

use crate::buckets::Writer;
use crate::clients::Project;
use crate::support::bucket::Bucket;
use crate::support::moto::Moto;
use crate::support::random::Random;
use crate::support::raw_tar::Entry;
use crate::support::repository::TestRepository;
use crate::support::seaweedfs::SeaweedFs;
use crate::support::server::{Answer, Port, Server};
use crate::support::tarball::Tarball;
use crate::support::tools;
use crate::support::upstream::until;

/// Headers of which each kind of storage has its own.
const OWN: [&str; 3] = ["date", "etag", "last-modified"];

const PATHS: [&str; 24] = [
    "/names",
    "/versions",
    "/public_key",
    "/packages/welcome",
    "/packages/missing",
    "/packages/",
    "/packages",
    "/packages/welcome/",
    "/packages//welcome",
    "/packages/../names",
    "/packages/%2e%2e/names",
    "/packages/WELCOME",
    "/tarballs/welcome-0.1.0.tar",
    "/tarballs/large-1.0.0.tar",
    "/tarballs/welcome-9.9.9.tar",
    "/tarballs/missing-1.0.0.tar",
    "/docs/welcome-0.1.0.tar.gz",
    "/policies/missing",
    "/installs/hex-1.x.csv",
    "/key.pem",
    "/.hexreg-probe",
    "/api/packages/welcome",
    "/api/packages/missing",
    "/api/packages?search=name:welcome",
];

const HEADERS: [&[&str]; 16] = [
    &[],
    &["Range: bytes=0-9"],
    &["Range: bytes=5-"],
    &["Range: bytes=-5"],
    &["Range: bytes=200000-"],
    &["Range: bytes=99999999-"],
    &["Range: bytes=0-0,2-3"],
    &["Range: bytes=x"],
    &["Range: items=0-9"],
    &["If-None-Match: \"x\""],
    &["If-None-Match: *"],
    &["If-Match: \"x\""],
    &["If-Match: *"],
    &["If-Range: \"x\"", "Range: bytes=0-9"],
    &["If-Modified-Since: Thu, 01 Jan 1970 00:00:01 GMT"],
    &["If-Modified-Since: Thu, 01 Jan 2099 00:00:01 GMT", "Accept: application/json"],
];

/// The same registry in `public/` and in the bucket.
pub fn copied(bucket: Bucket) -> Writer {
    let repository = TestRepository::new().samples();
    let big = Entry::file("src/a.erl", &noise(400_000));
    let large = Tarball::new("large", "1.0.0").files(&[big]).build();
    repository.write_tarball("large-1.0.0.tar", &large);
    repository.build(&[]).ok();
    let writer = Writer { bucket, repository: repository.into() };
    writer.push().ok();
    writer
}

/// Bytes that cannot be compressed.
fn noise(length: usize) -> Vec<u8> {
    let mut random = Random::new(1);
    std::iter::repeat_with(|| random.next().to_le_bytes()[0]).take(length).collect()
}

/// An answer without what only one kind of storage has.
fn comparable(server: &Server, answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let here = server.address.to_string();
    let own = |name: &str| OWN.contains(&name);
    let mut headers = answer.headers.clone();
    for (name, value) in &mut headers {
        *value = if own(name) { String::new() } else { value.replace(&here, "HOST") };
    }
    headers.sort();
    let body = answer.text().replace(&here, "HOST");
    (answer.status, headers, body)
}

fn the_table_is_the_same(writer: &Writer) {
    let bucket = writer.serve(&writer.bucket, &[]);
    let directory = Server::of(&writer.repository, &["--private-key=key.pem"]);
    // A directory has dates once its files are old enough.
    std::thread::sleep(Duration::from_millis(2_100));
    let ask = |method: &str, path: &str, headers: &[&str]| {
        let [ours, theirs] = [&bucket, &directory]
            .map(|server| comparable(server, &server.ask(method, path, headers)));
        assert_eq!(ours, theirs, "{method} {path} {headers:?}");
        ours.0
    };
    let mut statuses = Vec::new();
    for path in PATHS {
        for method in ["GET", "HEAD"] {
            for headers in HEADERS {
                statuses.push(ask(method, path, headers));
            }
        }
        statuses.extend(["POST", "DELETE", "PUT"].map(|method| ask(method, path, &[])));
    }
    for status in [200, 206, 304, 404, 405, 412, 416] {
        assert!(statuses.contains(&status), "no {status}");
    }
    // Each has tags of its own.
    for path in ["/names", "/packages/welcome", "/tarballs/large-1.0.0.tar"] {
        for server in [&bucket, &directory] {
            let answer = server.get(path, &[]);
            let tag = answer.expect("etag").to_owned();
            assert!(tag.starts_with('"'), "{tag}");
            let date = answer.expect("last-modified").to_owned();
            let ask = |headers: &[&str]| server.get(path, headers);
            assert_eq!(ask(&[&format!("If-None-Match: {tag}")]).status, 304);
            assert_eq!(ask(&[&format!("If-Match: {tag}")]).body, answer.body);
            assert_eq!(ask(&[&format!("If-Modified-Since: {date}")]).status, 304);
            let part = ask(&["Range: bytes=10-19", &format!("If-Range: {tag}")]);
            assert_eq!((part.status, &part.body[..]), (206, &answer.body[10..20]), "{path}");
        }
    }
}

#[test]
fn a_bucket_of_seaweedfs_answers_as_a_directory() {
    let test = "a_bucket_of_seaweedfs_answers_as_a_directory";
    let Some(seaweedfs) = SeaweedFs::start(test) else { return };
    the_table_is_the_same(&copied(seaweedfs.bucket("registry")));
}

#[test]
fn a_bucket_of_moto_answers_as_a_directory() {
    let test = "a_bucket_of_moto_answers_as_a_directory";
    let Some(moto) = Moto::start(test) else { return };
    the_table_is_the_same(&copied(moto.bucket("registry")));
}

/// Behind one address, clients may reach another server each time.
#[test]
fn two_servers_give_an_object_the_same_tag() {
    let test = "two_servers_give_an_object_the_same_tag";
    let Some(moto) = Moto::start(test) else { return };
    let writer = copied(moto.bucket("registry"));
    let servers = [(); 2].map(|()| writer.serve(&writer.bucket, &[]));
    for path in ["/names", "/packages/welcome", "/tarballs/large-1.0.0.tar"] {
        let [one, other] = servers.each_ref().map(|server| server.get(path, &[]));
        assert_eq!(one.expect("etag"), other.expect("etag"));
        assert_eq!(one.expect("last-modified"), other.expect("last-modified"));
    }
}

/// The bucket itself answers nobody without its keys.
#[test]
fn rebar3_installs_from_a_private_bucket_with_a_token() {
    let test = "rebar3_installs_from_a_private_bucket_with_a_token";
    let Some(rebar3) = tools::find("rebar3", test) else { return };
    let Some(moto) = Moto::start(test) else { return };
    let writer = copied(moto.bucket("registry"));
    let refused = Port::at(writer.bucket.address()).get("/registry/hex/names", &[]);
    assert_eq!(refused.status, 403, "{}", refused.text());
    let token = writer.token("ci", &["--can=read"]);
    let server = writer.serve(&writer.bucket, &["auth-file = \"readers\""]);
    for path in ["/names", "/packages/welcome", "/tarballs/welcome-0.1.0.tar"] {
        assert_eq!(server.get(path, &[]).status, 401, "{path}");
        assert_eq!(server.get(path, &[&token]).status, 200, "{path}");
    }
    let token = token.split_once(": ").unwrap().1;
    let project = Project::of(rebar3, &writer.repository, &server.url(), Some(token));
    project.fetches(&writer.repository);
    let line = "visitor=ci method=GET path=\"/tarballs/welcome-0.1.0.tar\" status=200";
    // It is written after the client has its response.
    let quoted = line.replace("=ci", "=\"ci\"");
    until("the request is logged", || {
        [line, &quoted].iter().any(|line| writer.log().contains(line))
    });
}
