//! What `metadata.config` says for people and tools, and no registry lists.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use super::metadata::MetadataError;
use crate::erlang::{self, Term};

/// What the metadata of a package says for people and tools. Clients show it; nothing is resolved with it.
///
/// Hex specification, "Package metadata". It is read leniently: a value of another form than the specification says is
/// left out, because the tarball is published and its other values are good.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// The OTP application.
    pub app: Option<String>,
    /// What the package is, in a few sentences.
    pub description: Option<String>,
    /// Such as `Apache-2.0`.
    pub licenses: Vec<String>,
    /// URLs by their labels, such as `GitHub`.
    pub links: BTreeMap<String, String>,
    /// Names of people. hex.pm has owners in their place since 2017.
    pub maintainers: Vec<String>,
    /// Such as `mix` and `rebar3`, each once.
    pub build_tools: Vec<String>,
    /// The requirement on the version of Elixir.
    pub elixir: Option<String>,
}

impl Description {
    /// Reads `metadata.config`.
    ///
    /// # Errors
    /// [`MetadataError`] if it is not a sequence of Erlang terms.
    pub fn parse(metadata: &[u8]) -> Result<Self, MetadataError> {
        let terms = erlang::parse_terms(&erlang::decode(metadata))?;
        let mut description = Self::default();
        for (key, value) in terms.iter().filter_map(pair) {
            match key {
                b"app" => description.app = text(value),
                b"description" => description.description = text(value),
                b"elixir" => description.elixir = text(value),
                b"licenses" => description.licenses = texts(value),
                b"maintainers" => description.maintainers = texts(value),
                b"build_tools" => description.build_tools = texts(value),
                b"links" => description.links = links(value),
                _ => {}
            }
        }
        Ok(description)
    }
}

fn pair(term: &Term) -> Option<(&[u8], &Term)> {
    match term {
        Term::Tuple(items) => match items.as_slice() {
            [Term::Binary(key), value] => Some((key, value)),
            _ => None,
        },
        _ => None,
    }
}

/// A text that is not empty.
fn text(term: &Term) -> Option<String> {
    let text = match term {
        Term::Binary(bytes) => std::str::from_utf8(bytes).ok()?,
        Term::String(text) => text,
        _ => return None,
    };
    (!text.is_empty()).then(|| text.to_owned())
}

/// The texts of a list, each once and in their order.
fn texts(term: &Term) -> Vec<String> {
    let Term::List(items) = term else { return Vec::new() };
    let mut seen = HashSet::new();
    items.iter().filter_map(text).filter(|text| seen.insert(text.clone())).collect()
}

/// The files that `metadata.config` lists, each once and in their order.
pub(super) fn files(metadata: &[u8]) -> Result<Vec<String>, MetadataError> {
    let terms = erlang::parse_terms(&erlang::decode(metadata))?;
    let mut listed = terms.iter().filter_map(pair).filter(|(key, _)| *key == b"files");
    Ok(listed.next().map_or_else(Vec::new, |(_, value)| texts(value)))
}

/// A list of pairs, or a map. Hex accepts both.
fn links(term: &Term) -> BTreeMap<String, String> {
    let link = |(label, url): (&Term, &Term)| Some((text(label)?, text(url)?));
    match term {
        Term::List(items) => {
            let pairs = items.iter().filter_map(|item| match item {
                Term::Tuple(pair) => match pair.as_slice() {
                    [label, url] => Some((label, url)),
                    _ => None,
                },
                _ => None,
            });
            pairs.filter_map(link).collect()
        }
        Term::Map(pairs) => pairs.iter().filter_map(|(label, url)| link((label, url))).collect(),
        _ => BTreeMap::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work_time::timed;

    #[test]
    fn what_mix_writes_is_read() {
        let metadata = r#"{<<"links">>,[{<<"GitHub">>,<<"https://github.com/acme/foo">>}]}.
{<<"name">>,<<"foo">>}.
{<<"version">>,<<"0.1.0">>}.
{<<"description">>,<<"Greets — politely"/utf8>>}.
{<<"elixir">>,<<"~> 1.14">>}.
{<<"app">>,<<"foo_app">>}.
{<<"licenses">>,[<<"Apache-2.0">>,<<"MIT">>]}.
{<<"files">>,[<<"lib">>]}.
{<<"requirements">>,[]}.
{<<"build_tools">>,[<<"mix">>,<<"mix">>]}.
"#;
        let description = Description::parse(metadata.as_bytes()).unwrap();
        assert_eq!(description.app.as_deref(), Some("foo_app"));
        assert_eq!(description.description.as_deref(), Some("Greets — politely"));
        assert_eq!(description.elixir.as_deref(), Some("~> 1.14"));
        assert_eq!(description.licenses, ["Apache-2.0", "MIT"]);
        assert_eq!(description.build_tools, ["mix"]);
        assert_eq!(description.links["GitHub"], "https://github.com/acme/foo");
        assert_eq!(description.maintainers, [""; 0]);
    }

    #[test]
    fn a_value_of_another_form_is_left_out() {
        let metadata = r#"{<<"links">>,#{<<"a">> => <<"b">>, c => d}}.
{<<"description">>,""}.
{<<"app">>,foo}.
{<<"licenses">>,<<"MIT">>}.
{<<"maintainers">>,["Ann",1,<<255>>]}.
{1,2}.
[]."#;
        let description = Description::parse(metadata.as_bytes()).unwrap();
        let links = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
        let maintainers = vec!["Ann".to_owned()];
        assert_eq!(description, Description { links, maintainers, ..Description::default() });
        assert!(Description::parse(b"{").is_err());
    }

    /// Of all pairs of 100,000 texts, each would be compared with each.
    #[test]
    fn a_long_list_is_read_in_time() {
        let texts: Vec<_> = (0..100_000).map(|number| format!("<<\"{number}\">>")).collect();
        let metadata = format!("{{<<\"licenses\">>,[{0},{0}]}}.", texts.join(","));
        let (description, took) = timed(|| Description::parse(metadata.as_bytes()).unwrap());
        assert_eq!(description.licenses.len(), 100_000);
        assert!(took < std::time::Duration::from_secs(5), "{took:?}");
    }
}
