//! The search of packages, on 20,000 of them: memory, loading, one update, and how long queries take.
//!
//! ```console
//! $ cargo bench --bench search             # figures, then time, compared with the last run
//! $ cargo bench --bench search -- --test   # the figures alone
//! ```

#![expect(missing_docs, reason = "criterion's macros make public functions")]
#![expect(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "the input is made here"
)]

use std::collections::BTreeSet;
use std::fs;
use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use fastrand::Rng;
use hexreg::browse::index::{
    IndexedPackage, Inside, PackageDependency, PackageIndex, PackageInside, Query,
};
use hexreg::package::UnixSeconds;

const PACKAGES: usize = 20_000;
const VOCABULARY: usize = 200_000;
const WORDS_OF_README: usize = 300;
const DEFINITIONS: usize = 100;
const THREADS: usize = 16;

/// A word of two to four syllables for each number; smaller numbers are more common words.
fn word(number: usize) -> String {
    const SYLLABLES: [&str; 32] = [
        "ca", "ser", "con", "ta", "pro", "lo", "ri", "en", "de", "map", "in", "sta", "re", "pa",
        "co", "fi", "un", "la", "mi", "tor", "ne", "ra", "su", "ve", "ho", "ki", "bo", "dy", "ex",
        "gu", "ja", "wi",
    ];
    let mut rest = number + 32;
    let mut word = String::new();
    while rest > 0 {
        word.push_str(SYLLABLES[rest % 32]);
        rest /= 32;
    }
    word
}

/// A number of which small ones are likelier: the second half as often as the first, the third a third as often.
fn zipf(rng: &mut Rng, below: usize) -> usize {
    ((below as f64).powf(rng.f64()) as usize).min(below - 1)
}

fn sentence(rng: &mut Rng, length: usize) -> String {
    (0..length).map(|_| word(zipf(rng, VOCABULARY))).collect::<Vec<_>>().join(" ")
}

fn name(number: usize) -> String {
    format!("{}_{}", word(number % 150 * 7), word(number / 150 * 11 + 5_000))
}

fn package(number: usize) -> IndexedPackage {
    let mut rng = Rng::with_seed(number as u64);
    let mut words = BTreeSet::new();
    while words.len() < WORDS_OF_README {
        words.insert(word(zipf(&mut rng, VOCABULARY)));
    }
    let camel = |text: &str| text[..1].to_uppercase() + &text[1..];
    let module: String = name(number).split('_').map(camel).collect();
    let definitions = (0..DEFINITIONS).map(|at| {
        let object = word(zipf(&mut rng, 20_000));
        if at % 8 == 0 {
            return format!("{module}.{}", camel(&object));
        }
        format!("{module}.{}_{object}/{}", word(zipf(&mut rng, 500)), rng.usize(0..4))
    });
    let definitions: Vec<String> = definitions.collect();
    IndexedPackage {
        name: name(number).parse().unwrap(),
        version: Some(format!("{}.{}.0", rng.u8(0..4), rng.u8(0..20)).parse().unwrap()),
        releases: rng.usize(1..40),
        published_at: Some(UnixSeconds(1_600_000_000 + rng.i64(0..100_000_000))),
        updated_at: Some(UnixSeconds(1_700_000_000)),
        first_published_at: Some(UnixSeconds(1_500_000_000)),
        is_retired: false,
        advisories: 0,
        dependencies: (0..rng.usize(0..8))
            .map(|_| PackageDependency { repository: None, name: name(zipf(&mut rng, PACKAGES)) })
            .collect(),
        source: [0; 32],
        inside: Inside::Read(PackageInside {
            source: [0; 32],
            definitions,
            description: sentence(&mut Rng::with_seed(number as u64), 12),
            licenses: vec![if number % 3 == 0 { "Apache-2.0" } else { "MIT" }.to_owned()],
            words: words.into_iter().collect(),
        }),
    }
}

fn queries() -> Vec<Query> {
    let mut rng = Rng::with_seed(7);
    let mut texts = Vec::new();
    for at in 0..40 {
        let (common, rare) = (word(zipf(&mut rng, 2_000)), word(zipf(&mut rng, VOCABULARY)));
        texts.push(common.clone());
        texts.push(format!("{common} {rare}"));
        texts.push(format!("{common} {} {}", word(at), word(at + 1)));
        texts.push(name(rng.usize(0..PACKAGES)));
        texts.push(name(rng.usize(0..PACKAGES)).replacen('a', "", 1));
        texts.push(rare[..4].to_owned());
        texts.push(common[..2].to_owned());
        texts.push(format!("{common} license:mit depends:{}", name(at)));
        texts.push(format!("{common}_{rare}/2"));
    }
    texts.iter().map(|text| Query::parse(text)).collect()
}

fn search(index: &PackageIndex, query: &Query) -> usize {
    index.search(query, &|_| true, 0, 30).total
}

/// Resident memory in bytes, on Linux.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<usize>().ok());
    kilobytes.unwrap_or_default() * 1024
}

fn percentiles(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    format!("p50 {:?}, p95 {:?}, worst {:?}", at(50), at(95), at(100))
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let result = work();
    println!("{what}: {:?}", started.elapsed());
    result
}

fn figures(index: &PackageIndex, file: &[u8]) {
    println!("packages: {}, file: {} bytes", index.len(), file.len());
    println!("memory by its own count: {} bytes", index.memory());
    let queries = queries();
    let time = |query: &Query| {
        let started = Instant::now();
        black_box(search(index, query));
        started.elapsed()
    };
    println!("alone: {}", percentiles(queries.iter().map(time).collect()));
    let times = thread::scope(|scope| {
        let run = |from: usize| {
            let turned = queries.iter().cycle().skip(from * 20).take(queries.len());
            turned.map(time).collect::<Vec<_>>()
        };
        let threads: Vec<_> = (0..THREADS).map(|at| scope.spawn(move || run(at))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    println!("{THREADS} at once: {}", percentiles(times));
    let mut slowest: Vec<_> = queries.iter().map(|query| (time(query), query)).collect();
    slowest.sort_by_key(|(time, _)| *time);
    for (time, query) in slowest.iter().rev().take(3) {
        println!("slow: {time:?} {:?}, {} found", query.to_string(), search(index, query));
    }
}

fn benches(criterion: &mut Criterion) {
    let file = {
        let mut index = PackageIndex::new();
        timed("made, with its corpus", || index.update((0..PACKAGES).map(package)));
        timed("encoded", || index.encode())
    };
    let before = resident();
    let mut index = timed("loaded", || PackageIndex::decode(&file).unwrap());
    println!("resident: {} bytes more than before", resident().saturating_sub(before));
    let again = package(4);
    timed("one package again", || index.update([again.clone()]));
    let shared = index.clone();
    timed("one package again, while others search", || index.update([again]));
    drop(shared);
    timed("one package more", || index.update([package(PACKAGES)]));
    figures(&index, &file);

    let mut group = criterion.benchmark_group("search");
    for text in ["caser", "caser con", "json", &name(77), "license:mit serca"] {
        let query = Query::parse(text);
        group.bench_function(text, |bencher| bencher.iter(|| search(&index, black_box(&query))));
    }
    group.finish();
}

criterion_group!(search_of_packages, benches);
criterion_main!(search_of_packages);
