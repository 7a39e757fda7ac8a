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
    // A mirror is scheduled by the file alone; `hexreg mirror` has the same options. So are lock files of the search.
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
        "search-locks",
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

#[cfg(feature = "mirror")]
#[test]
fn what_is_pulled_with_another_secret_is_pulled_anew() {
    let text = "[[repository]]\nname = \"hexpm\"\nat = \"none\"\nupstream-auth = \"${TOKEN}\"\n\
                pull-through = true";
    let options = |token: &str| {
        let variable = |name: &str| (name == "TOKEN").then(|| token.to_owned());
        let config = parse_in(Path::new("here"), text, &variable).unwrap();
        config.options.repositories[0].pull.clone().unwrap()
    };
    let (first, second) = (options("first-secret"), options("second-secret"));
    assert!(first == options("first-secret") && first != second);
    assert_eq!(first.upstream.authorization.as_ref().unwrap(), "first-secret");
    assert!(!format!("{first:?}{second:?}").contains("secret"));
}

/// The lock files of the mirror count too, and pins of other repositories do not.
#[cfg(feature = "mirror")]
#[test]
fn what_lock_files_pin_is_kept() {
    let directory = tempfile::TempDir::new().unwrap();
    let write = |name: &str, pins: &[(&str, &str)]| {
        let sum = "0".repeat(64);
        let pin = |(package, repository): &(&str, &str)| {
            format!(
                "  \"{package}\": {{:hex, :{package}, \"1.0.0\", \"{sum}\", [:mix], [], \"{repository}\", \"{sum}\"}},\n"
            )
        };
        let pins: String = pins.iter().map(pin).collect();
        fs::write(directory.path().join(name), format!("%{{\n{pins}}}\n")).unwrap();
    };
    write("one.lock", &[("one", "hexpm"), ("elsewhere", "acme")]);
    write("mirrored.lock", &[("two", "hexpm"), ("private", "hexpm:acme")]);
    let text = "[[repository]]\nname = \"hexpm\"\nat = \"copy\"\n\
        pull-through = { size = \"1GiB\", locks = [\"o*.lock\"] }\n\
        mirror = { every = \"1h\", locks = \"mirrored.lock\" }";
    let config = parse_in(directory.path(), text, &|_| None).unwrap();
    let pull = config.options.repositories[0].pull.clone().unwrap();
    assert_eq!(pull.size, Some(1 << 30));
    let names = |pull: &dyn Fn() -> Result<BTreeSet<hexreg::tarball::FileName>, String>| {
        pull().map(|pins| pins.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    let pinned = names(&*pull.pinned).unwrap();
    assert!(pinned.len() == 2 && pinned[0].starts_with("one-1.0.0"), "{pinned:?}");
    assert!(pinned[1].starts_with("two-1.0.0"), "{pinned:?}");
    // They are read anew each time. A pattern that matches nothing any more would let all of its files go.
    write("other.lock", &[("three", "hexpm")]);
    assert_eq!(names(&*pull.pinned).unwrap().len(), 3);
    fs::remove_file(directory.path().join("mirrored.lock")).unwrap();
    let error = names(&*pull.pinned).unwrap_err();
    assert!(error.contains("no lock file matches ") && error.contains("change `locks`"), "{error}");
}
