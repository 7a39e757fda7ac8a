//! How long a server works on a request, however busy the machine is with other tests.

use std::fs;
use std::time::{Duration, Instant};

use super::server::Server;

/// Measures the CPU time of a server, or the time that passes where no `/proc` tells the former.
pub struct Stopwatch<'a> {
    server: &'a Server,
    used: Option<Duration>,
    began: Instant,
}

impl<'a> Stopwatch<'a> {
    pub fn of(server: &'a Server) -> Self {
        Self { server, used: cpu_time(server.id()), began: Instant::now() }
    }

    pub fn elapsed(&self) -> Duration {
        let used = cpu_time(self.server.id()).zip(self.used);
        used.map_or_else(|| self.began.elapsed(), |(now, before)| now.saturating_sub(before))
    }
}

/// The CPU time of a process and of all its threads, of which Linux counts hundredths of a second for its users: proc(5).
fn cpu_time(process: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name of the program is in parentheses, and may have spaces.
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
    Some(Duration::from_millis(ticks.sum::<Result<u64, _>>().ok()? * 10))
}
