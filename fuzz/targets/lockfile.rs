//! Lock files, as each of the formats: read or refused, and what is read has been checked.

#![no_main]

use std::path::Path;

use hexreg::lockfile::{self, Format};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = Format::detect(Path::new("other.lock"), data);
    for format in [Format::Mix, Format::Rebar, Format::Gleam] {
        match lockfile::parse(format, data) {
            Ok(file) => {
                let pinned = file.pinned.iter().map(|pinned| &pinned.app);
                let git = file.git.iter().map(|pin| &pin.app);
                let others = file.others.iter().map(|other| &other.app);
                let mut apps: Vec<_> = pinned.chain(git).chain(others).collect();
                apps.sort_unstable();
                assert!(apps.windows(2).all(|pair| pair[0] != pair[1]), "locked twice: {apps:?}");
                for pin in &file.git {
                    assert!(matches!(pin.revision.len(), 40 | 64), "{pin:?}");
                }
            }
            Err(error) => drop(error.to_string()),
        }
    }
});
