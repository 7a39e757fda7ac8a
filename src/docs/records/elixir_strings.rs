//! The search data of `ExDoc` 0.20 to 0.21.2, which looks like JSON and is not.
//!
//! It wrote names as they are, whatever quotes and backslashes they have, and texts as Elixir's `inspect` does. The keys
//! always came in the same order, so a string ends where the next key begins.

use std::borrow::Cow;

use super::search_item::SearchItem;

/// The items of `[{"ref":"…","title":"…","module":"…","type":"…","doc":"…"},…]`.
pub(super) fn items(text: &str) -> Vec<SearchItem<'_>> {
    let mut items = Vec::new();
    let Some(mut rest) = text.strip_prefix('[') else { return items };
    while let Some(read) = item(&mut rest) {
        items.push(read);
        let Some(next) = rest.strip_prefix(',') else { break };
        rest = next;
    }
    items
}

fn item<'a>(rest: &mut &'a str) -> Option<SearchItem<'a>> {
    let place = field(rest, "{\"ref\":\"", "\",\"title\":\"")?;
    let title = field(rest, "", "\",\"module\":\"")?;
    let module = field(rest, "", "\",\"type\":\"")?;
    let kind = field(rest, "", "\",\"doc\":")?;
    let doc = if let Some(string) = rest.strip_prefix('"') {
        let (doc, after) = inspected(string)?;
        *rest = after;
        doc
    } else {
        // Text that is not UTF-8 was written as `<<97, 255>>`.
        let end = rest.find('}')?;
        *rest = rest.get(end..)?;
        String::new()
    };
    *rest = rest.strip_prefix('}')?;
    Some(SearchItem {
        place: Cow::Borrowed(place),
        title: Cow::Borrowed(title),
        module: Cow::Borrowed(module),
        kind: Cow::Borrowed(kind),
        doc: Cow::Owned(doc),
        ..SearchItem::default()
    })
}

/// What is between two marks.
fn field<'a>(rest: &mut &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (field, after) = rest.strip_prefix(start)?.split_once(end)?;
    *rest = after;
    Some(field)
}

/// A string as `inspect` writes it, and what follows its last quote.
fn inspected(text: &str) -> Option<(String, &str)> {
    let mut string = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((string, text.get(at.saturating_add(1)..)?)),
            '\\' => match chars.next()?.1 {
                'n' | 't' | 'r' | 's' | 'v' | 'f' => string.push(' '),
                // Characters that readers do not see. What follows `\e` is a colour of a terminal.
                'a' | 'b' | 'd' | '0' => {}
                'e' => {
                    if chars.as_str().starts_with('[') {
                        chars.next();
                    }
                }
                'x' => string.extend(hexadecimal(&mut chars)),
                other => string.push(other),
            },
            c => string.push(c),
        }
    }
    None
}

/// The character of `\xHH` or `\x{HHHH}`, whose `\x` was read.
fn hexadecimal(chars: &mut std::str::CharIndices<'_>) -> Option<char> {
    let rest = chars.as_str();
    let (digits, length) = match rest.strip_prefix('{') {
        Some(inner) => {
            let digits = inner.get(..inner.bytes().take(9).position(|byte| byte == b'}')?)?;
            (digits, digits.len().saturating_add(2))
        }
        None => (rest.get(..2)?, 2),
    };
    let character = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32)?;
    for _ in 0..length {
        chars.next();
    }
    Some(character)
}
