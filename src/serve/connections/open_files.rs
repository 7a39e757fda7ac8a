//! The limit of open files and sockets of the process.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::serve::connections::admission::reserve_size;

/// For the process itself: listeners, the runtime, signals, log, directories, files that are read again; and for
/// connections that are closing.
const OTHERS: u64 = 64;

/// Raises the limit as far as needed and allowed: for `connections`, each with a file that is sent, for their reserve,
/// and for `others`, connections that send no files. Returns how many connections fit, at least one.
pub(crate) fn raise_limit(connections: usize, others: usize) -> usize {
    let others = wide(others).saturating_add(OTHERS);
    let needed = needed(connections).saturating_add(others);
    let allowed = raise_soft_limit(needed);
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

/// How many files these connections and their reserve have open.
fn needed(connections: usize) -> u64 {
    wide(connections).saturating_mul(2).saturating_add(wide(reserve_size(connections)))
}

/// How many connections fit into this number of files, at least one.
fn fitting(files: u64) -> usize {
    // The reserve is a quarter of the connections, or the least reserve.
    let least = wide(reserve_size(0));
    let room = (files.saturating_sub(least) / 2).min(files.saturating_mul(4) / 9);
    usize::try_from(room).unwrap_or(usize::MAX).max(1)
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// Raises the soft limit to `needed`, or to the hard limit. Returns the new soft limit.
fn raise_soft_limit(needed: u64) -> u64 {
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
    fn the_connections_that_fit_need_no_more_files_than_allowed() {
        for files in (18..40_000).step_by(7) {
            let room = fitting(files);
            assert!(needed(room) <= files, "{room} of {files}");
        }
        assert_eq!((fitting(0), fitting(120)), (1, 52));
        assert_eq!(needed(4_096), 2 * 4_096 + 256);
    }
}
