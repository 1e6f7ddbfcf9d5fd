//! What is fuzzed: a function a target, from any bytes to a promise that they could not break. Each returns whether the bytes came to
//! something, so that a run which only ever sees refusals is told from one that proves a thing.
//!
//! Two run them: libFuzzer, which looks for bytes (`gateway/fuzz`, of which this is the library), and `cargo test`, which replays those
//! that it found. So nothing here is of a test framework, and a broken promise is a panic.

mod answer;
pub mod answers;
pub mod config;
pub mod framing;
mod made;
pub mod matcher;
mod origin;
pub mod paths;
mod reading;
mod reference;
mod rig;
