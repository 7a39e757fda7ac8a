//! What every answer under `/api` must be for clients to read it.

use serde_json::Value;

use super::body;
use crate::support::server::Answer;

/// Statuses that every client takes for a refusal. `rebar3_hex` prints "Published" on any other.
const REFUSALS: [u16; 5] = [401, 403, 404, 422, 500];

/// Panics unless clients understand an answer: whatever they asked for.
#[track_caller]
pub fn check(answer: &Answer) {
    let status = answer.status;
    assert!(status < 400 || REFUSALS.contains(&status), "{answer:?}");
    let challenge = answer.header("www-authenticate").unwrap_or_default().to_lowercase();
    // mix asks again without end for some, and for a one-time password for others.
    assert!(!challenge.contains("bearer"), "{answer:?}");
    // An empty body is no term: clients fail on it where the type is Erlang's.
    let has_type = answer.header("content-type").is_some();
    assert_eq!(answer.body.is_empty(), !has_type, "{answer:?}");
    if let Some(location) = answer.header("location") {
        assert!(location.starts_with("http://"), "mix fails on a relative one: {location}");
    }
    let body = body(answer);
    if status >= 400 {
        check_refusal(status, body.as_ref().unwrap_or_else(|| panic!("no body: {answer:?}")));
    }
}

/// `{status, message[, errors]}`, or of OAuth `{error, error_description}`.
#[track_caller]
fn check_refusal(status: u16, body: &Value) {
    let text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    if body.get("error").is_some() {
        assert!(text(&body["error"]) && text(&body["error_description"]), "{body}");
        return;
    }
    assert_eq!(body["status"], status, "{body}");
    assert!(text(&body["message"]), "{body}");
    let Some(errors) = body.get("errors") else { return };
    for error in errors.as_object().unwrap().values() {
        let texts = error.as_object().is_some_and(|map| map.values().all(text));
        assert!(text(error) || texts, "mix prints strings and maps of strings alone: {body}");
    }
}

/// Fails unless the answer has this status; returns its body.
#[track_caller]
pub fn expect(answer: &Answer, status: u16) -> Value {
    let body = body(answer).unwrap_or_default();
    assert_eq!(answer.status, status, "{body}");
    body
}
