//! Every routes file that is shipped or shown passes the check, and means what it says.

#![expect(clippy::unwrap_used, reason = "what a test can't read ends it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gateway::metrics::Metrics;
use gateway::names::Names;
use gateway::table::compile::{Plan, plan};
use gateway::table::problem::Report;
use gateway::table::{Action, HostMatch, PathMatch, Split, Table};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn check(text: &str, environment: &[(&str, &str)]) -> Result<Plan, Box<Report>> {
    let lookup =
        |name: &str| environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    plan(text, Path::new("routes.yaml"), &lookup)
}

fn table(text: &str, environment: &[(&str, &str)]) -> Table {
    let plan = check(text, environment).unwrap_or_else(|report| panic!("{report}"));
    plan.into_table(None, &Metrics::new(1, &[], &[]), &Names::new(None).0)
}

fn shipped() -> String {
    fs::read_to_string(root().join("routes.yaml")).unwrap()
}

fn split<'a>(table: &'a Table, route: &str) -> &'a Split {
    let route = table.routes.iter().find(|known| known.name == route).unwrap();
    match &route.action {
        Action::Split(split) => split,
        other => panic!("{other:?}"),
    }
}

fn weights(table: &Table, route: &str) -> Vec<(String, u16)> {
    let split = split(table, route);
    split.entries.iter().map(|entry| (table.upstream(entry.upstream).name.clone(), entry.weight)).collect()
}

#[test]
fn the_shipped_file_works_with_the_contract_alone() {
    let table = table(&shipped(), &[]);
    assert_eq!(weights(&table, "movies"), [("movies".to_owned(), 5000), ("monolith".to_owned(), 5000)]);
    assert_eq!(table.server.listen.to_string(), "0.0.0.0:8000");
    assert_eq!(table.server.admin.to_string(), "127.0.0.1:9901");
    assert!(split(&table, "movies").enabled);
    assert_eq!(table.notes, [] as [String; 0]);
    assert_eq!(table.generation, 1);
}

#[test]
fn the_contract_s_variables_decide_and_are_named_as_pins() {
    let environment = [
        ("PORT", "8123"),
        ("MONOLITH_URL", "http://monolith:8080"),
        ("MOVIES_MIGRATION_PERCENT", "20"),
        ("GRADUAL_MIGRATION", "false"),
    ];
    let table = table(&shipped(), &environment);
    assert_eq!(table.server.listen.port(), 8123);
    assert_eq!(table.upstreams[0].endpoints[0].host, "monolith");
    assert_eq!(weights(&table, "movies"), [("movies".to_owned(), 2000), ("monolith".to_owned(), 8000)]);
    let split = split(&table, "movies");
    assert!(!split.enabled);
    assert_eq!((split.effective(0), split.effective(1)), (0, 10_000));
    assert_eq!(split.entries[0].pinned_by.as_deref(), Some("MOVIES_MIGRATION_PERCENT"));
    assert_eq!(split.entries[1].pinned_by, None);
    let expected =
        "weight of movies in route movies is pinned by MOVIES_MIGRATION_PERCENT=20; editing its default does nothing";
    assert_eq!(table.notes[0], expected);
    assert!(table.notes[1].contains("GRADUAL_MIGRATION=false"), "{:?}", table.notes);
}

#[test]
fn yaml_s_aliases_merges_tags_and_quotes_mean_what_they_mean_elsewhere() {
    let text = "\u{feff}%YAML 1.2
---
upstreams: { movies: &here 'http://127.0.0.1:8081', \"\\x6donolith\": *here } # both are one
routes:
  - &base
    name: base
    path: >-
      /base
    split: &sides { movies: 12.5, monolith: rest }
    writes: split
    sticky: [client]
  - { <<: *base, name: !!str 12, path: /twelve }
  - <<: [{ sticky: header x-user }, *base]
    path: \"/l\\u0069st\"
    name: list
  - { name: rest, exact: /sides, split: *sides, writes: split }
...
";
    let table = table(text, &[]);
    let names: Vec<_> = table.routes.iter().map(|route| route.name.as_str()).collect();
    assert_eq!(names, ["base", "12", "list", "rest"]);
    assert_eq!(table.upstreams[1].endpoints, table.upstreams[0].endpoints);
    let sides = [("movies".to_owned(), 1250), ("monolith".to_owned(), 8750)];
    assert!(names.iter().all(|name| weights(&table, name) == sides));
    let path = |at: usize| format!("{:?}", table.routes[at].matches.path);
    assert_eq!([path(0), path(1), path(2)], ["Prefix(\"/base\")", "Prefix(\"/twelve\")", "Prefix(\"/list\")"]);
    let sticky = |name| format!("{:?}", split(&table, name).sticky);
    assert_eq!([sticky("12"), sticky("list")], ["[Client]", "[Header(\"x-user\")]"]);
}

#[test]
fn limits_are_those_that_the_file_says_and_else_the_documented_ones() {
    let file = |server: &str, defaults: &str, route: &str| {
        let route = format!("routes: [{{ name: all, path: /, to: films{route} }}]\n");
        table(&format!("{server}{defaults}upstreams: {{ films: http://127.0.0.1:1 }}\n{route}"), &[])
    };
    let usual = file("", "", "");
    let limits = usual.server.limits;
    assert_eq!((limits.head, limits.fields, limits.target), (64 << 10, 100, 8 << 10));
    assert_eq!((limits.connections, limits.connections_per_client), (None, None));
    assert_eq!((usual.routes[0].max_body, usual.server.strict_paths), (u64::MAX, false));
    let server = "server: { limits: { head: 2KiB, fields: 7, target: 64B, connections: 9, connections_per_client: 3 }, paths: strict }\n";
    let said = file(server, "defaults: { limit: { body: 1MiB } }\n", "");
    let limits = said.server.limits;
    assert_eq!((limits.head, limits.fields, limits.target), (2048, 7, 64));
    assert_eq!((limits.connections, limits.connections_per_client), (Some(9), Some(3)));
    assert_eq!((said.routes[0].max_body, said.server.strict_paths), (1 << 20, true));
    let own = file("", "defaults: { limit: { body: 1MiB } }\n", ", limit: { body: 0B }");
    assert_eq!(own.routes[0].max_body, 0);
}

#[test]
fn name_servers_have_port_53_where_none_is_written() {
    let file = |server: &str| {
        table(&format!("{server}routes: [{{ name: all, path: /, respond: {{}} }}]\n"), &[]).server.resolver
    };
    assert_eq!(file(""), None);
    let said =
        file("server: { resolver: [10.96.0.10, \"127.0.0.1:5353\", \"::1\", \"[::1]:5353\"] }\n").unwrap_or_default();
    let said: Vec<_> = said.iter().map(ToString::to_string).collect();
    assert_eq!(said, ["10.96.0.10:53", "127.0.0.1:5353", "[::1]:53", "[::1]:5353"]);
}

#[test]
fn every_percent_of_the_contract_is_taken_and_an_empty_variable_is_an_unset_one() {
    for percent in 0..=100u16 {
        let table = table(&shipped(), &[("MOVIES_MIGRATION_PERCENT", &percent.to_string())]);
        assert_eq!(split(&table, "movies").entries[0].weight, percent * 100);
    }
    let table = table(&shipped(), &[("MOVIES_MIGRATION_PERCENT", "")]);
    assert_eq!(split(&table, "movies").entries[0].weight, 5000);
    for refused in ["101", "-1", "half", "1;2", "50\n  evil: 1"] {
        assert!(check(&shipped(), &[("MOVIES_MIGRATION_PERCENT", refused)]).is_err(), "{refused}");
    }
}

#[test]
fn every_example_and_every_routes_file_in_the_documents_passes() {
    let examples = fs::read_dir(root().join("docs/examples")).unwrap().map(|entry| entry.unwrap().path());
    let mut checked = 0;
    for file in examples.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")) {
        let report = check(&fs::read_to_string(&file).unwrap(), &[]).map(|plan| plan.warnings);
        let warnings = report.unwrap_or_else(|report| panic!("{}\n{report}", file.display()));
        assert!(warnings.problems().is_empty(), "{}\n{warnings}", file.display());
        checked += 1;
    }
    assert!(checked >= 4);
    for page in pages() {
        for block in blocks(&fs::read_to_string(&page).unwrap()) {
            check(&block, &[]).unwrap_or_else(|report| panic!("{}\n{report}", page.display()));
        }
    }
}

/// The README and the pages of docs/.
fn pages() -> Vec<PathBuf> {
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let all = docs.chain([root().join("README.md")]);
    all.filter(|path| path.is_file() && path.extension().is_some_and(|extension| extension == "md")).collect()
}

/// The fenced YAML of a page that is a whole routes file.
fn blocks(page: &str) -> Vec<String> {
    let fenced = page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    fenced.filter(|block| block.lines().any(|line| line == "routes:")).map(str::to_owned).collect()
}

#[test]
fn defaults_are_those_of_the_reference() {
    let table = table("routes:\n  - { name: a, path: /, respond: { text: hi } }\n", &[]);
    let server = &table.server;
    assert_eq!(server.head_timeout, Some(Duration::from_secs(10)));
    assert_eq!(server.keepalive, Some(Duration::from_secs(75)));
    assert_eq!((server.drain.timeout, server.drain.delay), (Duration::from_secs(10), Duration::ZERO));
    assert!(server.expose && server.workers >= 1 && server.trusted_proxies.is_empty());
    let Action::Respond(reply) = &table.routes[0].action else { panic!() };
    assert_eq!((reply.status.as_u16(), &reply.body[..]), (200, &b"hi"[..]));
    assert_eq!(reply.headers["content-type"], "text/plain; charset=utf-8");
}

#[test]
fn a_route_s_timeout_goes_over_its_upstream_s_over_the_defaults() {
    let text = "\
defaults: { timeout: { connect: 1s, first_byte: 3s } }
upstreams:
  slow: { url: http://a:1, timeout: { first_byte: 20s, idle: 0s } }
  quick: http://a:2
routes:
  - { name: slow, path: /slow, to: slow, timeout: 30s }
  - { name: quick, path: /quick, to: quick, timeout: { connect: 0s } }
  - { name: both, path: /both, writes: split, split: { slow: 5, quick: rest } }
";
    let table = table(text, &[]);
    let of = |at: usize| table.routes[at].timeouts;
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    assert_eq!(
        (of(0).connect, of(0).first_byte, of(0).idle, of(0).total),
        (seconds(1), seconds(20), None, seconds(30))
    );
    assert_eq!((of(1).connect, of(1).first_byte, of(1).idle, of(1).total), (None, seconds(3), seconds(60), None));
    assert_eq!((of(2).first_byte, of(2).idle), (seconds(20), None));
}

#[test]
fn every_shape_of_the_long_forms_means_what_it_says() {
    let table = table(&fs::read_to_string(root().join("docs/examples/hosts.yaml")).unwrap(), &[]);
    assert_eq!(table.upstreams[0].endpoints.len(), 2);
    assert!(matches!(&table.routes[2].matches.host, HostMatch::Suffix(suffix) if suffix == ".films.example.com"));
    assert!(matches!(&table.routes[3].matches.host, HostMatch::Regex(_)));
    assert_eq!(table.routes[3].matches.path, PathMatch::Exact("/films".to_owned()));
    assert_eq!(table.routes[0].matches.path, PathMatch::Prefix(String::new()));
    let Action::Respond(reply) = &table.routes[4].action else { panic!() };
    assert_eq!(&reply.body[..], br#"{"error":"closed for repairs"}"#);
}

#[test]
fn an_edit_keeps_what_it_did_not_change() {
    let metrics = Metrics::new(1, &[], &[]);
    let text =
        "upstreams: { a: http://a:1, b: http://b:1 }\nroutes:\n  - { name: r, path: /, split: { a: 20, b: rest } }\n";
    let first = check(text, &[]).unwrap().into_table(None, &metrics, &Names::new(None).0);
    let edited = text.replace("20", "80").replace("http://b:1", "http://b:2");
    let second = check(&edited, &[]).unwrap().into_table(Some(&first), &metrics, &Names::new(None).0);
    assert_eq!((first.generation, second.generation), (1, 2));
    assert!(std::sync::Arc::ptr_eq(&first.upstreams[0], &second.upstreams[0]));
    assert!(!std::sync::Arc::ptr_eq(&first.upstreams[1], &second.upstreams[1]));
    assert!(std::sync::Arc::ptr_eq(&split(&first, "r").decisions, &split(&second, "r").decisions));
    assert!(std::sync::Arc::ptr_eq(&split(&first, "r").entries[0].series, &split(&second, "r").entries[0].series));
    assert_ne!(first.hash, second.hash);
}

#[test]
fn the_reference_in_docs_is_current() {
    let made = [
        ("docs/routes.schema.json", gateway::table::file::reference::json()),
        ("docs/routes.md", gateway::table::file::reference::markdown()),
    ];
    for (file, made) in made {
        let kept = fs::read_to_string(root().join(file)).unwrap();
        assert!(kept == made, "{file} is not current: run `gateway schema [--markdown] > {file}`");
    }
}

#[test]
fn every_answer_of_the_gateways_own_is_explained() {
    let kept = fs::read_to_string(root().join("docs/errors.md")).unwrap();
    let explained = |line: &str| line.strip_prefix("| `")?.split('`').next().map(str::to_owned);
    let mut explained: Vec<_> = kept.lines().filter_map(explained).collect();
    let mut reasons = gateway::request::error::Error::REASONS.to_vec();
    explained.sort_unstable();
    reasons.sort_unstable();
    assert_eq!(explained, reasons);
}
