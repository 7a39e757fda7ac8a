use super::*;

fn elixir() -> DocsIndex {
    let records = vec![
        record("module", "Enum", "Functions for working with collections. See `map` and reduce."),
        record("function", "Enum.map/2", "Returns a list of mapped values."),
        record("function", "Enum.map_every/3", "Returns every nth value."),
        record("function", "Enum.empty?/1", "Whether it is empty."),
        record("module", "Kernel", "Macros such as if, for and @spec."),
        record("macro", "Kernel.if/2", "A condition."),
        record("extras", "Getting started", "How to parse a file."),
        record("extras", "Getting started - Parsing", "Parses JSON."),
        record("module", "GenServer", "A server. Call it with GenServer.call/3."),
        record("function", "GenServer.call/3", "Waits for a reply."),
    ];
    let other = vec![
        record("module", "MapSet", "Sets of map values"),
        record("module", "Enumerable", "enum protocol"),
    ];
    index_of(vec![docs("elixir", "1.18.4", records), docs("other", "0.1.0", other)]).0
}

#[test]
fn a_name_is_found_first_by_whole_and_part() {
    let index = elixir();
    assert_eq!(titles(&index, "Enum")[0], "Enum");
    assert_eq!(titles(&index, "Enum.map/2"), ["Enum.map/2"]);
    assert_eq!(titles(&index, "enum.map")[..2], ["Enum.map/2", "Enum.map_every/3"]);
    assert_eq!(titles(&index, "map/2"), ["Enum.map/2"]);
    assert_eq!(titles(&index, "map")[0], "Enum.map/2");
    assert_eq!(titles(&index, "empty?")[0], "Enum.empty?/1");
    assert_eq!(titles(&index, "empty")[0], "Enum.empty?/1");
    assert_eq!(titles(&index, "@spec"), ["Kernel"]);
    assert_eq!(titles(&index, "gen server call"), ["GenServer.call/3", "GenServer"]);
    assert_eq!(titles(&index, "GenServer.call"), ["GenServer.call/3", "GenServer"]);
    assert_eq!(titles(&index, "enum map")[0], "Enum.map/2");
}

#[test]
fn there_are_no_stop_words() {
    assert_eq!(titles(&elixir(), "if")[..2], ["Kernel.if/2", "Kernel"]);
}

#[test]
fn the_last_word_may_be_the_beginning_of_one() {
    let index = elixir();
    assert_eq!(titles(&index, "getting sta")[0], "Getting started");
    assert_eq!(titles(&index, "collec"), ["Enum"]);
    // Not the first one.
    assert!(search(&index, "collec functions").has_some_words);
    // Where the whole is not found, its parts are.
    assert_eq!(titles(&index, "enum-map_ev"), ["Enum.map_every/3"]);
}

#[test]
fn other_forms_of_a_word_are_found() {
    assert_eq!(titles(&elixir(), "parsers json"), ["Getting started - Parsing"]);
}

#[test]
fn a_title_of_several_words_comes_first() {
    assert_eq!(
        titles(&elixir(), "getting Started"),
        ["Getting started", "Getting started - Parsing"]
    );
}

/// Whatever the rank of its documentation. Longer names are found earlier here.
#[test]
fn a_title_that_is_what_was_searched_for_comes_first_of_all() {
    let known = docs(
        "known_by_many",
        "1.0.0",
        vec![
            record("function", "Table.row", "Of a table."),
            record("extras", "About large files", "Large files."),
        ],
    );
    let other = docs(
        "small",
        "1.0.0",
        vec![record("module", "Row", "A row."), record("extras", "Large  Files", "Files.")],
    );
    let index = index_of(vec![known, other]).0;
    assert_eq!(titles(&index, "row"), ["Row", "Table.row"]);
    assert_eq!(titles(&index, "large files"), ["Large  Files", "About large files"]);
}

#[test]
fn all_words_come_before_some() {
    let index = elixir();
    let found = search(&index, "getting unheardof");
    assert!(found.has_some_words);
    assert_eq!((found.total, found.hits.len()), (2, 2));
    assert!(!search(&index, "getting started").has_some_words);
    let none = search(&index, "unheardof");
    assert_eq!((none.total, none.has_some_words), (0, false));
    assert_eq!(search(&index, "  "), DocsFound::default());
}

#[test]
fn a_filter_chooses_documentations() {
    let index = elixir();
    let of = |package: &str, query: &str| {
        let found = index.search(&DocsQuery::parse(query), &|id| id.package == package, 20);
        found.hits.into_iter().map(|hit| hit.title).collect::<Vec<_>>()
    };
    assert_eq!(of("other", "map"), ["MapSet"]);
    assert_eq!(of("other", "enum"), ["Enumerable"]);
    assert_eq!(of("none", "map"), [""; 0]);
    // The whole word is only elsewhere, and its parts are here.
    assert_eq!(of("other", "map.values"), ["MapSet"]);
}

#[test]
fn equals_are_in_order_of_rank_then_name() {
    let one = || vec![record("module", "Plain", "same")];
    let (index, _) = index_of(vec![
        docs("bbb", "1.0.0", one()),
        docs("aaa", "1.0.0", one()),
        docs("longest", "1.0.0", one()),
    ]);
    let packages: Vec<_> =
        search(&index, "plain").hits.into_iter().map(|hit| hit.docs.package).collect();
    assert_eq!(packages, ["longest", "aaa", "bbb"]);
}

#[test]
fn a_hit_has_all_that_is_shown() {
    let mut one = record("function", "A.f/1", &"word ".repeat(100));
    one.module = "A".to_owned();
    let (index, _) = index_of(vec![docs("a", "1.0.0", vec![one])]);
    let hit = search(&index, "f/1").hits.remove(0);
    assert_eq!(
        (hit.kind.as_str(), hit.module.as_str(), hit.place.as_str()),
        ("function", "A", "A.f/1.html")
    );
    assert_eq!(hit.docs, id("a", "1.0.0"));
    assert!(hit.snippet.ends_with("word…"));
}

/// A word in so many texts that they lie in blocks.
#[test]
fn a_very_common_word_is_found() {
    let many = |package: &str, count: usize| {
        let records = (0..count).map(|at| {
            let rare = if at == count - 1 { "needle" } else { "" };
            record("function", &format!("M.f{at}/1"), &format!("common words {rare}"))
        });
        docs(package, "1.0.0", records.collect())
    };
    let (mut index, files) = index_of(vec![many("a", 3_000), many("b", 3_000), many("c", 10)]);
    assert!(files.names().iter().any(|name| name.starts_with("p-")));
    let found = search(&index, "common needle");
    assert_eq!(found.total, 3);
    assert_eq!(search(&index, "common").total, 6_010);
    assert_eq!(index.file_names().unwrap(), files.names());
    let updated = update(&mut index, &[id("a", "1.0.0")], vec![]);
    updated.removed.iter().for_each(|name| files.remove(name));
    assert_eq!(search(&index, "common").total, 3_010);
    assert_eq!(index.file_names().unwrap(), files.names());
    assert!(!files.names().iter().any(|name| name.starts_with("p-")));
}
