mod gleam;
mod mix;
mod rebar;

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

/// A text with `INNER`, `OUTER` and `COMMIT` replaced.
fn fill(text: &str) -> Vec<u8> {
    text.replace("INNER", INNER).replace("OUTER", OUTER).replace("COMMIT", COMMIT).into_bytes()
}

/// What a file without an entry says.
fn nothing(format: Format) -> LockFile {
    LockFile { format: Some(format), ..LockFile::default() }
}

fn fixture(name: &str) -> LockFile {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/locks").join(name);
    let text = std::fs::read(&path).unwrap();
    assert_eq!(Format::of_file_name(&path), Format::detect(Path::new("other"), &text));
    parse(Format::of_file_name(&path).unwrap(), &text).unwrap()
}

/// One line for each dependency, with the checksums that it has.
fn lines(file: &LockFile) -> Vec<String> {
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
    let others = file.others.iter();
    let others = others.map(|OtherDependency { app, source }| format!("{app}: {source}"));
    pinned.chain(git).chain(others).collect()
}

#[test]
fn a_format_is_detected_by_name_and_then_by_beginning() {
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

/// The dependencies, and a line for each application that is locked twice.
fn repeated(format: Format, text: &str) -> Vec<String> {
    let file = read(format, text);
    let said = file.repeated.iter().map(|repeated| format!("! {repeated}"));
    lines(&file).into_iter().chain(said).collect()
}

#[test]
fn of_two_entries_the_one_that_the_build_tool_takes_counts() {
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
fn files_of_other_tools_are_detected_by_name_or_beginning() {
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
        // The name decides, so that errors name a line.
        ("mix.lock", "{\"lockfileVersion\": 3}", None),
    ] {
        assert_eq!(foreign(Path::new(name), text.as_bytes()), what, "{name} {text}");
        if what.is_some() {
            assert_eq!(Format::detect(Path::new(name), text.as_bytes()), None, "{name} {text}");
        }
    }
}

#[test]
fn nesting_is_limited_and_does_not_overflow_the_stack() {
    for opening in ["[", "{", "%{a: ", "%{", "{:a,[", "[a: ", "%{[] => "] {
        let deep = format!("%{{a: {}", opening.repeat(300_000));
        assert!(parse(Format::Mix, deep.as_bytes()).is_err(), "{opening}");
        // `%` would begin a comment.
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
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for format in [Format::Mix, Format::Rebar, Format::Gleam] {
            let _ = parse(format, &bytes).map_err(|error| error.to_string());
        }
        let _ = Format::detect(Path::new("x"), &bytes);
    }

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

#[test]
fn entries_have_lines() {
    let mix = read(
        Format::Mix,
        "%{\n  \"a\": {:hex, :a, \"1.0.0\"},\n  # b\n  \"b\": {:git, \"https://h/b\",\n    \"COMMIT\", []}, c: {:path, \"c\"},\n}",
    );
    assert_eq!(["a", "b", "c", "d"].map(|app| mix.line(app)), [Some(2), Some(4), Some(5), None]);
    let rebar = read(
        Format::Rebar,
        "%% {<<\"a\">>,\n{\"1.2.0\",\n[{<<\"a\">>,{pkg,<<\"b\">>,<<\"1.0.0\">>},0},\n { <<\"b\">>,{hg},0},{c,{hg},0}]}.\n\
         [{pkg_hash_ext,[\n{<<\"b\">>,<<\"OUTER\">>}]}].",
    );
    assert_eq!(["a", "b", "c", "d"].map(|app| rebar.line(app)), [Some(3), Some(4), None, None]);
    let gleam = read(
        Format::Gleam,
        "packages = [\n  { name = \"a\", version = \"1.0.0\", source = \"hex\", outer_checksum = \"OUTER\" },\n]\n\
         [[other]]\n",
    );
    assert_eq!(gleam.line("a"), Some(2));
}

/// The line is that of the entry that counts.
#[test]
fn of_two_entries_the_line_of_the_one_that_counts() {
    let mix = read(Format::Mix, "%{\na: {:hex, :a, \"1.0.0\"},\na: {:hex, :a, \"2.0.0\"}}");
    assert_eq!(mix.line("a"), Some(3));
    let lock = |version: &str| format!("{{<<\"a\">>,{{pkg,<<\"a\">>,<<\"{version}\">>}},0}}");
    let rebar = read(Format::Rebar, &format!("[\n{},\n{}].", lock("1.0.0"), lock("2.0.0")));
    assert_eq!(rebar.line("a"), Some(2));
}

/// To count from the beginning for each of 100,000 entries would take minutes.
#[test]
fn lines_of_many_entries_are_found_in_one_pass() {
    let entry = |number: usize| format!("\"a{number}\": {{:path, \"a\"}},\n");
    let text: String = (0..100_000).map(entry).collect();
    let file = read(Format::Mix, &format!("%{{\n{text}}}"));
    assert_eq!(file.line("a99999"), Some(100_001));
}
