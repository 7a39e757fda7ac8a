//! The documents are true: their commands run as printed, their links lead somewhere, the files that they name
//! exist, and they have every variable and every kind of bad tarball.

mod block;
mod stage;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use walkdir::WalkDir;

use block::Block;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every document for people, by its path in the repository.
fn documents() -> Vec<String> {
    let folder = |folder: &str| {
        let entries = fs::read_dir(Path::new(ROOT).join(folder)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let documents =
            names.filter(|name| Path::new(name).extension().is_some_and(|it| it == "md"));
        documents.map(|name| format!("{folder}{name}")).collect::<Vec<_>>()
    };
    let mut documents = [folder("./"), folder("docs/")].concat();
    for document in &mut documents {
        *document = document.trim_start_matches("./").to_owned();
    }
    documents.sort();
    assert!(documents.len() > 10, "{documents:?}");
    documents
}

macro_rules! run_commands_of {
    ($($name:ident: $document:literal,)*) => {
        $(
            #[test]
            fn $name() {
                stage::run($document, &read($document));
            }
        )*
        const RUN: &[&str] = &[$($document),*];
    };
}

run_commands_of! {
    commands_of_readme: "README.md",
    commands_of_contributing: "CONTRIBUTING.md",
    commands_of_architecture: "docs/architecture.md",
    commands_of_browsing: "docs/browsing.md",
    commands_of_buckets: "docs/buckets.md",
    commands_of_building: "docs/building.md",
    commands_of_changing: "docs/changing.md",
    commands_of_clients: "docs/clients.md",
    commands_of_documentation: "docs/documentation.md",
    commands_of_keys: "docs/keys.md",
    commands_of_offline: "docs/offline.md",
    commands_of_policies: "docs/policies.md",
    commands_of_publishing: "docs/publishing.md",
    commands_of_pull_through: "docs/pull-through.md",
    commands_of_reliability: "docs/reliability.md",
    commands_of_serving: "docs/serving.md",
    commands_of_site: "docs/site.md",
    commands_of_verifying: "docs/verifying.md",
}

#[test]
fn every_document_with_commands_is_run() {
    let documents = documents();
    for document in &documents {
        let blocks = Block::all(document, &read(document));
        let has_commands = blocks.iter().any(Block::has_commands);
        assert_eq!(RUN.contains(&document.as_str()), has_commands, "{document}");
    }
    let missing = RUN.iter().find(|run| !documents.iter().any(|document| document == *run));
    assert_eq!(missing, None);
}

#[test]
fn the_readme_is_read_in_one_sitting() {
    let readme = read("README.md");
    assert!(readme.lines().count() <= 200, "{} lines", readme.lines().count());
    let long = readme.lines().find(|line| line.chars().count() > 100 && !line.starts_with('|'));
    assert_eq!(long, None);
}

#[test]
fn the_changelog_has_one_line_a_change() {
    let changelog = read("CHANGELOG.md");
    for line in changelog.lines().filter(|line| !line.is_empty()) {
        let is_heading = line == "# Changelog"
            || line.starts_with("## ")
            || matches!(line, "### Added" | "### Changed" | "### Fixed");
        let is_entry = line.starts_with("- ") && line.chars().count() <= 140;
        assert!(is_heading || is_entry, "{line}");
    }
}

/// As GitHub makes the anchor of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut seen = 0;
    for document in documents() {
        let text = read(&document);
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://")) {
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = match path {
                "" => document.clone(),
                path => {
                    let folder = Path::new(&document).parent().unwrap();
                    let target = Path::new(ROOT).join(folder).join(path).canonicalize();
                    let target =
                        target.unwrap_or_else(|error| panic!("{document}: {link}: {error}"));
                    let root = Path::new(ROOT).canonicalize().unwrap();
                    target.strip_prefix(root).unwrap().to_str().unwrap().to_owned()
                }
            };
            if !heading.is_empty() {
                let target = read(&target);
                let headings = target.lines().filter(|line| line.starts_with('#'));
                let mut anchors = headings.map(|line| anchor(line.trim_start_matches('#')));
                assert!(anchors.any(|anchor| anchor == heading), "{document}: {link}");
            }
            seen += 1;
        }
    }
    assert!(seen > 30, "{seen}");
}

/// Files of the repository, by their paths.
fn files() -> BTreeSet<String> {
    let is_kept = |entry: &walkdir::DirEntry| {
        !matches!(entry.file_name().to_str(), Some("target" | ".git" | "demo"))
    };
    let files = WalkDir::new(ROOT).into_iter().filter_entry(is_kept).map(Result::unwrap);
    let paths = files.map(|entry| {
        let path = entry.path().strip_prefix(ROOT).unwrap();
        path.to_str().expect("names are UTF-8").to_owned()
    });
    paths.collect()
}

fn is_rust(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "rs")
}

/// What is between backquotes and looks like the path of a file of this repository.
fn paths(text: &str) -> impl Iterator<Item = &str> {
    let quoted = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    quoted.filter_map(|quoted| {
        let is_path = quoted.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
        let folders = ["src/", "tests/", "docs/", "scripts/", "deploy/", "fixtures/", "proto/"];
        let more = ["templates/", "examples/", "fuzz/", "benches/", ".ci/", ".cargo/"];
        let is_below = folders.iter().chain(&more).any(|folder| quoted.starts_with(folder));
        // `docs/NAME-VERSION.tar.gz` is a path of a registry.
        let is_pattern = quoted.contains("NAME");
        (is_path && !is_pattern && (is_below || is_rust(quoted)))
            .then(|| quoted.trim_end_matches('/'))
    })
}

/// `store/dir.rs` is any file whose path ends so.
#[test]
fn every_file_that_documents_and_comments_name_exists() {
    let files = files();
    let comments = files.iter().filter(|file| file.starts_with("src/") && is_rust(file));
    let comments = comments.map(|file| {
        let source = read(file);
        let lines = source.lines().map(str::trim_start).filter(|line| line.starts_with("//"));
        (file.clone(), lines.collect::<Vec<_>>().join("\n"))
    });
    let documents = documents().into_iter().map(|document| {
        let text = read(&document);
        (document, text)
    });
    let mut seen = 0;
    let mut missing = Vec::new();
    for (from, text) in documents.chain(comments) {
        for path in paths(&text) {
            let end = format!("/{path}");
            // What runs leave behind.
            let is_made = path.starts_with("fuzz/artifacts");
            let exists = files.contains(path) || files.iter().any(|file| file.ends_with(&end));
            if !exists && !is_made {
                missing.push(format!("{from}: {path}"));
            }
            seen += 1;
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(seen > 100, "{seen}");
}

/// Variables whose names are in `text`, between quotes.
fn variables(text: &str) -> impl Iterator<Item = &str> {
    let quoted = text.split('"').skip(1);
    quoted.filter(|word| {
        let families = ["AWS_", "AZURE_", "GOOGLE_", "GCE_", "IDENTITY_"];
        families.iter().any(|family| word.len() > family.len() && word.starts_with(family))
            && word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    })
}

#[test]
fn every_variable_of_buckets_is_in_the_guide_and_no_other() {
    let mut read_by_code = BTreeSet::new();
    for file in files().iter().filter(|file| file.starts_with("src/store/") && is_rust(file)) {
        let source = read(file);
        let source = source.split("\nmod tests {").next().unwrap();
        read_by_code.extend(variables(source).map(str::to_owned));
    }
    let guide = read("docs/buckets.md").replace('`', "\"");
    let told: BTreeSet<_> = variables(&guide).map(str::to_owned).collect();
    assert_eq!(read_by_code, told);
    assert!(told.len() > 40, "{told:?}");
}

/// The names of tests that the table of attacks has, after the file that they are in.
#[test]
fn every_attack_in_the_table_has_its_test() {
    let table = read("docs/reliability.md");
    let table = table.split_once("\n## Attacks").unwrap().1;
    let rows = table.split("\n## ").next().unwrap().lines().filter(|line| line.starts_with("| "));
    let mut seen = 0;
    for row in rows {
        let tests = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let mut source = String::new();
        for quoted in tests.split('`').skip(1).step_by(2) {
            if is_rust(quoted) {
                source = read(&format!("tests/suite/{quoted}"));
            } else {
                assert!(source.contains(&format!("fn {quoted}")), "{quoted} of {row}");
                seen += 1;
            }
        }
    }
    assert!(seen > 30, "{seen}");
}

/// The table of bad tarballs has every kind that a test refuses, and no other.
#[test]
fn every_kind_of_bad_tarball_is_in_the_table() {
    let table = read("docs/reliability.md");
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
