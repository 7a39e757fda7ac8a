//! Merges postings into the files of terms, without those of documentations that went.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io;

use rayon::prelude::*;

use super::written_files::WrittenFiles;
use crate::docs::search::container::{FileKind, IndexFile};
use crate::docs::search::index::damaged;
use crate::docs::search::manifest::TermsEntry;
use crate::docs::search::pending::{PendingTerm, PendingTerms};
use crate::docs::search::postings::{PostingKind, PostingReader, PostingWriter, docs_of};
use crate::docs::search::term_file::{
    self, BlockEntry, COMMON, ReadTerm, ReadTexts, TARGET, TermEntry, TermFile, TextPostings,
    cut_into_blocks, decode_block,
};

/// How many files are in memory at once.
const WINDOW: usize = 64;

type NewTerm = (Box<str>, PendingTerm);

/// A file after the merge.
enum Merged {
    Unchanged(TermsEntry),
    Changed(Vec<TermEntry>),
}

/// The files of terms with new postings, and without those of documentations that went.
pub(super) fn merge(
    files: &WrittenFiles,
    entries: &[TermsEntry],
    pending: PendingTerms,
    dropped: &HashSet<u32>,
) -> io::Result<Vec<TermsEntry>> {
    let new = pending.into_sorted();
    let mut rest = new.as_slice();
    // What comes before the first term of the next file, or before all, belongs to this one.
    let mut work: Vec<(Option<&TermsEntry>, &[NewTerm])> = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        let next = entries.get(at.saturating_add(1));
        let end =
            next.map_or(rest.len(), |next| rest.partition_point(|(term, _)| **term < *next.first));
        let (mine, others) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        work.push((Some(entry), mine));
        rest = others;
    }
    if !rest.is_empty() {
        work.extend(rest.chunks(WINDOW.saturating_mul(256)).map(|terms| (None, terms)));
    }
    let mut merged = Vec::new();
    for window in work.chunks(WINDOW) {
        let window = window.par_iter().map(|(entry, new)| merge_file(files, *entry, new, dropped));
        let mut changed = Vec::new();
        for file in window.collect::<io::Result<Vec<_>>>()? {
            match file {
                Merged::Changed(terms) => changed.extend(terms),
                Merged::Unchanged(entry) => {
                    merged.extend(write(files, std::mem::take(&mut changed))?);
                    merged.push(entry);
                }
            }
        }
        merged.extend(write(files, changed)?);
    }
    Ok(merged)
}

fn merge_file(
    files: &WrittenFiles,
    entry: Option<&TermsEntry>,
    new: &[NewTerm],
    dropped: &HashSet<u32>,
) -> io::Result<Merged> {
    let mut file = None;
    if let Some(entry) = entry {
        if new.is_empty() && dropped.is_empty() {
            return Ok(Merged::Unchanged(entry.clone()));
        }
        let named = IndexFile { kind: FileKind::Terms, id: entry.id };
        let found = TermFile::decode(files.read(named)?).ok_or_else(|| damaged(named))?;
        if new.is_empty() && !has_any_term(files, &found, dropped)? {
            return Ok(Merged::Unchanged(entry.clone()));
        }
        file = Some((named, found));
    }
    let old = file.iter().flat_map(|(_, found)| found.terms_from(0));
    let mut is_changed = !new.is_empty();
    let mut terms = Vec::new();
    let (mut old, mut new) = (old.peekable(), new.iter().peekable());
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => break,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(old), Some((term, _))) => old.name.cmp(term),
        };
        let known = if order.is_le() { old.next() } else { None };
        let added = if order.is_ge() { new.next() } else { None };
        let (term, has_changed) = merge_term(files, known, added, dropped)?;
        is_changed |= has_changed;
        if !term.titles.is_empty() || term.text_count > 0 {
            terms.push(term);
        }
    }
    match (entry, &file) {
        (Some(entry), _) if !is_changed => Ok(Merged::Unchanged(entry.clone())),
        (_, file) => {
            if let Some((named, _)) = file {
                files.remove(*named);
            }
            Ok(Merged::Changed(terms))
        }
    }
}

/// A term with new postings, and without those that went; and whether it has changed.
fn merge_term(
    files: &WrittenFiles,
    known: Option<ReadTerm<'_>>,
    added: Option<&NewTerm>,
    dropped: &HashSet<u32>,
) -> io::Result<(TermEntry, bool)> {
    match (known, added) {
        (Some(known), None) if !has_any(files, known, dropped)? => {
            return Ok((known.to_entry(), false));
        }
        _ => {}
    }
    let name = known.map(|known| known.name).or(added.map(|(term, _)| &**term));
    let name = name.unwrap_or_default().to_owned();
    let empty: &[u8] = &[];
    let (new_titles, new_texts) =
        added.map_or((empty, empty), |(_, new)| (&new.titles.bytes, &new.texts.bytes));
    let old_titles = known.map_or(empty, |known| known.titles);
    let titles = merge_postings(PostingKind::Title, old_titles, new_titles, dropped);
    let old_texts = known.map_or(Ok(Cow::Borrowed(empty)), |known| texts(files, known))?;
    let texts = merge_postings(PostingKind::Text, &old_texts, new_texts, dropped);
    let has_changed = added.is_some() || titles.bytes != *old_titles || texts.bytes != *old_texts;
    let old_blocks = match known {
        Some(known) if !has_changed => return Ok((known.to_entry(), false)),
        Some(ReadTerm { texts: ReadTexts::Blocks(bytes), .. }) => {
            term_file::blocks(bytes).collect()
        }
        _ => Vec::new(),
    };
    let mut blocks = Vec::new();
    if texts.count >= COMMON {
        for (first, postings) in cut_into_blocks(&texts.bytes) {
            let raw = term_file::encode_block(&name, &postings);
            let id = IndexFile::of(FileKind::Blocks, &raw).id;
            if !old_blocks.iter().any(|old| old.id == id) {
                files.write(FileKind::Blocks, &raw)?;
            }
            blocks.push(BlockEntry { first, id });
        }
    }
    for old in &old_blocks {
        if !blocks.iter().any(|new| new.id == old.id) {
            files.remove(IndexFile { kind: FileKind::Blocks, id: old.id });
        }
    }
    let merged = TermEntry {
        term: name,
        titles: titles.bytes,
        text_count: texts.count,
        texts: if blocks.is_empty() {
            TextPostings::Inline(texts.bytes)
        } else {
            TextPostings::Blocks(blocks)
        },
    };
    Ok((merged, true))
}

/// Whether a file has a term that is in one of these documentations.
fn has_any_term(files: &WrittenFiles, found: &TermFile, docs: &HashSet<u32>) -> io::Result<bool> {
    for term in found.terms_from(0) {
        if has_any(files, term, docs)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a term is in one of these documentations. Most terms are in none of those that went, and need not be written.
fn has_any(files: &WrittenFiles, known: ReadTerm<'_>, docs: &HashSet<u32>) -> io::Result<bool> {
    if docs.is_empty() {
        return Ok(false);
    }
    let is_in = |kind, bytes: &[u8]| {
        let mut numbers = PostingReader::new(bytes, kind).map(|(key, _)| docs_of(key));
        let mut last = None;
        numbers.any(|number| last.replace(number) != Some(number) && docs.contains(&number))
    };
    if is_in(PostingKind::Title, known.titles) {
        return Ok(true);
    }
    let blocks = match known.texts {
        ReadTexts::Inline(bytes) => return Ok(is_in(PostingKind::Text, bytes)),
        ReadTexts::Blocks(bytes) => term_file::blocks(bytes),
    };
    let nexts = blocks.clone().skip(1).map(|block| block.first).chain([u32::MAX]);
    for (block, next) in blocks.zip(nexts) {
        if !docs.iter().any(|number| (block.first..next).contains(number)) {
            continue;
        }
        let file = IndexFile { kind: FileKind::Blocks, id: block.id };
        let raw = files.read(file)?;
        let postings = decode_block(known.name, &raw).ok_or_else(|| damaged(file))?;
        if is_in(PostingKind::Text, postings) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// All postings of a term in texts.
fn texts<'a>(files: &WrittenFiles, term: ReadTerm<'a>) -> io::Result<Cow<'a, [u8]>> {
    match term.texts {
        ReadTexts::Inline(bytes) => Ok(Cow::Borrowed(bytes)),
        ReadTexts::Blocks(bytes) => {
            let mut writer = PostingWriter::default();
            for block in term_file::blocks(bytes) {
                let file = IndexFile { kind: FileKind::Blocks, id: block.id };
                let raw = files.read(file)?;
                let postings = decode_block(term.name, &raw).ok_or_else(|| damaged(file))?;
                for (key, class) in PostingReader::new(postings, PostingKind::Text) {
                    writer.push(PostingKind::Text, key, class);
                }
            }
            Ok(Cow::Owned(writer.bytes))
        }
    }
}

fn merge_postings(
    kind: PostingKind,
    old: &[u8],
    new: &[u8],
    dropped: &HashSet<u32>,
) -> PostingWriter {
    let mut writer = PostingWriter::default();
    let old = PostingReader::new(old, kind).filter(|(key, _)| !dropped.contains(&docs_of(*key)));
    let (mut old, mut new) = (old.peekable(), PostingReader::new(new, kind).peekable());
    loop {
        let next = match (old.peek(), new.peek()) {
            (Some((old_key, _)), Some((new_key, _))) if old_key < new_key => old.next(),
            (Some(_), None) => old.next(),
            _ => new.next(),
        };
        let Some((key, class)) = next else { return writer };
        writer.push(kind, key, class);
    }
}

/// Writes terms into files of about the same size.
fn write(files: &WrittenFiles, terms: Vec<TermEntry>) -> io::Result<Vec<TermsEntry>> {
    let size = terms.iter().fold(0_usize, |sum, term| sum.saturating_add(term.size()));
    let count = size.saturating_add(TARGET / 2).checked_div(TARGET).unwrap_or(1).max(1);
    let target = size.div_ceil(count);
    let mut groups: Vec<Vec<TermEntry>> = Vec::new();
    let mut filled = usize::MAX;
    for term in terms {
        let size = term.size();
        if filled.saturating_add(size / 2) >= target {
            groups.push(Vec::new());
            filled = 0;
        }
        filled = filled.saturating_add(size);
        if let Some(group) = groups.last_mut() {
            group.push(term);
        }
    }
    let written = groups.into_par_iter().filter_map(|group| {
        let first = group.first()?.term.clone();
        let written = files.write(FileKind::Terms, &term_file::encode(&group));
        Some(written.map(|file| TermsEntry { first, id: file.id }))
    });
    written.collect()
}
