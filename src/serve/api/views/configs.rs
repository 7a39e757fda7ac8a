//! What a project writes to depend on a release, as clients of the API read it.
//!
//! gleam is not among them: it takes packages from hex.pm alone.

use serde::Serialize;

use crate::name::{PackageName, RepositoryName};
use crate::snippets::DependencyLines;
use crate::version::Version;

/// Lines to copy. `mix hex.info` crashes without the one of `mix.exs`.
#[derive(Serialize)]
pub(super) struct Configs {
    #[serde(rename = "mix.exs")]
    mix: String,
    #[serde(rename = "rebar.config")]
    rebar3: String,
    #[serde(rename = "erlang.mk")]
    erlang_mk: String,
}

impl Configs {
    /// The lines for a release, or for a package without one.
    pub fn new(
        repository: &RepositoryName,
        package: &PackageName,
        app: &str,
        version: Option<&Version>,
    ) -> Self {
        let lines = DependencyLines::new(repository, package, app, version);
        Self { mix: lines.mix, rebar3: lines.rebar3, erlang_mk: lines.erlang_mk }
    }
}
