//! The tokens of a file, and what a client's secret is worth among them.

use subtle::{Choice, ConditionallySelectable};

use super::bearer::{BearerCheck, BearerKey, BearerToken, LIFETIME, SentBearer};
use super::name::UserName;
use super::token::TokenDigest;
use super::user::User;
use crate::package::UnixSeconds;

/// The tokens of a file.
pub(super) struct Tokens(Vec<KnownToken>);

struct KnownToken {
    user: User,
    digest: TokenDigest,
}

/// What a secret is.
pub(super) enum TokenCheck {
    Valid(User),
    Expired(ExpiredToken),
    /// No token of the file, nor a bearer token of one.
    Unknown,
}

/// A token whose last day has passed, or a bearer token whose half hour has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpiredToken {
    /// The user of the token.
    pub user: UserName,
    /// The first second in which it is not valid.
    pub since: UnixSeconds,
}

/// What a client gets for its token.
#[derive(Debug)]
pub struct Exchanged {
    /// The bearer token.
    pub bearer: BearerToken,
    /// How long it is valid, in seconds: half an hour, or until the token's last day has passed.
    pub lifetime: u64,
    /// The user of both tokens, which permit the same.
    pub user: User,
}

/// Why there is no bearer token for a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// The server has no private key, so there is no [`BearerKey`].
    #[error("this server makes no bearer tokens: it has no private key")]
    NoKey,
    /// No token of the file. A bearer token is none either: it would last for ever.
    #[error("the token is unknown")]
    Unknown,
    /// The last day of the token has passed.
    #[error("the token of {} has expired", .0.user)]
    Expired(ExpiredToken),
}

impl Tokens {
    pub fn of(tokens: impl IntoIterator<Item = (User, TokenDigest)>) -> Self {
        Self(tokens.into_iter().map(|(user, digest)| KnownToken { user, digest }).collect())
    }

    /// Whose token a secret is. `keys` made the bearer tokens that are accepted.
    pub fn check(&self, secret: &[u8], keys: &[BearerKey], now: UnixSeconds) -> TokenCheck {
        let (token, expired_bearer) = match SentBearer::read(secret) {
            None => (self.find(secret), None),
            Some(bearer) => {
                let token = self.find_by(|known| known.begins_with(&bearer.digest));
                match token.map(|token| bearer.check(keys, &token.digest, now)) {
                    None | Some(BearerCheck::Invalid) => (None, None),
                    Some(BearerCheck::Expired) => (token, Some(bearer.end)),
                    Some(BearerCheck::Valid) => (token, None),
                }
            }
        };
        let Some(KnownToken { user, .. }) = token else { return TokenCheck::Unknown };
        let expired_token = user.grant.end().filter(|_| user.grant.is_expired(now));
        match expired_token.or(expired_bearer) {
            Some(since) => TokenCheck::Expired(ExpiredToken { user: user.name.clone(), since }),
            None => TokenCheck::Valid(user.clone()),
        }
    }

    /// Makes a bearer token for a token.
    pub fn exchange(
        &self,
        secret: &[u8],
        key: Option<&BearerKey>,
        now: UnixSeconds,
    ) -> Result<Exchanged, ExchangeError> {
        let key = key.ok_or(ExchangeError::NoKey)?;
        let KnownToken { user, digest } = self.find(secret).ok_or(ExchangeError::Unknown)?;
        let longest = UnixSeconds(now.0.saturating_add(LIFETIME));
        let end = user.grant.end().map_or(longest, |since| since.min(longest));
        let lifetime = u64::try_from(end.0.saturating_sub(now.0)).unwrap_or(0);
        if lifetime == 0 {
            let expired = ExpiredToken { user: user.name.clone(), since: end };
            return Err(ExchangeError::Expired(expired));
        }
        let bearer = key.issue(digest, end);
        Ok(Exchanged { bearer, lifetime, user: user.clone() })
    }

    fn find(&self, secret: &[u8]) -> Option<&KnownToken> {
        let digest = TokenDigest::of(secret);
        self.find_by(|known| known.same(&digest))
    }

    /// All tokens are compared, so the time does not tell which one matched.
    fn find_by(&self, is_same: impl Fn(&TokenDigest) -> Choice) -> Option<&KnownToken> {
        let mut found = 0_u64;
        for (number, known) in (1..).zip(&self.0) {
            found.conditional_assign(&number, is_same(&known.digest));
        }
        self.0.get(usize::try_from(found.checked_sub(1)?).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::auth::grant::Grant;
    use crate::key::{NewKeyBits, PrivateKey};

    const TOKEN: &[u8] = b"hexreg_abc";
    const NOW: UnixSeconds = UnixSeconds(1_800_000_000);

    /// Those of two registries.
    static KEYS: LazyLock<[BearerKey; 2]> = LazyLock::new(|| {
        [(); 2].map(|()| {
            let private = PrivateKey::generate(NewKeyBits::Bits2048).unwrap();
            let pem = private.to_pem().unwrap();
            // Read again, it makes the same key.
            let again = PrivateKey::from_pem(&pem, None).unwrap();
            assert_eq!(private.sign(b"x").unwrap(), again.sign(b"x").unwrap());
            BearerKey::of(&again).unwrap()
        })
    });

    fn at(after: i64) -> UnixSeconds {
        UnixSeconds(NOW.0.saturating_add(after))
    }

    fn token(name: &str, secret: &[u8], fields: &str) -> (User, TokenDigest) {
        let digest = TokenDigest::of(secret);
        let grant = Grant::from_fields(fields).unwrap();
        (User { name: name.parse().unwrap(), grant, token: Some(digest.id()) }, digest)
    }

    /// [`NOW`] is at eight in the morning of 2027-01-15.
    fn tokens() -> Tokens {
        Tokens::of([
            token("ann", b"another", "can=admin"),
            token("ci", TOKEN, "can=publish:packages=acme_*:until=2027-01-15"),
        ])
    }

    fn exchange(now: UnixSeconds) -> Exchanged {
        tokens().exchange(TOKEN, KEYS.first(), now).unwrap()
    }

    fn check(tokens: &Tokens, bearer: &str, keys: &[BearerKey], now: UnixSeconds) -> &'static str {
        match tokens.check(bearer.as_bytes(), keys, now) {
            TokenCheck::Valid(user) => {
                assert_eq!(
                    user,
                    token("ci", TOKEN, "can=publish:packages=acme_*:until=2027-01-15").0
                );
                "valid"
            }
            TokenCheck::Expired(ExpiredToken { user, since }) => {
                assert!(user.as_str() == "ci" && since <= now, "{since:?}");
                "expired"
            }
            TokenCheck::Unknown => "unknown",
        }
    }

    #[test]
    fn a_bearer_token_permits_what_its_token_does_for_half_an_hour() {
        let Exchanged { bearer, lifetime, user } = exchange(NOW);
        assert_eq!((lifetime, user.name.as_str()), (1800, "ci"));
        assert_eq!(format!("{bearer:?} {:?}", KEYS[0]), "BearerToken(…) BearerKey(…)");
        let bearer = bearer.reveal();
        assert!(bearer.starts_with("hexreg_bearer_") && bearer.len() == 14 + 75, "{bearer}");
        let check = |keys: &[BearerKey], after| check(&tokens(), bearer, keys, at(after));
        for (after, expected) in [
            (0, "valid"),
            (1799, "valid"),
            (1800, "expired"),
            (1_000_000, "expired"),
            // Another server's clock is behind.
            (-300, "valid"),
            (-301, "unknown"),
        ] {
            assert_eq!(check(&KEYS[..1], after), expected, "{after}");
        }
        // A server accepts those of each of its keys, and no others.
        assert_eq!(check(&[KEYS[1].clone(), KEYS[0].clone()], 0), "valid");
        assert_eq!(check(&KEYS[1..], 0), "unknown");
        assert_eq!(check(&[], 0), "unknown");
    }

    #[test]
    fn a_bearer_token_ends_with_its_token() {
        let bearer = exchange(NOW).bearer;
        let without = Tokens::of([token("ann", b"another", "can=admin")]);
        assert_eq!(check(&without, bearer.reveal(), &KEYS[..1], NOW), "unknown");
        // Taken away, and made again with the same name.
        let others = Tokens::of([token("ci", b"hexreg_new", "can=publish")]);
        assert_eq!(check(&others, bearer.reveal(), &KEYS[..1], NOW), "unknown");

        // The last day is over in ten minutes.
        let late = at(57_600 - 600);
        let Exchanged { bearer, lifetime, .. } = exchange(late);
        assert_eq!(lifetime, 600);
        let check = |tokens: &Tokens, now| check(tokens, bearer.reveal(), &KEYS[..1], now);
        assert_eq!(check(&tokens(), at(57_599)), "valid");
        assert_eq!(check(&tokens(), at(57_600)), "expired");
        let error = tokens().exchange(TOKEN, KEYS.first(), at(57_600)).unwrap_err();
        let expired = ExpiredToken { user: "ci".parse().unwrap(), since: at(57_600) };
        assert_eq!(error, ExchangeError::Expired(expired));
        // The file was changed: the last day is an earlier one.
        let shorter = Tokens::of([token("ci", TOKEN, "until=2027-01-14")]);
        assert_eq!(check(&shorter, late), "expired");
    }

    #[test]
    fn only_tokens_are_exchanged() {
        let bearer = exchange(NOW).bearer;
        let exchange = |secret: &[u8], key| tokens().exchange(secret, key, NOW).map(|_| ());
        for unknown in [bearer.reveal().as_bytes(), b"", b"hexreg_ab", b"Bearer hexreg_abc"] {
            assert_eq!(exchange(unknown, KEYS.first()), Err(ExchangeError::Unknown));
        }
        assert_eq!(exchange(TOKEN, None), Err(ExchangeError::NoKey));
        assert_eq!(exchange(TOKEN, KEYS.first()), Ok(()));
    }

    /// Each bit of the end, the digest and the code.
    #[test]
    fn a_changed_bearer_token_is_unknown() {
        use data_encoding::BASE64URL_NOPAD;

        let bearer = exchange(NOW).bearer;
        let bytes = BASE64URL_NOPAD.decode(&bearer.reveal().as_bytes()[14..]).unwrap();
        let check = |bytes: &[u8]| {
            let bearer = format!("hexreg_bearer_{}", BASE64URL_NOPAD.encode(bytes));
            check(&tokens(), &bearer, &KEYS[..], NOW)
        };
        assert_eq!((check(&bytes), bytes.len()), ("valid", 56));
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(check(&changed), "unknown", "{bit}");
        }
        assert_eq!(check(&bytes[..55]), "unknown");
        assert_eq!(check(&[&bytes[..], b"\0"].concat()), "unknown");
        // Of the other token, which permits more.
        let other = TokenDigest::of(b"another").first_bytes::<16>();
        assert_eq!(check(&[&bytes[..8], &other, &bytes[24..]].concat()), "unknown");
    }

    /// Who reads the file knows the digest, and everything but the key.
    #[test]
    fn the_file_alone_makes_no_bearer_token() {
        let forged = KEYS[1].issue(&TokenDigest::of(TOKEN), at(1800));
        assert_eq!(check(&tokens(), forged.reveal(), &KEYS[..1], NOW), "unknown");
        assert_eq!(check(&tokens(), forged.reveal(), &KEYS[..], NOW), "valid");
    }
}
