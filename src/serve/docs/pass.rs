//! Passes: what reads the documentation of one package for a while, in place of credentials.
//!
//! A page of documentation runs in a sandbox, in an origin of its own that no other page has. A browser sends no
//! credentials for what such a page loads. So where reading needs credentials, the path of the page has a pass in it,
//! and with it the paths of all that the page loads. A page of one package gets no pass of another one: the server
//! makes them only for a browser that opens a page.
//!
//! ```text
//! ~ NAME . base64url( end: 8 | code: 16 )
//! ```
//!
//! `end` is the second in which it ends, big-endian since 1970, and `code` the first bytes of the HMAC-SHA256 of a
//! label, `end`, the repository and the package. No server keeps anything of it.

use aws_lc_rs::hmac;
use data_encoding::BASE64URL_NOPAD;
use subtle::ConstantTimeEq as _;

use crate::name::PackageName;
use crate::package::UnixSeconds;

/// Begins each pass. No package's name begins with it.
pub(super) const MARK: char = '~';

/// In seconds: a pass is valid for one to two of these. In each, all passes of a package are the same, so that a
/// browser's cache knows their paths.
const SPAN: i64 = 30 * 60;

/// Begins what the code is made of.
const LABEL: &[u8] = b"hexreg: pass of documentation, version 1";

const END: usize = 8;
const CODE: usize = 16;

/// What the log has in place of a pass.
const HIDDEN: &str = "~";

/// Whether a path below a repository has a pass, valid or not.
pub(crate) fn has_pass(path: &str) -> bool {
    path.strip_prefix("docs/").is_some_and(|rest| rest.starts_with(MARK))
}

/// The path of a request as others may see it, if it has a pass.
pub(crate) fn without_pass(path: &str) -> Option<String> {
    let (before, rest) = path.split_once("/docs/~")?;
    let (_, after) = rest.split_once('/').unwrap_or((rest, ""));
    Some(format!("{before}/docs/{HIDDEN}/{after}"))
}

/// Makes and checks passes.
pub(crate) struct DocsPasses {
    key: hmac::Key,
}

impl DocsPasses {
    /// Passes of a secret that no client knows, for the users of a file with this digest. With other users, the passes
    /// of before are not valid.
    pub fn new(secret: &[u8], users: &[u8; 32]) -> Self {
        let of_secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let key = hmac::sign(&of_secret, &[LABEL, users].concat());
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()) }
    }

    /// Makes a pass of a package; `repository` is the place of its repository on this server.
    pub fn issue(&self, repository: &str, package: &PackageName, now: UnixSeconds) -> String {
        let begun = now.0.saturating_sub(now.0.rem_euclid(SPAN));
        let end = begun.saturating_add(SPAN).saturating_add(SPAN);
        let code = self.code(end, repository, package);
        let bytes = [end.to_be_bytes().as_slice(), &code].concat();
        format!("{MARK}{package}.{}", BASE64URL_NOPAD.encode(&bytes))
    }

    /// The package whose documentation a pass reads now, if it is one of a repository.
    pub fn package(&self, pass: &str, repository: &str, now: UnixSeconds) -> Option<PackageName> {
        let (package, end, code) = read(pass)?;
        // No server makes one that is valid for longer.
        let latest = now.0.saturating_add(SPAN).saturating_add(SPAN);
        let is_ours = bool::from(self.code(end, repository, &package).ct_eq(&code));
        (is_ours && now.0 < end && end <= latest).then_some(package)
    }

    fn code(&self, end: i64, repository: &str, package: &PackageName) -> [u8; CODE] {
        // Neither name has a zero byte.
        let names = [repository.as_bytes(), &[0], package.as_str().as_bytes()].concat();
        let signed = hmac::sign(&self.key, &[LABEL, &end.to_be_bytes(), &names].concat());
        let mut code = [0; CODE];
        for (to, from) in code.iter_mut().zip(signed.as_ref()) {
            *to = *from;
        }
        code
    }
}

fn read(pass: &str) -> Option<(PackageName, i64, [u8; CODE])> {
    let (package, encoded) = pass.strip_prefix(MARK)?.split_once('.')?;
    let bytes = BASE64URL_NOPAD.decode(encoded.as_bytes()).ok()?;
    let (end, code) = bytes.split_first_chunk::<END>()?;
    Some((package.parse().ok()?, i64::from_be_bytes(*end), code.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixSeconds = UnixSeconds(1_800_000_900);

    fn name(text: &str) -> PackageName {
        text.parse().unwrap()
    }

    fn later(seconds: i64) -> UnixSeconds {
        UnixSeconds(NOW.0.saturating_add(seconds))
    }

    fn reads(passes: &DocsPasses, pass: &str, repository: &str, now: UnixSeconds) -> bool {
        let package = passes.package(pass, repository, now);
        assert!(package.as_ref().is_none_or(|package| *package == name("core")));
        package.is_some()
    }

    #[test]
    fn a_pass_reads_one_package_for_a_while() {
        let passes = DocsPasses::new(b"secret", &[1; 32]);
        let pass = passes.issue("acme", &name("core"), NOW);
        assert!(reads(&passes, &pass, "acme", NOW));
        assert!(reads(&passes, &pass, "acme", later(SPAN)));
        assert!(!reads(&passes, &pass, "acme", later(2 * SPAN)));
        // As from a server whose clock is ahead.
        assert!(!reads(&passes, &pass, "acme", later(-SPAN)));
        assert!(!reads(&passes, &pass, "/", NOW));
        let other = pass.replace("core", "secrets");
        assert_eq!(passes.package(&other, "acme", NOW), None);
        // A browser finds in its cache what it has loaded.
        assert_eq!(pass, passes.issue("acme", &name("core"), later(899)));
        assert_ne!(pass, passes.issue("acme", &name("core"), later(900)));
    }

    #[test]
    fn no_other_secret_and_no_other_users_have_the_same_passes() {
        let passes = DocsPasses::new(b"secret", &[1; 32]);
        let pass = passes.issue("acme", &name("core"), NOW);
        for other in [DocsPasses::new(b"secret", &[2; 32]), DocsPasses::new(b"other", &[1; 32])] {
            assert!(!reads(&other, &pass, "acme", NOW));
        }
        assert!(reads(&DocsPasses::new(b"secret", &[1; 32]), &pass, "acme", NOW));
    }

    #[test]
    fn the_log_has_no_pass() {
        let shown = without_pass("/repos/acme/docs/~core.AAAA/core/1.0.0/a.html").unwrap();
        assert_eq!(shown, "/repos/acme/docs/~/core/1.0.0/a.html");
        assert_eq!(without_pass("/docs/~core.AAAA").unwrap(), "/docs/~/");
        assert_eq!(without_pass("/docs/core/1.0.0/a.html"), None);
        assert!(has_pass("docs/~x/core/") && !has_pass("docs/core/"));
    }

    #[test]
    fn what_is_no_pass_is_not_valid() {
        let passes = DocsPasses::new(b"secret", &[1; 32]);
        let pass = passes.issue("acme", &name("core"), NOW);
        let short = pass.get(..pass.len() - 1).unwrap();
        let end = if pass.ends_with('A') { "Q" } else { "A" };
        let changed = format!("{short}{end}");
        for other in [
            "",
            "~",
            "~!",
            "core",
            "~core",
            "~core.",
            pass.trim_start_matches('~'),
            short,
            &changed,
        ] {
            assert!(!reads(&passes, other, "acme", NOW), "{other}");
        }
    }
}
