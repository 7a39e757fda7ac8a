//! Archives of documentation, as `ExDoc` makes them, with words as often as texts have them: few very often, many rarely.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "its numbers are small"
)]

use std::error::Error;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use flate2::{Compression, write::GzEncoder};
use rayon::prelude::*;

use super::{KNOWN, Random, capitalized, made_up_name, version};

/// How many words there are.
const WORDS: usize = 60_000;

/// How many words a record has.
const TEXT: usize = 42;

/// How many records of a module there are, with its own.
const FUNCTIONS: usize = 20;

/// How large a page is, in bytes.
const PAGE: usize = 20_000;

/// How large the page is with which the time of a large page is measured.
const LARGE_PAGE: usize = 500_000;

const SYLLABLES: [&str; 24] = [
    "ba", "ce", "di", "fo", "gu", "ka", "le", "mi", "no", "pu", "ra", "se", "ti", "vo", "zu",
    "cha", "ther", "ing", "pre", "con", "sta", "tion", "er", "al",
];

/// The archives of the last releases of so many packages, the first ones.
pub(super) fn write(
    target: &str,
    packages: usize,
    releases: usize,
    documentations: usize,
    records: usize,
) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(target)?;
    let version = version(releases.saturating_sub(1));
    (0..documentations.min(packages)).into_par_iter().try_for_each(|number| {
        let name =
            KNOWN.get(number).map_or_else(|| made_up_name(number), |known| known.0.to_owned());
        // One in fifty is large: these have half of all records.
        let mut random = Random(number as u64 ^ 0xD0C5);
        let half = |number| records / 2 * number / documentations;
        let is_large = number % 50 == 0;
        let large = if is_large { records.div_ceil(2) / documentations.div_ceil(50) } else { 0 };
        let count = half(number + 1) - half(number) + large;
        let documentation = Documentation::new(&name, count.max(1), &mut random);
        let path = Path::new(target).join(format!("{name}-{version}.tar.gz"));
        documentation.write(&path, &mut random)
    })?;
    // What users of the search might type: a word, two of them, a function.
    let mut random = Random(40);
    for number in 0..40 {
        let (first, second) = (frequent(&mut random, 4_000), frequent(&mut random, 4_000));
        match number % 4 {
            0 => println!("{}", word(first)),
            1 => println!("{}_{}", word(first % 400), word(second)),
            _ => println!("{} {}", word(first), word(second)),
        }
    }
    Ok(())
}

/// The documentation of a release.
struct Documentation {
    name: String,
    search_data: String,
    /// A page of each.
    modules: Vec<String>,
}

impl Documentation {
    fn new(name: &str, records: usize, random: &mut Random) -> Self {
        let base: String = name.split('_').map(capitalized).collect();
        let mut data = "searchData={\"items\":[".to_owned();
        let mut modules: Vec<String> = Vec::new();
        for record in 0..records {
            let comma = if record > 0 { "," } else { "" };
            if record % FUNCTIONS == 0 {
                let module = format!("{base}.{}", capitalized(&word(frequent(random, 3_000))));
                let _ = write!(
                    data,
                    "{comma}{{\"ref\":\"{module}.html\",\"title\":\"{module}\",\"type\":\"module\",\"doc\":\""
                );
                modules.push(module);
            } else {
                let module = modules.last().map_or("", String::as_str);
                let (first, second) = (word(frequent(random, 400)), word(frequent(random, 4_000)));
                let function = format!("{first}_{second}/{}", random.below(4));
                let _ = write!(
                    data,
                    "{comma}{{\"ref\":\"{module}.html#{function}\",\"title\":\"{module}.{function}\",\"type\":\"function\",\"doc\":\""
                );
            }
            prose(&mut data, TEXT, random);
            data += "\"}";
        }
        data += "],\"content_type\":\"text/markdown\"}";
        modules.sort();
        modules.dedup();
        Self { name: name.to_owned(), search_data: data, modules }
    }

    fn write(&self, path: &Path, random: &mut Random) -> std::io::Result<()> {
        let mut builder =
            tar::Builder::new(GzEncoder::new(File::create(path)?, Compression::fast()));
        let mut add = |name: &str, bytes: &[u8]| {
            let mut header = tar::Header::new_ustar();
            header.set_mode(0o644);
            header.set_size(bytes.len() as u64);
            builder.append_data(&mut header, name, bytes)
        };
        for name in ["index.html", "api-reference.html", "404.html", "search.html", "readme.html"] {
            add(name, self.page(PAGE, random).as_bytes())?;
        }
        for module in &self.modules {
            add(&format!("{module}.html"), self.page(PAGE, random).as_bytes())?;
        }
        if self.name == "json_thing" {
            add("large.html", self.page(LARGE_PAGE, random).as_bytes())?;
        }
        add("docs_config.js", b"var versionNodes = [];\n")?;
        add("dist/search_data-00000000.js", self.search_data.as_bytes())?;
        // Programs, styles and fonts are the same in all of them, as those of one ExDoc are.
        let mut same = Random(7);
        for (name, size) in [("html-00000000.js", 150_000), ("html-elixir-00000000.css", 50_000)] {
            let mut text = "/* ".to_owned();
            while text.len() < size {
                prose(&mut text, TEXT, &mut same);
            }
            add(&format!("dist/{name}"), (text + "*/").as_bytes())?;
        }
        for number in 0..10 {
            let font: Vec<u8> = (0..2_500).flat_map(|_| same.next().to_le_bytes()).collect();
            add(&format!("dist/font-{number}.woff2"), &font)?;
        }
        builder.into_inner()?.finish()?.flush()
    }

    /// A page of so many bytes, with links to its own package and to others.
    fn page(&self, size: usize, random: &mut Random) -> String {
        let name = &self.name;
        let mut page = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{name}</title>\n\
             <link rel=\"stylesheet\" href=\"dist/html-elixir-00000000.css\">\n\
             <script src=\"docs_config.js\"></script>\n<script async src=\"dist/html-00000000.js\"></script>\n\
             </head>\n<body class=\"sidebar-closed\">\n<main id=\"main\">\n<h1>{name}</h1>\n"
        );
        while page.len() < size {
            let function = word(frequent(random, 4_000));
            let module = self.modules.get(random.below(self.modules.len()));
            let module = module.map_or("", String::as_str);
            let other = random.below(400);
            let other =
                KNOWN.get(other).map_or_else(|| made_up_name(other), |one| one.0.to_owned());
            let _ = write!(
                page,
                "<section class=\"detail\" id=\"{function}/2\">\n<div class=\"detail-header\">\n\
                 <a href=\"#{function}/2\" class=\"detail-link\" title=\"Link to this function\">\
                 <i class=\"ri-link-m\" aria-hidden=\"true\"></i></a>\n\
                 <h1 class=\"signature\" translate=\"no\">{function}(value, options)</h1>\n</div>\n<p>"
            );
            prose(&mut page, TEXT, random);
            let _ = write!(
                page,
                "</p>\n<p>See <a href=\"{module}.html#{function}/1\"><code class=\"inline\">{module}.{function}/1</code></a> \
                 and <a href=\"https://hexdocs.pm/{other}/readme.html\">{other}</a>.</p>\n\
                 <pre><code class=\"makeup elixir\" translate=\"no\">"
            );
            for token in 0..12 {
                let _ =
                    write!(page, "<span class=\"n\">{function}</span><span class=\"p\">(</span>");
                let _ =
                    writeln!(page, "<span class=\"mi\">{token}</span><span class=\"p\">)</span>");
            }
            page += "</code></pre>\n</section>\n";
        }
        page + "</main>\n</body>\n</html>\n"
    }
}

/// Words, with a full stop now and then.
fn prose(text: &mut String, words: usize, random: &mut Random) {
    for number in 1..=words {
        *text += &word(frequent(random, WORDS));
        *text += if number % 12 == 0 { ". " } else { " " };
    }
}

/// A number below a bound: one is drawn half as often as one that is half of it.
fn frequent(random: &mut Random, bound: usize) -> usize {
    let uniform = random.below(1 << 30) as f64 / f64::from(1 << 30);
    let drawn = (bound as f64).powf(uniform);
    (drawn as usize).saturating_sub(1).min(bound - 1)
}

/// The word of a number: the more frequent, the shorter.
fn word(number: usize) -> String {
    let mut word = String::new();
    let mut rest = number + 1;
    while rest > 0 {
        word += SYLLABLES.get(rest % SYLLABLES.len()).copied().unwrap_or_default();
        rest /= SYLLABLES.len();
    }
    word
}
