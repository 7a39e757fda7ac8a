//! The credentials in an `Authorization` header.

use data_encoding::BASE64;
use zeroize::Zeroizing;

/// The longest header that is parsed, in bytes: the longest name and password make half of it.
const MAX_HEADER: usize = 4096;

/// The credentials that a client sent.
pub(super) enum Credentials<'a> {
    /// No header, or one without a value.
    None,
    /// A token, verbatim or after `Bearer`.
    Token(&'a [u8]),
    /// The two sides of the `:` in `Basic`.
    Pair(Zeroizing<Vec<u8>>, Zeroizing<Vec<u8>>),
    /// Nothing that this server accepts.
    Malformed,
}

impl<'a> Credentials<'a> {
    /// Parses the value of the header.
    ///
    /// mix and rebar3 send their key verbatim, so a value without a scheme is a token, and a user may have put the
    /// scheme into the key. Names of schemes are case-insensitive (RFC 9110, section 11.1).
    pub(super) fn read(header: Option<&'a [u8]>) -> Self {
        let header = header.unwrap_or_default().trim_ascii();
        match header {
            b"" => return Self::None,
            long if long.len() > MAX_HEADER => return Self::Malformed,
            _ => {}
        }
        if let Some(token) = after_scheme(header, b"bearer") {
            Self::Token(token)
        } else if let Some(pair) = after_scheme(header, b"basic") {
            read_pair(pair).unwrap_or(Self::Malformed)
        } else {
            Self::Token(header)
        }
    }
}

/// The secret that a client sent as a token, in any of the forms in which a token is accepted.
#[must_use]
pub fn sent_secret(authorization: Option<&[u8]>) -> Option<Zeroizing<String>> {
    let secret = match Credentials::read(authorization) {
        Credentials::None | Credentials::Malformed => return None,
        Credentials::Token(token) => Zeroizing::new(token.to_vec()),
        Credentials::Pair(token, password) if password.is_empty() => token,
        Credentials::Pair(_, secret) => secret,
    };
    std::str::from_utf8(&secret).ok().map(|text| Zeroizing::new(text.to_owned()))
}

/// What follows this scheme and at least one blank; `None` for another scheme.
fn after_scheme<'a>(header: &'a [u8], scheme: &[u8]) -> Option<&'a [u8]> {
    let (named, rest) = header.split_at_checked(scheme.len())?;
    let blank = rest.first().is_some_and(u8::is_ascii_whitespace);
    (named.eq_ignore_ascii_case(scheme) && blank).then(|| rest.trim_ascii_start())
}

fn read_pair(encoded: &[u8]) -> Option<Credentials<'static>> {
    let decoded = Zeroizing::new(BASE64.decode(encoded).ok()?);
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let (name, secret) = decoded.split_at_checked(colon)?;
    let (_, secret) = secret.split_first()?;
    Some(Credentials::Pair(Zeroizing::new(name.to_vec()), Zeroizing::new(secret.to_vec())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str) -> String {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        match Credentials::read(Some(header.as_bytes())) {
            Credentials::None => "none".to_owned(),
            Credentials::Token(token) => format!("token {}", text(token)),
            Credentials::Pair(name, secret) => format!("pair {} {}", text(&name), text(&secret)),
            Credentials::Malformed => "malformed".to_owned(),
        }
    }

    #[test]
    fn the_form_of_each_client_is_parsed() {
        assert!(matches!(Credentials::read(None), Credentials::None));
        for (header, expected) in [
            ("", "none"),
            (" ", "none"),
            ("hexreg_abc", "token hexreg_abc"),
            ("Bearer hexreg_abc", "token hexreg_abc"),
            ("bEARER   hexreg_abc", "token hexreg_abc"),
            ("Basic Ym9iOnRvaw==", "pair bob tok"),
            ("BASIC Ym9iOnRvaw==", "pair bob tok"),
            ("Basic Ym9iOmE6Yg==", "pair bob a:b"),
            ("Basic Ym9iOg==", "pair bob "),
            ("Basic OnRvaw==", "pair  tok"),
            ("Basic Ym9i", "malformed"),
            ("Basic Ym9iOnRvaw", "malformed"),
            ("Basic ***", "malformed"),
            ("Basic", "token Basic"),
            ("Bearer", "token Bearer"),
            ("Basically", "token Basically"),
            ("Digest x", "token Digest x"),
        ] {
            assert_eq!(read(header), expected, "{header}");
        }
    }

    #[test]
    fn a_header_above_the_limit_is_malformed() {
        assert_eq!(read(&"a".repeat(MAX_HEADER + 1)), "malformed");
        assert!(read(&"a".repeat(MAX_HEADER)).starts_with("token"));
    }
}
