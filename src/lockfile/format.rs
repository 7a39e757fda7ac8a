//! Whose lock file it is: told by its name, or else by how it begins.

use std::ffi::OsStr;
use std::fmt;
use std::path::Path;

use super::without_mark;

/// Whose lock file it is.
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
    /// By the name that the build tool gives it.
    #[must_use]
    pub fn of_file_name(path: &Path) -> Option<Self> {
        match path.file_name().and_then(OsStr::to_str)? {
            "mix.lock" => Some(Self::Mix),
            "rebar.lock" => Some(Self::Rebar),
            "manifest.toml" => Some(Self::Gleam),
            _ => None,
        }
    }

    /// By its name, or else by how it begins: mix lets a project call its lock file anything. `None` where
    /// it is another tool's.
    #[must_use]
    pub fn detect(path: &Path, text: &[u8]) -> Option<Self> {
        Self::of_file_name(path).or_else(|| match foreign(path, text) {
            Some(_) => None,
            None => Self::of_beginning(without_mark(text)),
        })
    }

    fn of_beginning(text: &[u8]) -> Option<Self> {
        let mut told = told(text);
        let first = told.next()?;
        // What a list that is opened alone on its line holds is told by the next.
        let second = if first == b"[" { told.next()? } else { first.get(1..)?.trim_ascii_start() };
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

/// The lines that are neither blank nor comments, nor the mark with which a merge conflict begins.
fn told(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    lines.filter(|line| match line {
        [] | [b'#', ..] | [b'<', b'<', b'<', ..] => false,
        // One is a comment of Erlang's, the other opens a map of Elixir's.
        [b'%', rest @ ..] => rest.starts_with(b"{"),
        _ => true,
    })
}

/// What other tools call their lock files, and what each is.
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
    // Beside the lock file of a tool that is known lies what it was made from.
    ("gleam.toml", "Gleam's project file, and manifest.toml is its lock file"),
    ("mix.exs", "mix's project file, and mix.lock is its lock file"),
    ("rebar.config", "rebar3's project file, and rebar.lock is its lock file"),
];

/// What a file is that another tool than mix, rebar3 and Gleam reads, by its name or else by how it begins.
#[must_use]
pub fn foreign(path: &Path, text: &[u8]) -> Option<&'static str> {
    if Format::of_file_name(path).is_some() {
        return None;
    }
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let named = FOREIGN.into_iter().find(|(foreign, _)| *foreign == name);
    named.map(|(_, what)| what).or_else(|| foreign_beginning(without_mark(text)))
}

fn foreign_beginning(text: &[u8]) -> Option<&'static str> {
    // As much as it takes to tell.
    let text = text.get(..4096).unwrap_or(text);
    let has = |what: &str| memchr::memmem::find(text, what.as_bytes()).is_some();
    let comment = text.trim_ascii_start();
    let comment = comment.split(|byte| *byte == b'\n').take_while(|line| line.starts_with(b"#"));
    let by = |tool: &str| {
        comment.clone().any(|line| memchr::memmem::find(line, tool.as_bytes()).is_some())
    };
    let first = told(text).next().unwrap_or_default();
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

/// Whether it opens an object as JSON does, which has a `:` where a tuple of Erlang's has a comma.
fn is_json(text: &[u8]) -> bool {
    let Some(rest) = text.trim_ascii_start().strip_prefix(b"{") else { return false };
    let Some(key) = rest.trim_ascii_start().strip_prefix(b"\"") else { return false };
    let Some(end) = memchr::memchr(b'"', key) else { return false };
    key.get(end.saturating_add(1)..).is_some_and(|after| after.trim_ascii_start().starts_with(b":"))
}
