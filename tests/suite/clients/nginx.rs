//! rebar3 with nginx.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::{Project, configuration, samples};
use crate::support::repository::TestRepository;
use crate::support::server::{Server, free_address};
use crate::support::tools;

/// A web server on a free port of the loopback interface, ended when dropped.
pub struct Nginx {
    server: Server,
    prefix: TempDir,
}

impl Nginx {
    pub fn serve(program: &Path, root: &Path) -> Self {
        Self::serve_with(program, root, "")
    }

    /// With these lines in the part of the server.
    pub fn serve_with(program: &Path, root: &Path, lines: &str) -> Self {
        let prefix = TempDir::new().unwrap();
        let address = free_address();
        let configuration = format!(
            "daemon off;\nmaster_process off;\npid {prefix}/pid;\nerror_log {prefix}/error.log;\n\
             events {{}}\n\
             http {{\n log_format asked '$request_uri $status $body_bytes_sent $http_if_none_match $http_if_modified_since';\n\
             access_log {prefix}/asked asked;\n default_type application/octet-stream;\n gzip off;\n\
             client_body_temp_path {prefix}/body;\n proxy_temp_path {prefix}/proxy;\n\
             fastcgi_temp_path {prefix}/fastcgi;\n uwsgi_temp_path {prefix}/uwsgi;\n\
             scgi_temp_path {prefix}/scgi;\n\
             server {{ listen {address}; root {root}; {lines} }}\n}}\n",
            prefix = prefix.path().display(),
            root = root.display(),
        );
        fs::write(prefix.path().join("nginx.conf"), configuration).unwrap();
        let mut command = Command::new(program);
        command.arg("-p").arg(prefix.path()).args(["-c", "nginx.conf"]).stderr(Stdio::null());
        Self { server: Server::other(&mut command, address), prefix }
    }

    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The requests for a path, each with the status of the answer, the bytes of its body, and the tag and
    /// the time of the client's file, or `-`; a quote is `\x22` there. nginx writes a line once it has answered.
    pub fn asked(&self, path: &str) -> Vec<String> {
        let log = fs::read_to_string(self.prefix.path().join("asked")).unwrap();
        let rest = log.lines().filter_map(|line| line.strip_prefix(path)?.strip_prefix(' '));
        rest.map(str::to_owned).collect()
    }
}

/// nginx and rebar3, if both are installed.
fn programs(test: &str) -> Option<(PathBuf, PathBuf)> {
    tools::find("nginx", test).zip(tools::find("rebar3", test))
}

fn rebar3_fetches(test: &str, key: &str) {
    let Some((nginx, rebar3)) = programs(test) else { return };
    let repository = TestRepository::new().samples().key(key);
    repository.build(&[]).ok();
    let server = Nginx::serve(&nginx, &repository.path("public"));
    Project::of(rebar3, &repository, &server.url(), None).fetches(&repository);
}

#[test]
fn rebar3_fetches_with_a_2048_bit_key() {
    rebar3_fetches("rebar3_fetches_with_a_2048_bit_key", "acme-2048.pem");
}

#[test]
fn rebar3_fetches_with_a_4096_bit_key() {
    rebar3_fetches("rebar3_fetches_with_a_4096_bit_key", "acme-4096.pem");
}

/// nginx asks for no token, and ignores one that is sent.
#[test]
fn rebar3_needs_only_the_printed_configuration() {
    let test = "rebar3_needs_only_the_printed_configuration";
    let Some((nginx, rebar3)) = programs(test) else { return };
    let repository = samples();
    let server = Nginx::serve(&nginx, &repository.path("public"));
    Project::of(rebar3, &repository, &server.url(), Some("TOKEN")).fetches(&repository);
}

#[test]
fn rebar3_refuses_a_wrong_key() {
    let Some((nginx, rebar3)) = programs("rebar3_refuses_a_wrong_key") else { return };
    let repository = samples();
    let server = Nginx::serve(&nginx, &repository.path("public"));
    let other = TestRepository::new().key("acme-4096.pem");
    other.build(&[]).ok();
    let project = Project::of(rebar3, &other, &server.url(), None);
    project.is_refused();
    assert!(!project.dependency("welcome").exists());

    // Only the key prevented it from fetching.
    project.configure(&configuration(&repository, &server.url(), None));
    project.fetches(&repository);
}
