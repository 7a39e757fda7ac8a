//! The page that compares two versions of a package.

use askama::Template;

use super::frame::Frame;
use super::text::{counted, grouped, size};
use crate::browse::diff::{
    DiffBody, FileDiff, FileMode, FilesDiff, Hunk, LineKind, MetadataChange, MetadataField,
};
use crate::name::PackageName;
use crate::version::Version;

/// The page that compares two versions.
#[derive(Clone, Copy)]
pub struct DiffPage<'a> {
    /// What is around it.
    pub frame: &'a Frame<'a>,
    /// The package.
    pub name: &'a PackageName,
    /// The old version.
    pub from: &'a Version,
    /// The new version.
    pub to: &'a Version,
    /// What differs in the metadata.
    pub metadata: &'a [MetadataChange],
    /// What differs in the files; `None` if the tarball of a version is not here, or cannot be shown.
    pub files: Option<&'a FilesDiff>,
}

#[derive(Template)]
#[template(path = "browse/diff.html")]
struct DiffTemplate<'a> {
    frame: &'a Frame<'a>,
    name: &'a str,
    from: String,
    to: String,
    versions_url: String,
    from_url: String,
    to_url: String,
    summary: String,
    metadata: Vec<ShownLine>,
    files: Vec<ShownFile>,
    more: Option<String>,
}

struct ShownFile {
    path: String,
    verb: &'static str,
    note: String,
    lines: Vec<ShownLine>,
}

/// A line of a difference.
struct ShownLine {
    kind: ShownKind,
    text: String,
}

enum ShownKind {
    Both,
    Added,
    Removed,
    Place,
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<{{ element }}{% if is_place %} class="hunk"{% endif %}>{{ sign }}{{ text }}
</{{ element }}>"#
)]
struct LineTemplate<'a> {
    element: &'static str,
    is_place: bool,
    sign: &'static str,
    text: &'a str,
}

impl ShownLine {
    /// As an element: a reader who sees no colours is told by it, and by the sign.
    fn html(&self) -> String {
        let (element, sign) = match self.kind {
            ShownKind::Both => ("span", " "),
            ShownKind::Added => ("ins", "+"),
            ShownKind::Removed => ("del", "-"),
            ShownKind::Place => ("span", ""),
        };
        let is_place = matches!(self.kind, ShownKind::Place);
        // Writing into memory cannot fail.
        LineTemplate { element, is_place, sign, text: &self.text }.render().unwrap_or_default()
    }
}

impl DiffPage<'_> {
    /// The page.
    #[must_use]
    pub fn render(&self) -> String {
        let (urls, name) = (&self.frame.urls, self.name.as_str());
        let files = self.files.map(|files| files.files.iter().map(shown_file).collect());
        let more = self.files.filter(|files| files.more > 0);
        let page = DiffTemplate {
            frame: self.frame,
            name,
            from: self.from.to_string(),
            to: self.to.to_string(),
            versions_url: urls.versions(name),
            from_url: urls.release(name, self.from),
            to_url: urls.release(name, self.to),
            summary: self.summary(),
            metadata: self.metadata.iter().flat_map(metadata_lines).collect(),
            files: files.unwrap_or_default(),
            more: more.map(|files| format!("and {} more files", grouped(files.more))),
        };
        // Writing into memory cannot fail.
        page.render().unwrap_or_default()
    }

    fn summary(&self) -> String {
        match self.files {
            None => "The files of a version are not here, or cannot be shown.".to_owned(),
            Some(FilesDiff { added, removed, changed, unchanged, .. }) => format!(
                "{} added, {} removed, {} changed, {} the same",
                counted(*added, "file"),
                grouped(*removed),
                grouped(*changed),
                grouped(*unchanged)
            ),
        }
    }
}

fn metadata_lines(change: &MetadataChange) -> Vec<ShownLine> {
    let field = match change.field {
        MetadataField::Description => "Description",
        MetadataField::License => "Licence",
        MetadataField::Requirement => "Requires",
        MetadataField::Elixir => "Elixir",
        MetadataField::BuildTool => "Built with",
        MetadataField::App => "OTP application",
        MetadataField::Link => "Link",
        MetadataField::Maintainer => "Maintainer",
    };
    let label = if change.label.is_empty() { String::new() } else { format!(" {}", change.label) };
    let line = |kind, value: &String| ShownLine { kind, text: format!("{field}{label}: {value}") };
    let old = change.old.iter().map(|value| line(ShownKind::Removed, value));
    old.chain(change.new.iter().map(|value| line(ShownKind::Added, value))).collect()
}

fn shown_file(file: &FileDiff) -> ShownFile {
    let verb = match (&file.old, &file.new) {
        (None, _) => "added",
        (_, None) => "removed",
        _ => "changed",
    };
    let mode = file
        .changed_mode()
        .map(|(old, new)| format!("Now {}, before {}. ", mode_name(new), mode_name(old)));
    let sizes = || {
        let sizes = [&file.old, &file.new].into_iter().flatten().map(|one| size(one.size as u64));
        sizes.collect::<Vec<_>>().join(" → ")
    };
    let (note, lines) = match &file.body {
        DiffBody::Lines { hunks, is_cut, .. } => {
            let note = if *is_cut { "Some lines are left out: it is too much." } else { "" };
            (note.to_owned(), hunks.iter().flat_map(hunk_lines).collect())
        }
        DiffBody::SameContents => ("The contents are the same.".to_owned(), Vec::new()),
        DiffBody::Binary => (format!("Not a text: {}.", sizes()), Vec::new()),
        DiffBody::LongLines => {
            (format!("Its lines are too long to be compared: {}.", sizes()), Vec::new())
        }
        DiffBody::NotCompared => {
            (format!("Not compared, as there is much before it: {}.", sizes()), Vec::new())
        }
        DiffBody::TooLarge => (format!("Too large to be compared here: {}.", sizes()), Vec::new()),
    };
    let note = format!("{}{note}", mode.unwrap_or_default());
    ShownFile { path: file.shown_path(), verb, note, lines }
}

fn mode_name(mode: FileMode) -> &'static str {
    match mode {
        FileMode::Plain => "a file",
        FileMode::Executable => "an executable file",
        FileMode::Symlink => "a link",
    }
}

fn hunk_lines(hunk: &Hunk) -> Vec<ShownLine> {
    let Hunk { old_start, old_lines, new_start, new_lines, lines } = hunk;
    let place = format!("@@ -{old_start},{old_lines} +{new_start},{new_lines} @@");
    let place = ShownLine { kind: ShownKind::Place, text: place };
    let lines = lines.iter().map(|line| {
        let kind = match line.kind {
            LineKind::Context => ShownKind::Both,
            LineKind::Added => ShownKind::Added,
            LineKind::Removed => ShownKind::Removed,
        };
        let end = if line.is_terminated { "" } else { " (no newline at the end)" };
        ShownLine { kind, text: format!("{}{end}", line.text) }
    });
    std::iter::once(place).chain(lines).collect()
}
