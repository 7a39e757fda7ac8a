//! What of a package is native code, or is downloaded when it is built. This is what stops a build without a network or
//! without a compiler.

use std::fmt;

use memchr::memmem;

use super::readme::plain_line;
use crate::tarball::PackageFiles;

/// In bytes: how much of a build file is looked at.
const MAX_BUILD_FILE: usize = 256 << 10;

/// A reason why a build needs more than Erlang and Elixir.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NativeCode {
    /// What the build needs.
    pub kind: NativeKind,
    /// A path of the package, or the name of a requirement, that shows it.
    pub evidence: String,
    /// How many other paths show it.
    pub others: usize,
}

/// What a build needs, or does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NativeKind {
    /// Source in C or C++.
    C,
    /// Source in Rust.
    Rust,
    /// Source in Zig.
    Zig,
    /// Source in Go.
    Go,
    /// A Makefile, or a package that runs make.
    Make,
    /// A build by `CMake`.
    CMake,
    /// Commands in `rebar.config`.
    Commands,
    /// Compiled files in the package.
    Compiled,
    /// Compiled files that are downloaded.
    Download,
}

impl NativeKind {
    /// Whether a build fetches something that no Hex repository has.
    #[must_use]
    pub fn downloads(self) -> bool {
        matches!(self, Self::Rust | Self::Zig | Self::Go | Self::Download)
    }

    fn words(self) -> &'static str {
        match self {
            Self::C => "has C or C++ source: a build needs a C compiler",
            Self::Rust => "has Rust source: a build needs cargo, which downloads its crates",
            Self::Zig => "has Zig source: a build needs Zig, which may be downloaded",
            Self::Go => "has Go source: a build needs Go, which downloads its modules",
            Self::Make => "is built by make",
            Self::CMake => "is built by CMake",
            Self::Commands => "runs commands or a C compiler when rebar3 builds it",
            Self::Compiled => "has compiled files for certain systems",
            Self::Download => "may download compiled files when it is built",
        }
    }
}

/// A sentence without its subject: `has Rust source: a build needs cargo, which downloads its crates (native/a/Cargo.toml)`.
impl fmt::Display for NativeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}", self.kind.words(), plain_line(&self.evidence))?;
        match self.others {
            0 => f.write_str(")"),
            others => write!(f, " and {others} more)"),
        }
    }
}

/// What a package with these files and requirements needs. Paths and names are what is looked at, so this is a hint: a
/// build can do anything.
#[must_use]
pub fn native_code<'a>(
    files: &PackageFiles,
    requirements: impl IntoIterator<Item = &'a str>,
) -> Vec<NativeCode> {
    let mut found: Vec<NativeCode> = Vec::new();
    let mut add = |kind: NativeKind, evidence: &str| match found
        .iter_mut()
        .find(|former| former.kind == kind)
    {
        Some(former) => former.others = former.others.saturating_add(1),
        None => found.push(NativeCode { kind, evidence: evidence.to_owned(), others: 0 }),
    };
    for requirement in requirements {
        if let Some(kind) = of_requirement(requirement) {
            add(kind, requirement);
        }
    }
    for file in files.iter() {
        if let Some(kind) = of_path(&file.path) {
            add(kind, &file.path);
        }
    }
    for (path, words, kind) in BUILD_FILES {
        let text = files.get(path).unwrap_or_default();
        let text = text.get(..MAX_BUILD_FILE).unwrap_or(text);
        if words.iter().any(|word| memmem::find(text, word.as_bytes()).is_some()) {
            add(kind, path);
        }
    }
    found.sort_by_key(|code| code.kind);
    found
}

/// What the text of a build file shows.
const BUILD_FILES: [(&str, &[&str], NativeKind); 3] = [
    (
        "rebar.config",
        &["port_specs", "pre_hooks", "post_hooks", "provider_hooks"],
        NativeKind::Commands,
    ),
    ("mix.exs", &[":elixir_make"], NativeKind::Make),
    (
        "mix.exs",
        &["make_precompiler", ":httpc.request", "releases/download/"],
        NativeKind::Download,
    ),
];

fn of_requirement(name: &str) -> Option<NativeKind> {
    match name {
        "elixir_make" => Some(NativeKind::Make),
        "rustler" => Some(NativeKind::Rust),
        "zigler" => Some(NativeKind::Zig),
        "cc_precompiler" | "zigler_precompiled" => Some(NativeKind::Download),
        "pc" => Some(NativeKind::Commands),
        _ => name.ends_with("_precompiled").then_some(NativeKind::Download),
    }
}

fn of_path(path: &str) -> Option<NativeKind> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let lowered = name.to_ascii_lowercase();
    // Templates for the user's own project, tests and examples are not built.
    if ["test/", "examples/", "bench/"].iter().any(|start| path.starts_with(start)) {
        return None;
    }
    let ending = lowered.rsplit_once('.').map_or("", |(_, ending)| ending);
    match (lowered.as_str(), ending) {
        ("cargo.toml", _) => Some(NativeKind::Rust),
        ("go.mod", _) => Some(NativeKind::Go),
        ("cmakelists.txt", _) => Some(NativeKind::CMake),
        ("makefile" | "gnumakefile" | "makefile.win", _) => {
            let is_built = folder.is_empty() || folder.starts_with("c_src") || folder == "src";
            is_built.then_some(NativeKind::Make)
        }
        // What rustler_precompiled and elixir_make compare downloads with.
        (name, "exs") if name.starts_with("checksum") => Some(NativeKind::Download),
        (_, "c" | "cc" | "cpp" | "cxx") => Some(NativeKind::C),
        (_, "zig") => Some(NativeKind::Zig),
        (_, "so" | "dll" | "dylib" | "a" | "lib" | "o" | "exe" | "node") => {
            Some(NativeKind::Compiled)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tarball::{self, Limits};

    fn found(files: &[(&str, &str)], requirements: &[&str]) -> Vec<String> {
        let metadata = "{<<\"name\">>,<<\"a\">>}.\n{<<\"version\">>,<<\"1.0.0\">>}.\n{<<\"app\">>,<<\"a\">>}.\n\
                        {<<\"requirements\">>,[]}.\n";
        let files: Vec<(&str, &[u8])> =
            files.iter().map(|(path, text)| (*path, text.as_bytes())).collect();
        let tarball = tarball::create(metadata, &files).unwrap();
        let files = tarball::unpack_files(&tarball, &Limits::HEX).unwrap();
        native_code(&files, requirements.iter().copied()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn plain_packages_need_nothing() {
        let files = [
            ("lib/a.ex", ""),
            ("src/a.erl", ""),
            ("include/a.hrl", ""),
            ("mix.exs", "defmodule A"),
            ("rebar.config", "{deps, []}."),
            ("test/a.c", ""),
            ("priv/templates/Makefile", ""),
            ("lib/cargo.ex", ""),
            ("priv/a.json", ""),
        ];
        assert_eq!(found(&files, &["jason", "make", "precompiled"]), [""; 0]);
    }

    #[test]
    fn each_kind_is_shown_once_with_its_evidence() {
        assert_eq!(
            found(
                &[
                    ("c_src/a.c", ""),
                    ("c_src/b.cpp", ""),
                    ("c_src/Makefile", ""),
                    ("native/a/Cargo.toml", ""),
                    ("priv/a.so", "")
                ],
                &["jason", "elixir_make", "rustler_precompiled"],
            ),
            [
                "has C or C++ source: a build needs a C compiler (c_src/a.c and 1 more)",
                "has Rust source: a build needs cargo, which downloads its crates (native/a/Cargo.toml)",
                "is built by make (elixir_make and 1 more)",
                "has compiled files for certain systems (priv/a.so)",
                "may download compiled files when it is built (rustler_precompiled)",
            ]
        );
        assert_eq!(
            found(
                &[
                    ("rebar.config", "{port_specs, []}."),
                    ("CMakeLists.txt", ""),
                    ("native/b.zig", ""),
                    ("go/go.mod", "")
                ],
                &[]
            ),
            [
                "has Zig source: a build needs Zig, which may be downloaded (native/b.zig)",
                "has Go source: a build needs Go, which downloads its modules (go/go.mod)",
                "is built by CMake (CMakeLists.txt)",
                "runs commands or a C compiler when rebar3 builds it (rebar.config)",
            ]
        );
        let checksum =
            found(&[("checksum-Elixir.A.exs", ""), ("mix.exs", "compilers: [:elixir_make]")], &[]);
        assert_eq!(
            checksum,
            [
                "is built by make (mix.exs)",
                "may download compiled files when it is built (checksum-Elixir.A.exs)"
            ]
        );
    }

    #[test]
    fn names_of_strangers_are_one_line() {
        assert_eq!(
            found(&[("c_src/\u{202e}a\n.c", "")], &[]),
            ["has C or C++ source: a build needs a C compiler (c_src/a .c)"]
        );
    }

    #[test]
    fn what_needs_a_network_is_known() {
        assert!(NativeKind::Download.downloads() && NativeKind::Rust.downloads());
        assert!(!NativeKind::C.downloads() && !NativeKind::Make.downloads());
    }
}
