//! Which metrics there are: those of the README's table, and no others.

use std::collections::{BTreeMap, BTreeSet};

use gateway::metrics::FAMILIES;
use tests::gateway::Gateway;
use tests::http;
use tests::scrape::Scrape;

use crate::{all_kinds, statuses};

/// A page on which every family has something to tell.
fn page() -> String {
    let (movies, monolith) = (statuses(), statuses());
    let gateway = Gateway::start(&all_kinds(&movies, &monolith));
    assert_eq!(gateway.get("/films").status, 200);
    assert_eq!(gateway.get("/own").status, 418);
    let page = http::get(gateway.admin, "/metrics");
    assert!(page.header("content-type").is_some_and(|kind| kind.starts_with("text/plain; version=0.0.4")), "{page:?}");
    page.text()
}

#[test]
fn the_readmes_table_is_what_a_scrape_has() {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    let text = std::fs::read_to_string(readme).unwrap_or_default();
    let listed: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("| `")?.split_once('`'))
        .map(|(name, _)| name.split('{').next().unwrap_or(name))
        .filter(|name| name.starts_with("gateway_") || name.starts_with("process_"))
        .collect();
    assert!(
        !listed.is_empty(),
        "README.md has no table of metrics: a row a metric, its name in backticks in the first column (`process_*` for all of the process)"
    );
    let scrape = Scrape::read(&page());
    let fits =
        |listed: &str, name: &str| listed.strip_suffix('*').map_or(listed == name, |start| name.starts_with(start));
    let told: Vec<_> = scrape.families.keys().collect();
    let unlisted: Vec<_> = told.iter().filter(|name| !listed.iter().any(|listed| fits(listed, name))).collect();
    let untold: Vec<_> = listed.iter().filter(|listed| !told.iter().any(|name| fits(listed, name))).collect();
    assert!(unlisted.is_empty() && untold.is_empty(), "not in the README: {unlisted:?}; not in a scrape: {untold:?}");
}

#[test]
fn a_scrape_has_every_family_with_its_kind_help_and_labels() {
    let page = page();
    let scrape = Scrape::read(&page);
    let ours: BTreeSet<_> =
        scrape.families.keys().filter(|name| name.starts_with("gateway_")).map(String::as_str).collect();
    assert_eq!(ours, FAMILIES.iter().map(|family| family.name).collect());
    for family in FAMILIES {
        let kind = format!("{:?}", family.kind).to_lowercase();
        assert_eq!(scrape.families[family.name], kind, "{}", family.name);
        assert!(page.contains(&format!("# HELP {} {}\n", family.name, family.help)), "{}", family.name);
        assert_eq!(kind == "counter", family.name.ends_with("_total"), "counters, and only they, end in _total");
        let wanted: BTreeSet<&str> = family.labels.iter().copied().collect();
        let base =
            |name: &str| ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).map(str::to_owned);
        let is_of =
            |name: &str| name == family.name || (kind == "histogram" && base(name).as_deref() == Some(family.name));
        for sample in scrape.samples.iter().filter(|sample| is_of(&sample.name)) {
            let labels: BTreeSet<&str> =
                sample.labels.keys().map(String::as_str).filter(|label| *label != "le").collect();
            assert_eq!(labels, wanted, "{sample:?}");
        }
    }
}

#[test]
fn no_series_comes_twice_and_the_process_tells_of_itself() {
    let scrape = Scrape::read(&page());
    let mut seen = BTreeMap::new();
    for sample in &scrape.samples {
        let before = seen.insert((&sample.name, &sample.labels), sample.value);
        assert_eq!(before, None, "{sample:?}");
        assert!(sample.value.is_finite(), "{sample:?}");
    }
    for name in ["process_resident_memory_bytes", "process_start_time_seconds", "process_open_fds", "process_threads"] {
        assert!(scrape.value(name, &[]) > 0.0, "{name}");
    }
    let build = scrape.find("gateway_build_info", &[]);
    assert_eq!((build.len(), build[0].labels["version"].as_str(), build[0].value), (1, env!("CARGO_PKG_VERSION"), 1.0));
}
