//! The types of files of a static site, by their names.

/// The `Content-Type` of a file of a site; `None` if its name does not tell. A page says itself which encoding it has: old
/// documentation is not in UTF-8.
#[must_use]
pub(crate) fn media_type(path: &str) -> Option<&'static str> {
    const TYPES: [(&str, &str); 26] = [
        ("atom", "application/atom+xml; charset=utf-8"),
        ("avif", "image/avif"),
        ("bmp", "image/bmp"),
        ("css", "text/css"),
        ("eot", "application/vnd.ms-fontobject"),
        ("epub", "application/epub+zip"),
        ("gif", "image/gif"),
        ("htm", "text/html"),
        ("html", "text/html"),
        ("ico", "image/x-icon"),
        ("jpeg", "image/jpeg"),
        ("jpg", "image/jpeg"),
        ("js", "text/javascript"),
        ("json", "application/json"),
        ("map", "application/json"),
        ("md", "text/markdown; charset=utf-8"),
        ("mjs", "text/javascript"),
        ("mp4", "video/mp4"),
        ("png", "image/png"),
        ("svg", "image/svg+xml"),
        ("ttf", "font/ttf"),
        ("txt", "text/plain; charset=utf-8"),
        ("webp", "image/webp"),
        ("woff", "font/woff"),
        ("woff2", "font/woff2"),
        ("xml", "application/xml"),
    ];
    let name = path.rsplit('/').next()?;
    let (_, ending) = name.rsplit_once('.')?;
    let found = TYPES.iter().find(|(known, _)| ending.eq_ignore_ascii_case(known));
    found.map(|(_, media_type)| *media_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_of_the_last_part_counts() {
        assert_eq!(media_type("docs/a.b/Enum.HTML"), Some("text/html"));
        assert_eq!(media_type("docs/plug/1.0.0/dist/app.min.js"), Some("text/javascript"));
        for none in ["names", "docs/a.html/b", "packages/plug", "", ".html/"] {
            assert_eq!(media_type(none), None, "{none}");
        }
    }
}
