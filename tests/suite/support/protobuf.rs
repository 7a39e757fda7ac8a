//! Protobuf messages made by hand: what the library decodes and never writes.

/// A field that is made of bytes: text, or another message.
pub fn field(number: u8, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    let head = [vec![number << 3 | 2], varint(bytes.len() as u64)].concat();
    [head, bytes.to_vec()].concat()
}

/// A field that is a number.
pub fn number(number: u8, value: i64) -> Vec<u8> {
    [vec![number << 3], varint(u64::from_ne_bytes(value.to_ne_bytes()))].concat()
}

/// A message with more in the message that is at this place of its first field. All its fields are made
/// of bytes, as those of `versions` and `packages/NAME` are.
pub fn amend(mut message: &[u8], mut place: usize, more: &[u8]) -> Vec<u8> {
    let mut amended = Vec::new();
    while let [tag, rest @ ..] = message {
        let (length, rest) = read_varint(rest);
        let (bytes, rest) = rest.split_at(length);
        message = rest;
        let is_meant = tag >> 3 == 1 && place == 0;
        place = place.wrapping_sub(usize::from(tag >> 3 == 1));
        let more = if is_meant { more } else { &[] };
        amended.extend(field(tag >> 3, [bytes, more].concat()));
    }
    amended
}

/// The field 1000, which no resource has, made of this text.
pub fn unknown_field(text: &str) -> Vec<u8> {
    [vec![0xC2, 0x3E], field(1, text).split_off(1)].concat()
}

/// Which fields of a message are messages themselves, and which of theirs.
pub struct Nesting(&'static [(usize, &'static Nesting)]);

const FLAT: Nesting = Nesting(&[]);
pub const NAMES: Nesting = Nesting(&[(1, &Nesting(&[(3, &FLAT)]))]);
pub const VERSIONS: Nesting = Nesting(&[(1, &FLAT)]);
pub const PACKAGE: Nesting =
    Nesting(&[(1, &Nesting(&[(3, &FLAT), (4, &FLAT), (7, &FLAT)])), (4, &FLAT)]);

pub const POLICY: Nesting = Nesting(&[(5, &Nesting(&[(2, &FLAT), (3, &Nesting(&[(2, &FLAT)]))]))]);

/// A message with more at its end and at the end of every message in it: what `more` makes, which is asked
/// for each of them, the inner ones first.
pub fn extend(message: &[u8], nesting: &Nesting, more: &mut dyn FnMut() -> Vec<u8>) -> Vec<u8> {
    let (mut extended, mut rest) = (Vec::new(), message);
    while !rest.is_empty() {
        let (key, value) = read_varint(rest);
        let (head, length) = match key & 7 {
            0 => (0, value.len() - read_varint(value).1.len()),
            1 => (0, 8),
            2 => (value.len() - read_varint(value).1.len(), read_varint(value).0),
            5 => (0, 4),
            other => panic!("wire type {other}"),
        };
        let (field, after) = rest.split_at(rest.len() - value.len() + head + length);
        let inner = nesting.0.iter().find(|(number, _)| *number == key >> 3);
        match inner {
            None => extended.extend(field),
            Some((number, nesting)) => {
                let bytes = extend(&value[head..head + length], nesting, more);
                extended.extend(self::field(u8::try_from(*number).unwrap(), bytes));
            }
        }
        rest = after;
    }
    extended.extend(more());
    extended
}

pub fn varint(value: u64) -> Vec<u8> {
    let low = u8::try_from(value & 0x7F).unwrap();
    if value < 0x80 { vec![low] } else { [vec![low | 0x80], varint(value >> 7)].concat() }
}

fn read_varint(bytes: &[u8]) -> (usize, &[u8]) {
    let (low, rest) = (usize::from(bytes[0] & 0x7F), &bytes[1..]);
    if bytes[0] < 0x80 {
        return (low, rest);
    }
    let (high, rest) = read_varint(rest);
    (high << 7 | low, rest)
}
