//! The index of routes finds what a look at every route finds.

use std::path::Path;

use arbitrary::{Result, Unstructured};
use gateway::metrics::Metrics;
use gateway::names::Names;
use gateway::table::compile::plan;
use gateway::table::matcher::NoRoute;
use gateway::table::problem::Report;
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

/// The table of those routes that no other one hides: a file with hidden ones is refused, and says which they are.
fn reachable(mut routes: Vec<Wanted>) -> (Vec<Wanted>, Table) {
    loop {
        let report = match table(&routes) {
            Ok(table) => return (routes, table),
            Err(report) => report,
        };
        let hidden = |at: usize| format!("no request can reach route `r{at}`:");
        let is_hidden = |at: usize| report.problems().iter().any(|problem| problem.message.starts_with(&hidden(at)));
        let before = routes.len();
        let mut at = 0..;
        routes.retain(|_| !at.next().is_some_and(is_hidden));
        assert!(routes.len() < before, "{report}");
    }
}

fn table(routes: &[Wanted]) -> std::result::Result<Table, Box<Report>> {
    let mut text = "upstreams: { u: http://127.0.0.1:1 }\nroutes:\n".to_owned();
    routes.iter().enumerate().for_each(|(at, route)| route.write(at, &mut text));
    let plan = plan(&text, Path::new("made.yaml"), &|_| None)?;
    Ok(plan.into_table(None, &Metrics::new(1, &[], &[]), &Names::new(None).0))
}
