//! Detects web pages: a console, a login page or a proxy may answer with one in place of storage or a registry.

/// Whether a body is an HTML page.
pub(crate) fn is_web_page(body: &[u8]) -> bool {
    let text = after_prolog(body);
    let begins = |with: &str| {
        text.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with.as_bytes()))
    };
    begins("<!doctype html") || begins("<html")
}

/// The document after its declaration and comments.
pub(crate) fn after_prolog(body: &[u8]) -> &[u8] {
    let mut rest = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body).trim_ascii_start();
    for (begin, end) in [("<?", "?>"), ("<!--", "-->")].repeat(4) {
        if rest.starts_with(begin.as_bytes()) {
            let Some(at) = memchr::memmem::find(rest, end.as_bytes()) else { return rest };
            rest = rest.get(at.saturating_add(end.len())..).unwrap_or_default().trim_ascii_start();
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_distinguished_from_answers_of_storage() {
        for page in [
            "<!DOCTYPE html><title>Sign in</title>",
            "\u{feff}\n <!doctype HTML>",
            "<HTML><body>",
            "<?xml version=\"1.0\"?>\n<!-- 1 --><!-- 2 -->\n<!DOCTYPE html PUBLIC \"-//W3C//DTD\">",
        ] {
            assert!(is_web_page(page.as_bytes()), "{page}");
        }
        for other in
            ["", "<", "<?xml", "<!--", "\u{1f}\u{8b}", "<Error><Code>x</Code></Error>", "{}"]
        {
            assert!(!is_web_page(other.as_bytes()), "{other}");
        }
    }
}
