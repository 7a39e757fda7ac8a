//! How many files and sockets the process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// For the process itself: listeners, the runtime, signals, log, directories, files that are read again; and for
/// connections that were told to close, and take a moment.
const OTHERS: u64 = 64;

/// Makes room for so many connections, each with a file that is read, and for `beside` that read none: the limit
/// is raised as far as it may be. As many connections as there is room for then, at least one.
pub(super) fn make_room(connections: usize, beside: usize) -> usize {
    let wide = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let beside = wide(beside).saturating_add(OTHERS);
    let needed = wide(connections).saturating_mul(2).saturating_add(beside);
    let allowed = raise(needed);
    if allowed >= needed {
        return connections;
    }
    let room = allowed.saturating_sub(beside) / 2;
    let room = usize::try_from(room).unwrap_or(usize::MAX).max(1);
    tracing::warn!(
        "{connections} connections need {needed} open files, and the hard limit (RLIMIT_NOFILE) is {allowed}: \
         at most {room} connections; raise it with `ulimit -Hn` or LimitNOFILE=, or give --max-connections={room}"
    );
    room
}

/// Raises the soft limit to what is needed, as far as the hard one. What it is then.
fn raise(needed: u64) -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let (soft, hard) = (current.unwrap_or(u64::MAX), maximum.unwrap_or(u64::MAX));
    let wanted = needed.min(hard);
    if soft >= wanted {
        return soft;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }) {
        Ok(()) => wanted,
        // A sandbox may forbid it.
        Err(_) => soft,
    }
}
