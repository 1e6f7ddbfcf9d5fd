//! The command line's parts that read a file and print: each a clap struct with a `run`.
//!
//! What they find out is `table`'s; how it looks on a terminal is decided here.

mod check;
mod export;
mod health;
mod import;
mod run;
mod schema;

pub use check::Check;
pub use export::Export;
pub use health::{Health, probe};
pub use import::Import;
pub use run::Run;
pub use schema::Schema;
