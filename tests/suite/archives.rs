//! What is accepted has one reading: of generated archives, odd and even wrong ones among them, GNU tar
//! makes of each that is accepted the same entries with the same bytes.

use std::cell::Cell;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use hexreg::tarball::{self, EntryType, Limits, Unpacker};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use tar::Header;
use tempfile::TempDir;

use crate::support::raw_tar::{self, Entry};
use crate::support::tarball::Tarball;
use crate::support::{gzip, tools};

/// One entry of an archive with the headers before it.
#[derive(Clone, Debug)]
struct Item {
    path: String,
    kind: u8,
    link: String,
    data: Vec<u8>,
    dress: Dress,
}

/// How an entry is written down.
#[derive(Clone, Debug)]
struct Dress {
    magic: [u8; 8],
    naming: Naming,
    records: Vec<(&'static str, String)>,
    global: bool,
    gnu_first: bool,
    padding: u8,
    /// Bytes of the header that are others.
    pokes: Vec<(usize, u8)>,
}

/// The header that has the path and the target of a link, if they are too long for the entry's own header or always.
#[derive(Clone, Copy, Debug)]
enum Naming {
    Header,
    Prefix,
    Gnu,
    Pax,
    Both,
}

impl Dress {
    fn plain() -> Self {
        Self {
            magic: *b"ustar\x0000",
            naming: Naming::Header,
            records: Vec::new(),
            global: false,
            gnu_first: false,
            padding: 0,
            pokes: Vec::new(),
        }
    }
}

impl Item {
    fn entries(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        if self.dress.global {
            entries.push(Entry::global_pax(&[("comment", "for all")]));
        }
        let naming = self.dress.naming;
        let short = |text: &str| short_of(text) == text;
        let (gnu, pax) = match naming {
            Naming::Header | Naming::Prefix => (false, !(short(&self.path) && short(&self.link))),
            Naming::Gnu => (true, false),
            Naming::Pax => (false, true),
            Naming::Both => (true, true),
        };
        let split = self.path.char_indices().rfind(|(at, c)| *c == '/' && *at > 0);
        let split = split.filter(|_| matches!(naming, Naming::Prefix)).and_then(|(at, _)| {
            let (prefix, name) = (&self.path[..at], &self.path[at + 1..]);
            (prefix.len() <= 155 && !name.is_empty() && name.len() <= 100).then_some((prefix, name))
        });
        let mut records: Vec<_> =
            self.dress.records.iter().map(|(key, value)| (*key, &**value)).collect();
        if pax && split.is_none() {
            records.push(("path", &self.path));
        }
        if pax && !self.link.is_empty() {
            records.push(("linkpath", &self.link));
        }
        let extended = entries.len();
        if gnu {
            entries.push(Entry::gnu_long_name(&self.path));
            if !self.link.is_empty() {
                let link = [self.link.as_bytes(), b"\0"].concat();
                entries.push(Entry::new("././@LongLink", EntryType::GNULongLink, &link));
            }
        }
        if !records.is_empty() {
            let place = if self.dress.gnu_first { entries.len() } else { extended };
            entries.insert(place, Entry::pax(&records));
        }
        let (prefix, name) = split.unwrap_or(("", short_of(&self.path)));
        let entry = Entry::new(name, EntryType::new(self.kind), &self.data);
        let entry = entry.padding(self.dress.padding).header(|header| self.dress(header, prefix));
        entries.push(entry);
        entries
    }

    fn dress(&self, header: &mut Header, prefix: &str) {
        let bytes = header.as_mut_bytes();
        let link = short_of(&self.link).as_bytes();
        bytes[157..157 + link.len()].copy_from_slice(link);
        bytes[257..265].copy_from_slice(&self.dress.magic);
        if self.dress.magic == [0; 8] {
            bytes[265..].fill(0);
        }
        bytes[345..345 + prefix.len()].copy_from_slice(prefix.as_bytes());
        for (at, byte) in &self.dress.pokes {
            bytes[*at] = *byte;
        }
    }
}

/// As much of a text as a field of a header has room for.
fn short_of(text: &str) -> &str {
    let end = (0..=text.len().min(100)).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

fn text(of: &'static [&'static str]) -> impl Strategy<Value = String> {
    select(of).prop_map(str::to_owned)
}

fn path() -> impl Strategy<Value = String> {
    let plain = &["a", "b", "lib", "src", "x y", "é", "-", "it's", "\u{7f}", "a:b", "\"", "*"][..];
    let odd = &[".", "..", "", "a\nb", "a\\b", "C:", "hex_metadata.config", " "][..];
    let long = proptest::sample::select(vec![60_usize, 98, 99, 100, 101, 155, 156, 300])
        .prop_map(|length| "long".repeat(length).split_off(length * 3));
    let part = prop_oneof![30 => text(plain), 1 => text(odd), 3 => long];
    let end = prop_oneof![9 => Just(""), 1 => Just("/")];
    (vec(part, 1..4), end).prop_map(|(parts, end)| parts.join("/") + end)
}

fn dress() -> impl Strategy<Value = Dress> {
    let magic = prop_oneof![
        6 => Just(*b"ustar\x0000"),
        3 => Just(*b"ustar  \0"),
        1 => Just([0; 8]),
    ];
    let naming = prop_oneof![
        6 => Just(Naming::Header),
        2 => Just(Naming::Prefix),
        2 => Just(Naming::Gnu),
        2 => Just(Naming::Pax),
        1 => Just(Naming::Both),
    ];
    let record = prop_oneof![
        4 => text(&["hello", "a = b", "é"]).prop_map(|value| ("comment", value)),
        2 => text(&["0", "1700000000.25", "-1", "1.", "99999999999999999999", "1e9"])
            .prop_map(|value| ("mtime", value)),
        1 => text(&["0", "1000", "-1", "99999999999999999999"]).prop_map(|value| ("uid", value)),
        1 => text(&["root", "a b"]).prop_map(|value| ("uname", value)),
        1 => text(&["0", "1", "5", "05", "512", "+1"]).prop_map(|value| ("size", value)),
        1 => text(&["BINARY", "ISO-IR 10646 2000 UTF-8"]).prop_map(|value| ("hdrcharset", value)),
        1 => text(&["x"]).prop_map(|value| ("SCHILY.xattr.user.a", value)),
        1 => text(&["x"]).prop_map(|value| ("GNU.volume.filename", value)),
        1 => text(&["0"]).prop_map(|value| ("GNU.volume.size", value)),
        1 => text(&["5"]).prop_map(|value| ("SCHILY.realsize", value)),
    ];
    let fields = select(vec![0_usize, 99, 100, 107, 108, 124, 135, 136, 147, 156, 157, 256]);
    let later = select(vec![257_usize, 263, 264, 265, 297, 329, 337, 345, 386, 482, 483, 499, 500]);
    let at = prop_oneof![fields, later, 0..512_usize];
    let byte = prop_oneof![select(b"\0 07/x\x80\xFF\t-SDMVK".to_vec()), any::<u8>()];
    let pokes = prop_oneof![7 => Just(Vec::new()), 1 => vec((at, byte), 1..3)];
    let records = prop_oneof![6 => Just(Vec::new()), 1 => vec(record, 1..3)];
    let global = proptest::bool::weighted(0.05);
    let order = any::<bool>();
    let padding = prop_oneof![60 => Just(0_u8), 1 => Just(b'x')];
    (magic, naming, records, global, order, padding, pokes).prop_map(
        |(magic, naming, records, global, gnu_first, padding, pokes)| Dress {
            magic,
            naming,
            records,
            global,
            gnu_first,
            padding,
            pokes,
        },
    )
}

fn data() -> impl Strategy<Value = Vec<u8>> {
    let length = prop_oneof![0..20_usize, select(vec![511, 512, 513, 1024])];
    length.prop_flat_map(|length| vec(any::<u8>(), length))
}

fn item() -> impl Strategy<Value = Item> {
    let kind = prop_oneof![
        12 => select(b"0\x007".to_vec()),
        4 => Just(b'5'),
        4 => Just(b'2'),
        1 => select(b"13468DKLMNSVXgxA".to_vec()),
    ];
    (path(), kind, path(), data(), dress()).prop_map(|(path, kind, link, data, dress)| {
        let is_file = matches!(kind, b'0' | 0 | b'7');
        Item {
            // Names that agree with what they name are what is wanted most of the time.
            path: if is_file && data.len() != 7 { path.trim_end_matches('/').into() } else { path },
            kind,
            link: if matches!(kind, b'1' | b'2') { link } else { String::new() },
            data: if is_file { data } else { Vec::new() },
            dress,
        }
    })
}

/// How many zeros follow the entries, mostly as there should be, and what follows those.
fn end() -> impl Strategy<Value = (usize, &'static str)> {
    let right = select(vec![1024_usize, 1536, 10240]);
    let wrong = select(vec![0_usize, 512, 700]);
    (prop_oneof![12 => right, 1 => wrong], prop_oneof![20 => Just(""), 1 => Just("more")])
}

fn archive(items: &[Item], (zeros, more): (usize, &str)) -> Vec<u8> {
    let entries: Vec<Entry> = items.iter().flat_map(Item::entries).collect();
    let mut archive = raw_tar::archive(&entries);
    archive.truncate(archive.len() - 1024);
    archive.resize(archive.len() + zeros, 0);
    archive.extend(more.bytes());
    archive
}

/// One entry, as `tar --list --verbose` shows it: what it is, its size, its path and link.
type Listed = (char, usize, String);

struct Tar {
    program: PathBuf,
    directory: TempDir,
}

impl Tar {
    fn run(&self, arguments: &[&str]) -> Vec<u8> {
        let output = Command::new(&self.program)
            .args(arguments)
            .args(["--absolute-names", "--file=archive.tar"])
            .current_dir(self.directory.path())
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "tar refuses what was accepted: {stderr}");
        output.stdout
    }

    fn list(&self) -> Vec<Listed> {
        let options = ["--list", "--verbose", "--numeric-owner"];
        let listing = self.run(&[&options[..], &["--quoting-style=escape"]].concat());
        let listing = String::from_utf8(listing).unwrap();
        listing.lines().map(|line| listed(line).unwrap_or_else(|| panic!("{line:?}"))).collect()
    }

    /// The bytes of all files, one after another.
    fn data(&self) -> Vec<u8> {
        self.run(&["--extract", "--to-stdout"])
    }

    /// Compares how tar and the library read an archive that was accepted.
    fn agrees_on(&self, archive: &[u8]) {
        fs::write(self.directory.path().join("archive.tar"), archive).unwrap();
        let ours: Vec<tarball::ArchiveEntry> =
            tarball::entries(archive).collect::<Result<_, _>>().unwrap();
        let expected: Vec<Listed> = ours.iter().map(expected).collect();
        assert_eq!(self.list(), expected, "tar lists (left), and we read (right)");
        let data = ours.iter().flat_map(|entry| entry.data).copied().collect::<Vec<u8>>();
        assert!(self.data() == data, "tar unpacks other bytes");
    }
}

/// `-rw-r--r-- 0/0  5 2000-01-01 00:00 NAME`
fn listed(line: &str) -> Option<Listed> {
    let (mode, rest) = line.split_once(' ')?;
    let (_owner, rest) = rest.trim_start().split_once(' ')?;
    let (size, rest) = rest.trim_start().split_once(' ')?;
    let (_date, rest) = rest.split_once(' ')?;
    let (_time, name) = rest.split_once(' ')?;
    Some((mode.chars().next()?, size.parse().ok()?, name.to_owned()))
}

fn expected(entry: &tarball::ArchiveEntry) -> Listed {
    let path = escaped(&entry.path);
    match entry.kind {
        EntryType::Symlink => ('l', 0, format!("{path} -> {}", escaped(&entry.link))),
        EntryType::Directory => ('d', 0, path),
        EntryType::Continuous => ('C', entry.data.len(), path),
        EntryType::Regular => ('-', entry.data.len(), path),
        other => panic!("{path} is {other:?}, and was accepted"),
    }
}

/// As `--quoting-style=escape` does in the C locale.
fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'\\' => "\\\\".to_owned(),
        0x07 => "\\a".to_owned(),
        0x08 => "\\b".to_owned(),
        b'\t' => "\\t".to_owned(),
        b'\n' => "\\n".to_owned(),
        0x0B => "\\v".to_owned(),
        0x0C => "\\f".to_owned(),
        b'\r' => "\\r".to_owned(),
        b' '..=b'~' => char::from(byte).to_string(),
        other => format!("\\{other:03o}"),
    };
    text.bytes().map(escape).collect()
}

/// Another tar has other options.
fn gnu_tar(test: &str) -> Option<PathBuf> {
    let program = tools::find("tar", test)?;
    let version = Command::new(&program).arg("--version").output().unwrap().stdout;
    if String::from_utf8_lossy(&version).contains("GNU tar") {
        return Some(program);
    }
    tools::leave_out(&format!("{test} needs GNU tar, and tar is another"));
    None
}

/// Packs each case as a tarball and an archive in it, or itself, and compares how the archive is read where
/// the tarball is accepted.
fn compare<T: std::fmt::Debug>(
    test: &str,
    strategy: impl Strategy<Value = T>,
    pack: impl Fn(T) -> (Vec<u8>, Vec<u8>),
) {
    // More where `PROPTEST_CASES` asks for more.
    let cases = Config::default().cases.max(400);
    let Some(program) = gnu_tar(test) else { return };
    let tar = Tar { program, directory: TempDir::new().unwrap() };
    let accepted = Cell::new(0);
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        max_shrink_iters: 300,
        ..Config::with_cases(cases)
    });
    let ran = runner.run(&strategy, |case| {
        let (tarball, archive) = pack(case);
        if Unpacker::new(Limits::HEX).unpack(&tarball).is_ok() {
            accepted.set(accepted.get() + 1);
            tar.agrees_on(&archive);
        }
        Ok(())
    });
    ran.unwrap_or_else(|failure| panic!("{failure}"));
    // Neither all nor hardly any: such archives would not be worth comparing.
    assert!((cases / 5..cases).contains(&accepted.get()), "{} were accepted", accepted.get());
}

#[test]
fn tar_reads_in_contents_what_was_checked() {
    compare(
        "tar_reads_in_contents_what_was_checked",
        (vec(item(), 0..4), end()),
        |(items, end)| {
            let contents = archive(&items, end);
            (Tarball::new("foo", "1.0.0").contents(&gzip(&contents)).build(), contents)
        },
    );
}

#[test]
fn tar_reads_in_a_tarball_what_was_checked() {
    let dresses = vec(prop_oneof![1 => Just(None), 2 => dress().prop_map(Some)], 4);
    compare("tar_reads_in_a_tarball_what_was_checked", (dresses, end()), |(dresses, end)| {
        let sound = Tarball::new("foo", "1.0.0").requires("bar", "~> 1.0");
        let items = sound.parts().into_iter().zip(dresses).map(|((path, data), dress)| Item {
            path: path.to_owned(),
            kind: b'0',
            link: String::new(),
            data,
            dress: dress.unwrap_or_else(Dress::plain),
        });
        let tarball = archive(&items.collect::<Vec<_>>(), end);
        (tarball.clone(), tarball)
    });
}
