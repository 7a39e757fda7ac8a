//! Changes to the text of a file that leave every other byte as it was.

use super::file::{EntrySecret, entry};
use super::grant::Grant;
use super::name::UserName;
use super::password::PasswordHash;
use super::token::{TokenDigest, TokenId};

/// Adds a token at the end of the text.
#[must_use]
pub fn with_token(text: &str, name: &UserName, token: &TokenDigest, grant: &Grant) -> String {
    appended(text, &format!("{name}:{token}{grant}"))
}

/// Sets the password of a name: in place of its former one, else at the end. Returns the new text, and whether a
/// password was replaced.
#[must_use]
pub fn with_password(text: &str, name: &UserName, password: &PasswordHash) -> (String, bool) {
    let new = format!("{name}:{password}");
    let mut replaced = false;
    let mut changed = String::with_capacity(text.len().saturating_add(new.len()));
    for line in text.split_inclusive('\n') {
        match entry_of(line, name) {
            Some(EntrySecret::Password(_)) => {
                changed.push_str(&new);
                changed.push_str(line_end(line));
                replaced = true;
            }
            _ => changed.push_str(line),
        }
    }
    if replaced { (changed, true) } else { (appended(text, &new), false) }
}

/// Removes the entries of a name. Returns the new text, and how many passwords and tokens were removed.
#[must_use]
pub fn without(text: &str, name: &UserName) -> (String, usize, usize) {
    let (mut passwords, mut tokens) = (0_usize, 0_usize);
    let kept = text.split_inclusive('\n').filter(|line| {
        match entry_of(line, name) {
            Some(EntrySecret::Password(_)) => passwords = passwords.saturating_add(1),
            Some(EntrySecret::Token(..)) => tokens = tokens.saturating_add(1),
            None => return true,
        }
        false
    });
    let kept = kept.collect();
    (kept, passwords, tokens)
}

/// Removes the token of a name that has this id. Returns the new text, and how many tokens were removed.
#[must_use]
pub fn without_token(text: &str, name: &UserName, id: TokenId) -> (String, usize) {
    let mut removed = 0_usize;
    let is_it = |line: &str| match entry_of(line, name) {
        Some(EntrySecret::Token(digest, _)) => digest.id() == id,
        Some(EntrySecret::Password(_)) | None => false,
    };
    let kept = text.split_inclusive('\n').filter(|line| {
        let is_it = is_it(line);
        removed = removed.saturating_add(is_it.into());
        !is_it
    });
    (kept.collect(), removed)
}

/// The entry of this name in a line.
fn entry_of(line: &str, name: &UserName) -> Option<EntrySecret> {
    let line = line.trim_start_matches('\u{FEFF}');
    let (owner, secret) = entry(line).ok()??;
    (owner == *name).then_some(secret)
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
    fn a_token_is_appended_on_its_own_line() {
        let token = TokenDigest::of(b"token");
        let line = format!("ci:{token}\n");
        let with = |text, grant| with_token(text, &name("ci"), &token, grant);
        let read = &Grant::read();
        assert_eq!(with("", read), line);
        assert_eq!(with("# x\n", read), format!("# x\n{line}"));
        assert_eq!(with("# x", read), format!("# x\n{line}"));
        let dos = format!("# x\r\n# y\r\nci:{token}\r\n");
        assert_eq!(with("# x\r\n# y", read), dos);
        let grant = Grant::publish("acme_*,b".parse().ok()).until_end_of("2027-01-31".parse().ok());
        let fields = ":can=publish:packages=acme_*,b:until=2027-01-31";
        assert_eq!(with("", &grant), format!("ci:{token}{fields}\n"));
    }

    #[test]
    fn a_password_replaces_the_former_one() {
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
    fn removing_a_name_removes_all_its_entries_and_no_others() {
        let token = TokenDigest::of(b"token");
        let text =
            format!("\u{feff}ann:{BCRYPT}\n# ann\nannie:{BCRYPT}\n  ann:{token}\n\nx:{BCRYPT}");
        let (kept, passwords, tokens) = without(&text, &name("ann"));
        assert_eq!(kept, format!("# ann\nannie:{BCRYPT}\n\nx:{BCRYPT}"));
        assert_eq!((passwords, tokens), (1, 1));
        assert_eq!(without(&text, &name("eve")), (text.clone(), 0, 0));
    }

    #[test]
    fn one_token_of_a_name_is_removed() {
        let [one, two] = ["one", "two"].map(|token| TokenDigest::of(token.as_bytes()));
        let text = format!("ci:{one}:can=admin\r\nci:{BCRYPT}\n#ci:{one}\nci:{two}\nx:{one}");
        let kept = format!("ci:{BCRYPT}\n#ci:{one}\nci:{two}\nx:{one}");
        assert_eq!(without_token(&text, &name("ci"), one.id()), (kept, 1));
        assert_eq!(without_token(&text, &name("ann"), one.id()), (text, 0));
    }
}
