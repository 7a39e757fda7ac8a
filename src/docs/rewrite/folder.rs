//! Folders of documentation, from the root of all of it on.

use super::docs_file::DocsFile;

/// The folder of a file: `NAME`, `VERSION`, and those in the archive.
pub(super) fn of(file: &DocsFile<'_>) -> Vec<String> {
    let inside = file.path.split('/').filter(|segment| !segment.is_empty());
    let inside: Vec<&str> = inside.collect();
    let folders = inside.split_last().map_or(&[][..], |(_, folders)| folders);
    let own = [file.package.to_string(), file.version.to_string()];
    own.into_iter().chain(folders.iter().map(|folder| (*folder).to_owned())).collect()
}

/// The folder that a relative URL leads to. None if it is above the root.
pub(super) fn join(mut folder: Vec<String>, url: &str) -> Option<Vec<String>> {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let (folders, _) = path.rsplit_once('/').unwrap_or_default();
    for segment in folders.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                folder.pop()?;
            }
            name => folder.push(name.to_owned()),
        }
    }
    Some(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_seen_from_the_folder_of_its_page() {
        let (package, version) = ("a".parse().unwrap(), "1.0.0".parse().unwrap());
        let file = |path| DocsFile { package: &package, version: &version, path };
        assert_eq!(of(&file("x.html")).join("/"), "a/1.0.0");
        assert_eq!(of(&file("b/c/x.html")).join("/"), "a/1.0.0/b/c");
        for (url, expected) in [
            ("", Some("a/1.0.0/b")),
            ("y.html?q=/z", Some("a/1.0.0/b")),
            ("./", Some("a/1.0.0/b")),
            ("c/", Some("a/1.0.0/b/c")),
            ("../../../d/2.0.0/y", Some("d/2.0.0")),
            ("../../../", Some("")),
            ("../../../../", None),
        ] {
            let folder = join(of(&file("b/x.html")), url).map(|folder| folder.join("/"));
            assert_eq!(folder.as_deref(), expected, "{url}");
        }
    }
}
