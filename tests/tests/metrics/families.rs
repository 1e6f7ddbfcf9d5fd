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

/// The words in backticks of a table's cell.
fn words(cell: &str) -> BTreeSet<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The labels of each family that a scrape has, but for a histogram's own.
fn told(scrape: &Scrape) -> BTreeMap<String, BTreeSet<String>> {
    let mut told: BTreeMap<_, BTreeSet<_>> =
        scrape.families.keys().map(|name| (name.clone(), BTreeSet::new())).collect();
    for sample in &scrape.samples {
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| sample.name.strip_suffix(end));
        let family = base.filter(|base| told.contains_key(*base)).unwrap_or(&sample.name);
        let labels = sample.labels.keys().filter(|label| *label != "le").cloned();
        told.get_mut(family).unwrap_or_else(|| panic!("{sample:?} is of no family")).extend(labels);
    }
    told
}

#[test]
fn the_readmes_table_is_what_a_scrape_has() {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    let text = std::fs::read_to_string(readme).unwrap_or_default();
    let rows = text.lines().filter(|line| line.starts_with("| `gateway_"));
    let listed: BTreeMap<String, BTreeSet<String>> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').collect();
            (words(cells[1]).into_iter().next().unwrap_or_default(), words(cells[2]))
        })
        .collect();
    assert!(
        !listed.is_empty(),
        "README.md has no table of metrics: a row a metric, `name` and `labels` in its first columns"
    );
    let told = told(&Scrape::read(&page()));
    let ours = told.iter().filter(|(name, _)| name.starts_with("gateway_"));
    assert_eq!(listed, ours.map(|(name, labels)| (name.clone(), labels.clone())).collect());
    for name in words(&text.replace("```", "")).iter().filter(|word| word.starts_with("process_")) {
        assert!(told.contains_key(name), "the README speaks of `{name}`");
    }
}

#[test]
fn a_scrape_has_every_family_with_its_kind_help_and_labels() {
    let page = page();
    let scrape = Scrape::read(&page);
    let told = told(&scrape);
    let ours: BTreeSet<_> =
        scrape.families.keys().filter(|name| name.starts_with("gateway_")).map(String::as_str).collect();
    assert_eq!(ours, FAMILIES.iter().map(|family| family.name).collect());
    for family in FAMILIES {
        let kind = format!("{:?}", family.kind).to_lowercase();
        assert_eq!(scrape.families[family.name], kind, "{}", family.name);
        assert!(page.contains(&format!("# HELP {} {}\n", family.name, family.help)), "{}", family.name);
        assert_eq!(kind == "counter", family.name.ends_with("_total"), "counters, and only they, end in _total");
        let labels: BTreeSet<_> = family.labels.iter().map(|label| (*label).to_owned()).collect();
        assert_eq!(told[family.name], labels, "{}", family.name);
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
