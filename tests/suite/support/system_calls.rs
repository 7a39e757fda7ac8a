//! Tests for each kind of system call before which a process is killed.

/// A module of tests for each case, and in it a test for each kind of system call: `KILL(test, case, calls, step)` kills
/// before each `step`-th of these calls, one after the other.
macro_rules! killed_before_system_calls {
    ($kill:ident, { $($name:ident: $case:expr;)+ }, $kinds:tt) => {$(
        mod $name {
            use super::*;

            const TEST: &str = module_path!();

            killed_before_system_calls!(@kinds $kill, $case, $kinds);
        }
    )+};
    (@kinds $kill:ident, $case:expr, { $($kind:ident: $calls:expr, $step:expr;)+ }) => {$(
        #[test]
        fn $kind() {
            $kill(TEST, &$case, $calls, $step);
        }
    )+};
}
pub(crate) use killed_before_system_calls;

/// The kinds of system calls that commands and servers have in common.
pub const RENAME: &str = "rename,renameat,renameat2";
pub const REMOVAL: &str = "unlink,unlinkat";
pub const OPEN: &str = "open,openat,openat2";
pub const FOLDER: &str = "mkdir,mkdirat";
