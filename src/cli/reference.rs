//! `docs/reference.md`: every command and option, from what clap knows of them. The test writes the file anew with
//! `INSTA_UPDATE=always`.

use std::env;
use std::fmt::Write;
use std::fs;

use clap::{Arg, ArgAction, Command, CommandFactory};

use super::Cli;

const HEAD: &str = "\
# Reference

<!-- Generated from the command line's own help: INSTA_UPDATE=always cargo test --bin hexreg reference -->

Every command, argument, option and variable. `hexreg COMMAND --help` prints the same.
";

/// The whole file.
fn reference() -> String {
    let mut command = Cli::command();
    command.build();
    let mut text = HEAD.to_owned();
    write_command(&mut text, &command, "hexreg");
    text
}

fn write_command(text: &mut String, command: &Command, name: &str) {
    let about = command.get_long_about().or(command.get_about());
    let about = about.map(ToString::to_string).unwrap_or_default();
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").trim();
    let _ = write!(text, "\n## {name}\n\n{about}\n\n```text\n{usage}\n```\n");
    let visible = |argument: &&Arg| !argument.is_hide_set() && argument.get_id() != "help";
    let (options, arguments): (Vec<_>, Vec<_>) =
        command.get_arguments().filter(visible).partition(|argument| !argument.is_positional());
    write_table(text, "argument", &arguments);
    write_table(text, "option", &options);
    if let Some(more) = command.get_after_long_help().or(command.get_after_help()) {
        let _ = write!(text, "\n```text\n{}\n```\n", more.to_string().trim_end());
    }
    let subcommands =
        command.get_subcommands().filter(|one| one.get_name() != "help" && !one.is_hide_set());
    let subcommands: Vec<_> = subcommands.collect();
    if !subcommands.is_empty() {
        text.push_str("\n| command | what it does |\n| --- | --- |\n");
        for subcommand in &subcommands {
            let full = format!("{name} {}", subcommand.get_name());
            let about = subcommand.get_about().map(ToString::to_string).unwrap_or_default();
            let _ =
                writeln!(text, "| [`{full}`](#{}) | {} |", full.replace(' ', "-"), cell(&about));
        }
    }
    for subcommand in subcommands {
        write_command(text, subcommand, &format!("{name} {}", subcommand.get_name()));
    }
}

fn write_table(text: &mut String, what: &str, arguments: &[&Arg]) {
    if arguments.is_empty() {
        return;
    }
    let _ = write!(text, "\n| {what} | what it says |\n| --- | --- |\n");
    for argument in arguments {
        let _ = writeln!(text, "| {} | {} |", spelling(argument), meaning(argument));
    }
}

/// Such as `` `--name NAME` `` or `` `--quiet`, `-q` ``.
fn spelling(argument: &Arg) -> String {
    let takes_value = matches!(argument.get_action(), ArgAction::Set | ArgAction::Append);
    let values = argument.get_value_names().filter(|_| takes_value);
    let value = values.and_then(<[_]>::first).map(ToString::to_string).unwrap_or_default();
    let long = argument.get_long().map(|long| format!("--{long}"));
    let spelt = long.map_or_else(|| value.clone(), |long| format!("{long} {value}"));
    let spelt = cell(spelt.trim_end());
    match argument.get_short() {
        Some(short) => format!("`{spelt}`, `-{short}`"),
        None => format!("`{spelt}`"),
    }
}

fn meaning(argument: &Arg) -> String {
    let help = argument.get_long_help().or(argument.get_help());
    let mut meaning = help.map(ToString::to_string).unwrap_or_default();
    let takes_value = matches!(argument.get_action(), ArgAction::Set | ArgAction::Append);
    if argument.is_required_set() && !argument.is_positional() {
        meaning.push_str(" (required)");
    }
    let values = argument.get_possible_values();
    if takes_value && !values.is_empty() {
        let values: Vec<_> = values.iter().map(|value| format!("`{}`", value.get_name())).collect();
        let _ = write!(meaning, " [possible values: {}]", values.join(", "));
    }
    let defaults = argument.get_default_values();
    if takes_value && !defaults.is_empty() {
        let defaults: Vec<_> = defaults.iter().map(|value| value.to_string_lossy()).collect();
        let _ = write!(meaning, " [default: {}]", defaults.join(", "));
    }
    cell(&meaning)
}

/// As a cell of a table has it, which is one line.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

#[test]
fn the_reference_is_what_the_command_line_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reference.md");
    let reference = reference();
    if env::var("INSTA_UPDATE").is_ok_and(|value| value == "always") {
        fs::write(path, &reference).unwrap();
    }
    let kept = fs::read_to_string(path).unwrap();
    let differs = kept.lines().zip(reference.lines()).find(|(kept, made)| kept != made);
    assert_eq!(differs, None, "INSTA_UPDATE=always writes docs/reference.md anew");
    assert_eq!(kept.len(), reference.len(), "INSTA_UPDATE=always writes docs/reference.md anew");
}
