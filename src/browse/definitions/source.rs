//! Names of modules and functions in source, by its lines. This is no parser: it looks for what definitions begin with.

use super::names::DefinedNames;

/// In bytes: how far the arguments of a function are read.
const MAX_ARGUMENTS: usize = 2000;

/// What defines a function that others can call.
const ELIXIR: [&str; 6] = ["def", "defmacro", "defdelegate", "defguard", "defn", "defcallback"];

/// `defmodule`, `defprotocol`, and the functions of each. What has no documentation on purpose (`@doc false`,
/// `@moduledoc false`) is left out, and so are implementations of protocols.
pub(super) fn elixir(text: &str, names: &mut DefinedNames) {
    let mut modules: Vec<Module> = Vec::new();
    let (mut is_in_text, mut is_hidden) = (false, false);
    let mut hidden_name = String::new();
    let mut offset = 0_usize;
    for line in text.split_inclusive('\n') {
        let start = offset;
        offset = offset.saturating_add(line.len());
        let quotes = line.matches("\"\"\"").count().saturating_add(line.matches("'''").count());
        let was_in_text = is_in_text;
        is_in_text ^= quotes % 2 == 1;
        if was_in_text {
            continue;
        }
        let trimmed = line.trim_start();
        let indent = line.len().saturating_sub(trimmed.len());
        let Some(word) = trimmed
            .split(|next: char| !next.is_ascii_alphanumeric() && !"_@".contains(next))
            .next()
        else {
            continue;
        };
        let rest = trimmed.get(word.len()..).unwrap_or_default();
        match word {
            "defmodule" | "defprotocol" | "defimpl" => {
                modules.retain(|module| module.indent < indent);
                let name = (word != "defimpl").then(|| module_name(rest)).flatten();
                let outer = modules.last().and_then(|module| module.name.as_deref());
                let name = name.map(|name| match outer {
                    Some(outer) => format!("{outer}.{name}"),
                    None => name.to_owned(),
                });
                if let Some(name) = &name {
                    names.add(name);
                }
                modules.push(Module { name, indent });
                is_hidden = false;
            }
            "end" if modules.last().is_some_and(|module| module.indent == indent) => {
                modules.pop();
            }
            "@moduledoc" if rest.trim() == "false" => {
                if let Some(name) = modules.last_mut().and_then(|module| module.name.take()) {
                    names.remove_last(&name);
                }
            }
            "@doc" => is_hidden = rest.trim() == "false",
            word if ELIXIR.contains(&word) && rest.starts_with(' ') => {
                let Some(module) = modules.last().and_then(|module| module.name.as_deref()) else {
                    continue;
                };
                let after = text.get(start.saturating_add(indent).saturating_add(word.len())..);
                let Some((name, arity)) = function(after.unwrap_or_default().trim_start()) else {
                    continue;
                };
                if is_hidden {
                    name.clone_into(&mut hidden_name);
                    is_hidden = false;
                }
                if name != hidden_name {
                    names.add(&format!("{module}.{name}/{arity}"));
                    hidden_name.clear();
                }
            }
            _ => {}
        }
    }
}

struct Module {
    /// None if nothing in it is listed.
    name: Option<String>,
    indent: usize,
}

fn module_name(rest: &str) -> Option<&str> {
    let rest = rest.strip_prefix(' ')?.trim_start();
    let end = rest.find(|next: char| !next.is_ascii_alphanumeric() && !"_.".contains(next));
    let name = rest.get(..end.unwrap_or(rest.len()))?;
    name.starts_with(|first: char| first.is_ascii_uppercase()).then_some(name)
}

/// The name and the arity of a function. None for operators, and for what is made by a macro.
fn function(text: &str) -> Option<(&str, usize)> {
    let end = text
        .find(|next: char| !next.is_alphanumeric() && !"_?!".contains(next))
        .unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end)?;
    let is_name = name.starts_with(|first: char| first.is_lowercase() || first == '_');
    if !is_name || name == "unquote" {
        return None;
    }
    if rest.starts_with('(') {
        return Some((name, arity(rest)?));
    }
    let after = rest.trim_start();
    let has_none = after.is_empty()
        || after.starts_with(',')
        || ["do", "when"].iter().any(|word| {
            after
                .strip_prefix(word)
                .is_some_and(|rest| !rest.starts_with(|next: char| next.is_alphanumeric()))
        });
    (has_none || rest.starts_with('\n')).then_some((name, 0))
}

/// How many arguments are between brackets. None if they are not closed soon.
fn arity(text: &str) -> Option<usize> {
    let (mut depth, mut commas, mut is_empty) = (0_usize, 0_usize, true);
    let mut quote: Option<char> = None;
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        if at > MAX_ARGUMENTS {
            return None;
        }
        if let Some(open) = quote {
            match character {
                '\\' => drop(characters.next()),
                close if close == open => quote = None,
                _ => {}
            }
            continue;
        }
        match character {
            '(' | '[' | '{' | '<' if character != '<' || text.get(at..)?.starts_with("<<") => {
                depth = depth.saturating_add(1);
                is_empty &= depth == 1;
                if character == '<' {
                    characters.next();
                }
                continue;
            }
            ')' | ']' | '}' => depth = depth.checked_sub(1)?,
            '>' if text.get(at..)?.starts_with(">>") => {
                characters.next();
                depth = depth.checked_sub(1)?;
            }
            ',' if depth == 1 => commas = commas.saturating_add(1),
            '"' | '\'' => quote = Some(character),
            '?' => drop(characters.next()),
            _ => {}
        }
        if depth == 0 {
            return Some(if is_empty { 0 } else { commas.saturating_add(1) });
        }
        is_empty &= character.is_whitespace();
    }
    None
}

/// `-module` and what `-export` lists.
pub(super) fn erlang(text: &str, names: &mut DefinedNames) {
    let mut module: Option<String> = None;
    let mut export: Option<String> = None;
    for line in text.lines() {
        let line = line.split('%').next().unwrap_or_default();
        let trimmed = line.trim();
        if let Some(list) = &mut export {
            list.push_str(trimmed);
        } else if let Some(rest) = attribute(trimmed, "module") {
            let name = rest.split([',', ')']).next().unwrap_or_default();
            let name = name.trim().trim_matches('\'').to_owned();
            if !name.is_empty() && module.is_none() {
                names.add(&name);
                module = Some(name);
            }
        } else if let Some(rest) = attribute(trimmed, "export") {
            export = Some(rest.to_owned());
        }
        let Some(list) = export.take_if(|list| list.contains(')') || list.len() > MAX_EXPORT)
        else {
            continue;
        };
        let Some(module) = &module else { continue };
        let list = list.split(')').next().unwrap_or_default();
        for function in list.split([',', '[', ']']) {
            let Some((name, arity)) = function.trim().rsplit_once('/') else { continue };
            let name = name.trim().trim_matches('\'');
            if let Ok(arity) = arity.trim().parse::<u8>() {
                names.add(&format!("{module}:{name}/{arity}"));
            }
        }
    }
}

/// In bytes: the longest list of exports.
const MAX_EXPORT: usize = 64 << 10;

/// What is between the brackets of an attribute, up to the end of the line.
fn attribute<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let rest = line.strip_prefix('-')?.trim_start().strip_prefix(name)?;
    rest.trim_start().strip_prefix('(')
}

/// Public functions, types and constants. The module is the path below `src`.
pub(super) fn gleam(path: &str, text: &str, names: &mut DefinedNames) {
    let module = path.strip_suffix(".gleam").unwrap_or(path);
    let module = module.strip_prefix("src/").unwrap_or(module);
    names.add(module);
    for line in text.lines() {
        let Some(rest) = line.strip_prefix("pub ") else { continue };
        let rest = rest.strip_prefix("opaque ").unwrap_or(rest);
        let kinds = ["fn ", "type ", "const "];
        let Some(rest) = kinds.iter().find_map(|kind| rest.strip_prefix(kind)) else { continue };
        let end = rest.find(|next: char| !next.is_ascii_alphanumeric() && next != '_');
        if let Some(name) = rest.get(..end.unwrap_or(rest.len())).filter(|name| !name.is_empty()) {
            names.add(&format!("{module}.{name}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(scan: impl FnOnce(&mut DefinedNames)) -> Vec<String> {
        let mut names = DefinedNames::default();
        scan(&mut names);
        names.into_vec()
    }

    #[test]
    fn elixir_modules_and_functions_are_found() {
        let text = "defmodule Csv.Parser do\n  @moduledoc \"\"\"\n  Text.\n\n      defmodule Not.This do\n        def nor(this), do: 1\n  \"\"\"\n\
            \n  defmodule Row do\n    defstruct []\n    def width(row), do: row\n  end\n\n  def parse(text, options \\\\ [a: {1, 2}, b: \"),(\"])\n  def parse(a, b) do\n    def_x = 1\n  end\n\
            \n  @doc false\n  def hidden(a), do: a\n  def hidden(b), do: b\n  def zero, do: 0\n  def zero?() when true do\n    1\n  end\n\
            \n  defmacro sigil_c(\n    string,\n    <<_::8, rest::binary>>,\n    %{a: 1, b: 2}\n  ) do\n  end\n\n  defp private(a), do: a\n  def unquote(name)(a), do: a\n  def a + b, do: a\n\
            \n  defdelegate to_list(x), to: Enum\n  defguard is_ok(x) when x == :ok\nend\n\ndefimpl Enumerable, for: Csv do\n  def count(_), do: 1\nend\n\
            \ndefmodule Csv.Internal do\n  @moduledoc false\n  def not_listed(a), do: a\nend\n\ndefprotocol Csv.Encode do\n  def encode(value)\nend\n";
        assert_eq!(
            found(|names| elixir(text, names)),
            [
                "Csv.Parser",
                "Csv.Parser.Row",
                "Csv.Parser.Row.width/1",
                "Csv.Parser.parse/2",
                "Csv.Parser.zero/0",
                "Csv.Parser.zero?/0",
                "Csv.Parser.sigil_c/3",
                "Csv.Parser.to_list/1",
                "Csv.Parser.is_ok/1",
                "Csv.Encode",
                "Csv.Encode.encode/1",
            ]
        );
    }

    #[test]
    fn erlang_exports_are_found() {
        let text = "%% -module(no).\n-module(csv).\n-export([parse/1, parse/2]). % x\n-export([\n    'quoted name'/0,\n    write/3 % a/1\n]).\n\
            -export_type([t/0]).\n- export ( [ last / 1 ] ) .\nparse(A) -> A.\n";
        assert_eq!(
            found(|names| erlang(text, names)),
            ["csv", "csv:parse/1", "csv:parse/2", "csv:quoted name/0", "csv:write/3", "csv:last/1"]
        );
    }

    #[test]
    fn gleam_definitions_are_found() {
        let text = "import a\npub fn parse(a: String) -> Int {\n  pub_fn\n}\nfn private() {}\npub type Row {\n  Row\n}\npub opaque type Hidden {\npub const max = 1\n";
        assert_eq!(
            found(|names| gleam("src/csv/parser.gleam", text, names)),
            [
                "csv/parser",
                "csv/parser.parse",
                "csv/parser.Row",
                "csv/parser.Hidden",
                "csv/parser.max"
            ]
        );
    }

    #[test]
    fn unfinished_source_ends_too() {
        let open = format!("defmodule A do\n  def a({}\n", "(".repeat(100_000));
        assert_eq!(found(|names| elixir(&open, names)), ["A"]);
        let exports = format!("-module(a).\n-export([{}", "a/1,\n".repeat(100_000));
        assert!(found(|names| erlang(&exports, names)).len() >= 2);
        let nested: Vec<String> = (0..1000)
            .map(|depth| {
                format!(
                    "{}defmodule A do
",
                    " ".repeat(depth)
                )
            })
            .collect();
        let nested = nested.concat();
        assert!(found(|names| elixir(&nested, names)).iter().all(|name| name.len() <= 200));
    }
}
