//! Fields of signed files that this version does not know.

/// Fields of one message that this version has no name for: hex.pm or a newer hexreg wrote them.
///
/// They are kept as they were encoded, and stand behind the known fields of that message when it is
/// encoded again, in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct UnknownFields(Vec<u8>);

impl UnknownFields {
    /// Of a message that was decoded, which is why they are known to be whole.
    pub(crate) fn from_encoded(fields: Vec<u8>) -> Self {
        Self(fields)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fields, each with its number and wire type, one after another.
    #[must_use]
    pub fn as_encoded(&self) -> &[u8] {
        &self.0
    }
}
