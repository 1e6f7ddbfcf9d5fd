//! Where requests go when an upstream is at several addresses: those of the file, and those behind its names as they change.
//!
//! `balance` is about the choice among addresses, `names` about what becomes of a name's addresses, `failures` about names that can't be
//! looked up, `race` about addresses that can't be reached.

mod balance;
mod failures;
mod names;
mod race;

use std::net::IpAddr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};

use tests::dns::NameServer;
use tests::gateway::{Gateway, Setup};
use tests::http::Answer;
use tests::place::Place;
use tests::until_ok;
use tests::upstream::{Exchange, Upstream};

/// The name of the upstream in the tests.
const NAME: &str = "films.test";

/// On a machine that does other things too, two seconds may pass before anything happens.
const PATIENT: &str = "defaults: { timeout: { connect: 30s, first_byte: 60s } }\n";

/// A file in which everything goes to one upstream with these settings.
fn file(dns: &NameServer, settings: &str) -> String {
    tests::gateway::file(
        &["workers: 1", &format!("resolver: [\"{}\"]", dns.address())],
        &format!("{PATIENT}upstreams: {{ films: {{ {settings} }} }}\nroutes: [{{ name: all, path: /, to: films }}]\n"),
    )
}

/// A gateway of one worker by such a file.
fn gateway(dns: &NameServer, settings: &str) -> Gateway {
    Setup::of(file(dns, settings)).start()
}

/// The upstream's URL by its name.
fn url(place: &Place) -> String {
    format!("url: \"http://{NAME}:{}\"", place.port())
}

/// The addresses of places.
fn addresses(places: &[&Place]) -> Vec<IpAddr> {
    places.iter().map(|place| place.ip()).collect()
}

/// What the gateway knows of the upstream's addresses, without their ports.
fn known(gateway: &Gateway) -> Vec<IpAddr> {
    let table = gateway.table();
    let all = table["upstreams"][0]["addresses"].as_array().cloned().unwrap_or_default();
    let address = |text: &str| text.parse::<std::net::SocketAddr>().map(|address| address.ip()).ok();
    all.iter().filter_map(|one| one.as_str().and_then(address)).collect()
}

/// Waits until the gateway knows these addresses.
fn until_known(gateway: &Gateway, addresses: &[IpAddr]) {
    until_ok("the addresses are known", || {
        let known = known(gateway);
        if known == addresses { Ok(()) } else { Err(known) }
    });
}

/// Look-ups by their outcome.
fn lookups(gateway: &Gateway, outcome: &str) -> f64 {
    let labels = [("upstream", "films"), ("outcome", outcome)];
    gateway.scrape().value("gateway_upstream_resolutions_total", &labels)
}

/// The answer is the upstream's.
#[track_caller]
fn assert_fine(answer: &Answer) {
    assert_eq!((answer.status, answer.text()), (200, "films".to_owned()), "{answer:?}");
}

/// The answer is the gateway's own, for this reason.
#[track_caller]
fn assert_refused(answer: &Answer, status: u16, reason: &str) {
    assert_eq!((answer.status, answer.header("x-gateway-error")), (status, Some(reason)), "{answer:?}");
}

/// Answers at once.
fn fine(exchange: &mut Exchange<'_>) -> std::io::Result<()> {
    exchange.answer(200, &[], b"films")
}

/// An upstream whose answers to `/held` are sent when the test says so, one a word; all others at once.
fn holding(place: Place) -> (Upstream, Sender<()>) {
    let (go, going) = channel();
    let going: Mutex<Receiver<()>> = Mutex::new(going);
    let upstream = place.serve(move |exchange| {
        if exchange.head.word(1) == "/held" {
            // An end without a word is the test's, which has failed already.
            let _over = going.lock().unwrap_or_else(PoisonError::into_inner).recv();
        }
        fine(exchange)
    });
    (upstream, go)
}
