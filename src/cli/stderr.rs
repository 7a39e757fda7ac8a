//! Standard error: messages for people, in colour on a terminal.

use std::io::{self, Write};

use anstream::adapter::strip_str;
use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

pub const ERROR: Style = AnsiColor::Red.on_default().bold();
pub const WARNING: Style = AnsiColor::Yellow.on_default().bold();
pub const HINT: Style = AnsiColor::Cyan.on_default().bold();

/// Text on standard error at once, for nothing gathers what is written there: written piece by piece,
/// two programs' messages would run into each other. Where that is closed or full, there is nowhere
/// left to say so.
pub fn write(text: &str) {
    let _ = match AutoStream::choice(&io::stderr()) {
        // The stream that takes colours away writes what is left piece by piece.
        ColorChoice::Never => io::stderr().write_all(strip_str(text).to_string().as_bytes()),
        _ => anstream::stderr().write_all(text.as_bytes()),
    };
}
