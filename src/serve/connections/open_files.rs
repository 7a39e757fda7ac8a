//! How many files and sockets the process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::serve::connections::admission::reserve;

/// For the process itself: listeners, the runtime, signals, log, directories, files that are read again; and for
/// connections that were told to close, and take a moment.
const OTHERS: u64 = 64;

/// Makes room for so many connections, each with a file that is read, and for their reserve and `beside` that read
/// none: the limit is raised as far as it may be. As many connections as there is room for then, at least one.
pub(crate) fn make_room(connections: usize, beside: usize) -> usize {
    let others = wide(beside).saturating_add(OTHERS);
    let needed = needed(connections).saturating_add(others);
    let allowed = raise(needed);
    if allowed >= needed {
        return connections;
    }
    let room = fitting(allowed.saturating_sub(others));
    tracing::warn!(
        "{connections} connections need {needed} open files, and the hard limit (RLIMIT_NOFILE) is {allowed}: \
         at most {room} connections; raise it with `ulimit -Hn` or LimitNOFILE=, or give --max-connections={room}"
    );
    room
}

/// How many files such connections and their reserve have open.
fn needed(connections: usize) -> u64 {
    wide(connections).saturating_mul(2).saturating_add(wide(reserve(connections)))
}

/// As many connections as need no more than so many files, at least one.
fn fitting(files: u64) -> usize {
    // A reserve of a quarter, or of the least that there is.
    let least = wide(reserve(0));
    let room = (files.saturating_sub(least) / 2).min(files.saturating_mul(4) / 9);
    usize::try_from(room).unwrap_or(usize::MAX).max(1)
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_connections_as_fit_need_no_more_files_than_there_are() {
        for files in (18..40_000).step_by(7) {
            let room = fitting(files);
            assert!(needed(room) <= files, "{room} of {files}");
        }
        assert_eq!((fitting(0), fitting(120)), (1, 52));
        assert_eq!(needed(4_096), 2 * 4_096 + 256);
    }
}
