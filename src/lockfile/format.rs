//! The format of a lock file: by the name of the file, or else by how its text begins.

use std::ffi::OsStr;
use std::fmt;
use std::path::Path;

use super::text::without_byte_order_mark;

/// The format of a lock file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// `mix.lock`: an Elixir map.
    Mix,
    /// `rebar.lock`: Erlang terms.
    Rebar,
    /// `manifest.toml`: TOML.
    Gleam,
}

impl Format {
    /// The format of a file with the name that the build tool gives it.
    #[must_use]
    pub fn of_file_name(path: &Path) -> Option<Self> {
        match path.file_name().and_then(OsStr::to_str)? {
            "mix.lock" => Some(Self::Mix),
            "rebar.lock" => Some(Self::Rebar),
            "manifest.toml" => Some(Self::Gleam),
            _ => None,
        }
    }

    /// The format by the name of the file, or else by how its text begins: mix lets a project choose the name. `None` for
    /// the lock file of another tool.
    #[must_use]
    pub fn detect(path: &Path, text: &[u8]) -> Option<Self> {
        Self::of_file_name(path).or_else(|| match foreign(path, text) {
            Some(_) => None,
            None => Self::of_beginning(without_byte_order_mark(text)),
        })
    }

    fn of_beginning(text: &[u8]) -> Option<Self> {
        let mut lines = significant_lines(text);
        let first = lines.next()?;
        // After a line with the opening bracket of a list alone, the next line tells what the list has.
        let second = if first == b"[" { lines.next()? } else { first.get(1..)?.trim_ascii_start() };
        match (first.first()?, second.first()) {
            (b'%', _) => Some(Self::Mix),
            (b'{', _) | (b'[', Some(b'{' | b']')) => Some(Self::Rebar),
            (b'[' | b'"' | b'a'..=b'z', _) => Some(Self::Gleam),
            _ => None,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mix => "mix.lock",
            Self::Rebar => "rebar.lock",
            Self::Gleam => "manifest.toml",
        })
    }
}

/// The lines that are neither blank, nor comments, nor the first marker of a merge conflict.
fn significant_lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    lines.filter(|line| match line {
        [] | [b'#', ..] | [b'<', b'<', b'<', ..] => false,
        // `%` begins a comment in Erlang, and `%{` a map in Elixir.
        [b'%', rest @ ..] => rest.starts_with(b"{"),
        _ => true,
    })
}

/// The files of other tools, by name.
const FOREIGN: [(&str, &str); 28] = [
    ("Cargo.lock", "Cargo's lock file"),
    ("Gemfile.lock", "Bundler's lock file"),
    ("Package.resolved", "SwiftPM's lock file"),
    ("Pipfile.lock", "Pipenv's lock file"),
    ("Podfile.lock", "CocoaPods' lock file"),
    ("bun.lock", "Bun's lock file"),
    ("bun.lockb", "Bun's lock file"),
    ("composer.lock", "Composer's lock file"),
    ("conan.lock", "Conan's lock file"),
    ("deno.lock", "Deno's lock file"),
    ("flake.lock", "Nix's lock file"),
    ("go.mod", "Go's list of modules"),
    ("go.sum", "Go's list of checksums"),
    ("gradle.lockfile", "Gradle's lock file"),
    ("npm-shrinkwrap.json", "npm's lock file"),
    ("package-lock.json", "npm's lock file"),
    ("package.json", "npm's list of dependencies"),
    ("packages.lock.json", "NuGet's lock file"),
    ("pdm.lock", "PDM's lock file"),
    ("pnpm-lock.yaml", "pnpm's lock file"),
    ("poetry.lock", "Poetry's lock file"),
    ("pubspec.lock", "Dart's lock file"),
    ("requirements.txt", "pip's list of requirements"),
    ("uv.lock", "uv's lock file"),
    ("yarn.lock", "Yarn's lock file"),
    // Project files beside the lock files that hexreg reads.
    ("gleam.toml", "Gleam's project file, and manifest.toml is its lock file"),
    ("mix.exs", "mix's project file, and mix.lock is its lock file"),
    ("rebar.config", "rebar3's project file, and rebar.lock is its lock file"),
];

/// What a file of another tool than mix, rebar3 and Gleam is, by its name or else by how its text begins.
#[must_use]
pub fn foreign(path: &Path, text: &[u8]) -> Option<&'static str> {
    if Format::of_file_name(path).is_some() {
        return None;
    }
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let named = FOREIGN.into_iter().find(|(foreign, _)| *foreign == name);
    named.map(|(_, what)| what).or_else(|| foreign_beginning(without_byte_order_mark(text)))
}

fn foreign_beginning(text: &[u8]) -> Option<&'static str> {
    let text = text.get(..4096).unwrap_or(text);
    let has = |what: &str| memchr::memmem::find(text, what.as_bytes()).is_some();
    let comment = text.trim_ascii_start();
    let comment = comment.split(|byte| *byte == b'\n').take_while(|line| line.starts_with(b"#"));
    let by = |tool: &str| {
        comment.clone().any(|line| memchr::memmem::find(line, tool.as_bytes()).is_some())
    };
    let first = significant_lines(text).next().unwrap_or_default();
    match first {
        _ if by("generated by Cargo") => Some("Cargo's lock file"),
        _ if by("generated by Poetry") => Some("Poetry's lock file"),
        _ if by("generated by PDM") => Some("PDM's lock file"),
        _ if by("yarn lockfile") || first == b"__metadata:" => Some("Yarn's lock file"),
        _ if first.starts_with(b"lockfileVersion:") => Some("pnpm's lock file"),
        _ if first.starts_with(b"version = ") && has("[[package]]") => {
            Some("the lock file of Cargo, uv or Poetry")
        }
        b"GEM" | b"GIT" | b"PATH" => Some("Bundler's lock file"),
        _ if is_json(text) && has("\"lockfileVersion\"") => Some("npm's lock file"),
        _ if is_json(text) && has("\"_readme\"") => Some("Composer's lock file"),
        _ if is_json(text) => Some("a JSON file: no supported lock file is JSON"),
        [b'<', ..] => Some("HTML or XML, and no lock file"),
        _ if text.starts_with(b"PK\x03\x04") || text.starts_with(b"\x1F\x8B") => {
            Some("an archive, and no lock file")
        }
        _ if first.starts_with(b"module ") || has(" h1:") => Some("Go's list of modules"),
        _ if first.starts_with(b"defmodule ") => {
            Some("mix's project file, and mix.lock is its lock file")
        }
        _ => None,
    }
}

/// Whether a text begins with an object of JSON, which has a `:` where a tuple of Erlang has a comma.
fn is_json(text: &[u8]) -> bool {
    let Some(rest) = text.trim_ascii_start().strip_prefix(b"{") else { return false };
    let Some(key) = rest.trim_ascii_start().strip_prefix(b"\"") else { return false };
    let Some(end) = memchr::memchr(b'"', key) else { return false };
    key.get(end.saturating_add(1)..).is_some_and(|after| after.trim_ascii_start().starts_with(b":"))
}
