//! Clients that come through a proxy, and those who say that they do.

use std::fs;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::repository;
use crate::support::repository::TestRepository;
use crate::support::server::{Port, Server, free_address};
use crate::support::tools;

/// The client of the last request for a path, from the log.
fn client(repository: &TestRepository, path: &str) -> String {
    let began = Instant::now();
    loop {
        let log = fs::read_to_string(repository.path("serve.log")).unwrap();
        let line = log.lines().rev().find(|line| line.contains(path) && line.contains("client="));
        if let Some(client) = line.and_then(|line| line.split("client=").nth(1)) {
            return client.split(' ').next().unwrap().to_owned();
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{log}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn only_a_trusted_proxy_names_the_client() {
    let repository = repository();
    let headers = ["X-Forwarded-For: 203.0.113.7", "X-Forwarded-For: 198.51.100.1, 192.0.2.9"];
    let of = |arguments: &[&str], expected: &str| {
        let server = Server::of(&repository, arguments);
        let path = format!("/asked{}", arguments.concat().replace(['=', '/'], "-"));
        assert_eq!(server.get(&path, &headers).status, 404);
        assert_eq!(client(&repository, &path), expected, "{arguments:?}");
    };
    of(&[], "192.0.2.9");
    of(&["--trusted-proxy=127.0.0.1"], "192.0.2.9");
    of(&["--trusted-proxy=127.0.0.0/8", "--trusted-proxy=192.0.2.0/24"], "198.51.100.1");
    of(&["--trusted-proxy=10.0.0.0/8"], "127.0.0.1");
    let refused = repository.hexreg().run(["serve", "public", "--trusted-proxy=localhost"]);
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("192.0.2.0/24"), "{}", refused.stderr);
}

/// A proxy may have all connections; each of its clients may have a quarter of the requests.
#[test]
fn a_client_behind_a_proxy_has_a_quarter_of_the_requests() {
    let repository = repository();
    repository.write("public/tarballs/big-1.0.0.tar", &vec![b'x'; 32 << 20]);
    let server = Server::of(&repository, &["--max-connections=8", "--metrics-listen=127.0.0.1:0"]);
    let downloads: Vec<_> = (0..2)
        .map(|_| {
            let mut stream = server.connect();
            stream
                .write_all(b"GET /tarballs/big-1.0.0.tar HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n")
                .unwrap();
            stream.read_exact(&mut [0; 1_000]).unwrap();
            stream
        })
        .collect();
    let ask = |client: &str, path: &str| server.get(path, &[&format!("X-Forwarded-For: {client}")]);
    let refused = ask("192.0.2.1", "/names");
    assert_eq!((refused.status, refused.expect("retry-after")), (429, "1"));
    assert_eq!(ask("192.0.2.1", "/healthz").status, 200);
    assert_eq!(ask("192.0.2.2", "/names").status, 200);
    assert_eq!(server.get("/names", &[]).status, 200);
    let metrics = server.metrics();
    assert!(metrics.contains("hexreg_refusals_total{reason=\"address_full\"} 1\n"), "{metrics}");
    drop(downloads);
    let began = Instant::now();
    while ask("192.0.2.1", "/names").status != 200 {
        assert!(began.elapsed() < Duration::from_secs(20), "it is still counted");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A block of the guide, by the words that it begins with.
fn block(begins: &str) -> String {
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/serving.md");
    let guide = fs::read_to_string(guide).unwrap();
    let (_, rest) = guide.split_once(&format!("\n{begins}")).unwrap_or_else(|| panic!("{begins}"));
    format!("{begins}{}", rest.split("\n```").next().unwrap())
}

/// nginx and Caddy as `docs/serving.md` has them: with the name that clients know, and the address that they come from.
#[test]
fn nginx_and_caddy_name_the_client() {
    let test = "nginx_and_caddy_name_the_client";
    let programs = tools::find("nginx", test).zip(tools::find("caddy", test));
    let Some((nginx, caddy)) = programs else { return };
    let repository = repository();
    let server = Server::of(&repository, &["--url=https://hex.example.com"]);
    let (by_nginx, by_caddy) = (free_address(), free_address());

    let site = block("location / {\n").replace("127.0.0.1:8000", &server.address.to_string());
    let configuration = format!(
        "daemon off; master_process off; pid pid; error_log error.log; events {{}} http {{ access_log off; \
         client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; \
         scgi_temp_path scgi; server {{ listen {by_nginx}; server_name hex.example.com; {site} }} }}"
    );
    repository.write("nginx/nginx.conf", configuration.as_bytes());
    let mut command = Command::new(nginx);
    command
        .arg("-p")
        .arg(repository.path("nginx"))
        .args(["-c", "nginx.conf"])
        .stderr(Stdio::null());
    let _nginx = Server::other(&mut command, by_nginx);

    let site = block("hex.example.com {\n")
        .replace("127.0.0.1:8000", &server.address.to_string())
        .replace("hex.example.com {", &format!("http://:{} {{", by_caddy.port()));
    let configuration = format!("{{\n\tadmin off\n}}\n{site}\n");
    repository.write("caddy/Caddyfile", configuration.as_bytes());
    let home = repository.path("caddy");
    let mut command = Command::new(caddy);
    command.args(["run", "--config", "Caddyfile"]).current_dir(&home).env("HOME", &home);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let _caddy = Server::other(&mut command, by_caddy);

    for (name, proxy) in [("nginx", by_nginx), ("caddy", by_caddy)] {
        let path = format!("/by-{name}");
        let mut stream = Server::stream_from(5, proxy);
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: hex.example.com\r\nX-Forwarded-For: 192.0.2.7\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 404"), "{name}: {answer}");
        let seen = client(&repository, &path);
        // Both replace the header that their client sent.
        assert_eq!(seen, "127.0.0.5", "{name}");
        assert_eq!(Port::at(proxy).get_as("hex.example.com", "/names").status, 200, "{name}");
    }
}
