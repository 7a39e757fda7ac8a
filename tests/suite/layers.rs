//! The layers of `src/`: imports run downwards, and no two files import each other.
//!
//! A room is a file or folder directly in `src/`. [`LAYERS`] is the order of the rooms. A circle is a set of files,
//! or of rooms, each of which imports the others, directly or through further ones. A name counts as imported from
//! the file that defines it: a parent that re-exports its children is no part of a circle among them.

mod graph;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use graph::Graph;
use source::Source;

/// The rooms from top to bottom, those of one layer side by side. Every other room is a value: it belongs to the
/// lowest layer, below `registry` and `tarball`. A room imports from its own layer and from lower ones.
const LAYERS: [&[&str]; 11] = [
    &["main"],
    &["cli"],
    &["serve"],
    &["ops"],
    &["publish", "browse"],
    &["docs"],
    &["published"],
    &["cache", "auth", "private_key_scan"],
    &["store"],
    &["repository"],
    &["registry", "tarball"],
];

/// The most lines that a file may have.
const MAX_LINES: usize = 450;

/// How many types of one name are too many to search for that name.
const TOO_MANY_TYPES: usize = 3;

/// Names that each room may use for a type of its own.
const COMMON_TYPE_NAMES: [&str; 4] = ["Args", "Error", "Options", "Report"];

/// The folder of generated code: its types have the names that Hex's schemas give them.
const GENERATED: &str = "registry/proto/";

/// The files of `src/`, without unit tests: a test may use whatever is at hand.
struct Tree {
    files: BTreeMap<String, Source>,
    /// Of each file, tests included.
    lines: BTreeMap<String, usize>,
}

impl Tree {
    fn of(files: &[(String, String)]) -> Self {
        let named =
            files.iter().map(|(path, text)| (path.trim_end_matches(".rs").to_owned(), text));
        let lines = named.clone().map(|(file, text)| (file, text.lines().count())).collect();
        let sources = named.filter(|(file, _)| file != "tests" && !file.ends_with("/tests"));
        let sources = sources.map(|(file, text)| {
            let module = if file == "lib" { String::new() } else { file };
            (module, Source::parse(text))
        });
        Self { files: sources.collect(), lines }
    }

    fn of_this_crate() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let files = paths(&root).into_iter().map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let path = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            (path, text)
        });
        Self::of(&files.collect::<Vec<_>>())
    }

    /// A circle for each set of files, and of rooms, that import each other.
    fn circles(&self) -> Vec<String> {
        let files = Graph::of(&self.files);
        let rooms = files.grouped_by(|file| room(file).to_owned());
        let of_files = files.circles().into_iter().map(|circle| circle.join(" imports "));
        let of_rooms = rooms.circles().into_iter();
        of_files
            .chain(of_rooms.map(|circle| format!("rooms: {}", circle.join(" imports "))))
            .collect()
    }

    fn upward_imports(&self) -> Vec<String> {
        let graph = Graph::of(&self.files);
        let upward = graph.edges().filter(|(from, to)| layer(to) < layer(from));
        upward.map(|(from, to)| format!("{from} imports {to}: upward")).collect()
    }

    fn long_files(&self) -> Vec<String> {
        let long = self.lines.iter().filter(|(_, lines)| **lines > MAX_LINES);
        long.map(|(file, lines)| format!("{file} has {lines} lines: at most {MAX_LINES}")).collect()
    }

    fn common_type_names(&self) -> Vec<String> {
        let mut defining: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (file, source) in self.files.iter().filter(|(file, _)| !file.starts_with(GENERATED)) {
            for name in &source.types {
                defining.entry(name).or_default().push(file);
            }
        }
        let too_many = defining.into_iter().filter(|(name, files)| {
            files.len() >= TOO_MANY_TYPES && !COMMON_TYPE_NAMES.contains(name)
        });
        too_many.map(|(name, files)| format!("{name} is defined in {}", files.join(", "))).collect()
    }

    /// Files that make `name/mod.rs` a second convention beside `name.rs`.
    fn mod_files(&self) -> Vec<&String> {
        self.lines.keys().filter(|file| file.ends_with("/mod")).collect()
    }
}

/// Every Rust file below a folder.
fn paths(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let files = files.into_iter().filter(|path| path.extension().is_some_and(|ext| ext == "rs"));
    files.chain(folders.iter().flat_map(|folder| paths(folder))).collect()
}

/// `store` of `store/bucket/write`.
fn room(file: &str) -> &str {
    file.split('/').next().unwrap()
}

/// How far from the top a file is.
fn layer(file: &str) -> usize {
    let layer = LAYERS.iter().position(|rooms| rooms.contains(&room(file)));
    layer.unwrap_or(LAYERS.len())
}

#[test]
fn no_files_or_rooms_import_each_other() {
    assert_eq!(Tree::of_this_crate().circles(), [""; 0]);
}

#[test]
fn imports_run_downwards() {
    assert_eq!(Tree::of_this_crate().upward_imports(), [""; 0]);
}

#[test]
fn files_are_short() {
    assert_eq!(Tree::of_this_crate().long_files(), [""; 0]);
}

#[test]
fn a_type_is_found_by_its_name() {
    assert_eq!(Tree::of_this_crate().common_type_names(), [""; 0]);
}

#[test]
fn modules_follow_one_convention() {
    assert_eq!(Tree::of_this_crate().mod_files(), Vec::<&String>::new());
}

/// The oldest Rust that builds hexreg does not compile them, and newer ones give no warning.
#[test]
fn no_file_has_a_chain_of_let() {
    let chain = ["&&", "let "].join(" ");
    for folder in ["src", "tests", "benches", "examples"] {
        for path in paths(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)) {
            let text = fs::read_to_string(&path).unwrap();
            assert!(!text.contains(&chain), "{}: {chain}", path.display());
        }
    }
}

/// A room that is renamed must be renamed in the table too, or it would count as a value.
#[test]
fn every_room_of_the_table_exists() {
    let tree = Tree::of_this_crate();
    let rooms: BTreeSet<&str> = tree.files.keys().map(|file| room(file)).collect();
    for name in LAYERS.into_iter().flatten() {
        assert!(rooms.contains(name), "{name}");
    }
    let graph = Graph::of(&tree.files);
    // If nothing resolved, there would be no circle to find.
    assert!(graph.edges().count() > tree.files.len(), "{}", graph.edges().count());
}

/// The rules themselves, on trees that break them.
mod rules {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> Tree {
        let owned = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
        Tree::of(&owned.collect::<Vec<_>>())
    }

    #[test]
    fn a_circle_is_found_and_named() {
        let tree = tree(&[
            ("store.rs", "mod a;\nmod b;\nmod c;\n"),
            ("store/a.rs", "use super::b::B;\npub struct A;\n"),
            ("store/b.rs", "use crate::store::c::{self, C};\npub struct B;\n"),
            ("store/c.rs", "pub fn c() -> crate::store::a::A { todo!() }\npub struct C;\n"),
            ("store/d.rs", "use super::{a::A, b::B};\n"),
        ]);
        assert_eq!(tree.circles(), ["store/a imports store/b imports store/c imports store/a"]);
    }

    #[test]
    fn parent_and_child_make_a_circle() {
        let tree = tree(&[
            ("store.rs", "mod a;\npub use a::A;\npub struct Options;\n"),
            ("store/a.rs", "use super::Options;\npub struct A(Options);\n"),
        ]);
        assert_eq!(tree.circles(), ["store imports store/a imports store"]);
    }

    #[test]
    fn a_reexport_is_followed_to_the_definition() {
        let tree = tree(&[
            ("store.rs", "mod a;\nmod b;\npub use a::A;\npub use self::b::{B as Bee};\n"),
            ("store/a.rs", "use super::Bee;\npub struct A(Bee);\n"),
            ("store/b.rs", "pub struct B;\n"),
        ]);
        assert_eq!(tree.circles(), [""; 0]);
        let graph = Graph::of(&tree.files);
        let edges: Vec<_> = graph.edges().collect();
        assert_eq!(edges, [("store", "store/a"), ("store", "store/b"), ("store/a", "store/b")]);
    }

    #[test]
    fn a_circle_behind_a_reexport_is_found() {
        let tree = tree(&[
            ("store.rs", "mod a;\nmod b;\npub use a::A;\npub use b::B;\n"),
            ("store/a.rs", "use super::B;\npub struct A(B);\n"),
            ("store/b.rs", "pub struct B(Option<super::A>);\n"),
        ]);
        assert_eq!(tree.circles(), ["store/a imports store/b imports store/a"]);
    }

    #[test]
    fn rooms_of_one_layer_make_a_circle() {
        let tree = tree(&[
            ("name.rs", "pub mod plain;\npub mod long;\n"),
            ("name/plain.rs", "pub struct Plain;\n"),
            ("name/long.rs", "use crate::version::Version;\n"),
            ("version.rs", "use crate::name::plain::Plain;\npub struct Version;\n"),
        ]);
        assert_eq!(tree.circles(), ["rooms: name imports version imports name"]);
    }

    #[test]
    fn an_upward_import_is_found_and_named() {
        let tree = tree(&[
            ("ops.rs", "pub mod build;\n"),
            ("ops/build.rs", "use crate::store::Store;\npub struct Options;\n"),
            ("store.rs", "mod bucket;\npub trait Store {}\n"),
            ("store/bucket.rs", "use crate::ops::build::Options;\n"),
            ("cli.rs", "use hexreg::ops::build::Options;\n"),
            ("name.rs", "pub fn name() { crate::store::all() }\n"),
        ]);
        assert_eq!(
            tree.upward_imports(),
            ["name imports store: upward", "store/bucket imports ops/build: upward"]
        );
    }

    #[test]
    fn long_files_common_names_and_mod_files_are_found() {
        let long = "\n".repeat(MAX_LINES + 1);
        let tree = tree(&[
            ("long.rs", &long),
            ("short.rs", &long[1..]),
            ("a.rs", "pub enum State {}\npub struct Error;\n"),
            ("b.rs", "struct State<'a>(&'a str);\nenum Error {}\n"),
            ("c/mod.rs", "type State = u8;\ntrait Error {}\n"),
            ("d.rs", "#[cfg(test)]\nmod tests {\n    struct Twice;\n}\nstruct Twice;\n"),
        ]);
        assert_eq!(tree.long_files(), ["long has 451 lines: at most 450"]);
        assert_eq!(tree.common_type_names(), ["State is defined in a, b, c/mod"]);
        assert_eq!(tree.mod_files(), ["c/mod"]);
    }
}
