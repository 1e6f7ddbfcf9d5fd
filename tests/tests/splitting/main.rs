//! Shares: exact without a key, the same for the same key, and moved one way only by an edit.
//!
//! `shares` is about requests without a key, `sticky` about those with one, `shipped` about the routes.yaml in this repository.

mod shares;
mod shipped;
mod sticky;

use tests::client::Client;
use tests::gateway::Setup;
use tests::upstream::Upstream;

/// The two sides of most splits here.
struct Sides {
    movies: Upstream,
    monolith: Upstream,
}

impl Sides {
    fn new() -> Self {
        Self { movies: Upstream::named("movies"), monolith: Upstream::named("monolith") }
    }

    /// A file with these and one route; `policies` are of its split.
    fn file(&self, settings: &[&str], split: &str, policies: &str) -> String {
        let upstreams = self.upstreams();
        let route =
            format!("routes:\n  - {{ name: movies, path: /, split: {{ {split} }}, {policies} writes: split }}\n");
        tests::gateway::file(settings, &format!("{upstreams}{route}"))
    }

    fn upstreams(&self) -> String {
        format!("upstreams: {{ movies: \"{}\", monolith: \"{}\" }}\n", self.movies.url(), self.monolith.url())
    }

    fn setup(&self, settings: &[&str], split: &str, policies: &str) -> Setup {
        Setup::of(self.file(settings, split, policies))
    }
}

/// Who answers a GET: what the upstream says of itself, which the gateway's header confirms.
fn who(client: &mut Client, path: &str, headers: &[(&str, &str)]) -> String {
    let answer = client.request("GET", path, headers, b"");
    let text = answer.text();
    assert_eq!((answer.status, answer.header("x-served-by")), (200, Some(text.as_str())), "{answer:?}");
    text
}

/// Whether each of so many requests in a row went to movies.
fn to_movies(client: &mut Client, path: &str, count: usize) -> Vec<bool> {
    (0..count).map(|_| who(client, path, &[]) == "movies").collect()
}

/// Any ten in a row hold exactly so many.
fn assert_in_ten(sides: &[bool], movies: usize) {
    for (at, ten) in sides.windows(10).enumerate() {
        assert_eq!(ten.iter().filter(|side| **side).count(), movies, "from the decision {at} on");
    }
}
