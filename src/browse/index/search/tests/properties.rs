//! What holds for every index and query.

#![expect(clippy::arithmetic_side_effects, reason = "the numbers are small")]

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::string::string_regex;

use super::*;

const WORDS: &str = "(http|cache|csv|json|parse|parser|Über|日本語|foo_bar|FooBar|the|a1|x)";

fn packages() -> impl Strategy<Value = BTreeMap<String, IndexedPackage>> {
    let name =
        prop_oneof!["[a-c][A-C0-9_a-c]{0,4}", "(http|cache|csv|json|the)(_(http|cache|x)){0,2}"];
    let text = || string_regex(&format!("{WORDS}( {WORDS}){{0,4}}")).unwrap();
    let definitions = format!("{WORDS}[.]{WORDS}/[0-2]( {WORDS}[.]{WORDS}){{0,2}}");
    let definitions = string_regex(&definitions).unwrap();
    let described = (text(), text(), definitions, vec("[a-c]{1,2}", 0..3), 0_i64..4);
    btree_map(name, described, 0..30).prop_map(|described| {
        let packages =
            described.into_iter().map(|(name, (about, readme, definitions, on, time))| {
                let on: Vec<&str> = on.iter().map(String::as_str).collect();
                let mut one = depending(package(&name, &about, &readme, &definitions), &on);
                one.published_at = (time > 0).then_some(UnixSeconds(time));
                if time == 3 {
                    one.inside = Inside::Unread;
                }
                (name, one)
            });
        packages.collect()
    })
}

fn queries() -> impl Strategy<Value = Vec<String>> {
    let words = string_regex(&format!("{WORDS}( {WORDS}){{0,2}}")).unwrap();
    let mixed = format!("(name:|depends:|license:)?[a-cA-C*]{{1,2}} {WORDS}");
    let mixed = string_regex(&mixed).unwrap();
    let marks = "[a-c_*:/.\"0-9 ]{0,8}";
    vec(prop_oneof![words, mixed, marks, "(?s).{0,12}"], 1..6)
}

/// All that an index answers.
fn answers(index: &PackageIndex, queries: &[String]) -> Vec<(Found, Vec<Hit>)> {
    let answer = |text: &String| {
        let found = index.search(&Query::parse(text), &|_| true, 0, 100);
        (found, index.suggest(text, &|_| true, 5))
    };
    queries.iter().map(answer).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_name_finds_its_package_first(packages in packages()) {
        let index = index(packages.values().cloned());
        for name in packages.keys() {
            let found = index.search(&Query::parse(name), &|_| true, 0, 1);
            prop_assert_eq!(found.hits[0].name.as_str(), name);
            prop_assert_eq!(found.hits[0].why, MatchKind::ExactName);
        }
    }

    #[test]
    fn pages_have_every_package_once(
        packages in packages(),
        queries in queries(),
        size in 1_usize..7,
    ) {
        let index = index(packages.values().cloned());
        for text in queries.iter().map(String::as_str).chain([""]) {
            let query = Query::parse(text);
            let whole = index.search(&query, &|_| true, 0, usize::MAX);
            prop_assert_eq!(whole.hits.len(), whole.total);
            if query.is_empty() {
                prop_assert_eq!(whole.total, packages.len());
            }
            let pages = (0..=whole.total / size)
                .map(|page| index.search(&query, &|_| true, page * size, size).hits);
            prop_assert_eq!(pages.collect::<Vec<_>>().concat(), whole.hits);
        }
    }

    #[test]
    fn an_index_answers_the_same_however_it_came_to_be(
        packages in packages(),
        queries in queries(),
        order in any::<u64>(),
        removed in vec(any::<Index>(), 0..6),
    ) {
        let mut kept = packages.clone();
        let names: Vec<&String> = packages.keys().collect();
        for at in removed.iter().filter(|_| !names.is_empty()) {
            kept.remove(at.get(&names).as_str());
        }
        let plain = index(kept.values().cloned());
        let expected = answers(&plain, &queries);

        // One by one, in another order, twice, with other texts at first, and some are removed again.
        let mut other = PackageIndex::new();
        let mut shuffled: Vec<IndexedPackage> = packages.values().cloned().collect();
        fastrand::Rng::with_seed(order).shuffle(&mut shuffled);
        for one in &shuffled {
            let old = package(one.name.as_str(), "csv cache", "x", "Foo.bar/1");
            other.update([depending(old, &["b"])]);
        }
        let snapshot = other.clone();
        let before = answers(&snapshot, &queries);
        for some in shuffled.chunks(3) {
            other.update(some.iter().chain(some).cloned());
        }
        let gone = packages.iter().filter(|(name, _)| !kept.contains_key(*name));
        let gone: Vec<&PackageName> = gone.map(|(_, package)| &package.name).collect();
        other.remove(gone);
        prop_assert_eq!(&answers(&other, &queries), &expected);
        // Searches of an earlier state are not disturbed.
        prop_assert_eq!(answers(&snapshot, &queries), before);

        let mut again = PackageIndex::decode(&other.encode()).unwrap();
        prop_assert_eq!(&answers(&again, &queries), &expected);
        for (name, package) in &kept {
            let row = again.get(&package.name).unwrap();
            prop_assert_eq!(&row, &plain.get(&package.name).unwrap());
            prop_assert_eq!(again.dependents(name), plain.dependents(name));
        }
        prop_assert_eq!((again.len(), again.unread()), (plain.len(), plain.unread()));
        // What was read from a file goes on like any other.
        again.update(packages.values().cloned());
        let all = index(packages.values().cloned());
        prop_assert_eq!(answers(&again, &queries), answers(&all, &queries));
    }

    #[test]
    fn a_damaged_file_is_refused(
        packages in packages(),
        at in any::<Index>(),
        bit in 0_u8..8,
        cut in any::<Index>(),
    ) {
        let file = index(packages.values().cloned()).encode();
        let mut damaged = file.clone();
        damaged[at.index(file.len())] ^= 1 << bit;
        prop_assert!(PackageIndex::decode(&damaged).is_none());
        prop_assert!(PackageIndex::decode(&file[..cut.index(file.len())]).is_none());
    }

    /// Damage that has a right digest: any program that can write the file could make one.
    #[test]
    fn a_wrong_file_is_no_panic(
        packages in packages(),
        damage in vec((any::<Index>(), any::<u8>()), 1..6),
        queries in queries(),
    ) {
        let mut file = index(packages.values().cloned()).encode();
        let start = file.iter().position(|byte| *byte == b'\n').unwrap() + 1 + blake3::OUT_LEN;
        for (at, byte) in damage {
            let at = start + at.index(file.len() - start);
            file[at] = byte;
        }
        let digest = blake3::hash(&file[start..]);
        file[start - blake3::OUT_LEN..start].copy_from_slice(digest.as_bytes());
        if let Some(mut index) = PackageIndex::decode(&file) {
            let _ = answers(&index, &queries);
            index.update(packages.into_values());
            let _ = answers(&index, &queries);
            let _ = index.encode();
        }
    }
}
