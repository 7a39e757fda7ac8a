//! What a source file defines and what it names, without what is only compiled for tests.

use std::collections::BTreeSet;

/// The names in one file that say what it imports.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// Each name that a `use` brings in.
    pub uses: Vec<Use>,
    /// Paths of two or more parts anywhere else.
    pub paths: Vec<NamedPath>,
    /// What the file defines by name, at its top.
    pub definitions: BTreeSet<String>,
    /// Those of them that are types.
    pub types: BTreeSet<String>,
}

/// One leaf of a `use` tree.
#[derive(Debug, PartialEq, Eq)]
pub struct Use {
    /// The module in braces that has it, `a/b`; empty at the top of the file.
    pub module: String,
    pub path: Vec<String>,
    /// The name in this file.
    pub alias: String,
}

/// A path in code.
#[derive(Debug, PartialEq, Eq)]
pub struct NamedPath {
    /// As of [`Use`].
    pub module: String,
    pub path: Vec<String>,
}

const TYPES: [&str; 5] = ["enum", "struct", "trait", "type", "union"];

const OTHERS: [&str; 4] = ["const", "fn", "macro_rules", "static"];

impl Source {
    pub fn parse(text: &str) -> Self {
        let tokens = tokens(text);
        let mut source = Self::default();
        // The modules in braces around a token, with the depth of their braces.
        let mut modules: Vec<(usize, String)> = Vec::new();
        let (mut at, mut depth) = (0, 0);
        while at < tokens.len() {
            let rest = &tokens[at..];
            let module =
                || modules.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>().join("/");
            let is_top = depth == modules.last().map_or(0, |(depth, _)| *depth);
            let text = rest[0].as_str();
            match text {
                "#" if is_test_attribute(rest) => {
                    at += length_of_item(rest);
                    continue;
                }
                "use" if rest.get(1).is_some_and(|next| next != "<") => {
                    let length = 1 + rest.iter().position(|token| token == ";").unwrap();
                    let leaves = leaves(&rest[1..length - 1], &[]).into_iter();
                    source.uses.extend(leaves.map(|(path, alias)| Use {
                        module: module(),
                        path,
                        alias,
                    }));
                    at += length;
                    continue;
                }
                "mod" if rest.get(2).is_some_and(|token| token == "{") => {
                    let name = rest[1].clone();
                    depth += 1;
                    modules.push((depth, name));
                    at += 3;
                    continue;
                }
                "{" => depth += 1,
                "}" => {
                    if is_top {
                        modules.pop();
                    }
                    depth -= 1;
                }
                keyword if is_top && (TYPES.contains(&keyword) || OTHERS.contains(&keyword)) => {
                    let name = rest[1..].iter().find(|token| *token != "!");
                    // `union` is also the name of a method.
                    let name = name.filter(|name| is_name(name));
                    source.definitions.extend(name.cloned());
                    // A second type of a name in a module in braces is found by the name of that module.
                    if TYPES.contains(&keyword) && modules.is_empty() {
                        source.types.extend(name.cloned());
                    }
                }
                _ if is_name(text) => {
                    let path = path(rest);
                    if path.len() > 1 {
                        at += 2 * path.len() - 1;
                        source.paths.push(NamedPath { module: module(), path });
                        continue;
                    }
                }
                _ => {}
            }
            at += 1;
        }
        source
    }
}

/// `#[cfg(test)]`
fn is_test_attribute(tokens: &[String]) -> bool {
    let attribute = ["#", "[", "cfg", "(", "test", ")", "]"];
    tokens.len() > attribute.len() && tokens.iter().zip(attribute).all(|(token, of)| token == of)
}

/// How many tokens an item has, from its attributes to its last `;` or `}`.
fn length_of_item(tokens: &[String]) -> usize {
    let (mut depth, mut at) = (0, 0);
    for token in tokens {
        at += 1;
        match token.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => depth -= 1,
            _ => {}
        }
        if depth == 0 && (token == ";" || token == "}") {
            break;
        }
    }
    at
}

/// The leaves of a `use` tree, each with its whole path and its name. That of `*` is `*`.
fn leaves(tree: &[String], before: &[String]) -> Vec<(Vec<String>, String)> {
    let mut found = Vec::new();
    for branch in branches(tree) {
        let mut path = before.to_vec();
        let open = branch.iter().position(|token| token == "{");
        let (parts, group) = branch.split_at(open.unwrap_or(branch.len()));
        let alias = parts.iter().position(|token| token == "as");
        let (parts, alias) = parts.split_at(alias.unwrap_or(parts.len()));
        path.extend(parts.iter().filter(|token| *token != "::").cloned());
        if group.is_empty() {
            // `a::{self}` is `a`; `self` alone stays.
            if !before.is_empty() && path.last().is_some_and(|last| last == "self") {
                path.pop();
            }
            let name = alias.get(1).or(path.last()).cloned();
            found.extend(name.map(|name| (path, name)));
        } else {
            found.extend(leaves(&group[1..group.len() - 1], &path));
        }
    }
    found
}

/// What commas separate, outside of inner braces.
fn branches(tree: &[String]) -> Vec<&[String]> {
    let mut depth = 0;
    let branches = tree.split(|token| {
        match token.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        depth == 0 && token == ","
    });
    branches.filter(|branch| !branch.is_empty()).collect()
}

/// The path that tokens begin with.
fn path(tokens: &[String]) -> Vec<String> {
    let mut path = vec![tokens[0].clone()];
    for pair in tokens[1..].chunks_exact(2) {
        if pair[0] != "::" || !is_name(&pair[1]) {
            break;
        }
        path.push(pair[1].clone());
    }
    path
}

fn is_name(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// Names, numbers, `::` and single signs; comments, strings and characters are left out.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length =
            if let Some(skipped) = length_of_comment(rest).or_else(|| length_of_literal(rest)) {
                skipped
            } else if first.is_alphanumeric() || first == '_' {
                let name = rest.find(|one: char| !one.is_alphanumeric() && one != '_');
                let length = name.unwrap_or(rest.len());
                tokens.push(rest[..length].to_owned());
                length
            } else if rest.starts_with("::") {
                tokens.push("::".to_owned());
                2
            } else {
                if !first.is_whitespace() {
                    tokens.push(first.to_string());
                }
                first.len_utf8()
            };
        rest = &rest[length..];
    }
    tokens
}

fn length_of_comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    text.starts_with("/*").then(|| text.find("*/").map_or(text.len(), |end| end + 2))
}

/// The length of a string, also a raw one, or of a character; `None` for a lifetime.
fn length_of_literal(text: &str) -> Option<usize> {
    let prefix = text.find(|one: char| !matches!(one, 'b' | 'c' | 'r')).filter(|at| *at < 3)?;
    let quoted = &text[prefix..];
    let is_raw = text[..prefix].ends_with('r');
    let hashes = quoted.len() - quoted.trim_start_matches('#').len();
    if is_raw && quoted[hashes..].starts_with('"') {
        let end = format!("\"{}", "#".repeat(hashes));
        let body = prefix + hashes + 1;
        return text[body..].find(&end).map(|at| body + at + end.len());
    }
    let quote = quoted.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let mut characters = quoted[1..].char_indices();
    let (mut count, mut is_escaped) = (0, false);
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' if quote == '\'' && !is_escaped && count > 0 => return None,
            '\\' if !is_escaped => {
                is_escaped = true;
                continue;
            }
            end if end == quote && !is_escaped => return Some(prefix + 1 + at + 1),
            // `'a, 'b` are two lifetimes; only an escape takes more than one character.
            _ if quote == '\'' && count == 0 && !is_escaped => {
                let after = characters.clone().next();
                if after.is_none_or(|(_, next)| next != '\'') {
                    return None;
                }
            }
            _ => {}
        }
        is_escaped = false;
        count += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uses(text: &str) -> Vec<(String, String)> {
        let uses = Source::parse(text).uses.into_iter();
        uses.map(|one| (one.path.join("::"), one.alias)).collect()
    }

    fn pair(path: &str, alias: &str) -> (String, String) {
        (path.to_owned(), alias.to_owned())
    }

    #[test]
    fn a_use_tree_has_its_leaves() {
        assert_eq!(
            uses("pub(crate) use a::{self, b as c, d::{e, f::*},};\nuse g as _;"),
            [
                pair("a", "a"),
                pair("a::b", "c"),
                pair("a::d::e", "e"),
                pair("a::d::f::*", "*"),
                pair("g", "_"),
            ]
        );
    }

    #[test]
    fn paths_are_found_outside_of_uses() {
        let source = Source::parse("fn f() -> a::B { super::c::d::<e::F>(self.g) }");
        let paths: Vec<_> = source.paths.iter().map(|one| one.path.join("::")).collect();
        assert_eq!(paths, ["a::B", "super::c::d", "e::F"]);
    }

    #[test]
    fn comments_texts_and_tests_are_left_out() {
        let text = r##"
            /// See `a::B`. // use c::D;
            /* use e::F; */
            const TEXT: &str = "use g::H; \" i::J";
            const RAW: &str = r#"use k::L; " m::N"#;
            const QUOTES: [char; 4] = ['"', '\'', '{', '\\'];
            fn life<'a>(text: &'a str) -> &'a str { text }
            #[cfg(test)]
            use o::P;
            #[cfg(test)]
            mod tests { use q::R; fn s() { t::U } }
            #[cfg(test)]
            #[expect(dead_code)]
            fn v() -> w::X { '}' }
            use y::Z;
        "##;
        let source = Source::parse(text);
        assert_eq!(uses(text), [pair("y::Z", "Z")]);
        assert_eq!(source.paths, []);
        let defined: Vec<_> = source.definitions.iter().map(String::as_str).collect();
        assert_eq!(defined, ["QUOTES", "RAW", "TEXT", "life"]);
    }

    #[test]
    fn a_module_in_braces_has_its_own_parent() {
        let source =
            Source::parse("mod a {\n    use super::B;\n    fn c() { d::e() }\n}\nuse f::G;");
        let modules: Vec<_> = source.uses.iter().map(|one| one.module.as_str()).collect();
        assert_eq!(modules, ["a", ""]);
        assert_eq!(source.paths[0].module, "a");
    }

    #[test]
    fn types_are_those_at_the_top() {
        let source = Source::parse(
            "pub struct A<T>(T);\nimpl B for A<u8> { type C = u8; const D: u8 = 1; }\n\
             enum E { F }\nmacro_rules! g { () => { struct H; } }\nfn i() { struct J; }",
        );
        let names = |set: BTreeSet<String>| set.into_iter().collect::<Vec<_>>().join(" ");
        assert_eq!(names(source.types), "A E");
        assert_eq!(names(source.definitions), "A E g i");
    }
}
