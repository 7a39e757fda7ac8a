//! Runs a child process: collects its output, and kills it at its limits.

use std::io::{self, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use crate::ops::mirror::cancellation::Cancellation;

/// When a child is killed.
#[derive(Clone, Copy)]
pub(super) struct ChildLimits<'a> {
    /// The longest time without output.
    pub silence: Duration,
    /// The longest time in all.
    pub total: Duration,
    /// The most bytes that `measure` may return.
    pub size: u64,
    /// Returns how many bytes the child has written.
    pub measure: &'a dyn Fn() -> u64,
    /// Ends it too.
    pub cancellation: &'a Cancellation,
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// By itself.
    Exited(ExitStatus),
    /// Killed after this long without output.
    Silent(Duration),
    /// Killed after this long in all.
    TooLong(Duration),
    /// Killed after it had written more than this many bytes.
    TooLarge(u64),
    /// Killed because it was to end.
    Cancelled,
}

/// Runs a child to its end, with `input` on its standard input.
pub(super) fn run(
    command: &mut Command,
    input: &str,
    limits: Option<ChildLimits<'_>>,
) -> io::Result<(End, ProgramOutput)> {
    command.stdin(if input.is_empty() { Stdio::null() } else { Stdio::piped() });
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    if let Some(mut pipe) = child.stdin.take() {
        // A child that ends without reading it prints why to its standard error.
        let _ = pipe.write_all(input.as_bytes());
    }
    wait(&mut child, limits)
}

/// What a child printed.
#[derive(Default)]
pub(super) struct ProgramOutput {
    pub out: Vec<u8>,
    pub err: Vec<u8>,
}

enum OutputChunk {
    Out(Vec<u8>),
    Err(Vec<u8>),
}

/// How often to check whether the child has ended while a grandchild, such as an ssh that keeps its connection, holds
/// its pipes open.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// In bytes: how much of each output is kept.
const MAX_OUTPUT: usize = 16 << 20;

/// How often `measure` is called.
const MEASURE_INTERVAL: Duration = Duration::from_secs(1);

/// Waits for a child to end, and collects its output.
fn wait(child: &mut Child, limits: Option<ChildLimits<'_>>) -> io::Result<(End, ProgramOutput)> {
    let (sender, chunks) = mpsc::channel();
    if let Some(out) = child.stdout.take() {
        forward(out, sender.clone(), OutputChunk::Out);
    }
    if let Some(err) = child.stderr.take() {
        forward(err, sender, OutputChunk::Err);
    }
    let mut output = ProgramOutput::default();
    let began = Instant::now();
    let (mut last, mut measured) = (began, began);
    loop {
        match chunks.recv_timeout(POLL_INTERVAL) {
            Ok(chunk) => {
                output.take(chunk);
                last = Instant::now();
            }
            Err(RecvTimeoutError::Disconnected) => return Ok((End::Exited(child.wait()?), output)),
            Err(RecvTimeoutError::Timeout) => {
                if let Some(status) = child.try_wait()? {
                    output.take_all(&chunks);
                    return Ok((End::Exited(status), output));
                }
            }
        }
        let Some(limits) = limits else { continue };
        let end = if limits.cancellation.is_cancelled() {
            End::Cancelled
        } else if last.elapsed() > limits.silence {
            End::Silent(limits.silence)
        } else if began.elapsed() > limits.total {
            End::TooLong(limits.total)
        } else if measured.elapsed() > MEASURE_INTERVAL && (limits.measure)() > limits.size {
            End::TooLarge(limits.size)
        } else {
            if measured.elapsed() > MEASURE_INTERVAL {
                measured = Instant::now();
            }
            continue;
        };
        // Its own children end too, as their pipes are closed.
        child.kill()?;
        child.wait()?;
        return Ok((end, output));
    }
}

impl ProgramOutput {
    fn take(&mut self, chunk: OutputChunk) {
        let (kept, bytes) = match chunk {
            OutputChunk::Out(bytes) => (&mut self.out, bytes),
            OutputChunk::Err(bytes) => (&mut self.err, bytes),
        };
        // Upstream decides how much is printed, above all of progress.
        if kept.len() < MAX_OUTPUT {
            kept.extend(bytes);
        }
    }

    fn take_all(&mut self, chunks: &Receiver<OutputChunk>) {
        // The threads may not have sent the last chunks yet.
        while let Ok(chunk) = chunks.recv_timeout(POLL_INTERVAL) {
            self.take(chunk);
        }
    }
}

/// Sends what comes through a pipe, on a thread of its own, until the pipe is closed.
fn forward(
    mut pipe: impl Read + Send + 'static,
    chunks: Sender<OutputChunk>,
    chunk_of: fn(Vec<u8>) -> OutputChunk,
) {
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = pipe.read(&mut buffer) {
            let bytes = buffer.get(..count).unwrap_or_default().to_vec();
            if chunks.send(chunk_of(bytes)).is_err() {
                break;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn end(script: &str, limits: Option<ChildLimits<'_>>) -> (End, String) {
        let mut command = Command::new("sh");
        let (end, output) = run(command.args(["-c", script]), "input", limits).unwrap();
        (end, String::from_utf8(output.out).unwrap())
    }

    #[test]
    fn a_child_that_never_ends_is_killed() {
        let (nothing, never) = (|| 0, Cancellation::default());
        let limits = ChildLimits {
            silence: LONG,
            total: LONG,
            size: 10,
            measure: &nothing,
            cancellation: &never,
        };
        let short = Duration::from_secs(1);
        let began = Instant::now();
        let talks = "while :; do echo still here; sleep 0.1; done";
        let total = ChildLimits { total: short, ..limits };
        assert_eq!(end(talks, Some(total)).0, End::TooLong(short));
        let silent = ChildLimits { silence: short, ..limits };
        assert_eq!(end("exec sleep 60", Some(silent)).0, End::Silent(short));
        let large = ChildLimits { measure: &|| 11, ..limits };
        assert_eq!(end(talks, Some(large)).0, End::TooLarge(10));
        let cancelled = Cancellation::default();
        cancelled.cancel();
        let cancelled = ChildLimits { cancellation: &cancelled, ..limits };
        assert_eq!(end("exec sleep 60", Some(cancelled)).0, End::Cancelled);
        assert!(began.elapsed() < LONG, "{:?}", began.elapsed());
    }

    #[test]
    fn a_child_gets_its_input_and_its_output_is_collected() {
        let (measure, never) = (|| 10, Cancellation::default());
        let limits = ChildLimits {
            silence: LONG,
            total: LONG,
            size: 10,
            measure: &measure,
            cancellation: &never,
        };
        for limits in [None, Some(limits)] {
            let (ended, output) = end("cat; sleep 1.2", limits);
            assert!(matches!(ended, End::Exited(status) if status.success()), "{ended:?}");
            assert_eq!(output, "input");
        }
    }

    #[test]
    fn the_output_that_is_kept_is_bounded() {
        let (_, output) = end("head -c 40000000 /dev/zero", None);
        assert!(output.len() < MAX_OUTPUT + 8192, "{}", output.len());
    }
}
