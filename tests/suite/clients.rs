//! The real client: rebar3 fetches packages that nginx serves out of what hexreg built.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use hexreg::key::PublicKey;
use hexreg::ops::serve::snippets::{self, Access};
use tempfile::TempDir;

use crate::support::repository::TestRepository;
use crate::support::tools;

/// A web server on a free port of the loopback interface, ended when dropped.
struct Nginx {
    process: Child,
    address: SocketAddr,
    _prefix: TempDir,
}

impl Nginx {
    fn serve(program: &Path, root: &Path) -> Self {
        let prefix = TempDir::new().unwrap();
        let address = free_address();
        let configuration = format!(
            "daemon off;\nmaster_process off;\npid {prefix}/pid;\nerror_log {prefix}/error.log;\n\
             events {{}}\n\
             http {{\n access_log off;\n default_type application/octet-stream;\n gzip off;\n\
             client_body_temp_path {prefix}/body;\n proxy_temp_path {prefix}/proxy;\n\
             fastcgi_temp_path {prefix}/fastcgi;\n uwsgi_temp_path {prefix}/uwsgi;\n\
             scgi_temp_path {prefix}/scgi;\n\
             server {{ listen {address}; root {root}; }}\n}}\n",
            prefix = prefix.path().display(),
            root = root.display(),
        );
        fs::write(prefix.path().join("nginx.conf"), configuration).unwrap();
        let process = Command::new(program)
            .arg("-p")
            .arg(prefix.path())
            .args(["-c", "nginx.conf"])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let this = Self { process, address, _prefix: prefix };
        let start = Instant::now();
        while TcpStream::connect(this.address).is_err() {
            assert!(start.elapsed() < Duration::from_secs(20), "nginx does not listen");
            sleep(Duration::from_millis(20));
        }
        this
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Nobody listens there at the moment.
fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

/// A project that depends on `welcome` of the repository `acme`.
pub struct Project {
    directory: TempDir,
    rebar3: PathBuf,
    nowhere: String,
}

impl Project {
    pub fn new(rebar3: PathBuf, url: &str, public_key: &str) -> Self {
        let directory = TempDir::new().unwrap();
        let configuration = format!(
            "{{deps, [{{welcome, \"0.1.0\"}}]}}.\n\
             {{hex, [{{repos, [#{{name => <<\"acme\">>, repo_url => <<\"{url}\">>,\n\
             repo_public_key => <<\"{public_key}\">>}}]}}]}}.\n"
        );
        fs::write(directory.path().join("rebar.config"), configuration).unwrap();
        Self { directory, rebar3, nowhere: format!("http://{}", free_address()) }
    }

    pub fn get_deps(&self) -> Output {
        let home = self.directory.path().join("home");
        Command::new(&self.rebar3)
            .arg("get-deps")
            .current_dir(self.directory.path())
            .env("HOME", &home)
            .env("REBAR_CACHE_DIR", home.join("cache"))
            .env("REBAR_GLOBAL_CONFIG_DIR", home.join("config"))
            // Whatever acme lacks must not be looked for anywhere else.
            .env("HEX_CDN", &self.nowhere)
            .output()
            .unwrap()
    }

    pub fn dependency(&self, path: &str) -> PathBuf {
        self.directory.path().join("_build/default/lib").join(path)
    }
}

pub fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes)).concat()
}

/// nginx and rebar3, where both are there.
fn programs(test: &str) -> Option<(PathBuf, PathBuf)> {
    tools::find("nginx", test).zip(tools::find("rebar3", test))
}

fn rebar3_fetches(test: &str, key: &str) {
    let Some((nginx, rebar3)) = programs(test) else { return };
    let repository = TestRepository::new().samples().key(key);
    repository.build(&[]).ok();
    let server = Nginx::serve(&nginx, &repository.path("public"));
    let public_key = String::from_utf8(repository.read("public/public_key")).unwrap();
    let project = Project::new(rebar3, &server.url(), &public_key);

    let output = project.get_deps();
    assert!(output.status.success(), "{}", text(&output));
    // `welcome` needs `greeting ~> 1.0`, of which 1.1.0 is the newest.
    let greeting = fs::read_to_string(project.dependency("greeting/src/greeting.erl")).unwrap();
    assert!(greeting.contains("Good day"), "{greeting}");
    assert!(project.dependency("welcome/src/welcome.erl").is_file());
    let lock = fs::read_to_string(project.directory.path().join("rebar.lock")).unwrap();
    for file in ["welcome-0.1.0.tar", "greeting-1.1.0.tar"] {
        let tarball = repository.read(&format!("public/tarballs/{file}"));
        let checksum = hexreg::checksum::OuterChecksum::of(&tarball).to_string();
        assert!(lock.contains(&checksum), "{lock} has not the checksum of {file}");
    }
}

#[test]
fn rebar3_fetches_with_a_2048_bit_key() {
    rebar3_fetches("rebar3_fetches_with_a_2048_bit_key", "acme-2048.pem");
}

#[test]
fn rebar3_fetches_with_a_4096_bit_key() {
    rebar3_fetches("rebar3_fetches_with_a_4096_bit_key", "acme-4096.pem");
}

#[test]
fn rebar3_needs_nothing_but_the_lines_to_copy() {
    let test = "rebar3_needs_nothing_but_the_lines_to_copy";
    let Some((nginx, rebar3)) = programs(test) else { return };
    let repository = TestRepository::new().samples();
    repository.build(&[]).ok();
    let server = Nginx::serve(&nginx, &repository.path("public"));
    let pem = String::from_utf8(repository.read("public/public_key")).unwrap();
    let (name, key) = ("acme".parse().unwrap(), PublicKey::from_pem(&pem).unwrap());
    let (package, version) = ("welcome".parse().unwrap(), "0.1.0".parse().unwrap());
    let url = server.url();
    let access = Access { repository: &name, url: &url, key: &key, token: true };

    let project = Project::new(rebar3, &url, &pem);
    let dependency = snippets::rebar3_dependency(&package, Some(&version));
    fs::write(project.directory.path().join("rebar.config"), dependency).unwrap();
    let everywhere = project.directory.path().join("home/config/.config/rebar3");
    fs::create_dir_all(&everywhere).unwrap();
    fs::write(everywhere.join("rebar.config"), snippets::rebar3(&access)).unwrap();

    let output = project.get_deps();
    assert!(output.status.success(), "{}", text(&output));
    assert!(project.dependency("welcome/src/welcome.erl").is_file());
}

#[test]
fn rebar3_refuses_a_wrong_key() {
    let Some((nginx, rebar3)) = programs("rebar3_refuses_a_wrong_key") else { return };
    let repository = TestRepository::new().samples();
    repository.build(&[]).ok();
    let server = Nginx::serve(&nginx, &repository.path("public"));
    let other = TestRepository::new().key("acme-4096.pem");
    other.build(&[]).ok();
    let public_key = String::from_utf8(other.read("public/public_key")).unwrap();
    let project = Project::new(rebar3.clone(), &server.url(), &public_key);

    let output = project.get_deps();
    assert!(!output.status.success(), "{}", text(&output));
    assert!(!project.dependency("welcome").exists());

    // Nothing but the key kept it from fetching.
    let public_key = String::from_utf8(repository.read("public/public_key")).unwrap();
    let output = Project::new(rebar3, &server.url(), &public_key).get_deps();
    assert!(output.status.success(), "{}", text(&output));
}
