//! nginx and Caddy, set up as `deploy/nginx.conf` and `deploy/Caddyfile` have it, serve what `hexreg serve` does.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use data_encoding::BASE64;

use super::{deployed, fill};
use crate::clients::Project;
use crate::policies::company::{BOTH, ruled};
use crate::serving::paths::{nothing_else_is_visible, slashes_are_one, with_secrets};
use crate::serving::{every_kind_is_served, repository};
use crate::support::repository::TestRepository;
use crate::support::server::{Server, free_address};
use crate::support::tools;

/// A way to serve a repository's `public/`, for those alone who may read where `readers` says who they are.
type Serve = fn(&TestRepository, test: &str, readers: Option<&str>) -> Option<Server>;

const WAYS: [Serve; 3] = [ours, nginx, caddy];

#[expect(clippy::unnecessary_wraps, reason = "the other two may be missing")]
fn ours(repository: &TestRepository, _: &str, readers: Option<&str>) -> Option<Server> {
    let more = readers.map(|readers| {
        repository.write("readers", readers.as_bytes());
        "--auth-file=readers"
    });
    Some(Server::of(repository, more.as_slice()))
}

/// The site amid what Debian and others have in `nginx.conf`, which it must not take over.
const NGINX: &str = "daemon off; master_process off; pid pid; error_log error.log;
events {}
http {
    access_log off;
    gzip on;
    gzip_types *;
    gzip_min_length 1;
    gzip_proxied any;
    default_type text/plain;
    types { application/x-tar tar; application/gzip gz; text/csv csv; }
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    include hexreg.conf;
}
";

fn nginx(repository: &TestRepository, test: &str, readers: Option<&str>) -> Option<Server> {
    let program = tools::find("nginx", test)?;
    let address = free_address();
    let root = format!("root {};", repository.path("public").display());
    let mut site = deployed("nginx.conf");
    site = fill(&site, "listen 127.0.0.1:8000;", &format!("listen {address};"));
    site = fill(&site, "root /srv/hex/public;", &root);
    if let Some(readers) = readers {
        repository.write("nginx/readers", readers.as_bytes());
        site = fill(&site, "#auth_basic hexreg;", "auth_basic hexreg;");
        site = fill(
            &site,
            "#auth_basic_user_file /etc/nginx/hexreg.htpasswd;",
            "auth_basic_user_file readers;",
        );
        site = fill(&site, "\"public, max-age", "\"private, max-age");
        site = fill(&site, "set $hexreg_age 600;", "set $hexreg_age 60;");
    }
    Some(start_nginx(&program, repository, &site, address))
}

/// nginx with this site, in the folder `nginx`.
pub fn start_nginx(
    program: &Path,
    repository: &TestRepository,
    site: &str,
    address: SocketAddr,
) -> Server {
    repository.write("nginx/hexreg.conf", site.as_bytes());
    repository.write("nginx/nginx.conf", NGINX.as_bytes());
    let mut command = Command::new(program);
    command.arg("-p").arg(repository.path("nginx")).args(["-c", "nginx.conf"]);
    Server::other(command.stderr(Stdio::null()), address)
}

fn caddy(repository: &TestRepository, test: &str, readers: Option<&str>) -> Option<Server> {
    let program = tools::find("caddy", test)?;
    let address = free_address();
    let root = format!("root * {}", repository.path("public").display());
    let mut site = deployed("Caddyfile");
    site = fill(&site, "http://:8000 {", &format!("http://:{} {{", address.port()));
    site = fill(&site, "root * /srv/hex/public", &root);
    if let Some(readers) = readers {
        site = fill(
            &site,
            "\t#basicauth {\n\t#\tNAME HASH\n\t#}",
            &format!("\tbasicauth {{\n\t\t{}\n\t}}", readers.trim_end().replace(':', " ")),
        );
        site = site.replace("\"public, max-age", "\"private, max-age");
        site = fill(&site, "max-age=600\"", "max-age=60\"");
    }
    Some(start_caddy(&program, repository, &site, address))
}

/// Caddy with this site, in the folder `caddy`.
pub fn start_caddy(
    program: &Path,
    repository: &TestRepository,
    site: &str,
    address: SocketAddr,
) -> Server {
    repository.write("caddy/site", site.as_bytes());
    // Its own door for commands has one address on the whole machine.
    repository.write("caddy/Caddyfile", b"{\n\tadmin off\n}\nimport site\n");
    let home = repository.path("caddy");
    let mut command = Command::new(program);
    command.args(["run", "--config", "Caddyfile"]).current_dir(&home);
    command.env("HOME", &home).stdout(Stdio::null()).stderr(Stdio::null());
    Server::other(&mut command, address)
}

#[test]
fn every_kind_of_file_is_served_alike() {
    for serve in WAYS {
        let repository = repository();
        let Some(server) = serve(&repository, "every_kind_of_file_is_served_alike", None) else {
            continue;
        };
        every_kind_is_served(&server, &repository);
        // What rebar3 sends for what it does not have.
        let answer = server.get("/tarballs/welcome-0.1.0.tar", &["If-None-Match:"]);
        assert_eq!(answer.status, 200);
        let condition = format!("If-None-Match: {}", answer.expect("etag"));
        let answer = server.get("/tarballs/welcome-0.1.0.tar", &[&condition]);
        assert_eq!(
            (answer.status, answer.expect("cache-control")),
            (304, "public, max-age=604800")
        );
        for path in ["/packages/nothing", "/tarballs/nothing-1.0.0.tar", "/nothing"] {
            let answer = server.get(path, &[]);
            assert_eq!(
                (answer.status, answer.expect("cache-control")),
                (404, "no-store"),
                "{path}"
            );
        }
        assert_eq!(server.ask("DELETE", "/names", &[]).status, 405);
    }
}

#[test]
fn several_slashes_are_one_everywhere() {
    for serve in WAYS {
        let repository = repository();
        if let Some(server) = serve(&repository, "several_slashes_are_one_everywhere", None) {
            slashes_are_one(&server);
        }
    }
}

#[test]
fn nothing_else_is_visible_anywhere() {
    for serve in WAYS {
        let repository = with_secrets();
        if let Some(server) = serve(&repository, "nothing_else_is_visible_anywhere", None) {
            nothing_else_is_visible(&server);
        }
    }
}

#[test]
fn those_alone_read_who_may() {
    let test = "those_alone_read_who_may";
    let Some(htpasswd) = tools::find("htpasswd", test) else { return };
    let output =
        Command::new(htpasswd).args(["-nbB", "-C", "5", "ann", "secret"]).output().unwrap();
    let readers = String::from_utf8(output.stdout).unwrap();
    for serve in WAYS {
        let repository = repository();
        let Some(server) = serve(&repository, test, Some(readers.trim_end())) else { continue };
        let ask_for = |path: &str, pair: &str| {
            let header = format!("Authorization: Basic {}", BASE64.encode(pair.as_bytes()));
            server.get(path, &[&header])
        };
        let ask = |pair: &str| ask_for("/names", pair);
        assert_eq!(server.get("/names", &[]).status, 401);
        assert_eq!(ask("ann:wrong").status, 401);
        let answer = ask("ann:secret");
        assert_eq!((answer.status, answer.expect("cache-control")), (200, "private, max-age=3600"));
        let answer = ask_for("/policies/strict-1.0", "ann:secret");
        assert_eq!((answer.status, answer.expect("cache-control")), (200, "private, max-age=60"));
    }
}

#[test]
fn a_policy_is_served_as_it_was_signed() {
    let repository = ruled(BOTH);
    for serve in WAYS {
        let test = "a_policy_is_served_as_it_was_signed";
        let Some(server) = serve(&repository, test, None) else { continue };
        let answer = server.get("/policies/strict", &[]);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.body, repository.read("public/policies/strict"));
    }
}

#[test]
fn rebar3_fetches_from_each() {
    let test = "rebar3_fetches_from_each";
    let Some(rebar3) = tools::find("rebar3", test) else { return };
    for serve in WAYS {
        let repository = repository();
        let Some(server) = serve(&repository, test, None) else { continue };
        Project::of(rebar3.clone(), &repository, &server.url(), None).fetches(&repository);
    }
}
