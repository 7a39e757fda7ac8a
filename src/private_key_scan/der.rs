//! Recognises keys in DER by their first bytes.

/// Whether bytes begin like PKCS#12 (RFC 7292, 4). Whether it has a key besides certificates cannot be seen without its
/// passphrase. Mozilla's files have indefinite lengths.
pub(super) fn is_pkcs12(bytes: &[u8]) -> bool {
    const SEQUENCE: u8 = 0x30;
    const VERSION_3: &[u8] = &[0x02, 1, 3];
    /// `data` and `signedData` of PKCS#7, without the last number, in which they differ.
    const CONTENT: &[u8] = &[0x06, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07];
    let content = || {
        let (_, inside) = begin(SEQUENCE, bytes)?;
        let (_, content) = begin(SEQUENCE, inside.strip_prefix(VERSION_3)?)?;
        content.strip_prefix(CONTENT)?.first()
    };
    content().is_some_and(|kind| matches!(kind, 1 | 2))
}

/// Whether bytes begin with an elliptic-curve key in SEC1 (RFC 5915, 3).
pub(super) fn is_sec1(bytes: &[u8]) -> bool {
    const SEQUENCE: u8 = 0x30;
    const VERSION_1: &[u8] = &[0x02, 1, 1];
    const OCTETS: u8 = 0x04;
    /// The key sizes of the named curves, in bytes.
    const SIZES: std::ops::RangeInclusive<usize> = 14..=72;
    let rest = || {
        let (length, inside) = begin(SEQUENCE, bytes)?;
        let inside = inside.get(..length?)?;
        let (length, key) = begin(OCTETS, inside.strip_prefix(VERSION_1)?)?;
        key.get(length.filter(|length| SIZES.contains(length))?..)
    };
    // The curve's name and the public key may follow.
    rest().is_some_and(|rest| matches!(rest.first(), None | Some(0xA0 | 0xA1)))
}

/// The length of the value that begins with `tag`, `None` if it is indefinite, and the bytes after its header.
fn begin(tag: u8, bytes: &[u8]) -> Option<(Option<usize>, &[u8])> {
    const INDEFINITE: u8 = 0x80;
    let (&length, rest) = bytes.strip_prefix(&[tag])?.split_first()?;
    match length {
        ..INDEFINITE => Some((Some(length.into()), rest)),
        INDEFINITE => Some((None, rest)),
        _ => {
            let (length, rest) = rest.split_at_checked((length & !INDEFINITE).into())?;
            // A length of more than four bytes is not that of a file.
            let length = length.len().le(&4).then(|| {
                length.iter().fold(0_usize, |length, byte| (length << 8) | usize::from(*byte))
            })?;
            Some((Some(length), rest))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pkcs12_is_distinguished_from_other_containers() {
        let data = [0x06, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 1, 0xA0, 0x82];
        let sized = [&[0x30, 0x82, 9, 0x81, 2, 1, 3, 0x30, 0x82, 9, 0x37], &data[..]].concat();
        let endless = [&[0x30, 0x80, 2, 1, 3, 0x30, 0x80], &data[..]].concat();
        for file in [&sized, &endless] {
            assert!(is_pkcs12(file));
            for at in 0..file.len() - 2 {
                assert!(!is_pkcs12(&file[..at]));
            }
        }
        // A certificate chain (PKCS#7) begins with the content at once.
        assert!(!is_pkcs12(&[&[0x30, 0x80], &data[..]].concat()));
        assert!(!is_pkcs12(&[&[0x30, 0x80, 2, 1, 1, 0x30, 0x80], &data[..]].concat()));
    }

    #[test]
    fn elliptic_curve_keys_of_every_size_are_found() {
        for size in [14_u8, 32, 48, 66, 72] {
            let key = [&[2, 1, 1, 4, size], &vec![7; size.into()][..]].concat();
            let curve = [&key[..], &[0xA0, 7, 6, 5, 0x2B, 0x81, 4, 0, 0x22]].concat();
            for inside in [&key, &curve] {
                let length = u8::try_from(inside.len()).unwrap();
                let short = [&[0x30, length], &inside[..]].concat();
                let long = [&[0x30, 0x81, length], &inside[..]].concat();
                assert!(is_sec1(&short) && is_sec1(&long) && !is_sec1(&short[1..]));
                assert!(!is_sec1(&short[..short.len() - 1]));
            }
        }
        assert!(!is_sec1(b""));
        assert!(!is_sec1(&[0x30, 8, 2, 1, 1, 4, 3, 1, 2, 3]));
        assert!(!is_sec1(&[0x30, 0xFF, 1]));
    }
}
