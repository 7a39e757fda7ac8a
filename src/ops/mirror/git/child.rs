//! A program that runs: what it prints, and when it is given up.

use std::io::{self, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// When a program is given up.
#[derive(Clone, Copy)]
pub(super) struct Bounds<'a> {
    /// After so long without a word of it.
    pub silence: Duration,
    /// After so long in all.
    pub total: Duration,
    /// Once it has written so many bytes.
    pub size: u64,
    /// Tells how many bytes there are where it writes.
    pub measure: &'a dyn Fn() -> u64,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// By itself.
    Exited(ExitStatus),
    /// It was killed, as it said nothing for so long.
    Silent(Duration),
    /// It was killed, as it took so long in all.
    TooLong(Duration),
    /// It was killed, as it had written more than so many bytes.
    TooLarge(u64),
}

/// Runs a program to its end, with this on its standard input.
pub(super) fn run(
    command: &mut Command,
    input: &str,
    bounds: Option<Bounds<'_>>,
) -> io::Result<(End, ProgramOutput)> {
    command.stdin(if input.is_empty() { Stdio::null() } else { Stdio::piped() });
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    if let Some(mut pipe) = child.stdin.take() {
        // One that ends without reading it tells why on its standard error.
        let _ = pipe.write_all(input.as_bytes());
    }
    listen(&mut child, bounds)
}

/// What a program printed.
#[derive(Default)]
pub(super) struct ProgramOutput {
    pub out: Vec<u8>,
    pub err: Vec<u8>,
}

enum OutputChunk {
    Out(Vec<u8>),
    Err(Vec<u8>),
}

/// How often it is seen to whether a program has ended whose pipes a child holds open, such as an ssh that
/// keeps its connection.
const LOOK: Duration = Duration::from_millis(200);

/// In bytes: how much is kept of what a program prints.
const MAX_PRINTED: usize = 16 << 20;

/// How often what a program writes is measured.
const MEASURE: Duration = Duration::from_secs(1);

/// Waits for a program to end, and hears what it says.
fn listen(child: &mut Child, bounds: Option<Bounds<'_>>) -> io::Result<(End, ProgramOutput)> {
    let (sender, heard) = mpsc::channel();
    if let Some(out) = child.stdout.take() {
        pass_on(out, sender.clone(), OutputChunk::Out);
    }
    if let Some(err) = child.stderr.take() {
        pass_on(err, sender, OutputChunk::Err);
    }
    let mut said = ProgramOutput::default();
    let began = Instant::now();
    let (mut last, mut measured) = (began, began);
    loop {
        match heard.recv_timeout(LOOK) {
            Ok(chunk) => {
                said.take(chunk);
                last = Instant::now();
            }
            Err(RecvTimeoutError::Disconnected) => return Ok((End::Exited(child.wait()?), said)),
            Err(RecvTimeoutError::Timeout) => {
                if let Some(status) = child.try_wait()? {
                    said.take_all(&heard);
                    return Ok((End::Exited(status), said));
                }
            }
        }
        let Some(bounds) = bounds else { continue };
        let end = if last.elapsed() > bounds.silence {
            End::Silent(bounds.silence)
        } else if began.elapsed() > bounds.total {
            End::TooLong(bounds.total)
        } else if measured.elapsed() > MEASURE && (bounds.measure)() > bounds.size {
            End::TooLarge(bounds.size)
        } else {
            if measured.elapsed() > MEASURE {
                measured = Instant::now();
            }
            continue;
        };
        // What it runs ends with it: nothing is at the other end of its pipes.
        child.kill()?;
        child.wait()?;
        return Ok((end, said));
    }
}

impl ProgramOutput {
    fn take(&mut self, heard: OutputChunk) {
        let (kept, bytes) = match heard {
            OutputChunk::Out(bytes) => (&mut self.out, bytes),
            OutputChunk::Err(bytes) => (&mut self.err, bytes),
        };
        // Upstream decides how much there is, of progress above all.
        if kept.len() < MAX_PRINTED {
            kept.extend(bytes);
        }
    }

    fn take_all(&mut self, heard: &Receiver<OutputChunk>) {
        // The last of it may be on its way still.
        while let Ok(chunk) = heard.recv_timeout(LOOK) {
            self.take(chunk);
        }
    }
}

/// Passes on what comes through a pipe, on a thread of its own, until it is closed.
fn pass_on(
    mut pipe: impl Read + Send + 'static,
    heard: Sender<OutputChunk>,
    as_heard: fn(Vec<u8>) -> OutputChunk,
) {
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = pipe.read(&mut buffer) {
            let bytes = buffer.get(..count).unwrap_or_default().to_vec();
            if heard.send(as_heard(bytes)).is_err() {
                break;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn end(script: &str, bounds: Option<Bounds<'_>>) -> (End, String) {
        let mut command = Command::new("sh");
        let (end, printed) = run(command.args(["-c", script]), "input", bounds).unwrap();
        (end, String::from_utf8(printed.out).unwrap())
    }

    #[test]
    fn a_program_that_never_ends_is_given_up() {
        let nothing = || 0;
        let bounds = Bounds { silence: LONG, total: LONG, size: 10, measure: &nothing };
        let short = Duration::from_secs(1);
        let began = Instant::now();
        let talks = "while :; do echo still here; sleep 0.1; done";
        let total = Bounds { total: short, ..bounds };
        assert_eq!(end(talks, Some(total)).0, End::TooLong(short));
        let silent = Bounds { silence: short, ..bounds };
        assert_eq!(end("exec sleep 60", Some(silent)).0, End::Silent(short));
        let large = Bounds { measure: &|| 11, ..bounds };
        assert_eq!(end(talks, Some(large)).0, End::TooLarge(10));
        assert!(began.elapsed() < LONG, "{:?}", began.elapsed());
    }

    #[test]
    fn a_program_that_ends_gets_its_input_and_is_heard() {
        let measure = || 10;
        let bounds = Bounds { silence: LONG, total: LONG, size: 10, measure: &measure };
        for bounds in [None, Some(bounds)] {
            let (ended, said) = end("cat; sleep 1.2", bounds);
            assert!(matches!(ended, End::Exited(status) if status.success()), "{ended:?}");
            assert_eq!(said, "input");
        }
    }

    #[test]
    fn what_is_kept_of_an_endless_answer_is_bounded() {
        let (_, said) = end("head -c 40000000 /dev/zero", None);
        assert!(said.len() < MAX_PRINTED + 8192, "{}", said.len());
    }
}
