//! Changes to a file's text that leave every other byte of it as it was.

use super::file::{Secret, entry};
use super::name::UserName;
use super::password::PasswordHash;
use super::token::TokenDigest;

/// The text with one more token at its end.
#[must_use]
pub fn with_token(text: &str, name: &UserName, token: &TokenDigest) -> String {
    appended(text, &format!("{name}:{token}"))
}

/// The text in which a name has this password: in place of its former one, else at the end. Tells
/// whether there was one.
#[must_use]
pub fn with_password(text: &str, name: &UserName, password: &PasswordHash) -> (String, bool) {
    let new = format!("{name}:{password}");
    let mut replaced = false;
    let mut changed = String::with_capacity(text.len().saturating_add(new.len()));
    for line in text.split_inclusive('\n') {
        match of(line, name) {
            Some(Secret::Password(_)) => {
                changed.push_str(&new);
                changed.push_str(line_end(line));
                replaced = true;
            }
            _ => changed.push_str(line),
        }
    }
    if replaced { (changed, true) } else { (appended(text, &new), false) }
}

/// The text without the entries of a name, and how many passwords and tokens those were.
#[must_use]
pub fn without(text: &str, name: &UserName) -> (String, usize, usize) {
    let (mut passwords, mut tokens) = (0_usize, 0_usize);
    let kept = text.split_inclusive('\n').filter(|line| {
        match of(line, name) {
            Some(Secret::Password(_)) => passwords = passwords.saturating_add(1),
            Some(Secret::Token(_)) => tokens = tokens.saturating_add(1),
            None => return true,
        }
        false
    });
    let kept = kept.collect();
    (kept, passwords, tokens)
}

/// What a line says of a name.
fn of(line: &str, name: &UserName) -> Option<Secret> {
    let line = line.trim_start_matches('\u{FEFF}');
    let (of, secret) = entry(line).ok()??;
    (of == *name).then_some(secret)
}

fn appended(text: &str, line: &str) -> String {
    let end = text.split_inclusive('\n').next().map_or("", line_end);
    let end = if end.is_empty() { "\n" } else { end };
    let gap = if text.is_empty() || text.ends_with('\n') { "" } else { end };
    format!("{text}{gap}{line}{end}")
}

fn line_end(line: &str) -> &'static str {
    match line {
        line if line.ends_with("\r\n") => "\r\n",
        line if line.ends_with('\n') => "\n",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BCRYPT: &str = "$2y$05$bGxgEP6Q/HIaVz3wn9.FROVisJk7gCAB5L77Dz6ptinkgyTTCRJf.";
    const ARGON2: &str =
        "$argon2id$v=19$m=4096,t=3,p=1$c29tZXNhbHQ$fPRnlj/5Q+8nNssIsNMVNWbd02kYedEWlNFYcsyq+2E";

    fn name(text: &str) -> UserName {
        text.parse().unwrap()
    }

    #[test]
    fn a_token_comes_last_on_a_line_of_its_own() {
        let token = TokenDigest::of(b"token");
        let line = format!("ci:{token}\n");
        assert_eq!(with_token("", &name("ci"), &token), line);
        assert_eq!(with_token("# x\n", &name("ci"), &token), format!("# x\n{line}"));
        assert_eq!(with_token("# x", &name("ci"), &token), format!("# x\n{line}"));
        let dos = format!("# x\r\n# y\r\nci:{token}\r\n");
        assert_eq!(with_token("# x\r\n# y", &name("ci"), &token), dos);
    }

    #[test]
    fn a_password_takes_the_place_of_the_former_one() {
        let hash: PasswordHash = ARGON2.parse().unwrap();
        let text = format!("# ann:\nann:{BCRYPT}\r\nbob:{BCRYPT}\n");
        let (changed, replaced) = with_password(&text, &name("ann"), &hash);
        assert_eq!(changed, format!("# ann:\nann:{ARGON2}\r\nbob:{BCRYPT}\n"));
        assert!(replaced);
        let (changed, replaced) = with_password(&text, &name("eve"), &hash);
        assert_eq!(changed, format!("{text}eve:{ARGON2}\n"));
        assert!(!replaced);
    }

    #[test]
    fn a_name_goes_with_all_it_has_and_nothing_else() {
        let token = TokenDigest::of(b"token");
        let text =
            format!("\u{feff}ann:{BCRYPT}\n# ann\nannie:{BCRYPT}\n  ann:{token}\n\nx:{BCRYPT}");
        let (kept, passwords, tokens) = without(&text, &name("ann"));
        assert_eq!(kept, format!("# ann\nannie:{BCRYPT}\n\nx:{BCRYPT}"));
        assert_eq!((passwords, tokens), (1, 1));
        assert_eq!(without(&text, &name("eve")), (text.clone(), 0, 0));
    }
}
