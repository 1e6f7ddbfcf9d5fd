//! The index of routes finds what a look at every route finds.

use std::path::Path;

use arbitrary::{Result, Unstructured};
use gateway::metrics::Metrics;
use gateway::table::compile::plan;
use gateway::table::matcher::NoRoute;
use gateway::table::{RouteId, Table};

use super::reference::{Asked, Wanted, naive};

/// Whether the routes that the bytes make took one of their requests.
pub fn run(bytes: &[u8]) -> bool {
    try_run(bytes).unwrap_or(false)
}

fn try_run(bytes: &[u8]) -> Result<bool> {
    let mut u = Unstructured::new(bytes);
    let count = u.int_in_range(1..=10)?;
    let wanted: Vec<_> = (0..count).map(|_| Wanted::any(&mut u)).collect::<Result<_>>()?;
    let (routes, table) = reachable(wanted);
    let mut found = false;
    while !u.is_empty() {
        let asked = Asked::any(&mut u)?;
        let answer = table.find(&asked.request());
        let expected = naive(&routes, &asked)
            .map(RouteId)
            .map_err(|allowed| if allowed.is_empty() { NoRoute::NotFound } else { NoRoute::Method(allowed) });
        assert_eq!(answer, expected, "{asked:?}\nof {routes:#?}");
        found |= answer.is_ok();
    }
    Ok(found)
}

/// The table of those routes that no other one hides: a file with hidden ones is refused.
fn reachable(wanted: Vec<Wanted>) -> (Vec<Wanted>, Table) {
    if let Some(table) = table(&wanted) {
        return (wanted, table);
    }
    let mut kept: Vec<Wanted> = Vec::new();
    for route in wanted {
        kept.push(route);
        if table(&kept).is_none() {
            kept.pop();
        }
    }
    let table = table(&kept).expect("every route of it was accepted");
    (kept, table)
}

fn table(routes: &[Wanted]) -> Option<Table> {
    let mut text = "upstreams: { u: http://127.0.0.1:1 }\nroutes:\n".to_owned();
    routes.iter().enumerate().for_each(|(at, route)| route.write(at, &mut text));
    let plan = plan(&text, Path::new("made.yaml"), &|_| None).ok()?;
    Some(plan.into_table(None, &Metrics::new(1, &[], &[])))
}
