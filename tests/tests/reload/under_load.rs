//! A hundred edits in a row each way that files are saved, under load on connections that stay open: no request fails, no connection
//! is closed, each edit is in force before the next. How fast is printed.

use std::fs::{create_dir, read_link, remove_dir_all, rename, write};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tests::folder::Folder;
use tests::gateway::{Gateway, Setup};
use tests::http::Answer;
use tests::load::Load;
use tests::until;

use crate::Sides;

const EDITS: u32 = 100;

/// Each load is measured by itself.
static ALONE: Mutex<()> = Mutex::new(());

/// Judges the answers on one connection: each is whole, by the upstream that it names, and no table comes after a newer one.
fn good() -> impl Fn(&Answer) -> bool + Clone + Send + 'static {
    let newest = std::cell::Cell::new(0);
    move |answer| {
        let generation: u64 =
            answer.header("x-table-generation").and_then(|text| text.parse().ok()).unwrap_or_default();
        let ordered = newest.replace(generation) <= generation;
        answer.status == 200 && ordered && answer.header("x-served-by") == Some(answer.text().as_str())
    }
}

/// Makes the edits, alternately to all and to nothing, and waits for each; the longest time that one took.
fn edit(gateway: &Gateway, sides: &Sides, save: impl Fn(u32, &str)) -> Duration {
    let mut client = gateway.connect();
    let mut longest = Duration::ZERO;
    for number in 1..=EDITS {
        let all = number % 2;
        let text = sides.file(all * 100) + &format!("# edit {number}\n");
        save(number, &text);
        let saved = Instant::now();
        until("the edit is in force", || (gateway.governed_by(&mut client, "/") > u64::from(number)).then_some(()));
        longest = longest.max(saved.elapsed());
        assert_eq!(client.get("/").text(), if all == 1 { "movies" } else { "monolith" }, "edit {number}");
        assert_eq!(gateway.generation(), u64::from(number) + 1, "one table an edit");
    }
    longest
}

fn hundred_edits(way: &str, gateway: &Gateway, sides: &Sides, save: impl Fn(u32, &str)) {
    let load = Load::start(gateway.address, "/", 8, 2000, good());
    let longest = edit(gateway, sides, save);
    let report = load.stop();
    println!(
        "{way}: {EDITS} edits, the slowest in force after {longest:?}; {} requests, {:.0}/s",
        report.requests,
        report.rate()
    );
    report.assert_clean();
    // How fast it was is printed, not judged: on a machine that does other things a limit here would fail for no fault of ours.
    assert!(report.requests > 10 * EDITS as usize, "{} requests are no load", report.requests);
    let scrape = gateway.scrape();
    assert_eq!(scrape.value("gateway_config_reloads_total", &[("result", "applied")]), f64::from(EDITS));
    assert_eq!(scrape.value("gateway_config_reloads_total", &[("result", "rejected")]), 0.0);
    assert_eq!(scrape.value("gateway_client_disconnects_total", &[]), 0.0);
}

fn alone() -> impl Drop {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn a_hundred_rewrites_in_place() {
    let (_alone, sides) = (alone(), Sides::new());
    let gateway = Setup::of(sides.file(0)).start();
    hundred_edits("in place", &gateway, &sides, |_, text| gateway.save(text));
}

#[test]
fn a_hundred_saves_by_rename() {
    let (_alone, sides) = (alone(), Sides::new());
    let gateway = Setup::of(sides.file(0)).start();
    hundred_edits("by rename", &gateway, &sides, |_, text| {
        let new = gateway.routes.with_file_name("routes.yaml~");
        write(&new, text).and_then(|()| rename(&new, &gateway.routes)).expect("a file can be renamed");
    });
}

/// A ConfigMap's volume: `routes.yaml` → `..data/routes.yaml`, and `..data` → a folder for each version, swapped by a rename.
fn config_map(folder: &Path, version: u32, text: &str) -> std::io::Result<()> {
    let (data, new, next) = (folder.join("..data"), format!("..2026_{version}"), folder.join("..data_tmp"));
    let old = read_link(&data);
    create_dir(folder.join(&new))?;
    write(folder.join(&new).join("routes.yaml"), text)?;
    symlink(&new, &next)?;
    rename(&next, &data)?;
    match old {
        Ok(old) => remove_dir_all(folder.join(old)),
        Err(_) => symlink("..data/routes.yaml", folder.join("routes.yaml")),
    }
}

#[test]
fn a_hundred_swaps_of_a_config_map() {
    let (_alone, sides, folder) = (alone(), Sides::new(), Folder::in_memory());
    config_map(folder.path(), 0, &sides.file(0)).expect("a volume can be made");
    let process = Setup::of("").spawn_in(&folder);
    let volume = folder.path().to_owned();
    let gateway = Gateway::of(process, folder);
    hundred_edits("by swap", &gateway, &sides, |number, text| {
        config_map(&volume, number, text).expect("a volume can be swapped");
    });
}

#[test]
fn ten_thousand_routes_come_and_go_under_load() {
    let (_alone, sides) = (alone(), Sides::new());
    let gateway = Setup::of(sides.file(100)).start();
    let load = Load::start(gateway.address, "/", 8, 2000, good());
    let many: String =
        (0..10_000).map(|route| format!("  - {{ name: route {route}, path: /api/{route}, to: monolith }}\n")).collect();
    let few = sides.file(100).replace("[{", "\n  - {").replace("}]", "}");
    gateway.edit(&(few + &many));
    assert_eq!(gateway.get("/api/9999/x").text(), "monolith");
    gateway.edit(&sides.file(0));
    assert_eq!(gateway.get("/api/9999/x").text(), "monolith");
    load.stop().assert_clean();
}
