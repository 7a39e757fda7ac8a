//! rebar3 and buckets over TLS.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::{Project, configuration, log, samples, soon};
use crate::support::repository::TestRepository;
use crate::support::server::Server;
use crate::support::tools;

pub const TLS: [&str; 2] = ["--tls-cert=server.pem", "--tls-key=server.key"];

/// Makes certificates in a directory.
pub struct Authority<'a> {
    openssl: PathBuf,
    repository: &'a TestRepository,
}

impl<'a> Authority<'a> {
    /// `ca.pem`, which no client trusts by default.
    pub fn new(openssl: PathBuf, repository: &'a TestRepository) -> Self {
        let this = Self { openssl, repository };
        let is_authority = "basicConstraints=critical,CA:TRUE";
        this.request("ca", &["-subj", "/CN=a test's authority", "-addext", is_authority]);
        this
    }

    /// A certificate of the authority for a host, as `NAME.pem`, and its key, as `NAME.key`.
    pub fn issue(&self, name: &str, host: &str) {
        let names = format!("subjectAltName=DNS:{host}");
        let is_none = "basicConstraints=critical,CA:FALSE";
        let subject = format!("/CN={name} certificate");
        let by = ["-CA", "ca.pem", "-CAkey", "ca.key", "-subj", &subject];
        self.request(name, &[&by[..], &["-addext", is_none, "-addext", &names]].concat());
    }

    fn request(&self, name: &str, more: &[&str]) {
        let status = Command::new(&self.openssl)
            .args(["req", "-config", "/dev/null", "-x509", "-days", "2", "-noenc"])
            .args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
            .args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")])
            .args(more)
            .current_dir(self.repository.root())
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(status.unwrap().success(), "{name}");
    }

    /// The subject of the certificate that a new connection gets.
    fn shown(&self, server: &Server) -> String {
        let output = Command::new(&self.openssl)
            .args(["s_client", "-CAfile", "ca.pem", "-verify_return_error"])
            .args(["-connect", &server.address.to_string()])
            .current_dir(self.repository.root())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let subject = said.lines().find_map(|line| line.strip_prefix("subject="));
        subject.unwrap_or_else(|| panic!("no certificate: {said}")).replace(" = ", "=")
    }
}

/// rebar3 requires a name in the certificate, and accepts no address.
fn url(server: &Server) -> String {
    format!("https://localhost:{}", server.address.port())
}

/// The authority that rebar3 trusts in place of its own list.
fn trusting(repository: &TestRepository, configuration: &str) -> String {
    let path = repository.path("ca.pem");
    format!("{configuration}\n{{ssl_cacerts_path, \"{}\"}}.\n", path.display())
}

#[test]
fn rebar3_fetches_over_tls_from_a_trusted_server() {
    let test = "rebar3_fetches_over_tls_from_a_trusted_server";
    let programs = tools::find("rebar3", test).zip(tools::find("openssl", test));
    let Some((rebar3, openssl)) = programs else { return };
    let repository = samples();
    let token = repository.hexreg().run(["auth", "add", "readers", "ci"]).ok().stdout;
    let authority = Authority::new(openssl, &repository);
    authority.issue("server", "localhost");
    let server = Server::of(&repository, &[&TLS[..], &["--auth-file=readers"]].concat());
    assert!(server.said.contains("serving acme at https://127.0.0.1:"), "{}", server.said);

    let lines = configuration(&repository, &url(&server), Some(token.trim()));
    let project = Project::knowing(rebar3.clone(), &lines);
    let said = project.is_refused();
    assert!(said.contains("Unknown CA"), "{said}");
    project.configure(&trusting(&repository, &lines));
    project.fetches(&repository);
    project.forget();
    project.fetches(&repository);
    let log = log(&repository, "visitor=\"ci\"", 6);
    assert_eq!(log.matches("status=200").count(), 4, "{log}");
    assert_eq!(log.matches("status=304").count(), 2, "{log}");

    // A certificate of the authority for another host.
    authority.issue("server", "other.example");
    let server = Server::of(&repository, &TLS);
    let lines = configuration(&repository, &url(&server), None);
    let said = Project::knowing(rebar3, &trusting(&repository, &lines)).is_refused();
    assert!(said.contains("hostname_check_failed"), "{said}");
}

/// A bucket whose server has a certificate that the system does not trust.
#[test]
fn a_bucket_is_used_over_tls_from_a_trusted_server() {
    let test = "a_bucket_is_used_over_tls_from_a_trusted_server";
    let Some(openssl) = tools::find("openssl", test) else { return };
    let repository = samples();
    let authority = Authority::new(openssl, &repository);
    authority.issue("server", "localhost");
    let server = Server::of(&repository, &TLS);
    let endpoint = format!("--endpoint={}", url(&server));
    let config =
        b"[default]\naws_access_key_id = a\naws_secret_access_key = b\nca_bundle = ~/ca.pem\n";
    repository.write(".aws/config", config);
    let home = repository.root().display().to_string();
    let verify = |variables: &[(&str, &str)]| {
        let hexreg = repository.hexreg().env("AWS_EC2_METADATA_DISABLED", "true");
        let hexreg = variables.iter().fold(hexreg, |hexreg, (name, value)| hexreg.env(name, value));
        let ran = hexreg.run(["verify", "s3://bucket/hex", &endpoint]);
        assert_eq!(ran.code, 2, "{}", ran.transcript());
        ran.stderr
    };
    let keys = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")];
    let unknown = verify(&keys);
    assert!(unknown.contains("invalid peer certificate: UnknownIssuer"), "{unknown}");
    // The server is trusted, but it is not object storage.
    for variables in
        [&[&keys[..], &[("AWS_CA_BUNDLE", "ca.pem")]].concat(), &vec![("HOME", &*home)]]
    {
        let known = verify(variables);
        assert!(!known.contains("certificate") && known.contains("404 Not Found"), "{known}");
    }
}

#[test]
fn new_connections_get_a_new_certificate() {
    let test = "new_connections_get_a_new_certificate";
    let Some(openssl) = tools::find("openssl", test) else { return };
    let repository = samples();
    let authority = Authority::new(openssl, &repository);
    authority.issue("first", "localhost");
    authority.issue("second", "localhost");
    let write = |name: &str, end: &str| {
        let bytes = repository.read(&format!("{name}.{end}"));
        repository.write(&format!("server.{end}"), &bytes);
    };
    let rename = |name: &str, end: &str| {
        let [from, to] = [name, "server"].map(|name| repository.path(&format!("{name}.{end}")));
        std::fs::rename(from, to).unwrap();
    };
    write("first", "pem");
    write("first", "key");
    let server = Server::of(&repository, &TLS);
    assert_eq!(authority.shown(&server), "CN=first certificate");

    // A certificate without its key is not used.
    write("second", "pem");
    let refused = log(&repository, "certificates left as they were", 1);
    assert!(refused.contains("ERROR"), "{refused}");
    assert!(refused.contains("do not go together"), "{refused}");
    assert_eq!(authority.shown(&server), "CN=first certificate");
    write("second", "key");
    soon("the second is shown", || authority.shown(&server) == "CN=second certificate");

    for junk in ["", "junk", "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"] {
        let before = log(&repository, "certificates left", 1).matches("certificates left").count();
        repository.write("server.pem", junk.as_bytes());
        log(&repository, "certificates left", before + 1);
        assert_eq!(authority.shown(&server), "CN=second certificate");
    }
    repository.remove("server.pem");
    log(&repository, "No such file", 1);
    assert_eq!(authority.shown(&server), "CN=second certificate");

    rename("first", "pem");
    rename("first", "key");
    soon("the first is shown", || authority.shown(&server) == "CN=first certificate");
}

/// The files have other names in a configuration that is read again.
#[test]
fn a_changed_configuration_names_other_certificates() {
    let test = "a_changed_configuration_names_other_certificates";
    let Some(openssl) = tools::find("openssl", test) else { return };
    let repository = samples();
    let authority = Authority::new(openssl, &repository);
    authority.issue("first", "localhost");
    authority.issue("second", "localhost");
    let configure = |name: &str, key: &str| {
        let configuration = format!(
            "listen = \"127.0.0.1:0\"\nallow-anonymous = true\ntls-cert = \"{name}.pem\"\n\
             tls-key = \"{key}.key\"\n[[repository]]\nroot = true\nat = \"public\"\n"
        );
        repository.write("hexreg.toml", configuration.as_bytes());
    };
    configure("first", "first");
    let server = Server::run(repository.root(), &["--config=hexreg.toml"]);
    assert_eq!(authority.shown(&server), "CN=first certificate");
    // A connection that stays open.
    let mut client = Command::new(&authority.openssl)
        .args(["s_client", "-quiet", "-no_ign_eof", "-connect", &server.address.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (mut input, mut output) = (client.stdin.take().unwrap(), client.stdout.take().unwrap());
    let mut ask = || {
        input.write_all(b"HEAD /names HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            output.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        assert!(head.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&head));
    };
    ask();
    // A key of another certificate leaves all as it was.
    configure("second", "first");
    let refused = log(&repository, "configuration left as it was", 1);
    assert!(refused.contains("do not go together"), "{refused}");
    assert_eq!(authority.shown(&server), "CN=first certificate");
    configure("second", "second");
    soon("the second is shown", || authority.shown(&server) == "CN=second certificate");
    ask();

    // The files that are named now are watched.
    authority.issue("third", "localhost");
    for end in ["pem", "key"] {
        repository.write(&format!("second.{end}"), &repository.read(&format!("third.{end}")));
    }
    soon("the third is shown", || authority.shown(&server) == "CN=third certificate");
    ask();
    client.kill().unwrap();
    client.wait().unwrap();
}
