//! CinemaAbyss, the system that the gateway ships with: a cinema whose monolith is being split into services.
//!
//! - A domain is one module: its routes, its wire structs, its SQL: [`movies`], [`users`],
//!   [`payments`], [`subscriptions`], and [`events`], whose store is Kafka.
//! - What all of them share: [`http`] (routes, bodies, answers, the listener), [`db`] (the pool, the two dialects), [`error`]
//!   (what goes wrong, and its status), [`time`], [`metrics`], [`log`], [`settings`].
//! - [`service`] composes domains into a service, [`process`] is the process around it; each file in `bin/` names the
//!   domains of one. [`system`] is all of them and the gateway in one process.
//!
//! Imports go one way: `bin` → `system` → `process` → `service` → domains → `http`, `db` → `error`. The wire contract is in
//! `docs/services.md`.

#![deny(unsafe_code)]

pub mod db;
pub mod error;
pub mod events;
pub mod http;
pub mod log;
pub mod metrics;
pub mod movies;
pub mod payments;
pub mod process;
pub mod service;
pub mod settings;
pub mod subscriptions;
pub mod system;
pub mod time;
pub mod users;
