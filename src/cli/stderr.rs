//! Standard error: messages for people, in colour on a terminal.

use std::io::{self, Write};

use anstream::adapter::strip_str;
use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

pub const ERROR: Style = AnsiColor::Red.on_default().bold();
pub const WARNING: Style = AnsiColor::Yellow.on_default().bold();
pub const HINT: Style = AnsiColor::Cyan.on_default().bold();

/// Writes text to standard error in one piece. The stream is not buffered: text in pieces would mix with that of other
/// programs. An error is ignored, as it could not be reported either.
pub fn write(text: &str) {
    let _ = match AutoStream::choice(&io::stderr()) {
        // The stream of `anstream` that removes colours writes in pieces.
        ColorChoice::Never => io::stderr().write_all(strip_str(text).to_string().as_bytes()),
        _ => anstream::stderr().write_all(text.as_bytes()),
    };
}
