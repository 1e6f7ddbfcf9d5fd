//! From the file to the table: what was written → what it means, or all that is wrong with it.
//!
//! Second half of the cold path. [`plan`] asks everything that concerns more than one value (names, sums, reachability) and
//! needs nothing but the text and the environment, so `check` stops there. [`Plan::into_table`] cannot fail: it joins the plan
//! with what outlives an edit, the previous table's upstreams with their addresses, and the metrics' series. It is the only constructor of [`Table`].

mod actions;
mod reachable;
mod routes;
mod server;
mod splits;
mod timeouts;
mod tls;
mod upstream_tls;
mod upstreams;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use foldhash::{HashMap, HashMapExt as _};
use xxhash_rust::xxh3::xxh3_64;

use super::environment::Lookup;
use super::matcher::Matcher;
use super::problem::{Problems, Report};
use super::{Route, Server, Table, Upstream, file};
use crate::metrics::Metrics;
use crate::names::Names;
use routes::PlannedRoute;
use upstreams::PlannedUpstream;

/// A good file: everything decided, nothing made yet.
#[derive(Debug)]
pub struct Plan {
    /// Settings that only a restart changes.
    pub server: Server,
    /// Warnings, each with its place.
    pub warnings: Report,
    /// What the environment pins, a sentence each.
    pub pins: Vec<String>,
    upstreams: Vec<PlannedUpstream>,
    routes: Vec<PlannedRoute>,
    hash: String,
    source: PathBuf,
    begun: Instant,
}

/// Decides what a routes file means. `source` is its path as it was named, for messages.
///
/// # Errors
/// Every problem of the file, in its order.
pub fn plan(text: &str, source: &Path, environment: Lookup<'_>) -> Result<Plan, Box<Report>> {
    let begun = Instant::now();
    let name = source.display().to_string();
    let mut problems = Problems::default();
    let mut pins = Vec::new();
    let Some(mut file) = file::read(text, environment, &mut problems) else {
        return Err(Box::new(Report::new(name, text, problems)));
    };
    let folder = source.parent().unwrap_or(Path::new(""));
    let server = server::plan(file.server.as_ref(), folder, environment, &mut problems);
    let upstreams = upstreams::plan(&file, folder, &mut problems);
    let written = std::mem::take(&mut file.routes);
    let routes = routes::plan(&file, written, &mut problems, &mut pins);
    server::count_series(&file, &routes, &mut problems);
    if problems.errors() > 0 {
        return Err(Box::new(Report::new(name, text, problems)));
    }
    upstreams::warn_unused(&file, &routes, &mut problems);
    Ok(Plan {
        server,
        warnings: Report::new(name, text, problems),
        pins,
        upstreams,
        routes,
        hash: hash(text),
        source: source.to_owned(),
        begun,
    })
}

/// XXH3-64 of a file's text, as `/table` and `config_info` show it.
#[must_use]
pub fn hash(text: &str) -> String {
    format!("{:016x}", xxh3_64(text.as_bytes()))
}

impl Plan {
    /// The same plan, if the files that it names are there and fit: those of `server.tls`, and of each upstream's `tls`.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn with_files(mut self) -> Result<Self, Box<Report>> {
        let mut problems = self.server.tls.as_ref().map(tls::problems_of_files).unwrap_or_default();
        for upstream in &mut self.upstreams {
            upstream.read_files(&mut problems);
        }
        if problems.is_empty() { Ok(self) } else { Err(Box::new(self.warnings.with(problems))) }
    }

    /// How many routes it has.
    #[must_use]
    pub fn routes(&self) -> usize {
        self.routes.len()
    }

    /// How many upstreams it has.
    #[must_use]
    pub fn upstreams(&self) -> usize {
        self.upstreams.len()
    }

    /// The table. Upstreams whose settings are those of `previous` are the same ones, with their connections; splits go on
    /// counting where they were.
    #[must_use]
    pub fn into_table(self, previous: Option<&Table>, metrics: &Metrics, names: &Names) -> Table {
        let known = previous.map(known).unwrap_or_default();
        let upstreams: Vec<_> =
            self.upstreams.into_iter().map(|planned| planned.make(&known, metrics, names)).collect();
        let before = previous.map(routes_by_name).unwrap_or_default();
        let routes: Vec<Route> =
            self.routes.into_iter().map(|planned| planned.make(&upstreams, &before, metrics)).collect();
        let warnings =
            self.warnings.problems().iter().map(|problem| format!("line {}: {}", problem.span.line, problem.message));
        Table {
            generation: previous.map_or(1, |table| table.generation + 1),
            hash: self.hash,
            source: self.source,
            compiled_at: SystemTime::now(),
            server: self.server,
            matcher: Matcher::new(&routes),
            upstreams,
            routes,
            notes: self.pins.into_iter().chain(warnings).collect(),
            unrouted: metrics.series("-", "-"),
            // The last to be made.
            compiled_in: self.begun.elapsed(),
        }
    }
}

/// A table's routes by name: whose series and counters go on.
type RoutesByName<'a> = HashMap<&'a str, &'a Route>;

fn routes_by_name(table: &Table) -> RoutesByName<'_> {
    let mut named = HashMap::with_capacity(table.routes.len());
    named.extend(table.routes.iter().map(|route| (route.name.as_str(), route)));
    named
}

/// A table's upstreams by name.
type Known<'a> = HashMap<&'a str, &'a Arc<Upstream>>;

fn known(table: &Table) -> Known<'_> {
    table.upstreams.iter().map(|upstream| (upstream.name.as_str(), upstream)).collect()
}
