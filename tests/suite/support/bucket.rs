//! A bucket of a server that speaks S3's protocol, looked at with requests of our own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::hexreg::Hexreg;
use super::server::{Answer, Port};
use super::witness::Files;

/// What stands in a path as it is.
const PLAIN: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What `hexreg` tries a store's conditions with, and leaves there.
pub const PROBE: &str = ".hexreg-probe";

/// The user whom a server takes for the owner of its buckets.
#[derive(Clone, Copy)]
pub struct Owner {
    pub id: &'static str,
    pub secret: &'static str,
    /// A header line that tells a server that does not check signatures who asks.
    pub asks: Option<&'static str>,
    /// Whether the server has requests for tests: `moto_server.py` says which.
    pub is_ours: bool,
}

/// What a listing says of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFile {
    pub size: usize,
    pub etag: String,
}

/// A bucket that was made for a test.
#[derive(Clone)]
pub struct Bucket {
    name: String,
    address: SocketAddr,
    /// Where programs are told that it is.
    told: SocketAddr,
    owner: Owner,
}

/// The text between two marks, wherever they stand.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    text.split(before).skip(1).map(|rest| rest.split(after).next().unwrap()).collect()
}

impl Bucket {
    /// Makes one.
    pub fn new(address: SocketAddr, owner: Owner, name: &str) -> Self {
        let this = Self { name: name.to_owned(), address, told: address, owner };
        let answer = Port::at(address).put(&format!("/{name}"), owner.asks.as_slice(), b"");
        assert_eq!(answer.status, 200, "{}", answer.text());
        this
    }

    /// Another one on the same server, with the same objects.
    pub fn copy(&self, name: &str) -> Self {
        assert!(self.owner.is_ours);
        let answer = Port::at(self.address).get(&format!("/-/copy/{}/{name}", self.name), &[]);
        assert_eq!(answer.status, 200, "{}", answer.text());
        Self { name: name.to_owned(), ..self.clone() }
    }

    /// The same for programs that reach it by way of what listens there.
    pub fn behind(self, told: SocketAddr) -> Self {
        Self { told, ..self }
    }

    /// How hexreg names a place in it.
    pub fn url(&self, prefix: &str) -> String {
        format!("s3://{}/{prefix}", self.name)
    }

    /// Where the server is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same, as it is told to programs.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.told)
    }

    /// Where anybody may read a place in it, once it is `open_to_all`.
    pub fn http(&self, prefix: &str) -> String {
        format!("{}/{}/{prefix}", self.endpoint(), self.name)
    }

    /// What hexreg takes from the environment.
    pub fn environment(&self) -> [(&'static str, &'static str); 3] {
        [
            ("AWS_ACCESS_KEY_ID", self.owner.id),
            ("AWS_SECRET_ACCESS_KEY", self.owner.secret),
            ("AWS_REGION", "us-east-1"),
        ]
    }

    /// hexreg with the credentials of a user who may do everything.
    pub fn known_to(&self, hexreg: Hexreg) -> Hexreg {
        self.environment().into_iter().fold(hexreg, |hexreg, (name, value)| hexreg.env(name, value))
    }

    /// Lets everybody read what is there, as a repository's clients do.
    pub fn open_to_all(&self) {
        let policy = serde_json::json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": "*",
                "Action": "s3:GetObject",
                "Resource": format!("arn:aws:s3:::{}/*", self.name),
            }],
        });
        let headers = ["Content-Type: application/json"];
        let headers = [&headers[..], self.owner.asks.as_slice()].concat();
        let path = format!("/{}?policy", self.name);
        let answer = Port::at(self.address).put(&path, &headers, policy.to_string().as_bytes());
        assert!(matches!(answer.status, 200 | 204), "{}", answer.text());
    }

    /// Every object, by key.
    pub fn list(&self) -> BTreeMap<String, ListedFile> {
        let mut objects = BTreeMap::new();
        loop {
            let last: &str = objects.last_key_value().map_or("", |(key, _): (&String, _)| key);
            let after = utf8_percent_encode(last, NON_ALPHANUMERIC);
            let path = format!("/{}?list-type=2&start-after={after}", self.name);
            let answer = Port::at(self.address).get(&path, self.owner.asks.as_slice());
            let text = answer.text();
            assert_eq!(answer.status, 200, "{text}");
            for object in between(&text, "<Contents>", "</Contents>") {
                let only = |name: &str| {
                    let found = between(object, &format!("<{name}>"), &format!("</{name}>"));
                    found[0].replace("&quot;", "\"")
                };
                let listed = ListedFile { size: only("Size").parse().unwrap(), etag: only("ETag") };
                objects.insert(only("Key"), listed);
            }
            if !text.contains("<IsTruncated>true</IsTruncated>") {
                return objects;
            }
        }
    }

    pub fn keys(&self) -> Vec<String> {
        self.list().into_keys().collect()
    }

    fn path(&self, key: &str) -> String {
        format!("/{}/{}", self.name, utf8_percent_encode(key, PLAIN))
    }

    pub fn get(&self, key: &str) -> Answer {
        Port::at(self.address).get(&self.path(key), self.owner.asks.as_slice())
    }

    pub fn put(&self, key: &str, headers: &[&str], body: &[u8]) -> Answer {
        let headers = [headers, self.owner.asks.as_slice()].concat();
        Port::at(self.address).put(&self.path(key), &headers, body)
    }

    pub fn delete(&self, key: &str) -> Answer {
        Port::at(self.address).delete(&self.path(key), self.owner.asks.as_slice())
    }

    /// Every object below a place, as files of a directory; not the one by which conditions are tried.
    pub fn files(&self, prefix: &str) -> Files {
        if self.owner.is_ours {
            return self.files_at_once(prefix);
        }
        // A request of a killed process may still be on its way.
        let patience = Instant::now() + Duration::from_secs(10);
        loop {
            let listed = self.list();
            let files = listed.keys().filter_map(|key| {
                let path = key.strip_prefix(prefix)?.strip_prefix('/')?.to_owned();
                let answer = self.get(key);
                (path != PROBE).then_some((path, answer.body))
            });
            let files: Files = files.collect();
            if self.list() == listed {
                return files;
            }
            assert!(Instant::now() < patience, "another process writes all the time");
        }
    }

    fn files_at_once(&self, prefix: &str) -> Files {
        let answer = Port::at(self.address).get(&format!("/-/objects/{}", self.name), &[]);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let (mut rest, mut files) = (answer.body.as_slice(), Files::new());
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let lengths = std::str::from_utf8(&rest[..end]).unwrap().split_once(' ').unwrap();
            let lengths: [usize; 2] = [lengths.0, lengths.1].map(|text| text.parse().unwrap());
            let (key, after) = rest[end + 1..].split_at(lengths[0]);
            let (bytes, after) = after.split_at(lengths[1]);
            rest = after;
            let key = std::str::from_utf8(key).unwrap();
            let path = key.strip_prefix(prefix).and_then(|path| path.strip_prefix('/'));
            if let Some(path) = path.filter(|path| *path != PROBE) {
                files.insert(path.to_owned(), bytes.to_vec());
            }
        }
        files
    }
}
