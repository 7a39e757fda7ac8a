//! Repairs PEM that secret stores, `.env` files and CI variables have put on one line, in quotes, or into base64.

use data_encoding::{BASE64, BASE64_NOPAD};
use zeroize::Zeroizing;

/// The beginnings of the first and the last line of a PEM block.
const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// The characters of base64 in a line of PEM.
const WIDTH: usize = 64;

/// Restores PEM whose lines were joined by `\n` in two characters, by spaces or by nothing, that is in quotes, or that is
/// base64 of the whole file.
///
/// BEGIN and END make the result unambiguous. Any other text is returned unchanged, and the reader of the key reports
/// what is wrong with it. Do not use it for the `public_key` that a registry serves: clients do not repair it.
#[must_use]
pub fn restore_pem(text: &str) -> Zeroizing<String> {
    if let Some(pem) = restored(text) {
        return pem;
    }
    let decoded = decoded(text);
    let decoded = decoded.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok());
    match decoded.filter(|text| text.contains(BEGIN)) {
        Some(pem) => restored(pem).unwrap_or_else(|| Zeroizing::new(pem.to_owned())),
        None => Zeroizing::new(text.to_owned()),
    }
}

/// The only PEM block of a text, in lines; `None` if there is no block or several, or if the block has more than base64,
/// such as the headers of a key that OpenSSL encrypted in its old way.
fn restored(text: &str) -> Option<Zeroizing<String>> {
    let (_, rest) = text.split_once(BEGIN)?;
    let (label, rest) = rest.split_once(DASHES)?;
    let (body, rest) = rest.split_once(END)?;
    let (end_label, rest) = rest.split_once(DASHES)?;
    if label != end_label || rest.contains(BEGIN) {
        return None;
    }
    let base64 = base64_of(body)?;
    let mut pem = Zeroizing::new(String::with_capacity(text.len().saturating_add(WIDTH)));
    for part in [BEGIN, label, DASHES, "\n"] {
        pem.push_str(part);
    }
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at_checked(WIDTH).unwrap_or((rest, ""));
        pem.push_str(line);
        pem.push('\n');
        rest = after;
    }
    for part in [END, label, DASHES, "\n"] {
        pem.push_str(part);
    }
    Some(pem)
}

/// A text without spaces and line ends, in any notation; `None` if the rest is not base64.
fn base64_of(text: &str) -> Option<Zeroizing<String>> {
    let mut base64 = Zeroizing::new(String::with_capacity(text.len()));
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            // Base64 has no backslash. A YAML or shell text may end its lines with one.
            '\\' if matches!(characters.clone().next(), Some('n' | 'r' | 't')) => {
                characters.next();
            }
            '\\' => {}
            _ if character.is_whitespace() => {}
            'A'..='Z' | 'a'..='z' | '0'..='9' | '+' | '/' | '=' => base64.push(character),
            _ => return None,
        }
    }
    Some(base64)
}

/// The bytes that a text is base64 of, with or without quotes and padding.
fn decoded(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let bare = text.trim_start_matches('\u{FEFF}').trim();
    let bare = ['"', '\''].iter().find_map(|&quote| bare.strip_prefix(quote)?.strip_suffix(quote));
    let base64 = base64_of(bare.unwrap_or(text.trim_start_matches('\u{FEFF}')))?;
    let decoded = BASE64.decode(base64.as_bytes());
    let decoded = decoded.or_else(|_| BASE64_NOPAD.decode(base64.as_bytes()));
    decoded.ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two lines of the length of a key's, and a short one.
    fn pem() -> String {
        let (one, two) = ("A".repeat(64), "b/+1".repeat(16));
        format!("-----BEGIN PRIVATE KEY-----\n{one}\n{two}\nCD==\n-----END PRIVATE KEY-----\n")
    }

    #[test]
    fn joined_lines_are_separated_again() {
        let pem = pem();
        let one_line = pem.trim_end();
        let texts = [
            pem.clone(),
            one_line.replace('\n', "\\n"),
            one_line.replace('\n', "\\r\\n"),
            one_line.replace('\n', "\\\n"),
            one_line.replace('\n', " "),
            one_line.replace('\n', ""),
            pem.replace('\n', "\r\n"),
            pem.replace('\n', "\r"),
            pem.replace('\n', "\n    "),
            format!("\"{}\"", one_line.replace('\n', "\\n")),
            format!("'{pem}'\n"),
            format!("\u{FEFF}the key of acme\n{pem}"),
            BASE64.encode(pem.as_bytes()),
            BASE64_NOPAD.encode(pem.as_bytes()),
            format!("\"{}\"\n", BASE64.encode(pem.as_bytes())),
            BASE64.encode(one_line.replace('\n', "").as_bytes()),
            // Wrapped as by `base64` without options.
            BASE64
                .encode(pem.as_bytes())
                .as_bytes()
                .chunks(76)
                .fold(String::new(), |text, line| text + std::str::from_utf8(line).unwrap() + "\n"),
        ];
        for text in texts {
            assert_eq!(*restore_pem(&text), pem, "{text}");
        }
    }

    #[test]
    fn ambiguous_text_is_returned_unchanged() {
        let pem = pem();
        let texts = [
            String::new(),
            "/etc/hexreg/acme.pem".to_owned(),
            format!("{pem}{pem}"),
            pem.replace("END PRIVATE", "END RSA PRIVATE"),
            pem.replace("-----END PRIVATE KEY-----\n", ""),
            pem.replace("CD==", "C!=="),
            pem.replace(
                "KEY-----\nA",
                "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nA",
            ),
            BASE64.encode(b"something else"),
            // Only characters of base64, but no PEM.
            "AAAA".to_owned(),
        ];
        for text in texts {
            assert_eq!(*restore_pem(&text), text);
        }
    }
}
