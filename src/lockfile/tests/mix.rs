use super::{COMMIT, error, fixture, lines, nothing, read};
use crate::lockfile::{Format, parse};

#[test]
fn mix_locks_of_each_version() {
    let file = fixture("mix.lock");
    insta::assert_snapshot!(lines(&file).join("\n"), @r#"
    bypass: hexpm/bypass 2.1.0 inner outer
    private: hexpm:acme/private_package 1.0.0-rc.1 inner outer
    newer: acme/newer 1.0.0 inner outer
    no_outer: hexpm/no_outer 0.1.0 inner -
    nil_outer: hexpm/nil_outer 0.1.0 inner -
    no_repository: hexpm/no_repository 0.1.0 inner -
    old: hexpm/old 0.1.0 inner -
    oldest: hexpm/oldest 0.1.0 - -
    nil_inner: hexpm/nil_inner 0.1.0 - outer
    from_git: https://example.com/from_git.git 0123456789abcdef0123456789abcdef01234567
    moving: git at "main", which is no commit
    beside: path
    ancient: package
    changed: hg
    "#);
}

#[test]
fn mix_keys_and_literals_in_each_spelling() {
    let entry = r#"{:hex, :a, "1.0.0"}"#;
    for text in [
        format!("%{{\"a\": {entry}}}"),
        format!("%{{a: {entry}}}"),
        format!("%{{ \"a\" => {entry} , }}"),
        format!("%{{:a=>{entry},}}"),
        format!("%{{:\"a\" => {entry}}}\r\n"),
        format!("\u{feff}# locked\n%{{# the only one\n  a: {entry} # here\n}} # done\n"),
        "%{\"\\x61\": {:hex, \"a\", \"1.0\\u{2e}0\", nil, [M.N, :\"b c\", :d?], ['x', ~c\"y\",], \"hexpm\",},}"
            .to_owned(),
    ] {
        assert_eq!(lines(&read(Format::Mix, &text)), ["a: hexpm/a 1.0.0 - -"], "{text}");
    }
    for empty in [" %{ } \n", "", "\n", "# nothing yet\n"] {
        assert_eq!(read(Format::Mix, empty), nothing(Format::Mix), "{empty}");
    }
    let keywords = "%{a: {:git, \"u#x\", \"COMMIT\", ref: nil, tag: \"v1\"}}";
    assert_eq!(lines(&read(Format::Mix, keywords)), [format!("a: u#x {COMMIT}")]);
}

#[test]
fn errors_in_a_mix_lock_are_named() {
    let errors: Vec<String> = [
        "[]",
        "%{",
        "%{} %{}",
        "%{\n  \"a\": {:hex, :a, \"1.0.0\"}\n  \"b\": {:hex, :b, \"1.0.0\"},\n}",
        "%{\"a\": {:hex, :a, \"1.0.0\"}\n",
        "%{\"a\": System.halt()}",
        "%{\"a\": {:hex, :a, \"1.0.#{System.halt()}\"}}",
        "%{\"a\": {:hex, :a, \"1.0.0}}",
        "%{\"a\": {:hex, :a, version()}}",
        "%{1 => {:hex, :a, \"1.0.0\"}}",
        "%{\n\n\"a\": :hex}",
        "%{a: {}}",
        "%{a: {:hex}}",
        "%{a: {:hex, :a}}",
        "%{a: {:hex, :a, :b}}",
        "%{a: {:hex, :A, \"1.0.0\"}}",
        "%{a: {:hex, :a, \"1.0\"}}",
        "%{a: {:hex, :a, \"1.0.0\", \"INNER0\"}}",
        "%{a: {:hex, :a, \"1.0.0\", [\"INNER\"]}}",
        "%{a: {:hex, :a, \"1.0.0\", \"INNER\", [], [], [], \"OUTER\"}}",
        "%{a: {:hex, :a, \"1.0.0\", \"INNER\", [], [], \"hexpm\", \"\"}}",
        "%{a: {:git, \"url\"}}",
        "%{\n<<<<<<< HEAD\n a: {:path}}",
        "%{\n a: {:path},\n=======\n}",
        "%{\n}\n>>>>>>> branch",
    ]
    .map(|text| error(Format::Mix, text))
    .into();
    insta::assert_snapshot!(errors.join("\n"), @r##"
    line 1: expected a map, which begins with `%{`, found "[]"
    line 1: expected `,` or `}`, found the end
    line 1: expected nothing after the map, found "%{}"
    line 3: expected `,` or `}`, found "\"b\": {:hex, :b, \"1.0"…
    line 2: expected `,` or `}`, found the end
    line 1: expected `,` or `}`, found "()}"
    line 1: expected a closing quote, and no interpolation, found "#{System.halt()}\"}}"
    line 1: expected a closing quote, and no interpolation, found the end
    line 1: expected `,` or `}`, found "version()}}"
    line 1: expected an atom, found "1 => {:hex, :a, \"1.0"…
    line 3: "a": expected a tuple such as `{:hex, :name, "1.0.0", …}`, found the atom `hex`
    line 1: "a": expected the name of an SCM such as `:hex`, found nothing
    line 1: "a": expected a package's name, found nothing
    line 1: "a": expected a version, found nothing
    line 1: "a": expected a version, found the atom `b`
    line 1: "a": "A" is not a package name: expected a lowercase letter, then letters, digits or _
    line 1: "a": "1.0" is not a version: expected MAJOR.MINOR.PATCH, optionally followed by -PRE
    line 1: "a": its inner checksum is "909782781bf8e20ee86a9cabde36b259d44af8b9f38756173e8f5e2e1fabb9b10": expected 64 hex digits
    line 1: "a": expected its inner checksum or nil, found a list
    line 1: "a": expected a repository's name or nil, found a list
    line 1: "a": its outer checksum is "": expected 64 hex digits
    line 1: "a": expected a commit, found nothing
    line 2: `<<<<<<<` is the mark of a merge conflict: resolve it, or let the build tool lock anew
    line 3: `=======` is the mark of a merge conflict: resolve it, or let the build tool lock anew
    line 3: `>>>>>>>` is the mark of a merge conflict: resolve it, or let the build tool lock anew
    "##);
    assert_eq!(
        parse(Format::Mix, b"%{\n\"\xE9\"").unwrap_err().to_string(),
        "line 2: it is not UTF-8: save the file as UTF-8"
    );
}
