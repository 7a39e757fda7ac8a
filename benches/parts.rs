//! What a build spends its time on, part by part, so that a regression has an address.
//!
//! ```console
//! $ cargo bench                          # time, compared with the last run
//! $ cargo bench -- --save-baseline old   # … or with a named one
//! ```
//!
//! On a machine that does other things too, compare instructions instead, which repeat exactly:
//! `valgrind --tool=callgrind target/release/hexreg build …` for two builds of the binary.

#![expect(missing_docs, reason = "criterion's macros make public functions")]
#![expect(clippy::unwrap_used, reason = "the input is made here")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hexreg::checksum::{InnerChecksum, OuterChecksum};
use hexreg::key::{NewKeyBits, PrivateKey};
use hexreg::package::{Dependency, Release, Remarks, Requirement};
use hexreg::registry::{Gzip, Releases, Signed};
use hexreg::tarball::{Limits, Metadata, Unpacker, create};

const NEEDED: usize = 4;

fn metadata() -> Metadata {
    let requirement = |number| Dependency {
        package: format!("package_{number}"),
        requirement: Requirement("~> 1.0".to_owned()),
        optional: false,
        app: format!("package_{number}"),
        repository: None,
    };
    Metadata {
        name: Some("foo".parse().unwrap()),
        version: "1.0.0".parse().unwrap(),
        app: Some("foo".to_owned()),
        requirements: (0..NEEDED).map(requirement).collect(),
    }
}

/// Text that deflate makes about a quarter of, as it does of source code.
fn source(bytes: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let words = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        format!("word_{} ", state >> 54).into_bytes()
    });
    words.flatten().take(bytes).collect()
}

fn unpack(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("unpack");
    for size in [4_000, 400_000] {
        let source = source(size);
        let tarball = create(&metadata().to_string(), &[("lib/foo.ex", &source)]).unwrap();
        group.throughput(Throughput::Bytes(tarball.len() as u64));
        let mut unpacker = Unpacker::new(Limits::HEX);
        group.bench_function(format!("{size} bytes of source"), |bencher| {
            bencher.iter(|| unpacker.unpack(black_box(&tarball)).unwrap());
        });
    }
}

fn parse_metadata(criterion: &mut Criterion) {
    let text = metadata().to_string();
    criterion.bench_function("metadata", |bencher| {
        bencher.iter(|| Metadata::parse(black_box(text.as_bytes())).unwrap());
    });
}

/// A package of as many releases as popular ones have.
fn releases() -> Releases {
    let release = |minor| Release {
        version: format!("1.{minor}.0").parse().unwrap(),
        inner_checksum: InnerChecksum::from_bytes([1; 32]),
        outer_checksum: OuterChecksum::from_bytes([2; 32]),
        dependencies: metadata().requirements,
        remarks: Remarks::default(),
    };
    let releases = (0..100).map(release).collect();
    Releases::new("acme".parse().unwrap(), "foo".parse().unwrap(), releases)
}

fn resource(criterion: &mut Criterion) {
    let (releases, key) = (releases(), PrivateKey::generate(NewKeyBits::Bits2048).unwrap());
    let payload = releases.encode();
    let signed = payload.sign(&key).unwrap();
    let mut gzip = Gzip::new();
    let file = signed.to_gzip(&mut gzip);
    let mut group = criterion.benchmark_group("resource");
    group.bench_function("encode", |bencher| bencher.iter(|| black_box(&releases).encode()));
    group.bench_function("decode", |bencher| {
        bencher.iter(|| Releases::decode(black_box(&payload)).unwrap());
    });
    group
        .bench_function("sign", |bencher| bencher.iter(|| black_box(&payload).sign(&key).unwrap()));
    group.bench_function("verify", |bencher| {
        let signed = Signed::from_gzip(&file).unwrap();
        bencher.iter(|| black_box(&signed).verify(key.public_key()).unwrap());
    });
    group.bench_function("gzip", |bencher| bencher.iter(|| black_box(&signed).to_gzip(&mut gzip)));
    group.bench_function("gunzip", |bencher| {
        bencher.iter(|| Signed::from_gzip(black_box(&file)).unwrap());
    });
}

criterion_group!(parts, unpack, parse_metadata, resource);
criterion_main!(parts);
