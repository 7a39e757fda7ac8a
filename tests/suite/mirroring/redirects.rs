//! Redirects of upstream: from a public address to no internal address, and of lists of installs to no other host.

use std::env;
use std::net::IpAddr;
use std::process::Command;

use super::{is_verbatim, mirror, samples};
use crate::support::hexreg::Ran;
use crate::support::repository::TestRepository;
use crate::support::server::Server;
use crate::support::tools;
use crate::support::unruly::{Fault, Unruly};

/// Upstream at an address, which redirects paths with this prefix to `to`.
fn sends_on(server: &Server, address: &str, prefix: &'static str, to: String) -> Unruly {
    let address: IpAddr = address.parse().unwrap();
    Unruly::at(address, server.address, move |path, _| {
        if path.starts_with(prefix) {
            Fault::Status(302, vec![format!("Location: {to}{path}")])
        } else {
            Fault::None
        }
    })
}

fn run(repository: &TestRepository, url: &str, more: &[&str]) -> Ran {
    let _ = std::fs::remove_dir_all(repository.path("copy"));
    mirror(repository, url, &[&["--all", "--retries=0", "--stall-timeout=5"], more].concat())
}

#[test]
fn a_list_of_installs_comes_from_upstreams_host_and_no_referer_is_sent() {
    let (repository, server) = samples();
    repository.write("public/installs/hex-1.x.csv", b"");
    let elsewhere = Unruly::before(server.address, |_, _| Fault::None);
    for list in ["/installs/hex-1.x.csv", "/installs/hex-1.x.csv.signed"] {
        let upstream = sends_on(&server, "127.0.0.1", list, elsewhere.url());
        let ran = run(&repository, &upstream.url(), &["--installs"]);
        assert_eq!(ran.code, 1, "{list}: {}", ran.transcript());
        let said = format!(
            "it redirects to {}: this list is taken from upstream's own host alone",
            elsewhere.url()
        );
        assert!(ran.stderr.contains(&said), "{list}: {}", ran.transcript());
        assert_eq!(elsewhere.count("/"), 0, "{list}");
        assert!(!repository.path("copy/installs/hex-1.x.csv.signed").exists());
    }
    // Signed files and tarballs may be on another host.
    repository.remove("public/installs/hex-1.x.csv");
    let upstream = sends_on(&server, "127.0.0.1", "/tarballs/", elsewhere.url());
    run(&repository, &upstream.url(), &[]).ok();
    is_verbatim(&repository);
    let asked = elsewhere.asked();
    assert_eq!(asked.len(), 3);
    assert!(asked.iter().all(|it| !it.head.to_lowercase().contains("referer:")), "{asked:?}");
}

/// The addresses of the network namespace below: two public ones, and internal ones.
const ADDRESSES: [&str; 5] =
    ["9.9.9.9", "149.112.112.112", "10.0.0.5", "169.254.169.254", "100.64.0.5"];

/// The host names in the namespace, and their addresses.
const HOSTS: &str = "127.0.0.1 localhost\n10.0.0.5 intranet.test\n149.112.112.112 cdn.test\n\
                     10.0.0.5 both.test\n149.112.112.112 both.test\n127.0.0.1 rebound.test\n";

/// Runs the test below in a network namespace with its own addresses and names.
#[test]
fn a_public_server_redirects_to_no_internal_address() {
    let test = "a_public_server_redirects_to_no_internal_address";
    let Some(unshare) = tools::find("unshare", test) else { return };
    let Some(_) = tools::find("ip", test) else { return };
    let directory = TestRepository::new();
    directory.write("hosts", HOSTS.as_bytes());
    let script = format!(
        "set -e; ip link set lo up; for one in {}; do ip address add $one/32 dev lo; done; \
         mount --bind \"$1\" /etc/hosts; shift; exec \"$@\"",
        ADDRESSES.join(" ")
    );
    let inside = |more: &[&str]| {
        let mut command = Command::new(&unshare);
        command.args(["--net", "--mount"]).args(more).args(["--", "sh", "-c", &script, "sh"]);
        command.arg(directory.path("hosts")).arg(env::current_exe().unwrap());
        command.args(["--exact", "mirroring::redirects::between_address_ranges", "--ignored"]);
        command.output().unwrap()
    };
    // A user namespace, for tests that are not run by root.
    let ran = [&[][..], &["--map-root-user"]].into_iter().map(inside);
    let ran = ran.collect::<Vec<_>>();
    let told = |output: &std::process::Output| {
        String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
    };
    let has_run = |output: &&std::process::Output| told(output).contains("running 1 test");
    let Some(output) = ran.iter().find(has_run) else {
        let why: Vec<_> = ran.iter().map(told).collect();
        let required = env::var_os("HEXREG_TEST_TOOLS").is_some_and(|value| value == "required");
        assert!(!required, "{test} needs a network namespace: {why:?}");
        return tools::leave_out(&format!("{test} needs a network namespace: {why:?}"));
    };
    assert!(output.status.success(), "{}", told(output));
}

#[test]
#[ignore = "it needs addresses that the test above makes"]
fn between_address_ranges() {
    let (repository, server) = samples();
    let inside: Vec<_> = ["127.0.0.1", "10.0.0.5", "169.254.169.254", "100.64.0.5"]
        .map(|address| Unruly::at(address.parse().unwrap(), server.address, |_, _| Fault::None))
        .into();
    let asked = |address: usize| inside[address].count("/");
    let cdn = Unruly::at("149.112.112.112".parse().unwrap(), server.address, |_, _| Fault::None);
    let path = "/tarballs/welcome-0.1.0.tar";

    for (to, why) in [
        (inside[0].url(), "127.0.0.1 is at 127.0.0.1, which is no public address"),
        (inside[1].url(), "10.0.0.5 is at 10.0.0.5, which is no public address"),
        (inside[2].url(), "169.254.169.254, which is no public address"),
        (inside[3].url(), "100.64.0.5, which is no public address"),
        (format!("http://[::ffff:127.0.0.1]:{}", inside[0].port()), "which is no public address"),
        (format!("http://localhost:{}", inside[0].port()), "localhost is at 127.0.0.1"),
        // Names, which have to be resolved.
        (format!("http://intranet.test:{}", inside[1].port()), "intranet.test is at 10.0.0.5"),
        (format!("http://rebound.test:{}", inside[0].port()), "rebound.test is at 127.0.0.1"),
    ] {
        for path in [path, "/names", "/packages/welcome", "/docs/welcome-0.1.0.tar.gz"] {
            let upstream = sends_on(&server, "9.9.9.9", path, to.clone());
            let ran = run(&repository, &upstream.url(), &["--docs"]);
            assert_eq!(ran.code, 1, "{to}{path}: {}", ran.transcript());
            assert!(ran.stderr.contains(why), "{to}{path}: {}", ran.transcript());
            // A lasting error is not retried.
            let ran = mirror(&repository, &upstream.url(), &["--all", "--docs", "--json"]);
            assert!(
                ran.stdout.contains("\"retries\":0") || path == "/names",
                "{to}: {}",
                ran.transcript()
            );
        }
    }
    assert_eq!((0..4).map(asked).collect::<Vec<_>>(), [0; 4]);

    // Other public servers are allowed, and of a name with both kinds of addresses the public one is used.
    for host in ["149.112.112.112", "cdn.test", "both.test"] {
        let before = cdn.count("/");
        let to = format!("http://{host}:{}", cdn.port());
        run(&repository, &sends_on(&server, "9.9.9.9", path, to).url(), &[]).ok();
        is_verbatim(&repository);
        assert_eq!(cdn.count("/"), before + 1, "{host}");
    }
    assert_eq!((0..4).map(asked).collect::<Vec<_>>(), [0; 4]);

    // An internal server may redirect to internal addresses, but not a public server that it redirects to.
    let upstream = sends_on(&server, "10.0.0.5", path, inside[0].url());
    run(&repository, &upstream.url(), &[]).ok();
    assert_eq!(asked(0), 1);
    let back = sends_on(&server, "9.9.9.9", path, inside[0].url());
    let upstream = sends_on(&server, "10.0.0.5", path, back.url());
    let ran = run(&repository, &upstream.url(), &[]);
    assert_eq!(ran.code, 1, "{}", ran.transcript());
    assert!(ran.stderr.contains("which is no public address"), "{}", ran.transcript());
    assert_eq!(asked(0), 1);
}
