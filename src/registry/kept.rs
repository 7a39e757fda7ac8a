//! Protobuf messages that keep unknown fields; prost drops them.

use prost::bytes::{Buf, BufMut};
use prost::encoding::{DecodeContext, WireType, encode_key, skip_field};
use prost::{DecodeError, Message};

use crate::unknown_fields::UnknownFields;

/// The fields that a schema defines. The generated code implements it for every message.
pub(crate) trait KnownFields {
    /// Whether the schema of the message has this field number.
    fn is_known(number: u32) -> bool;
}

/// A message with its unknown fields.
///
/// In the generated code this is the type of every message inside another one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Kept<M> {
    /// The fields of the schema.
    pub known: M,
    /// The unknown fields, encoded.
    unknown: Vec<u8>,
}

impl<M> Kept<M> {
    /// A message with these unknown fields.
    pub fn with(known: M, unknown: &UnknownFields) -> Self {
        Self { known, unknown: unknown.as_encoded().to_vec() }
    }

    /// The message and its unknown fields.
    pub fn into_parts(self) -> (M, UnknownFields) {
        (self.known, UnknownFields::from_encoded(self.unknown))
    }
}

/// A message without unknown fields.
impl<M> From<M> for Kept<M> {
    fn from(known: M) -> Self {
        Self { known, unknown: Vec::new() }
    }
}

impl<M: Message + KnownFields> Message for Kept<M> {
    fn encode_raw(&self, buffer: &mut impl BufMut) {
        self.known.encode_raw(buffer);
        buffer.put_slice(&self.unknown);
    }

    fn merge_field(
        &mut self,
        number: u32,
        wire_type: WireType,
        buffer: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        if M::is_known(number) {
            return self.known.merge_field(number, wire_type, buffer, context);
        }
        encode_key(number, wire_type, &mut self.unknown);
        let mut copying = Copying { from: buffer, to: &mut self.unknown };
        skip_field(wire_type, number, &mut copying, context)
    }

    fn encoded_len(&self) -> usize {
        self.known.encoded_len().saturating_add(self.unknown.len())
    }

    fn clear(&mut self) {
        self.known.clear();
        self.unknown.clear();
    }
}

/// A buffer that copies the bytes that are read from it.
struct Copying<'a, B> {
    from: &'a mut B,
    to: &'a mut Vec<u8>,
}

impl<B: Buf> Buf for Copying<'_, B> {
    fn remaining(&self) -> usize {
        self.from.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.from.chunk()
    }

    fn advance(&mut self, count: usize) {
        let mut rest = count;
        while rest > 0 && self.from.has_remaining() {
            let chunk = self.from.chunk();
            let read = chunk.get(..rest).unwrap_or(chunk);
            let length = read.len();
            self.to.extend_from_slice(read);
            self.from.advance(length);
            rest = rest.saturating_sub(length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `{ 1: bytes }`
    #[derive(Clone, PartialEq, Message)]
    struct Inner {
        #[prost(uint32, required, tag = "1")]
        number: u32,
    }

    impl KnownFields for Inner {
        fn is_known(number: u32) -> bool {
            number == 1
        }
    }

    #[derive(Clone, PartialEq, Message)]
    struct Outer {
        #[prost(message, repeated, tag = "2")]
        inner: Vec<Kept<Inner>>,
    }

    impl KnownFields for Outer {
        fn is_known(number: u32) -> bool {
            number == 2
        }
    }

    /// Every wire type, a varint that is longer than necessary, and a field number of two bytes.
    const UNKNOWN: [&[u8]; 6] = [
        &[0x18, 0x81, 0x80, 0x00],
        &[0x21, 1, 2, 3, 4, 5, 6, 7, 8],
        &[0x2A, 3, b'a', b'b', b'c'],
        &[0x33, 0x08, 1, 0x3B, 0x3C, 0x34],
        &[0x45, 1, 2, 3, 4],
        &[0x82, 0x7D, 0],
    ];

    #[test]
    fn unknown_fields_are_kept_to_the_byte_at_every_level() {
        let unknown = UNKNOWN.concat();
        let inner = [&[0x08, 7], &*unknown].concat();
        let length = u8::try_from(inner.len()).unwrap();
        let outer = [&[0x12, length], &*inner, &unknown].concat();
        let read = Kept::<Outer>::decode(&*outer).unwrap();
        assert_eq!(read.unknown, unknown);
        assert_eq!(read.known.inner[0].unknown, unknown);
        assert_eq!(read.known.inner[0].known.number, 7);
        assert_eq!(read.encode_to_vec(), outer);
        // The same from a buffer in two parts, split at any position.
        for cut in 0..outer.len() {
            let parts = outer[..cut].chain(&outer[cut..]);
            assert_eq!(Kept::<Outer>::decode(parts).unwrap(), read, "cut at {cut}");
        }
    }

    #[test]
    fn unknown_fields_follow_the_known_ones() {
        let read = Kept::<Inner>::decode(&[0x18, 1, 0x08, 7, 0x18, 2][..]).unwrap();
        assert_eq!(read.encode_to_vec(), [0x08, 7, 0x18, 1, 0x18, 2]);
        assert_eq!(Kept::from(Inner { number: 7 }).encode_to_vec(), [0x08, 7]);
    }

    #[test]
    fn invalid_fields_are_refused() {
        for field in UNKNOWN {
            for cut in 1..field.len() {
                assert!(Kept::<Inner>::decode(&field[..cut]).is_err(), "{field:?} cut at {cut}");
            }
        }
        // A known number with another wire type, the end of another group, the number 0.
        for refused in [&[0x0D, 1, 2, 3, 4][..], &[0x33, 0x3C], &[0x3C], &[0x00, 1], &[0x1E, 1]] {
            assert!(Kept::<Inner>::decode(refused).is_err(), "{refused:?}");
        }
    }
}
