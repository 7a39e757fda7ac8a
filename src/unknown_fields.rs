//! Protobuf fields that this version does not know.

/// The fields of one message that the schemas of this version do not have. hex.pm or a newer hexreg wrote them.
///
/// They are kept in their encoded form. When the message is encoded again, they follow its known fields in their
/// original order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct UnknownFields(Vec<u8>);

impl UnknownFields {
    /// The bytes must be whole fields: those that a decoder passed over.
    pub(crate) fn from_encoded(fields: Vec<u8>) -> Self {
        Self(fields)
    }

    /// Whether the message has no unknown field.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fields, each with its number and wire type, one after another.
    #[must_use]
    pub(crate) fn as_encoded(&self) -> &[u8] {
        &self.0
    }
}
