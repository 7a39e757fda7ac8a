//! What lies in `deploy/` does what it says.

mod proxies;
mod recipes;
mod sandbox;

use std::fs;
use std::time::Duration;

use hexreg::serve::ServerLimits;

use crate::serving;
use crate::support::server::Server;

/// A file of `deploy/`.
fn deployed(file: &str) -> String {
    let path = format!("{}/deploy/{file}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// With what must be there once in place of a placeholder.
#[track_caller]
fn fill(text: &str, placeholder: &str, value: &str) -> String {
    assert_eq!(text.matches(placeholder).count(), 1, "{placeholder} in {text}");
    text.replace(placeholder, value)
}

/// What the image's entry point is told.
fn command() -> Vec<String> {
    let dockerfile = deployed("Dockerfile");
    let line = dockerfile.lines().find_map(|line| line.strip_prefix("CMD ")).unwrap();
    serde_json::from_str(line).unwrap()
}

#[test]
fn the_image_serves_those_alone_who_may_read() {
    let repository = serving::repository();
    repository.hexreg().run(["auth", "add", "readers", "ci"]).ok();
    let command = command();
    let [serve, rest @ ..] = command.as_slice() else { panic!("{command:?}") };
    assert_eq!(serve, "serve");
    let paths =
        [("/public", "public"), ("--auth-file=/run/secrets/readers", "--auth-file=readers")];
    let arguments: Vec<&str> = rest
        .iter()
        .filter(|argument| !argument.starts_with("--listen"))
        .map(|argument| paths.iter().find(|(inside, _)| inside == argument).unwrap().1)
        .collect();
    let server = Server::run(repository.root(), &arguments);
    assert_eq!(server.get("/names", &[]).status, 401);
    assert_eq!(server.get("/healthz", &[]).status, 200);
    let port = deployed("Dockerfile")
        .lines()
        .find_map(|line| line.strip_prefix("EXPOSE ").map(str::to_owned));
    assert!(command.contains(&format!("--listen=0.0.0.0:{}", port.unwrap())));
}

#[test]
fn the_image_is_made_of_what_is_there() {
    let dockerfile = deployed("Dockerfile");
    let copied = dockerfile.lines().filter_map(|line| line.strip_prefix("COPY "));
    let copied = copied.filter(|line| !line.starts_with("--from"));
    let sources = copied.flat_map(|line| {
        let words: Vec<_> = line.split(' ').collect();
        words[..words.len() - 1].iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()
    });
    for source in sources {
        let path = format!("{}/{source}", env!("CARGO_MANIFEST_DIR"));
        assert!(fs::exists(path).unwrap(), "{source}");
    }
}

/// A number that a line of the unit gives.
fn number(unit: &str, name: &str) -> u64 {
    let line = unit.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap();
    line.trim_end_matches('s').parse().unwrap()
}

#[test]
fn the_unit_leaves_the_server_the_room_and_the_time_it_takes() {
    let unit = deployed("hexreg.service");
    let limits = ServerLimits::default();
    let stop = Duration::from_secs(number(&unit, "TimeoutStopSec"));
    assert!(stop > limits.shutdown, "{stop:?}");
    // A socket and a file for each connection, and what the process has for itself.
    let files = number(&unit, "LimitNOFILE");
    assert!(files >= 2 * u64::try_from(limits.connections).unwrap() + 64, "{files}");
}
