//! What a company has in `/etc/hexreg`, as `docs/serving.md` leads to it, and the bucket of `deploy/hexreg.toml`.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, lchown};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::deployed;
use crate::support::hexreg::{Hexreg, Ran};
use crate::support::repository::TestRepository;
use crate::support::server::{Answer, Server};
use crate::support::tarball::Tarball;

/// The user of the image.
const USER: u32 = 65532;

/// How soon a server must have seen that a file has changed, while other tests keep the machine busy.
const SOON: Duration = Duration::from_secs(60);

/// `etc/`, `cache/` and `tmp/` in a folder of their own.
pub struct Company {
    pub repository: TestRepository,
    /// The token of a publisher.
    pub token: String,
    /// Variables that every deployment has: the keys of the storage, and where it is.
    storage: [(&'static str, String); 2],
}

/// The keys of a storage.
pub struct Keys<'a> {
    pub id: &'a str,
    pub secret: &'a str,
}

impl Company {
    /// With the storage that listens there.
    pub fn of(storage: SocketAddr, keys: &Keys<'_>) -> Self {
        let repository = TestRepository::new();
        repository.write("etc/hexreg.toml", deployed("hexreg.toml").as_bytes());
        repository.write_key("etc/acme.pem", "golden/keys/acme-2048.pem");
        let lines = format!(
            "[default]\nregion = us-east-1\naws_access_key_id = {}\naws_secret_access_key = {}\n",
            keys.id, keys.secret
        );
        repository.write("etc/bucket", lines.as_bytes());
        repository.chmod("etc/bucket", 0o600);
        let this = Self {
            token: add_token(&repository, "ci"),
            storage: [
                ("AWS_SHARED_CREDENTIALS_FILE", "etc/bucket".to_owned()),
                ("AWS_ENDPOINT_URL_S3", format!("http://{storage}")),
            ],
            repository,
        };
        for folder in ["cache", "tmp"] {
            fs::create_dir(this.path(folder)).unwrap();
        }
        this
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.repository.path(path)
    }

    pub fn endpoint(&self) -> &str {
        &self.storage[1].1
    }

    /// hexreg on this machine, which knows the storage.
    pub fn hexreg(&self) -> Hexreg {
        let variables = self.storage.iter();
        variables.fold(self.repository.hexreg(), |hexreg, (name, value)| hexreg.env(name, value))
    }

    /// The registry without a release, as the walk-through makes it: built here, and pushed to the bucket.
    pub fn first_push(&self) -> Ran {
        let build = ["build", "public", "--name=acme", "--private-key=etc/acme.pem"];
        self.repository.hexreg().run(build).ok();
        self.hexreg().run(["push", "public", "s3://acme-hex/acme"])
    }

    /// The configuration with the folders of the test in place of those of the machine, and with the lines for packages
    /// of hex.pm, in `hexpm/`. They are checked as a whole, and the copy is not made again, as hex.pm is elsewhere.
    pub fn move_here(&self) {
        let text = deployed("hexreg.toml");
        let (own, others) = text.split_once("#[[repository]]\n").expect("a second repository");
        let others = others.replace("\n#", "\n").trim_start_matches('#').to_owned();
        let mut text = format!("{own}[[repository]]\n{others}");
        let folders =
            [("etc/hexreg", "etc"), ("var/cache/hexreg", "cache"), ("srv/hex/hexpm", "hexpm")];
        for (from, to) in folders {
            text = text.replace(&format!("\"/{from}"), &format!("\"{}", self.path(to).display()));
        }
        self.repository
            .write("hexpm/tarballs/phoenix-1.8.0.tar", &Tarball::new("phoenix", "1.8.0").build());
        let build = ["build", "hexpm", "--name=hexpm", "--private-key=key.pem"];
        self.repository.hexreg().run(build).ok();
        self.repository.write("etc/hexreg.toml", text.as_bytes());
        // With what the unit says, and no more.
        let unit = deployed("hexreg.service");
        let variables = unit.lines().filter_map(|line| line.strip_prefix("Environment="));
        let hexreg = variables.fold(self.repository.hexreg(), |hexreg, variable| {
            let (name, value) = variable.split_once('=').unwrap();
            hexreg.env(name, &value.replace("/etc/hexreg", "etc"))
        });
        hexreg.run(["config", "check", "etc/hexreg.toml"]).ok();
        let from_upstream =
            |line: &&str| line.starts_with("mirror = ") || line.starts_with("pull-through = ");
        assert_eq!(text.lines().filter(from_upstream).count(), 2, "{text}");
        let kept = text.lines().filter(|line| !from_upstream(line));
        let kept: String = kept.flat_map(|line| [line, "\n"]).collect();
        self.repository.write("etc/hexreg.toml", kept.as_bytes());
    }

    /// Publishes a package by one server, and reads it by another.
    #[track_caller]
    pub fn publishes(&self, to: &Server, name: &str, from: &Server) {
        let tarball = Tarball::new(name, "1.0.0").build();
        let token = format!("Authorization: {}", self.token);
        let answer = post(to, "/api/repos/acme/publish", &token, &tarball);
        assert_eq!(answer.status, 201, "{}", answer.text());
        for (path, expected) in [("names", None), ("tarballs", Some(&tarball))] {
            let path = match expected {
                Some(_) => format!("/repos/acme/{path}/{name}-1.0.0.tar"),
                None => format!("/repos/acme/{path}"),
            };
            assert_eq!(from.get(&path, &[]).status, 401, "{path}");
            let answer = eventually(|| from.get(&path, &[&token]), |answer| answer.status == 200);
            assert!(expected.is_none_or(|expected| answer.body == *expected), "{path}");
        }
    }

    /// A token that is made while the server runs is accepted soon.
    #[track_caller]
    pub fn learns_tokens(&self, server: &Server, change: impl FnOnce(&Self) -> String) {
        let token = format!("Authorization: {}", change(self));
        eventually(|| server.get("/repos/acme/names", &[&token]), |answer| answer.status == 200);
    }
}

/// Gives the files of a folder to the user of the image, who can reach them and write to the folder.
pub fn give(repository: &TestRepository, folder: &str) {
    for entry in fs::read_dir(repository.path(folder)).unwrap() {
        lchown(entry.unwrap().path(), Some(USER), Some(USER)).unwrap();
    }
    for folder in ["", folder] {
        fs::set_permissions(repository.path(folder), fs::Permissions::from_mode(0o777)).unwrap();
    }
}

/// A new token of a publisher in `etc/readers`.
pub fn add_token(repository: &TestRepository, name: &str) -> String {
    let added = repository.hexreg().run(["auth", "add", "etc/readers", name, "--can=publish"]).ok();
    added.stdout.trim().to_owned()
}

fn post(server: &Server, path: &str, credentials: &str, body: &[u8]) -> Answer {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: hex.example.com\r\n{credentials}\r\nAccept: application/json\r\n\
         Content-Type: application/octet-stream\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    server.send(&[head.as_bytes(), body].concat(), false).expect("the upload is answered")
}

#[track_caller]
fn eventually(ask: impl Fn() -> Answer, is_it: impl Fn(&Answer) -> bool) -> Answer {
    let began = Instant::now();
    loop {
        let answer = ask();
        if is_it(&answer) {
            return answer;
        }
        assert!(began.elapsed() < SOON, "{answer:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
