use super::*;
use crate::work_time::timed;

fn requirement(text: &str) -> VersionRequirement {
    text.parse().unwrap()
}

fn error(text: &str) -> String {
    text.parse::<VersionRequirement>().unwrap_err().to_string()
}

#[test]
fn reads_what_elixir_reads() {
    for good in [
        "1.0.0",
        " 1.0.0 ",
        "~> 1.0",
        "~>1.0",
        "~> 1.0-rc",
        "~> 1.0.0-rc",
        "~> 1.0+b",
        "~> 1.0.0+b",
        ">=1.0.0",
        "! 1.0.0",
        "!1.0.0",
        "!= 1.0.0",
        "!=1.0.0",
        "1.0.0 and  2.0.0",
        "1.0.0  and 2.0.0",
        "1.0.0-0a",
        "== 1.0.0+1",
        "1.0.0+01.a-b",
        "~> 18446744073709551615.0",
        "1.0.0-rc and 1.0.0",
        "1.0.0-or or 2.0.0",
        "1.0.0 or != 2.0.0",
        "1.0.0 and ~> 1.0",
    ] {
        assert_eq!(requirement(good).to_string(), good);
    }
}

#[test]
fn refuses_what_elixir_refuses() {
    for bad in [
        "",
        " ",
        "1.0",
        "~> 1",
        "> = 1.0.0",
        ">= >= 1.0.0",
        "== == 1.0.0",
        "= 1.0.0",
        "1.0.0 and",
        "and 1.0.0",
        " and 1.0.0",
        "1.0.0 or or 2.0.0",
        "1.0.0 and or 2.0.0",
        "1.0.0and 2.0.0",
        "1.0.0 and2.0.0",
        "1.0.0 or\t2.0.0",
        "\t1.0.0",
        "1.0.0\n",
        "1.0 .0",
        "1.0.0 2.0.0",
        ">1.0.0<2.0.0",
        ">1.0.0 <2.0.0",
        "1.0.0 AND 2.0.0",
        "1.0.0,2.0.0",
        "1.0.0 && 2.0.0",
        "1.0.0 || 2.0.0",
        "01.0.0",
        "1.0.0-01",
        "== 1.0.0+",
        "1.0.0-",
        "~> 1.0-",
        "~> 01.0",
        "~> 1.0.0.0",
        ">= 1.x.0",
        "*",
        "1.0.0-é",
        "1.0.0 and (2.0.0)",
        "v1.0.0",
        "=> 1.0.0",
        "=< 1.0.0",
        "<> 1.0.0",
        ">== 1.0.0",
        "!== 1.0.0",
        "~>= 1.0.0",
        "~> >= 1.0.0",
        "~ 1.0.0",
        "!>1.0.0",
        "1.0.0!",
        "1.0.0 ! 2.0.0",
        "1.0.0 or",
        "1.0.0 or ",
        "1.0.0 or or",
        "== 1.0",
        "> 1.0",
        "!= 1.0",
    ] {
        assert!(bad.parse::<VersionRequirement>().is_err(), "{bad:?}");
    }
    // A limit of hexreg: Elixir's numbers have no bound.
    assert!("18446744073709551616.0.0".parse::<VersionRequirement>().is_err());
}

#[test]
fn what_is_wrong_is_named() {
    let not = "is not a version requirement";
    assert_eq!(error(""), format!("\"\" {not}: expected a version, found the end"));
    assert_eq!(
        error("> >= 1.0.0"),
        format!("\"> >= 1.0.0\" {not}: expected a version, found \">=\"")
    );
    assert_eq!(
        error("1.0.0 2.0.0"),
        format!("\"1.0.0 2.0.0\" {not}: expected `and` or `or` before \"2.0.0\"")
    );
    assert!(error("> 1.0").starts_with(&format!("\"> 1.0\" {not}: \"1.0\" is not a version")));
}

// What `Version.match?/2` of Elixir 1.14 said.
#[test]
fn matches_what_elixir_matches() {
    let versions = [
        "0.9.0",
        "1.0.0-rc.1",
        "1.0.0",
        "1.0.1-dev",
        "1.0.1",
        "1.1.0-0",
        "1.1.0",
        "1.2.3",
        "2.0.0-0",
        "2.0.0-rc.1",
        "2.0.0",
        "3.0.0",
    ]
    .map(|version| version.parse().unwrap());
    let table = [
        ("1.0.0", "..x........."),
        ("== 1.0.0", "..x........."),
        ("== 1.0.0-rc.1", ".x.........."),
        ("== 1.0.0+build", "..x........."),
        ("!= 1.0.0", "xx.xxxxxxxxx"),
        ("!1.0.0", "xx.xxxxxxxxx"),
        ("> 1.0.0", "...xxxxxxxxx"),
        ("> 1.0.0-rc.1", "..xxxxxxxxxx"),
        (">= 1.0.0", "..xxxxxxxxxx"),
        (">= 1.0.0-rc.1", ".xxxxxxxxxxx"),
        (">= 1.0.1-0", "...xxxxxxxxx"),
        ("< 1.0.0", "xx.........."),
        ("< 1.0.0-rc.1", "x..........."),
        ("< 2.0.0", "xxxxxxxxxx.."),
        ("< 2.0.0-0", "xxxxxxxx...."),
        ("<= 1.0.0", "xxx........."),
        ("<= 1.1.0-0", "xxxxxx......"),
        ("~> 0.9", "x..........."),
        ("~> 1.0", "..xxxxxx...."),
        ("~> 1.0-rc", ".xxxxxxx...."),
        ("~> 1.0-rc.2", "..xxxxxx...."),
        ("~> 1.0.0", "..xxx......."),
        ("~> 1.0.0-rc.1", ".xxxx......."),
        ("~> 1.0.1", "....x......."),
        ("~> 1.1", "......xx...."),
        ("~> 1.1-0", ".....xxx...."),
        ("~> 1.1.0-0", ".....xx....."),
        ("~> 1.2", ".......x...."),
        ("~> 2.0", "..........x."),
        ("~> 2.0-rc", ".........xx."),
        ("~> 2.0.0-0", "........xxx."),
        ("~> 3.0.0", "...........x"),
        (">= 1.0.0 and < 2.0.0", "..xxxxxxxx.."),
        (">= 1.0.0 and < 2.0.0-0", "..xxxxxx...."),
        ("~> 1.0 and != 1.1.0", "..xxxx.x...."),
        ("~> 1.0 and ~> 1.0.1", "....x......."),
        ("> 2.0.0 and < 1.0.0", "............"),
        ("== 0.9.0 or == 3.0.0", "x..........x"),
        ("< 1.0.0 or > 1.0.0", "xx.xxxxxxxxx"),
        ("~> 1.1 or ~> 2.0", "......xx..x."),
        ("== 0.9.0 or > 1.0.0 and < 1.1.0", "x..xxx......"),
        ("> 1.0.0 and < 1.1.0 or == 0.9.0", "x..xxx......"),
        ("== 0.9.0 or == 3.0.0 and < 1.0.0", "x..........."),
        (">= 0.0.0 and < 1.0.0 or >= 2.0.0 and != 2.0.0", "xx.........x"),
    ];
    for (text, expected) in table {
        let requirement = requirement(text);
        let matched = versions.iter().map(|one| if requirement.matches(one) { 'x' } else { '.' });
        assert_eq!(matched.collect::<String>(), expected, "{text}");
    }
}

#[test]
fn the_largest_numbers_have_no_upper_bound_to_overflow() {
    let largest = "18446744073709551615";
    let version = |text: &str| text.replace('M', largest).parse::<Version>().unwrap();
    let requirement = |text: &str| requirement(&text.replace('M', largest));
    assert!(requirement("~> M.0").matches(&version("M.M.0")));
    assert!(requirement("~> 1.M.0").matches(&version("1.M.M")));
    assert!(!requirement("~> 1.M.0").matches(&version("2.0.0-0")));
}

/// A release may have a thousand of these.
#[test]
fn a_long_requirement_is_read_in_time() {
    let text = vec!["~> 1.0"; 100_000].join(" or ");
    let (requirement, took) = timed(|| text.parse::<VersionRequirement>());
    assert!(requirement.is_ok());
    assert!(took < std::time::Duration::from_secs(5), "{took:?}");
}
