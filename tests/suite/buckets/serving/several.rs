//! Two servers in front of one bucket, behind nginx.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::metric;
use super::table::copied;
use crate::buckets::Writer;
use crate::support::detour::{Detour, Way};
use crate::support::random::setting;
use crate::support::s3rver::S3rver;
use crate::support::seaweedfs::SeaweedFs;
use crate::support::server::{Port, Server, free_address};
use crate::support::tarball::Tarball;
use crate::support::tools;

/// nginx in front of servers, in turns, ended when dropped.
struct Balancer {
    server: Server,
    _prefix: TempDir,
}

impl Balancer {
    fn before(program: &Path, address: SocketAddr, servers: &[SocketAddr]) -> Self {
        let prefix = TempDir::new().unwrap();
        let servers =
            servers.iter().map(|server| format!("server {server} max_fails=1 fail_timeout=1s;"));
        let servers = servers.collect::<Vec<_>>().join(" ");
        let configuration = format!(
            "daemon off;\nmaster_process off;\npid {prefix}/pid;\nerror_log {prefix}/error.log;\n\
             events {{}}\n\
             http {{\n access_log off;\n client_max_body_size 64m;\n\
             client_body_temp_path {prefix}/body;\n proxy_temp_path {prefix}/proxy;\n\
             fastcgi_temp_path {prefix}/fastcgi;\n uwsgi_temp_path {prefix}/uwsgi;\n\
             scgi_temp_path {prefix}/scgi;\n\
             upstream servers {{ {servers} }}\n\
             server {{ listen {address}; location / {{\n\
             proxy_pass http://servers; proxy_set_header Host $http_host;\n\
             proxy_set_header X-Forwarded-For $remote_addr; }} }}\n}}\n",
            prefix = prefix.path().display(),
        );
        fs::write(prefix.path().join("nginx.conf"), configuration).unwrap();
        let mut command = Command::new(program);
        command.arg("-p").arg(prefix.path()).args(["-c", "nginx.conf"]).stderr(Stdio::null());
        Self { server: Server::other(&mut command, address), _prefix: prefix }
    }
}

/// Two servers in front of one bucket, and nginx in front of them.
struct Pair {
    _seaweedfs: SeaweedFs,
    writer: Writer,
    detour: Detour,
    addresses: [SocketAddr; 2],
    token: String,
    balancer: Balancer,
}

impl Pair {
    /// `None` where a program is not installed.
    fn start(test: &str) -> Option<(Self, [Server; 2])> {
        let nginx = tools::find("nginx", test)?;
        let seaweedfs = SeaweedFs::start(test)?;
        let writer = copied(seaweedfs.bucket("registry"));
        let detour = Detour::before(writer.bucket.address());
        let token = writer.token("ci", &["--can=publish"]);
        let (front, addresses) = (free_address(), [free_address(), free_address()]);
        let balancer = Balancer::before(&nginx, front, &addresses);
        let this = Self { _seaweedfs: seaweedfs, writer, detour, addresses, token, balancer };
        let servers = [0, 1].map(|number| this.serve(number));
        Some((this, servers))
    }

    fn serve(&self, number: usize) -> Server {
        let (listen, front) = (self.addresses[number], self.balancer.server.address);
        let bucket = self.writer.bucket.clone().behind(self.detour.address());
        self.writer.serve(
            &bucket,
            &[
                &format!("listen = \"{listen}\""),
                &format!("url = \"http://{front}\""),
                "auth-file = \"readers\"",
                "metrics-listen = \"127.0.0.1:0\"",
                "allow-anonymous = true",
            ],
        )
    }

    /// Publishes through the balancer; the status, or `None` if there was no answer.
    fn publish(&self, name: &str, version: &str) -> Option<u16> {
        let port = Port::at(self.balancer.server.address);
        let path = format!("/api/packages/{name}/releases?replace=false");
        let headers =
            [&*self.token, "Accept: application/json", "Content-Type: application/octet-stream"];
        let tarball = Tarball::new(name, version).build();
        port.post(&path, &headers, &tarball).map(|answer| answer.status)
    }

    /// Publishes all versions of some packages, each package by a client of its own; the slowest answer.
    fn publish_all(&self, packages: usize, versions: usize) -> Duration {
        thread::scope(|scope| {
            let clients: Vec<_> = (0..packages)
                .map(|package| {
                    scope.spawn(move || {
                        let publish = |version: usize| {
                            let began = Instant::now();
                            let name = format!("racing{package}");
                            let status = self.publish(&name, &format!("1.0.{version}"));
                            assert_eq!(status, Some(201), "{name} {version}: {}", self.errors());
                            began.elapsed()
                        };
                        (0..versions).map(publish).max().unwrap()
                    })
                })
                .collect();
            clients.into_iter().map(|client| client.join().unwrap()).max().unwrap()
        })
    }

    /// What the log says of changes that were not made.
    fn errors(&self) -> String {
        let log = self.writer.log();
        let errors = log.lines().filter(|line| line.contains("ERROR") || line.contains("WARN"));
        errors.collect::<Vec<_>>().join("\n")
    }

    /// All releases are there, and nothing is wrong.
    fn has_all(&self, packages: usize, versions: usize) {
        self.writer.verify(&[]).ok();
        let named = self.writer.tree().releases();
        for package in 0..packages {
            for version in 0..versions {
                let file = format!("racing{package}-1.0.{version}.tar");
                assert!(named.contains(&file), "{file} is lost");
            }
        }
    }
}

#[test]
fn no_release_is_lost_that_is_published_through_two_servers() {
    let test = "no_release_is_lost_that_is_published_through_two_servers";
    let Some((pair, servers)) = Pair::start(test) else { return };
    pair.publish_all(40, 5);
    pair.has_all(40, 5);
    // Both have published.
    let made = servers
        .each_ref()
        .map(|server| metric(server, "hexreg_changes_total{action=\"publish\",result=\"done\"}"));
    assert!(made.iter().sum::<u64>() == 200 && made.iter().all(|made| *made > 0), "{made:?}");
}

/// Storage in another town.
#[test]
fn fifty_clients_publish_in_time_though_storage_is_slow() {
    let test = "fifty_clients_publish_in_time_though_storage_is_slow";
    let Some((pair, _servers)) = Pair::start(test) else { return };
    pair.detour.go(Way::Delay(Duration::from_millis(30)));
    let slowest = pair.publish_all(50, 2);
    // mix gives up then.
    assert!(slowest < Duration::from_secs(15), "{slowest:?}");
    pair.detour.go(Way::Pass);
    pair.has_all(50, 2);
}

/// When the first server is killed.
const FIRST_KILL: Duration = Duration::from_secs(2);

/// How long a killed server is away.
const AWAY: Duration = Duration::from_millis(500);

/// How long both servers are there before the other one is killed: nginx has to find that the first one is back.
const BOTH: Duration = Duration::from_millis(2_500);

/// Ends the clients, also after a panic: they are waited for.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// What clients have asked for through the balancer.
#[derive(Default)]
struct Asked {
    requests: AtomicUsize,
    retries: AtomicUsize,
}

impl Asked {
    /// Asks, and once more if that fails; `None` if both do.
    fn twice<T>(&self, mut ask: impl FnMut(usize) -> Option<T>) -> Option<T> {
        (0..2).find_map(|attempt| {
            self.requests.fetch_add(1, Ordering::SeqCst);
            self.retries.fetch_add(attempt, Ordering::SeqCst);
            ask(attempt)
        })
    }
}

/// A server is killed every three seconds, for as long as `HEXREG_SECONDS` says.
#[test]
fn a_server_that_is_killed_fails_no_client_that_tries_twice() {
    let test = "a_server_that_is_killed_fails_no_client_that_tries_twice";
    let Some((pair, servers)) = Pair::start(test) else { return };
    let time = Duration::from_secs(setting("HEXREG_SECONDS", 14));
    let (is_over, number, asked) = (AtomicBool::new(false), AtomicUsize::new(0), Asked::default());
    let front = Port::at(pair.balancer.server.address);
    let kills = thread::scope(|scope| {
        let over = Over(&is_over);
        let readers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut failures = Vec::new();
                    while !is_over.load(Ordering::SeqCst) {
                        for path in ["/packages/welcome", "/tarballs/large-1.0.0.tar"] {
                            let expected = pair.writer.repository.read(&format!("public{path}"));
                            // A body that is cut off is no answer.
                            let read = asked.twice(|_| {
                                let got = front.try_get(path);
                                got.filter(|got| got.status == 200 && got.body == expected)
                            });
                            if read.is_none() {
                                failures.push(path);
                            }
                        }
                    }
                    failures
                })
            })
            .collect();
        let publishers: Vec<_> = (0..4)
            .map(|client| {
                let (pair, is_over, number, asked) = (&pair, &is_over, &number, &asked);
                scope.spawn(move || {
                    let (mut made, mut failures) = (Vec::new(), Vec::new());
                    while !is_over.load(Ordering::SeqCst) {
                        let (name, patch) =
                            (format!("killed{client}"), number.fetch_add(1, Ordering::SeqCst));
                        let (version, mut statuses) = (format!("1.0.{patch}"), Vec::new());
                        let published = asked.twice(|attempt| {
                            let status = pair.publish(&name, &version);
                            statuses.push(status);
                            // What the first attempt has published is there.
                            let is_there = attempt > 0 && status == Some(422);
                            (is_there || matches!(status, Some(200 | 201))).then_some(())
                        });
                        match published {
                            Some(()) => made.push(format!("{name}-{version}.tar")),
                            None => failures.push((version, statuses)),
                        }
                    }
                    (made, failures)
                })
            })
            .collect();
        let kills = 1 + time.saturating_sub(FIRST_KILL).as_millis() / (AWAY + BOTH).as_millis();
        let mut servers = servers.map(Some);
        let mut pause = FIRST_KILL;
        for kill in 0..kills {
            thread::sleep(pause);
            let killed = usize::from(kill % 2 == 1);
            servers[killed].take();
            thread::sleep(AWAY);
            // However long this takes: nginx has to find that this server is back before the other one goes.
            let back = servers[killed].insert(pair.serve(killed));
            let began = Instant::now();
            while metric(back, "hexreg_requests_total{kind=\"registry\",status=\"200\"}") == 0 {
                assert!(began.elapsed() < Duration::from_secs(60), "nginx asks it for nothing");
                thread::sleep(Duration::from_millis(20));
            }
            pause = BOTH;
        }
        thread::sleep(AWAY);
        drop(over);
        for reader in readers {
            assert_eq!(reader.join().unwrap(), [""; 0]);
        }
        let mut published = Vec::new();
        for publisher in publishers {
            let (made, failures) = publisher.join().unwrap();
            assert!(failures.is_empty(), "{failures:?}");
            published.extend(made);
        }
        pair.writer.verify(&[]).ok();
        let named = pair.writer.tree().releases();
        let lost: Vec<_> = published.iter().filter(|file| !named.contains(file)).collect();
        assert!(lost.is_empty() && published.len() > 4, "{lost:?} of {}", published.len());
        eprintln!("{} releases published", published.len());
        kills
    });
    assert!(kills >= 4, "{kills} kills");
    let [requests, retries] = [&asked.requests, &asked.retries].map(|it| it.load(Ordering::SeqCst));
    eprintln!("{kills} kills, {requests} requests, {retries} tried again, none failed twice");
}

/// Nothing keeps two writers apart there. Those that write one after the other lose nothing.
#[test]
fn where_conditions_are_ignored_servers_publish_one_after_the_other() {
    let test = "where_conditions_are_ignored_servers_publish_one_after_the_other";
    let Some(s3rver) = S3rver::start(test) else { return };
    let writer = Writer::of(s3rver.bucket("registry"));
    writer.write("first-1.0.0.tar", &Tarball::new("first", "1.0.0").build());
    writer.add(&["first-1.0.0.tar".to_owned()], &["--assume-single-writer"]).ok();
    let token = writer.token("ci", &["--can=publish"]);
    let lines = ["auth-file = \"readers\"", "allow-anonymous = true"];
    let publish = |server: &Server, version: &str| {
        let kind = "Content-Type: application/octet-stream";
        let tarball = Tarball::new("acme_tool", version).build();
        let path = "/api/packages/acme_tool/releases?replace=false";
        Port::at(server.address).post(path, &[&token, kind], &tarball).unwrap().status
    };
    let careful = writer.serve(&writer.bucket, &lines);
    assert_eq!(publish(&careful, "1.0.0"), 500);
    assert!(writer.log().contains("ignores `If-"), "{}", writer.log());
    drop(careful);

    let single = "assume-single-writer = true";
    let servers = [(); 2].map(|()| writer.serve_with(&writer.bucket, &lines, single));
    for minor in 0..6 {
        let version = format!("1.{minor}.0");
        assert_eq!(publish(&servers[minor % 2], &version), 201, "{version}: {}", writer.log());
        // What the other one has published is known, whatever is cached here.
        assert_eq!(publish(&servers[(minor + 1) % 2], &version), 422, "{version}");
    }
    let named = writer.tree().releases();
    for minor in 0..6 {
        let file = format!("acme_tool-1.{minor}.0.tar");
        assert!(named.contains(&file), "{file} is lost of {named:?}");
    }
}

/// The key signs them, so that every server that has it takes them.
#[test]
fn a_bearer_token_of_one_server_is_taken_by_the_other() {
    let test = "a_bearer_token_of_one_server_is_taken_by_the_other";
    let Some((pair, servers)) = Pair::start(test) else { return };
    let secret = pair.token.split_once(": ").unwrap().1;
    let body = format!(
        "{{\"grant_type\":\"client_credentials\",\"client_secret\":\"{secret}\",\"scope\":\"repositories\"}}"
    );
    let headers = ["Accept: application/json", "Content-Type: application/json"];
    let answer = Port::at(servers[0].address).post("/api/oauth/token", &headers, body.as_bytes());
    let answer = answer.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let bearer = format!("Authorization: Bearer {}", answer["access_token"].as_str().unwrap());
    for server in &servers {
        assert_eq!(server.get("/api/users/me", &[&bearer, headers[0]]).status, 200);
        let wrong = bearer.replace("Bearer ", "Bearer x");
        assert_eq!(server.get("/api/users/me", &[&wrong, headers[0]]).status, 401);
    }
}
