//! Tests of the external term format, by exact bytes.

use serde_json::json;

use super::*;

/// A term of each type that is written.
fn sample() -> Value {
    json!({
        "atoms": [null, true, false],
        "integers": [0, 255, 256, -1, i32::MAX, i32::MIN, u64::MAX, i64::MIN, 1_u64 << 40],
        "floats": [0.5, -1e300],
        "text": ["", "é", {"url": "u"}],
        "empty": [[], {}],
    })
}

#[test]
fn writes_these_bytes() {
    let url = b"\x83\x74\0\0\0\x01\x6d\0\0\0\x03url\x6d\0\0\0\x01u";
    assert_eq!(encode(&json!({"url": "u"})), url);
    assert_eq!(decode(url), Ok(json!({"url": "u"})));
    for (value, bytes) in [
        (json!(null), b"\x83w\x03nil".as_slice()),
        (json!(true), b"\x83w\x04true"),
        (json!(false), b"\x83w\x05false"),
        (json!([]), b"\x83j"),
        (json!([1]), b"\x83l\0\0\0\x01a\x01j"),
        (json!({}), b"\x83t\0\0\0\0"),
        (json!(255), b"\x83a\xff"),
        (json!(256), b"\x83b\0\0\x01\0"),
        (json!(-1), b"\x83b\xff\xff\xff\xff"),
        (json!(1_u64 << 32), b"\x83n\x05\0\0\0\0\0\x01"),
        (json!(i64::MIN), b"\x83n\x08\x01\0\0\0\0\0\0\0\x80"),
        (json!(0.5), b"\x83F\x3f\xe0\0\0\0\0\0\0"),
        (json!("\u{e9}"), b"\x83m\0\0\0\x02\xc3\xa9"),
    ] {
        assert_eq!(encode(&value), bytes, "{value}");
        assert_eq!(decode(bytes), Ok(value));
    }
    assert_eq!(decode(&encode(&sample())), Ok(sample()));
}

#[test]
fn reads_what_clients_write() {
    for (bytes, value) in [
        // OTP 25 and before write atoms in Latin-1.
        (b"\x83d\0\x04full".as_slice(), json!("full")),
        (b"\x83s\x04full", json!("full")),
        (b"\x83v\0\x04full", json!("full")),
        (b"\x83w\x04full", json!("full")),
        (b"\x83d\0\x01\xe9", json!("é")),
        (b"\x83d\0\x09undefined", json!(null)),
        (b"\x83t\0\0\0\x01d\0\x05leveld\0\x05false", json!({"level": false})),
        // A list of bytes.
        (b"\x83k\0\x02hi", json!("hi")),
        (b"\x83k\0\x02\xff\0", json!([255, 0])),
        (b"\x83h\x02a\x01a\x02", json!([1, 2])),
        (b"\x83n\0\0", json!(0)),
    ] {
        assert_eq!(decode(bytes), Ok(value), "{bytes:?}");
    }
}

#[test]
fn refuses_the_rest() {
    for (bytes, error) in [
        (b"".as_slice(), InvalidEtf::NotATerm),
        (b"{}", InvalidEtf::NotATerm),
        (b"\x83", InvalidEtf::Truncated),
        (b"\x83P\0\0\0\x10", InvalidEtf::Compressed),
        (b"\x83jj", InvalidEtf::TrailingBytes(1)),
        (b"\x83m\xff\xff\xff\xffa", InvalidEtf::Truncated),
        (b"\x83l\xff\xff\xff\xffa\x01", InvalidEtf::Truncated),
        (b"\x83t\xff\xff\xff\xff", InvalidEtf::Truncated),
        (b"\x83m\0\0\0\x01\xff", InvalidEtf::NotUtf8(1)),
        (b"\x83w\x01\xff", InvalidEtf::NotUtf8(1)),
        (b"\x83l\0\0\0\x01a\x01a\x02", InvalidEtf::ImproperList),
        (b"\x83t\0\0\0\x01a\x01a\x02", InvalidEtf::KeyWithoutText),
        (b"\x83t\0\0\0\x02w\x01aa\x01m\0\0\0\x01aa\x02", InvalidEtf::RepeatedKey("a".into())),
        (b"\x83n\x09\0\0\0\0\0\0\0\0\0\x01", InvalidEtf::NumberTooLarge(1)),
        (b"\x83n\x08\x01\x01\0\0\0\0\0\0\x80", InvalidEtf::NumberTooLarge(1)),
        (b"\x83F\x7f\xf0\0\0\0\0\0\0", InvalidEtf::NumberTooLarge(1)),
        // A pid, and a tuple of any size.
        (b"\x83h\x01X", InvalidEtf::UnsupportedTag { tag: 88, offset: 3 }),
        (b"\x83i\0\0\0\0", InvalidEtf::UnsupportedTag { tag: 105, offset: 1 }),
    ] {
        assert_eq!(decode(bytes), Err(error), "{bytes:?}");
    }
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| [vec![VERSION], [SMALL_TUPLE, 1].repeat(depth), vec![NIL]].concat();
    assert!(decode(&nested(MAX_DEPTH)).is_ok());
    assert_eq!(decode(&nested(MAX_DEPTH + 1)), Err(InvalidEtf::TooDeep));
    assert_eq!(decode(&nested(1 << 20)), Err(InvalidEtf::TooDeep));
    // Each list of this one ends far behind: nothing of it is kept.
    let lists = [vec![VERSION], [LIST, 0xFF, 0xFF, 0xFF, 0xFF].repeat(1 << 16)].concat();
    assert_eq!(decode(&lists), Err(InvalidEtf::TooDeep));
}

#[test]
fn no_damage_is_a_panic_and_no_prefix_a_term() {
    let whole = encode(&sample());
    for end in 0..whole.len() {
        assert!(decode(&whole[..end]).is_err(), "{end}");
    }
    for index in 0..whole.len() {
        for bit in 0..8 {
            let mut damaged = whole.clone();
            damaged[index] ^= 1 << bit;
            if let Ok(read) = decode(&damaged) {
                // What is read is written so that it is read as the same again.
                assert_eq!(decode(&encode(&read)), Ok(read), "byte {index}, bit {bit}");
            }
        }
    }
}
