//! Without its features hexreg depends on less than half of the packages, and on no more than 150.

use std::collections::BTreeSet;
use std::process::Command;

/// The packages that are compiled for a normal build, build scripts and procedural macros among them: each
/// version of each name once, hexreg itself included.
fn packages(options: &[&str]) -> BTreeSet<String> {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--edges=normal,build", "--prefix=none"])
        .args(["--no-dedupe", "--format={p}"])
        .args(options)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).unwrap();
    // `NAME VERSION`, and behind it a path or `(proc-macro)`.
    let packages = tree.lines().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" "));
    packages.filter(|package| !package.is_empty()).collect()
}

#[test]
fn without_features_hexreg_depends_on_less_than_half() {
    let all = packages(&[]);
    assert!(all.iter().any(|package| package.starts_with("hyper v")), "{all:?}");
    let few = packages(&["--no-default-features"]);
    assert!(few.iter().any(|package| package.starts_with("hexreg v")), "{few:?}");
    assert!(few.is_subset(&all), "{:?}", few.difference(&all));
    assert!(few.len() <= 150, "{}: {few:?}", few.len());
    assert!(few.len() * 2 < all.len(), "{} of {}: {few:?}", few.len(), all.len());
}
