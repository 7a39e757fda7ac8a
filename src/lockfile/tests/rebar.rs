use super::{error, fixture, lines, nothing, read};
use crate::lockfile::Format;

#[test]
fn rebar_locks_of_each_version() {
    let file = fixture("rebar.lock");
    insta::assert_snapshot!(lines(&file).join("\n"), @r#"
    bbmustache: ?/bbmustache 1.5.0 inner outer
    renamed: ?/other_name 0.2.2-rc.1 inner -
    cowlib: https://example.com/100%/cowlib.git 0123456789abcdef0123456789abcdef01234567
    inner: https://example.com/mono.git 0123456789abcdef0123456789abcdef01234567
    moving: git at "main", which is no commit
    changed: hg
    own: own_resource
    "#);
    let beta = read(
        Format::Rebar,
        r#"[{<<"a">>,{pkg,<<"a">>,<<"1.0.0">>},0},
 {<<"b">>,{pkg,<<"b">>,"1.0.0",<<"INNER">>},0},
 {<<"c">>,{pkg,<<"c">>,<<"1.0.0">>,undefined,<<"OUTER">>},1}]."#,
    );
    assert_eq!(lines(&beta), ["a: ?/a 1.0.0 - -", "b: ?/b 1.0.0 inner -", "c: ?/c 1.0.0 - outer"]);
    for empty in ["", "[].\n", "{\"1.2.0\",[]}.\n", "{\"1.2.0\",[]}.\n[].\n", "%% nothing\n"] {
        assert_eq!(read(Format::Rebar, empty), nothing(Format::Rebar), "{empty}");
    }
}

#[test]
fn errors_in_a_rebar_lock_are_named() {
    let errors: Vec<String> = [
        "{\"1.2.0\",\n[{<<\"a\">>",
        "[{<<\"a\">>,fun() -> ok end}].",
        "a.",
        "[].\n[].",
        "{\"1.2.0\"}.",
        "{\"1.2.0\",[]}.\nnone.",
        "{\"1.2.0\",[]}.\n[{pkg_hash,[a]}].",
        "[a].",
        "[{<<\"a\">>}].",
        "[{1,{pkg,<<\"a\">>,<<\"1.0.0\">>},0}].",
        "[{<<\"a\">>,pkg,0}].",
        "[{<<\"a\">>,{pkg},0}].",
        "[{<<\"a\">>,{pkg,<<\"A\">>,<<\"1.0.0\">>},0}].",
        "[{<<\"a\">>,{pkg,<<\"a\">>,<<\"1\">>},0}].",
        "[{<<\"a\">>,{pkg,<<\"a\">>,<<\"1.0.0\">>,<<\"12\">>},0}].",
        "[{<<\"a\">>,{git,\"url\"},0}].",
        "{\"1.2.0\",\n<<<<<<< HEAD\n[]}.",
        "{\"1.2.0\",[]}.\n||||||| base",
    ]
    .map(|text| error(Format::Rebar, text))
    .into();
    insta::assert_snapshot!(errors.join("\n"), @r#"
    line 2: expected `,` or `}`, found the end
    line 1: expected `,` or `}`, found "() -> ok end}]."
    expected `{"1.2.0", [LOCK, …]}` or `[LOCK, …]` alone, found a
    expected `{"1.2.0", [LOCK, …]}` or `[LOCK, …]` alone, found []
    expected `{"1.2.0", [LOCK, …]}`, found {"1.2.0"}
    expected a list of checksums after the locks, found none
    expected an application's checksum, found a
    expected a lock, found a
    expected a lock, found {<<"a">>}
    expected an application's name, found 1
    line 1: "a": expected a resource such as `{pkg, …}`, found pkg
    line 1: "a": expected a package's name, found nothing
    line 1: "a": "A" is not a package name: expected a lowercase letter, then letters, digits or _
    line 1: "a": "1" is not a version: expected MAJOR.MINOR.PATCH, optionally followed by -PRE
    line 1: "a": its inner checksum is "12": expected 64 hex digits
    line 1: "a": expected a commit, as `{ref, …}`, found nothing
    line 2: `<<<<<<<` is the mark of a merge conflict: resolve it, or let the build tool lock anew
    line 2: `|||||||` is the mark of a merge conflict: resolve it, or let the build tool lock anew
    "#);
}
