//! The body of a request that has fields: in the format that its `Content-Type` names.

use axum::http::header::{self, HeaderMap};
use serde_json::{Map, Value};

use super::error::ApiError;
use super::form;
use super::format::{ERLANG, ERLANG_SUBTYPE, JSON, contains};
use crate::erlang::etf;

/// In bytes: the largest body that is no tarball or documentation. Those of clients have less than 1 KiB.
pub(crate) const MAX_FIELDS: usize = 64 * 1024;

/// The fields in the body of a request. An empty body has none.
///
/// # Errors
/// [`ApiError`] (422) if the body is too large, is not in the format that `Content-Type` names, or is no map.
pub(crate) fn read_fields(
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Map<String, Value>, ApiError> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    if body.len() > MAX_FIELDS {
        return Err(ApiError::invalid(format!("the body has more than {MAX_FIELDS} bytes")));
    }
    let value = match BodyFormat::of(headers, body)? {
        BodyFormat::Erlang => etf::decode(body)
            .map_err(|error| ApiError::invalid(format!("the body is not a valid term: {error}")))?,
        BodyFormat::Json => serde_json::from_slice(body)
            .map_err(|error| ApiError::invalid(format!("the body is not valid JSON: {error}")))?,
        BodyFormat::Form => {
            let text = std::str::from_utf8(body)
                .map_err(|_| ApiError::invalid("the form in the body is not UTF-8"))?;
            form::fields(text).map(|(name, value)| (name, Value::from(value))).collect()
        }
    };
    match value {
        Value::Object(fields) => Ok(fields),
        _ => Err(ApiError::invalid("the body is not a map: expected fields by name")),
    }
}

/// The format of the body of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BodyFormat {
    Erlang,
    Json,
    Form,
}

impl BodyFormat {
    fn of(headers: &HeaderMap, body: &[u8]) -> Result<Self, ApiError> {
        let Some(named) = headers.get(header::CONTENT_TYPE) else {
            // 131 is the first byte of each term, and of no text.
            return Ok(if body.first() == Some(&131) { Self::Erlang } else { Self::Json });
        };
        if contains(named, ERLANG_SUBTYPE) {
            Ok(Self::Erlang)
        } else if contains(named, "json") {
            Ok(Self::Json)
        } else if contains(named, "x-www-form-urlencoded") {
            Ok(Self::Form)
        } else {
            let named = String::from_utf8_lossy(named.as_bytes()).into_owned();
            Err(ApiError::invalid(format!(
                "the content-type of the body is {named:?}: expected {ERLANG}, {JSON} or \
                 application/x-www-form-urlencoded"
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::header::HeaderValue;
    use serde_json::json;

    use super::*;

    fn read(content_type: &'static str, body: &[u8]) -> Result<Value, String> {
        let content_type = (header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        let headers = HeaderMap::from_iter([content_type]);
        let fields = read_fields(&headers, body);
        fields.map(Value::Object).map_err(|error| error.to_string())
    }

    #[test]
    fn a_body_is_read_as_its_content_type_says() {
        let fields = json!({"reason": "invalid", "message": null});
        assert_eq!(read(ERLANG, &etf::encode(&fields)), Ok(fields.clone()));
        assert_eq!(
            read("application/json; charset=utf-8", fields.to_string().as_bytes()),
            Ok(fields)
        );
        let form = b"grant_type=client_credentials&scope=a+b";
        let expected = json!({"grant_type": "client_credentials", "scope": "a b"});
        assert_eq!(read("application/x-www-form-urlencoded", form), Ok(expected));
        for content_type in [ERLANG, JSON, "text/plain"] {
            assert_eq!(read(content_type, b""), Ok(json!({})));
        }
        let none = HeaderMap::new();
        assert_eq!(read_fields(&none, &etf::encode(&json!({"a": 1}))).unwrap()["a"], json!(1));
        assert_eq!(read_fields(&none, br#"{"a": 1}"#).unwrap()["a"], json!(1));
    }

    #[test]
    fn a_body_that_is_not_fields_is_refused() {
        for (content_type, body, message) in [
            (ERLANG, etf::encode(&json!([])), "the body is not a map: expected fields by name"),
            (JSON, b"[]".to_vec(), "the body is not a map: expected fields by name"),
            (
                ERLANG,
                b"{}".to_vec(),
                "the body is not a valid term: it does not begin with byte 131",
            ),
            (ERLANG, b"\x83P\0".to_vec(), "the body is not a valid term: the term is compressed"),
            (JSON, b"{".to_vec(), "the body is not valid JSON: EOF while parsing an object"),
            (JSON, b"[".repeat(MAX_FIELDS), "the body is not valid JSON: recursion limit exceeded"),
            (JSON, vec![b' '; MAX_FIELDS + 1], "the body has more than 65536 bytes"),
            ("text/plain", b"a".to_vec(), "the content-type of the body is \"text/plain\""),
            ("application/x-www-form-urlencoded", b"\xff".to_vec(), "the form in the body is not"),
        ] {
            let error = read(content_type, &body).unwrap_err();
            assert!(error.starts_with(message), "{error}");
        }
    }
}
