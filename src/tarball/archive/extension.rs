//! Extended headers of PAX and GNU, which change the entry that follows.

use std::borrow::Cow;

use super::header::Header;
use super::{ArchiveEntry, ArchiveError, is_file};

/// The values in the extended headers before an entry.
#[derive(Default)]
pub(super) struct Extension<'a> {
    /// The position of the last extended header.
    offset: Option<usize>,
    path: Option<&'a str>,
    link: Option<&'a str>,
    size: Option<&'a str>,
    /// Whether one of them is a PAX header.
    pax: bool,
}

impl<'a> Extension<'a> {
    /// Applies the values to the header of the entry itself.
    pub fn complete(
        self,
        header: Header<'a>,
        data: &'a [u8],
    ) -> Result<ArchiveEntry<'a>, ArchiveError> {
        let renamed = self.path.is_some_and(|path| path != header.path);
        let path = self.path.map_or(header.path, Cow::Borrowed);
        let link = self.link.map_or(header.link, Cow::Borrowed);
        let kind = header.kind;
        // GNU tar refuses a sign before a number; others accept it.
        let agrees = |size: &&str| is_digits(size) && size.parse() == Ok(header.size);
        if let Some(pax) = self.size.filter(|size| !agrees(size)) {
            let (entry, pax) = (path.into_owned(), pax.to_owned());
            return Err(ArchiveError::SizesDisagree { entry, pax, header: header.size });
        }
        if !data.is_empty() && !is_file(kind) {
            return Err(ArchiveError::SizeWithoutFile(path.into_owned()));
        }
        if is_file(kind) && path.ends_with('/') {
            return Err(ArchiveError::FileWithSlash(path.into_owned()));
        }
        Ok(ArchiveEntry { path, renamed, kind, executable: header.executable, link, data })
    }

    /// Fails if there was an extended header: its entry must come next.
    pub fn expect_none(&self) -> Result<(), ArchiveError> {
        self.offset.map_or(Ok(()), |offset| Err(bad(offset, "is not followed by its entry")))
    }

    pub fn apply_pax(&mut self, offset: usize, data: &'a [u8]) -> Result<(), ArchiveError> {
        self.offset = Some(offset);
        // GNU tar ignores the first one, even if the second is empty; others merge them.
        if std::mem::replace(&mut self.pax, true) {
            return Err(bad(offset, "is the second PAX header of one entry"));
        }
        for record in (Records { rest: data }) {
            let (key, value) = record.map_err(|problem| bad(offset, problem))?;
            let field = match key {
                "path" => &mut self.path,
                "linkpath" => &mut self.link,
                "size" => &mut self.size,
                _ => continue,
            };
            set_once(field, value, offset)?;
        }
        Ok(())
    }

    pub fn apply_long_name(&mut self, offset: usize, data: &'a [u8]) -> Result<(), ArchiveError> {
        self.offset = Some(offset);
        set_once(&mut self.path, gnu_text(offset, data)?, offset)
    }

    pub fn apply_long_link(&mut self, offset: usize, data: &'a [u8]) -> Result<(), ArchiveError> {
        self.offset = Some(offset);
        set_once(&mut self.link, gnu_text(offset, data)?, offset)
    }
}

/// Checks a global header. It may have comments, but must not rename or resize entries.
pub(super) fn check_global_pax(offset: usize, data: &[u8]) -> Result<(), ArchiveError> {
    for record in (Records { rest: data }) {
        let (key, _) = record.map_err(|problem| bad(offset, problem))?;
        if matches!(key, "path" | "linkpath" | "size") {
            return Err(bad(offset, "changes every entry that follows"));
        }
    }
    Ok(())
}

fn bad(offset: usize, problem: &'static str) -> ArchiveError {
    ArchiveError::BadHeader { offset, problem }
}

fn set_once<'a>(
    field: &mut Option<&'a str>,
    value: &'a str,
    offset: usize,
) -> Result<(), ArchiveError> {
    match field.replace(value) {
        None if value.contains('\0') => Err(bad(offset, "has a zero byte in a name")),
        None => Ok(()),
        Some(_) => Err(bad(offset, "gives a value that another header gives already")),
    }
}

/// The text of a GNU long name, which ends with a zero byte. Of several zero bytes, some readers remove one and some
/// all, so one at most is accepted.
fn gnu_text(offset: usize, data: &[u8]) -> Result<&str, ArchiveError> {
    let text = data.strip_suffix(b"\0").unwrap_or(data);
    if text.contains(&0) {
        return Err(bad(offset, "has a zero byte in a name"));
    }
    std::str::from_utf8(text).map_err(|_| bad(offset, "has a name that is not UTF-8"))
}

/// Records `LENGTH KEY=VALUE\n`, where LENGTH counts all of it.
///
/// Hex splits at newlines and ignores LENGTH; other readers use LENGTH alone. Both must give the same records, so a value
/// must not contain a newline. Nor may it be empty: Hex does not read that.
struct Records<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<(&'a str, &'a str), &'static str>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let Some((record, rest)) = split_record(self.rest) else {
            self.rest = &[];
            return Some(Err("is malformed"));
        };
        self.rest = rest;
        Some(check_record(record))
    }
}

/// The `KEY=VALUE` of the first record, and the rest.
fn split_record(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    // Twenty digits are enough for any length. Without this limit a long header would take quadratic time.
    let space = bytes.iter().take(20).position(|byte| *byte == b' ')?;
    let (digits, _) = bytes.split_at_checked(space)?;
    let digits = digits.iter().all(u8::is_ascii_digit).then_some(digits)?;
    let length: usize = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let (record, rest) = bytes.split_at_checked(length)?;
    let record = record.get(space..)?.strip_prefix(b" ")?.strip_suffix(b"\n")?;
    Some((record, rest))
}

fn check_record(record: &[u8]) -> Result<(&str, &str), &'static str> {
    let record = std::str::from_utf8(record).map_err(|_| "is not UTF-8")?;
    let (key, value) = record.split_once('=').ok_or("is malformed")?;
    if key.is_empty() || key.starts_with(' ') || value.is_empty() {
        return Err("has a record without key or value, which Hex does not read");
    }
    if record.contains('\n') {
        return Err("has a newline in a record, where Hex reads another one");
    }
    match key {
        "uid" | "gid" if !is_owner(value) => Err("has an owner that is no number of 32 bits"),
        "atime" | "mtime" | "ctime" if !is_time(value) => {
            Err("has a time that is no number of 64 bits")
        }
        sparse if sparse.starts_with("GNU.sparse.") => Err("describes a sparse file"),
        _ => Ok((key, value)),
    }
}

/// GNU tar refuses an owner below zero or of more than 32 bits.
fn is_owner(text: &str) -> bool {
    is_digits(text) && text.parse::<u32>().is_ok()
}

/// Seconds since 1970 with a fraction. GNU tar refuses more than 64 bits.
fn is_time(text: &str) -> bool {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = seconds.strip_prefix('-').unwrap_or(seconds);
    is_digits(digits)
        && seconds.parse::<i64>().is_ok()
        && fraction.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
