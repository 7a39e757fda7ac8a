//! The languages that are highlighted: what their comments, strings and words look like.

/// How the words of a language are written.
pub(super) struct Language {
    /// Names of the language and endings of its files, in small letters.
    names: &'static [&'static str],
    pub kind: Kind,
    pub line_comments: &'static [&'static str],
    pub block_comments: &'static [(&'static str, &'static str)],
    /// Of two with one beginning, the longer is first.
    pub strings: &'static [Quotes],
    pub keywords: &'static [&'static str],
    /// Words for values, as `true`.
    pub constants: &'static [&'static str],
}

/// What a language has besides comments, strings and words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Elixir,
    Erlang,
    /// A language with braces: words with a capital are types.
    Braces,
    /// As `Braces`, with lifetimes and macros.
    Rust,
    /// As `Braces`, with a preprocessor.
    C,
    /// `key: value` or `key = value`.
    Data,
    Shell,
    Markup,
    Markdown,
    Diff,
}

/// What begins and ends a string.
pub(super) struct Quotes {
    pub open: &'static str,
    pub close: &'static str,
    /// Whether it may have several lines.
    pub lines: bool,
    /// Whether `\` escapes what follows.
    pub escapes: bool,
}

const fn quotes(open: &'static str, close: &'static str, lines: bool, escapes: bool) -> Quotes {
    Quotes { open, close, lines, escapes }
}

/// The language with a name, or of a file with a path.
pub(super) fn language(path_or_language: &str) -> Option<&'static Language> {
    let lowered = path_or_language.to_ascii_lowercase();
    let name = lowered.rsplit('/').next().unwrap_or_default();
    let name = name.strip_suffix(".src").or_else(|| name.strip_suffix(".script")).unwrap_or(name);
    let by = |name: &str| LANGUAGES.iter().find(|language| language.names.contains(&name));
    by(name).or_else(|| by(name.rsplit_once('.')?.1))
}

const C_COMMENTS: &[(&str, &str)] = &[("/*", "*/")];
const DOUBLE: Quotes = quotes("\"", "\"", false, true);
const SINGLE: Quotes = quotes("'", "'", false, true);
const SINGLE_RAW: Quotes = quotes("'", "'", false, false);
const TRUTH: &[&str] = &["false", "null", "true"];

#[rustfmt::skip]
static LANGUAGES: [Language; 17] = [
    Language {
        names: &["elixir", "ex", "exs", "iex", "mix.lock", ".formatter.exs"],
        kind: Kind::Elixir,
        line_comments: &["#"],
        block_comments: &[],
        strings: &[
            quotes("\"\"\"", "\"\"\"", true, true),
            quotes("'''", "'''", true, true),
            quotes("\"", "\"", true, true),
            quotes("'", "'", true, true),
        ],
        keywords: &[
            "after", "alias", "and", "case", "catch", "cond", "def", "defcallback", "defdelegate",
            "defexception", "defguard", "defguardp", "defimpl", "defmacro", "defmacrop",
            "defmodule", "defn", "defoverridable", "defp", "defprotocol", "defstruct", "do", "else",
            "end", "fn", "for", "if", "import", "in", "not", "or", "quote", "raise", "receive",
            "require", "rescue", "throw", "try", "unless", "unquote", "unquote_splicing", "use",
            "when", "with",
        ],
        constants: &["false", "nil", "true"],
    },
    Language {
        names: &[
            "erlang", "erl", "hrl", "yrl", "xrl", "escript", "app", "config", "rebar.config",
            "rebar.lock", "appup", "asn1",
        ],
        kind: Kind::Erlang,
        line_comments: &["%"],
        block_comments: &[],
        strings: &[quotes("\"\"\"", "\"\"\"", true, false), quotes("\"", "\"", true, true)],
        keywords: &[
            "after", "and", "andalso", "band", "begin", "bnot", "bor", "bsl", "bsr", "bxor", "case",
            "catch", "div", "else", "end", "fun", "if", "maybe", "not", "of", "or", "orelse",
            "receive", "rem", "try", "when", "xor",
        ],
        constants: &["false", "true", "undefined"],
    },
    Language {
        names: &["gleam"],
        kind: Kind::Braces,
        line_comments: &["//"],
        block_comments: &[],
        strings: &[quotes("\"", "\"", true, true)],
        keywords: &[
            "as", "assert", "auto", "case", "const", "echo", "fn", "if", "import", "let", "opaque",
            "panic", "pub", "test", "todo", "type", "use",
        ],
        constants: &["False", "Nil", "True"],
    },
    Language {
        names: &["c", "h", "cc", "cpp", "cxx", "hpp", "hh", "c++", "ino", "m"],
        kind: Kind::C,
        line_comments: &["//"],
        block_comments: C_COMMENTS,
        strings: &[DOUBLE, SINGLE],
        keywords: &[
            "auto", "bool", "break", "case", "catch", "char", "class", "const", "constexpr",
            "continue", "default", "delete", "do", "double", "else", "enum", "extern", "float",
            "for", "goto", "if", "inline", "int", "long", "namespace", "new", "private",
            "protected", "public", "register", "restrict", "return", "short", "signed", "sizeof",
            "static", "struct", "switch", "template", "this", "throw", "try", "typedef", "typename",
            "union", "unsigned", "using", "virtual", "void", "volatile", "while",
        ],
        constants: &["NULL", "false", "nullptr", "true"],
    },
    Language {
        names: &["rust", "rs"],
        kind: Kind::Rust,
        line_comments: &["//"],
        block_comments: C_COMMENTS,
        strings: &[
            quotes("r##\"", "\"##", true, false),
            quotes("r#\"", "\"#", true, false),
            quotes("r\"", "\"", true, false),
            quotes("b\"", "\"", true, true),
            quotes("\"", "\"", true, true),
        ],
        keywords: &[
            "as", "async", "await", "break", "const", "continue", "crate", "dyn", "else", "enum",
            "extern", "fn", "for", "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut",
            "pub", "ref", "return", "self", "static", "struct", "super", "trait", "type", "unsafe",
            "use", "where", "while",
        ],
        constants: &["false", "true"],
    },
    Language {
        names: &["json", "jsonc", "json5", "webmanifest", "map"],
        kind: Kind::Data,
        line_comments: &["//"],
        block_comments: &[],
        strings: &[DOUBLE],
        keywords: &[],
        constants: TRUTH,
    },
    Language {
        names: &[
            "toml", "cargo.lock", "manifest.toml", "ini", "cfg", "conf", "editorconfig",
            ".editorconfig", "properties",
        ],
        kind: Kind::Data,
        line_comments: &["#", ";"],
        block_comments: &[],
        strings: &[
            quotes("\"\"\"", "\"\"\"", true, true),
            quotes("'''", "'''", true, false),
            DOUBLE,
            SINGLE_RAW,
        ],
        keywords: &[],
        constants: &["false", "inf", "nan", "true"],
    },
    Language {
        names: &["yaml", "yml", "cff"],
        kind: Kind::Data,
        line_comments: &["#"],
        block_comments: &[],
        strings: &[DOUBLE],
        keywords: &[],
        constants: &["false", "no", "null", "true", "yes"],
    },
    Language {
        names: &["markdown", "md", "livemd", "cheatmd"],
        kind: Kind::Markdown,
        line_comments: &[],
        block_comments: &[("<!--", "-->")],
        strings: &[],
        keywords: &[],
        constants: &[],
    },
    Language {
        names: &[
            "shell", "sh", "bash", "zsh", "console", "shell-session", "sh-session", "dockerfile",
            "makefile", "make", "mk", "gnumakefile", "cmake", "cmakelists.txt", "env", "gitignore",
            ".gitignore", ".tool-versions",
        ],
        kind: Kind::Shell,
        line_comments: &["#"],
        block_comments: &[],
        strings: &[quotes("\"", "\"", true, true), quotes("'", "'", true, false)],
        keywords: &[
            "case", "define", "do", "done", "elif", "else", "endef", "endif", "esac", "exit",
            "export", "fi", "for", "function", "if", "ifdef", "ifeq", "ifndef", "ifneq", "in",
            "include", "local", "return", "set", "then", "unset", "while",
        ],
        constants: &[],
    },
    Language {
        names: &["javascript", "js", "mjs", "cjs", "jsx", "typescript", "ts", "tsx", "mts"],
        kind: Kind::Braces,
        line_comments: &["//"],
        block_comments: C_COMMENTS,
        strings: &[quotes("`", "`", true, true), DOUBLE, SINGLE],
        keywords: &[
            "as", "async", "await", "break", "case", "catch", "class", "const", "continue",
            "default", "delete", "do", "else", "enum", "export", "extends", "finally", "for",
            "from", "function", "if", "implements", "import", "in", "instanceof", "interface",
            "let", "new", "of", "return", "static", "super", "switch", "this", "throw", "try",
            "type", "typeof", "var", "void", "while", "yield",
        ],
        constants: &["false", "null", "true", "undefined"],
    },
    Language {
        names: &["css", "scss", "less"],
        kind: Kind::Data,
        line_comments: &[],
        block_comments: C_COMMENTS,
        strings: &[DOUBLE, SINGLE],
        keywords: &["important"],
        constants: &[],
    },
    Language {
        names: &["html", "htm", "eex", "heex", "leex", "xml", "svg", "xhtml", "vue"],
        kind: Kind::Markup,
        line_comments: &[],
        block_comments: &[("<!--", "-->"), ("<%#", "%>"), ("<%!--", "--%>")],
        strings: &[quotes("\"", "\"", true, false), quotes("'", "'", true, false)],
        keywords: &[],
        constants: &[],
    },
    Language {
        names: &["sql", "pgsql"],
        kind: Kind::Data,
        line_comments: &["--"],
        block_comments: C_COMMENTS,
        strings: &[quotes("'", "'", true, false)],
        keywords: &[
            "ALTER", "AND", "AS", "BEGIN", "BY", "CREATE", "DELETE", "DROP", "END", "EXISTS",
            "FROM", "FUNCTION", "GROUP", "IF", "IN", "INDEX", "INSERT", "INTO", "JOIN", "KEY",
            "NOT", "ON", "OR", "ORDER", "PRIMARY", "REFERENCES", "RETURNS", "SELECT", "SET",
            "TABLE", "UPDATE", "VALUES", "WHERE", "and", "as", "by", "create", "delete", "drop",
            "from", "in", "insert", "into", "join", "not", "on", "or", "order", "select", "set",
            "table", "update", "values", "where",
        ],
        constants: &["FALSE", "NULL", "TRUE", "false", "null", "true"],
    },
    Language {
        names: &["python", "py", "pyi", "ruby", "rb"],
        kind: Kind::Braces,
        line_comments: &["#"],
        block_comments: &[],
        strings: &[
            quotes("\"\"\"", "\"\"\"", true, true),
            quotes("'''", "'''", true, true),
            DOUBLE,
            SINGLE,
        ],
        keywords: &[
            "and", "as", "assert", "async", "await", "begin", "break", "case", "class", "continue",
            "def", "del", "do", "elif", "else", "elsif", "end", "ensure", "except", "finally",
            "for", "from", "if", "import", "in", "is", "lambda", "module", "not", "or", "pass",
            "raise", "require", "rescue", "return", "self", "try", "unless", "when", "while",
            "with", "yield",
        ],
        constants: &["False", "None", "True", "false", "nil", "true"],
    },
    Language {
        names: &["zig", "go", "java", "kt", "swift", "proto", "protobuf", "cs", "nix", "lua"],
        kind: Kind::Braces,
        line_comments: &["//"],
        block_comments: C_COMMENTS,
        strings: &[quotes("`", "`", true, false), DOUBLE, SINGLE],
        keywords: &[
            "break", "case", "catch", "class", "comptime", "const", "continue", "default", "defer",
            "else", "enum", "errdefer", "export", "extern", "final", "fn", "for", "fun", "func",
            "go", "if", "import", "inline", "interface", "let", "map", "message", "new", "oneof",
            "option", "optional", "orelse", "package", "private", "pub", "public", "range",
            "repeated", "return", "select", "service", "static", "struct", "switch", "syntax",
            "throw", "try", "type", "union", "usingnamespace", "var", "void", "while",
        ],
        constants: &["false", "nil", "null", "true", "undefined"],
    },
    Language {
        names: &["diff", "patch"],
        kind: Kind::Diff,
        line_comments: &[],
        block_comments: &[],
        strings: &[],
        keywords: &[],
        constants: &[],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_found_by_name_and_path() {
        for (name, kind) in [
            ("elixir", Kind::Elixir),
            ("lib/a/b.ex", Kind::Elixir),
            ("mix.lock", Kind::Elixir),
            ("src/a.erl", Kind::Erlang),
            ("src/a.app.src", Kind::Erlang),
            ("rebar.config", Kind::Erlang),
            ("rebar.config.script", Kind::Erlang),
            ("src/a.gleam", Kind::Braces),
            ("c_src/a.C", Kind::C),
            ("native/a/Cargo.toml", Kind::Data),
            ("native/a/src/lib.rs", Kind::Rust),
            ("README.md", Kind::Markdown),
            ("c_src/Makefile", Kind::Shell),
            ("a.html.heex", Kind::Markup),
            ("JSON", Kind::Data),
        ] {
            assert_eq!(language(name).map(|language| language.kind), Some(kind), "{name}");
        }
        for name in ["", "LICENSE", "a.unknown", ".", "text", "a/c/b"] {
            assert!(language(name).is_none(), "{name}");
        }
    }

    #[test]
    fn words_are_sorted_and_names_are_of_one_language() {
        let mut names: Vec<&str> =
            LANGUAGES.iter().flat_map(|language| language.names).copied().collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        for language in &LANGUAGES {
            assert!(language.keywords.is_sorted(), "{:?}", language.names);
            assert!(language.constants.is_sorted(), "{:?}", language.names);
        }
    }
}
