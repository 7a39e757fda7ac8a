//! What lies in `deploy/` does what it says.

mod company;
mod compose;
mod fronts;
mod image;
mod kubernetes;
mod proxies;
mod recipes;
mod sandbox;

use std::fs;
use std::process::Command;
use std::time::Duration;

use hexreg::serve::ServerLimits;
use serde_json::Value;

use crate::clients::text;
use crate::support::moto;

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

/// The documents of a file in YAML, as the programs read it that go by it.
fn documents(file: &str, test: &str) -> Option<Vec<Value>> {
    let python = moto::python(test)?;
    let program =
        "import json, sys, yaml; json.dump(list(yaml.safe_load_all(sys.argv[1])), sys.stdout)";
    let output = Command::new(python).args(["-c", program, &deployed(file)]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

fn strings(list: &Value) -> Vec<String> {
    serde_json::from_value(list.clone()).unwrap_or_else(|error| panic!("{list}: {error}"))
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

/// A guide names each file, and its first lines say what it is for.
#[test]
fn every_file_is_explained() {
    let root = env!("CARGO_MANIFEST_DIR");
    let guides = ["serving", "buckets"]
        .map(|guide| fs::read_to_string(format!("{root}/docs/{guide}.md")).unwrap())
        .concat();
    let files = fs::read_dir(format!("{root}/deploy")).unwrap();
    let names: Vec<_> =
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.len() > 12, "{names:?}");
    for name in names {
        assert!(guides.contains(&format!("`deploy/{name}`")), "{name} is in no guide");
        let head = deployed(&name).lines().take_while(|line| line.starts_with('#')).count();
        assert!(head > 0, "{name} does not say what it is for");
    }
}
