use std::io;

use super::*;

fn index() -> (DocsIndex, Arc<MemoryFiles>) {
    let records = (0..600).map(|at| record("function", &format!("M.f{at}/1"), "some text of it"));
    index_of(vec![
        docs("a", "1.0.0", records.collect()),
        docs("b", "1.0.0", vec![record("module", "B", "text")]),
    ])
}

#[test]
fn what_is_missing_is_not_found_and_an_update_says_so() {
    let (_, files) = index();
    for name in files.names().into_iter().filter(|name| !name.starts_with("docs-index")) {
        let (_, files) = index();
        files.remove(&name);
        let mut opened = DocsIndex::open(files);
        assert!(search(&opened, "text").hits.len() <= 20);
        let removed = [id("a", "1.0.0")];
        let changes =
            DocsChanges { removed: &removed, added: &mut std::iter::empty(), rank: &rank };
        let error = opened.update(changes).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(error.to_string().contains(&name), "{error}");
    }
    files.remove(MANIFEST);
    assert_eq!(DocsIndex::open(files).docs().count(), 0);
}

#[test]
fn a_state_of_another_manifest_is_not_believed() {
    let (_, files) = index();
    let (_, other) = index_of(vec![docs("c", "1.0.0", vec![record("module", "C", "")])]);
    files.write(STATE, &other.read(STATE).unwrap().unwrap()).unwrap();
    let opened = DocsIndex::open(files);
    assert!(opened.docs().all(|(_, source)| source.is_none()));
    assert_eq!(search(&opened, "text").total, 601);
}

/// Files with the right digest, and any bytes in them: what a hostile bucket may have.
#[test]
fn any_bytes_are_read_without_a_panic() {
    use super::super::chunk::RecordFile;
    use super::super::container::{FileKind, IndexFile};
    use super::super::manifest::IndexManifest;
    use super::super::term_file::TermFile;

    let (index, files) = index();
    let mut random = 7_u64;
    for _ in 0..250 {
        let mut next = || {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) as usize
        };
        let mut manifest = IndexManifest::clone(&index.manifest);
        for kind in [FileKind::Terms, FileKind::Records] {
            let id = match kind {
                FileKind::Terms => &mut manifest.terms[0].id,
                _ => manifest.records[0].as_mut().unwrap(),
            };
            let file = IndexFile { kind, id: *id };
            let mut raw = file.decode(&files.read(&file.name()).unwrap().unwrap()).unwrap();
            for _ in 0..=next() % 4 {
                let at = next() % raw.len();
                raw[at] = u8::try_from(next() % 256).unwrap();
            }
            raw.truncate(raw.len() - next() % 3);
            let records = RecordFile::decode(raw.clone());
            let _ = (TermFile::decode(raw.clone()), records.and_then(RecordFile::into_groups));
            let changed = IndexFile::of(kind, &raw);
            files.write(&changed.name(), &changed.encode(&raw)).unwrap();
            *id = changed.id;
        }
        files.write(MANIFEST, &manifest.encode()).unwrap();
        let opened = DocsIndex::open(files.clone());
        assert!(search(&opened, "text of").hits.len() <= 20);
        assert!(search(&opened, "m.f").hits.len() <= 20);
    }
}

#[test]
fn a_damaged_manifest_is_no_index() {
    let (_, files) = index();
    let script = files.read(MANIFEST).unwrap().unwrap();
    for at in (0..script.len()).step_by(7) {
        let mut damaged = script.clone();
        damaged[at] ^= 2;
        files.write(MANIFEST, &damaged).unwrap();
        assert_eq!(DocsIndex::open(files.clone()).docs().count(), 0, "{at}");
    }
}
