//! The form with a lock file: pasted, or as an uploaded file.

use std::path::Path;

use axum::http::HeaderMap;
use axum::http::header;

use super::request::{ChosenDocs, MAX_PACKAGES};
use crate::lockfile::{self, Format};
use crate::serve::api::form;

/// Why a form is refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum LockFormError {
    #[error("the form is neither application/x-www-form-urlencoded nor multipart/form-data")]
    ContentType,
    #[error("the form is damaged")]
    Damaged,
    #[error("the lock file cannot be read now: the log of the server says why")]
    Missing,
    #[error("no lock file was given: paste one, or choose a file")]
    Empty,
    #[error("it is {0}: give a mix.lock, rebar.lock or manifest.toml")]
    Foreign(&'static str),
    #[error("it is no lock file: give a mix.lock, rebar.lock or manifest.toml")]
    Unknown,
    #[error("the lock file cannot be read: {0}")]
    Unreadable(#[from] lockfile::Error),
    #[error("the lock file has no package from Hex")]
    NoPackages,
    #[error("the lock file has {0} packages: at most {MAX_PACKAGES} are searched")]
    TooMany(usize),
}

/// What was sent.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct LockForm {
    /// What to search for in it.
    pub query: String,
    /// The name of the file; empty if it was pasted.
    name: String,
    text: Vec<u8>,
}

impl LockForm {
    /// Reads the body of a form.
    ///
    /// # Errors
    /// [`LockFormError`].
    pub fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, LockFormError> {
        let content_type = headers.get(header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (media_type, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
        let mut this = Self::default();
        match media_type.trim().to_ascii_lowercase().as_str() {
            "application/x-www-form-urlencoded" => {
                let text = std::str::from_utf8(body).map_err(|_| LockFormError::Damaged)?;
                for (name, value) in form::fields(text) {
                    this.take(&name, "", value.into_bytes());
                }
            }
            "multipart/form-data" => {
                let boundary = parameter(parameters, "boundary").ok_or(LockFormError::Damaged)?;
                for part in parts(body, boundary).ok_or(LockFormError::Damaged)? {
                    this.take(part.name, part.file_name, part.value.to_owned());
                }
            }
            _ => return Err(LockFormError::ContentType),
        }
        Ok(this)
    }

    /// A file that was not sent.
    pub fn of_file(name: &str, text: Vec<u8>) -> Self {
        Self { query: String::new(), name: name.to_owned(), text }
    }

    fn take(&mut self, name: &str, file_name: &str, value: Vec<u8>) {
        match name {
            "q" => self.query = String::from_utf8_lossy(&value).trim().to_owned(),
            // An empty field is no choice: a form sends both.
            "text" | "file" if !lockfile::is_blank(&value) => {
                file_name.clone_into(&mut self.name);
                self.text = value;
            }
            _ => {}
        }
    }

    /// The releases that the lock file pins.
    ///
    /// # Errors
    /// [`LockFormError`].
    pub fn pinned(&self) -> Result<Vec<ChosenDocs>, LockFormError> {
        if self.text.is_empty() {
            return Err(LockFormError::Empty);
        }
        let path = Path::new(&self.name);
        let format = Format::detect(path, &self.text).ok_or_else(|| {
            lockfile::foreign(path, &self.text)
                .map_or(LockFormError::Unknown, LockFormError::Foreign)
        })?;
        let pinned = lockfile::parse(format, &self.text)?.pinned;
        if pinned.len() > MAX_PACKAGES {
            return Err(LockFormError::TooMany(pinned.len()));
        }
        if pinned.is_empty() {
            return Err(LockFormError::NoPackages);
        }
        let chosen = pinned.into_iter().map(|one| ChosenDocs {
            package: one.package.to_string(),
            version: Some(one.version.to_string()),
        });
        Ok(chosen.collect())
    }
}

/// A field of a form.
struct FormPart<'a> {
    name: &'a str,
    file_name: &'a str,
    value: &'a [u8],
}

/// How many fields a form has at most.
const MAX_PARTS: usize = 16;

/// The fields of `multipart/form-data`; `None` if it is damaged.
fn parts<'a>(body: &'a [u8], boundary: &str) -> Option<Vec<FormPart<'a>>> {
    let first = format!("--{boundary}");
    let next = format!("\r\n--{boundary}");
    let mut rest = body.strip_prefix(first.as_bytes())?;
    let mut parts = Vec::new();
    while parts.len() < MAX_PARTS {
        if rest.starts_with(b"--") {
            return Some(parts);
        }
        rest = rest.strip_prefix(b"\r\n")?;
        let end = memchr::memmem::find(rest, next.as_bytes())?;
        let (part, after) = rest.split_at_checked(end)?;
        rest = after.get(next.len()..)?;
        let head_end = memchr::memmem::find(part, b"\r\n\r\n")?;
        let head = std::str::from_utf8(part.get(..head_end)?).ok()?;
        let value = part.get(head_end.checked_add(4)?..)?;
        let disposition = head.split("\r\n").find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-disposition").then_some(value)
        })?;
        let (_, parameters) = disposition.split_once(';')?;
        let file_name = parameter(parameters, "filename").unwrap_or_default();
        parts.push(FormPart { name: parameter(parameters, "name")?, file_name, value });
    }
    None
}

/// A parameter of a header: `name="value"` or `name=value`. No browser escapes a quote with a backslash.
fn parameter<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    parameters.split(';').find_map(|one| {
        let (key, value) = one.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "%{\n  \"plug\": {:hex, :plug, \"1.16.0\", \"1d07d50cb9bb05097fdf187b31cf087c7297aafc3fed8299aac79c128a707e47\", [:mix], [], \"hexpm\", \"cbf53aa1f5c4d758a7559c0bd6d59e286c2be0c6a1fac8cc3eee2f638243b93e\"},\n}\n";

    fn headers(content_type: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::CONTENT_TYPE, content_type.parse().unwrap())])
    }

    fn multipart(parts: &[(&str, &str)]) -> Vec<u8> {
        let parts = parts.iter().map(|(head, value)| {
            format!("--X\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n")
        });
        (parts.collect::<String>() + "--X--\r\n").into_bytes()
    }

    fn read_multipart(parts: &[(&str, &str)]) -> LockForm {
        LockForm::read(&headers("multipart/form-data; boundary=\"X\""), &multipart(parts)).unwrap()
    }

    #[test]
    fn a_lock_file_is_pasted_or_uploaded() {
        let plug = [ChosenDocs { package: "plug".to_owned(), version: Some("1.16.0".to_owned()) }];
        let form = read_multipart(&[
            ("name=\"q\"", " conn "),
            ("name=\"text\"", ""),
            ("name=\"file\"; filename=\"mix.lock\"\r\nContent-Type: text/plain", LOCK),
        ]);
        assert_eq!((form.query.as_str(), form.name.as_str()), ("conn", "mix.lock"));
        assert_eq!(form.pinned().unwrap(), plug);
        let form = read_multipart(&[("name=\"text\"", LOCK), ("name=\"file\"; filename=\"\"", "")]);
        assert_eq!(form.pinned().unwrap(), plug);
        let body = format!(
            "q=&text={}",
            percent_encoding::utf8_percent_encode(LOCK, percent_encoding::NON_ALPHANUMERIC)
        );
        let form = LockForm::read(&headers("application/x-www-form-urlencoded"), body.as_bytes());
        assert_eq!(form.unwrap().pinned().unwrap(), plug);
    }

    #[test]
    fn what_is_no_lock_file_is_refused() {
        let refused = |name: &str, text: &str| {
            let head = format!("name=\"file\"; filename=\"{name}\"");
            read_multipart(&[(&head, text)]).pinned().unwrap_err().to_string()
        };
        assert_eq!(
            refused("mix.lock", " \n"),
            "no lock file was given: paste one, or choose a file"
        );
        assert!(refused("Cargo.lock", "version = 4").starts_with("it is Cargo's lock file"));
        assert!(refused("mix.lock", "%{").starts_with("the lock file cannot be read"));
        assert_eq!(refused("mix.lock", "%{}"), "the lock file has no package from Hex");
    }

    #[test]
    fn damaged_forms_are_refused() {
        for body in [&b""[..], b"--X", b"--X\r\n", b"--X\r\n\r\n\r\n--X--", b"--Y--", &[0xff; 100]]
        {
            let read = LockForm::read(&headers("multipart/form-data; boundary=X"), body);
            assert!(matches!(read, Err(LockFormError::Damaged)), "{body:?}");
        }
        let many = multipart(&[("name=a", ""); 20]);
        assert!(LockForm::read(&headers("multipart/form-data; boundary=X"), &many).is_err());
        assert!(LockForm::read(&headers("multipart/form-data"), b"").is_err());
        assert!(LockForm::read(&headers("application/json"), b"{}").is_err());
        assert!(LockForm::read(&headers("application/x-www-form-urlencoded"), &[0xff]).is_err());
    }
}
