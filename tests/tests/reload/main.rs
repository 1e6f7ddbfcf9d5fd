//! Edits of routes.yaml while it is served: in force within a second, or refused whole; nothing lost either way.
//!
//! `under_load` saves a hundred times each way that files are saved; `refused` is about bad edits, `halves` about files that are not
//! whole for a moment, `alive` about what an edit must not touch, `asked` about looks out of turn and the start.

mod alive;
mod asked;
mod halves;
mod refused;
mod under_load;

use tests::gateway::file;
use tests::upstream::Upstream;

/// The two sides of the split that most edits here are about.
struct Sides {
    movies: Upstream,
    monolith: Upstream,
}

impl Sides {
    fn new() -> Self {
        Self { movies: Upstream::named("movies"), monolith: Upstream::named("monolith") }
    }

    /// A file that gives movies so many per cent of everything.
    fn file(&self, movies: u32) -> String {
        let (to_movies, to_monolith) = (self.movies.url(), self.monolith.url());
        file(
            &[],
            &format!(
                "upstreams: {{ movies: \"{to_movies}\", monolith: \"{to_monolith}\" }}
routes: [{{ name: all, path: /, split: {{ movies: {movies}, monolith: rest }}, writes: split }}]\n"
            ),
        )
    }
}
