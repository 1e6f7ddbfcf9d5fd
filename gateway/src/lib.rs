//! A declarative strangler-fig gateway: one file, `routes.yaml`, says which share of which traffic goes to which upstream.
//!
//! Two lives pass through this crate.
//!
//! **A request** ([`stack`], read top to bottom; one file a layer in [`request`]): a worker of `server` accepts its connection →
//! it gets an id and a record that counts it → its route is found in the table → its split chooses an upstream → it is forwarded
//! on a connection of the worker's own pool ([`upstream`]), to one of the addresses that [`names`] keeps, and the answer streams back.
//!
//! **An edit** ([`table`]): the file is read twice the same ([`table::reload`]) → its text becomes a typed file, or all problems at once
//! ([`table::file`]) → the file becomes an immutable table ([`table::compile`]) → one swap puts it in force.
//!
//! Imports go one way: `request` → `upstream` → `table`; nothing imports `admin` or `server` but [`Gateway`].

mod admin;
mod alarm;
pub mod caller;
pub mod cli;
pub mod clock;
mod gateway;
pub mod mesh;
pub mod metrics;
pub mod names;
pub mod request;
mod server;
pub mod socket;
pub mod stack;
pub mod table;
pub mod telemetry;
pub mod tls;
pub mod upstream;

pub use gateway::{Gateway, Options, StartError, wait_for_valid};
