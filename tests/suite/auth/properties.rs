//! What holds for every file of users, by proptest.

use hexreg::auth::{
    AccessToken, AuthFile, Authenticator, Grant, UserName, with_token, without, without_token,
};
use hexreg::package::UnixSeconds;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::string::string_regex;

/// Lines of a file of readers, valid and invalid.
fn readers_line() -> impl Strategy<Value = String> {
    let hash = prop_oneof![
        string_regex("[$]2[aby][$][0-9+]{2}[$][./A-Za-z0-9é]{50,54}").unwrap(),
        string_regex("[$]argon2id[$](v=(16|19)[$])?m=[0-9]{1,10},t=[0-9]{1,10},p=[0-9]{1,10}[$][a-zA-Z0-9+/=]{0,24}[$][a-zA-Z0-9+/]{0,44}").unwrap(),
        string_regex("[$]sha256[$]([A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]|[0-9a-fA-F]{64}|[a-z]{0,9})").unwrap(),
        string_regex("(?s).{0,20}").unwrap(),
    ];
    let fields = prop_oneof![
        string_regex("(:can=(read|publish|admin)|:packages=[a-z*,]{0,5}|:until=20[0-9]{2}-[01][0-9]-[0-3][0-9]){0,4}").unwrap(),
        string_regex("[:=a-z*,]{0,20}").unwrap(),
    ];
    (string_regex("[ #a-c:é]{0,3}").unwrap(), hash, fields)
        .prop_map(|(name, hash, fields)| format!("{name}:{hash}{fields}"))
}

/// What a token may do.
fn grant() -> impl Strategy<Value = Grant> {
    let pattern = string_regex("[a-z*][a-zA-Z0-9_*]{0,5}").unwrap();
    let patterns = vec(pattern, 0..4).prop_map(|patterns| patterns.join(",").parse().ok());
    let grant =
        prop_oneof![Just(Grant::read()), patterns.prop_map(Grant::publish), Just(Grant::admin())];
    let day = string_regex("20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-8])").unwrap();
    (grant, proptest::option::of(day))
        .prop_map(|(grant, day)| grant.until_end_of(day.map(|day| day.parse().unwrap())))
}

proptest! {
    #[test]
    fn a_file_of_readers_never_panics(bytes in vec(any::<u8>(), 0..200), header in vec(any::<u8>(), 0..100)) {
        let _ = AuthFile::parse(&bytes);
        let authenticator = Authenticator::new(AuthFile::default(), Vec::new()).unwrap();
        let _ = authenticator.authenticate(Some(&header), UnixSeconds(0));
    }

    /// Each line at fault is named, and the others are good by themselves.
    #[test]
    fn lines_of_readers_never_panic(lines in vec(readers_line(), 0..6)) {
        let lines: Vec<String> = lines.iter().map(|line| line.replace('\n', "")).collect();
        let bad = match AuthFile::parse(lines.join("\n").as_bytes()) {
            Ok(_) => Vec::new(),
            Err(error) => error.lines.iter().map(|bad| bad.line - 1).collect(),
        };
        let good = lines.iter().enumerate().filter(|(index, _)| !bad.contains(index));
        let good: Vec<&str> = good.map(|(_, line)| line.as_str()).collect();
        prop_assert!(AuthFile::parse(good.join("\n").as_bytes()).is_ok());
    }

    #[test]
    fn removing_a_reader_undoes_adding(
        comments in vec(string_regex("#[a-z: ]{0,9}\r?").unwrap(), 0..4),
        name in string_regex("[a-zé$@.][a-zé #]{0,5}[a-z]").unwrap(),
        grant in grant(),
    ) {
        let name: UserName = name.parse().unwrap();
        let text: String = comments.iter().flat_map(|line| [line, "\n"]).collect();
        let token = AccessToken::generate().unwrap();
        let added = with_token(&text, &name, &token.digest(), &grant);
        let file = AuthFile::parse(added.as_bytes()).unwrap();
        let users: Vec<_> = file.users().map(|user| (user.name, user.token, user.grant)).collect();
        let id = token.digest().id();
        prop_assert_eq!(users, [(name.clone(), Some(id), grant)]);
        prop_assert_eq!(without_token(&added, &name, id), (text.clone(), 1));
        prop_assert_eq!(without(&added, &name), (text, 0, 1));
    }
}
