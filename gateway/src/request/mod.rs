//! The hot path: one file a layer, in the order in which [`crate::stack`] puts them.
//!
//! A request's stages are types: [`Arrived`] → [`Begun`] → [`Vetted`] → [`Routed`] → [`Assigned`]. Each layer takes one and makes the next, so
//! that a layer in the wrong place does not compile. Whatever happens, the [`record::Record`] that the first layer made counts
//! the request once, when the last piece of it is dropped.

pub mod body;
pub mod client;
pub mod error;
pub mod forward;
pub mod headers;
pub mod id;
pub mod log;
pub mod record;
mod respond;
pub mod route;
pub mod split;
pub mod stage;
pub mod tunnel;
pub mod vet;
pub mod worker;

use std::rc::Rc;

use hyper::body::Incoming;

use crate::clock::Clock;
use client::Client;
use headers::Found;
use record::Record;

/// As hyper read it from a client's connection.
#[derive(Debug)]
pub struct Arrived {
    /// Untouched. Boxed, because every stage moves it on.
    pub request: Box<http::Request<Incoming>>,
    /// The connection that it came on.
    pub client: Rc<Client>,
    /// The timer of the task that serves it: the connection's in HTTP/1.1, a stream's own in HTTP/2.
    pub clock: Rc<Clock>,
}

/// It has an id, a clock is running, and it will be counted.
#[derive(Debug)]
pub struct Begun {
    /// Untouched.
    pub request: Box<http::Request<Incoming>>,
    /// Its record, with the snapshot of the table that governs it.
    pub record: Rc<Record>,
}

/// Its target, host and method are ones that can be forwarded as they are.
#[derive(Debug)]
pub struct Vetted {
    /// Untouched.
    pub request: Box<http::Request<Incoming>>,
    /// Its record.
    pub record: Rc<Record>,
    /// What its head holds, for who strips it.
    pub found: Found,
}

/// Its route is known, in the record.
#[derive(Debug)]
pub struct Routed {
    /// Untouched.
    pub request: Box<http::Request<Incoming>>,
    /// Its record.
    pub record: Rc<Record>,
    /// What its head holds.
    pub found: Found,
    /// The route, of the record's table.
    pub route: crate::table::RouteId,
}

/// Its upstream is chosen.
#[derive(Debug)]
pub struct Assigned {
    /// Untouched: what goes up is made from it at the last moment.
    pub request: Box<http::Request<Incoming>>,
    /// Its record.
    pub record: Rc<Record>,
    /// What its head holds.
    pub found: Found,
    /// The route, of the record's table.
    pub route: crate::table::RouteId,
    /// The upstream, of the record's table.
    pub upstream: crate::table::UpstreamId,
}
