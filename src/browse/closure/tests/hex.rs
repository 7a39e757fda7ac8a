//! `fixtures/solver/answers.txt` has random registries, each with the set that Hex's own solver chose.

use std::fs;
use std::path::Path;

use super::*;

/// Hex gives up on an optional dependency that is missing, once it has tried a release that needs the same package and has
/// gone back. There is a set, and it is found if the missing package is listed without a version.
const HEX_GIVES_UP: [&str; 1] = ["218: a 0.2.0, f 0.1.0 in place of none"];

#[test]
fn the_set_is_the_one_that_hex_chooses() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/solver/answers.txt");
    let path = std::env::var_os("HEXREG_SOLVER_ANSWERS").map_or(path, Into::into);
    let text = fs::read_to_string(path).unwrap();
    let (mut solved, mut unsolvable) = (0, 0);
    let mut others = Vec::new();
    for case in text.split("# ").skip(1) {
        let (number, case) = case.split_once('\n').unwrap();
        let (registry, answer) = case.split_once("\n? ").unwrap();
        let (root, answer) = answer.trim().split_once('\n').unwrap();
        let found = closure_of(&packages(registry), root);
        let found_set = match found.outcome {
            ClosureOutcome::Complete => set(&found),
            _ => "none".to_owned(),
        };
        let expected = answer.strip_prefix("= ").unwrap_or("none");
        if expected == "none" {
            unsolvable += 1;
        } else {
            solved += 1;
        }
        if found_set != expected {
            others.push(format!("{number}: {found_set} in place of {expected}"));
        }
    }
    assert!(solved > 100 && unsolvable > 50, "{solved}, {unsolvable}");
    assert_eq!(others, HEX_GIVES_UP);
}
