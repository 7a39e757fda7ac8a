//! Requests byte for byte, as clients were seen to send them: mix 2.0.6, 2.2.2, 2.3.2 and 2.5.2-dev, `rebar3_hex` 7.0.11
//! and 7.2.0, all by httpc of Erlang 25; and Gleam 1.18, as its source has them.

use serde_json::{Value, json};

use super::answers::{check, expect};
use super::{Api, Body, Format, Who, documentation, other_tarball, tarball};
use crate::support::etf;
use crate::support::exchange::Exchange;
use crate::support::server::Answer;

/// A client: its name, and the lines that it adds to each request.
#[derive(Clone, Copy)]
struct Client {
    user_agent: &'static str,
    /// Whether it publishes to `packages/NAME/releases`, and waits for an interim response before the tarball.
    expects: bool,
    /// The same for documentation.
    expects_for_documentation: bool,
    /// Whether it closes the connection where it waits: mix does, because httpc confuses responses otherwise.
    closes: bool,
}

const MIX_2_0: Client = Client {
    user_agent: "Hex/2.0.6 (Elixir/1.14.0) (OTP/25.2.3)",
    expects: false,
    expects_for_documentation: false,
    closes: false,
};
const MIX_2_2: Client = Client { user_agent: "Hex/2.2.2 (Elixir/1.14.0) (OTP/25.2.3)", ..MIX_2_0 };
const MIX_2_3: Client = Client {
    user_agent: "hex_core/0.12.0 hex/2.3.2 (elixir/1.14.0) (OTP/25) (erts/13.1.5)",
    expects: true,
    expects_for_documentation: false,
    closes: true,
};
const MIX_2_5: Client = Client {
    user_agent: "hex_core/0.19.0 hex/2.5.2-dev (elixir/1.14.0) (OTP/25) (erts/13.1.5)",
    expects_for_documentation: true,
    ..MIX_2_3
};
const REBAR3_HEX_7_0: Client = Client {
    user_agent: "hex_core/0.10.3 (rebar3/3.19.0) (httpc) (OTP/25) (erts/13.1.5)",
    ..MIX_2_0
};
const REBAR3_HEX_7_2: Client = Client {
    user_agent: "hex_core/0.18.0 (rebar3/3.19.0) (httpc) (OTP/25) (erts/13.1.5)",
    expects: true,
    expects_for_documentation: false,
    closes: false,
};

/// `term_to_binary(#{<<"message">> => <<"use 2.0">>, <<"reason">> => <<"security">>})`.
const RETIREMENT: &[u8] =
    b"\x83t\0\0\0\x02m\0\0\0\x07messagem\0\0\0\x07use 2.0m\0\0\0\x06reasonm\0\0\0\x08security";

impl Client {
    /// A request as httpc writes it: the order of its lines is that on the wire.
    fn head(self, api: &Api, line: &str, content: Option<(&str, usize)>, expects: bool) -> String {
        let content = match content {
            Some((kind, length)) => {
                format!("content-type: {kind}\r\ncontent-length: {length}\r\n")
            }
            None => "content-length: 0\r\n".to_owned(),
        };
        let (expect, connection) = match (expects, self.closes) {
            (true, true) => ("expect: 100-continue\r\n", "close"),
            (true, false) => ("expect: 100-continue\r\n", "keep-alive"),
            (false, _) => ("", "keep-alive"),
        };
        format!(
            "{line} HTTP/1.1\r\n{content}user-agent: {}\r\nte: \r\nhost: {}\r\n{expect}authorization: {}\r\n\
             accept: application/vnd.hex+erlang\r\nconnection: {connection}\r\n\r\n",
            self.user_agent,
            api.server.address,
            api.token(Who::Publisher),
        )
    }

    /// Sends a request, and its body once the server asks for it; a connection that the client keeps is used again.
    #[track_caller]
    fn ask(
        self,
        api: &Api,
        connection: &mut Option<Exchange>,
        line: &str,
        content: Option<(&str, &[u8])>,
        expects: bool,
    ) -> Answer {
        let length = content.map(|(kind, bytes)| (kind, bytes.len()));
        let head = self.head(api, line, length, expects);
        let exchange = connection.get_or_insert_with(|| Exchange::with(&api.server));
        assert!(exchange.send(&head), "{line}");
        let body = content.map_or(&b""[..], |(_, bytes)| bytes);
        if expects {
            let interim = exchange.response().unwrap_or_else(|| panic!("{line} is not answered"));
            if interim.status != 100 {
                check(&interim);
                *connection = None;
                return interim;
            }
        }
        assert!(exchange.send(body), "{line}");
        let answer = exchange.response().unwrap_or_else(|| panic!("{line} is not answered"));
        check(&answer);
        let is_last = (expects && self.closes) || answer.header("connection") == Some("close");
        if is_last {
            assert!(exchange.ends(), "{line}");
            *connection = None;
        }
        answer
    }

    fn publish(
        self,
        api: &Api,
        connection: &mut Option<Exchange>,
        bytes: &[u8],
        replace: bool,
    ) -> Answer {
        let path = if self.expects { "packages/acme_tool/releases" } else { "publish" };
        let line = format!("POST /api/{path}?replace={replace}");
        let content = Some(("application/octet-stream", bytes));
        self.ask(api, connection, &line, content, self.expects)
    }

    fn publish_documentation(
        self,
        api: &Api,
        connection: &mut Option<Exchange>,
        version: &str,
    ) -> Answer {
        let line = format!("POST /api/packages/acme_tool/releases/{version}/docs");
        let bytes = documentation();
        let content = Some(("application/octet-stream", &*bytes));
        self.ask(api, connection, &line, content, self.expects_for_documentation)
    }
}

/// The term of an answer.
#[track_caller]
fn term(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{answer:?}");
    assert!(answer.expect("content-type").contains("application/vnd.hex+erlang"), "{answer:?}");
    etf::decode(&answer.body)
}

/// Bodiless answers have no type: clients would read a term.
#[track_caller]
fn nothing(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!((answer.header("content-type"), answer.body.len()), (None, 0), "{answer:?}");
}

/// What a developer does in a day, on as few connections as the client makes.
fn publishes_documents_retires_and_reverts(client: Client) {
    let api = Api::new();
    let connection = &mut None;
    let myself = term(&client.ask(&api, connection, "GET /api/users/me", None, false), 200);
    assert_eq!(myself["username"], "publisher");
    assert_eq!(myself["organizations"], json!([]));

    let bytes = tarball("acme_tool", "1.0.0");
    let published = client.publish(&api, connection, &bytes, false);
    let release = term(&published, 201);
    assert_eq!(release["version"], "1.0.0");
    assert!(release["url"].is_string() && release["html_url"].is_string(), "{release}");
    assert_eq!(api.repository.read("public/tarballs/acme_tool-1.0.0.tar"), bytes);

    let again = term(&client.publish(&api, connection, &bytes, false), 422);
    let text = "must include the --replace flag to update an existing release";
    assert_eq!(again["errors"], json!({"inserted_at": text}));
    let other = other_tarball("acme_tool", "1.0.0");
    term(&client.publish(&api, connection, &other, true), 200);
    assert_eq!(api.repository.read("public/tarballs/acme_tool-1.0.0.tar"), other);

    let documented = client.publish_documentation(&api, connection, "1.0.0");
    nothing(&documented, 201);
    documented.expect("location");
    let missing = client.publish_documentation(&api, connection, "9.0.0");
    assert_eq!(term(&missing, 404)["message"], "Page not found");

    let release = "/api/packages/acme_tool/releases/1.0.0";
    let kind = "application/vnd.hex+erlang";
    let retire = format!("POST {release}/retire");
    nothing(&client.ask(&api, connection, &retire, Some((kind, RETIREMENT)), false), 204);
    let shown = term(&client.ask(&api, connection, &format!("GET {release}"), None, false), 200);
    assert_eq!(shown["retirement"], json!({"reason": "security", "message": "use 2.0"}));
    assert_eq!(shown["has_docs"], true);
    let unretire = format!("DELETE {release}/retire");
    nothing(&client.ask(&api, connection, &unretire, None, false), 204);
    nothing(&client.ask(&api, connection, &format!("DELETE {release}/docs"), None, false), 204);
    nothing(&client.ask(&api, connection, &format!("DELETE {release}"), None, false), 204);
    let gone = client.ask(&api, connection, &format!("GET {release}"), None, false);
    term(&gone, 404);
    assert!(!api.repository.path("public/tarballs/acme_tool-1.0.0.tar").exists());
    api.verify();
}

macro_rules! clients {
    ($($name:ident: $client:expr;)*) => {
        $(
            #[test]
            fn $name() {
                publishes_documents_retires_and_reverts($client);
            }
        )*
    };
}

clients! {
    mix_2_0: MIX_2_0;
    mix_2_2: MIX_2_2;
    mix_2_3: MIX_2_3;
    mix_2_5: MIX_2_5;
    rebar3_hex_7_0: REBAR3_HEX_7_0;
    rebar3_hex_7_2: REBAR3_HEX_7_2;
}

/// A request as Gleam's client library writes it.
fn gleam(api: &Api, line: &str, more: &str, bytes: &[u8]) -> Answer {
    let head = format!(
        "{line} HTTP/1.1\r\nuser-agent: Gleam v1.18.0\r\naccept: application/json\r\nauthorization: {}\r\n\
         {more}host: {}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        api.token(Who::Publisher),
        api.server.address,
        bytes.len(),
    );
    api.send([head.as_bytes(), bytes].concat())
}

/// It accepts one status of each answer, and looks for texts in those of refusals.
#[test]
fn gleam_1_18() {
    let api = Api::new();
    let publish = |replace: bool, bytes: &[u8]| {
        let line = format!("POST /api/publish?replace={replace}");
        gleam(&api, &line, "content-type: application/x-tar\r\n", bytes)
    };
    let json = "content-type: application/json\r\n";
    let bytes = tarball("acme_tool", "1.0.0");
    assert_eq!(publish(false, &bytes).status, 201);
    let again = publish(false, &bytes);
    assert_eq!(again.status, 422);
    assert!(again.text().contains("--replace"), "{}", again.text());
    assert_eq!(publish(true, &bytes).status, 200);

    let release = "/api/packages/acme_tool/releases/1.0.0";
    let docs = format!("{release}/docs");
    // The body is gzip in itself: no layer may unpack it, though this header says so.
    let types = "content-encoding: x-gzip\r\ncontent-type: application/x-tar\r\n";
    nothing(&gleam(&api, &format!("POST {docs}"), types, &documentation()), 201);
    assert_eq!(api.repository.read("public/docs/acme_tool-1.0.0.tar.gz"), documentation());
    nothing(&gleam(&api, &format!("DELETE {docs}"), json, b""), 204);

    let why = br#"{"reason":"deprecated","message":null}"#;
    let retired = gleam(&api, &format!("POST {release}/retire"), json, why);
    assert!([200, 204].contains(&retired.status), "{retired:?}");
    let shown = expect(&gleam(&api, &format!("GET {release}"), json, b""), 200);
    assert_eq!(shown["retirement"]["reason"], "deprecated");
    assert_eq!(shown["version"], "1.0.0");
    let checksum = hexreg::checksum::OuterChecksum::of(&bytes).to_string();
    assert!(shown["checksum"].as_str().unwrap().eq_ignore_ascii_case(&checksum), "{shown}");
    assert_eq!(shown["requirements"], json!({}));
    assert_eq!(shown["meta"]["app"], "acme_tool");
    assert_eq!(shown["meta"]["build_tools"], json!(["rebar3"]));
    let unretired = gleam(&api, &format!("DELETE {release}/retire"), json, b"");
    assert!([200, 204].contains(&unretired.status), "{unretired:?}");
    let owner = br#"{"level":"maintainer","transfer":false}"#;
    let added = gleam(&api, "PUT /api/packages/acme_tool/owners/bob", json, owner);
    assert!([403, 422].contains(&added.status), "{added:?}");
    nothing(&gleam(&api, &format!("DELETE {release}"), json, b""), 204);
}

/// One request on a connection of its own, that only adds lines to the least there is; the final answer.
fn publishes(api: &Api, path: &str, lines: &str, body: &[u8]) -> Answer {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {}\r\nauthorization: {}\r\naccept: application/vnd.hex+erlang\r\n{lines}\
         connection: close\r\n\r\n",
        api.server.address,
        api.token(Who::Publisher),
    );
    api.send([head.as_bytes(), body].concat())
}

fn length(bytes: &[u8]) -> String {
    format!("content-length: {}\r\n", bytes.len())
}

/// mix joins the URL and the path by a slash, whatever the URL ends in.
#[test]
fn two_slashes_are_one() {
    let api = Api::new();
    for (version, path) in [
        ("1.0.0", "/api//packages/acme_tool/releases?replace=false"),
        ("1.1.0", "/api//publish?replace=false"),
        ("1.2.0", "/api///packages//acme_tool/releases"),
        ("1.3.0", "/api/repos/acme//packages/acme_tool/releases"),
    ] {
        let bytes = tarball("acme_tool", version);
        term(&publishes(&api, path, &length(&bytes), &bytes), 201);
    }
    let header = format!("authorization: {}", api.token(Who::Reader));
    assert_eq!(api.server.get("/api//users/me", &[&header]).status, 200);
}

#[test]
fn credentials_come_in_three_forms() {
    let api = Api::new();
    let token = api.token(Who::Publisher);
    let basic = data_encoding::BASE64.encode(format!("anybody:{token}").as_bytes());
    for (minor, credentials) in
        [token.to_owned(), format!("Bearer {token}"), format!("Basic {basic}")].iter().enumerate()
    {
        let bytes = tarball("acme_tool", &format!("1.{minor}.0"));
        let head = format!(
            "POST /api/publish HTTP/1.1\r\nhost: x\r\nauthorization: {credentials}\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n",
            bytes.len(),
        );
        expect(&api.send([head.as_bytes(), &bytes].concat()), 201);
    }
    // An empty key in the environment is an empty header.
    let head =
        "GET /api/users/me HTTP/1.1\r\nhost: x\r\nauthorization: \r\nconnection: close\r\n\r\n";
    expect(&api.send(head), 401);
}

/// A body in pieces, which says no length.
fn chunked(bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for chunk in bytes.chunks(1000) {
        body.extend(format!("{:x}\r\n", chunk.len()).bytes());
        body.extend(chunk);
        body.extend(b"\r\n");
    }
    body.extend(b"0\r\n\r\n");
    body
}

#[test]
fn a_body_may_come_in_chunks() {
    let api = Api::new();
    let lines = "transfer-encoding: chunked\r\n";
    for (version, path) in
        [("1.0.0", "/api/publish"), ("1.1.0", "/api/packages/acme_tool/releases")]
    {
        let bytes = tarball("acme_tool", version);
        term(&publishes(&api, path, lines, &chunked(&bytes)), 201);
        assert_eq!(api.repository.read(&format!("public/tarballs/acme_tool-{version}.tar")), bytes);
    }
    let path = "/api/packages/acme_tool/releases/1.0.0/docs";
    nothing(&publishes(&api, path, lines, &chunked(&documentation())), 201);
    let path = "/api/packages/acme_tool/releases/1.0.0/retire";
    let lines = "transfer-encoding: chunked\r\ncontent-type: application/vnd.hex+erlang\r\n";
    nothing(&publishes(&api, path, lines, &chunked(RETIREMENT)), 204);
}

/// hex.pm answers 411, which `rebar3_hex` takes for success.
#[test]
fn a_body_without_a_length_is_refused_as_clients_understand() {
    let api = Api::new();
    for path in ["/api/publish", "/api/packages/acme_tool/releases"] {
        let refusal = term(&publishes(&api, path, "", b""), 422);
        assert!(refusal["message"].is_string(), "{refusal}");
    }
    let path = "/api/packages/welcome/releases/0.1.0/docs";
    let answer = publishes(&api, path, "", b"");
    assert!([403, 422].contains(&answer.status), "{answer:?}");
}

/// Old and new paths, with and without a wait for the interim response, below each base.
#[test]
fn every_base_has_both_paths() {
    let api = Api::new();
    for (major, base) in
        ["/api", "/api/repos/acme", "/api/repos/acme/repos/acme"].into_iter().enumerate()
    {
        for (minor, path) in ["publish", "packages/acme_tool/releases"].into_iter().enumerate() {
            for (patch, expects) in [false, true].into_iter().enumerate() {
                let bytes = tarball("acme_tool", &format!("{}.{minor}.{patch}", major + 1));
                let content = Some(("application/octet-stream", &*bytes));
                let line = format!("POST {base}/{path}?replace=false");
                term(&MIX_2_5.ask(&api, &mut None, &line, content, expects), 201);
            }
        }
    }
}

/// A client that sends its body at once, though it asked whether to.
#[test]
fn a_body_may_come_before_it_is_asked_for() {
    let api = Api::new();
    let bytes = tarball("acme_tool", "1.0.0");
    let lines = format!("{}expect: 100-continue\r\n", length(&bytes));
    term(&publishes(&api, "/api/publish", &lines, &bytes), 201);
}

/// A final response in place of the interim one, on a connection that the client would keep.
#[test]
fn a_refusal_may_take_the_place_of_the_interim_response() {
    let api = Api::new();
    let bytes = tarball("other_tool", "1.0.0");
    let content = Some(("application/octet-stream", &*bytes));
    let line = "POST /api/packages/other_tool/releases?replace=false";
    let answer = REBAR3_HEX_7_2.ask(&api, &mut None, line, content, true);
    assert_eq!(term(&answer, 403)["message"], "account not authorized for this action");
    assert_eq!(answer.header("connection"), Some("close"), "{answer:?}");
}

/// Where an answer is asked for in no form, or any, it is JSON.
#[test]
fn the_format_is_chosen_by_what_is_accepted() {
    let api = Api::new();
    let header = format!("authorization: {}", api.token(Who::Reader));
    for (accept, kind) in [
        ("application/vnd.hex+erlang", "application/vnd.hex+erlang"),
        ("application/json, application/vnd.hex+erlang", "application/vnd.hex+erlang"),
        ("application/vnd.hex+json", "application/json"),
        ("application/json", "application/json"),
        ("*/*", "application/json"),
        ("text/html", "application/json"),
    ] {
        for path in ["/api/packages/welcome", "/api/packages/none"] {
            let answer = api.server.get(path, &[&header, &format!("accept: {accept}")]);
            check(&answer);
            assert!(answer.expect("content-type").starts_with(kind), "{accept}: {answer:?}");
        }
    }
    let answer = api.server.get("/api/packages/welcome", &[&header]);
    assert!(answer.expect("content-type").starts_with("application/json"), "{answer:?}");
}

/// Both formats say the same.
#[test]
fn both_formats_have_the_same_content() {
    let api = Api::new();
    for path in [
        "packages",
        "packages?search=wel&sort=downloads",
        "packages/welcome",
        "packages/welcome/releases/0.1.0",
        "packages/welcome/owners",
        "packages/none",
        "users/me",
        "keys",
        "repos",
        "repos/acme",
        "",
    ] {
        let line = format!("GET /api/{path}");
        let [erlang, json] = [Format::Etf, Format::Json]
            .map(|format| super::body(&api.ask(Who::Reader, format, &line, &Body::None)));
        assert_eq!(erlang, json, "{path}");
        assert!(erlang.is_some(), "{path}");
    }
}
