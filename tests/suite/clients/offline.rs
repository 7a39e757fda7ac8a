//! rebar3 installs what a lock file pins from a mirror, without a route to another host.

use std::fs;
use std::path::{Path, PathBuf};

use hexreg::key::PublicKey;

use super::nginx::Nginx;
use super::{Project, text};
use crate::support::hexreg::Ran;
use crate::support::repository::TestRepository;
use crate::support::server::Server;
use crate::support::tools;

/// A server of a directory.
enum Served {
    ByNginx(Nginx),
    ByHexreg(Server),
}

impl Served {
    fn url(&self) -> String {
        match self {
            Self::ByNginx(server) => server.url(),
            Self::ByHexreg(server) => server.url(),
        }
    }
}

/// Serves a directory with nginx if it is given, else with hexreg.
fn serve(nginx: Option<&Path>, repository: &TestRepository, directory: &str) -> Served {
    match nginx {
        Some(nginx) => Served::ByNginx(Nginx::serve(nginx, &repository.path(directory))),
        None => Served::ByHexreg(Server::run(repository.root(), &[directory])),
    }
}

/// The configuration by which a client trusts the key in this file for hexpm, and no other.
pub fn trusting(repository: &TestRepository, key: &str) -> String {
    let pem = String::from_utf8(repository.read(key)).unwrap();
    let pem = PublicKey::from_pem(&pem).unwrap().to_pem().to_owned();
    format!(
        "{{hex, [{{repos, [#{{name => <<\"hexpm\">>, repo_public_key => <<\"{pem}\">>}}]}}]}}.\n"
    )
}

pub fn build(repository: &TestRepository, directory: &str, key: &str) {
    let key = format!("--private-key={key}");
    repository.hexreg().run(["build", directory, "--name=hexpm", &key]).ok();
}

/// An upstream that is called hexpm, and the lock file of rebar3, after which it got more releases.
fn upstream(rebar3: PathBuf, nginx: Option<&Path>) -> (TestRepository, Served, Vec<u8>) {
    let repository = TestRepository::new().samples();
    build(&repository, "public", "key.pem");
    let upstream = serve(nginx, &repository, "public");
    let project = Project::knowing(rebar3, &trusting(&repository, "public/public_key"));
    let output = project.get_deps_from(&upstream.url());
    assert!(output.status.success(), "{}", text(&output));
    let lock = fs::read(project.path("rebar.lock")).unwrap();
    repository.write("rebar.lock", &lock);
    let repository = repository.release("greeting", "1.2.0");
    build(&repository, "public", "key.pem");
    (repository, upstream, lock)
}

fn mirror(repository: &TestRepository, upstream: &Served, more: &[&str]) -> Ran {
    let url = upstream.url();
    let usual = ["mirror", "copy", "--lock=rebar.lock", "--upstream", &url];
    let key = ["--upstream-name=hexpm", "--upstream-key=public/public_key"];
    let arguments = usual.iter().chain(&key).chain(more).copied();
    repository.hexreg().run(arguments).ok()
}

/// Another project with that lock file gets exactly what it pins from `copy/`.
#[track_caller]
fn installs(rebar3: PathBuf, repository: &TestRepository, url: &str, lock: &[u8]) {
    let project = Project::knowing(rebar3, &trusting(repository, "copy/public_key"));
    fs::write(project.path("rebar.lock"), lock).unwrap();
    let output = project.get_deps_from(url);
    assert!(output.status.success(), "{}", text(&output));
    project.has(repository);
    assert_eq!(fs::read(project.path("rebar.lock")).unwrap(), lock);
}

/// Each server serves the upstream once and the mirror once.
fn servers(test: &str) -> Vec<(Option<PathBuf>, Option<PathBuf>)> {
    let Some(nginx) = tools::find("nginx", test) else { return vec![(None, None)] };
    vec![(Some(nginx.clone()), None), (None, Some(nginx))]
}

#[test]
fn rebar3_installs_what_a_lock_file_pins_from_a_verbatim_mirror() {
    let test = "rebar3_installs_what_a_lock_file_pins_from_a_verbatim_mirror";
    let Some(rebar3) = tools::find("rebar3", test) else { return };
    for (theirs, ours) in servers(test) {
        let (repository, upstream, lock) = upstream(rebar3.clone(), theirs.as_deref());
        mirror(&repository, &upstream, &[]);
        drop(upstream);
        let tarballs = fs::read_dir(repository.path("copy/tarballs")).unwrap();
        let mut tarballs: Vec<_> = tarballs.map(|file| file.unwrap().file_name()).collect();
        tarballs.sort();
        assert_eq!(tarballs, ["greeting-1.1.0.tar", "welcome-0.1.0.tar"]);
        let signed = repository.read("public/packages/greeting");
        assert_eq!(repository.read("copy/packages/greeting"), signed);
        let server = serve(ours.as_deref(), &repository, "copy");
        installs(rebar3.clone(), &repository, &server.url(), &lock);
    }
}

#[test]
fn rebar3_installs_what_a_lock_file_pins_from_a_rebuilt_mirror() {
    let test = "rebar3_installs_what_a_lock_file_pins_from_a_rebuilt_mirror";
    let Some(rebar3) = tools::find("rebar3", test) else { return };
    for (theirs, ours) in servers(test) {
        let (repository, upstream, lock) = upstream(rebar3.clone(), theirs.as_deref());
        let said = mirror(&repository, &upstream, &["--tarballs-only"]).stdout;
        assert!(said.contains("2 releases; 2 created, 0 updated, 0 removed"), "{said}");
        drop(upstream);
        assert!(!repository.path("copy/packages").exists());
        repository.write_key("other.pem", "golden/keys/acme-4096.pem");
        build(&repository, "copy", "other.pem");
        assert_ne!(repository.read("copy/public_key"), repository.read("public/public_key"));
        let server = serve(ours.as_deref(), &repository, "copy");
        installs(rebar3.clone(), &repository, &server.url(), &lock);
    }
}
