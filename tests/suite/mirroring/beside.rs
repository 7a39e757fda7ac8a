//! See the table in `mirroring`.

mod docs;
mod git;
mod installs;
