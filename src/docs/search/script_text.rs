//! Bytes in a string of a script: in ASCII alone, so that no guess at the encoding of a file changes them, and in less room
//! than base64 takes. Two characters have 13 or 14 bits, as in basE91, with an alphabet of 123 characters in place of 91.

use std::sync::LazyLock;

/// How many characters are used.
const CHARACTERS: u32 = 123;

/// 13 bits with a number below this have room for a 14th.
const WIDE: u32 = CHARACTERS * CHARACTERS - (1 << 13);

/// The characters between 1 and 127 that are not used: they end a string or a line, or begin an escape.
const LEFT_OUT: [u8; 4] = [b'\n', b'\r', b'"', b'\\'];

/// The characters by number.
static ALPHABET: LazyLock<Vec<u8>> =
    LazyLock::new(|| (1..128).filter(|character| !LEFT_OUT.contains(character)).collect());

/// The number of each character; `None` for what is not used.
static NUMBERS: LazyLock<[Option<u8>; 256]> = LazyLock::new(|| {
    let mut numbers = [None; 256];
    for (number, character) in (0..).zip(&*ALPHABET) {
        if let Some(slot) = numbers.get_mut(usize::from(*character)) {
            *slot = Some(number);
        }
    }
    numbers
});

/// Appends the text of these bytes.
#[expect(clippy::arithmetic_side_effects, reason = "at most 21 bits wait in the queue")]
pub(super) fn encode(bytes: &[u8], text: &mut Vec<u8>) {
    let alphabet = &**ALPHABET;
    let mut put = |number: u32| {
        let at = usize::try_from(number % CHARACTERS).unwrap_or_default();
        text.extend(alphabet.get(at));
    };
    let (mut queue, mut waiting) = (0_u32, 0_u32);
    for byte in bytes {
        queue |= u32::from(*byte) << waiting;
        waiting += 8;
        if waiting > 13 {
            let bits = if queue & 0x1fff < WIDE { 14 } else { 13 };
            let number = queue & ((1 << bits) - 1);
            queue >>= bits;
            waiting -= bits;
            put(number);
            put(number / CHARACTERS);
        }
    }
    if waiting > 0 {
        put(queue);
        if waiting > 7 || queue >= CHARACTERS {
            put(queue / CHARACTERS);
        }
    }
}

/// The bytes of a text; `None` if there are none with that text.
#[expect(clippy::arithmetic_side_effects, reason = "at most 21 bits wait in the queue")]
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let numbers = &*NUMBERS;
    let number = |character: &u8| numbers.get(usize::from(*character)).copied().flatten();
    // Seven characters have six bytes.
    let mut bytes = Vec::with_capacity(text.len() / 8 * 7 + 7);
    let (mut queue, mut waiting) = (0_u32, 0_u32);
    let mut pairs = text.chunks_exact(2);
    for pair in &mut pairs {
        let [first, second] = pair else { return None };
        let pair = u32::from(number(first)?) + u32::from(number(second)?) * CHARACTERS;
        queue |= pair << waiting;
        waiting += if pair & 0x1fff < WIDE { 14 } else { 13 };
        while waiting > 7 {
            bytes.push(u8::try_from(queue & 0xff).ok()?);
            queue >>= 8;
            waiting -= 8;
        }
    }
    if let [last] = pairs.remainder() {
        queue |= u32::from(number(last)?) << waiting;
        bytes.push(u8::try_from(queue).ok()?);
        queue = 0;
    }
    // What is left of the last pair is no byte.
    (queue == 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(bytes: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        encode(bytes, &mut text);
        text
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(bytes: Vec<u8>) {
            let text = encoded(&bytes);
            prop_assert_eq!(decode(&text), Some(bytes));
            prop_assert!(text.iter().all(|one| (1..128).contains(one) && !LEFT_OUT.contains(one)));
        }

        #[test]
        fn any_text_is_read_or_refused(text: Vec<u8>) {
            if let Some(bytes) = decode(&text) {
                prop_assert!(bytes.len() <= text.len());
            }
        }
    }

    #[test]
    fn all_short_bytes_and_all_pairs_are_read() {
        for first in 0..=255 {
            assert_eq!(decode(&encoded(&[first])), Some(vec![first]));
            for second in 0..=255 {
                assert_eq!(decode(&encoded(&[first, second])), Some(vec![first, second]));
            }
        }
    }

    #[test]
    fn it_takes_a_sixth_more_than_the_bytes() {
        let mut bytes = Vec::new();
        for number in 0_u32..1_000 {
            bytes.extend(blake3::hash(&number.to_le_bytes()).as_bytes());
        }
        let text = encoded(&bytes);
        assert!(text.len() * 100 < bytes.len() * 117, "{} of {}", text.len(), bytes.len());
    }

    #[test]
    fn what_is_no_such_text_is_refused() {
        for text in ["a\nb", "a\"", "\\a", "\0a", "é"] {
            assert_eq!(decode(text.as_bytes()), None, "{text:?}");
        }
    }
}
