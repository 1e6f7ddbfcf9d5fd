//! A name that can't be looked up: the addresses that it had stay, and where it had none a request says so or waits.

use tests::dns::{Entry, NameServer};
use tests::place::Place;
use tests::{until, until_ok};

use crate::{NAME, addresses, assert_fine, assert_refused, fine, gateway, lookups, until_known, url};

/// Waits for a look-up with this outcome.
fn until_looked_up(gateway: &tests::gateway::Gateway, outcome: &str) {
    let before = lookups(gateway, outcome);
    until("a look-up has this outcome", || (lookups(gateway, outcome) > before).then_some(()));
}

#[test]
fn a_failed_lookup_keeps_the_addresses_and_is_counted_and_logged_once() {
    let dns = NameServer::new();
    let [place] = Place::on_one_port(["127.0.0.1"]);
    let here = addresses(&[&place]);
    dns.say(NAME, Entry::Addresses(here.clone(), 1));
    let gateway = gateway(&dns, &url(&place));
    let upstream = place.serve(fine);
    until_known(&gateway, &here);
    dns.say(NAME, Entry::Fails);
    until_looked_up(&gateway, "failed");
    assert_fine(&gateway.get("/"));
    dns.forget(NAME);
    until_looked_up(&gateway, "not_found");
    assert_fine(&gateway.get("/"));
    let table = gateway.table();
    assert_eq!(table["upstreams"][0]["failed_lookups"][NAME], "the name has no address", "{table}");
    assert_eq!(gateway.scrape().value("gateway_upstream_addresses", &[("upstream", "films")]), 1.0);
    dns.say(NAME, Entry::Addresses(here, 1));
    until_ok("all is well again", || {
        let failed = gateway.table()["upstreams"][0]["failed_lookups"].clone();
        if failed == serde_json::json!({}) { Ok(()) } else { Err(failed) }
    });
    assert_fine(&gateway.get("/"));
    assert_eq!(upstream.accepted(), 1, "nothing of this touched its connection");
    let lines = gateway.process.lines();
    let said = lines.iter().filter(|line| line["message"] == "cannot look up a name").count();
    assert_eq!(said, 1, "{lines:?}");
}

#[test]
fn servers_that_do_not_answer_change_nothing() {
    let dns = NameServer::new();
    let [place] = Place::on_one_port(["127.0.0.1"]);
    let here = addresses(&[&place]);
    dns.say(NAME, Entry::Addresses(here.clone(), 1));
    let gateway = gateway(&dns, &url(&place));
    let _upstream = place.serve(fine);
    until_known(&gateway, &here);
    dns.say(NAME, Entry::Silence);
    until_looked_up(&gateway, "timeout");
    assert_fine(&gateway.get("/"));
    dns.say(NAME, Entry::Addresses(here, 1));
    until_looked_up(&gateway, "ok");
}

#[test]
fn a_family_that_fails_does_not_hide_the_other() {
    let dns = NameServer::new();
    let [place] = Place::on_one_port(["127.0.0.1"]);
    dns.say(NAME, Entry::OnlyV4(addresses(&[&place]), 300));
    let gateway = gateway(&dns, &url(&place));
    let _upstream = place.serve(fine);
    assert_fine(&gateway.get("/"));
    assert_eq!((lookups(&gateway, "ok"), lookups(&gateway, "failed")), (1.0, 0.0));
}

#[test]
fn a_gateway_starts_while_a_name_is_unknown_and_serves_once_it_is_known() {
    let dns = NameServer::new();
    let [place] = Place::on_one_port(["127.0.0.1"]);
    let gateway = gateway(&dns, &url(&place));
    let _upstream = place.serve(fine);
    let refused = gateway.get("/");
    assert_refused(&refused, 503, "upstream_no_address");
    assert_eq!(refused.header("retry-after"), Some("5"), "by then it will have been looked up again");
    let labels = [("upstream", "films"), ("outcome", "failed")];
    assert_eq!(gateway.scrape().value("gateway_upstream_connects_total", &labels), 1.0);
    dns.say(NAME, Entry::Addresses(vec![[127, 0, 0, 1].into()], 300));
    until("it serves", || (gateway.get("/").status == 200).then_some(()));
}

#[test]
fn a_request_waits_for_the_first_lookup_as_long_as_for_a_connection() {
    let dns = NameServer::new();
    let [place] = Place::on_one_port(["127.0.0.1"]);
    dns.say(NAME, Entry::Silence);
    let impatient = gateway(&dns, &format!("{}, timeout: {{ connect: 100ms }}", url(&place)));
    assert_refused(&impatient.get("/"), 504, "upstream_connect_timeout");
    let patient = gateway(&dns, &format!("{}, timeout: {{ connect: 0s }}", url(&place)));
    let mut client = patient.connect();
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").expect("it listens");
    patient.counted("the request waits", |scrape| scrape.value("gateway_requests_in_flight", &[]) == 1.0);
    dns.say(NAME, Entry::Addresses(addresses(&[&place]), 300));
    let _upstream = place.serve(fine);
    assert_fine(&client.answer().expect("an answer"));
}
