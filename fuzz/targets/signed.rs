//! Signed resources: read or refused, and what is read is encoded so that it is read as the same again.
//!
//! What begins as gzip does is taken for a file as it is served. Anything else is taken for a payload,
//! and for the message that is gzipped: checksums would stop nearly all of it.

#![no_main]

use std::cell::RefCell;
use std::fmt::Debug;
use std::path::Path;

use bytes::Bytes;
use hexreg::ops::inspect::{Options, inspect_bytes};
use hexreg::policy::Policy;
use hexreg::registry::{Gzip, Names, Payload, Releases, Signed, Versions};
use hexreg::tarball::Limits;
use hexreg_fuzz::{gunzip, gzip};
use libfuzzer_sys::fuzz_target;

thread_local! {
    static GZIP: RefCell<Gzip> = RefCell::new(Gzip::new());
}

fuzz_target!(|data: &[u8]| {
    if data.starts_with(&[0x1F, 0x8B]) {
        check_file(data);
    } else {
        check_file(&gzip(data));
        let file = gzip(&message(data));
        let signed = Signed::from_gzip(&file).expect("a sound message around any payload");
        assert_eq!(signed.unverified().expect("it was read").as_bytes(), data);
        check_file(&file);
    }
});

/// `Signed { 1 payload, 2 signature }`
fn message(payload: &[u8]) -> Vec<u8> {
    let mut message = vec![0x0A];
    let mut length = payload.len();
    while length >= 0x80 {
        message.push(length as u8 | 0x80);
        length >>= 7;
    }
    message.push(length as u8);
    message.extend(payload);
    message.extend([0x12, 3]);
    message.extend(b"sig");
    message
}

fn check_file(file: &[u8]) {
    inspect(file);
    match Signed::from_gzip(file) {
        Ok(read) => {
            let payload = read.unverified().expect("what was read is read again");
            let signed = read.with_payload(&payload);
            assert_eq!(gunzip(file), Some((signed.encode(), 0)));
            let written = GZIP.with_borrow_mut(|gzip| signed.to_gzip(gzip));
            let again = Signed::from_gzip(&written).expect("what was written is read");
            assert_eq!(again.with_payload(&again.unverified().expect("it was read")), signed);
            check_payload(&payload);
        }
        Err(error) => drop(error.to_string()),
    }
}

fn check_payload(payload: &Payload) {
    let _ = check(payload, Names::decode, Names::encode);
    let _ = check(payload, Versions::decode, Versions::encode);
    let _ = check(payload, Releases::decode, Releases::encode);
    if let Some(policy) = check(payload, Policy::decode, Policy::encode) {
        for inert in policy.inert_parts() {
            drop(inert.to_string());
        }
    }
}

/// The field 1000, which no resource has.
const UNKNOWN: [u8; 6] = [0xC2, 0x3E, 3, b'n', b'e', b'w'];

/// `decode ∘ encode = id` on all that was decoded, and to the byte from then on; and unknown fields
/// survive.
fn check<T: PartialEq + Debug, E: Debug + ToString>(
    payload: &Payload,
    decode: fn(&Payload) -> Result<T, E>,
    encode: fn(&T) -> Payload,
) -> Option<T> {
    match decode(payload) {
        Ok(read) => {
            let written = encode(&read);
            let again = decode(&Payload::from_bytes(Bytes::copy_from_slice(written.as_bytes())));
            let again = again.expect("what was encoded is decoded");
            assert_eq!(again, read);
            assert_eq!(encode(&again), written);
            let extended = [payload.as_bytes(), &UNKNOWN].concat();
            let extended = decode(&Payload::from_bytes(extended.into()));
            let extended = encode(&extended.expect("a field more is no fault"));
            assert!(extended.as_bytes().ends_with(&UNKNOWN), "unknown fields survive");
            Some(read)
        }
        Err(error) => {
            drop(error.to_string());
            None
        }
    }
}

fn inspect(file: &[u8]) {
    let options = Options { public_key: None, limits: Limits::HEX };
    for path in ["names", "other"] {
        if let Err(error) = inspect_bytes(file, Path::new(path), &options) {
            drop(error.to_string());
        }
    }
}
