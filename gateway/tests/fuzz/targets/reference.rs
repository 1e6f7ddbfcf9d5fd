//! The naive matcher: routes and requests from few parts, so that they collide all the time, and the answer that a look at every route
//! gives, written after the precedence that the documents promise and not after the index that is tried against it.

use std::cmp::Reverse;
use std::fmt::Write as _;

use arbitrary::{Result, Unstructured};
use http::Method;

/// A text or a `~regex`, and what it means, said another way.
pub type Pattern = (&'static str, fn(&str) -> bool);

/// A route; what is empty asks for nothing.
#[derive(Clone, Debug)]
pub struct Wanted {
    host: Option<&'static str>,
    exact: bool,
    path: String,
    methods: Vec<&'static str>,
    headers: Vec<(&'static str, Pattern)>,
    query: Vec<(&'static str, Pattern)>,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Asked {
    host: &'static str,
    path: String,
    method: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    query: Vec<(&'static str, &'static str)>,
}

const HOSTS: [Option<&str>; 9] = [
    None,
    None,
    Some("a.test"),
    Some("b.a.test"),
    Some("*.a.test"),
    Some("*.test"),
    Some("~^b"),
    Some("~a"),
    Some("~^c"),
];
const ASKED_HOSTS: [&str; 7] = ["a.test", "b.a.test", "c.b.a.test", "x.test", "test", "A.Test:8000", "ba.test"];
const SEGMENTS: [&str; 8] = ["api", "movies", "7", "apix", "a%2fb", "", "..a", "%41"];
const METHODS: [&str; 4] = ["GET", "POST", "PUT", "HEAD"];
const NAMES: [&str; 3] = ["x-a", "x-b", "x-c"];
const PATTERNS: [Pattern; 5] = [
    ("yes", |value| value == "yes"),
    ("no", |value| value == "no"),
    ("~^y", |value| value.starts_with('y')),
    ("~s$", |value| value.ends_with('s')),
    ("~e", |value| value.contains('e')),
];
const VALUES: [&str; 6] = ["yes", "no", "yet", "less", "", "a+b"];

fn some<'a, T>(
    u: &mut Unstructured<'a>,
    most: usize,
    one: impl Fn(&mut Unstructured<'a>) -> Result<T>,
) -> Result<Vec<T>> {
    (0..u.int_in_range(0..=most)?).map(|_| one(u)).collect()
}

fn path(u: &mut Unstructured<'_>) -> Result<String> {
    let mut path = String::new();
    for segment in some(u, 3, |u| u.choose(&SEGMENTS))? {
        _ = write!(path, "/{segment}");
    }
    Ok(if path.is_empty() || u.ratio(1, 6)? { path + "/" } else { path })
}

/// One entry a name: a file can't have two.
fn patterns(u: &mut Unstructured<'_>) -> Result<Vec<(&'static str, Pattern)>> {
    let wanted = |name| move |u: &mut Unstructured<'_>| Ok((name, *u.choose(&PATTERNS)?));
    let lists: Result<Vec<_>> =
        NAMES.iter().map(|name| if u.ratio(1, 3)? { some(u, 1, wanted(*name)) } else { Ok(vec![]) }).collect();
    Ok(lists?.concat())
}

impl Wanted {
    /// Any route.
    pub fn any(u: &mut Unstructured<'_>) -> Result<Self> {
        let (host, exact, path) = (*u.choose(&HOSTS)?, u.arbitrary()?, path(u)?);
        let mut methods = some(u, 2, |u| u.choose(&METHODS).copied())?;
        methods.dedup();
        Ok(Self { host, exact, path, methods, headers: patterns(u)?, query: patterns(u)? })
    }

    /// As it stands in a file.
    pub fn write(&self, at: usize, text: &mut String) {
        let kind = if self.exact { "exact" } else { "path" };
        _ = writeln!(text, "  - name: r{at}\n    {kind}: \"{}\"\n    to: u", self.path);
        if let Some(host) = self.host {
            _ = writeln!(text, "    host: \"{host}\"");
        }
        if !self.methods.is_empty() {
            _ = writeln!(text, "    methods: {:?}", self.methods);
        }
        for (key, entries) in [("headers", &self.headers), ("query", &self.query)] {
            let entries: Vec<_> = entries.iter().map(|(name, (value, _))| format!("{name}: \"{value}\"")).collect();
            if !entries.is_empty() {
                _ = writeln!(text, "    {key}: {{ {} }}", entries.join(", "));
            }
        }
    }
}

impl Asked {
    /// Any request.
    pub fn any(u: &mut Unstructured<'_>) -> Result<Self> {
        let pair = |u: &mut Unstructured<'_>| Ok((*u.choose(&NAMES)?, *u.choose(&VALUES)?));
        let (host, method) = (*u.choose(&ASKED_HOSTS)?, *u.choose(&METHODS)?);
        Ok(Self { host, path: path(u)?, method, headers: some(u, 3, pair)?, query: some(u, 3, pair)? })
    }

    /// As a layer sees it.
    pub fn request(&self) -> http::Request<()> {
        let pairs: Vec<_> =
            self.query.iter().map(|(name, value)| format!("{name}={}", value.replace('+', "%2B"))).collect();
        let query = if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) };
        let start =
            http::Request::builder().method(self.method).uri(format!("{}{query}", self.path)).header("host", self.host);
        let request = self.headers.iter().fold(start, |request, (name, value)| request.header(*name, *value));
        request.body(()).expect("its parts are good")
    }
}

/// How well a route fits, the greater the better; `None` if it is no candidate, method aside.
fn fit(routes: &[Wanted], wanted: &Wanted, asked: &Asked) -> Option<impl Ord + use<>> {
    let name = asked.host.split(':').next().unwrap_or_default().to_lowercase();
    let host = match wanted.host {
        None => (0, 0, Reverse(0)),
        Some(host) if host.starts_with('~') => {
            let pattern = &host[1..];
            let holds =
                pattern.strip_prefix('^').map_or_else(|| name.contains(pattern), |begin| name.starts_with(begin));
            // A pattern is as good as the first route that has it stands early.
            (usize::from(holds), 0, Reverse(routes.iter().position(|route| route.host == Some(host))?))
        }
        Some(host) if host.starts_with('*') => {
            (2 * usize::from(name.ends_with(&host[1..]) && name.len() > host.len() - 1), host.len(), Reverse(0))
        }
        Some(host) => (3 * usize::from(host == name), 0, Reverse(0)),
    };
    let prefix = wanted.path.trim_end_matches('/');
    let below = asked.path == prefix || asked.path.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'));
    let has = |all: &[(&str, &str)], (name, (_, holds)): &(&str, Pattern)| {
        all.iter().any(|(known, value)| known == name && holds(value))
    };
    let holds = (wanted.host.is_none() || host.0 > 0)
        && (if wanted.exact { asked.path == wanted.path } else { below })
        && wanted.headers.iter().all(|header| has(&asked.headers, header))
        && wanted.query.iter().all(|query| has(&asked.query, query));
    let length = if wanted.exact { wanted.path.len() } else { prefix.len() };
    holds.then_some((host, wanted.exact, length, !wanted.methods.is_empty(), wanted.headers.len(), wanted.query.len()))
}

/// The position of the route that wins, or the methods that would have been taken.
pub fn naive(routes: &[Wanted], asked: &Asked) -> std::result::Result<usize, Vec<Method>> {
    let fits = routes.iter().enumerate().filter_map(|(at, route)| Some((fit(routes, route, asked)?, Reverse(at))));
    let (takes, others): (Vec<_>, Vec<_>) = fits
        .partition(|(_, Reverse(at))| routes[*at].methods.is_empty() || routes[*at].methods.contains(&asked.method));
    if let Some((_, Reverse(at))) = takes.into_iter().max() {
        return Ok(at);
    }
    let mut allowed: Vec<_> = others.iter().flat_map(|(_, Reverse(at))| routes[*at].methods.clone()).collect();
    allowed.sort_unstable();
    allowed.dedup();
    Err(allowed.into_iter().map(|method| method.parse().expect("it is a method")).collect())
}
