//! The keys are the options of `hexreg serve`, and the documents name all of them.

use std::collections::BTreeSet;
use std::fs;

use clap::CommandFactory;

use super::*;
use crate::cli::Cli;

fn parsed(text: &str) -> Result<Config, Vec<Problem>> {
    parse_in(Path::new("here"), text, &|_| None)
}

fn parse_in(
    directory: &Path,
    text: &str,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Config, Vec<Problem>> {
    parse(text, directory, variable, &RefCell::default()).map(|(config, _)| config)
}

/// The keys that the hint for an unknown key lists: those that were asked for.
fn asked(text: &str) -> BTreeSet<String> {
    let problems = parsed(text).unwrap_err();
    let hint = problems.iter().find(|one| one.message == "unknown key `zzzz`").unwrap();
    let (_, keys) = hint.hint.as_ref().unwrap().split_once(" has the keys ").unwrap();
    keys.split(", ").map(str::to_owned).collect()
}

fn known(keys: &[&str]) -> BTreeSet<String> {
    keys.iter().map(|&key| key.to_owned()).collect()
}

#[test]
fn every_key_is_asked_for_wherever_the_file_ends_early() {
    for text in ["zzzz = 1", "zzzz = 1\ntls-cert = 1", "zzzz = 1\n[[repository]]"] {
        assert_eq!(asked(text), known(keys::FILE), "{text}");
    }
    for rest in ["", "at = 1", "name = 1", "root = true", "at = \"s3://a\"", "at = \".\""] {
        let text = format!("[[repository]]\nzzzz = 1\n{rest}");
        assert_eq!(asked(&text), known(keys::REPOSITORY), "{text}");
    }
}

/// Of `serve`: `--repo` is `[[repository]]`, and `--config` names the file itself.
#[test]
fn every_option_is_a_key_and_every_key_an_option() {
    let command = Cli::command();
    let serve = command.find_subcommand("serve").unwrap();
    let options = serve.get_arguments().filter_map(clap::Arg::get_long);
    let options: BTreeSet<_> =
        options.filter(|one| !["repo", "config", "help"].contains(one)).collect();
    let keys: BTreeSet<_> = keys::FILE.iter().chain(keys::REPOSITORY).copied().collect();
    let missing: Vec<_> = options.difference(&keys).collect();
    assert!(missing.is_empty(), "no keys: {missing:?}");
    // What an argument says by its place: NAME=DEST.
    // A mirror is scheduled by the file alone; `hexreg mirror` has the same options.
    let others = [
        "repository",
        "name",
        "root",
        "at",
        "anonymous",
        "upstream",
        "upstream-name",
        "upstream-key",
        "upstream-auth",
        "accept",
        "mirror",
        "pull-through",
    ];
    let unknown: Vec<_> = keys.difference(&options).filter(|key| !others.contains(key)).collect();
    assert!(unknown.is_empty(), "no options: {unknown:?}");
}

/// The keys of `mirror`, and those of `pull-through`.
#[cfg(feature = "mirror")]
fn of_tables() -> Vec<BTreeSet<String>> {
    let of = |key| asked(&format!("[[repository]]\nname = \"hexpm\"\n{key} = {{ zzzz = 1 }}"));
    ["mirror", "pull-through"].map(of).to_vec()
}

#[cfg(not(feature = "mirror"))]
fn of_tables() -> Vec<BTreeSet<String>> {
    Vec::new()
}

/// The rows of the tables below "One file".
#[test]
fn the_documents_name_every_key_and_no_other() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/serving.md");
    let text = fs::read_to_string(path).unwrap();
    let (_, section) = text.split_once("\n## One file\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let tables: Vec<BTreeSet<String>> = section
        .split("\n| key ")
        .skip(1)
        .map(|table| {
            let rows = table.lines().skip(1).take_while(|line| line.starts_with('|'));
            let keys = rows.filter_map(|row| row.split('|').nth(1));
            keys.flat_map(|keys| keys.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
        })
        .collect();
    let mut of_file = known(keys::FILE);
    of_file.remove("repository");
    let expected = [vec![of_file, known(keys::REPOSITORY)], of_tables()].concat();
    assert_eq!(tables.get(..expected.len()), Some(&expected[..]));
}

#[test]
fn relative_paths_are_relative_to_the_file() {
    let text = "[[repository]]\nname = \"a\"\nat = \"src\"";
    let config = parse_in(Path::new(env!("CARGO_MANIFEST_DIR")), text, &|_| None).unwrap();
    let at = config.options.repositories[0].location.as_directory().unwrap().to_owned();
    assert_eq!(at, Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    // A variable is as an argument is.
    let variable = |name: &str| (name == "HEXREG_CACHE_DIR").then(|| "kept".to_owned());
    let config = parse_in(Path::new(env!("CARGO_MANIFEST_DIR")), text, &variable).unwrap();
    assert_eq!(config.options.cache.directory, Path::new("kept"));
}

#[test]
fn deep_nesting_is_an_error() {
    for text in ["[".repeat(100_000), format!("a = {}", "[".repeat(100_000)), "a.".repeat(100_000)]
    {
        assert!(parsed(&text).is_err());
    }
}

/// A schedule that is changed runs anew: with another secret too, though no text shows one.
#[cfg(feature = "mirror")]
#[test]
fn a_schedule_with_another_secret_is_another_schedule() {
    let text = "[[repository]]\nname = \"hexpm\"\nat = \"none\"\nupstream-auth = \"${TOKEN}\"\n\
                mirror = { every = \"1h\", all = true }";
    let schedule = |token: &str| {
        let variable = |name: &str| (name == "TOKEN").then(|| token.to_owned());
        let config = parse_in(Path::new("here"), text, &variable).unwrap();
        config.options.repositories[0].mirror.clone().unwrap()
    };
    let (first, second) = (schedule("first-secret"), schedule("second-secret"));
    assert!(first == schedule("first-secret"));
    assert!(first != second);
    assert!(!format!("{first:?}{second:?}").contains("secret"));
}
