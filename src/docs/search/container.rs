//! A file of the index: a script that calls a function of the page with its bytes.
//!
//! ```text
//! hexregDocs("t-0011aabbccdd","zlib, as `script_text` writes it");
//! ```

use std::io;

use data_encoding::HEXLOWER;
use libdeflater::{CompressionLvl, Compressor};

use super::script_text;

/// What is before the name, between name and bytes, and after them.
const PARTS: [&str; 3] = ["hexregDocs(\"", "\",\"", "\");\n"];

/// The first bytes of the digest of what a file holds.
pub(super) type FileId = [u8; 6];

/// What a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum FileKind {
    Terms,
    Blocks,
    Records,
}

impl FileKind {
    fn letter(self) -> char {
        match self {
            Self::Terms => 't',
            Self::Blocks => 'p',
            Self::Records => 'r',
        }
    }
}

/// A file that is called after what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct IndexFile {
    pub kind: FileKind,
    pub id: FileId,
}

impl IndexFile {
    /// The file that holds these bytes.
    pub fn of(kind: FileKind, raw: &[u8]) -> Self {
        let mut id = FileId::default();
        for (byte, of_digest) in id.iter_mut().zip(blake3::hash(raw).as_bytes()) {
            *byte = *of_digest;
        }
        Self { kind, id }
    }

    /// Its name in the call.
    fn stem(self) -> String {
        format!("{}-{}", self.kind.letter(), HEXLOWER.encode(&self.id))
    }

    /// The name of the file.
    pub fn name(self) -> String {
        format!("{}.js", self.stem())
    }

    /// The script with these bytes.
    pub fn encode(self, raw: &[u8]) -> Vec<u8> {
        encode(&self.stem(), raw)
    }

    /// The bytes in a script; `None` if it is another one, is damaged, or holds more than a file of its kind may.
    pub fn decode(self, script: &[u8]) -> Option<Vec<u8>> {
        let raw = decode(&self.stem(), script, MAX_RAW)?;
        (Self::of(self.kind, &raw) == self).then_some(raw)
    }
}

/// In bytes: the most that a file holds that is no manifest.
const MAX_RAW: usize = 1 << 20;

/// A script with these bytes.
pub(super) fn encode(stem: &str, raw: &[u8]) -> Vec<u8> {
    let mut compressor = Compressor::new(CompressionLvl::new(7).unwrap_or_default());
    let mut packed = vec![0; compressor.zlib_compress_bound(raw.len())];
    // The bound is enough for anything.
    let length = compressor.zlib_compress(raw, &mut packed).unwrap_or(0);
    packed.truncate(length);
    let [start, middle, end] = PARTS;
    let mut script = format!("{start}{stem}{middle}").into_bytes();
    script_text::encode(&packed, &mut script);
    script.extend(end.as_bytes());
    script
}

/// The bytes in a script.
pub(super) fn decode(stem: &str, script: &[u8], max: usize) -> Option<Vec<u8>> {
    use io::Read;

    let [start, middle, end] = PARTS;
    let text = script.strip_prefix(start.as_bytes())?.strip_prefix(stem.as_bytes())?;
    let text = text.strip_prefix(middle.as_bytes())?.strip_suffix(end.as_bytes())?;
    let packed = script_text::decode(text)?;
    let limit = u64::try_from(max).ok()?.checked_add(1)?;
    let mut raw = Vec::new();
    flate2::bufread::ZlibDecoder::new(&*packed).take(limit).read_to_end(&mut raw).ok()?;
    (raw.len() <= max).then_some(raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let raw = b"some bytes \0\xff".repeat(100);
        let file = IndexFile::of(FileKind::Terms, &raw);
        let script = file.encode(&raw);
        assert_eq!(file.decode(&script).as_deref(), Some(&raw[..]));
        assert!(script.is_ascii());
        assert_eq!(file.name().len(), 17);
        let name = file.name();
        let stem = name.strip_suffix(".js").unwrap();
        assert!(script.starts_with(format!("hexregDocs(\"{stem}\",\"").as_bytes()));
    }

    #[test]
    fn what_is_damaged_or_another_file_is_not_read() {
        let raw = b"some bytes".repeat(100);
        let file = IndexFile::of(FileKind::Terms, &raw);
        let script = file.encode(&raw);
        for at in 0..script.len() {
            let mut damaged = script.clone();
            damaged[at] ^= 1;
            assert_eq!(file.decode(&damaged), None, "{at}");
            assert_eq!(file.decode(&script[..at]), None, "{at}");
        }
        assert_eq!(IndexFile::of(FileKind::Terms, b"other").decode(&script), None);
        let other = IndexFile { kind: FileKind::Records, ..file };
        assert_eq!(other.decode(&script), None);
    }

    #[test]
    fn a_bomb_is_not_inflated() {
        let raw = vec![0; MAX_RAW + 1];
        let file = IndexFile::of(FileKind::Records, &raw);
        assert_eq!(file.decode(&file.encode(&raw)), None);
        let most = &raw[1..];
        let file = IndexFile::of(FileKind::Records, most);
        assert_eq!(file.decode(&file.encode(most)).unwrap().len(), MAX_RAW);
    }
}
