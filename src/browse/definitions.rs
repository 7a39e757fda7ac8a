//! Names of modules and functions of a package, from its source or its documentation: the only keywords there are.
//!
//! Names are as their language writes them: `Csv.Parser` and `Csv.Parser.parse/2` in Elixir, `csv` and `csv:parse/1` in
//! Erlang, `csv/parser` and `csv/parser.parse` in Gleam. There are 5,000 at most.

mod names;
mod source;

use names::DefinedNames;

use super::readme::scrub;
use crate::docs::records::search_data_of;
use crate::tarball::{DocsError, DocsLimits, PackageFiles};

/// In bytes: the largest source that is read.
const MAX_SOURCE: usize = 256 << 10;

/// In bytes: the most source of a package.
const MAX_TOTAL: usize = 8 << 20;

/// Folders whose source is not what the package offers.
const OTHER_FOLDERS: [&str; 6] = ["test", "tests", "examples", "priv", "bench", "deps"];

/// The names that the source of a package defines for others. Of long source, the beginning is read.
#[must_use]
pub fn of_source(files: &PackageFiles) -> Vec<String> {
    let mut names = DefinedNames::default();
    let mut total = 0_usize;
    let has_gleam = files.iter().any(|file| file.path.strip_suffix(".gleam").is_some());
    for file in files.iter() {
        let path = file.path.as_str();
        let is_other = path.split('/').any(|part| OTHER_FOLDERS.contains(&part));
        let Some((_, ending)) = path.rsplit_once('.') else { continue };
        // Packages in Gleam have their compiled Erlang beside them.
        let is_source = matches!(ending, "ex" | "gleam") || (ending == "erl" && !has_gleam);
        if is_other || !is_source {
            continue;
        }
        let data = files.data(file);
        let data = data.get(..MAX_SOURCE).unwrap_or(data);
        total = total.saturating_add(data.len());
        if total > MAX_TOTAL || names.is_full() {
            break;
        }
        let text = scrub(data);
        match ending {
            "ex" => source::elixir(&text, &mut names),
            "erl" => source::erlang(&text, &mut names),
            _ => source::gleam(path, &text, &mut names),
        }
    }
    names.into_vec()
}

/// The names in the search data of documentation, a gzipped tar. Documentation without search data has none.
///
/// # Errors
/// It is not documentation that clients can unpack.
pub fn of_docs(docs: &[u8], limits: &DocsLimits) -> Result<Vec<String>, DocsError> {
    let mut names = DefinedNames::default();
    for record in search_data_of(docs, limits)? {
        // Pages and the headings in them have words, and no names.
        let is_page = matches!(record.kind.as_str(), "extras" | "page" | "task");
        if !is_page && !record.title.contains(char::is_whitespace) {
            names.add(&record.module);
            names.add(&record.title);
        }
    }
    Ok(names.into_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tarball::samples::docs_archive;
    use crate::tarball::{self, Limits};

    fn package(files: &[(&str, &str)]) -> PackageFiles {
        let metadata = "{<<\"name\">>,<<\"a\">>}.\n{<<\"version\">>,<<\"1.0.0\">>}.\n{<<\"app\">>,<<\"a\">>}.\n\
                        {<<\"requirements\">>,[]}.\n";
        let files: Vec<(&str, &[u8])> =
            files.iter().map(|(path, text)| (*path, text.as_bytes())).collect();
        tarball::unpack_files(&tarball::create(metadata, &files).unwrap(), &Limits::HEX).unwrap()
    }

    #[test]
    fn source_of_each_language_is_read() {
        let files = package(&[
            ("lib/a.ex", "defmodule A do\n  def f(x), do: x\nend\n"),
            ("src/b.erl", "-module(b).\n-export([g/0]).\n"),
            ("test/c.ex", "defmodule C do\nend\n"),
            ("lib/d.exs", "defmodule D do\nend\n"),
            ("lib/e.ex", "defmodule E\u{202e} do\n\u{0}"),
        ]);
        assert_eq!(of_source(&files), ["A", "A.f/1", "E", "b", "b:g/0"]);
        let gleam = package(&[
            ("src/a/b.gleam", "pub fn f() {"),
            ("src/a@b.erl", "-module(a@b).\n-export([f/0])."),
        ]);
        assert_eq!(of_source(&gleam), ["a/b", "a/b.f"]);
    }

    #[test]
    fn large_source_is_read_in_part() {
        let large = "# comment\n".repeat(MAX_SOURCE / 10) + "defmodule Late do\nend\n";
        let files: Vec<(String, String)> = (0..40)
            .map(|index| {
                (format!("lib/a{index:0>3}.ex"), format!("defmodule A{index} do\n{large}"))
            })
            .collect();
        let files: Vec<(&str, &str)> =
            files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        assert_eq!(of_source(&package(&files)).len(), MAX_TOTAL / MAX_SOURCE);
    }

    #[test]
    fn documentation_is_read_for_its_search_data() {
        let items =
            "searchData={\"items\":[{\"ref\":\"A.html\",\"title\":\"A\",\"type\":\"module\"}]}";
        let docs = docs_archive(&[
            ("index.html", "<html>"),
            ("dist/search_data-1.js", items),
            ("z.html", items),
        ]);
        assert_eq!(of_docs(&docs[..], &DocsLimits::HEX).unwrap(), ["A"]);
        assert_eq!(of_docs(&docs_archive(&[("a", "b")])[..], &DocsLimits::HEX).unwrap(), [""; 0]);
        assert!(of_docs(&docs[..docs.len() - 9], &DocsLimits::HEX).is_err());
        assert!(of_docs(&docs_archive(&[("1.0.0/a", "b")])[..], &DocsLimits::HEX).is_err());
    }
}
