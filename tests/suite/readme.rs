//! The README says what is so: its demonstration runs as printed, and every option is in it.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use tempfile::TempDir;

use crate::support::hexreg::Hexreg;

fn readme() -> String {
    fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap()
}

/// Each `$ command` of the demonstration with the lines it prints.
fn demonstration(readme: &str) -> Vec<(String, String)> {
    let block = readme.split("```console\n$ ").nth(1).expect("a block that begins with a command");
    let block = block.split("```").next().unwrap();
    let steps = block.split("\n$ ").map(|step| {
        let (command, output) = step.split_once('\n').unwrap_or((step, ""));
        (command.to_owned(), output.trim_end().to_owned())
    });
    steps.collect()
}

/// `…` stands for the rest of a line that differs from run to run.
#[track_caller]
fn assert_printed(printed: &str, expected: &str, command: &str) {
    let same = |printed: &str, expected: &str| match expected.strip_suffix('…') {
        Some(start) => printed.starts_with(start),
        None => printed == expected,
    };
    let alike = printed.lines().count() == expected.lines().count()
        && printed.lines().zip(expected.lines()).all(|(printed, expected)| same(printed, expected));
    assert!(alike, "$ {command}\n{printed}\n--- but the README has\n{expected}");
}

#[test]
fn the_demonstration_runs_as_printed() {
    let directory = TempDir::new().unwrap();
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures");
    symlink(fixtures, directory.path().join("fixtures")).unwrap();
    let binary = assert_cmd::cargo::cargo_bin!("hexreg").parent().unwrap().to_owned();
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths([binary].into_iter().chain(env::split_paths(&path))).unwrap();

    let steps = demonstration(&readme());
    assert!(steps.len() >= 8, "{steps:?}");
    for (command, expected) in steps {
        let output = Command::new("sh")
            .args(["-c", &format!("{{ {command}; }} 2>&1")])
            .current_dir(directory.path())
            .env("PATH", &path)
            .env("HEXREG_CACHE_DIR", directory.path().join("cache"))
            .output()
            .unwrap();
        assert_printed(&String::from_utf8(output.stdout).unwrap(), &expected, &command);
    }
}

#[test]
fn every_option_and_variable_is_in_the_readme() {
    let directory = TempDir::new().unwrap();
    let readme = readme();
    let commands: [&[&str]; 17] = [
        &["--help"],
        &["build", "--help"],
        &["verify", "--help"],
        &["add", "--help"],
        &["remove", "--help"],
        &["retire", "--help"],
        &["unretire", "--help"],
        &["push", "--help"],
        &["inspect", "--help"],
        &["serve", "--help"],
        &["mirror", "--help"],
        &["key", "new", "--help"],
        &["key", "show", "--help"],
        &["auth", "add", "--help"],
        &["auth", "remove", "--help"],
        &["completions", "--help"],
        &["man", "--help"],
    ];
    let mut seen = 0;
    for arguments in commands {
        let help = Hexreg::new(directory.path()).run(arguments.iter().copied()).ok().stdout;
        let words = help.split(|c: char| !(c.is_ascii_alphanumeric() || "-_".contains(c)));
        let is_variable = |word: &str| {
            word.contains('_') && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
        };
        let told = |word: &&str| word.starts_with("--") || is_variable(word);
        for word in words.filter(told) {
            assert!(readme.contains(word), "{word} of {arguments:?} is not in the README");
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
}

/// The table of bad tarballs has every kind that a test refuses, and no other.
#[test]
fn every_kind_of_bad_tarball_is_in_the_table() {
    let table = include_str!("../../docs/reliability.md");
    let table = table.split_once("## Bad tarballs").unwrap().1;
    let table = table.split("\n## ").next().unwrap();
    let (accepted, table) = table.split_once("| kind and test |").unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let told: BTreeSet<&str> = rows.map(|(kind, _)| kind).collect();

    let source = include_str!("malformed.rs");
    let blocks = source.split("rejects! {").skip(1).map(|rest| rest.split("\n}").next().unwrap());
    let in_blocks = blocks.flat_map(str::lines).filter_map(|line| {
        let (name, _) = line.strip_prefix("    ")?.split_once(": ")?;
        name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_').then_some(name)
    });
    let functions = source.split("#[test]\nfn ").skip(1).filter_map(|function| {
        let (name, body) = function.split_once("()")?;
        let body = body.split("\n}").next()?;
        (body.contains("rejection") || body.contains("assert_cut_off")).then_some(name)
    });
    let tested: BTreeSet<&str> = in_blocks.chain(functions).collect();
    assert_eq!(tested.difference(&told).collect::<Vec<_>>(), Vec::<&&str>::new());
    assert_eq!(told.difference(&tested).collect::<Vec<_>>(), Vec::<&&str>::new());
    assert!(tested.len() > 140);

    // What is accepted is tested too.
    let accepted = accepted.lines().filter_map(|line| line.strip_prefix("| `")?.split_once(" | "));
    let mut names = accepted.flat_map(|(names, _)| names.split('`').step_by(2));
    let is_tested = |name: &&str| {
        !tested.contains(name)
            && (source.contains(&format!("\n    {name}: "))
                || source.contains(&format!("#[test]\nfn {name}()")))
    };
    assert_eq!(names.find(|name| !is_tested(name)), None);
}
