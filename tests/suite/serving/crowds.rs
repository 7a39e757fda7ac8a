//! Clients that hold connections must not keep others out.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use super::repository;
use crate::clients::tls::{Authority, TLS};
use crate::support::server::{Answer, Server};
use crate::support::tools;

/// No address of the loopback interface is trusted as a proxy, so each counts as a client.
const NO_PROXY: &str = "--trusted-proxy=192.0.2.1";

const NAMES: &[u8] = b"GET /names HTTP/1.1\r\nHost: localhost\r\n\r\n";
const LAST_NAMES: &[u8] = b"GET /names HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
const HEALTH: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
const BIG: &[u8] = b"GET /tarballs/big-1.0.0.tar HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A request that has to wait for a slot is refused after five seconds: one that was answered within this time has not
/// waited for one in vain.
const SOON: Duration = Duration::from_secs(4);

/// The response on a connection that must end soon.
#[track_caller]
fn answered(stream: TcpStream, request: &[u8]) -> Answer {
    let (answer, took) = timed(stream, request);
    assert!(took < SOON, "{took:?}");
    answer.expect("there is a response")
}

/// The response on a connection, if there is one, and how long it took until the connection ended.
fn timed(mut stream: TcpStream, request: &[u8]) -> (Option<Answer>, Duration) {
    let began = Instant::now();
    let _ = stream.write_all(request);
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    (Answer::parse(&bytes, false), began.elapsed())
}

/// The response to a client that retries while others of its address push it out.
#[track_caller]
fn answered_at_last(server: &Server, client: u8, request: &[u8]) -> Answer {
    let began = Instant::now();
    loop {
        let (answer, _) = timed(server.connect_from(client), request);
        let took = began.elapsed();
        assert!(took < SOON, "{took:?}");
        match answer {
            Some(answer) if answer.status == 200 => return answer,
            _ => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// Whether the server has closed it.
fn is_closed(stream: &TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    match (&*stream).read(&mut [0; 4096]) {
        Ok(read) => read == 0,
        Err(error) => {
            !matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
        }
    }
}

#[track_caller]
fn soon_closed(stream: &TcpStream) {
    let began = Instant::now();
    while !is_closed(stream) {
        assert!(began.elapsed() < Duration::from_secs(10), "it is open");
    }
}

/// How many refusals there were for a reason.
fn refused(server: &Server, reason: &str) -> u64 {
    let line = format!("hexreg_refusals_total{{reason=\"{reason}\"}} ");
    let metrics = server.metrics();
    let count = metrics
        .lines()
        .find_map(|one| one.strip_prefix(&line))
        .unwrap_or_else(|| panic!("{metrics}"));
    count.parse().unwrap()
}

const METRICS: &str = "--metrics-listen=127.0.0.1:0";

#[test]
fn a_full_server_closes_the_connection_that_is_idle_the_longest() {
    let repository = repository();
    let server = Server::of(&repository, &["--max-connections=8", NO_PROXY, METRICS]);
    let held: Vec<_> = (0..8)
        .map(|number| {
            let stream = server.connect_from(2 + number / 2);
            std::thread::sleep(Duration::from_millis(20));
            stream
        })
        .collect();
    // The first has sent a request since, so the second is idle the longest.
    (&held[0]).write_all(NAMES).unwrap();
    let mut first = [0; 15];
    (&held[0]).read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(answered(server.connect_from(9), LAST_NAMES).status, 200);
    soon_closed(&held[1]);
    for open in held.iter().skip(2) {
        assert!(!is_closed(open));
    }
    assert!(refused(&server, "idle_closed") >= 1);
    assert_eq!(refused(&server, "house_full"), 0);
}

#[test]
fn an_address_has_a_quarter_of_the_connections() {
    let repository = repository();
    let server = Server::of(&repository, &["--max-connections=8", NO_PROXY]);
    let other = server.connect_from(3);
    let held: Vec<_> = (0..40)
        .map(|_| {
            std::thread::sleep(Duration::from_millis(5));
            server.connect_from(2)
        })
        .collect();
    for closed in held.iter().take(38) {
        soon_closed(closed);
    }
    assert!(!is_closed(&held[38]) && !is_closed(&held[39]) && !is_closed(&other));
    // Another connection of it is admitted at once.
    assert_eq!(answered(server.connect_from(2), LAST_NAMES).status, 200);
    soon_closed(&held[38]);
}

/// What a hostile client may send before its first response, and after it.
#[test]
fn clients_that_only_hold_connections_keep_no_other_out() {
    let repository = repository();
    let token = repository.hexreg().run(["auth", "add", "readers", "ci"]).ok().stdout;
    let request = format!(
        "GET /names HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\nConnection: close\r\n\r\n",
        token.trim()
    );
    for said in [
        "",
        "GET /names HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    ] {
        let arguments = ["--max-connections=40", "--auth-file=readers", NO_PROXY, METRICS];
        let server = Server::of(&repository, &arguments);
        let held: Vec<_> = (0..200)
            .map(|_| {
                let mut stream = server.connect_from(2);
                let _ = stream.write_all(said.as_bytes());
                stream
            })
            .collect();
        for _ in 0..5 {
            for request in [request.as_bytes(), HEALTH] {
                assert_eq!(answered(server.connect_from(3), request).status, 200, "{said:?}");
                answered_at_last(&server, 2, request);
            }
        }
        drop(held);
        let closed = refused(&server, "idle_closed");
        // All but those that have a slot, and those that came while no connection was idle: these end after a response
        // in the reserve.
        assert!(closed >= 150, "{closed}");
        // The log has one line, however many there are. It comes a second after the first of them.
        let began = Instant::now();
        let log = loop {
            let log = fs::read_to_string(repository.path("serve.log")).unwrap();
            if log.contains("refused or closed") {
                break log;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "{log}");
            std::thread::sleep(Duration::from_millis(20));
        };
        let lines: Vec<_> = log.lines().filter(|line| line.contains("refused or closed")).collect();
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].contains("idle_closed=") && lines[0].contains("WARN"), "{lines:?}");
        fs::write(repository.path("serve.log"), b"").unwrap();
    }
}

/// Without a handshake there is no request.
#[test]
fn clients_without_a_handshake_keep_no_other_out() {
    let test = "clients_without_a_handshake_keep_no_other_out";
    let Some(openssl) = tools::find("openssl", test) else { return };
    let repository = repository();
    Authority::new(openssl, &repository).issue("server", "localhost");
    let arguments = [&TLS[..], &["--max-connections=8", NO_PROXY, METRICS]].concat();
    let server = Server::of(&repository, &arguments);
    let held: Vec<_> = (2..7).cycle().take(60).map(|number| server.connect_from(number)).collect();
    for _ in 0..3 {
        let began = Instant::now();
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--interface", "127.0.0.9", "--cacert"])
            .arg(repository.path("ca.pem"))
            .args(["--output", "/dev/null", "--write-out", "%{http_code}"])
            .arg(format!("https://localhost:{}/names", server.address.port()))
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "200", "{output:?}");
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    }
    drop(held);
    let mut stream = server.connect();
    stream.write_all(b"no hello").unwrap();
    let _ = stream.read_to_end(&mut Vec::new());
    assert_eq!(refused(&server, "tls_handshake"), 1);
}

/// A connection on which a large response has begun: it has a slot.
fn begun(mut stream: TcpStream) -> TcpStream {
    stream.write_all(BIG).unwrap();
    stream.read_exact(&mut [0; 1]).unwrap();
    stream
}

/// Reads so many bytes a second of a response, for some seconds. Returns how many it got.
fn take(stream: &mut TcpStream, rate: usize, seconds: f64) -> usize {
    let began = Instant::now();
    let mut taken = 0;
    let mut piece = vec![0; rate.div_ceil(20).max(1)];
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    while began.elapsed().as_secs_f64() < seconds {
        #[expect(clippy::cast_precision_loss, reason = "a few millions")]
        let due = taken as f64 / rate as f64;
        std::thread::sleep(Duration::from_secs_f64((due - began.elapsed().as_secs_f64()).max(0.0)));
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => break,
            Ok(read) => taken += read,
        }
    }
    taken
}

/// Every slot is taken by a client that reads its response fast enough.
#[test]
fn health_is_answered_while_all_slots_are_busy() {
    let repository = repository();
    repository.write("public/tarballs/big-1.0.0.tar", &vec![b'x'; 64 << 20]);
    let server = Server::of(&repository, &["--max-connections=4", NO_PROXY, METRICS]);
    let all_have_begun = Barrier::new(5);
    std::thread::scope(|scope| {
        for client in 2..6 {
            let (server, all_have_begun) = (&server, &all_have_begun);
            scope.spawn(move || {
                let mut stream = begun(server.connect_from(client));
                all_have_begun.wait();
                let taken = take(&mut stream, 600_000, 9.0);
                assert!(taken > 3_000_000, "{taken}");
            });
        }
        all_have_begun.wait();
        // Another request waits for a slot, and is refused without one.
        let late = scope.spawn(|| {
            let began = Instant::now();
            let mut stream = server.connect_from(7);
            stream.write_all(NAMES).unwrap();
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).unwrap();
            (Answer::parse(&bytes, false).unwrap(), began.elapsed())
        });
        // Connections that hold slots of the reserve keep no other out, from many addresses or one.
        let held: Vec<_> =
            (20..23).cycle().take(300).map(|number| server.connect_from(number)).collect();
        for client in [8, 20, 2] {
            let answer = answered(server.connect_from(client), HEALTH);
            assert_eq!((answer.status, answer.text().as_str()), (200, "200 OK\n"), "{client}");
        }
        drop(held);
        let (answer, took) = late.join().unwrap();
        assert_eq!(answer.status, 503);
        assert_eq!(answer.expect("retry-after"), "1");
        assert!(took > Duration::from_secs(4) && took < Duration::from_secs(15), "{took:?}");
        assert!(refused(&server, "house_full") >= 1);
    });
    // These have ended. One whose end the server has not seen yet gives way once it has read nothing for a second.
    let (answer, took) = timed(server.connect_from(7), LAST_NAMES);
    assert!(answer.is_some_and(|answer| answer.status == 200) && took < SOON, "{took:?}");
}

/// It gets the slot as soon as one is free.
#[test]
fn a_request_waits_for_a_slot() {
    let repository = repository();
    repository.write("public/tarballs/big-1.0.0.tar", &vec![b'x'; 64 << 20]);
    let server = Server::of(&repository, &["--max-connections=1", NO_PROXY]);
    std::thread::scope(|scope| {
        let mut busy = begun(server.connect_from(2));
        let holder = scope.spawn(move || {
            take(&mut busy, 600_000, 2.0);
            // The slot is free from now on.
            Instant::now()
        });
        let mut stream = server.connect_from(3);
        stream.write_all(LAST_NAMES).unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let answered = Instant::now();
        assert_eq!(Answer::parse(&bytes, false).unwrap().status, 200);
        let waited = answered.checked_duration_since(holder.join().unwrap());
        assert!(waited.is_some_and(|waited| waited < SOON), "{waited:?}");
    });
}

/// It reads below the least rate, though it reads all the time.
#[test]
fn a_client_that_reads_byte_by_byte_is_cut_off() {
    let repository = repository();
    repository.write("public/tarballs/big-1.0.0.tar", &vec![b'x'; 16 << 20]);
    let server = Server::of(&repository, &["--idle-timeout=3", NO_PROXY, METRICS]);
    let mut stream = server.connect_narrowly_from(2, 4_096);
    stream.write_all(BIG).unwrap();
    // The server fills the send buffer at once, and the client reads a hundred bytes a second.
    let began = Instant::now();
    while refused(&server, "too_slow") == 0 {
        assert!(began.elapsed() < Duration::from_secs(25), "it is not cut off");
        let _ = stream.read(&mut [0; 10]);
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(began.elapsed() > Duration::from_secs(2), "{:?}", began.elapsed());
}

/// The send buffer must not make a slow client look like one that reads nothing.
#[test]
fn a_slow_client_is_served() {
    let repository = repository();
    repository.write("public/tarballs/big-1.0.0.tar", &vec![b'x'; 64 << 20]);
    let server = Server::of(&repository, &["--idle-timeout=4", NO_PROXY, METRICS]);
    let mut stream = server.connect_from(2);
    stream.write_all(BIG).unwrap();
    let taken = take(&mut stream, 100_000, 14.0);
    assert!(taken > 1_200_000, "{taken}");
    assert_eq!(refused(&server, "too_slow"), 0);
}

/// Slow clients hold all connections of one address; the slowest make room.
#[test]
fn clients_that_read_next_to_nothing_give_way() {
    let repository = repository();
    repository.write("public/tarballs/big-1.0.0.tar", &vec![b'x'; 16 << 20]);
    let server = Server::of(&repository, &["--max-connections=40", NO_PROXY, METRICS]);
    let held: Vec<_> = (0..100)
        .map(|_| {
            let mut stream = server.connect_from(2);
            let _ = stream.write_all(BIG);
            stream
        })
        .collect();
    // Other addresses are admitted at once.
    assert_eq!(answered(server.connect_from(3), LAST_NAMES).status, 200);
    // One gives way once the server has seen for a second that it reads nothing.
    std::thread::sleep(Duration::from_millis(1_500));
    answered_at_last(&server, 2, LAST_NAMES);
    assert!(refused(&server, "too_slow") >= 1);
    drop(held);
}

#[test]
fn malformed_requests_are_counted_and_logged() {
    let repository = repository();
    let server = Server::of(&repository, &["--idle-timeout=2", METRICS]);
    let large =
        format!("GET /names HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    for (request, status) in [("junk\r\n\r\n", 400), (large.as_str(), 431)] {
        let answer = server.send(request.as_bytes(), false);
        assert!(answer.is_none_or(|answer| answer.status == status));
    }
    let mut slow = server.connect();
    slow.write_all(b"GET /names HTTP/1.1\r\n").unwrap();
    let _ = slow.read_to_end(&mut Vec::new());
    // A connection that ends idle is not counted.
    let mut idle = server.connect();
    idle.write_all(NAMES).unwrap();
    let _ = idle.read_to_end(&mut Vec::new());
    let counts =
        ["malformed", "head_too_large", "head_timeout"].map(|reason| refused(&server, reason));
    assert_eq!(counts, [1, 1, 1]);
    let metrics = server.metrics();
    for status in [400, 431] {
        let line = format!("hexreg_requests_total{{kind=\"other\",status=\"{status}\"}} 1\n");
        assert!(metrics.contains(&line), "{metrics}");
        let log = fs::read_to_string(repository.path("serve.log")).unwrap();
        let line = log.lines().find(|line| line.contains(&format!("status={status}")));
        assert!(line.is_some_and(|line| line.contains("client=127.0.0.1")), "{log}");
    }
}

/// Without them, its connections could take all file descriptors.
#[test]
fn the_metrics_listener_has_limits_too() {
    let repository = repository();
    let server = Server::of(&repository, &[METRICS]);
    let port = server.said.rsplit("http://127.0.0.1:").next().unwrap().split('/').next().unwrap();
    let connect = || TcpStream::connect(("127.0.0.1", port.parse().unwrap())).unwrap();
    let held: Vec<_> = (0..200)
        .map(|_| {
            let mut stream = connect();
            let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\n");
            stream
        })
        .collect();
    assert!(refused(&server, "idle_closed") >= 184);
    for closed in held.iter().take(184) {
        soon_closed(closed);
    }
    assert!(!is_closed(&held[199]));
    // Nor may a web page under another name read them.
    for (host, status) in [("attacker.example", 421), ("localhost:9", 200)] {
        let request = format!("GET /metrics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let answer = answered(connect(), request.as_bytes());
        assert_eq!((answer.status, answer.expect("x-content-type-options")), (status, "nosniff"));
    }
}

/// Prometheus asks a pod by its address.
#[test]
fn metrics_of_another_address_are_for_other_machines() {
    let repository = repository();
    let server = Server::of(&repository, &["--metrics-listen=0.0.0.0:0"]);
    let port = server.said.rsplit("http://0.0.0.0:").next().unwrap().split('/').next().unwrap();
    for host in ["10.0.0.7:9568", "hexreg-0.hexreg"] {
        let stream = TcpStream::connect(("127.0.0.1", port.parse().unwrap())).unwrap();
        let request = format!("GET /metrics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let answer = answered(stream, request.as_bytes());
        assert_eq!(answer.status, 200, "{host}");
        assert!(
            answer.text().contains("hexreg_requests_total") || answer.text().ends_with("# EOF\n")
        );
    }
    // Beside them, the server has nothing there.
    let stream = TcpStream::connect(("127.0.0.1", port.parse().unwrap())).unwrap();
    let request = b"GET /names HTTP/1.1\r\nHost: 10.0.0.7\r\nConnection: close\r\n\r\n";
    assert_eq!(answered(stream, request).status, 404);
}

/// `hexreg serve` under `ulimit`, and what it may have open then.
fn limited(
    repository: &crate::support::repository::TestRepository,
    ulimit: &str,
    more: &[&str],
) -> (Server, String) {
    let script = format!("{ulimit}; exec \"$0\" \"$@\"");
    let server =
        Server::within(repository.root(), &["sh", "-c", &script], &[&["public"], more].concat());
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.id())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let soft = line.split_whitespace().nth(3).unwrap().to_owned();
    (server, soft)
}

#[test]
fn the_limit_of_open_files_is_raised_for_connections() {
    let repository = repository();
    let (_server, soft) = limited(&repository, "ulimit -Sn 64", &["--max-connections=1000"]);
    let soft: u64 = soft.parse().unwrap();
    assert!((2_330..3_000).contains(&soft), "{soft}");
    let log = || fs::read_to_string(repository.path("serve.log")).unwrap();
    assert!(!log().contains("WARN"), "{}", log());

    // Where that is not allowed, there are fewer connections, and these work.
    let (server, soft) =
        limited(&repository, "ulimit -n 200", &["--max-connections=1000", METRICS]);
    assert_eq!(soft, "200");
    let warning = log().lines().find(|line| line.contains("WARN")).unwrap_or_default().to_owned();
    assert!(
        warning.contains("RLIMIT_NOFILE") && warning.contains("--max-connections=52"),
        "{warning}"
    );
    let held: Vec<_> =
        (2..52).cycle().take(400).map(|number| server.connect_from(number)).collect();
    assert_eq!(answered(server.connect_from(99), LAST_NAMES).status, 200);
    assert_eq!(answered(server.connect_from(2), HEALTH).status, 200);
    drop(held);
    assert!(refused(&server, "idle_closed") > 300);
}

/// Other parts of the process took the rest; health needs none.
#[test]
#[cfg(target_os = "linux")]
fn without_descriptors_idle_connections_are_closed() {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    let repository = repository();
    let server = Server::of(&repository, &[NO_PROXY, METRICS]);
    assert_eq!(refused(&server, "no_descriptor"), 0);
    let id = i32::try_from(server.id()).unwrap();
    let open = fs::read_dir(format!("/proc/{id}/fd")).unwrap().count();
    let limit = Rlimit { current: Some(open as u64 + 30), maximum: Some(open as u64 + 30) };
    prlimit(Pid::from_raw(id), Resource::Nofile, limit).unwrap();
    let held: Vec<_> = (2..62).map(|number| server.connect_from(number)).collect();
    std::thread::sleep(Duration::from_millis(500));
    for _ in 0..3 {
        assert_eq!(answered(server.connect_from(99), HEALTH).status, 200);
    }
    drop(held);
    let began = Instant::now();
    let log = loop {
        let log = fs::read_to_string(repository.path("serve.log")).unwrap();
        if refused(&server, "no_descriptor") >= 1 && log.contains("could not accept connections") {
            break log;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{log}");
        std::thread::sleep(Duration::from_millis(50));
    };
    let lines = log.lines().filter(|line| line.contains("could not accept connections"));
    assert_eq!(lines.count(), 1, "{log}");
    assert!(log.contains("Too many open files"), "{log}");
}
