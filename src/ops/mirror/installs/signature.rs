//! The signature beside a list of installs.

use data_encoding::BASE64;

use crate::key::KEY_BITS;

/// Whether a text is one RSA signature in base64, of a key with an allowed size.
pub(super) fn is_signature(text: &[u8]) -> bool {
    let text: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    // Padding in the middle would join two signatures.
    let padding = text.iter().skip_while(|byte| **byte != b'=');
    if padding.clone().any(|byte| *byte != b'=') {
        return false;
    }
    let bits = BASE64.decode(&text).map(|bytes| bytes.len().saturating_mul(8));
    bits.is_ok_and(|bits| KEY_BITS.contains(&bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_has_the_size_of_a_key() {
        let text = |bytes: usize| BASE64.encode(&vec![0xAB; bytes]);
        for bytes in [256, 384, 512, 1024] {
            assert!(is_signature(text(bytes).as_bytes()), "{bytes}");
            assert!(is_signature(format!("{}\n", text(bytes)).as_bytes()), "{bytes}");
        }
        // As `base64` breaks it into lines.
        let lines: Vec<_> = text(256).as_bytes().chunks(76).map(<[u8]>::to_vec).collect();
        assert!(is_signature(&lines.join(&b'\n')));
        for other in [
            Vec::new(),
            text(255).into(),
            text(1025).into(),
            vec![b'A'; 100],
            [text(256), text(256)].concat().into(),
            b"{\"Code\": \"Success\", \"Token\": \"secret\"}".to_vec(),
            vec![0xAB; 256],
        ] {
            assert!(!is_signature(&other), "{}", String::from_utf8_lossy(&other));
        }
    }
}
