//! The routes file as it is written: text → [`File`], or every problem with its place.
//!
//! First half of the cold path. YAML → tree ([`tree`]) → variables filled ([`crate::table::environment`]) → keys and values
//! read ([`mod@read`], [`mod@keys`]) into the structs of this folder, which say what a key is and how its value is written. Whether
//! the file makes sense as a whole (names, sums, reachability) is `compile`'s question, not asked here.

pub mod address;
pub mod answer;
pub mod keys;
pub mod limit;
pub mod matching;
pub mod name;
pub mod read;
pub mod reference;
pub mod route;
pub mod scalar;
pub mod server;
pub mod split;
pub mod sticky;
mod syntax;
pub mod timeout;
pub mod tls;
pub mod tree;
pub mod upstream;

use crate::table::environment::{Lookup, fill};
use crate::table::problem::{Problems, Span};
use keys::keys;
use name::{Name, Named};
use read::Read as _;
use route::{Defaults, Route};
use server::Server;
use tree::{Node, Value};
use upstream::Upstream;

keys! {
    what: "a routes file", later: ["auth", "certificates", "include"],
    /// One file says which share of which traffic goes where. Saving it moves the traffic.
    pub struct File {
        /// Listeners, workers and the client side's limits.
        pub server: Option<Server>,
        /// Policies of every route that doesn't say otherwise.
        pub defaults: Option<Defaults>,
        /// The services behind the gateway by name: each a URL, or a map.
        #[schemars(extend("examples" = [{"monolith": "http://127.0.0.1:8080"}]))]
        pub upstreams: Option<Named<Name, Option<Upstream>>>,
        /// What happens to which request. At least one.
        pub routes: Vec<Route>,
    }
}

/// For so many routes room is made before they are read.
const ROOM: usize = 10_000;

/// Reads a routes file. All that could be read is given even where there are problems, if the whole has a shape.
///
/// What is wrong goes to `problems`; none is given where anything of the file could not be read.
pub fn read(text: &str, environment: Lookup<'_>, problems: &mut Problems) -> Option<File> {
    // A text without either has nothing to fill in: an escape may write a `$` too.
    let fills = text.contains("${") || text.contains('\\');
    // Room for all at once, as far as it can be told beforehand: a list of 10,000 that grows is copied, and its pages are new each time.
    let (mut routes, mut found) =
        (Vec::<Route>::with_capacity(text.matches("name:").take(ROOM).count()), Problems::default());
    let parsed = tree::parse(text, "routes", |mut route| {
        if fills {
            fill(&mut route, environment, &mut found);
        }
        routes.extend(Route::read(&route, &mut found));
    });
    let mut tree = match parsed {
        Ok(tree) => tree,
        Err(problem) => {
            problems.push(*problem);
            return None;
        }
    };
    if empty(&tree) {
        problems.error(Span::start(), "the file is empty").help("a routes file has at least `upstreams` and `routes`");
        return None;
    }
    problems.append(found);
    if fills {
        fill(&mut tree, environment, problems);
    }
    let mut file = File::read(&tree, problems)?;
    if !routes.is_empty() {
        file.routes = routes;
    }
    Some(file)
}

fn empty(tree: &Node) -> bool {
    match &tree.value {
        Value::Scalar(scalar) => scalar.is_null(),
        Value::Map(entries) => entries.is_empty(),
        Value::List(_) | Value::Passed | Value::Broken => false,
    }
}
