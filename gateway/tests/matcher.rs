//! The route index against a naive reference that looks at every route, on files and requests made at random from few parts,
//! so that hosts, paths, methods, headers and queries collide all the time.

use std::path::Path;

use gateway::metrics::Metrics;
use gateway::names::Names;
use gateway::request::error::Error;
use gateway::table::compile::plan;
use gateway::table::matcher::NoRoute;
use gateway::table::{RouteId, Table};
use proptest::prelude::*;

/// A route as the reference sees it; `None` asks for nothing.
#[derive(Clone, Debug, PartialEq)]
struct Wanted {
    host: Option<&'static str>,
    exact: bool,
    path: &'static str,
    method: Option<&'static str>,
    header: bool,
    query: bool,
}

#[derive(Clone, Debug)]
struct Asked {
    host: &'static str,
    path: &'static str,
    method: &'static str,
    header: bool,
    query: bool,
}

const HOSTS: &[Option<&str>] = &[None, Some("a.test"), Some("b.a.test"), Some("*.a.test"), Some("*.test"), Some("~^b")];
const PATHS: &[&str] = &["/", "/api", "/api/movies", "/api/movies/7", "/apix", "/api%2fmovies"];
const TARGETS: &[&str] = &[
    "/",
    "/api",
    "/api/",
    "/api/movies",
    "/api/movies/",
    "/api/movies/7/x",
    "/api/moviesX",
    "/apix",
    "/api//movies",
    "/api%2fmovies",
];

fn wanted() -> impl Strategy<Value = Wanted> {
    let method = prop::sample::select(vec![None, None, Some("GET"), Some("POST")]);
    (prop::sample::select(HOSTS), any::<bool>(), prop::sample::select(PATHS), method, any::<bool>(), any::<bool>())
        .prop_map(|(host, exact, path, method, header, query)| Wanted { host, exact, path, method, header, query })
}

fn asked() -> impl Strategy<Value = Asked> {
    let host = prop::sample::select(&["a.test", "b.a.test", "c.b.a.test", "x.test", "test"][..]);
    let method = prop::sample::select(&["GET", "POST", "PUT"][..]);
    (host, prop::sample::select(TARGETS), method, any::<bool>(), any::<bool>())
        .prop_map(|(host, path, method, header, query)| Asked { host, path, method, header, query })
}

/// The file of these routes; `None` where the compiler refuses it, as one with an unreachable route.
fn table(routes: &[Wanted]) -> Option<Table> {
    let mut text = "upstreams: { u: http://127.0.0.1:1 }\nroutes:\n".to_owned();
    for (at, route) in routes.iter().enumerate() {
        text += &format!(
            "  - name: r{at}\n    {}: {}\n    to: u\n",
            if route.exact { "exact" } else { "path" },
            route.path
        );
        text += &route.host.map(|host| format!("    host: \"{host}\"\n")).unwrap_or_default();
        text += &route.method.map(|method| format!("    methods: [{method}]\n")).unwrap_or_default();
        text += if route.header { "    headers: { x-beta: \"yes\" }\n" } else { "" };
        text += if route.query { "    query: { lang: ru }\n" } else { "" };
    }
    let plan = plan(&text, Path::new("made.yaml"), &|_| None).ok()?;
    Some(plan.into_table(None, &Metrics::new(1, Error::REASONS, &[]), &Names::new(None).0))
}

fn request(asked: &Asked) -> http::Request<()> {
    let query = if asked.query { "?x=1&lang=ru" } else { "" };
    let mut request =
        http::Request::builder().method(asked.method).uri(format!("{}{query}", asked.path)).header("host", asked.host);
    if asked.header {
        request = request.header("x-beta", "no").header("x-beta", "yes");
    }
    request.body(()).expect("its parts are good")
}

/// How well a route fits, the greater the better; `None` if it is no candidate, method aside.
fn fit(wanted: &Wanted, asked: &Asked) -> Option<(u8, usize, bool, usize, bool, bool, bool)> {
    let (rank, length) = match wanted.host {
        None => (0, 0),
        Some(host) if host.starts_with('~') => (u8::from(asked.host.starts_with('b')), 0),
        Some(host) if host.starts_with('*') => {
            (2 * u8::from(asked.host.ends_with(&host[1..]) && asked.host.len() > host.len() - 1), host.len())
        }
        Some(host) => (3 * u8::from(host == asked.host), 0),
    };
    let prefix = wanted.path.trim_end_matches('/');
    let below = asked.path == prefix || asked.path.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'));
    let path = if wanted.exact { asked.path == wanted.path } else { below };
    let holds = (wanted.host.is_none() || rank > 0)
        && path
        && (!wanted.header || asked.header)
        && (!wanted.query || asked.query);
    let exact = wanted.exact;
    holds.then_some((rank, length, exact, wanted.path.len(), wanted.method.is_some(), wanted.header, wanted.query))
}

fn naive(routes: &[Wanted], asked: &Asked) -> Result<RouteId, NoRoute> {
    let candidates: Vec<_> =
        routes.iter().enumerate().filter_map(|(at, route)| fit(route, asked).map(|fit| (at, route, fit))).collect();
    let takes = |route: &Wanted| route.method.is_none_or(|method| method == asked.method);
    // `max_by_key` keeps the last of equals, so that the order is turned round: the file's order decides.
    let best = candidates.iter().rev().filter(|(_, route, _)| takes(route)).max_by_key(|(_, _, fit)| *fit);
    if let Some((at, _, _)) = best {
        return Ok(RouteId(*at));
    }
    let mut allowed: Vec<&str> = candidates.iter().filter_map(|(_, route, _)| route.method).collect();
    allowed.sort_unstable();
    allowed.dedup();
    if allowed.is_empty() {
        return Err(NoRoute::NotFound);
    }
    Err(NoRoute::Method(allowed.into_iter().map(|method| method.parse().expect("it is a method")).collect()))
}

/// Routes that another one makes unreachable are refused in a file; without them there is something to look up nearly always.
fn reachable(routes: Vec<Wanted>) -> Vec<Wanted> {
    let mut kept: Vec<Wanted> = Vec::new();
    for route in routes {
        kept.push(route);
        if table(&kept).is_none() {
            kept.pop();
        }
    }
    kept
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_index_finds_what_a_look_at_every_route_finds(
        routes in prop::collection::vec(wanted(), 1..14),
        requests in prop::collection::vec(asked(), 40),
    ) {
        let routes = reachable(routes);
        let table = table(&routes).expect("every route of it was accepted");
        for asked in &requests {
            prop_assert_eq!(table.find(&request(asked)), naive(&routes, asked), "{:?}", asked);
        }
    }
}
