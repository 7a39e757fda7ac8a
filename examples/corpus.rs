//! Makes a folder of package tarballs to measure with: the same bytes for the same arguments.
//!
//! ```console
//! $ cargo run --release --example corpus -- DIR/tarballs PACKAGES RELEASES MIN_BYTES MAX_BYTES
//! ```
//!
//! Each package gets so many releases, whose files come to between the two sizes once compressed, give
//! or take; they look like source code to a compressor.

#![expect(clippy::arithmetic_side_effects, reason = "its numbers are small, and its own")]

use std::error::Error;
use std::fmt::Write;
use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use hexreg::tarball;
use rayon::prelude::*;

/// 2023-11-14T22:13:20Z: every tarball is from then on, so that `names` says the same each time.
const EPOCH: u64 = 1_700_000_000;

/// How many times smaller the text below is once compressed, roughly.
const RATIO: u64 = 4;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [target, numbers @ ..] = arguments.as_slice() else { return Err(USAGE.into()) };
    let numbers: Vec<u64> = numbers.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
    let [packages, releases, min, max] = numbers[..] else { return Err(USAGE.into()) };
    fs::create_dir_all(target)?;
    (0..packages).into_par_iter().try_for_each(|package| {
        (0..releases).try_for_each(|release| {
            let mut random = Random((package << 20) | release);
            let size = min + random.below(max - min + 1);
            write_release(Path::new(target), package, release, packages, size, &mut random)
        })
    })?;
    Ok(())
}

const USAGE: &str = "usage: corpus TARBALLS_DIR PACKAGES RELEASES MIN_BYTES MAX_BYTES";

fn write_release(
    target: &Path,
    package: u64,
    release: u64,
    packages: u64,
    size: u64,
    random: &mut Random,
) -> std::io::Result<()> {
    let name = format!("package_{package:06}");
    let version = format!("{}.{}.{}", release / 10, release % 10, package % 3);
    let mut metadata = format!(
        "{{<<\"name\">>,<<\"{name}\">>}}.\n{{<<\"version\">>,<<\"{version}\">>}}.\n\
         {{<<\"app\">>,<<\"{name}\">>}}.\n{{<<\"description\">>,<<\"A package to measure with\">>}}.\n\
         {{<<\"licenses\">>,[<<\"Apache-2.0\">>]}}.\n{{<<\"build_tools\">>,[<<\"mix\">>]}}.\n\
         {{<<\"files\">>,[<<\"lib/module_0.ex\">>]}}.\n\
         {{<<\"requirements\">>,["
    );
    let mut needed: Vec<u64> = (0..random.below(5)).map(|_| random.below(packages)).collect();
    needed.sort_unstable();
    needed.dedup();
    for (index, needed) in needed.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        let _ = write!(
            metadata,
            "{comma}{{<<\"package_{needed:06}\">>,[{{<<\"app\">>,<<\"package_{needed:06}\">>}},\
             {{<<\"optional\">>,false}},{{<<\"requirement\">>,<<\"~> 0.1\">>}}]}}"
        );
    }
    metadata += "]}.\n";
    let mut files = Vec::new();
    let mut left = usize::try_from(size * RATIO).unwrap_or(usize::MAX);
    while left > 0 {
        let text = random.text(left.min(40_000));
        left = left.saturating_sub(text.len());
        files.push((format!("lib/module_{}.ex", files.len()), text));
    }
    let files: Vec<(&str, &[u8])> =
        files.iter().map(|(path, text)| (path.as_str(), text.as_bytes())).collect();
    let path = target.join(format!("{name}-{version}.tar"));
    fs::write(&path, tarball::create(&metadata, &files)?)?;
    let time = Duration::from_secs(EPOCH + package * 60 + release);
    File::options().append(true).open(path)?.set_modified(SystemTime::UNIX_EPOCH + time)
}

/// SplitMix64: all that is asked of it is to be the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// Lines of a few words, some of them new: it compresses about as well as code does.
    fn text(&mut self, length: usize) -> String {
        const WORDS: [&str; 12] = [
            "def ",
            "do\n  ",
            "end\n",
            "fn x -> ",
            "|> Enum.map(",
            "%{state | ",
            ":ok, ",
            "@spec ",
            "when is_binary(",
            "case ",
            "{:error, reason}",
            "defp ",
        ];
        let mut text = String::with_capacity(length + 20);
        while text.len() < length {
            let choice = self.next();
            match WORDS.iter().zip(0..).find(|(_, index)| *index == choice % 20) {
                Some((word, _)) => text += word,
                None => {
                    let _ = write!(text, "{:x}_", choice >> 40);
                }
            }
        }
        text
    }
}
