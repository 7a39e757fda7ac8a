//! Erlang's external term format: what holds for every term, and what the real Erlang makes of it.

use std::fs;
use std::process::Command;

use hexreg::erlang::etf::{self, InvalidEtf};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::tools;

/// Any value that the API could send.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<u8>().prop_map(Value::from),
        prop::num::f64::NORMAL.prop_map(Value::from),
        "(?s).{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..8).prop_map(Value::from),
            btree_map("(?s).{0,8}", inner, 0..8)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn reading_undoes_writing(value in value()) {
        prop_assert_eq!(etf::decode(&etf::encode(&value)), Ok(value));
    }

    #[test]
    fn no_part_of_a_term_is_a_term(value in value(), end in any::<prop::sample::Index>()) {
        let bytes = etf::encode(&value);
        let cut = &bytes[..end.index(bytes.len())];
        let error = etf::decode(cut);
        prop_assert!(matches!(error, Err(InvalidEtf::Truncated | InvalidEtf::NotATerm)), "{error:?}");
    }

    #[test]
    fn any_bytes_are_read_or_refused(mut bytes in vec(any::<u8>(), 0..64), is_term in any::<bool>()) {
        if let Some(first) = bytes.first_mut().filter(|_| is_term) {
            *first = 131;
        }
        if let Ok(read) = etf::decode(&bytes) {
            prop_assert_eq!(etf::decode(&etf::encode(&read)), Ok(read));
        }
    }
}

/// Reads each file with the function that clients use, and writes it as clients do.
const ECHO: &str = "
    [begin
        {ok, Bytes} = file:read_file(File),
        Term = binary_to_term(Bytes, [safe]),
        ok = file:write_file(File ++ \".out\", term_to_binary(Term))
    end || File <- init:get_plain_arguments()],
    halt().
";

/// Writes requests of clients, and terms that are refused.
const REQUESTS: &str = "
    [Directory] = init:get_plain_arguments(),
    Write = fun(Name, Bytes) -> ok = file:write_file(filename:join(Directory, Name), Bytes) end,
    Requests = #{
        \"retire\" => #{<<\"reason\">> => <<\"security\">>, <<\"message\">> => nil},
        \"owner\" => #{<<\"level\">> => full, <<\"transfer\">> => false},
        \"key\" => #{<<\"permissions\">> => [#{<<\"domain\">> => <<\"api\">>}], name => \"host\"},
        \"others\" => [{1, 2}, undefined, 1.5, -1, 256, 1 bsl 40, <<\"caf\\303\\251\">>, []]
    },
    maps:foreach(fun(Name, Term) -> Write(Name, term_to_binary(Term)) end, Requests),
    Write(\"compressed\", term_to_binary(lists:duplicate(1000, <<\"a\">>), [compressed])),
    Write(\"pid\", term_to_binary(self())),
    Write(\"big\", term_to_binary(1 bsl 64)),
    halt().
";

/// Runs Erlang with plain arguments; `None` where it is not installed.
fn erl(test: &str, code: &str, arguments: &[String]) -> Option<()> {
    let erl = tools::find("erl", test)?;
    let ran = Command::new(erl)
        .args(["-noshell", "-boot", "start_clean", "-eval", code, "-extra"])
        .args(arguments)
        .output()
        .unwrap();
    let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(ran.status.success(), "{}{}", shown(&ran.stdout), shown(&ran.stderr));
    Some(())
}

#[test]
fn the_real_erlang_reads_and_writes_the_same() {
    let values = [
        json!(null),
        json!([true, false, [], {}, ""]),
        json!({"status": 422, "message": "Validation error(s)", "errors": {"tar": "too big"}}),
        json!({"organizations": [], "username": "é — \u{1F600}", "packages": [{"name": "foo"}]}),
        json!([0, 255, 256, -1, i32::MIN, i32::MAX, i64::MIN, u64::MAX, 0.1, -1e300, 1e-300]),
    ];
    let directory = tempfile::TempDir::new().unwrap();
    let files: Vec<String> = (0..values.len())
        .map(|index| directory.path().join(index.to_string()).to_str().unwrap().to_owned())
        .collect();
    for (value, file) in values.iter().zip(&files) {
        fs::write(file, etf::encode(value)).unwrap();
    }
    let test = "the_real_erlang_reads_and_writes_the_same";
    if erl(test, ECHO, &files).is_none() {
        return;
    }
    for (value, file) in values.iter().zip(&files) {
        let written = fs::read(format!("{file}.out")).unwrap();
        assert_eq!(etf::decode(&written).as_ref(), Ok(value));
    }
}

#[test]
fn what_the_real_erlang_sends_is_read_or_refused() {
    let directory = tempfile::TempDir::new().unwrap();
    let test = "what_the_real_erlang_sends_is_read_or_refused";
    let arguments = [directory.path().to_str().unwrap().to_owned()];
    if erl(test, REQUESTS, &arguments).is_none() {
        return;
    }
    let read = |name: &str| etf::decode(&fs::read(directory.path().join(name)).unwrap());
    assert_eq!(read("retire"), Ok(json!({"reason": "security", "message": null})));
    assert_eq!(read("owner"), Ok(json!({"level": "full", "transfer": false})));
    assert_eq!(read("key"), Ok(json!({"permissions": [{"domain": "api"}], "name": "host"})));
    let others = json!([[1, 2], null, 1.5, -1, 256, 1_u64 << 40, "café", []]);
    assert_eq!(read("others"), Ok(others));
    assert_eq!(read("compressed"), Err(InvalidEtf::Compressed));
    assert!(matches!(read("pid"), Err(InvalidEtf::UnsupportedTag { .. })));
    assert_eq!(read("big"), Err(InvalidEtf::NumberTooLarge(1)));
}
