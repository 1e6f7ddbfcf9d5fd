//! What the gateway tells of itself: metrics, access log, admin pages.
//!
//! `counts` is about numbers that must be exact, `families` about which there are, `log` about the access log, `admin` about the pages.

mod admin;
mod counts;
mod families;
mod log;

use tests::upstream::Upstream;

/// Two upstreams and a route of each kind.
fn all_kinds(movies: &Upstream, monolith: &Upstream) -> String {
    format!(
        "upstreams: {{ movies: \"{}\", monolith: \"{}\" }}
routes:
  - {{ name: films, path: /films, split: {{ movies: 12.5, monolith: rest }}, sticky: header user, writes: split }}
  - {{ name: off, path: /off, split: {{ movies: 40, monolith: rest }}, enabled: false, writes: split }}
  - {{ name: all, path: /all, to: monolith }}
  - {{ name: own, path: /own, respond: {{ status: 418, text: teapot }} }}
  - {{ name: away, path: /away, redirect: {{ path: /own }} }}
",
        movies.url(),
        monolith.url()
    )
}

/// Answers with the status that the path ends in.
fn statuses() -> Upstream {
    Upstream::new(|exchange| {
        let status = exchange.head.word(1).split(['/', '?']).nth(2).and_then(|status| status.parse().ok());
        exchange.answer(status.unwrap_or(200), &[], b"said")
    })
}
