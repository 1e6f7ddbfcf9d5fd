//! Finds the route. The table was loaded once, when the request began: an edit in between changes nothing for it.

use super::error::Error;
use super::stage::{Decision, refuse};
use super::{Routed, Vetted};
use crate::table::matcher::NoRoute;

/// Refuses what no route takes.
pub fn route(Vetted { request, record, found }: Vetted) -> Decision<Routed> {
    match record.snapshot.table.find(&request) {
        Ok(route) => {
            record.route.set(Some(route));
            Decision::Continue(Routed { request, record, found, route })
        }
        Err(NoRoute::NotFound) => refuse(Error::NoRoute),
        Err(NoRoute::Method(allowed)) => refuse(Error::Method(request.method().clone(), allowed)),
    }
}
