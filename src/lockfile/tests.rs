use std::path::Path;

use proptest::prelude::*;

use super::*;

const INNER: &str = "909782781bf8e20ee86a9cabde36b259d44af8b9f38756173e8f5e2e1fabb9b1";
const OUTER: &str = "D9B5DF8FA5B7A6EFA08384E9BBECFE4CE61C77D28A4282F79E02F1EF78D96B80";
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn read(format: Format, text: &str) -> LockFile {
    parse(format, &fill(text)).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn error(format: Format, text: &str) -> String {
    parse(format, &fill(text)).unwrap_err().to_string()
}

/// With `INNER`, `OUTER` and `COMMIT` in their places.
fn fill(text: &str) -> Vec<u8> {
    text.replace("INNER", INNER).replace("OUTER", OUTER).replace("COMMIT", COMMIT).into_bytes()
}

fn fixture(name: &str) -> LockFile {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/locks").join(name);
    let text = std::fs::read(&path).unwrap();
    assert_eq!(Format::of_file_name(&path), Format::detect(Path::new("other"), &text));
    parse(Format::of_file_name(&path).unwrap(), &text).unwrap()
}

/// One line each: what is known of it, with which of the checksums.
fn told(file: &LockFile) -> Vec<String> {
    let pinned = file.pinned.iter().map(|pinned| {
        let Pinned { app, package, version, repository, inner_checksum, outer_checksum } = pinned;
        let repository = repository.as_deref().unwrap_or("?");
        if let Some(inner) = inner_checksum {
            assert_eq!(inner.to_string(), INNER.to_uppercase());
        }
        if let Some(outer) = outer_checksum {
            assert_eq!(outer.to_string(), OUTER);
        }
        let inner = if inner_checksum.is_some() { "inner" } else { "-" };
        let outer = if outer_checksum.is_some() { "outer" } else { "-" };
        format!("{app}: {repository}/{package} {version} {inner} {outer}")
    });
    let git =
        file.git.iter().map(|GitPin { app, url, revision }| format!("{app}: {url} {revision}"));
    let left_out = file.left_out.iter().map(|OtherDependency { app, why }| format!("{app}: {why}"));
    pinned.chain(git).chain(left_out).collect()
}

#[test]
fn mix_locks_of_every_age() {
    let file = fixture("mix.lock");
    insta::assert_snapshot!(told(&file).join("\n"), @r#"
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
fn mix_keys_and_literals_in_every_spelling() {
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
        assert_eq!(told(&read(Format::Mix, &text)), ["a: hexpm/a 1.0.0 - -"], "{text}");
    }
    for empty in [" %{ } \n", "", "\n", "# nothing yet\n"] {
        assert_eq!(read(Format::Mix, empty), LockFile::default(), "{empty}");
    }
    let keywords = "%{a: {:git, \"u#x\", \"COMMIT\", ref: nil, tag: \"v1\"}}";
    assert_eq!(told(&read(Format::Mix, keywords)), [format!("a: u#x {COMMIT}")]);
}

#[test]
fn what_is_wrong_with_a_mix_lock_is_named() {
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

#[test]
fn rebar_locks_of_every_age() {
    let file = fixture("rebar.lock");
    insta::assert_snapshot!(told(&file).join("\n"), @r#"
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
    assert_eq!(told(&beta), ["a: ?/a 1.0.0 - -", "b: ?/b 1.0.0 inner -", "c: ?/c 1.0.0 - outer"]);
    for empty in ["", "[].\n", "{\"1.2.0\",[]}.\n", "{\"1.2.0\",[]}.\n[].\n", "%% nothing\n"] {
        assert_eq!(read(Format::Rebar, empty), LockFile::default(), "{empty}");
    }
}

#[test]
fn what_is_wrong_with_a_rebar_lock_is_named() {
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
    "a": expected a resource such as `{pkg, …}`, found pkg
    "a": expected a package's name, found nothing
    "a": "A" is not a package name: expected a lowercase letter, then letters, digits or _
    "a": "1" is not a version: expected MAJOR.MINOR.PATCH, optionally followed by -PRE
    "a": its inner checksum is "12": expected 64 hex digits
    "a": expected a commit, as `{ref, …}`, found nothing
    line 2: `<<<<<<<` is the mark of a merge conflict: resolve it, or let the build tool lock anew
    line 2: `|||||||` is the mark of a merge conflict: resolve it, or let the build tool lock anew
    "#);
}

#[test]
fn gleam_manifests() {
    let file = fixture("manifest.toml");
    insta::assert_snapshot!(told(&file).join("\n"), @r#"
    gleam_stdlib: hexpm/gleam_stdlib 0.34.0 - outer
    other_app: hexpm/renamed 1.0.0-rc1 - outer
    old: hexpm/old 0.1.0 - outer
    from_git: https://example.com/from_git 0123456789abcdef0123456789abcdef01234567
    moving: git at "main", which is no commit
    beside: path
    new: moon
    "#);
    assert_eq!(read(Format::Gleam, "packages = [\n]\n\n[requirements]\n"), LockFile::default());
}

#[test]
fn what_is_wrong_with_a_manifest_is_named() {
    let errors: Vec<String> = [
        "",
        "name = \"project\"\n",
        "packages = [\n  { name = \"a\" ",
        "packages = [\n  { name = \"a\", version = \"1.0.0\" },\n]",
        "packages = [\n  { name = 1, version = \"1.0.0\", source = \"hex\" },\n]",
        "packages = [\n  { name = \"a\", version = \"1.0.0\", source = \"hex\" },\n]",
        "packages = [\n  { name = \"a\", version = \"1.0.0\", source = \"hex\", outer_checksum = \"12\" },\n]",
        "packages = [\n  { name = \"a-b\", version = \"1.0.0\", source = \"hex\", outer_checksum = \"OUTER\" },\n]",
        "packages = [\n  { name = \"a\", version = \"1.0\", source = \"hex\", outer_checksum = \"OUTER\" },\n]",
        "packages = [\n  { name = \"a\", version = \"1.0.0\", source = \"git\", repo = \"url\" },\n]",
        "packages = [\n=======\n]",
    ]
    .map(|text| error(Format::Gleam, text))
    .into();
    insta::assert_snapshot!(errors.join("\n"), @r#"
    line 1: missing field `packages`
    line 1: missing field `packages`
    line 2: unclosed inline table, expected `}`
    line 2: missing field `source`
    line 2: invalid type: integer `1`, expected a string
    line 2: "a": expected its outer_checksum, found nothing
    line 2: "a": its outer checksum is "12": expected 64 hex digits
    line 2: "a-b": "a-b" is not a package name: expected a lowercase letter, then letters, digits or _
    line 2: "a": "1.0" is not a version: expected MAJOR.MINOR.PATCH, optionally followed by -PRE
    line 2: "a": expected its commit, as it comes from git, found nothing
    line 2: `=======` is the mark of a merge conflict: resolve it, or let the build tool lock anew
    "#);
}

#[test]
fn a_format_is_told_by_its_name_and_then_by_its_beginning() {
    for (name, format) in [
        ("deps/mix.lock", Some(Format::Mix)),
        ("rebar.lock", Some(Format::Rebar)),
        ("/app/manifest.toml", Some(Format::Gleam)),
        ("gleam.toml", None),
        ("mix.lock.orig", None),
        ("..", None),
    ] {
        assert_eq!(Format::of_file_name(Path::new(name)), format, "{name}");
        assert_eq!(Format::detect(Path::new(name), b""), format, "{name}");
    }
    for (text, format) in [
        ("\u{feff}%{\n}", Some(Format::Mix)),
        ("# locked\n\n%{}", Some(Format::Mix)),
        ("{\"1.2.0\",\n[]}.", Some(Format::Rebar)),
        ("%% locked\n[{<<\"a\">>,{hg},0}].", Some(Format::Rebar)),
        ("[].", Some(Format::Rebar)),
        ("[\n  {<<\"a\">>,{hg},0}].", Some(Format::Rebar)),
        ("# locked\npackages = [\n]", Some(Format::Gleam)),
        ("[requirements]\n", Some(Format::Gleam)),
        ("", None),
        ("[", None),
        ("<html>", None),
        ("\0", None),
    ] {
        assert_eq!(Format::detect(Path::new("other.lock"), text.as_bytes()), format, "{text:?}");
    }
}

/// What is read, and what is said of what is locked twice.
fn repeated(format: Format, text: &str) -> Vec<String> {
    let file = read(format, text);
    let said = file.repeated.iter().map(|repeated| format!("! {repeated}"));
    told(&file).into_iter().chain(said).collect()
}

#[test]
fn what_is_locked_twice_is_what_the_build_tool_takes() {
    let mix = |first: &str, second: &str| {
        repeated(Format::Mix, &format!("%{{\n  {first},\n  b: {{:path, \"b\"}},\n  {second},\n}}"))
    };
    let rebar = |first: &str, second: &str| {
        repeated(Format::Rebar, &format!("[{first},{{<<\"b\">>,{{hg}},0}},{second}]."))
    };
    let gleam = |first: &str, second: &str| {
        let package = |rest: &str| format!("  {{ name = \"a\", {rest} }},\n");
        repeated(Format::Gleam, &format!("packages = [\n{}{}]", package(first), package(second)))
    };
    let hex = "source = \"hex\", outer_checksum = \"OUTER\"";
    let found = [
        mix("a: {:hex, :a, \"1.0.0\"}", "\"a\": {:hex, \"a\", \"1.0.0\", nil}"),
        mix("a: {:hex, :a, \"1.0.0\"}", "a: {:hex, :a, \"2.0.0\"}"),
        mix(
            "a: {:git, \"https://TOKEN@h/a\", \"COMMIT\", []}",
            "a: {:hex, :a, \"2.0.0\", \"INNER\"}",
        ),
        rebar(
            "{<<\"a\">>,{pkg,<<\"a\">>,<<\"1.0.0\">>},0}",
            "{<<\"a\">>,{pkg,<<\"a\">>,<<\"1.0.0\">>},1}",
        ),
        rebar(
            "{<<\"a\">>,{pkg,<<\"a\">>,<<\"1.0.0\">>},0}",
            "{<<\"a\">>,{pkg,<<\"a\">>,<<\"2.0.0\">>},0}",
        ),
        gleam(
            &format!("version = \"1.0.0\", {hex}"),
            &format!("version = \"1.0.0\", otp_app = \"a\", {hex}"),
        ),
        gleam(&format!("version = \"1.0.0\", {hex}"), "version = \"1.0.0\", source = \"local\""),
        repeated(
            Format::Rebar,
            "{\"1.2.0\",[{<<\"a\">>,{pkg,<<\"a\">>,<<\"1.0.0\">>},0}]}.\n\
             [{pkg_hash_ext,[{<<\"a\">>,<<\"OUTER\">>},{<<\"a\">>,<<\"12\">>}]},\
             {pkg_hash,[{<<\"a\">>,<<\"INNER\">>},{<<\"a\">>,<<\"INNER\">>}]}].",
        ),
    ];
    let found = found.map(|lines| lines.join("\n"));
    insta::assert_snapshot!(found.join("\n\n"), @r#"
    a: hexpm/a 1.0.0 - -
    b: path

    a: hexpm/a 2.0.0 - -
    b: path
    ! `a` is locked twice: using a 2.0.0 of hexpm, as the build tool does; ignoring a 1.0.0 of hexpm

    a: hexpm/a 2.0.0 inner -
    b: path
    ! `a` is locked twice: using a 2.0.0 of hexpm (909782781BF8…), as the build tool does; ignoring https://******@h/a at 0123456789abcdef0123456789abcdef01234567

    a: ?/a 1.0.0 - -
    b: hg

    a: ?/a 1.0.0 - -
    b: hg
    ! `a` is locked twice: using a 1.0.0, as the build tool does; ignoring a 2.0.0

    a: hexpm/a 1.0.0 - outer

    a: path
    ! `a` is locked twice: using path, as the build tool does; ignoring a 1.0.0 of hexpm (D9B5DF8FA5B7…)

    a: ?/a 1.0.0 inner outer
    ! `a` is locked twice: using pkg_hash_ext <<"D9B5DF8FA5B7A6EFA08384E9BBECFE4CE61C77D28A4282F79E02F1EF78D96B80">>, as the build tool does; ignoring pkg_hash_ext <<"12">>
    "#);
}

#[test]
fn credentials_are_in_no_message() {
    let pin = "{:git, \"https://SECRET@git.example/a.git?SECRET\", \"COMMIT\", []}";
    let file = read(Format::Mix, &format!("%{{a: {pin}}}"));
    assert_eq!(file.git[0].url.to_string(), "https://******@git.example/a.git?******");
    assert_eq!(file.git[0].url.with_credentials(), "https://SECRET@git.example/a.git?SECRET");
    assert!(!format!("{file:?}").contains("SECRET"), "{file:?}");
    let file = read(Format::Mix, "%{\"https://SECRET@git.example\": {:path}}");
    assert!(!format!("{file:?}").contains("SECRET"), "{file:?}");
    for (format, text) in [
        (Format::Mix, "%{a: {:hex, :a, \"https://SECRET@git.example\"}}"),
        (Format::Mix, "%{a: \"https://SECRET@git.example/a.git\"}"),
        (Format::Mix, "%{a: {:git \"https://SECRET@git.example/a.git\"}}"),
        (Format::Mix, "%{a: {:git \"https://ci:SECRETSECRETSECRET@git.example/a.git\"}}"),
        (Format::Rebar, "[{git,\"https://SECRET@git.example/a.git\"}]."),
        (Format::Rebar, "[{git \"https://ci:SECRETSECRETSECRET@git.example/a.git\"}]."),
        (Format::Rebar, "[\"https://SECRET@git.example/a.git\"]."),
        (
            Format::Gleam,
            "packages = [{ name = \"https://SECRET@git.example/a.git\", version = \"1.0.0\", source = \"hex\", outer_checksum = \"OUTER\" }]",
        ),
        (Format::Gleam, "packages = \"https://SECRET@git.example/a.git\""),
    ] {
        let error = error(format, text);
        assert!(!error.contains("SECRET"), "{error}");
    }
}

#[test]
fn what_other_tools_lock_is_told_by_name_or_beginning() {
    for (name, text, what) in [
        ("package-lock.json", "", Some("npm's lock file")),
        ("a/Cargo.lock", "", Some("Cargo's lock file")),
        ("-", "{\n  \"name\": \"a\",\n  \"lockfileVersion\": 3\n}", Some("npm's lock file")),
        (
            "-",
            "# This file is automatically @generated by Cargo.\nversion = 4\n",
            Some("Cargo's lock file"),
        ),
        (
            "-",
            "version = 1\nrevision = 2\n\n[[package]]\n",
            Some("the lock file of Cargo, uv or Poetry"),
        ),
        ("-", "# yarn lockfile v1\n\n", Some("Yarn's lock file")),
        ("-", "__metadata:\n  version: 8\n", Some("Yarn's lock file")),
        ("-", "GEM\n  remote: https://rubygems.org/\n", Some("Bundler's lock file")),
        (
            "-",
            "golang.org/x/text v0.3.0 h1:g61tztE5qeGQ89tm6NTjjM9VPIm088od1l6aSorWRWg=\n",
            Some("Go's list of modules"),
        ),
        ("-", "<!doctype html>", Some("HTML or XML, and no lock file")),
        ("mix.exs", "", Some("mix's project file, and mix.lock is its lock file")),
        ("-", "{\"1.2.0\",\n[]}.", None),
        ("-", "%{\n}", None),
        ("-", "# locked\npackages = [\n]", None),
        // Its name says what it is to be, and then its errors name a line.
        ("mix.lock", "{\"lockfileVersion\": 3}", None),
    ] {
        assert_eq!(foreign(Path::new(name), text.as_bytes()), what, "{name} {text}");
        if what.is_some() {
            assert_eq!(Format::detect(Path::new(name), text.as_bytes()), None, "{name} {text}");
        }
    }
}

#[test]
fn nesting_has_a_bound_and_the_stack_holds() {
    for opening in ["[", "{", "%{a: ", "%{", "{:a,[", "[a: ", "%{[] => "] {
        let deep = format!("%{{a: {}", opening.repeat(300_000));
        assert!(parse(Format::Mix, deep.as_bytes()).is_err(), "{opening}");
        // Where `%` would begin a comment.
        let deep = opening.replace('%', "#").repeat(300_000);
        assert!(parse(Format::Rebar, deep.as_bytes()).is_err(), "{opening}");
        let deep = format!("packages = {}", opening.repeat(300_000));
        assert!(parse(Format::Gleam, deep.as_bytes()).is_err(), "{opening}");
    }
    let list = |depth: usize| {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        parse(Format::Mix, format!("%{{a: {{:own, {open}{close}}}}}").as_bytes())
    };
    assert!(list(63).is_ok());
    assert_eq!(
        list(64).unwrap_err().to_string().split(", found").next(),
        Some("line 1: expected at most 64 levels of nesting")
    );
}

proptest! {
    /// Whatever the bytes: a lock file or an error, and no panic.
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for format in [Format::Mix, Format::Rebar, Format::Gleam] {
            let _ = parse(format, &bytes).map_err(|error| error.to_string());
        }
        let _ = Format::detect(Path::new("x"), &bytes);
    }

    /// What is made of the pieces of lock files too.
    #[test]
    fn garbled_lock_files_are_read_or_refused(
        pieces in proptest::collection::vec(
            proptest::sample::select(vec![
                "%{", "{", "}", "[", "]", ",", ":", "=>", "\"", "'", "\\", "#", "#{", "\n", " ", "%",
                "a", "a: ", "\"a\": ", ":hex", ":git", "\"1.0.0\"", "nil", "é", "<<", ">>", "pkg", ".",
                "<<\"a\">>", "{\"1.2.0\",[", "packages = [", "name = \"a\"", "~c", "-1", "\\x4", "\\u{",
            ]),
            0..30,
        ),
    ) {
        let text = pieces.concat();
        for format in [Format::Mix, Format::Rebar, Format::Gleam] {
            for text in [text.clone(), format!("%{{a: {text}"), format!("[{text}")] {
                let _ = parse(format, text.as_bytes()).map_err(|error| error.to_string());
            }
        }
    }
}
