//! Connections: how many there are, who may have one, and who gives way.

pub(crate) mod activity;
pub(crate) mod admission;
pub(crate) mod fair_queue;
pub(crate) mod least_rate;
pub(crate) mod open_files;
pub(crate) mod proxies;
pub(crate) mod refusals;
pub(crate) mod slots;
