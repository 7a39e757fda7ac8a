//! The lists of installs, and the files that they name.
//!
//! ```text
//! installs/hex-1.x.csv          VERSION,SHA-512,ELIXIR        installs/ELIXIR/hex-VERSION.ez
//! installs/hex.csv              VERSION,SHA-512,ELIXIR,OTP    installs/ELIXIR/hex-VERSION-otp-OTP.ez
//! installs/rebar3-1.x.csv                                     installs/ELIXIR/rebar3-VERSION
//! installs/rebar.csv                                          installs/ELIXIR/rebar3-VERSION-otp-OTP
//! ```
//!
//! Elixir up to 1.18.3 reads the lists without OTP, and later versions read the others. A line without OTP may name
//! more versions of Elixir, each with a file of its own that has the same bytes.

use std::collections::BTreeMap;
use std::slice;

use aws_lc_rs::digest::SHA512;
use data_encoding::HEXLOWER_PERMISSIVE;

use crate::ops::mirror::file_error::FileError;
use crate::repository::{Folder, RepositoryPath};

/// A list of installs.
pub struct InstallList {
    pub name: &'static str,
    /// The names of its files begin with this, before the version.
    prefix: &'static str,
    /// The names of its files end with this.
    suffix: &'static str,
    has_otp: bool,
    /// What its files are, for messages, and how they begin.
    pub kind: &'static str,
    pub magic: &'static [u8],
}

const ARCHIVE: (&str, &[u8]) = ("a zip archive", b"PK\x03\x04");
const ESCRIPT: (&str, &[u8]) = ("an escript", b"#!");

pub const LISTS: [InstallList; 4] = [
    InstallList::new("hex-1.x.csv", "hex-", ".ez", false, ARCHIVE),
    InstallList::new("hex.csv", "hex-", ".ez", true, ARCHIVE),
    InstallList::new("rebar3-1.x.csv", "rebar3-", "", false, ESCRIPT),
    InstallList::new("rebar.csv", "rebar3-", "", true, ESCRIPT),
];

/// The name of a list and this is the name of its signature.
pub const SIGNED: &str = ".signed";

/// The most files that a list may name. hex.pm's lists have some thousand. hexreg does not check their signature.
const MAX_INSTALLS: usize = 20_000;

/// The SHA-512 of each file that a list names.
pub type Installs = BTreeMap<RepositoryPath, Vec<u8>>;

impl InstallList {
    const fn new(
        name: &'static str,
        prefix: &'static str,
        suffix: &'static str,
        has_otp: bool,
        (kind, magic): (&'static str, &'static [u8]),
    ) -> Self {
        Self { name, prefix, suffix, has_otp, kind, magic }
    }

    /// Whether its files have such names.
    pub fn may_name(&self, file_name: &str) -> bool {
        file_name.starts_with(self.prefix)
            && file_name.ends_with(self.suffix)
            && file_name.contains("-otp-") == self.has_otp
    }

    /// Reads the list.
    pub fn read(&self, bytes: &[u8]) -> Result<Installs, FileError> {
        let text = String::from_utf8_lossy(bytes);
        let mut installs = Installs::new();
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.is_empty()) {
            let (paths, sha512) = self.line(line).ok_or(FileError::InstallLine(number))?;
            for path in paths {
                // A file has one checksum, in however many lines it is.
                if installs.insert(path, sha512.clone()).is_some_and(|other| other != sha512) {
                    return Err(FileError::InstallLine(number));
                }
            }
            if installs.len() > MAX_INSTALLS {
                return Err(FileError::TooManyInstalls(MAX_INSTALLS));
            }
        }
        Ok(installs)
    }

    /// The files of a line, and their SHA-512.
    fn line(&self, line: &str) -> Option<(Vec<RepositoryPath>, Vec<u8>)> {
        let fields: Vec<_> = line.split(',').map(str::trim).collect();
        let [version, sha512, rest @ ..] = fields.as_slice() else { return None };
        let (elixirs, otp) = match rest {
            [elixir, otp] if self.has_otp => (slice::from_ref(elixir), Some(otp)),
            [_, ..] if !self.has_otp => (rest, None),
            _ => return None,
        };
        if !rest.iter().chain([version]).all(|field| is_plain(field)) {
            return None;
        }
        let sha512 = HEXLOWER_PERMISSIVE.decode(sha512.as_bytes()).ok()?;
        let otp = otp.map(|otp| format!("-otp-{otp}")).unwrap_or_default();
        let Self { prefix, suffix, .. } = self;
        let path = |elixir: &&str| {
            Folder::Installs.file(&format!("{elixir}/{prefix}{version}{otp}{suffix}"))
        };
        let paths = elixirs.iter().map(path).collect();
        (sha512.len() == SHA512.output_len()).then_some((paths, sha512))
    }
}

/// In bytes: a name of such fields stays below the 255 bytes that file systems allow.
const MAX_FIELD: usize = 50;

/// Whether a field can be a part of a file's name and leads to no other folder. All of them are versions: a field that
/// begins with a letter could name a folder in place of a list.
fn is_plain(field: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    field.len() <= MAX_FIELD
        && field.bytes().all(is_plain)
        && field.starts_with(|first: char| first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(list: &InstallList, text: &str) -> Option<Vec<String>> {
        let installs = list.read(text.as_bytes()).ok()?;
        Some(installs.keys().map(|path| path.as_str().to_owned()).collect())
    }

    #[test]
    fn each_list_has_names_of_its_own() {
        let sum = "ab".repeat(64);
        let [hex, hex_otp, rebar, rebar_otp] = &LISTS;
        for (list, line, path) in [
            (hex, format!("2.1.1,{sum},1.18.0"), "installs/1.18.0/hex-2.1.1.ez"),
            (hex_otp, format!("2.1.1,{sum},1.18.4,27"), "installs/1.18.4/hex-2.1.1-otp-27.ez"),
            (rebar, format!("3.13.1,{sum},1.0.0"), "installs/1.0.0/rebar3-3.13.1"),
            (rebar_otp, format!("3.24.0,{sum},1.18.4,27"), "installs/1.18.4/rebar3-3.24.0-otp-27"),
        ] {
            assert_eq!(paths(list, &format!("{line}\n")), Some(vec![path.to_owned()]));
            // A repeated line is the same file.
            assert_eq!(paths(list, &format!("{line}\r\n\n{line}")), Some(vec![path.to_owned()]));
        }
        assert_eq!(paths(hex, ""), Some(Vec::new()));
        // Several versions of Elixir have the same file.
        let both = ["installs/1.0.0/hex-0.9.0.ez", "installs/1.1.0/hex-0.9.0.ez"];
        let found = paths(hex, &format!("0.9.0,{sum},1.0.0,1.1.0\n"));
        assert_eq!(found, Some(both.map(str::to_owned).to_vec()));
    }

    #[test]
    fn a_malformed_line_is_refused_and_leads_to_no_other_folder() {
        let sum = "ab".repeat(64);
        for line in [
            format!("../../x,{sum},1.18.0"),
            format!("2.1.1,{sum},.."),
            format!("2.1.1,{sum},/etc"),
            format!("2.1.1,{sum},hex-1.x.csv"),
            format!("2.1.1,{sum}"),
            format!("2.1.1,{sum},"),
            format!("2.1.1,{sum},1.18.4,../27"),
            format!("{},{sum},1.18.0", "2".repeat(300)),
            "2.1.1,abcd,1.18.0".to_owned(),
            "<html>".to_owned(),
        ] {
            assert!(
                matches!(LISTS[0].read(line.as_bytes()), Err(FileError::InstallLine(1))),
                "{line}"
            );
        }
        for line in [format!("3.24.0,{sum},1.18.4"), format!("3.24.0,{sum},1.18.4,27,28")] {
            assert!(
                matches!(LISTS[3].read(line.as_bytes()), Err(FileError::InstallLine(1))),
                "{line}"
            );
        }
        let many: Vec<_> = (0..=MAX_INSTALLS).map(|number| number.to_string()).collect();
        let many = format!("2.1.1,{sum},{}", many.join(","));
        assert!(matches!(LISTS[0].read(many.as_bytes()), Err(FileError::TooManyInstalls(_))));
        let twice = format!("2.1.1,{sum},1.18.0\n2.1.1,{},1.18.0\n", "cd".repeat(64));
        assert!(matches!(LISTS[0].read(twice.as_bytes()), Err(FileError::InstallLine(2))));
    }
}
