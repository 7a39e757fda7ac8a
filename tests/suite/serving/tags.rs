//! What tells a client that the copy it has is still the file.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::repository;
use crate::support::repository::TestRepository;
use crate::support::server::{Answer, Server};
use crate::support::stopwatch::Stopwatch;
use crate::support::tools;

/// A file that is served with any content.
const PATH: &str = "/versions";
const FILE: &str = "public/versions";

/// A whole second, as `SOURCE_DATE_EPOCH` and many file systems have it.
fn whole_second() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}

/// Puts a file in place of another one, as hexreg does, with this time of modification.
fn replace(repository: &TestRepository, path: &str, bytes: &[u8], modified: SystemTime) {
    let (path, new) = (repository.path(path), repository.path("new"));
    fs::write(&new, bytes).unwrap();
    File::options().write(true).open(&new).unwrap().set_modified(modified).unwrap();
    fs::rename(new, path).unwrap();
}

fn tag(answer: &Answer) -> String {
    answer.expect("etag").to_owned()
}

/// The response once the file was unchanged for long enough to have a date.
pub fn settled(server: &Server, path: &str) -> Answer {
    let began = Instant::now();
    loop {
        let answer = server.get(path, &[]);
        if answer.header("last-modified").is_some() {
            return answer;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "it never settles");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Same size, same time of modification, all within a moment.
#[test]
fn different_bytes_of_the_same_size_and_time_have_different_tags() {
    let repository = repository();
    let server = Server::of(&repository, &[]);
    let path = repository.path(FILE);
    let mut before: Option<(String, Vec<u8>)> = None;
    for round in 0..200_u32 {
        let bytes = format!("{round:0>600}").into_bytes();
        if round % 2 == 0 {
            replace(&repository, FILE, &bytes, whole_second());
        } else {
            // Written in place, as other programs do.
            let file = File::options().write(true).open(&path).unwrap();
            file.write_all_at(&bytes, 0).unwrap();
            file.set_modified(whole_second()).unwrap();
        }
        let condition = before.as_ref().map(|(tag, _)| format!("If-None-Match: {tag}"));
        let answer = server.get(PATH, condition.as_deref().as_slice());
        assert_eq!((answer.status, &answer.body), (200, &bytes), "{round}");
        let tag = tag(&answer);
        assert!(before.is_none_or(|(before, _)| before != tag), "{round}");
        let again = server.get(PATH, &[&format!("If-None-Match: {tag}")]);
        assert_eq!((again.status, again.body.len()), (304, 0), "{round}");
        before = Some((tag, bytes));
    }
}

#[test]
fn a_file_from_before_1970_has_a_tag() {
    let repository = repository();
    let server = Server::of(&repository, &[]);
    let bytes = repository.read(FILE);
    for modified in [UNIX_EPOCH - Duration::from_secs(1), UNIX_EPOCH] {
        replace(&repository, FILE, &bytes, modified);
        let answer = server.get(PATH, &[]);
        assert_eq!((answer.status, &answer.body), (200, &bytes));
        let again = server.get(PATH, &[&format!("If-None-Match: {}", tag(&answer))]);
        assert_eq!(again.status, 304);
    }
}

/// Behind one address, clients may reach another server each time.
#[test]
fn copies_of_a_file_have_the_same_tag() {
    let repository = repository();
    let server = Server::of(&repository, &[]);
    let paths =
        ["/packages/greeting", "/names", "/packages/welcome", "/tarballs/welcome-0.1.0.tar"];
    let copies: Vec<_> =
        paths.into_iter().map(|path| (path, tag(&server.get(path, &[])))).collect();
    for (path, tag_here) in &copies {
        let path_there = format!("copy{path}");
        repository.write(&path_there, &repository.read(&format!("public{path}")));
        let file = File::options().write(true).open(repository.path(&path_there)).unwrap();
        file.set_modified(whole_second()).unwrap();
        let other = Server::run(repository.root(), &["copy"]);
        let answer = other.get(path, &[&format!("If-None-Match: {tag_here}")]);
        assert_eq!((answer.status, tag(&answer)), (304, tag_here.clone()), "{path}");
        // What does not change the bytes does not change the tag.
        repository.chmod(&path_there, 0o640);
        assert_eq!(tag(&other.get(path, &[])), *tag_here, "{path}");
    }
    let mut tags: Vec<_> = copies.iter().map(|(_, tag)| tag).collect();
    tags.dedup();
    assert_eq!(tags.len(), 4);
}

/// A date has whole seconds, and a time of modification may be set to anything.
#[test]
fn a_date_never_validates_other_bytes() {
    let repository = repository();
    let server = Server::of(&repository, &[]);
    // Once it is two seconds old, it has a date. If the machine is too busy to ask before that, the file is replaced again.
    let (fresh, part) = loop {
        let replaced = Instant::now();
        replace(&repository, FILE, b"0123456789", whole_second());
        let now = httpdate(SystemTime::now() + Duration::from_secs(1));
        let fresh = server.get(PATH, &[&format!("If-Modified-Since: {now}")]);
        let part = server.get(PATH, &["Range: bytes=7-", &format!("If-Range: {now}")]);
        if replaced.elapsed() < Duration::from_millis(1_500) {
            break (fresh, part);
        }
    };
    assert_eq!((fresh.status, fresh.header("last-modified")), (200, None), "it may change yet");
    assert_eq!((part.status, part.body.as_slice()), (200, &b"0123456789"[..]));

    let answer = settled(&server, PATH);
    let date = answer.expect("last-modified").to_owned();
    let since = [format!("If-Modified-Since: {date}"), format!("If-Unmodified-Since: {date}")];
    let range = ["Range: bytes=7-".to_owned(), format!("If-Range: {date}")];
    let ask = |lines: &[String]| {
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        let answer = server.get(PATH, &lines);
        (answer.status, String::from_utf8(answer.body).unwrap())
    };
    assert_eq!(ask(&since[..1]), (304, String::new()));
    assert_eq!(ask(&since[1..]).0, 200);
    assert_eq!(ask(&range), (206, "789".to_owned()));

    // The same time, and other bytes.
    replace(&repository, FILE, b"abcdefghij", whole_second());
    let whole = (200, "abcdefghij".to_owned());
    assert_eq!(ask(&since[..1]), whole);
    assert_eq!(ask(&range), whole);
    settled(&server, PATH);
    assert_eq!(ask(&since[..1]), whole);
    assert_eq!(ask(&since[1..]).0, 412);
    assert_eq!(ask(&range), whole);
}

fn httpdate(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap().as_secs();
    let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let day = usize::try_from(seconds / 86_400 % 7).unwrap();
    let time = jiff::Timestamp::from_second(i64::try_from(seconds).unwrap()).unwrap();
    let time = time.to_zoned(jiff::tz::TimeZone::UTC);
    format!("{}, {} GMT", days[day], time.strftime("%d %b %Y %H:%M:%S"))
}

/// A file larger than any of a registry is not read for its tag.
#[test]
fn a_very_large_file_has_the_tag_of_its_stamp() {
    let repository = repository();
    let name =
        "git/git.example/dep.git/objects/pack/pack-4b825dc642cb6eb9a060e54bf8d69288fbee4904.pack";
    let file = File::create(repository.path(&format!("public/{name}"))).unwrap();
    // A sparse file.
    file.set_len(3 << 30).unwrap();
    let server = Server::of(&repository, &[]);
    let path = format!("/{name}");
    let head = |lines: &[&str]| server.ask("HEAD", &path, lines);
    // As above: it has to be new when it is asked for.
    let fresh = loop {
        let (written, work) = (Instant::now(), Stopwatch::of(&server));
        file.set_modified(SystemTime::now()).unwrap();
        let fresh = head(&[]);
        assert!(work.elapsed() < Duration::from_secs(2), "it was read: {:?}", work.elapsed());
        if written.elapsed() < Duration::from_millis(1_500) {
            break fresh;
        }
    };
    assert_eq!((fresh.status, fresh.expect("content-length")), (200, "3221225472"));
    // It may change in this moment, and its stamp stay the same.
    assert!(fresh.expect("etag").starts_with("W/\""), "{}", fresh.expect("etag"));
    let weak = format!("If-Range: {}", fresh.expect("etag"));
    let started = Instant::now();
    let tag = loop {
        let answer = head(&[]);
        if answer.expect("etag").starts_with('"') {
            break tag(&answer);
        }
        assert!(started.elapsed() < Duration::from_secs(20), "it never settles");
        std::thread::sleep(Duration::from_millis(50));
    };
    let part = |condition: &str| server.get(&path, &["Range: bytes=5-9", condition]).status;
    assert_eq!(part(&format!("If-Range: {tag}")), 206);
    assert_eq!(head(&[&format!("If-None-Match: {tag}")]).status, 304);
    assert_eq!(head(&["Range: bytes=5-9", &weak]).status, 200);
    file.write_all_at(b"x", 7).unwrap();
    assert_eq!(head(&[&format!("If-None-Match: {tag}")]).status, 200);
}

/// How much a process has read so far.
fn read_by(server: &Server) -> u64 {
    let text = fs::read_to_string(format!("/proc/{}/io", server.id())).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap();
    line.parse().unwrap()
}

#[test]
fn a_file_is_read_for_its_tag_once() {
    let test = "a_file_is_read_for_its_tag_once";
    if !Path::new("/proc/self/io").exists() {
        tools::leave_out(&format!("{test} needs /proc/PID/io"));
        return;
    }
    let repository = repository();
    let size = 8 << 20;
    let server = Server::of(&repository, &[]);
    let written = Instant::now();
    repository.write("public/tarballs/big-1.0.0.tar", &vec![b'x'; size]);
    let head = || {
        let before = read_by(&server);
        server.ask("HEAD", "/tarballs/big-1.0.0.tar", &[]);
        read_by(&server) - before
    };
    let size = size as u64;
    // Just written, it is read each time, unless the machine is too busy to ask twice in two seconds.
    let both = [head(), head()];
    let is_just_written = written.elapsed() < Duration::from_millis(1_500);
    assert!(both[0] >= size && (both[1] >= size || !is_just_written), "{both:?}");
    let began = Instant::now();
    while head() >= size {
        assert!(began.elapsed() < Duration::from_secs(20), "it is read each time");
        std::thread::sleep(Duration::from_millis(200));
    }
    for _ in 0..5 {
        assert!(head() < size / 2);
    }
    repository.write("public/tarballs/big-1.0.0.tar", &vec![b'y'; 8 << 20]);
    assert!(head() >= size);
}
