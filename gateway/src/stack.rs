//! The request's path, read top to bottom.

use std::convert::Infallible;
use std::rc::Rc;

use http::Response;
use tower::{Service, ServiceBuilder, service_fn};

use crate::request::body::Counted;
use crate::request::forward::forward;
use crate::request::route::route;
use crate::request::split::assign;
use crate::request::stage::stage;
use crate::request::vet::vet;
use crate::request::worker::Worker;
use crate::request::{Arrived, record};

/// Every layer, in order. Each takes the stage of a request that the one before it made; swapped, they do not compile.
///
/// All of them are always ready: a gateway that is busy says so with an answer, not by making its clients wait.
pub fn stack(worker: Rc<Worker>) -> impl Service<Arrived, Response = Response<Counted>, Error = Infallible> + Clone {
    ServiceBuilder::new()
        .layer(record::layer(worker)) // id, clock and the guard that counts: first, so that nothing ends uncounted
        .layer(stage(vet)) // refuses what other hops could read differently, before anything is decided by it
        .layer(stage(route)) // finds the route in the table that the record loaded
        .layer(stage(assign)) // chooses the upstream, from the request as it came
        .service(service_fn(|assigned| Box::pin(forward(assigned)))) // takes the hop's headers out, puts ours in, and streams both ways
}
