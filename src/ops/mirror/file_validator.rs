//! What upstream said of the version of a file, for conditional requests.

use reqwest::header::{HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use serde::{Deserialize, Serialize};

/// The condition of a request: upstream sends the file only if it has changed. The names are those in `state.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RequestCondition {
    /// The entity tag of the file.
    Tag(String),
    /// The `Last-Modified` of the file, of an upstream without entity tags.
    Modified(String),
}

/// The condition that came with a file that the mirror has. The names of the fields are those in `state.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileValidator {
    #[serde(flatten)]
    pub condition: RequestCondition,
    /// The digest of the file that came with the condition. If the file in the mirror was changed since, the condition
    /// is not sent: `304 Not Modified` would keep the changed file.
    pub file: String,
}

impl RequestCondition {
    /// The header of a request, and its value.
    pub fn header(&self) -> (HeaderName, &str) {
        match self {
            Self::Tag(tag) => (IF_NONE_MATCH, tag),
            Self::Modified(time) => (IF_MODIFIED_SINCE, time),
        }
    }
}

impl FileValidator {
    pub fn of(condition: RequestCondition, file: &[u8]) -> Self {
        Self { condition, file: digest(file) }
    }

    /// Whether the condition came with this file.
    pub fn is_of(&self, file: &[u8]) -> bool {
        self.file == digest(file)
    }
}

fn digest(file: &[u8]) -> String {
    blake3::hash(file).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_validator_is_one_object() {
        for (condition, text) in [
            (RequestCondition::Tag("\"1\"".to_owned()), r#"{"tag":"\"1\"","file":"f"}"#),
            (RequestCondition::Modified("now".to_owned()), r#"{"modified":"now","file":"f"}"#),
        ] {
            let validator = FileValidator { condition, file: "f".to_owned() };
            assert_eq!(serde_json::to_string(&validator).unwrap(), text);
            assert_eq!(serde_json::from_str::<FileValidator>(text).unwrap(), validator);
        }
    }
}
