//! Attacks on the API that take seconds.

mod beside;
mod bodies;
mod guesses;
mod places;
