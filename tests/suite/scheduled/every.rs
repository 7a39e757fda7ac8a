//! `hexreg mirror --every`

use std::process::Stdio;
use std::time::{Duration, Instant};

use super::{Upstream, until};
use crate::support::unruly::Fault;

fn arguments(upstream: &Upstream) -> Vec<String> {
    let url = upstream.unruly.url();
    let arguments = ["mirror", "copy", "--upstream", &url, "--upstream-name", "acme"];
    let more = ["--upstream-key", "public/public_key", "--every", "1s"];
    arguments.iter().chain(&more).map(|one| (*one).to_owned()).collect()
}

#[test]
fn it_mirrors_again_and_again_until_a_signal_ends_it() {
    let upstream = Upstream::samples();
    let mut command = upstream.repository.hexreg().command();
    command.args(arguments(&upstream)).args(["--all", "--quiet"]);
    let mut mirror = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let has = |path: &str| upstream.repository.path(&format!("copy/{path}")).exists();
    until("the first run", || has("names"));
    upstream.publish("new", "1.0.0");
    until("a later run", || has("packages/new"));
    upstream.fail("/", Fault::Drop);
    upstream.publish("new", "1.1.0");
    let asked = upstream.unruly.asked().len();
    until("failures", || upstream.unruly.asked().len() > asked + 2);
    upstream.fail("/tarballs", Fault::Stall);
    until("it goes on", || upstream.unruly.count("/tarballs/new-1.1.0") > 0);
    let ended = std::process::Command::new("kill").arg(mirror.id().to_string()).status().unwrap();
    assert!(ended.success());
    let began = Instant::now();
    assert_eq!(mirror.wait().unwrap().code(), Some(0));
    // Else it would wait for half a minute until upstream sends a byte.
    assert!(began.elapsed() < Duration::from_secs(15), "it did not end at once");
    let verified = upstream.repository.hexreg().run(["verify", "copy"]);
    assert_eq!(verified.code, 0, "{}", verified.transcript());
}

#[test]
fn what_cannot_be_read_again_is_refused() {
    let upstream = Upstream::samples();
    let ran = |more: &[&str]| {
        let arguments = arguments(&upstream);
        let arguments = arguments.iter().map(String::as_str).chain(more.iter().copied());
        upstream.repository.hexreg().run(arguments)
    };
    for (more, told) in [
        (&["--lock", "-"][..], "standard input can be read once, and --every reads again"),
        (&["--all", "--dry-run"], "cannot be used with"),
        // What cannot begin is told once.
        (&["--lock", "none.lock"], "could not read none.lock"),
        (&["--all", "--upstream-auth", "env:UNSET"], "UNSET is not set"),
    ] {
        let ran = ran(more);
        assert_eq!(ran.code, 2, "{}", ran.transcript());
        assert_eq!(ran.stderr.matches(told).count(), 1, "{}", ran.transcript());
    }
    assert_eq!(upstream.unruly.asked().len(), 0);
}
