//! Erlang's external term format: what `term_to_binary/1` writes, in which mix and rebar3 speak with an API.
//!
//! A term is read and written as JSON, which has the same shapes. Only what the API of Hex sends is covered: maps with
//! text as keys, lists, text, numbers, and the atoms `nil`, `true` and `false`. Another atom is read as its text.
//!
//! [External Term Format](https://www.erlang.org/doc/apps/erts/erl_ext_dist.html).

use serde_json::{Map, Number, Value};

/// The depth to which terms may nest. That of requests is at most 4.
pub const MAX_DEPTH: usize = 32;

/// The first byte of every term.
const VERSION: u8 = 131;

const NEW_FLOAT: u8 = 70;
const COMPRESSED: u8 = 80;
const SMALL_INTEGER: u8 = 97;
const INTEGER: u8 = 98;
const ATOM: u8 = 100;
const SMALL_TUPLE: u8 = 104;
const NIL: u8 = 106;
const STRING: u8 = 107;
const LIST: u8 = 108;
const BINARY: u8 = 109;
const SMALL_BIG: u8 = 110;
const SMALL_ATOM: u8 = 115;
const MAP: u8 = 116;
const ATOM_UTF8: u8 = 118;
const SMALL_ATOM_UTF8: u8 = 119;

/// Why bytes are not a term that is accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEtf {
    /// The first byte is another one.
    #[error("it does not begin with byte 131: expected what term_to_binary/1 returns")]
    NotATerm,
    /// A few bytes could inflate to gigabytes.
    #[error("the term is compressed: send it without the option `compressed` of term_to_binary/2")]
    Compressed,
    /// The bytes end within a term.
    #[error("it ends within a term")]
    Truncated,
    /// Bytes follow the term.
    #[error("{0} bytes follow the end of the term")]
    TrailingBytes(usize),
    /// A term lies too deep in others.
    #[error("its terms nest deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// A term of a type that the API does not need, such as a pid or a function.
    #[error(
        "the term at byte {offset} has tag {tag}: expected a map, list, binary, number or atom"
    )]
    UnsupportedTag {
        /// The number of the type.
        tag: u8,
        /// The position of the term.
        offset: usize,
    },
    /// A binary or an atom is not UTF-8.
    #[error("the text at byte {0} is not UTF-8")]
    NotUtf8(usize),
    /// A key of a map is no text.
    #[error("a map has a key that is not text: expected binaries as keys")]
    KeyWithoutText,
    /// A key occurs twice. Erlang reads no such map.
    #[error("a map has the key {0:?} twice")]
    RepeatedKey(String),
    /// A list ends in something else than the empty list.
    #[error("a list has a tail that is not a list")]
    ImproperList,
    /// An integer needs more than 64 bits, or a float is infinite.
    #[error("the number at byte {0} is too large")]
    NumberTooLarge(usize),
}

/// Writes a term. Clients read it with `binary_to_term(Term, [safe])`, so it has no atoms that they may lack.
#[must_use]
pub fn encode(value: &Value) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    write(value, &mut bytes);
    bytes
}

/// Reads one term, which is all of `bytes`. The memory that it takes is bounded by a multiple of their number.
///
/// # Errors
/// [`InvalidEtf`] if it is no term, or one of a type that no request needs.
pub fn decode(bytes: &[u8]) -> Result<Value, InvalidEtf> {
    let (VERSION, rest) = bytes.split_first().map_or((0, bytes), |(first, rest)| (*first, rest))
    else {
        return Err(InvalidEtf::NotATerm);
    };
    if rest.first() == Some(&COMPRESSED) {
        return Err(InvalidEtf::Compressed);
    }
    let mut reader = Reader { rest, length: bytes.len() };
    let value = reader.term(0)?;
    match reader.rest.len() {
        0 => Ok(value),
        trailing => Err(InvalidEtf::TrailingBytes(trailing)),
    }
}

fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => write_atom("nil", out),
        Value::Bool(true) => write_atom("true", out),
        Value::Bool(false) => write_atom("false", out),
        Value::Number(number) => write_number(number, out),
        Value::String(text) => write_binary(text, out),
        Value::Array(items) => {
            if !items.is_empty() {
                out.push(LIST);
                write_length(items.len(), out);
                for item in items {
                    write(item, out);
                }
            }
            out.push(NIL);
        }
        Value::Object(pairs) => {
            out.push(MAP);
            write_length(pairs.len(), out);
            for (key, value) in pairs {
                write_binary(key, out);
                write(value, out);
            }
        }
    }
}

fn write_atom(name: &'static str, out: &mut Vec<u8>) {
    out.push(SMALL_ATOM_UTF8);
    out.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
    out.extend(name.bytes());
}

fn write_binary(text: &str, out: &mut Vec<u8>) {
    out.push(BINARY);
    write_length(text.len(), out);
    out.extend(text.bytes());
}

/// Nothing that is sent comes near 4 GiB.
fn write_length(length: usize, out: &mut Vec<u8>) {
    out.extend(u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
}

fn write_number(number: &Number, out: &mut Vec<u8>) {
    let small = number.as_i64();
    if let Some(byte) = small.and_then(|value| u8::try_from(value).ok()) {
        out.extend([SMALL_INTEGER, byte]);
    } else if let Some(value) = small.and_then(|value| i32::try_from(value).ok()) {
        out.push(INTEGER);
        out.extend(value.to_be_bytes());
    } else if let Some(value) = small {
        write_big(value.is_negative(), value.unsigned_abs(), out);
    } else if let Some(value) = number.as_u64() {
        write_big(false, value, out);
    } else {
        out.push(NEW_FLOAT);
        out.extend(number.as_f64().unwrap_or_default().to_be_bytes());
    }
}

fn write_big(is_negative: bool, magnitude: u64, out: &mut Vec<u8>) {
    let digits = magnitude.to_le_bytes();
    let length =
        digits.iter().rposition(|digit| *digit != 0).map_or(0, |last| last.saturating_add(1));
    out.extend([SMALL_BIG, u8::try_from(length).unwrap_or(u8::MAX), u8::from(is_negative)]);
    out.extend(digits.iter().take(length));
}

struct Reader<'a> {
    rest: &'a [u8],
    /// The number of all bytes.
    length: usize,
}

impl<'a> Reader<'a> {
    /// The term that comes next, in `depth` others.
    fn term(&mut self, depth: usize) -> Result<Value, InvalidEtf> {
        let offset = self.offset();
        match self.byte()? {
            SMALL_INTEGER => Ok(self.byte()?.into()),
            INTEGER => Ok(i32::from_be_bytes(self.array()?).into()),
            SMALL_BIG => self.big(offset),
            NEW_FLOAT => {
                let float = Number::from_f64(f64::from_be_bytes(self.array()?));
                float.map(Value::Number).ok_or(InvalidEtf::NumberTooLarge(offset))
            }
            BINARY => {
                let length = self.length()?;
                self.text(length, offset).map(Value::from)
            }
            NIL => Ok(Value::Array(Vec::new())),
            STRING => {
                let length = self.short_length()?;
                let bytes = self.take(length)?;
                // A list of bytes. What was written as text is text again, where it can be.
                Ok(std::str::from_utf8(bytes).map_or_else(|_| bytes.into(), Value::from))
            }
            LIST => {
                let items = self.length()?;
                let list = self.items(items, deeper(depth)?)?;
                if self.byte()? == NIL { Ok(list) } else { Err(InvalidEtf::ImproperList) }
            }
            SMALL_TUPLE => {
                let items = self.byte()?;
                self.items(items.into(), deeper(depth)?)
            }
            MAP => {
                let pairs = self.length()?;
                self.map(pairs, deeper(depth)?)
            }
            SMALL_ATOM_UTF8 => {
                let length = self.byte()?;
                self.text(length.into(), offset).map(atom)
            }
            ATOM_UTF8 => {
                let length = self.short_length()?;
                self.text(length, offset).map(atom)
            }
            SMALL_ATOM => {
                let length = self.byte()?;
                self.latin1(length.into())
            }
            ATOM => {
                let length = self.short_length()?;
                self.latin1(length)
            }
            tag => Err(InvalidEtf::UnsupportedTag { tag, offset }),
        }
    }

    /// So many terms. Room is made for those that were read, whatever number is declared.
    fn items(&mut self, number: usize, depth: usize) -> Result<Value, InvalidEtf> {
        let mut items = Vec::new();
        for _ in 0..number {
            items.push(self.term(depth)?);
        }
        Ok(Value::Array(items))
    }

    fn map(&mut self, number: usize, depth: usize) -> Result<Value, InvalidEtf> {
        let mut map = Map::new();
        for _ in 0..number {
            let Value::String(key) = self.term(depth)? else {
                return Err(InvalidEtf::KeyWithoutText);
            };
            let value = self.term(depth)?;
            if map.contains_key(&key) {
                return Err(InvalidEtf::RepeatedKey(key));
            }
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }

    /// An integer of up to 64 bits, beginning with its lowest byte.
    fn big(&mut self, offset: usize) -> Result<Value, InvalidEtf> {
        let length = self.byte()?;
        let is_negative = self.byte()? != 0;
        let digits = self.take(length.into())?;
        let too_large = InvalidEtf::NumberTooLarge(offset);
        let mut magnitude = [0; 8];
        let room = magnitude.get_mut(..digits.len()).ok_or(too_large.clone())?;
        room.copy_from_slice(digits);
        let magnitude = u64::from_le_bytes(magnitude);
        if is_negative {
            0_i64.checked_sub_unsigned(magnitude).map(Value::from).ok_or(too_large)
        } else {
            Ok(magnitude.into())
        }
    }

    fn text(&mut self, length: usize, offset: usize) -> Result<&'a str, InvalidEtf> {
        std::str::from_utf8(self.take(length)?).map_err(|_| InvalidEtf::NotUtf8(offset))
    }

    /// An atom of OTP 25 and before, whose bytes are characters of Latin-1.
    fn latin1(&mut self, length: usize) -> Result<Value, InvalidEtf> {
        let text: String = self.take(length)?.iter().copied().map(char::from).collect();
        Ok(atom(&text))
    }

    fn length(&mut self) -> Result<usize, InvalidEtf> {
        let length = u32::from_be_bytes(self.array()?);
        Ok(usize::try_from(length).unwrap_or(usize::MAX))
    }

    fn short_length(&mut self) -> Result<usize, InvalidEtf> {
        Ok(u16::from_be_bytes(self.array()?).into())
    }

    fn byte(&mut self) -> Result<u8, InvalidEtf> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], InvalidEtf> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(InvalidEtf::Truncated)?;
        self.rest = rest;
        Ok(*array)
    }

    fn take(&mut self, number: usize) -> Result<&'a [u8], InvalidEtf> {
        let (taken, rest) = self.rest.split_at_checked(number).ok_or(InvalidEtf::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    /// How many bytes were read.
    fn offset(&self) -> usize {
        self.length.saturating_sub(self.rest.len())
    }
}

fn deeper(depth: usize) -> Result<usize, InvalidEtf> {
    if depth < MAX_DEPTH { Ok(depth.saturating_add(1)) } else { Err(InvalidEtf::TooDeep) }
}

/// Elixir's `nil` and Erlang's `undefined` are the absent value.
fn atom(name: &str) -> Value {
    match name {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        "nil" | "undefined" => Value::Null,
        other => other.into(),
    }
}

#[cfg(test)]
mod tests;
