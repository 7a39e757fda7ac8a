//! Documentation of packages.
//!
//! | module | what belongs there |
//! | --- | --- |
//! | `archives` | archives of every tool, as they are |
//! | `evil` | documentation that attacks its readers |
//! | `http` | paths, headers and bytes of pages |
//! | `in_chromium` | pages as readers use them, from a server, a bucket and a disk |
//! | `pulled` | documentation that is fetched when a reader asks for it |
//! | `origins` | in which origin pages are, and who may read them there |
//! | `searched` | the search as readers use it, on a server and in files |

mod archives;
mod evil;
mod http;
mod in_chromium;
mod origins;
#[cfg(feature = "mirror")]
mod pulled;
mod samples;
mod searched;

use crate::support::documentation::{DocsFormat, Documentation};
use crate::support::repository::TestRepository;

/// Packages with documentation of every tool, which link to each other; `table_press` in three versions.
fn documented() -> TestRepository {
    let repository = TestRepository::new();
    for docs in documentations() {
        write(&repository, &docs);
    }
    repository.build(&[]).ok();
    repository
}

/// Its package and its archive.
fn write(repository: &TestRepository, docs: &Documentation) {
    let release = docs.path().replace("docs/", "").replace(".tar.gz", "");
    let (name, version) = release.split_once('-').unwrap();
    let tarball = crate::support::tarball::Tarball::new(name, version).described(
        &format!("What {name} does"),
        &["MIT"],
        &[("README.md", b"# Read me\n"), (&format!("lib/{name}.ex"), b"defmodule A do\nend\n")],
    );
    repository.write_tarball(&format!("{release}.tar"), &tarball.build());
    repository.write(&format!("public/{}", docs.path()), &docs.build());
}

/// What pages of real documentation load from other hosts: badges, fonts, and scripts that draw.
const OUTSIDE: &str = "A file of any size takes one row of memory. \
     <img alt=\"build passes\" src=\"https://badges.example/build.svg\" srcset=\"//badges.example/2.svg 2x\"> \
     <link rel=\"stylesheet\" href=\"https://fonts.example/css?family=Lato\"> \
     <script src='https://cdn.example/draw.js'></script>";

fn documentations() -> Vec<Documentation> {
    let press = |version: &str, function: &str| {
        Documentation::new("table_press", version)
            .module(
                "TablePress",
                "Reads and writes rows of tables.",
                &[
                    (function, 2, "The rows of a stream of lines, one map a row."),
                    ("write_row", 1, "One line with the values of a row."),
                ],
            )
            .module("TablePress.Trim", "Leaves out blanks around values.", &[("trim", 1, "Trims.")])
            .page("streams", "Streams", &[("Large files", OUTSIDE)])
            .links_to("row_names", "0.4.1", "RowNames.html#name/1")
            .link("own", "TablePress.Trim.html#trim/1")
            .link("nowhere", "https://hexdocs.pm/not_mirrored/1.0.0/NotMirrored.html")
            .link("erlang", "https://www.erlang.org/doc/man/lists.html")
            .link("all", "https://hexdocs.pm/?packages=table_press-2.1.0&q=rows")
    };
    let of = |name: &str, module: &str, format: DocsFormat| {
        Documentation::new(name, "1.0.0").format(format).module(
            module,
            "Kept by \"the\" \\ of #{tools}.",
            &[("marmalade", 1, "Spreads jam on a slice of bread.")],
        )
    };
    vec![
        press("2.0.0", "read_rows"),
        press("2.1.0", "parse_rows"),
        press("3.0.0-rc.1", "parse_rows"),
        Documentation::new("row_names", "0.4.2")
            .format(DocsFormat::ExDoc22)
            .module("RowNames", "Names for values.", &[("name", 1, "The name of a value.")])
            .links_to("table_press", "2.1.0", "TablePress.html"),
        of("jam_20", "Jam20", DocsFormat::ExDoc20),
        of("jam_22", "Jam22", DocsFormat::ExDoc22),
        of("jam_30", "Jam30", DocsFormat::ExDoc30),
        of("jam_37", "Jam37", DocsFormat::ExDoc37),
        of("jam_gleam", "jam/gleam", DocsFormat::Gleam),
        of("jam_gleam_9", "jam/gleam9", DocsFormat::Gleam9),
        of("jam_gleam_14", "jam/gleam14", DocsFormat::Gleam14),
        of("jam_edoc", "jam_edoc", DocsFormat::Edoc),
    ]
}
