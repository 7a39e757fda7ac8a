use super::{error, fixture, lines, nothing, read};
use crate::lockfile::Format;

#[test]
fn gleam_manifests() {
    let file = fixture("manifest.toml");
    insta::assert_snapshot!(lines(&file).join("\n"), @r#"
    gleam_stdlib: hexpm/gleam_stdlib 0.34.0 - outer
    renamed: hexpm/renamed 1.0.0-rc1 - outer
    old: hexpm/old 0.1.0 - outer
    from_git: https://example.com/from_git 0123456789abcdef0123456789abcdef01234567
    moving: git at "main", which is no commit
    beside: path
    new: moon
    "#);
    assert_eq!(read(Format::Gleam, "packages = [\n]\n\n[requirements]\n"), nothing(Format::Gleam));
}

#[test]
fn errors_in_a_manifest_are_named() {
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
