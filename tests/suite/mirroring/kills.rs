//! See the table in `mirroring`.
