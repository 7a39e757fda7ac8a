//! The entity tag of a file, for conditional requests.

use serde::{Deserialize, Serialize};

/// Upstream's entity tag of a file that the mirror has. The names of the fields are those in `state.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct EntityTag {
    pub tag: String,
    /// The digest of the file that came with the tag. If the file in the mirror was changed since, the tag is
    /// not sent: `304 Not Modified` would keep the changed file.
    pub file: String,
}

impl EntityTag {
    pub fn of(tag: String, file: &[u8]) -> Self {
        Self { tag, file: digest(file) }
    }

    /// Whether the tag came with this file.
    pub fn is_of(&self, file: &[u8]) -> bool {
        self.file == digest(file)
    }
}

fn digest(file: &[u8]) -> String {
    blake3::hash(file).to_hex().to_string()
}
