//! Documentation without a package: of Elixir itself.

use crate::name::PackageName;

/// What `docs/` has documentation of without a package: the parts of Elixir, and Hex. `mix hex.docs` knows them.
const ELIXIR: [&str; 7] = ["eex", "elixir", "ex_unit", "hex", "iex", "logger", "mix"];

/// Whether documentation of this name needs no release: no registry lists parts of Elixir.
#[must_use]
pub fn is_elixirs(name: &PackageName) -> bool {
    ELIXIR.contains(&name.as_str())
}
