//! The API of `hexreg serve`, to which clients publish.

mod answers;
mod head;
#[cfg(feature = "mirror")]
pub mod hex_core;
mod hostile;
mod keys;
mod log;
mod oauth;
mod requests;
mod rules;
mod several;
mod slow;
mod starting;
mod table;
mod together;
mod uploads;

use serde_json::Value;

use crate::support::etf;
use crate::support::exchange::Exchange;
use crate::support::repository::TestRepository;
use crate::support::server::{Answer, Server};
use crate::support::tarball::Tarball;

/// Where the credentials of a request come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Anonymous,
    /// May read.
    Reader,
    /// May publish `acme_*`.
    Publisher,
    /// May publish `other_*`.
    Other,
    /// May publish everything, and outside the window too.
    Admin,
    /// Was an admin until 2020.
    Expired,
}

impl Who {
    const ALL: [Self; 6] =
        [Self::Anonymous, Self::Reader, Self::Publisher, Self::Other, Self::Admin, Self::Expired];

    /// What `hexreg auth add` is told of a token: its name, and what it may.
    fn grant(self) -> &'static [&'static str] {
        match self {
            Self::Anonymous => &[],
            Self::Reader => &["reader", "--can=read"],
            Self::Publisher => &["publisher", "--can=publish", "--packages=acme_*"],
            Self::Other => &["other", "--can=publish", "--packages=other_*"],
            Self::Admin => &["admin", "--can=admin"],
            Self::Expired => &["expired", "--can=admin", "--until=2099-12-31"],
        }
    }
}

/// The form of answers that a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Etf,
    Json,
}

impl Format {
    fn content_type(self) -> &'static str {
        match self {
            Self::Etf => "application/vnd.hex+erlang",
            Self::Json => "application/json",
        }
    }

    fn encode(self, value: &Value) -> Vec<u8> {
        match self {
            Self::Etf => etf::encode(value),
            Self::Json => value.to_string().into_bytes(),
        }
    }
}

/// A repository that is served with its key, and the tokens of its file `readers`.
struct Api {
    repository: TestRepository,
    server: Server,
    tokens: Vec<(Who, String)>,
}

/// What is in the body of a request.
#[derive(Clone, Debug)]
enum Body {
    None,
    Bytes(Vec<u8>),
    Map(Value),
}

impl Api {
    /// `acme`, which has the sample packages by a build.
    fn new() -> Self {
        let repository = TestRepository::new().samples();
        repository.build(&[]).ok();
        Self::of(repository, &[])
    }

    /// Another repository, served with more arguments.
    fn of(repository: TestRepository, more: &[&str]) -> Self {
        let tokens = add_tokens(&repository);
        let server = serve(&repository, more);
        Self { repository, server, tokens }
    }

    fn token(&self, who: Who) -> &str {
        self.tokens.iter().find(|(one, _)| *one == who).map_or("", |(_, token)| token)
    }

    /// The credentials of a request, as a line of its head.
    fn authorization(&self, who: Who) -> String {
        match self.token(who) {
            "" => String::new(),
            token => format!("authorization: {token}\r\n"),
        }
    }

    /// A request under `/api`, on a connection of its own.
    #[track_caller]
    fn ask(&self, who: Who, format: Format, line: &str, body: &Body) -> Answer {
        let (method, path) = line.split_once(' ').unwrap();
        let (content_type, bytes) = match body {
            Body::None => (None, Vec::new()),
            Body::Bytes(bytes) => (Some("application/octet-stream"), bytes.clone()),
            Body::Map(map) => (Some(format.content_type()), format.encode(map)),
        };
        let content_type =
            content_type.map(|kind| format!("content-type: {kind}\r\n")).unwrap_or_default();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\naccept: {}\r\n{}{content_type}content-length: {}\r\n\
             connection: close\r\n\r\n",
            self.server.address,
            format.content_type(),
            self.authorization(who),
            bytes.len(),
        );
        self.send([head.into_bytes(), bytes].concat())
    }

    /// Bytes as they are; the final response.
    #[track_caller]
    fn send(&self, request: impl AsRef<[u8]>) -> Answer {
        let mut exchange = Exchange::with(&self.server);
        exchange.send(request);
        let final_one = |answer: &Answer| answer.status >= 200;
        let answers = std::iter::from_fn(|| exchange.response());
        let answer = answers.into_iter().find(final_one).expect("the request is answered");
        answers::check(&answer);
        answer
    }

    /// Publishes a tarball as an admin.
    #[track_caller]
    fn publish(&self, name: &str, tarball: &[u8], replace: bool) -> Answer {
        let line = format!("POST /api/packages/{name}/releases?replace={replace}");
        self.ask(Who::Admin, Format::Etf, &line, &Body::Bytes(tarball.to_vec()))
    }

    /// `hexreg verify` finds nothing.
    #[track_caller]
    fn verify(&self) {
        self.repository.hexreg().run(["verify", "public"]).ok();
    }

    /// The log so far.
    fn log(&self) -> String {
        String::from_utf8(self.repository.read("serve.log")).unwrap()
    }
}

/// A token for each client that has one, in the file `readers`.
fn add_tokens(repository: &TestRepository) -> Vec<(Who, String)> {
    let mut tokens = Vec::new();
    for who in Who::ALL.into_iter().filter(|who| !who.grant().is_empty()) {
        let arguments = [&["auth", "add", "readers"], who.grant()].concat();
        let added = repository.hexreg().run(arguments).ok();
        tokens.push((who, added.stdout.trim().to_owned()));
    }
    let file = String::from_utf8(repository.read("readers")).unwrap();
    assert_eq!(file.matches("2099-12-31").count(), 1, "{file}");
    repository.write("readers", file.replace("2099-12-31", "2020-12-31").as_bytes());
    tokens
}

fn serve(repository: &TestRepository, more: &[&str]) -> Server {
    Server::of(repository, &[&["--private-key=key.pem", "--auth-file=readers"], more].concat())
}

/// The body of an answer, in either form; `None` where there is none.
#[track_caller]
fn body(answer: &Answer) -> Option<Value> {
    let kind = answer.header("content-type")?;
    Some(match kind {
        kind if kind.starts_with("application/vnd.hex+erlang") => etf::decode(&answer.body),
        kind if kind.starts_with("application/json") => {
            serde_json::from_slice(&answer.body).unwrap()
        }
        kind => panic!("no client of the API asked for {kind}: {answer:?}"),
    })
}

/// A tarball of this name and version, without requirements.
fn tarball(name: &str, version: &str) -> Vec<u8> {
    Tarball::new(name, version).build()
}

/// Another tarball of the same name and version.
fn other_tarball(name: &str, version: &str) -> Vec<u8> {
    Tarball::new(name, version).more_metadata("{<<\"x\">>,1}.\n").build()
}

/// Documentation with a start page.
fn documentation() -> Vec<u8> {
    use crate::support::raw_tar::{Entry, archive};
    crate::support::gzip(&archive(&[Entry::file("index.html", b"<html></html>")]))
}
