//! One test for each kind of bad tarball: it is named with what is wrong and what was expected, and
//! nothing is written. And one for each kind that is odd but valid: it is accepted.

use std::fs;
use std::os::unix::fs::symlink;

use tar::EntryType;

use crate::support::raw_tar::{self, Entry};
use crate::support::repository::TestRepository;
use crate::support::tarball::Tarball;
use crate::support::{gzip, read_fixture};

fn foo() -> Tarball {
    Tarball::new("foo", "1.0.0")
}

/// Builds with a sound tarball and this one, which must be rejected; says why it was.
#[track_caller]
fn rejection(file: &str, bytes: &[u8]) -> String {
    rejection_in(&TestRepository::new().release("sound", "1.0.0").tarball(file, bytes), file)
}

#[track_caller]
fn rejection_in(repository: &TestRepository, file: &str) -> String {
    let ran = repository.build(&[]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{}", ran.transcript());
    assert!(repository.served().is_empty(), "something was written");
    let prefix = format!("  public/tarballs/{file}: ");
    let mut lines = ran.stderr.lines();
    assert_eq!(lines.next(), Some("error: failed to build `acme`: 1 of 2 tarballs rejected"));
    let reason = lines.next().and_then(|line| line.strip_prefix(&prefix));
    reason.unwrap_or_else(|| panic!("{}", ran.transcript())).to_owned()
}

/// Builds with this tarball alone, which must do.
#[track_caller]
fn accepted(bytes: &[u8]) -> TestRepository {
    let repository = TestRepository::new().tarball("foo-1.0.0.tar", bytes);
    repository.build(&[]).ok();
    repository
}

macro_rules! rejects {
    ($($name:ident: $tarball:expr, $reason:expr;)*) => {
        $(#[test]
        fn $name() {
            assert_eq!(rejection("foo-1.0.0.tar", &$tarball), $reason);
        })*
    };
}

macro_rules! accepts {
    ($($name:ident: $tarball:expr;)*) => {
        $(#[test]
        fn $name() {
            accepted(&$tarball);
        })*
    };
}

// The archive.
rejects! {
    empty_file: [], "it is empty (0 bytes)";
    not_a_tar: [b'x'; 2048], "it is not a tar archive";
    not_a_tar_and_short: *b"hello", "it is not a tar archive";
    gzipped_whole: gzip(&foo().build()), "it is not a tar archive";
    truncated_in_an_entry: foo().build()[..1024 + 512 + 10],
        "it is truncated: it ends within \"CHECKSUM\"";
    truncated_in_a_header: foo().build()[..1024 + 100], "it is truncated: it ends within a header";
    truncated_before_the_end_marker: { let whole = foo().build(); whole[..whole.len() - 1024].to_vec() },
        "it is truncated: the end-of-archive marker is missing";
    truncated_in_the_end_marker: { let whole = foo().build(); whole[..whole.len() - 400].to_vec() },
        "it is truncated: the end-of-archive marker is missing";
    damaged_header: foo().entry(Entry::file("x", b"").damaged_header()).build(),
        "it is damaged: no tar header at byte 4096, where one was expected";
    size_with_a_sign: foo().replace("VERSION", &[Entry::file("VERSION", b"3")
        .header(|header| header.as_old_mut().size.copy_from_slice(b"+0000000001\0"))]).build(),
        "the header at byte 0 has a size that is no octal number";
    bytes_after_the_end: foo().trailing(b"more").build(), "4 bytes follow the end of the archive";
    a_second_archive_after_the_end: foo().trailing(&foo().build()).build(),
        "5120 bytes follow the end of the archive";
    bytes_in_padding: foo().replace("VERSION", &[Entry::file("VERSION", b"3").padding(b'x')]).build(),
        "bytes other than zero fill up the last block of \"VERSION\"";
    larger_than_16_mib: foo().trailing(&vec![0; 16 << 20]).build(),
        "it has more than 16777216 bytes, the most that clients accept";
}

// The four entries.
rejects! {
    version_missing: foo().without("VERSION").build(), "VERSION missing";
    checksum_missing: foo().without("CHECKSUM").build(), "CHECKSUM missing";
    metadata_missing: foo().without("metadata.config").build(), "metadata.config missing";
    contents_missing: foo().without("contents.tar.gz").build(), "contents.tar.gz missing";
    all_missing: raw_tar::archive(&[]),
        "VERSION, CHECKSUM, metadata.config, contents.tar.gz missing";
    version_twice: foo().entry(Entry::file("VERSION", b"3")).build(), "VERSION is in it twice";
    checksum_twice: foo().entry(Entry::file("CHECKSUM", b"")).build(), "CHECKSUM is in it twice";
    metadata_twice: foo().entry(Entry::file("metadata.config", b"")).build(),
        "metadata.config is in it twice";
    contents_twice: foo().entry(Entry::file("contents.tar.gz", b"")).build(),
        "contents.tar.gz is in it twice";
    version_as_symlink: foo().replace("VERSION", &[Entry::symlink("VERSION", "CHECKSUM")]).build(),
        "VERSION is not a regular file";
    metadata_as_symlink: foo().entry(Entry::symlink("metadata.config", "/etc/passwd")).build(),
        "metadata.config is not a regular file";
    checksum_as_hard_link: foo().replace("CHECKSUM",
        &[Entry::new("CHECKSUM", EntryType::Link, b"").linking_to("VERSION")]).build(),
        "CHECKSUM is not a regular file";
    contents_as_directory: foo().replace("contents.tar.gz",
        &[Entry::new("contents.tar.gz", EntryType::Directory, b"")]).build(),
        "contents.tar.gz is not a regular file";
    link_with_a_size: foo().replace("VERSION",
        &[Entry::new("VERSION", EntryType::Symlink, b"3").linking_to("x")]).build(),
        "\"VERSION\" is not a file, yet it has a size";
    another_entry: foo().entry(Entry::file("README.md", b"hello")).build(),
        "unexpected entry \"README.md\": a package tarball holds VERSION, CHECKSUM, \
         metadata.config and contents.tar.gz only";
    dot_slash_names: foo().replace("VERSION", &[Entry::file("./VERSION", b"3")]).build(),
        "unexpected entry \"./VERSION\": a package tarball holds VERSION, CHECKSUM, \
         metadata.config and contents.tar.gz only";
    names_with_terminal_escapes: foo().entry(Entry::file("\x1b[31mred", b"")).build(),
        "unexpected entry \"\\u{1b}[31mred\": a package tarball holds VERSION, CHECKSUM, \
         metadata.config and contents.tar.gz only";
    version_larger_than_32_bytes: foo().version_file(&[b'3'; 33]).build(),
        "VERSION has 33 bytes; clients refuse more than 32";
    checksum_larger_than_128_bytes: foo().checksum([b'0'; 129]).build(),
        "CHECKSUM has 129 bytes; clients refuse more than 128";
    metadata_larger_than_1_mib: foo().more_metadata(vec![b' '; 1 << 20]).build(),
        "metadata.config has 1048721 bytes; clients refuse more than 1048576";
}

fn with_version_header(change: impl FnOnce(&mut tar::Header)) -> Vec<u8> {
    foo().replace("VERSION", &[Entry::file("VERSION", b"3").header(change)]).build()
}

/// Puts bytes at an offset of a header.
fn put(offset: usize, bytes: &'static [u8]) -> impl FnOnce(&mut tar::Header) {
    move |header| header.as_mut_bytes()[offset..offset + bytes.len()].copy_from_slice(bytes)
}

// Headers that Hex, GNU tar and the tar crate read in different ways.
rejects! {
    header_of_an_unknown_format: with_version_header(put(257, b"ustar\x00  ")),
        "the header at byte 0 is in an unknown format: expected v7, ustar, PAX or GNU";
    pax_header_in_the_format_before_pax: foo().replace("VERSION",
        &[Entry::pax(&[("comment", "x")]).header(put(257, &[0; 8])), Entry::file("VERSION", b"3")]).build(),
        "the header at byte 0 extends another in a format that cannot";
    header_in_the_format_of_star: with_version_header(put(508, b"tar\0")),
        "the header at byte 0 is in the format of star";
    header_with_a_prefix: with_version_header(put(345, b"sub")),
        "unexpected entry \"sub/VERSION\": a package tarball holds VERSION, CHECKSUM, \
         metadata.config and contents.tar.gz only";
    header_size_in_base_256: with_version_header(put(124, b"\x80\0\0\0\0\0\0\0\0\0\0\x01")),
        "the header at byte 0 has a size that is no octal number";
    header_size_after_a_tab: with_version_header(put(124, b"\t0000000001")),
        "the header at byte 0 has a size that is no octal number";
    header_without_a_size: with_version_header(put(124, &[0; 12])),
        "the header at byte 0 has a size that is no octal number";
    header_with_a_mode_that_is_none: with_version_header(put(100, b"zzzzzzz")),
        "the header at byte 0 has a field that is no octal number";
    header_with_a_negative_time: with_version_header(put(136, b"-1")),
        "the header at byte 0 has a field that is no octal number";
    header_with_a_name_in_latin1: foo().entry(Entry::file("x", b"").header(put(0, b"\xE9"))).build(),
        "the header at byte 4096 has a name that is not UTF-8";
    gnu_long_name_in_latin1: foo().replace("VERSION",
        &[Entry::new("x", EntryType::GNULongName, b"\xE9\0"), Entry::file("VERSION", b"3")]).build(),
        "the header at byte 0 has a name that is not UTF-8";
    file_named_like_a_directory: foo().entry(Entry::file("lib/", b"x")).build(),
        "\"lib/\" is a file, yet it is named like a directory";
    pax_value_with_a_newline: foo().replace("VERSION",
        &[Entry::pax(&[("comment", "hi\n17 path=CHECKSUM")]), Entry::file("VERSION", b"3")]).build(),
        "the header at byte 0 has a newline in a record, where Hex reads another one";
    pax_value_empty: foo().replace("VERSION",
        &[Entry::pax(&[("comment", "")]), Entry::file("VERSION", b"3")]).build(),
        "the header at byte 0 has a record without key or value, which Hex does not read";
    pax_time_is_no_number: foo().replace("VERSION",
        &[Entry::pax(&[("mtime", "soon")]), Entry::file("VERSION", b"3")]).build(),
        "the header at byte 0 has a time that is no number of 64 bits";
    pax_time_beyond_64_bits: foo().replace("VERSION",
        &[Entry::pax(&[("mtime", "9223372036854775808")]), Entry::file("VERSION", b"3")]).build(),
        "the header at byte 0 has a time that is no number of 64 bits";
    pax_owner_is_no_number: foo().replace("VERSION",
        &[Entry::pax(&[("uid", "abc")]), Entry::file("VERSION", b"3")]).build(),
        "the header at byte 0 has an owner that is no number of 32 bits";
    pax_owner_beyond_32_bits: foo().replace("VERSION",
        &[Entry::pax(&[("uid", "4294967296")]), Entry::file("VERSION", b"3")]).build(),
        "the header at byte 0 has an owner that is no number of 32 bits";
    pax_owner_below_zero: foo().replace("VERSION",
        &[Entry::pax(&[("gid", "-1")]), Entry::file("VERSION", b"3")]).build(),
        "the header at byte 0 has an owner that is no number of 32 bits";
    pax_global_between_pax_and_entry: foo().replace("VERSION",
        &[Entry::pax(&[("path", "VERSION")]), Entry::global_pax(&[("comment", "x")]),
          Entry::file("VERSION", b"3")]).build(),
        "the header at byte 0 is not followed by its entry";
}

// Extended headers.
rejects! {
    pax_and_header_sizes_disagree: foo().replace("VERSION",
        &[Entry::pax(&[("size", "513")]), Entry::file("VERSION", b"3")]).build(),
        "the size of \"VERSION\" is \"513\" in its PAX header and 1 in its tar header";
    pax_size_is_no_number: foo().replace("VERSION",
        &[Entry::pax(&[("size", "many")]), Entry::file("VERSION", b"3")]).build(),
        "the size of \"VERSION\" is \"many\" in its PAX header and 1 in its tar header";
    pax_size_with_a_sign: foo().replace("VERSION",
        &[Entry::pax(&[("size", "+1")]), Entry::file("VERSION", b"3")]).build(),
        "the size of \"VERSION\" is \"+1\" in its PAX header and 1 in its tar header";
    pax_renames: foo().replace("VERSION",
        &[Entry::pax(&[("path", "VERSION")]), Entry::file("OTHER", b"3")]).build(),
        "VERSION has that name only in an extended header";
    gnu_long_name_renames: foo().replace("VERSION",
        &[Entry::gnu_long_name("VERSION"), Entry::file("OTHER", b"3")]).build(),
        "VERSION has that name only in an extended header";
    gnu_long_name_with_two_zeros: foo().replace("VERSION",
        &[Entry::gnu_long_name("VERSION\0"), Entry::file("VERSION", b"3")]).build(),
        "the header at byte 0 has a zero byte in a name";
    pax_says_it_twice: foo().replace("VERSION",
        &[Entry::pax(&[("path", "VERSION"), ("path", "CHECKSUM")]), Entry::file("VERSION", b"3")]).build(),
        "the header at byte 0 gives a value that another header gives already";
    pax_twice: foo().replace("VERSION",
        &[Entry::pax(&[("path", "VERSION")]), Entry::pax(&[]), Entry::file("VERSION", b"3")]).build(),
        "the header at byte 1024 is the second PAX header of one entry";
    pax_malformed: foo().replace("VERSION",
        &[Entry::new("x", EntryType::XHeader, b"99 path=VERSION\n"), Entry::file("VERSION", b"3")]).build(),
        "the header at byte 0 is malformed";
    pax_sparse: foo().replace("VERSION",
        &[Entry::pax(&[("GNU.sparse.major", "1")]), Entry::file("VERSION", b"3")]).build(),
        "the header at byte 0 describes a sparse file";
    pax_global_path: foo().replace("VERSION",
        &[Entry::global_pax(&[("path", "x")]), Entry::file("VERSION", b"3")]).build(),
        "the header at byte 0 changes every entry that follows";
    pax_for_no_entry: foo().entry(Entry::pax(&[("mtime", "1.5")])).build(),
        "the header at byte 4096 is not followed by its entry";
    pax_name_with_a_zero_byte: foo().replace("VERSION",
        &[Entry::pax(&[("path", "VERSION\0x")]), Entry::file("VERSION", b"3")]).build(),
        "the header at byte 0 has a zero byte in a name";
}

// VERSION and CHECKSUM.
rejects! {
    version_4: foo().version_file(b"4").build(), "VERSION says \"4\": expected \"3\", without a newline";
    version_with_newline: foo().version_file(b"3\n").build(),
        "VERSION says \"3\\n\": expected \"3\", without a newline";
    checksum_short: foo().checksum("AB").build(), "CHECKSUM says \"AB\": expected 64 hex digits";
    checksum_not_hex: foo().checksum("G".repeat(64)).build(),
        format!("CHECKSUM says {:?}: expected 64 hex digits", "G".repeat(64));
    checksum_with_two_newlines: foo().checksum(format!("{}\r\n", foo().inner_checksum())).build(),
        format!("CHECKSUM says \"{}\\r\\n\": expected 64 hex digits", foo().inner_checksum());
    checksum_with_a_letter_too_many: foo().checksum(format!("{}x", foo().inner_checksum())).build(),
        format!("CHECKSUM says \"{}x\": expected 64 hex digits", foo().inner_checksum());
    checksum_wrong: foo().checksum("0".repeat(64)).build(), {
        let actual = foo().inner_checksum().to_string();
        format!("inner checksum mismatch: CHECKSUM says 000000000000…, the files hash to {}…", &actual[..12])
    };
}

fn metadata(text: &str) -> Vec<u8> {
    foo().metadata(text).build()
}

fn with_requirements(text: &str) -> Vec<u8> {
    foo().more_metadata(format!("{{<<\"requirements\">>,{text}}}.")).build()
}

const NAME: &str = "{<<\"name\">>,<<\"foo\">>}.";
const VERSION: &str = "{<<\"version\">>,<<\"1.0.0\">>}.";
const APP: &str = "{<<\"app\">>,<<\"foo\">>}.";

// metadata.config.
rejects! {
    metadata_empty: metadata(""), "metadata.config: \"version\" is missing";
    metadata_does_not_parse: metadata("{<<\"name\">>,\n<<\"foo\">>"),
        "metadata.config: it does not parse: line 2: expected `,` or `}`, found the end";
    metadata_with_a_comment: metadata("% hello\n"),
        "metadata.config: it does not parse: line 1: expected a term, found \"% hello\\n\"";
    metadata_ending_in_a_backslash: foo().more_metadata(r#"{<<"description">>,<<"a\\">>}."#).build(),
        "metadata.config: it does not parse: line 6: expected no backslash before the closing \
         quote, where Hex reads on, found \"a\\\\\\\\\\\">>}.\"";
    metadata_not_key_value: metadata("{<<\"name\">>}."),
        "metadata.config: {<<\"name\">>} is not in key-value form: expected {<<\"key\">>, Value}";
    metadata_not_a_tuple: metadata("name."),
        "metadata.config: name is not in key-value form: expected {<<\"key\">>, Value}";
    metadata_with_an_atom_key: metadata("{name, <<\"foo\">>}."),
        "metadata.config: name is not in key-value form: expected {<<\"key\">>, Value}";
    metadata_repeats_a_key: foo().more_metadata(NAME).build(),
        "metadata.config: the metadata has \"name\" twice";
    metadata_lacks_version: metadata(&[NAME, APP].concat()), "metadata.config: \"version\" is missing";
    metadata_name_is_a_string: metadata(&["{<<\"name\">>,\"foo\"}.", VERSION, APP].concat()),
        "metadata.config: name is \"foo\": expected a binary such as <<\"text\">>";
    metadata_name_off_the_rule: metadata(&["{<<\"name\">>,<<\"Foo\">>}.", VERSION, APP].concat()),
        "metadata.config: \"Foo\" is not a package name: expected a lowercase letter, then letters, \
         digits or _";
    metadata_version_that_elixir_refuses: metadata(&[NAME, "{<<\"version\">>,<<\"1.0\">>}.", APP].concat()),
        "metadata.config: \"1.0\" is not a version: expected MAJOR.MINOR.PATCH, optionally followed \
         by -PRE: unexpected end of input while parsing minor version number";
    metadata_version_with_build: metadata(&[NAME, "{<<\"version\">>,<<\"1.0.0+1\">>}.", APP].concat()),
        "metadata.config: version \"1.0.0+1\" has build metadata (+…), which no release may have";
    metadata_nests_too_deep: metadata(&format!("{{<<\"a\">>,{}{}}}.", "[".repeat(100_000), "]".repeat(100_000))),
        "metadata.config: it does not parse: line 1: expected at most 64 levels of nesting, found \
         \"[[[[[[[[[[[[[[[[[[[[\"…";
    metadata_number_without_bound: metadata(&format!("{{<<\"a\">>,{}}}.", "9".repeat(500_000))),
        "metadata.config: it does not parse: line 1: expected an integer of 64 bits, found \
         \"99999999999999999999\"…";
    metadata_with_an_unknown_atom: foo().more_metadata("{<<\"x\">>,[{1,never_seen}]}.").build(),
        "metadata.config: it has the atom never_seen: expected true, false, nil or undefined, which Hex always reads";
    metadata_with_files_that_are_none: foo().metadata([NAME, VERSION, APP, "{<<\"files\">>,[1]}."].concat()).build(),
        "metadata.config: files is [1]: expected a list of binaries, as there are no build_tools";
    requirement_on_a_path: with_requirements("[{<<\"a/../b\">>,[{<<\"requirement\">>,nil}]}]"),
        "metadata.config: the name of a requirement is <<\"a/../b\">>: expected letters, digits, _, . or -";
    requirement_lacks_requirement: with_requirements("[{<<\"bar\">>,[{<<\"app\">>,<<\"bar\">>}]}]"),
        "metadata.config: the requirement on \"bar\" does not say which versions: \"requirement\" is missing";
    requirement_twice: with_requirements(
        "[{<<\"bar\">>,[{<<\"requirement\">>,<<\"1.0.0\">>}]},{<<\"bar\">>,[{<<\"requirement\">>,nil}]}]"),
        "metadata.config: \"requirements\" has \"bar\" twice";
    requirement_repeats_a_key: with_requirements(
        "[{<<\"bar\">>,[{<<\"requirement\">>,<<\"1.0.0\">>},{<<\"requirement\">>,nil}]}]"),
        "metadata.config: the requirement on \"bar\" has \"requirement\" twice";
    requirement_twice_in_list_form: with_requirements(
        "[[{<<\"name\">>,<<\"b\">>},{<<\"requirement\">>,nil}],[{<<\"name\">>,<<\"b\">>},{<<\"requirement\">>,nil}]]"),
        "metadata.config: \"requirements\" has \"b\" twice";
    requirement_without_name_in_list_form: with_requirements("[[{<<\"requirement\">>,nil}]]"),
        "metadata.config: \"name\" is missing";
    requirement_optional_is_no_boolean: with_requirements(
        "[{<<\"bar\">>,[{<<\"requirement\">>,nil},{<<\"optional\">>,<<\"true\">>}]}]"),
        "metadata.config: \"optional\" of the requirement on \"bar\" is <<\"true\">>: expected true or false";
    requirements_are_no_list: with_requirements("<<\"bar\">>"),
        "metadata.config: \"requirements\" is <<\"bar\">>: expected a list of pairs";
    requirement_in_latin1: with_requirements("[{<<\"bar\">>,[{<<\"requirement\">>,<<\"\\377\">>}]}]"),
        "metadata.config: \"requirement\" of the requirement on \"bar\" is <<255>>: expected text in \
         UTF-8, and not empty";
}

fn files(entries: &[Entry]) -> Vec<u8> {
    foo().files(entries).build()
}

/// Contents whose gzip trailer says another size.
fn lying_about_size(size: u32) -> Vec<u8> {
    let mut contents = gzip(&raw_tar::archive(&[Entry::file("a", b"a")]));
    let end = contents.len() - 4;
    contents[end..].copy_from_slice(&size.to_le_bytes());
    foo().contents(&contents).build()
}

// contents.tar.gz.
rejects! {
    contents_not_gzipped: foo().contents(&raw_tar::archive(&[])).build(),
        "contents.tar.gz: it is not gzipped";
    contents_empty: foo().contents(b"").build(), "contents.tar.gz: it is not gzipped";
    contents_damaged: { let mut bytes = gzip(&raw_tar::archive(&[Entry::file("a", &[7; 999])])); bytes[30] ^= 1;
        foo().contents(&bytes).build() },
        "contents.tar.gz: its gzip stream is damaged";
    contents_say_too_small_a_size: lying_about_size(10),
        "contents.tar.gz: its gzip stream is truncated, or continues after its end: the size at its end is 10 bytes, which is not that of the data";
    contents_say_too_large_a_size: lying_about_size(60_000),
        "contents.tar.gz: its gzip stream is damaged";
    contents_say_an_impossible_size: lying_about_size(100 << 20),
        "contents.tar.gz: its gzip stream is truncated, or continues after its end: the size at its end is 104857600 bytes, which is not that of the data";
    contents_larger_than_128_mib: foo().contents(&gzip(&vec![0; (128 << 20) + 1])).build(),
        "contents.tar.gz: it holds 134217729 bytes unpacked; clients refuse more than 134217728";
    contents_with_a_second_stream: { let one = gzip(&raw_tar::archive(&[])); foo().contents(&[one.clone(), one].concat()).build() },
        "contents.tar.gz: bytes follow the end of its gzip stream";
    contents_with_a_repeated_trailer: { let one = gzip(&raw_tar::archive(&[]));
        let trailer = &one[one.len() - 8..]; foo().contents(&[&one[..], trailer].concat()).build() },
        "contents.tar.gz: bytes follow the end of its gzip stream";
    contents_with_a_forged_size_at_the_end: { let one = gzip(&raw_tar::archive(&[]));
        let size = &one[one.len() - 4..]; foo().contents(&[&one[..], b"junk", size].concat()).build() },
        "contents.tar.gz: bytes follow the end of its gzip stream";
    contents_not_a_tar: foo().contents(&gzip(&[b'x'; 2000])).build(),
        "contents.tar.gz: the archive inside: it is not a tar archive";
    contents_truncated_inside: foo().contents(&gzip(&raw_tar::archive(&[Entry::file("a", b"a")])[..700])).build(),
        "contents.tar.gz: the archive inside: it is truncated: it ends within \"a\"";
    contents_with_an_absolute_path: files(&[Entry::file("/etc/passwd", b"")]),
        "contents.tar.gz: \"/etc/passwd\" is an absolute path";
    contents_with_a_windows_root: files(&[Entry::file("C:\\x", b"")]),
        "contents.tar.gz: \"C:\\\\x\" is an absolute path";
    contents_with_a_parent_path: files(&[Entry::file("lib/../../x", b"")]),
        "contents.tar.gz: \"lib/../../x\" has `..` in its path";
    contents_with_a_windows_parent_path: files(&[Entry::file("lib\\..\\..\\x", b"")]),
        "contents.tar.gz: \"lib\\\\..\\\\..\\\\x\" has `..` in its path";
    contents_with_a_pax_parent_path: files(&[Entry::pax(&[("path", "../x")]), Entry::file("x", b"")]),
        "contents.tar.gz: \"../x\" has `..` in its path";
    contents_with_an_empty_path: files(&[Entry::file("", b"")]),
        "contents.tar.gz: an entry has a path that cannot be created: empty, with a zero byte, or of more than 4096 bytes";
    contents_with_a_boundless_path: files(&[Entry::gnu_long_name(&"a".repeat(5000)), Entry::file("a", b"")]),
        "contents.tar.gz: an entry has a path that cannot be created: empty, with a zero byte, or of more than 4096 bytes";
    contents_with_an_absolute_link: files(&[Entry::symlink("a", "/etc/passwd")]),
        "contents.tar.gz: \"a\" links to \"/etc/passwd\", outside of the package";
    contents_with_a_link_that_leaves: files(&[Entry::symlink("lib/a", "../../x")]),
        "contents.tar.gz: \"lib/a\" links to \"../../x\", outside of the package";
    contents_with_a_link_that_winds: files(&[Entry::symlink("a/b", ".."), Entry::symlink("c", "a/b/../x")]),
        "contents.tar.gz: \"c\" links to \"a/b/../x\", which goes down and up again";
    contents_with_an_entry_beneath_a_link: files(
        &[Entry::symlink("lib", "src"), Entry::file("lib!", b""), Entry::file("lib/a/b", b"")]),
        "contents.tar.gz: \"lib/a/b\" lies beneath \"lib\", which is not a directory";
    contents_with_a_file_through_a_link: files(
        &[Entry::symlink("a", "b"), Entry::file("a", b"evil"), Entry::file("b", b"")]),
        "contents.tar.gz: \"a\" is in it twice, as two different things";
    contents_with_an_entry_beneath_a_file: files(&[Entry::file("a/b", b""), Entry::file("a", b"")]),
        "contents.tar.gz: \"a/b\" lies beneath \"a\", which is not a directory";
    contents_with_a_file_and_a_directory_of_one_name: files(
        &[Entry::new("a/", EntryType::Directory, b""), Entry::file("a", b"")]),
        "contents.tar.gz: \"a\" is in it twice, as two different things";
    contents_with_a_file_for_the_root: files(&[Entry::file(".", b"")]),
        "contents.tar.gz: an entry has a path that cannot be created: empty, with a zero byte, or of more than 4096 bytes";
    contents_with_a_directory_for_the_metadata: files(
        &[Entry::new("hex_metadata.config/", EntryType::Directory, b"")]),
        "contents.tar.gz: \"hex_metadata.config/\" takes the place of hex_metadata.config, which clients write themselves";
    contents_with_a_link_for_the_metadata: files(&[Entry::symlink("hex_metadata.config", "mix.exs")]),
        "contents.tar.gz: \"hex_metadata.config\" takes the place of hex_metadata.config, which clients write themselves";
    contents_with_a_directory_for_the_metadata_in_capitals: files(
        &[Entry::new("Hex_Metadata.config/", EntryType::Directory, b"")]),
        "contents.tar.gz: \"Hex_Metadata.config/\" takes the place of hex_metadata.config, which clients write themselves";
    contents_with_an_entry_beneath_a_link_in_capitals: files(
        &[Entry::symlink("LIB", "src"), Entry::file("lib/a", b"")]),
        "contents.tar.gz: \"lib/a\" lies beneath \"LIB\", which is not a directory";
    contents_with_a_gzip_header_checksum: { let mut bytes = gzip(&raw_tar::archive(&[]));
        bytes[3] |= 2; bytes.splice(10..10, [0, 0]); foo().contents(&bytes).build() },
        "contents.tar.gz: its gzip header has flags that readers treat differently";
    contents_with_a_prefix_that_leaves: files(&[Entry::file("x", b"").header(put(345, b"../.."))]),
        "contents.tar.gz: \"../../x\" has `..` in its path";
    contents_with_a_smuggled_name: files(
        &[Entry::pax(&[("comment", "hi\n26 path=lib/smuggled.erl")]), Entry::file("safe.erl", b"")]),
        "contents.tar.gz: the archive inside: the header at byte 0 has a newline in a record, where Hex reads another one";
    contents_with_a_hard_link: files(&[Entry::new("a", EntryType::Link, b"").linking_to("b")]),
        "contents.tar.gz: \"a\" is a hard link, which Hex does not unpack";
    contents_with_a_character_device: files(&[Entry::new("null", EntryType::Char, b"")]),
        "contents.tar.gz: \"null\" is neither a file, a directory nor a link";
    contents_with_a_block_device: files(&[Entry::new("sda", EntryType::Block, b"")]),
        "contents.tar.gz: \"sda\" is neither a file, a directory nor a link";
    contents_with_a_pipe: files(&[Entry::new("pipe", EntryType::Fifo, b"")]),
        "contents.tar.gz: \"pipe\" is neither a file, a directory nor a link";
    contents_with_a_sparse_file: files(&[Entry::new("sparse", EntryType::GNUSparse, b"")]),
        "contents.tar.gz: \"sparse\" is neither a file, a directory nor a link";
}

/// Which size it ends in is up to the compressor.
#[track_caller]
fn assert_cut_off(contents: &[u8]) {
    let reason = rejection("foo-1.0.0.tar", &foo().contents(contents).build());
    let expected = "contents.tar.gz: its gzip stream is truncated, or continues after its end";
    assert!(reason.starts_with(expected), "{reason}");
}

#[test]
fn contents_cut_off() {
    let whole = gzip(&raw_tar::archive(&[]));
    assert_cut_off(&whole[..whole.len() / 2]);
}

#[test]
fn contents_with_bytes_after_the_stream() {
    assert_cut_off(&[gzip(&raw_tar::archive(&[])), b"x".to_vec()].concat());
}

// File names.
#[test]
fn file_name_without_a_version() {
    assert_eq!(
        rejection("foo.tar", &foo().build()),
        "its file name is not NAME-VERSION.tar: there is no `-` between name and version"
    );
}

#[test]
fn file_name_with_a_bad_name() {
    assert_eq!(
        rejection("Foo-1.0.0.tar", &foo().build()),
        "its file name is not NAME-VERSION.tar: \"Foo\" is not a package name: expected a lowercase \
         letter, then letters, digits or _"
    );
}

#[test]
fn file_name_with_a_bad_version() {
    assert_eq!(
        rejection("foo-1.0.tar", &foo().build()),
        "its file name is not NAME-VERSION.tar: \"1.0\" is not a version: expected \
         MAJOR.MINOR.PATCH, optionally followed by -PRE"
    );
}

#[test]
fn file_name_of_another_release() {
    assert_eq!(
        rejection("foo-1.0.1.tar", &foo().build()),
        "its metadata says foo-1.0.0: clients ask for that as foo-1.0.0.tar"
    );
}

#[test]
fn file_name_of_another_package() {
    assert_eq!(
        rejection("bar-1.0.0.tar", &foo().build()),
        "its metadata says foo-1.0.0: clients ask for that as foo-1.0.0.tar"
    );
}

// Entries of tarballs/ that are not files.
#[test]
fn a_directory() {
    let repository = TestRepository::new().release("sound", "1.0.0");
    fs::create_dir(repository.path("public/tarballs/foo-1.0.0.tar")).unwrap();
    let reason = rejection_in(&repository, "foo-1.0.0.tar");
    assert_eq!(reason, "it is a directory: expected a tar archive");
}

#[test]
fn a_pipe() {
    let repository = TestRepository::new().release("sound", "1.0.0");
    let path = repository.path("public/tarballs/foo-1.0.0.tar");
    let made = std::process::Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
    let reason = rejection_in(&repository, "foo-1.0.0.tar");
    assert_eq!(reason, "it is a device, a pipe or a socket: expected a tar archive");
}

#[test]
fn a_dangling_link() {
    let repository = TestRepository::new().release("sound", "1.0.0");
    symlink("nowhere", repository.path("public/tarballs/foo-1.0.0.tar")).unwrap();
    let reason = rejection_in(&repository, "foo-1.0.0.tar");
    assert_eq!(reason, "it cannot be read: No such file or directory (os error 2)");
}

#[test]
fn a_name_that_is_not_utf8() {
    use std::os::unix::ffi::OsStrExt;
    let repository = TestRepository::new().release("sound", "1.0.0");
    let name = std::ffi::OsStr::from_bytes(b"foo-\xFF-1.0.0.tar");
    fs::write(repository.path("public/tarballs").join(name), b"").unwrap();
    let reason = rejection_in(&repository, "foo-\u{FFFD}-1.0.0.tar");
    assert_eq!(reason, "it cannot be read: its name is not UTF-8");
}

/// A name cannot colour the terminal or forge a line on it.
#[test]
fn a_name_with_terminal_escapes() {
    let repository = TestRepository::new().tarball("a\x1b[31m\nerror: b.tar", b"");
    let ran = repository.build(&[]);
    assert_eq!(ran.code, 1);
    insta::assert_snapshot!(ran.stderr, @r#"
    error: failed to build `acme`: 1 of 1 tarball rejected
      public/tarballs/a\u{1b}[31m\nerror: b.tar: its file name is not NAME-VERSION.tar: there is no `-` between name and version
    hint: nothing was written; remove or replace these files and build again
    "#);
}

/// All are reported, sorted, not the first alone.
#[test]
fn every_rejected_tarball_is_named() {
    let repository = TestRepository::new()
        .release("sound", "1.0.0")
        .tarball("b-1.0.0.tar", b"")
        .tarball("a-1.0.0.tar", b"junk")
        .tarball("c-1.0.0.tar", &foo().build());
    let ran = repository.build(&[]);
    assert_eq!(ran.code, 1);
    insta::assert_snapshot!(ran.stderr, @r"
    error: failed to build `acme`: 3 of 4 tarballs rejected
      public/tarballs/a-1.0.0.tar: it is not a tar archive
      public/tarballs/b-1.0.0.tar: it is empty (0 bytes)
      public/tarballs/c-1.0.0.tar: its metadata says foo-1.0.0: clients ask for that as foo-1.0.0.tar
    hint: nothing was written; remove or replace these files and build again
    ");
    assert!(repository.served().is_empty());
}

// Odd, but one reading only.
accepts! {
    entries_in_another_order: foo().reversed().build();
    checksum_in_lowercase: foo().checksum(foo().inner_checksum().to_string().to_lowercase()).build();
    gnu_archive: foo().replace("VERSION", &[Entry::file("VERSION", b"3").header(|header| {
        header.as_old_mut().pad = [0; 255];
        header.as_gnu_mut();
        header.as_mut_bytes()[257..265].copy_from_slice(b"ustar  \0");
    })]).build();
    v7_archive: foo().replace("VERSION", &[Entry::file("VERSION", b"3").header(|header| {
        header.as_mut_bytes()[257..265].copy_from_slice(&[0; 8]);
        header.set_entry_type(EntryType::new(0));
    })]).build();
    gnu_long_name_of_the_same_name: foo().replace("VERSION",
        &[Entry::gnu_long_name("VERSION"), Entry::file("VERSION", b"3")]).build();
    pax_archive: foo().replace("VERSION",
        &[Entry::pax(&[("mtime", "1700000000.5"), ("comment", "hello = world"), ("path", "VERSION"), ("size", "1")]),
          Entry::file("VERSION", b"3")]).build();
    pax_global_comment: foo().replace("VERSION",
        &[Entry::global_pax(&[("comment", "hello")]), Entry::file("VERSION", b"3")]).build();
    zeros_up_to_the_record_size: foo().trailing(&[0; 5120]).build();
    header_with_an_owner_in_latin1: with_version_header(put(265, b"\xE9"));
    one_empty_block_at_the_end: { let whole = foo().build(); whole[..whole.len() - 512].to_vec() };
    contents_with_one_empty_block_at_the_end: {
        let whole = raw_tar::archive(&[Entry::file("a", b"a")]);
        foo().contents(&gzip(&whole[..whole.len() - 512])).build() };
    checksum_with_a_newline: foo().checksum(format!("{}\n", foo().inner_checksum())).build();
    checksum_with_a_space: foo().checksum(format!("{} ", foo().inner_checksum())).build();
    metadata_lacks_name: metadata(&[VERSION, APP].concat());
    metadata_lacks_app: metadata(&[NAME, VERSION].concat());
    metadata_lacks_name_and_app: metadata(VERSION);
    metadata_name_and_app_are_nil: metadata(
        &["{<<\"name\">>,nil}.", VERSION, "{<<\"app\">>,undefined}."].concat());
    metadata_app_is_empty: metadata(&[NAME, VERSION, "{<<\"app\">>,<<>>}."].concat());
    metadata_app_is_of_another_package: metadata(&[VERSION, "{<<\"app\">>,<<\"bar\">>}."].concat());
    metadata_requirements_are_nil: with_requirements("nil");
    requirement_is_text_alone: with_requirements("[{<<\"bar\">>,<<\"~> 1.0\">>}]");
    requirement_is_nil_alone: with_requirements("[{<<\"bar\">>,nil}]");
    requirement_without_optional: with_requirements(
        "[{<<\"bar\">>,[{<<\"app\">>,<<\"bar\">>},{<<\"requirement\">>,<<\"~> 1.0\">>}]}]");
    requirement_optional_is_nil: with_requirements(
        "[{<<\"bar\">>,[{<<\"optional\">>,nil},{<<\"requirement\">>,<<\"~> 1.0\">>}]}]");
    metadata_in_latin1: foo().more_metadata(b"{<<\"description\">>,<<\"caf\xE9\">>}.").build();
    metadata_with_crlf: foo().metadata([NAME, VERSION, APP].join("\r\n")).build();
    metadata_in_map_form: with_requirements("#{<<\"bar\">> => #{<<\"requirement\">> => <<\"1.0.0\">>}}");
    contents_without_a_file: files(&[]);
    contents_with_directories: files(
        &[Entry::new("lib/", EntryType::Directory, b""), Entry::file("lib/a.ex", b"a"), Entry::file("./b", b"")]);
    contents_with_links_that_stay: files(
        &[Entry::file("priv/lib.so.1", b""), Entry::symlink("priv/lib.so", "lib.so.1"),
          Entry::symlink("a/b/c", "../../priv/lib.so"), Entry::symlink("root", ".")]);
    contents_with_names_that_differ_in_case: files(
        &[Entry::file("Makefile", b""), Entry::symlink("makefile", "Makefile"), Entry::file("LIB/a", b""),
          Entry::file("lib/a", b"")]);
    contents_with_a_file_twice: files(&[Entry::file("a", b"1"), Entry::file("./a", b"2")]);
    contents_with_a_copy_of_the_metadata: files(&[Entry::file("hex_metadata.config", b"")]);
    contents_with_long_names: files(
        &[Entry::gnu_long_name(&"a/".repeat(100)), Entry::new("a", EntryType::Directory, b""),
          Entry::pax(&[("path", &"b".repeat(200))]), Entry::file("b", b"b")]);
    contents_with_the_trailer_inside: {
        // Eight bytes that occur twice are not proof of a second stream.
        let whole = gzip(&raw_tar::archive(&[Entry::file("a", b"a")]));
        let trailer = whole[whole.len() - 8..].to_vec();
        foo().contents(&gzip_with_extra(&raw_tar::archive(&[Entry::file("a", b"a")]), &trailer)).build()
    };
}

/// A gzip stream with an extra field in its header.
fn gzip_with_extra(bytes: &[u8], extra: &[u8]) -> Vec<u8> {
    let builder = flate2::GzBuilder::new().extra(extra);
    let mut stream = builder.write(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut stream, bytes).unwrap();
    stream.finish().unwrap()
}

/// hex.pm took capitals until 2024, and still serves what it took.
#[test]
fn a_name_with_capitals() {
    let repository = TestRepository::new().release("addressBook", "1.0.0").release("a", "1.0.0");
    let ran = repository.build(&[]).ok();
    assert!(ran.stdout.contains("* creating public/packages/addressBook\n"), "{}", ran.stdout);
    repository.hexreg().run(["verify", "public"]).ok();
}

#[test]
fn requirements_in_list_form() {
    let elder = read_fixture("golden/acme/tarballs/elder-1.0.0.tar");
    TestRepository::new().tarball("elder-1.0.0.tar", &elder).build(&[]).ok();
}

/// `--no-check-contents` takes the files on trust, and nothing else.
#[test]
fn contents_are_taken_on_trust_where_asked_for() {
    let repository = TestRepository::new()
        .tarball("foo-1.0.0.tar", &files(&[Entry::file("/etc/passwd", b"")]))
        .release("bar", "1.0.0");
    assert_eq!(repository.build(&[]).code, 1);
    repository.build(&["--no-check-contents"]).ok();
    repository.write_tarball(
        "baz-1.0.0.tar",
        &Tarball::new("baz", "1.0.0").checksum("0".repeat(64)).build(),
    );
    assert_eq!(repository.build(&["--no-check-contents"]).code, 1);
}

#[test]
fn files_not_named_like_a_tarball_are_ignored() {
    let repository = TestRepository::new().release("foo", "1.0.0");
    repository.write_tarball("README.md", b"hello");
    repository.write_tarball("foo-1.0.0.tar.gz", b"hello");
    fs::create_dir(repository.path("public/tarballs/old")).unwrap();
    let ran = repository.build(&[]).ok();
    insta::assert_snapshot!(ran.stderr, @r"
    warning: public/tarballs/README.md passed over: it does not end in .tar
    warning: public/tarballs/foo-1.0.0.tar.gz passed over: it does not end in .tar
    warning: public/tarballs/old passed over: it does not end in .tar
    ");
}
