//! The media types of documentation.

/// Of pages. It names no encoding: pages of edoc have been written in Latin-1, and a page says itself what it is.
pub(super) const HTML: &str = "text/html";

/// The media type of a file of documentation, by the end of its name.
///
/// Pages, scripts and style sheets have no `charset`: a page says which it has, and the others take that of the page.
/// What no browser shows by itself, and names that are not known, are `application/octet-stream`.
#[must_use]
pub fn content_type(path: &str) -> &'static str {
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
    match ending.as_str() {
        "html" | "htm" => HTML,
        "css" => "text/css",
        "js" | "mjs" => "text/javascript",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/x-icon",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "ttf" => "font/ttf",
        "otf" => "font/otf",
        "eot" => "application/vnd.ms-fontobject",
        "xml" => "application/xml",
        "xhtml" => "application/xhtml+xml",
        "txt" | "livemd" | "cheatmd" => "text/plain; charset=utf-8",
        "md" | "markdown" => "text/markdown; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        "pdf" => "application/pdf",
        "epub" => "application/epub+zip",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "mp3" => "audio/mpeg",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_name_decides() {
        for (path, expected) in [
            ("Enum.html", "text/html"),
            ("a.b/INDEX.HTM", "text/html"),
            ("dist/html-ABC.js", "text/javascript"),
            ("search-data.json", "application/json"),
            ("fonts/x.WOFF2", "font/woff2"),
            ("html", "application/octet-stream"),
            ("a.html/b", "application/octet-stream"),
            (".build", "application/octet-stream"),
            ("", "application/octet-stream"),
        ] {
            assert_eq!(content_type(path), expected, "{path}");
        }
    }
}
