//! Erlang's external term format, as clients of the API read and write it: written for the tests, so that an error
//! in the program's own reader or writer shows.

use serde_json::{Map, Number, Value};

const VERSION: u8 = 131;

/// The term of an answer. It has only what every client decodes: maps with binaries as keys, binaries, lists,
/// numbers, `nil`, `true` and `false`.
#[track_caller]
pub fn decode(bytes: &[u8]) -> Value {
    let (first, mut rest) = bytes.split_first().expect("a term has a first byte");
    assert_eq!(*first, VERSION, "{bytes:?}");
    let value = term(&mut rest);
    assert!(rest.is_empty(), "bytes after the term: {rest:?}");
    value
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (taken, left) = rest.split_at(length);
    *rest = left;
    taken
}

fn byte(rest: &mut &[u8]) -> u8 {
    take(rest, 1)[0]
}

fn length(rest: &mut &[u8]) -> usize {
    u32::from_be_bytes(take(rest, 4).try_into().unwrap()) as usize
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("clients print it as UTF-8")
}

fn atom(name: &[u8]) -> Value {
    match name {
        b"nil" => Value::Null,
        b"true" => Value::Bool(true),
        b"false" => Value::Bool(false),
        _ => panic!("clients may not know the atom {}", text(name)),
    }
}

fn term(rest: &mut &[u8]) -> Value {
    match byte(rest) {
        70 => {
            let float = f64::from_be_bytes(take(rest, 8).try_into().unwrap());
            Value::Number(Number::from_f64(float).unwrap())
        }
        97 => byte(rest).into(),
        98 => i32::from_be_bytes(take(rest, 4).try_into().unwrap()).into(),
        100 => {
            let length = u16::from_be_bytes(take(rest, 2).try_into().unwrap());
            atom(take(rest, length.into()))
        }
        106 => Value::Array(Vec::new()),
        108 => {
            let list = (0..length(rest)).map(|_| term(rest)).collect();
            assert_eq!(byte(rest), 106, "a list ends in nil");
            Value::Array(list)
        }
        109 => {
            let length = length(rest);
            Value::String(text(take(rest, length)))
        }
        110 => {
            let length = byte(rest);
            assert_eq!(byte(rest), 0, "a number that is not negative");
            let digits = take(rest, length.into());
            digits.iter().rev().fold(0_u64, |sum, digit| (sum << 8) | u64::from(*digit)).into()
        }
        116 => {
            let pairs = (0..length(rest)).map(|_| match term(rest) {
                Value::String(key) => (key, term(rest)),
                other => panic!("the key of a map is a binary, not {other}"),
            });
            Value::Object(pairs.collect())
        }
        119 => {
            let length = byte(rest);
            atom(take(rest, length.into()))
        }
        tag => panic!("clients do not expect the tag {tag}"),
    }
}

/// What `term_to_binary` of Erlang 25 makes of it.
pub fn encode(value: &Value) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    write(value, &mut bytes);
    bytes
}

fn write_length(length: usize, bytes: &mut Vec<u8>) {
    bytes.extend(u32::try_from(length).unwrap().to_be_bytes());
}

fn write_binary(text: &str, bytes: &mut Vec<u8>) {
    bytes.push(109);
    write_length(text.len(), bytes);
    bytes.extend(text.as_bytes());
}

fn write_atom(name: &str, bytes: &mut Vec<u8>) {
    bytes.extend([100, 0, u8::try_from(name.len()).unwrap()]);
    bytes.extend(name.as_bytes());
}

fn write(value: &Value, bytes: &mut Vec<u8>) {
    match value {
        Value::Null => write_atom("nil", bytes),
        Value::Bool(true) => write_atom("true", bytes),
        Value::Bool(false) => write_atom("false", bytes),
        Value::Number(number) => {
            bytes.push(98);
            bytes.extend(i32::try_from(number.as_i64().unwrap()).unwrap().to_be_bytes());
        }
        Value::String(text) => write_binary(text, bytes),
        Value::Array(list) if list.is_empty() => bytes.push(106),
        Value::Array(list) => {
            bytes.push(108);
            write_length(list.len(), bytes);
            for one in list {
                write(one, bytes);
            }
            bytes.push(106);
        }
        Value::Object(map) => write_map(map, bytes),
    }
}

fn write_map(map: &Map<String, Value>, bytes: &mut Vec<u8>) {
    bytes.push(116);
    write_length(map.len(), bytes);
    for (key, value) in map {
        write_binary(key, bytes);
        write(value, bytes);
    }
}

/// The example of publish requests: `#{<<"url">> => <<"u">>}`.
#[test]
fn a_map_is_what_erlang_makes_of_it() {
    let bytes = [
        &[0x83, 0x74, 0, 0, 0, 1][..],
        &[0x6d, 0, 0, 0, 3, b'u', b'r', b'l'],
        &[0x6d, 0, 0, 0, 1, b'u'],
    ]
    .concat();
    let value = serde_json::json!({"url": "u"});
    assert_eq!((decode(&bytes), encode(&value)), (value, bytes));
}
