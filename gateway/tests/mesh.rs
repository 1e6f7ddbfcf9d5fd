//! What is exported to a mesh means there what it means here, and what is imported from one means here what it meant there.

#![expect(clippy::unwrap_used, reason = "what a test can't read ends it")]

use std::fs;
use std::path::{Path, PathBuf};

use gateway::mesh::{Converted, ImportError, Place, Target, export, import};
use gateway::metrics::Metrics;
use gateway::names::Names;
use gateway::table::compile::plan;
use gateway::table::{Action, HostMatch, Matches, PathMatch, Route, Table, ValueMatch};
use http::Request;
use serde_json::Value;

/// Hosts, paths, methods, headers and queries of every kind, in an order that is not that of their precedence.
const ALL: &str = r#"
upstreams:
  monolith: http://monolith:8080
  movies: http://movies-service.cinema:8081
  films: { endpoints: [http://a.films.svc.cluster.local:80, http://b.films.svc.cluster.local:80, http://c.films:80] }
routes:
  - { name: rest, path: /, to: monolith }
  - { name: movies, path: /api/movies, split: { movies: 12.5, monolith: rest }, writes: split, sticky: client }
  - { name: paused, path: /api/paused, split: { movies: 60, monolith: rest }, writes: split, enabled: false }
  - { name: health, exact: /api/movies/health, to: movies }
  - { name: reads, path: /api/movies, methods: [GET, HEAD], to: films }
  - { name: beta, path: /api/movies, methods: [GET], headers: { x-beta: "yes", user-agent: ~(?i)android }, to: movies }
  - { name: lang, path: /api/movies, methods: [GET], query: { lang: ~^(ru|de)$ }, split: { films: 50, movies: 50 } }
  - { name: closed, path: /closed, respond: { status: 503, json: { error: closed }, headers: { retry-after: "60" } } }
  - { name: moved, path: /old, redirect: { prefix: /new, status: 308, scheme: https, host: example.com } }
  - { name: films host, host: films.example.com, path: /api/movies, to: films }
  - { name: below, host: "*.example.com", path: /api, to: movies, timeout: { total: 1500ms } }
  - { name: deeper, host: "*.films.example.com", path: /api, to: films }
"#;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn table(text: &str) -> Table {
    let plan = plan(text, Path::new("routes.yaml"), &|_| None).unwrap_or_else(|report| panic!("{report}\n{text}"));
    plan.into_table(None, &Metrics::new(1, &[], &[]), &Names::new(None).0)
}

fn exported(table: &Table, target: Target) -> Converted {
    let place = Place { name: "cinema".to_owned(), namespace: None, gateway: "door".to_owned(), hosts: Vec::new() };
    export(table, target, &place).unwrap()
}

fn documents(text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Requests that tell the routes apart: each host, path, method, header and query with each.
fn requests() -> Vec<Request<()>> {
    let hosts = ["other.test", "films.example.com", "x.example.com", "x.films.example.com", "example.com"];
    let paths = [
        "/",
        "/api/movies",
        "/api/movies/",
        "/api/movies/7",
        "/api/moviesX",
        "/api/movies/health",
        "/closed/x",
        "/old/a",
    ];
    let mut out = Vec::new();
    for host in hosts {
        for path in paths.iter().chain(&["/api/paused", "/api"]) {
            for query in ["", "?lang=ru", "?lang=rus"] {
                for method in ["GET", "POST", "DELETE"] {
                    for agent in ["curl", "an ANDROID"] {
                        let request =
                            Request::builder().method(method).uri(format!("{path}{query}")).header("host", host);
                        out.push(request.header("x-beta", "yes").header("user-agent", agent).body(()).unwrap());
                    }
                }
            }
        }
    }
    out
}

fn find<'t>(table: &'t Table, request: &Request<()>) -> Option<&'t Route> {
    table.find(request).ok().map(|id| table.route(id))
}

/// What Istio's documentation says of a VirtualService: the most exact host, then the first of its routes that matches.
fn mesh<'v>(services: &'v [Value], request: &Request<()>) -> Option<&'v Value> {
    let host = request.headers()["host"].to_str().unwrap();
    let fit = |wanted: &str| match wanted.strip_prefix('*') {
        Some(suffix) => host.ends_with(suffix) && host.len() > suffix.len(),
        None => host == wanted,
    };
    let hosts = |service: &'v Value| service["spec"]["hosts"].as_array().unwrap().iter().filter_map(Value::as_str);
    let exactness = |service: &'v Value| {
        hosts(service).filter(|host| fit(host)).map(|host| (!host.starts_with('*'), host.len())).max()
    };
    let service =
        services.iter().filter(|service| exactness(service).is_some()).max_by_key(|service| exactness(service))?;
    service["spec"]["http"].as_array()?.iter().find(|route| {
        route["match"].as_array().unwrap().iter().any(|wanted| {
            let query: Vec<_> = form_urlencoded::parse(request.uri().query().unwrap_or("").as_bytes()).collect();
            says(&wanted["uri"], request.uri().path())
                && wanted.get("method").is_none_or(|method| says(method, request.method().as_str()))
                && pairs(wanted, "headers").all(|(name, value)| says(value, request.headers()[name].to_str().unwrap()))
                && pairs(wanted, "queryParams")
                    .all(|(name, value)| query.iter().any(|(key, text)| key == name && says(value, text)))
        })
    })
}

fn pairs<'v>(wanted: &'v Value, key: &str) -> impl Iterator<Item = (&'v str, &'v Value)> {
    wanted.get(key).and_then(Value::as_object).into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

/// A StringMatch: its patterns are anchored at both ends.
fn says(wanted: &Value, text: &str) -> bool {
    let (kind, value) = wanted.as_object().unwrap().iter().next().unwrap();
    let value = value.as_str().unwrap();
    match kind.as_str() {
        "exact" => text == value,
        "prefix" => text.starts_with(value),
        _ => regex::Regex::new(&format!("^(?:{value})$")).unwrap().is_match(text),
    }
}

#[test]
fn a_virtual_service_takes_each_request_by_the_same_route() {
    let table = table(ALL);
    let services = documents(&exported(&table, Target::VirtualService).text);
    assert_eq!(services.len(), 4, "one for each host, one for all others");
    for request in requests() {
        let there = mesh(&services, &request).map(|route| route["name"].as_str().unwrap());
        let here = find(&table, &request).map(|route| route.name.as_str());
        assert_eq!(there, here, "{request:?}");
    }
}

#[test]
fn a_virtual_service_says_what_each_route_does() {
    let services = documents(&exported(&table(ALL), Target::VirtualService).text);
    let any = services.iter().find(|service| service["spec"]["hosts"][0] == "*").unwrap();
    let http = any["spec"]["http"].as_array().unwrap();
    let route = |name: &str| http.iter().find(|route| route["name"] == name).unwrap();
    let shares = |name: &str| -> Vec<(String, u64)> {
        let destinations = route(name)["route"].as_array().unwrap().iter();
        destinations
            .map(|to| (to["destination"]["host"].as_str().unwrap().to_owned(), to["weight"].as_u64().unwrap_or(100)))
            .collect()
    };
    let pair = |host: &str, weight| (host.to_owned(), weight);
    assert_eq!(shares("movies"), [pair("movies-service.cinema", 125), pair("monolith", 875)]);
    assert_eq!(shares("paused"), [pair("movies-service.cinema", 0), pair("monolith", 100)]);
    let thirds: u64 = shares("lang").iter().filter(|(host, _)| host.contains("films")).map(|(_, weight)| weight).sum();
    assert_eq!((thirds, shares("lang").len(), shares("lang")[3].1), (500_000, 4, 500_000));
    assert_eq!(route("closed")["directResponse"]["status"], 503);
    assert_eq!(route("closed")["directResponse"]["body"]["string"], r#"{"error":"closed"}"#);
    assert_eq!(route("closed")["headers"]["response"]["set"]["retry-after"], "60");
    assert_eq!(route("moved")["redirect"]["prefixRewrite"], "/new");
    assert_eq!(route("moved")["redirect"]["redirectCode"], 308);
    let below = services.iter().find(|service| service["spec"]["hosts"][0] == "*.example.com").unwrap();
    let below = below["spec"]["http"].as_array().unwrap().iter().find(|route| route["name"] == "below").unwrap();
    assert_eq!(below["timeout"], "1.5s");
}

#[test]
fn what_no_mesh_has_words_for_is_said() {
    let text = "
upstreams: { monolith: http://127.0.0.1:8080, movies: { url: http://movies:8081, protocol: h2c } }
defaults: { limit: { body: 1MiB } }
routes:
  - { name: movies, path: /api/movies, split: { movies: 20, monolith: rest }, writes: split, sticky: [header x-user-id, cookie session] }
  - { name: odd, path: /, host: ~films, to: monolith, timeout: { first_byte: 1s } }
  - { name: fixed, exact: /health, respond: { text: fine } }
";
    let losses = |target| exported(&table(text), target).losses.join("\n");
    for (target, wanted) in [
        (Target::VirtualService, &["`sticky` by header x-user-id, cookie session", "ServiceEntry"][..]),
        (
            Target::HttpRoute,
            &["`sticky` by", "no Service's; make a Service `monolith`", "route `fixed`: its answer with status 200"],
        ),
    ] {
        let all = losses(target);
        for wanted in wanted.iter().chain(&["body limit of 1048576 bytes", "~films", "first_byte", "HTTP/2"]) {
            assert!(all.contains(wanted), "{wanted} is not among\n{all}");
        }
    }
    let text = exported(&table(text), Target::HttpRoute).text;
    let fixed =
        documents(&text)[0]["spec"]["rules"].as_array().unwrap().iter().find(|rule| rule["name"] == "fixed").cloned();
    assert_eq!(fixed.unwrap().get("backendRefs"), None, "a refusal, not a hole:\n{text}");
    assert!(text.starts_with("# The routes of routes.yaml, hash "), "{text}");
}

/// What a route does, as far as both sides can say it.
fn does(table: &Table, route: &Route) -> String {
    match &route.action {
        Action::Respond(_) => "answers itself".to_owned(),
        Action::Redirect(to) => format!("{to:?}"),
        Action::Split(split) => {
            let mut shares: Vec<(String, u32)> = Vec::new();
            for (at, entry) in split.entries.iter().enumerate() {
                let endpoints = &table.upstream(entry.upstream).endpoints;
                for endpoint in endpoints {
                    let place = endpoint.host.trim_end_matches(".svc.cluster.local").to_owned();
                    shares.push((
                        format!("{place}:{}", endpoint.port),
                        u32::from(split.effective(at)) / endpoints.len() as u32,
                    ));
                }
            }
            // Thirds are rounded.
            let mut shares: Vec<_> = shares.into_iter().map(|(place, share)| (place, (share + 50) / 100)).collect();
            shares.retain(|(_, share)| *share > 0);
            shares.sort();
            format!("{shares:?} within {:?}", route.timeouts.total)
        }
    }
}

#[test]
fn http_routes_go_there_and_back_and_mean_the_same() {
    let before = table(ALL);
    let there = exported(&before, Target::HttpRoute);
    let back = import(&there.text).unwrap();
    let after = table(&back.text);
    for request in requests() {
        let meaning = |table: &Table| find(table, &request).map(|route| does(table, route));
        assert_eq!(meaning(&before), meaning(&after), "{request:?}\n{}\n{}", there.text, back.text);
    }
    let methods = after.routes.iter().find(|route| route.name == "reads").unwrap();
    assert_eq!(methods.matches.methods.len(), 2, "methods are one route's again");
}

#[test]
fn every_shipped_file_is_exported_and_comes_back() {
    let examples = fs::read_dir(root().join("docs/examples")).unwrap().map(|entry| entry.unwrap().path());
    let files = examples.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    for file in files.chain([root().join("routes.yaml")]) {
        let plan =
            plan(&fs::read_to_string(&file).unwrap(), &file, &|_| None).unwrap_or_else(|report| panic!("{report}"));
        let before = plan.into_table(None, &Metrics::new(1, &[], &[]), &Names::new(None).0);
        assert!(!documents(&exported(&before, Target::VirtualService).text).is_empty());
        let after = table(&import(&exported(&before, Target::HttpRoute).text).unwrap().text);
        assert!(
            after.routes.len()
                >= before.routes.iter().filter(|route| !matches!(route.matches.host, HostMatch::Regex(_))).count()
        );
    }
}

#[test]
fn a_wider_host_s_narrower_match_overtakes_in_an_http_route_and_that_is_said() {
    let text = "
upstreams: { a: http://a:80, b: http://b:80 }
routes:
  - { name: own, host: films.example.com, path: /api, methods: [GET], to: a }
  - { name: wide, path: /api/movies, to: b }
";
    let table = table(text);
    assert_eq!(exported(&table, Target::VirtualService).losses, [] as [String; 0]);
    let losses = exported(&table, Target::HttpRoute).losses;
    assert!(losses.len() == 1 && losses[0].contains("`own`") && losses[0].contains("`wide`"), "{losses:?}");
}

#[test]
fn seventeen_rules_are_two_resources_with_a_name_each() {
    let routes: String = (0..17).map(|n| format!("  - {{ name: r{n}, path: /r{n}, to: a }}\n")).collect();
    let text = exported(&table(&format!("upstreams: {{ a: http://a:80 }}\nroutes:\n{routes}")), Target::HttpRoute).text;
    let names: Vec<_> = documents(&text).iter().map(|document| document["metadata"]["name"].clone()).collect();
    assert_eq!(names, ["cinema", "cinema-2"]);
}

const FOREIGN: &str = r#"
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Service
  metadata: { name: monolith }
- apiVersion: gateway.networking.k8s.io/v1
  kind: HTTPRoute
  metadata: { name: films, namespace: cinema, uid: 7, annotations: { a: b } }
  spec:
    parentRefs: [{ name: door, sectionName: https }]
    hostnames: [films.example.com, "*.films.example.com"]
    rules:
    - matches:
      - path: { type: PathPrefix, value: /api }
        headers: [{ name: x-beta, value: "~yes" }, { name: x-old, type: RegularExpression, value: "a|b" }]
      - path: { type: RegularExpression, value: "/x.*" }
      filters:
      - { type: RequestHeaderModifier, requestHeaderModifier: { set: [{ name: a, value: b }] } }
      backendRefs:
      - { name: new, port: 80, weight: 1 }
      - { name: old, port: 80, weight: 2 }
      timeouts: { request: 1m30s, backendRequest: 3s }
      retry: { attempts: 3 }
    - backendRefs: [{ name: bucket, kind: Bucket, group: example.com }]
    - matches: [{ path: { value: /moved } }]
      filters: [{ type: RequestRedirect, requestRedirect: { hostname: example.com, path: { type: ReplaceFullPath, replaceFullPath: /here } } }]
  status: { parents: [] }
"#;

#[test]
fn a_foreign_list_is_read_and_what_is_lost_is_said() {
    let Converted { text, losses } = import(FOREIGN).unwrap();
    let table = table(&text);
    let all = losses.join("\n");
    for wanted in [
        "v1 Service `monolith`: only HTTPRoutes",
        "filter RequestHeaderModifier",
        "RegularExpression",
        "rounded to hundredths",
        "spec.rules.0.timeouts.backendRequest",
        "spec.rules.0.retry",
        "backend `bucket` is Bucket; it answers 500",
    ] {
        assert!(all.contains(wanted), "{wanted} is not among\n{all}");
    }
    assert!(!all.contains("uid") && !all.contains("status"), "{all}");
    let first = &table.routes[0];
    let Matches { host: HostMatch::Exact(host), path: PathMatch::Prefix(path), headers, .. } = &first.matches else {
        panic!("{first:?}");
    };
    assert_eq!((host.as_str(), path.as_str(), table.routes.len()), ("films.example.com", "/api", 6));
    let holds = |at: usize, value: &[u8]| headers[at].1.holds(value);
    assert!(matches!(headers[0].1, ValueMatch::Regex(_)) && holds(0, b"~yes") && !holds(0, b"~yes!"));
    assert!(holds(1, b"a") && !holds(1, b"ab"));
    assert_eq!(does(&table, first), r#"[("new.cinema:80", 33), ("old.cinema:80", 67)] within Some(90s)"#);
    assert!(matches!(&table.routes[2].action, Action::Respond(reply) if reply.status == 500));
    assert!(matches!(&table.routes[4].action, Action::Redirect(to) if to.host.as_deref() == Some("example.com")));
}

#[test]
fn what_is_no_http_route_is_an_error_that_says_so() {
    let error = |text: &str| import(text).unwrap_err();
    assert!(matches!(error("a: [b"), ImportError::Yaml(_)));
    assert!(matches!(error("kind: Service\napiVersion: v1\n"), ImportError::Nothing));
    assert!(matches!(error(""), ImportError::Nothing));
    let shape =
        "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: { name: a }\nspec: { rules: 7 }\n";
    assert!(matches!(error(shape), ImportError::Shape { name, .. } if name == "a"));
}
