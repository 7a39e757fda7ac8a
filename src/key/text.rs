//! PEM as secret stores, `.env` files and CI variables hand it over: on one line, in quotes, as base64.

use data_encoding::{BASE64, BASE64_NOPAD};
use zeroize::Zeroizing;

/// How a line of PEM begins that begins or ends a block.
const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// How many characters of base64 a line of PEM has.
const WIDTH: usize = 64;

/// The PEM that a text was made from, where it lost its lines on its way: they are joined by `\n` in two
/// characters, by spaces or by nothing; there are quotes around it; or it is base64 of the whole file.
///
/// BEGIN and END leave no doubt about what is meant. Any other text is returned as it is, so what reads
/// the key tells what is wrong. Keys that a registry serves are not to be read through this: clients would
/// not read them.
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

/// Its only block, in lines; `None` where there is no block, are several, or one that holds something else
/// than base64, as the headers of keys that OpenSSL encrypted in its old way.
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

/// What a text has beside line ends, in whichever way they are written, and spaces; `None` where that is
/// not base64.
fn base64_of(text: &str) -> Option<Zeroizing<String>> {
    let mut base64 = Zeroizing::new(String::with_capacity(text.len()));
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            // A backslash is in no base64. A YAML or shell text may end its lines with one.
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

/// What a text is base64 of, in quotes or not, with or without the signs that fill it up.
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

    /// Two lines and a short one, as long as those of a key.
    fn pem() -> String {
        let (one, two) = ("A".repeat(64), "b/+1".repeat(16));
        format!("-----BEGIN PRIVATE KEY-----\n{one}\n{two}\nCD==\n-----END PRIVATE KEY-----\n")
    }

    #[test]
    fn joined_lines_are_told_apart_again() {
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
            // As `base64` without an option wraps it.
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
    fn what_is_in_doubt_is_left_alone() {
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
            // Its characters are base64's.
            "AAAA".to_owned(),
        ];
        for text in texts {
            assert_eq!(*restore_pem(&text), text);
        }
    }
}
