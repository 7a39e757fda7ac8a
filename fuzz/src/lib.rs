//! Puts right what a mutation hardly ever does: checksums. Without that nearly all inputs would end at
//! the first of them, and nothing behind it would be tried.

use std::io::Read;
use std::ops::Range;

use flate2::Crc;
use flate2::bufread::{DeflateDecoder, GzDecoder};
use hexreg::checksum::InnerChecksum;
use tar::{Builder, Header};

const BLOCK: usize = 512;

/// The most that is inflated to repair a stream.
const MAX_INFLATED: u64 = 4 << 20;

/// Gzipped without compressing: that would take longer than all that is tried.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut file = vec![0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut blocks = bytes.chunks(0xFFFF).peekable();
    if blocks.peek().is_none() {
        file.extend([1, 0, 0, 0xFF, 0xFF]);
    }
    while let Some(block) = blocks.next() {
        let length = block.len() as u16;
        file.push(u8::from(blocks.peek().is_none()));
        file.extend(length.to_le_bytes());
        file.extend((!length).to_le_bytes());
        file.extend(block);
    }
    let mut crc = Crc::new();
    crc.update(bytes);
    file.extend(crc.sum().to_le_bytes());
    file.extend(crc.amount().to_le_bytes());
    file
}

/// What a gzip file holds and how many bytes follow it, by another library than hexreg's own; `None`
/// where that one refuses it.
pub fn gunzip(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut stream = GzDecoder::new(bytes);
    let mut inflated = Vec::new();
    stream.read_to_end(&mut inflated).ok()?;
    Some((inflated, stream.into_inner().len()))
}

/// Gives every header of an archive the checksum that it should have.
pub fn repair_headers(archive: &mut [u8]) {
    for header in headers(archive) {
        repair_header(&mut archive[header]);
    }
}

fn repair_header(block: &mut [u8]) {
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

/// Where headers lie, as far as sizes lead from one to the next.
fn headers(archive: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    while let Some(block) = archive.get(start..start + BLOCK) {
        if block.iter().all(|byte| *byte == 0) {
            break;
        }
        found.push(start..start + BLOCK);
        let Some(end) = data_of(archive, start).map(|data| data.end.next_multiple_of(BLOCK)) else {
            break;
        };
        start = end;
    }
    found
}

fn data_of(archive: &[u8], header: usize) -> Option<Range<usize>> {
    let size = Header::from_byte_slice(&archive[header..header + BLOCK]).entry_size().ok()?;
    let start = header + BLOCK;
    let end = start.checked_add(usize::try_from(size).ok()?)?;
    (end <= archive.len()).then_some(start..end)
}

/// Makes a whole tarball sound as far as checksums go: those of its headers, of its gzip stream, and
/// CHECKSUM.
pub fn repair_tarball(tarball: &mut [u8]) {
    repair_headers(tarball);
    let [mut version, mut checksum, mut metadata, mut contents] = [const { None }; 4];
    for header in headers(tarball) {
        let name = tarball[header.start..header.start + 100].split(|byte| *byte == 0).next();
        let place = match name {
            Some(b"VERSION") => &mut version,
            Some(b"CHECKSUM") => &mut checksum,
            Some(b"metadata.config") => &mut metadata,
            Some(b"contents.tar.gz") => &mut contents,
            _ => continue,
        };
        *place = data_of(tarball, header.start);
    }
    if let Some(contents) = &contents {
        repair_gzip(&mut tarball[contents.clone()]);
    }
    let (Some(version), Some(checksum), Some(metadata), Some(contents)) =
        (version, checksum, metadata, contents)
    else {
        return;
    };
    let right = InnerChecksum::of(&tarball[version], &tarball[metadata], &tarball[contents]);
    if checksum.len() == 64 {
        tarball[checksum].copy_from_slice(right.to_string().as_bytes());
    }
}

/// Writes the trailer that belongs after the stream, wherever that ends.
fn repair_gzip(gzip: &mut [u8]) {
    const HEADER: usize = 10;
    let Some(deflated) = gzip.get(HEADER..) else { return };
    let mut stream = DeflateDecoder::new(deflated);
    let mut inflated = Vec::new();
    if (&mut stream).take(MAX_INFLATED).read_to_end(&mut inflated).is_err() {
        return;
    }
    let end = HEADER + usize::try_from(stream.total_in()).expect("it lies in memory");
    let mut crc = Crc::new();
    crc.update(&inflated);
    if let Some(trailer) = gzip.get_mut(end..end + 8) {
        trailer[..4].copy_from_slice(&crc.sum().to_le_bytes());
        trailer[4..].copy_from_slice(&crc.amount().to_le_bytes());
    }
}

/// A tarball that is sound but for its contents, which are these.
pub fn pack(contents: &[u8]) -> Vec<u8> {
    const METADATA: &[u8] =
        b"{<<\"name\">>,<<\"a\">>}.{<<\"version\">>,<<\"1.0.0\">>}.{<<\"app\">>,<<\"a\">>}.";
    let checksum = InnerChecksum::of(b"3", METADATA, contents).to_string();
    let mut builder = Builder::new(Vec::new());
    let files: [(&str, &[u8]); 4] = [
        ("VERSION", b"3"),
        ("CHECKSUM", checksum.as_bytes()),
        ("metadata.config", METADATA),
        ("contents.tar.gz", contents),
    ];
    for (path, data) in files {
        let mut header = Header::new_ustar();
        header.set_size(data.len() as u64);
        builder.append_data(&mut header, path, data).expect("memory takes all");
    }
    builder.into_inner().expect("memory takes all")
}
