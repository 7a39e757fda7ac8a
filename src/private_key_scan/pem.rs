//! Finds keys in PEM and similar formats.

use memchr::memmem;

/// The longest label after `BEGIN `, in bytes.
const LABEL: usize = 64;

/// The part of a line that is examined, in bytes: no header is longer (RFC 4716, 3.3).
const LINE: usize = 1024;

/// The most lines before the base64 of a key, such as headers.
const LINES: usize = 64;

/// The least characters of base64 that are taken for a key and not for a word. The shortest key, of Ed25519, has 64.
const ENOUGH: usize = 32;

/// The latest position in a line at which base64 may begin, after the mark of a quotation, a comment or a string.
const INDENT: usize = 16;

/// Whether a key begins before `limit`. Base64 must follow the line of dashes, which alone also occurs in programs that
/// read keys and in texts about them.
pub(super) fn is_in_before(bytes: &[u8], limit: usize) -> bool {
    memmem::find_iter(bytes, b"BEGIN ").take_while(|at| *at < limit).any(|at| {
        let (before, from) = bytes.split_at_checked(at).unwrap_or_default();
        // SSH Communications writes four dashes and a space (RFC 4716 describes their public keys).
        let begins = before.ends_with(b"-----") || before.ends_with(b"---- ");
        begins && behind_label(from).is_some_and(holds_base64)
    })
}

/// The bytes after `BEGIN … PRIVATE KEY-----`.
fn behind_label(from: &[u8]) -> Option<&[u8]> {
    let dashes = from.iter().take(LABEL).position(|byte| *byte == b'-')?;
    let (label, rest) = from.split_at_checked(dashes)?;
    let is_private = memmem::find(label, b"PRIVATE KEY").is_some();
    let rest = rest
        .strip_prefix(b"----")
        .filter(|_| is_private && label.iter().all(|byte| is_text(*byte)))?;
    Some(rest.strip_prefix(b"-").unwrap_or(rest))
}

/// Whether base64 follows, with nothing but headers before it.
fn holds_base64(mut rest: &[u8]) -> bool {
    // In JSON and in environment variables, a line may end in an escape sequence.
    let is_escaped = rest.starts_with(b"\\");
    let mut found = 0_usize;
    let mut header_goes_on = false;
    for _ in 0..LINES {
        let (line, next) = split_line(rest, is_escaped);
        if header_goes_on || is_header(line) {
            header_goes_on = line.ends_with(b"\\");
        } else if begins_with_base64(line) {
            return true;
        } else if !line.is_empty() && line.iter().all(|byte| is_base64(*byte)) {
            found = found.saturating_add(line.len());
        } else if !is_filler(line) {
            return false;
        }
        match next {
            Some(next) if found < ENOUGH => rest = next,
            _ => return found >= ENOUGH,
        }
    }
    false
}

/// The first line without white space around it, and the rest.
fn split_line(rest: &[u8], is_escaped: bool) -> (&[u8], Option<&[u8]>) {
    let seen = rest.get(..LINE).unwrap_or(rest);
    let end = seen.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
    let line = end.and_then(|end| seen.get(..end)).unwrap_or(seen);
    let escape = line.windows(2).position(|pair| matches!(pair, [b'\\', b'n' | b'r']));
    let (end, length) = match escape.filter(|_| is_escaped) {
        Some(escape) => (Some(escape), 2),
        None => (end, 1),
    };
    let Some((line, next)) = end.and_then(|end| rest.split_at_checked(end)) else {
        return (seen.trim_ascii(), None);
    };
    (line.trim_ascii(), next.get(length..))
}

/// Whether a line is a header such as `Comment: text`, also in a quotation.
fn is_header(line: &[u8]) -> bool {
    let start = line.iter().position(u8::is_ascii_alphanumeric).unwrap_or_default();
    let name = line.get(start..).unwrap_or_default();
    let name = memmem::find(name, b":").and_then(|end| name.get(..end)).unwrap_or_default();
    let of_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
    !name.is_empty() && name.iter().all(of_name)
}

/// Whether a line begins with enough base64, and is not a path or a symbol of such characters.
fn begins_with_base64(line: &[u8]) -> bool {
    let mut at = 0_usize;
    for run in line.split(|byte| !is_base64(*byte)) {
        let (before, rest) = line.split_at_checked(at).unwrap_or_default();
        if at > INDENT || !before.iter().all(|byte| is_text(*byte)) {
            return false;
        }
        if run.len() >= ENOUGH {
            let after = rest.get(run.len());
            return after.is_none_or(|byte| is_text(*byte) && !b"._:(".contains(byte));
        }
        at = at.saturating_add(run.len()).saturating_add(1);
    }
    false
}

/// Whether a line is empty or has only signs that end one string and begin another.
fn is_filler(line: &[u8]) -> bool {
    // If a text is escaped twice, the end of a line has a further backslash.
    line.iter().all(|byte| is_text(*byte) && !byte.is_ascii_alphanumeric())
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=".contains(&byte)
}

fn is_text(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_in(bytes: &[u8]) -> bool {
        is_in_before(bytes, usize::MAX)
    }

    const BASE64: &str = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";

    #[test]
    fn keys_are_found_in_any_kind_of_quotation() {
        for key in [
            "-----BEGIN PRIVATE KEY-----\nMII\n",
            "text\n  -----BEGIN RSA PRIVATE KEY-----\r\n  MII\r\n",
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMII",
            "-----BEGIN EC PRIVATE KEY-----\rMII\r",
            "-----BEGIN OPENSSH PRIVATE KEY-----\nMII\n",
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,\
             00112233445566778899AABBCCDDEEFF\n\nMII\n",
            "-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: GnuPG v2\nComment: of acme\n\nMII\n",
            "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nComment: \"of acme, \\\nand more\"\nMII\n",
            // On one line.
            "-----BEGIN PRIVATE KEY-----MII-----END PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY----- MII -----END PRIVATE KEY-----",
            r#"{"private_key": "-----BEGIN PRIVATE KEY-----\nMII\n-----END"}"#,
            r#""{\"key\": \"-----BEGIN PRIVATE KEY-----\\nMII\\n-----END\"}""#,
            r"-----BEGIN RSA PRIVATE KEY-----\r\nProc-Type: 4,ENCRYPTED\r\nX: y\r\n\r\nMII\r\n",
            "<key>-----BEGIN PRIVATE KEY-----&#10;MII&#10;</key>",
            "<p>-----BEGIN PRIVATE KEY-----<br/>MII<br/>",
            // In a program, a letter, a comment, a difference.
            "\"-----BEGIN PRIVATE KEY-----\\n\" +\n    \"MII\\n\" +\n",
            "'-----BEGIN PRIVATE KEY-----' \\\n    'MII'",
            "> -----BEGIN PRIVATE KEY-----\n> MII\n",
            "# -----BEGIN PRIVATE KEY-----\n# MII\n",
            "+-----BEGIN PRIVATE KEY-----\n+MII\n",
        ] {
            let key = key.replace("MII", BASE64);
            assert!(is_in(key.as_bytes()), "{key}");
        }
        // Broken into short lines.
        let lines = BASE64.as_bytes().chunks(16).map(|line| String::from_utf8_lossy(line));
        let lines = lines.collect::<Vec<_>>().join("\n");
        assert!(is_in(format!("-----BEGIN PRIVATE KEY-----\n{lines}\n").as_bytes()));
        // After other lines of dashes without a key.
        let line = "-----BEGIN PRIVATE KEY-----\n";
        assert!(is_in(format!("{line}{line}\0{line}{BASE64}\n").as_bytes()));
    }

    #[test]
    fn a_text_about_keys_is_not_a_key() {
        for other in [
            "",
            "-----BEGIN PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----\n",
            "-----BEGIN PUBLIC KEY-----\nMII\n",
            "-----BEGIN CERTIFICATE-----\nPRIVATE KEY-----\nMII\n",
            "BEGIN PRIVATE KEY-----\nMII\n",
            "---- BEGIN SSH2 PUBLIC KEY ----\nMII\n",
            "a key begins with `-----BEGIN PRIVATE KEY-----` and goes on in base64\n",
            "-----BEGIN PRIVATE KEY-----\nbase64\n-----END PRIVATE KEY-----\nMII\n",
            "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----\nMII\n",
            "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg...\n-----END PRIVATE KEY-----\n",
            "-----BEGIN PRIVATE KEY-----\nNote: nothing follows\nbut more text\nMII\n",
            "if text.startswith(\"-----BEGIN PRIVATE KEY-----\"):\n    return load(text)\nMII\n",
            "-----BEGIN PRIVATE KEY-----\0MII\0",
            "-----BEGIN PRIVATE KEY-----/rustc/9fc6b43126469e3858e2fe86cafb4f0fd506/core.rs",
            "-----BEGIN PRIVATE KEY-----\n_ZN4core3fmt9Formatter9write_fmt17h0123456789abcdefE",
        ] {
            let other = other.replace("MII\n", &format!("{BASE64}\n")).replace("MII\0", BASE64);
            assert!(!is_in(other.as_bytes()), "{other}");
        }
    }
}
