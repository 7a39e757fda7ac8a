//! The parts of XML documents that are read: the root element, and single fields of errors.

use crate::web_page::after_prolog;

/// The name of an XML document's root element, without its prefix.
pub(super) fn root_element(body: &[u8]) -> Option<&str> {
    let name = after_prolog(body).strip_prefix(b"<")?;
    let end = name.iter().position(|byte| byte.is_ascii_whitespace() || b"/>".contains(byte))?;
    let name = std::str::from_utf8(name.get(..end)?).ok()?;
    let name = name.rsplit_once(':').map_or(name, |(_, name)| name);
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    (name.len() <= 64 && name.bytes().all(is_name)).then_some(name)
}

/// The code and the message of an error document, in parentheses after a space.
pub(super) fn detail(body: &str) -> String {
    // The lines after the first one help only the server's own developers.
    let message = field(body, "Message").and_then(|message| message.lines().next());
    match (field(body, "Code"), message) {
        (Some(code), Some(message)) => format!(" ({code}: {})", message.trim_end_matches('.')),
        (Some(text), None) | (None, Some(text)) => format!(" ({text})"),
        (None, None) => String::new(),
    }
}

/// The text of an element, in the form in which all of these servers write it.
pub(super) fn field<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = body.split_once(&format!("<{name}>"))?;
    let (text, _) = after.split_once(&format!("</{name}>"))?;
    Some(text.trim()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_element_is_read() {
        for (body, root) in [
            ("<ListBucketResult xmlns=\"x\">", Some("ListBucketResult")),
            (
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<s3:ListBucketResult/>",
                Some("ListBucketResult"),
            ),
            ("\u{feff}<EnumerationResults\n a=\"b\">", Some("EnumerationResults")),
            ("<html>", Some("html")),
            ("{\"kind\": \"storage#objects\"}", None),
            ("<", None),
            ("<a", None),
            ("", None),
        ] {
            assert_eq!(root_element(body.as_bytes()), root, "{body}");
        }
    }
}
