use proptest::prelude::*;

use super::*;

const WORDS: [&str; 14] = [
    "map",
    "Enum.map/2",
    "reduce",
    "parse_csv",
    "GenServer",
    "parsing",
    "parses",
    "the",
    "if",
    "valid?",
    "@spec",
    "list",
    "lists:map/2",
    "日本語",
];

fn words() -> impl Strategy<Value = String> {
    prop::collection::vec(0..WORDS.len(), 1..6)
        .prop_map(|all| all.iter().map(|at| WORDS[*at]).collect::<Vec<_>>().join(" "))
}

/// A package, a version, and titles and texts of records.
type Step = (u8, u8, Vec<(String, String)>);

fn some_docs() -> impl Strategy<Value = Vec<Step>> {
    let records = prop::collection::vec((words(), words()), 0..12);
    prop::collection::vec((0..6_u8, 0..2_u8, records), 1..14)
}

fn indexed(package: u8, version: u8, records: &[(String, String)]) -> IndexedDocs {
    let records = records.iter().map(|(title, text)| record("function", title, text));
    let package = "p".repeat(usize::from(package % 3) + 1) + &package.to_string();
    docs(&package, &format!("{version}.0.0"), records.collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Each step replaces a documentation, or removes it where it has no record.
    #[test]
    fn many_steps_find_what_one_finds(steps in some_docs(), queries in prop::collection::vec(words(), 1..6)) {
        let files = Arc::new(MemoryFiles::default());
        let mut index = DocsIndex::open(files.clone());
        let mut left: Vec<IndexedDocs> = Vec::new();
        for (package, version, records) in &steps {
            let docs = indexed(*package, *version, records);
            left.retain(|one| one.id != docs.id);
            let id = docs.id.clone();
            let updated = if records.is_empty() {
                update(&mut index, &[id], vec![])
            } else {
                left.push(docs.clone());
                update(&mut index, &[], vec![docs])
            };
            for name in &updated.removed {
                files.remove(name);
            }
            prop_assert_eq!(index.file_names().unwrap(), files.names());
        }
        let (at_once, _) = index_of(left.clone());
        left.reverse();
        let (reversed, _) = index_of(left);
        let opened = DocsIndex::open(files);
        for query in &queries {
            let expected = search(&at_once, query);
            prop_assert_eq!(&search(&index, query), &expected);
            prop_assert_eq!(&search(&reversed, query), &expected);
            prop_assert_eq!(&search(&opened, query), &expected);
        }
        prop_assert_eq!(index.records(), at_once.records());
    }
}

#[test]
fn the_same_documentations_make_the_same_files() {
    let all = || {
        let of = |package: &str, count: usize| {
            let records =
                (0..count).map(|at| record("function", &format!("M.f{at}/1"), "some text"));
            docs(package, "1.0.0", records.collect())
        };
        vec![of("a", 300), of("b", 3), of("c", 700)]
    };
    let ((_, one), (_, two)) = (index_of(all()), index_of(all()));
    assert_eq!(one.names(), two.names());
    for name in one.names() {
        assert_eq!(one.read(&name).unwrap(), two.read(&name).unwrap(), "{name}");
    }
}

#[test]
fn an_update_writes_what_changes() {
    let of = |package: &str, word: &str| docs(package, "1.0.0", vec![record("module", word, word)]);
    let all: Vec<_> = (0..2_000_u32)
        .map(|at| {
            let digest = blake3::hash(&at.to_le_bytes()).to_hex();
            of(&format!("p{at}"), digest.split_at(12).0)
        })
        .collect();
    let (mut index, files) = index_of(all);
    let before = files.names();
    assert!(before.len() > 8, "{}", before.len());
    assert_eq!(update(&mut index, &[], vec![]), UpdatedFiles::default());
    let updated = update(&mut index, &[], vec![of("new", "zzzz")]);
    // A file of terms, and one of records; beside them, the manifest.
    assert_eq!(updated.written.len(), 2, "{updated:?}");
    assert!(updated.removed.len() <= 2, "{updated:?}");
    // A clone from before searches its state as long as the files are there.
    assert_eq!(titles(&index, "zzzz"), ["zzzz"]);
    let id = index.docs().find(|(id, _)| id.package == "new").unwrap();
    assert_eq!(id.1, Some(&[5; 32]));
}
