//! Erlang terms, as text and as bytes, and `metadata.config`: read or refused, and what is read is written so that it is read
//! as the same again.

#![no_main]

use hexreg::erlang::{self, etf};
use hexreg::tarball::{Description, Metadata};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    match erlang::parse_terms(&erlang::decode(data)) {
        Ok(terms) => {
            let written: String = terms.iter().map(|term| format!("{term}.\n")).collect();
            let again = erlang::parse_terms(&written);
            assert_eq!(again.as_ref(), Ok(&terms), "written as {written:?}");
            // The bytes of a file, and not the text, are what others read.
            assert_eq!(erlang::decode(written.as_bytes()), written);
        }
        Err(error) => assert!(error.to_string().len() < 1000, "{error}"),
    }
    match etf::decode(data) {
        Ok(value) => assert_eq!(etf::decode(&etf::encode(&value)), Ok(value)),
        Err(error) => drop(error.to_string()),
    }
    drop(Description::parse(data));
    match Metadata::parse(data) {
        Ok(metadata) => {
            let written = metadata.to_string();
            let again = Metadata::parse(written.as_bytes());
            assert_eq!(again.ok().as_ref(), Some(&metadata), "written as {written:?}");
        }
        Err(error) => drop(error.to_string()),
    }
});
