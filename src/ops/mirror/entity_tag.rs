//! The entity tag of a file, by which to ask whether it has changed.

use serde::{Deserialize, Serialize};

/// By which upstream knows a file again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct EntityTag {
    pub tag: String,
    /// So that a file that was changed here since is not taken for the one that the tag is of.
    pub file: String,
}

impl EntityTag {
    pub fn of(tag: String, file: &[u8]) -> Self {
        Self { tag, file: digest(file) }
    }

    /// The tag, if it is this file's.
    pub fn good_for(&self, file: &[u8]) -> Option<&str> {
        (self.file == digest(file)).then_some(self.tag.as_str())
    }
}

fn digest(file: &[u8]) -> String {
    blake3::hash(file).to_hex().to_string()
}
