//! How long servers are waited for: as long as they take or send bytes, unless they are too slow.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hexreg::repository::Folder;
use hexreg::store::{BucketStore, RequestLimits, Settings, Store, StoreError, StoreErrorKind};

use super::{apply, path, update};
use crate::support::server::read_head;

/// Instead of half a minute.
const STALL: Duration = Duration::from_secs(2);

/// The fewest bytes a second: an eighth of what a server takes here that is fast enough.
const FLOOR: u32 = 1 << 20;

/// How much later than planned it may be on a busy machine. It is less than half a minute in all.
const LATE: Duration = Duration::from_secs(10);

/// A server with a given behaviour, and the number of its requests.
struct Behaving {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl Behaving {
    /// A server that calls `behave` for each connection, after the head of a request.
    fn so(behave: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let (behave, count) = (Arc::new(behave), Arc::clone(&asked));
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let (behave, count) = (Arc::clone(&behave), Arc::clone(&count));
                thread::spawn(move || {
                    let head = read_head(&mut stream)?;
                    count.fetch_add(1, Ordering::SeqCst);
                    behave(&head, &mut stream);
                    // The connection stays open.
                    thread::sleep(Duration::from_secs(60));
                    Some(())
                });
            }
        });
        Self { address, asked }
    }

    fn store(&self) -> BucketStore {
        let settings = Settings {
            endpoint: Some(format!("http://{}", self.address)),
            variables: [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")]
                .into_iter()
                .collect(),
            limits: RequestLimits { stall: STALL, floor: FLOOR, ..RequestLimits::default() },
        };
        let store = BucketStore::open(&"s3://bucket/acme".parse().unwrap(), &settings).unwrap();
        store.assume_single_writer(true)
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// Checks that the error names the server and that the request was given up in time.
    #[track_caller]
    fn is_given_up<T: std::fmt::Debug>(
        &self,
        what: impl FnOnce(&BucketStore) -> Result<T, StoreError>,
        within: Duration,
    ) -> String {
        let store = self.store();
        let began = Instant::now();
        let error = what(&store).unwrap_err();
        let took = began.elapsed();
        assert!(matches!(error.kind, StoreErrorKind::TimedOut(_)), "{error:?}");
        assert!(took >= STALL && took < within + LATE, "{took:?}: {error:?}");
        let told = error.kind.to_string();
        assert!(told.contains(&self.address.to_string()), "{told}");
        told
    }
}

/// Reads a body in pieces, one each `pause`. What comes late on a busy machine is made up for.
fn read_body(head: &str, stream: &mut TcpStream, pause: Duration) {
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().unwrap())
    });
    let (mut rest, mut piece) = (length.unwrap_or(0), vec![0; PIECE]);
    let (began, mut due) = (Instant::now(), Duration::ZERO);
    while rest > 0 {
        let Ok(read @ 1..) = stream.read(&mut piece[..rest.min(PIECE)]) else { return };
        rest -= read;
        due += pause;
        thread::sleep(due.saturating_sub(began.elapsed()));
    }
}

const PIECE: usize = 256 << 10;

#[test]
fn a_silent_server_is_given_up() {
    let silent = Behaving::so(|_, _| {});
    let told = silent.is_given_up(Store::walk, STALL * 3);
    assert!(told.contains("has neither taken nor sent a byte for 2 seconds"), "{told}");
    assert_eq!(silent.asked(), 1);
}

/// The object of the write is read once. The error has the time that all attempts took.
#[test]
fn a_write_without_a_response_is_not_repeated_for_long() {
    let silent = Behaving::so(|head, stream| read_body(head, stream, Duration::ZERO));
    let write = |store: &BucketStore| apply(store, &[&[update("packages/foo", "x", None)]]).1;
    let told = silent.is_given_up(write, STALL * 5);
    assert!(told.contains("; given up after "), "{told}");
    assert_eq!(silent.asked(), 2);
}

/// Longer than any limit, without a byte of a response in the meantime.
#[test]
fn a_long_upload_goes_on_as_long_as_it_moves() {
    let began = Instant::now();
    let server = Behaving::so(|head, stream| {
        // 8 MiB a second.
        read_body(head, stream, Duration::from_millis(31));
        let answer = "HTTP/1.1 200 OK\r\nETag: \"tag\"\r\nContent-Length: 0\r\n\r\n";
        let _ = stream.write_all(answer.as_bytes());
    });
    let large = "x".repeat(48 << 20);
    apply(&server.store(), &[&[update("tarballs/foo-1.0.0.tar", &large, None)]]).1.unwrap();
    assert!(began.elapsed() > STALL * 2, "{:?}", began.elapsed());
    assert_eq!(server.asked(), 1);
}

/// Bytes that the system buffers and the server never takes are not progress for ever.
#[test]
fn an_upload_that_stops_is_given_up() {
    let server = Behaving::so(|_, _| {});
    let large = "x".repeat(48 << 20);
    let write = |store: &BucketStore| apply(store, &[&[update("tarballs/foo", &large, None)]]).1;
    // The bytes in the system's buffer, and a read of the object.
    let told = server.is_given_up(write, STALL * 6);
    assert!(told.contains("has neither taken nor sent a byte"), "{told}");
}

#[test]
fn a_response_that_stops_or_drips_is_given_up() {
    let head = "HTTP/1.1 200 OK\r\nETag: \"tag\"\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n\
                Content-Length: 100000000\r\n\r\n";
    let stops = Behaving::so(move |_, stream| {
        let _ = stream.write_all(head.as_bytes());
        let _ = stream.write_all(b"some");
    });
    let read = |store: &BucketStore| store.read(&path("names"), 1 << 30, &mut Vec::new());
    let told = stops.is_given_up(read, STALL * 4);
    assert!(told.contains("has neither taken nor sent a byte"), "{told}");

    let drips = Behaving::so(move |_, stream| {
        let _ = stream.write_all(head.as_bytes());
        while stream.write_all(b"drop").is_ok() {
            thread::sleep(Duration::from_millis(50));
        }
    });
    let told = drips.is_given_up(read, STALL * 4);
    assert!(told.contains("is too slow: "), "{told}");
}

/// How many MiB a server could send that responds with this head and an endless body; with the error.
fn sent_until_cut_off(
    head: &'static str,
    what: impl FnOnce(&BucketStore) -> StoreError,
) -> (u64, String) {
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let server = Behaving::so(move |request, stream| {
        let length = request.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        let _ = stream.read_exact(&mut body);
        let _ = stream.write_all(head.as_bytes());
        let piece = "<Prefix>a</Prefix>".repeat(4_000);
        let chunk = format!("{:x}\r\n{piece}\r\n", piece.len());
        // A reader without a limit would take all of it.
        for _ in 0..4_000 {
            if stream.write_all(chunk.as_bytes()).is_err() {
                return;
            }
            count.fetch_add(piece.len(), Ordering::SeqCst);
        }
    });
    let error = what(&server.store());
    assert!(error.kind.to_string().len() < 500, "{error:?}");
    ((sent.load(Ordering::SeqCst) >> 20).try_into().unwrap(), error.kind.to_string())
}

/// Only objects may have any size.
#[test]
fn an_endless_response_is_cut_off() {
    let listing = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1b\r\n<ListBucketResult><Name>b</\r\n";
    let refusal = "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n";
    let missing = "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n";
    let list = |store: &BucketStore| store.list(Folder::Tarballs).unwrap_err();
    let read = |store: &BucketStore| store.read(&path("names"), 100, &mut Vec::new()).unwrap_err();
    let write =
        |store: &BucketStore| apply(store, &[&[update("packages/foo", "x", None)]]).1.unwrap_err();
    let told = [
        sent_until_cut_off(listing, list),
        sent_until_cut_off(listing, |store| store.walk().unwrap_err()),
        sent_until_cut_off(refusal, list),
        sent_until_cut_off(refusal, read),
        sent_until_cut_off(missing, read),
        sent_until_cut_off(refusal, write),
    ];
    for (number, (sent, told)) in told.iter().enumerate() {
        assert!(*sent < 40, "{number}: {sent} MiB: {told}");
        assert!(told.contains("answers with more than 16777216 bytes"), "{number}: {told}");
    }
}
