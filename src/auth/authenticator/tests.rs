use std::time::{Duration, Instant};

use data_encoding::BASE64;

use super::*;
use crate::auth::token::TokenDigest;

const NOW: UnixSeconds = UnixSeconds(1_800_000_000);

/// A bcrypt hash of this cost.
fn bcrypt(password: &str, cost: u32) -> String {
    bcrypt::hash_with_salt(password, cost, *b"sixteen salty by").unwrap().to_string()
}

fn file(text: &str) -> AuthFile {
    AuthFile::parse(text.as_bytes()).unwrap()
}

fn authenticator() -> Authenticator {
    let [ci, ann] = ["citoken", "anntoken"].map(|token| TokenDigest::of(token.as_bytes()));
    let hash = bcrypt("open sesame", 4);
    new(&format!("ann:{hash}\nci:{ci}\nann:{ann}\n"))
}

fn new(text: &str) -> Authenticator {
    Authenticator::new(file(text), Vec::new()).unwrap()
}

fn basic(pair: &str) -> String {
    format!("Basic {}", BASE64.encode(pair.as_bytes()))
}

/// The user, after a check if one is needed; and whether one was.
fn authenticate(authenticator: &Authenticator, header: &str) -> (Option<String>, bool) {
    let name = |user: User| user.name.as_str().to_owned();
    match authenticator.authenticate(Some(header.as_bytes()), NOW) {
        Authentication::User(found) => (Some(name(found)), false),
        Authentication::Refused | Authentication::Expired(_) => (None, false),
        Authentication::Unchecked(check) => (check.run().unwrap().map(name), true),
        Authentication::NoCredentials => panic!("the header has credentials"),
    }
}

#[test]
fn a_token_is_accepted_in_every_form_clients_send() {
    let authenticator = authenticator();
    assert!(matches!(authenticator.authenticate(None, NOW), Authentication::NoCredentials));
    assert!(matches!(authenticator.authenticate(Some(b""), NOW), Authentication::NoCredentials));
    for header in [
        "citoken",
        "Bearer citoken",
        &basic("citoken:"),
        &basic("ci:citoken"),
        " citoken ",
        // `rebar3 hex user auth` asks for a user name, which may be any.
        &basic("ann:citoken"),
        &basic("me@example.com:citoken"),
        &basic(":citoken"),
    ] {
        assert_eq!(
            authenticate(&authenticator, header),
            (Some("ci".to_owned()), false),
            "{header}"
        );
    }
    assert_eq!(authenticate(&authenticator, "anntoken"), (Some("ann".to_owned()), false));
    for header in ["citoke", "Bearer open sesame", "open sesame", "Bearer ann:citoken"] {
        assert_eq!(authenticate(&authenticator, header), (None, false), "{header}");
    }
    for header in [basic("ann:"), basic("citoke:"), basic(":"), "Basic x".to_owned()] {
        assert_eq!(authenticate(&authenticator, &header), (None, false), "{header}");
    }
}

#[test]
fn a_right_password_is_checked_once_and_a_wrong_one_each_time() {
    let authenticator = authenticator();
    let right = basic("ann:open sesame");
    for _ in 0..2 {
        assert_eq!(authenticate(&authenticator, &basic("ann:open")), (None, true));
        assert_eq!(authenticate(&authenticator, &basic("eve:open sesame")), (None, true));
        assert_eq!(authenticate(&authenticator, &basic("ci:open sesame")), (None, true));
    }
    assert_eq!(authenticate(&authenticator, &right), (Some("ann".to_owned()), true));
    for _ in 0..2 {
        assert_eq!(authenticate(&authenticator, &right), (Some("ann".to_owned()), false));
        assert_eq!(authenticate(&authenticator, &basic("ann:open")), (None, true));
        assert_eq!(authenticate(&authenticator, &basic("eve:open sesame")), (None, true));
    }
}

#[test]
fn replacing_the_file_forgets_everything() {
    let authenticator = authenticator();
    let right = basic("ann:open sesame");
    authenticate(&authenticator, &right);
    let Authentication::Unchecked(late) =
        authenticator.authenticate(Some(basic("ann:open sesam").as_bytes()), NOW)
    else {
        panic!("a wrong password is checked")
    };
    authenticator.replace(file(&format!("ann:{}\n", bcrypt("open sesam", 4))));
    assert_eq!(authenticate(&authenticator, &right), (None, true));
    assert_eq!(authenticate(&authenticator, "citoken"), (None, false));
    // It belongs to the former file.
    assert_eq!(late.run().unwrap(), None);
    assert_eq!(
        authenticate(&authenticator, &basic("ann:open sesam")),
        (Some("ann".to_owned()), true)
    );
    authenticator.replace(AuthFile::default());
    assert_eq!(authenticate(&authenticator, &right), (None, false));
}

/// A check that began with the former file is not remembered in the new one.
#[test]
fn a_late_success_is_not_remembered() {
    let authenticator = authenticator();
    let right = basic("ann:open sesame");
    let Authentication::Unchecked(late) = authenticator.authenticate(Some(right.as_bytes()), NOW)
    else {
        panic!("it was not seen yet")
    };
    authenticator.replace(file(&format!("ann:{}\n", bcrypt("another", 4))));
    assert_eq!(late.run().unwrap().unwrap().name.as_str(), "ann");
    assert_eq!(authenticate(&authenticator, &right), (None, true));
}

/// Without a check it would take a thousandth of the time.
#[test]
fn an_unknown_name_takes_as_long_as_a_wrong_password() {
    let authenticator = new(&format!("ann:{}\n", bcrypt("open sesame", 9)));
    let took = |pair: &str| -> Duration {
        let header = basic(pair);
        let began = Instant::now();
        assert_eq!(authenticate(&authenticator, &header).0, None);
        began.elapsed()
    };
    // By turns, and the least of each: other tests make some of them take longer.
    let both: Vec<_> = (0..4).map(|_| (took("ann:open"), took("eve:open"))).collect();
    let known = both.iter().map(|(known, _)| *known).min().unwrap();
    let unknown = both.iter().map(|(_, unknown)| *unknown).min().unwrap();
    assert!(unknown > known / 4 && known > unknown / 4, "{known:?} {unknown:?}");
}

#[test]
fn decoys_are_spread_and_stay_the_same() {
    let hash = bcrypt("x", 4);
    let lines: Vec<_> = (0..4).map(|number| format!("user{number}:{hash}")).collect();
    let authenticator = new(&lines.join("\n"));
    let entries = authenticator.entries.read().unwrap();
    let decoy = |name: usize| {
        let digest = authenticator.key.digest(name.to_string().as_bytes());
        entries.decoy(&digest).unwrap().name.clone()
    };
    let all: std::collections::HashSet<_> = (0..200).map(decoy).collect();
    assert_eq!(all.len(), 4);
    assert_eq!(decoy(7), decoy(7));
}

#[test]
fn nothing_secret_is_shown() {
    let authenticator = authenticator();
    let found = authenticator.authenticate(Some(basic("hunter2:hunter2").as_bytes()), NOW);
    assert_eq!(
        format!("{authenticator:?} {found:?}"),
        "Authenticator(…) Unchecked(PasswordCheck(…))"
    );
}
