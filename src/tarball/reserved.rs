//! Names that hex.pm does not give to packages, because something else has them.

use std::fmt;

use crate::name::PackageName;

/// What else has the name of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReservedFor {
    /// An application of Erlang/OTP.
    Erlang,
    /// An application of Elixir.
    Elixir,
    /// A build tool.
    Tool,
    /// A device of Windows.
    Windows,
}

const ERLANG: &str = "appmon asn1 common_test compiler cosEvent cosNotification cosProperty cosTransactions crypto \
                      debugger dialyzer diameter edoc eldap erl_docgen erl_interface erts et eunit ftp gs hipe ic inets \
                      jinterface kernel megaco mnesia observer odbc orber os_mon ose otp_mibs parsetools percept pman \
                      public_key reltool runtime_tools sasl snmp ssh ssl stdlib syntax_tools test_server tftp toolbar \
                      tools tv typer webtool wx xmerl";

const ELIXIR: &str = "eex elixir ex_unit iex logger mix";

const TOOLS: &str = "hex rebar rebar3";

/// What else has this name, if something has. A package of that name can be published and fetched, but not used
/// everywhere.
#[must_use]
pub fn reserved_for(package: &PackageName) -> Option<ReservedFor> {
    let name = package.as_str();
    let lists =
        [(ERLANG, ReservedFor::Erlang), (ELIXIR, ReservedFor::Elixir), (TOOLS, ReservedFor::Tool)];
    let is_in = |list: &str| list.split_whitespace().any(|reserved| reserved == name);
    let found = lists.into_iter().find(|(list, _)| is_in(list)).map(|(_, reserved)| reserved);
    found.or_else(|| is_device(name).then_some(ReservedFor::Windows))
}

/// Whether Windows takes a file of this name for a device, in any directory.
fn is_device(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let numbered = name.strip_prefix("com").or_else(|| name.strip_prefix("lpt"));
    matches!(&*name, "aux" | "con" | "nul" | "prn")
        || numbered.is_some_and(|digit| matches!(digit.as_bytes(), [b'1'..=b'9']))
}

/// What is so named, and what comes of it.
impl fmt::Display for ReservedFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Erlang => "an application of Erlang/OTP, which a project would load in its place",
            Self::Elixir => "an application of Elixir, which a project would load in its place",
            Self::Tool => "a build tool, which loads its own modules of that name",
            Self::Windows => "a device on Windows, where no file can have that name",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_others_are_known() {
        for (name, expected) in [
            ("kernel", Some(ReservedFor::Erlang)),
            ("stdlib", Some(ReservedFor::Erlang)),
            ("logger", Some(ReservedFor::Elixir)),
            ("hex", Some(ReservedFor::Tool)),
            ("con", Some(ReservedFor::Windows)),
            ("lpt9", Some(ReservedFor::Windows)),
            ("cON", Some(ReservedFor::Windows)),
            ("lpt0", None),
            ("com10", None),
            ("com", None),
            ("kernel2", None),
            ("hexpm", None),
        ] {
            assert_eq!(reserved_for(&name.parse().unwrap()), expected, "{name}");
        }
    }
}
