//! The fields of a query, or of a body in `application/x-www-form-urlencoded`.

use percent_encoding::percent_decode_str;

/// The fields in order. What is not UTF-8 becomes U+FFFD.
pub(crate) fn fields(text: &str) -> impl Iterator<Item = (String, String)> {
    let fields = text.split('&').filter(|field| !field.is_empty());
    fields.map(|field| {
        let (name, value) = field.split_once('=').unwrap_or((field, ""));
        (decode(name), decode(value))
    })
}

fn decode(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_decoded() {
        let found: Vec<_> = fields("search=a+b%2Bc&&sort&x=%C3%A9=1&%ff=").collect();
        let expected = [("search", "a b+c"), ("sort", ""), ("x", "é=1"), ("\u{fffd}", "")];
        assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(fields("").count(), 0);
    }
}
