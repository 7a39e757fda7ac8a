//! Files that operating systems, git and file managers leave in any folder. No client asks for them, and they are not
//! reported as a problem.

/// Whole names of files and folders, compared without case as Windows and macOS do.
const NAMES: [&str; 28] = [
    // macOS.
    ".AppleDouble",
    ".DocumentRevisions-V100",
    ".DS_Store",
    ".LSOverride",
    ".Spotlight-V100",
    ".TemporaryItems",
    ".Trashes",
    ".VolumeIcon.icns",
    ".apdisk",
    ".fseventsd",
    ".localized",
    "Icon\r",
    "__MACOSX",
    // git and sites that are served from it. Not `.git` itself, which must not be served.
    ".gitattributes",
    ".gitignore",
    ".gitkeep",
    ".keep",
    ".nojekyll",
    // Windows.
    "$RECYCLE.BIN",
    "System Volume Information",
    "Thumbs.db",
    "desktop.ini",
    "ehthumbs.db",
    "ehthumbs_vista.db",
    // Linux and network storage.
    ".directory",
    "@eaDir",
    "#recycle",
    "lost+found",
];

/// Prefixes of names: `AppleDouble`, the trash of a volume, files that were removed while they were open.
const PREFIXES: [&str; 4] = ["._", ".Trash-", ".nfs", ".fuse_hidden"];

/// Whether a path is such a file, or lies in such a folder.
pub(crate) fn is_litter(path: &str) -> bool {
    path.split('/').any(|part| {
        PREFIXES.iter().any(|prefix| part.starts_with(prefix))
            || NAMES.iter().any(|name| part.eq_ignore_ascii_case(name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_system_are_told_from_files_for_clients() {
        for litter in [
            ".DS_Store",
            "tarballs/._foo-1.0.0.tar",
            "packages/.gitkeep",
            "packages/Desktop.ini",
            "docs/THUMBS.DB",
            "lost+found",
            "tarballs/.nfs000000000001",
        ] {
            assert!(is_litter(litter), "{litter}");
        }
        for other in [
            "",
            "names",
            "packages/git",
            ".git/config",
            "packages/thumbs",
            "tarballs/foo-1.0.0.tar",
            "tarballs/.foo-1.0.0.tar",
            "git/example.com/foo.git/HEAD",
            ".hexreg-mirror/state",
            "README.md",
            ".env",
        ] {
            assert!(!is_litter(other), "{other}");
        }
    }
}
