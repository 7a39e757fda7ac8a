//! What words have in common in spite of their endings: `parser`, `parsers`, `parsing` and `parse` are one.

/// The shortest word that loses an ending.
const MIN_WORD: usize = 4;

/// The beginning of a word that its other forms have too. It need not be a word.
pub(crate) fn stem(word: &str) -> &str {
    if word.len() < MIN_WORD || !word.is_ascii() {
        return word;
    }
    let mut stem = word;
    if !["ss", "us", "is"].iter().any(|ending| stem.ends_with(ending)) {
        stem = without(stem, "s", 3);
    }
    let inflected = stem;
    for ending in ["ing", "ed", "er"] {
        let shorter = without(stem, ending, 3);
        if shorter.len() < stem.len() {
            // `user` is no form of `us`, nor `timer` one of `tim`.
            stem = if ending == "er" && shorter.len() < 4 { stem } else { shorter };
            break;
        }
    }
    if stem.len() < inflected.len() {
        return without_double(stem);
    }
    // `libraries` and `library`, `cache` and `caching`.
    for ending in ["ie", "y", "e"] {
        let shorter = without(stem, ending, 3);
        if shorter.len() < stem.len() {
            return shorter;
        }
    }
    stem
}

/// A word without an ending, if enough is left.
fn without<'a>(word: &'a str, ending: &str, min: usize) -> &'a str {
    word.strip_suffix(ending).filter(|rest| rest.len() >= min).unwrap_or(word)
}

/// `mapp` of `mapping` is `map`, and `pars` stays.
fn without_double(stem: &str) -> &str {
    let mut last = stem.bytes().rev();
    let is_double = match (last.next(), last.next()) {
        (Some(a), Some(b)) => a == b && !b"aeiouls".contains(&a),
        _ => false,
    };
    if is_double && stem.len() > 3 {
        stem.get(..stem.len().saturating_sub(1)).unwrap_or(stem)
    } else {
        stem
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_a_word_have_one_stem() {
        for forms in [
            &["parse", "parses", "parser", "parsers", "parsing", "parsed"][..],
            &["library", "libraries"],
            &["cache", "caches", "caching", "cached"],
            &["route", "router", "routers", "routing"],
            &["map", "maps", "mapping", "mapped"],
            &["email", "emails", "emailing"],
            &["test", "tests", "testing", "tested", "tester"],
            &["number", "numbers"],
        ] {
            let stems: Vec<&str> = forms.iter().map(|word| stem(word)).collect();
            assert!(stems.iter().all(|stem| *stem == stems[0]), "{forms:?}: {stems:?}");
        }
    }

    #[test]
    fn other_words_keep_theirs() {
        for word in ["css", "aws", "status", "redis", "ring", "string", "king", "red", "class", "s"]
        {
            let stem = stem(word);
            assert!(stem.len() + 1 >= word.len() || word == "string", "{word}: {stem}");
        }
        assert_eq!(stem("status"), "status");
        assert_eq!(stem("class"), "class");
        assert_eq!(stem("user"), "user");
        assert_eq!(stem("größen"), "größen");
    }
}
