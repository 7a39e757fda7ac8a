//! Makes package tarballs to measure pages and searches with: the same bytes for the same arguments.
//!
//! ```console
//! $ cargo run --release --example site_corpus -- DIR/tarballs PACKAGES RELEASES
//! $ cargo run --release --example site_corpus -- docs DIR/docs PACKAGES RELEASES DOCUMENTATIONS RECORDS
//! ```
//!
//! The second makes documentation of the last release of so many of these packages, with so many records for its search
//! together.
//!
//! Some packages are those that the queries of `scripts/lib/queries.tsv` ask for. All others are made up of other words,
//! and a few of their READMEs have words of the queries in them, as it is in real registries.

#![expect(clippy::arithmetic_side_effects, reason = "its numbers are small, and its own")]

mod documentation;

use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use hexreg::tarball;
use rayon::prelude::*;

const USAGE: &str = "usage: site_corpus TARBALLS_DIR PACKAGES RELEASES\n       site_corpus docs DOCS_DIR PACKAGES \
                     RELEASES DOCUMENTATIONS RECORDS";

/// A package that a query asks for: its name, what it is, its licence, a sentence of its README, a module, functions of
/// that, and the packages that it depends on.
type Known = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

const KNOWN: &[Known] = &[
    (
        "swift_csv",
        "Reads and writes CSV, fast",
        "MIT",
        "Rows are parsed lazily.",
        "SwiftCsv",
        "parse_rows dump_rows",
        "",
    ),
    (
        "table_text",
        "Comma separated values for humans",
        "MIT",
        "It parses csv with headers.",
        "TableText",
        "parse_csv",
        "",
    ),
    (
        "http_cache",
        "Caches responses by their headers",
        "Apache-2.0",
        "A store for proxies.",
        "HttpCache",
        "fetch",
        "http_wire",
    ),
    (
        "http_wire",
        "A client for HTTP/1.1 and HTTP/2",
        "MIT",
        "Connections are pooled.",
        "HttpWire",
        "get post",
        "",
    ),
    (
        "json_thing",
        "Encodes and decodes JSON",
        "Apache-2.0",
        "Safe for any input.",
        "JsonThing",
        "encode decode",
        "",
    ),
    (
        "jsonish",
        "A lenient reader of nearly JSON",
        "MIT",
        "Comments are allowed.",
        "Jsonish",
        "read",
        "",
    ),
    (
        "pg_wire",
        "A driver for PostgreSQL",
        "MIT",
        "Prepared statements and copies.",
        "PgWire",
        "query prepare",
        "decimal_num",
    ),
    (
        "decimal_num",
        "Arbitrary precision decimal arithmetic",
        "Apache-2.0",
        "Rounds as banks do.",
        "DecimalNum",
        "add mult round",
        "",
    ),
    (
        "redis_pipe",
        "A pipelined client for Redis",
        "MIT",
        "Commands are sent in one write.",
        "RedisPipe",
        "command pipeline",
        "",
    ),
    (
        "letter_box",
        "Composes and delivers e-mail over SMTP",
        "MIT",
        "Attachments and templates.",
        "LetterBox.Mailer",
        "deliver attach",
        "",
    ),
    (
        "regex_kit",
        "Named captures and readable regular expressions",
        "MIT",
        "Compiled once.",
        "RegexKit",
        "capture",
        "",
    ),
    (
        "pass_guard",
        "Authentication for web applications",
        "MIT",
        "Sessions, tokens and passwords.",
        "PassGuard",
        "sign_in sign_out",
        "plug_line",
    ),
    (
        "plug_line",
        "Composable modules for web applications",
        "Apache-2.0",
        "A connection goes through plugs.",
        "PlugLine.Conn",
        "put_header send_resp",
        "http_wire",
    ),
    (
        "plug_gzip",
        "A plug that compresses responses",
        "MIT",
        "It asks for nothing.",
        "PlugGzip",
        "init call",
        "plug_line",
    ),
    (
        "yaml_tree",
        "A YAML 1.2 parser without C",
        "BSD-3-Clause",
        "Anchors are followed.",
        "YamlTree",
        "parse_string",
        "",
    ),
    ("toml_leaf", "A TOML parser", "MIT", "Dates are calendars.", "TomlLeaf", "parse_document", ""),
    (
        "markdown_mill",
        "Converts Markdown to HTML",
        "Apache-2.0",
        "CommonMark with tables.",
        "MarkdownMill",
        "to_html",
        "",
    ),
    (
        "image_press",
        "Resizes and crops images",
        "MIT",
        "Thumbnails in many formats.",
        "ImagePress",
        "resize crop",
        "",
    ),
    ("qr_square", "Draws QR codes", "MIT", "As SVG and PNG.", "QrSquare", "encode_svg", ""),
    (
        "cron_wheel",
        "Runs jobs on a schedule",
        "MIT",
        "Cron expressions and intervals.",
        "CronWheel",
        "schedule next_run",
        "",
    ),
    (
        "job_yard",
        "Background jobs that survive restarts",
        "Apache-2.0",
        "Queues in a database.",
        "JobYard.Worker",
        "enqueue perform",
        "pg_wire",
    ),
    (
        "money_bag",
        "Money with currencies, exactly",
        "Apache-2.0",
        "Exchange rates are yours.",
        "MoneyBag",
        "add convert",
        "decimal_num",
    ),
    (
        "geo_grid",
        "Geohashes and distances on the globe",
        "MIT",
        "Haversine and Vincenty.",
        "GeoGrid",
        "distance geohash",
        "",
    ),
    (
        "time_zones",
        "The IANA time zone database",
        "Apache-2.0",
        "Updated with each release.",
        "TimeZones",
        "to_zone periods",
        "",
    ),
    (
        "uuid_mint",
        "Makes and reads UUIDs of all versions",
        "MIT",
        "Version 7 sorts by time.",
        "UuidMint",
        "v4 v7",
        "",
    ),
    (
        "slug_lite",
        "Turns titles into slugs for URLs",
        "MIT",
        "Umlauts and accents are written out.",
        "SlugLite",
        "slugify",
        "",
    ),
    (
        "xml_reed",
        "A streaming XML parser",
        "MIT",
        "SAX events of large files.",
        "XmlReed",
        "stream_events",
        "",
    ),
    (
        "excel_sheet",
        "Writes spreadsheets that Excel opens",
        "MIT",
        "Styles, formulas and charts.",
        "ExcelSheet",
        "write_xlsx",
        "",
    ),
    (
        "pdf_quill",
        "Makes PDF documents",
        "MIT",
        "Fonts are embedded.",
        "PdfQuill",
        "add_page write_text",
        "",
    ),
    (
        "kafka_brook",
        "A consumer and producer for Kafka",
        "Apache-2.0",
        "Groups are balanced.",
        "KafkaBrook",
        "produce consume",
        "",
    ),
    (
        "mqtt_hub",
        "A client for MQTT 5",
        "Apache-2.0",
        "For sensors and houses.",
        "MqttHub",
        "publish subscribe",
        "",
    ),
    (
        "graph_ask",
        "GraphQL for servers",
        "MIT",
        "Schemas, resolvers and batches.",
        "GraphAsk.Schema",
        "resolve",
        "plug_line",
    ),
    (
        "oauth_gate",
        "Signs users in with OAuth 2 and OpenID Connect",
        "MIT",
        "Providers are modules.",
        "OauthGate",
        "authorize_url exchange_code",
        "http_wire",
    ),
    (
        "ldap_door",
        "A client for LDAP directories",
        "MIT",
        "Binds and searches.",
        "LdapDoor",
        "bind search",
        "",
    ),
    (
        "sqlite_leaf",
        "SQLite in a NIF",
        "MIT",
        "Write-ahead logs are on.",
        "SqliteLeaf",
        "open execute",
        "",
    ),
    (
        "stats_bin",
        "Counters, gauges and histograms",
        "MIT",
        "Exports for Prometheus.",
        "StatsBin",
        "observe increment",
        "",
    ),
    (
        "trace_line",
        "Distributed tracing",
        "Apache-2.0",
        "Spans for OpenTelemetry.",
        "TraceLine",
        "start_span",
        "",
    ),
    (
        "fake_names",
        "Makes up names and addresses for tests",
        "MIT",
        "In twelve languages.",
        "FakeNames",
        "first_name street",
        "",
    ),
    (
        "mock_stage",
        "Mocks with contracts",
        "Apache-2.0",
        "Behaviours are checked.",
        "MockStage",
        "expect verify",
        "",
    ),
    (
        "prop_check",
        "Property based testing",
        "Apache-2.0",
        "Failures are shrunk.",
        "PropCheck",
        "forall shrink",
        "",
    ),
    (
        "bench_mark",
        "Benchmarks with statistics",
        "MIT",
        "Percentiles and memory.",
        "BenchMark",
        "measure_run",
        "",
    ),
    (
        "phone_book",
        "Parses and formats phone numbers",
        "MIT",
        "Of every country.",
        "PhoneBook",
        "parse_number",
        "",
    ),
    (
        "ical_page",
        "Reads and writes iCalendar files",
        "MIT",
        "Repeating events are unfolded.",
        "IcalPage",
        "events",
        "time_zones",
    ),
];

/// Words of the packages that no query asks for.
const WORDS: &[&str] = &[
    "amber", "anchor", "arbor", "aspen", "atlas", "basin", "beacon", "birch", "bloom", "bramble",
    "breeze", "brook", "canyon", "cedar", "cinder", "cliff", "clover", "comet", "coral", "cove",
    "crane", "delta", "dune", "ember", "falcon", "fern", "fjord", "flint", "forest", "frost",
    "garnet", "glade", "granite", "grove", "harbor", "hazel", "heron", "hollow", "iris", "ivory",
    "jasper", "juniper", "lagoon", "lark", "laurel", "ledge", "lichen", "linden", "lotus", "lunar",
    "maple", "marble", "marsh", "meadow", "mesa", "mica", "mist", "moss", "nectar", "nimbus",
    "oak", "onyx", "opal", "orchid", "osprey", "otter", "pebble", "pine", "plume", "pond",
    "poplar", "prairie", "quartz", "quill", "rapids", "raven", "reef", "ridge", "river", "robin",
    "rowan", "sable", "sage", "shale", "shore", "sierra", "slate", "solar", "sparrow", "spruce",
    "summit", "sunset", "swallow", "thicket", "thistle", "thorn", "tide", "timber", "topaz",
    "tundra", "valley", "velvet", "vine", "violet", "walnut", "willow", "wren", "zephyr",
];

/// What the packages of no query say of themselves.
const PHRASES: &[&str] = &[
    "keeps state in one place",
    "joins two streams",
    "names things well",
    "counts what goes by",
    "makes order of events",
    "watches over processes",
    "remembers the last answer",
    "turns one shape into another",
    "asks again when it must",
    "limits how much goes through",
    "finds the shortest way",
    "draws trees of data",
    "reads what others wrote",
    "speaks to machines nearby",
    "balances load by weight",
    "checks values before use",
    "waits no longer than told",
    "sorts by several keys",
    "groups by what they share",
    "writes a log that is read",
];

/// Words of queries, as READMEs of other packages have them.
const NOISE: &[&str] = &[
    "csv", "json", "cache", "http", "mail", "postgres", "redis", "yaml", "image", "queue", "cron",
    "oauth", "uuid", "markdown", "regex", "auth", "graphql", "kafka", "pdf", "xml",
];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some([target, numbers @ ..]) =
        arguments.split_first().filter(|(what, _)| *what == "docs").map(|(_, rest)| rest)
    {
        let numbers: Vec<usize> =
            numbers.iter().map(|number| number.parse()).collect::<Result<_, _>>()?;
        let [packages, releases, documentations, records] = numbers.as_slice() else {
            return Err(USAGE.into());
        };
        return documentation::write(target, *packages, *releases, *documentations, *records);
    }
    let [target, packages, releases] = arguments.as_slice() else { return Err(USAGE.into()) };
    let (packages, releases): (usize, usize) = (packages.parse()?, releases.parse()?);
    fs::create_dir_all(target)?;
    (0..packages).into_par_iter().try_for_each(|number| {
        let mut random = Random(number as u64);
        let package = match KNOWN.get(number) {
            Some(known) => Package::known(known, &mut random),
            None => Package::made_up(number, packages, &mut random),
        };
        let last = releases.saturating_sub(1);
        (0..releases).try_for_each(|release| {
            let tarball = package.tarball(release, release == last)?;
            let file = format!("{}-{}.tar", package.name, version(release));
            fs::write(Path::new(target).join(file), tarball)
        })
    })?;
    Ok(())
}

fn version(release: usize) -> String {
    format!("1.{release}.0")
}

struct Package {
    name: String,
    description: String,
    license: &'static str,
    readme: String,
    source: String,
    dependencies: Vec<String>,
}

impl Package {
    fn known(known: &Known, random: &mut Random) -> Self {
        let (name, description, license, readme, module, functions, dependencies) = *known;
        let mut readme = format!("# {name}\n\n{description}. {readme}\n\n");
        random.prose(&mut readme, 150, 0);
        let dependencies = dependencies.split_whitespace().map(str::to_owned).collect();
        Self {
            name: name.to_owned(),
            description: description.to_owned(),
            license,
            readme,
            source: source(module, functions.split_whitespace()),
            dependencies,
        }
    }

    fn made_up(number: usize, packages: usize, random: &mut Random) -> Self {
        let name = made_up_name(number);
        let mut readme = format!("# {name}\n\n");
        random.prose(&mut readme, 300, 40);
        let module: String = name.split('_').map(capitalized).collect();
        let functions: Vec<String> =
            (0..60).map(|_| format!("{}_{}", random.word(), random.word())).collect();
        let description = format!("It {}, and {}", random.phrase(), random.phrase());
        let dependencies = (0..random.below(4)).map(|_| {
            // Few packages are used by many.
            let other = random.below(packages).min(random.below(packages));
            KNOWN.get(other).map_or_else(|| made_up_name(other), |known| known.0.to_owned())
        });
        let mut dependencies: Vec<String> = dependencies.filter(|other| *other != name).collect();
        dependencies.sort();
        dependencies.dedup();
        let source = source(&module, functions.iter().map(String::as_str));
        Self { name, description, license: "Apache-2.0", readme, source, dependencies }
    }

    fn tarball(&self, release: usize, is_last: bool) -> std::io::Result<Vec<u8>> {
        let Self { name, description, license, .. } = self;
        let mut metadata = format!(
            "{{<<\"name\">>,<<\"{name}\">>}}.\n{{<<\"version\">>,<<\"{}\">>}}.\n\
             {{<<\"app\">>,<<\"{name}\">>}}.\n{{<<\"description\">>,<<\"{description}\">>}}.\n\
             {{<<\"licenses\">>,[<<\"{license}\">>]}}.\n{{<<\"build_tools\">>,[<<\"mix\">>]}}.\n\
             {{<<\"files\">>,[<<\"README.md\">>,<<\"CHANGELOG.md\">>,<<\"lib/{name}.ex\">>]}}.\n{{<<\"requirements\">>,[",
            version(release),
        );
        for (index, needed) in self.dependencies.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let _ = write!(
                metadata,
                "{comma}{{<<\"{needed}\">>,[{{<<\"app\">>,<<\"{needed}\">>}},{{<<\"optional\">>,false}},\
                 {{<<\"requirement\">>,<<\"~> 1.0\">>}}]}}"
            );
        }
        metadata += "]}.\n";
        let changelog = format!("# Changelog\n\n## v{}\n\n- One more release.\n", version(release));
        let path = format!("lib/{name}.ex");
        // Older releases are not read for a search.
        let readme = if is_last { self.readme.as_str() } else { "" };
        tarball::create(
            &metadata,
            &[
                ("README.md", readme.as_bytes()),
                ("CHANGELOG.md", changelog.as_bytes()),
                (&path, self.source.as_bytes()),
            ],
        )
    }
}

fn made_up_name(number: usize) -> String {
    let word = |at: usize| WORDS.get(at % WORDS.len()).copied().unwrap_or_default();
    let (first, second) = (number / WORDS.len(), number);
    match first / WORDS.len() {
        0 => format!("{}_{}", word(first), word(second)),
        third => format!("{}_{}_{}", word(first), word(second), word(third)),
    }
}

fn capitalized(word: &str) -> String {
    let mut characters = word.chars();
    characters
        .next()
        .map(|first| first.to_uppercase().chain(characters).collect())
        .unwrap_or_default()
}

fn source<'a>(module: &str, functions: impl Iterator<Item = &'a str>) -> String {
    let mut source = format!("defmodule {module} do\n");
    for function in functions {
        let _ = write!(
            source,
            "  @doc \"See the README.\"\n  def {function}(value, _options), do: value\n\n"
        );
    }
    source + "end\n"
}

/// SplitMix64: all that is asked of it is to be the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap_or_default()
    }

    fn one_of(&mut self, all: &[&'static str]) -> &'static str {
        all.get(self.below(all.len())).copied().unwrap_or_default()
    }

    fn word(&mut self) -> &'static str {
        self.one_of(WORDS)
    }

    fn phrase(&mut self) -> &'static str {
        self.one_of(PHRASES)
    }

    /// Sentences of so many words. One in `noise` is a word of a query, unless that is 0.
    fn prose(&mut self, text: &mut String, words: usize, noise: usize) {
        for number in 1..=words {
            let is_noise = noise > 0 && self.below(noise) == 0;
            let word = if is_noise { self.one_of(NOISE) } else { self.word() };
            // Registries have many words that few packages have.
            let rare = if self.below(6) == 0 {
                format!("{:x}", self.below(100_000))
            } else {
                String::new()
            };
            let _ = write!(text, "{word}{rare}{}", if number % 12 == 0 { ".\n" } else { " " });
        }
    }
}
