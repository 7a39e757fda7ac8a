//! Connections: how many there may be, which of them gives way to a new one, and what one client may take.

pub(crate) mod activity;
pub(crate) mod admission;
pub(crate) mod fair_queue;
pub(crate) mod head_timer;
pub(crate) mod least_rate;
pub(crate) mod open_files;
pub(crate) mod peer;
pub(crate) mod proxies;
pub(crate) mod refusals;
pub(crate) mod slots;
