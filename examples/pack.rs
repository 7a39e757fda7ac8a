//! Packs directories into package tarballs: the samples in `fixtures/samples` are made with it.
//!
//! ```console
//! $ cargo run --example pack -- fixtures/samples/tarballs fixtures/samples/*-*/
//! ```
//!
//! Each directory holds a `metadata.config` and the package's files; the tarball is called after the
//! directory.

use std::error::Error;
use std::fs;
use std::path::Path;

use hexreg::tarball;
use walkdir::WalkDir;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let target = arguments.next().ok_or("usage: pack TARGET_DIR PACKAGE_DIR...")?;
    fs::create_dir_all(&target)?;
    for directory in arguments {
        let directory = Path::new(&directory);
        let name = directory.file_name().ok_or("a package directory has a name")?;
        let tarball = Path::new(&target).join(name.to_string_lossy().into_owned() + ".tar");
        fs::write(tarball, pack(directory)?)?;
    }
    Ok(())
}

fn pack(directory: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    let metadata = fs::read_to_string(directory.join("metadata.config"))?;
    let mut files = Vec::new();
    for entry in WalkDir::new(directory).sort_by_file_name() {
        let entry = entry?;
        let path = entry.path().strip_prefix(directory)?;
        if entry.file_type().is_file() && path != Path::new("metadata.config") {
            let path = path.to_str().ok_or("a path is UTF-8")?.to_owned();
            files.push((path, fs::read(entry.path())?));
        }
    }
    let files: Vec<(&str, &[u8])> = files.iter().map(|(path, data)| (&**path, &**data)).collect();
    Ok(tarball::create(&metadata, &files)?)
}
