//! Lock files by patterns.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use glob::Pattern;

use super::section::Section;
use crate::cli::failure::Failure;

/// Patterns of the paths of lock files. The files are looked for each time.
#[derive(Clone, Debug, Default)]
pub struct LockPatterns(Vec<String>);

impl LockPatterns {
    /// Reads the key `locks`.
    pub fn read(table: &Section<'_>) -> Self {
        let pattern =
            |text: &str| Pattern::new(text).map(|_| ()).map_err(|error| error.to_string());
        let locks = table.texts("locks").into_iter().filter_map(|text| {
            table.parse("locks", &text, pattern)?;
            let directory = table.directory_of(&text).to_string_lossy();
            // The directory is a plain path, also if it has characters that are special in patterns.
            let path = Path::new(&Pattern::escape(&directory)).join(&text.value);
            let path = path.to_string_lossy().into_owned();
            if glob::glob(&path).is_ok_and(|mut found| found.next().is_none()) {
                let message = format!("`locks`: no lock file matches {path} yet");
                table.warn(text.place, message, "copy one there, or change `locks`");
            }
            Some(path)
        });
        Self(locks.collect())
    }

    pub fn patterns(&self) -> &[String] {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These patterns, and others.
    pub fn and(self, others: Self) -> Self {
        Self([self.0, others.0].concat())
    }

    /// The lock files that the patterns match now. Each has to match one: a mistyped pattern would pin nothing.
    pub fn files(&self) -> Result<Vec<PathBuf>, Failure> {
        let mut paths = BTreeSet::new();
        for pattern in &self.0 {
            let failed = |error: &dyn std::fmt::Display| {
                Failure::environment(format!("could not look for {pattern}: {error}"))
            };
            let found = glob::glob(pattern).map_err(|error| failed(&error))?;
            let mut is_matched = false;
            for path in found {
                paths.insert(path.map_err(|error| failed(&error))?);
                is_matched = true;
            }
            if !is_matched {
                let message = format!("no lock file matches {pattern}");
                return Err(Failure::environment(message).hint("copy one there, or change `locks`"));
            }
        }
        Ok(paths.into_iter().collect())
    }
}
