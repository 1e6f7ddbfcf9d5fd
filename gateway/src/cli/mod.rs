//! The command line's parts that read a file and print: each a clap struct with a `run`.
//!
//! What they find out is `table`'s; how it looks on a terminal is decided here.

mod check;
mod health;
mod run;
mod schema;

pub use check::Check;
pub use health::{Health, probe};
pub use run::Run;
pub use schema::Schema;
