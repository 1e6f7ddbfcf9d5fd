//! Among several addresses requests go where fewer are in flight.

use tests::dns::{Entry, NameServer};
use tests::place::Place;
use tests::until;

use crate::{NAME, addresses, assert_fine, fine, gateway, holding, lookups, until_known, url};

#[test]
fn all_addresses_of_a_name_get_requests() {
    let dns = NameServer::new();
    let places = Place::on_one_port(["127.0.0.1", "127.0.0.2", "127.0.0.3", "::1"]);
    let all = addresses(&places.each_ref());
    dns.say(NAME, Entry::Addresses(all.clone(), 300));
    let gateway = gateway(&dns, &url(&places[0]));
    let upstreams = places.map(|place| place.serve(fine));
    until_known(&gateway, &all);
    let mut client = gateway.connect();
    until("each has answered", || {
        assert_fine(&client.get("/"));
        upstreams.iter().all(|upstream| upstream.requests() > 0).then_some(())
    });
    let scrape = gateway.scrape();
    assert_eq!(scrape.value("gateway_upstream_addresses", &[("upstream", "films")]), 4.0);
    assert_eq!(scrape.value("gateway_upstream_connects_total", &[("upstream", "films"), ("outcome", "ok")]), 4.0);
}

#[test]
fn of_two_addresses_the_one_with_fewer_requests_in_flight_gets_the_next() {
    let dns = NameServer::new();
    let places = Place::on_one_port(["127.0.0.1", "127.0.0.2"]);
    let all = addresses(&places.each_ref());
    dns.say(NAME, Entry::Addresses(all.clone(), 300));
    let gateway = gateway(&dns, &url(&places[0]));
    let both = places.map(holding);
    until_known(&gateway, &all);
    let mut waiting = gateway.connect();
    waiting.send("GET /held HTTP/1.1\r\nhost: a\r\n\r\n").expect("it listens");
    let requests = || [both[0].0.requests(), both[1].0.requests()];
    until("the request is in flight", || (requests() != [0, 0]).then_some(()));
    let (busy, free) = if requests() == [1, 0] { (0, 1) } else { (1, 0) };
    for _ in 0..50 {
        assert_fine(&gateway.get("/"));
    }
    assert_eq!((requests()[busy], requests()[free]), (1, 50), "it is busy, so all others go to the other one");
    both[busy].1.send(()).expect("the upstream waits for it");
    assert_fine(&waiting.answer().expect("an answer"));
}

#[test]
fn endpoints_of_the_file_are_balanced_alike_and_addresses_are_looked_up_nowhere() {
    let dns = NameServer::new();
    let places = Place::on_one_port(["127.0.0.1", "127.0.0.2", "::1"]);
    let port = places[0].port();
    let [one, two, three] = ["127.0.0.1", "127.0.0.2", "[::1]"].map(|host| format!("http://{host}:{port}"));
    let gateway = gateway(&dns, &format!("endpoints: [\"{one}\", \"{two}\", \"{three}\"]"));
    let upstreams = places.map(|place| place.serve(fine));
    let mut client = gateway.connect();
    until("each has answered", || {
        assert_fine(&client.get("/"));
        upstreams.iter().all(|upstream| upstream.requests() > 0).then_some(())
    });
    for outcome in ["ok", "not_found", "failed", "timeout"] {
        assert_eq!(lookups(&gateway, outcome), 0.0, "{outcome}");
    }
}

#[test]
fn names_and_addresses_may_stand_beside_each_other() {
    let dns = NameServer::new();
    let places = Place::on_one_port(["127.0.0.1", "127.0.0.2"]);
    let port = places[0].port();
    dns.say(NAME, Entry::Addresses(addresses(&[&places[1]]), 300));
    let literal = format!("\"http://127.0.0.1:{port}\"");
    let gateway =
        gateway(&dns, &format!("endpoints: [{literal}, \"http://{NAME}:{port}\", \"http://unknown.test:{port}\"]"));
    let both = addresses(&places.each_ref());
    let upstreams = places.map(|place| place.serve(fine));
    until_known(&gateway, &both);
    let mut client = gateway.connect();
    until("each has answered", || {
        assert_fine(&client.get("/"));
        upstreams.iter().all(|upstream| upstream.requests() > 0).then_some(())
    });
}
