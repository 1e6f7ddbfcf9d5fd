//! `split`: a route's weighted upstreams as they are written.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::table::file::keys::{keys, short_or_map};
use crate::table::file::name::{Name, Named};
use crate::table::file::read::{At, Read, Word, Wrong, excerpt};
use crate::table::file::scalar::Weight;
use crate::table::file::tree::{Node, Scalar};
use crate::table::problem::{Problems, Span};

keys! {
    what: "a split's entry", later: ["request_headers", "response_headers"],
    /// One side of a split. A weight alone is short for `{ weight: … }`.
    pub struct SideSettings {
        /// A per cent from 0 to 100 with up to two decimals, or `rest`: what the others leave. All weights make 100.
        #[schemars(extend("examples" = [20, 12.5, "rest"]))]
        pub weight: At<Weight>,
    }
}

short_or_map!(
    /// `movies: 20`, or a map.
    Side, SideSettings, Weight => weight, rest: []
);

/// Upstreams and their weights, in the file's order.
#[derive(Clone, Debug)]
pub struct Split {
    /// Where it stands.
    pub span: Span,
    /// At least one.
    pub sides: Vec<(At<Name>, Side)>,
}

impl Read for Split {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let what = "a map from upstreams to weights, like `{ movies: 20, monolith: rest }`";
        if node.map(what, problems)?.is_empty() {
            problems.error(node.span, "the split is empty").help("write `movies: 20` and `monolith: rest`");
            return None;
        }
        let before = problems.errors();
        let Named(sides) = Named::read(node, problems)?;
        // The sum of a part says nothing about the whole.
        (problems.errors() == before).then_some(Self { span: node.span, sides })
    }
}

impl JsonSchema for Split {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Split".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "upstream: weight",
            "type": "object",
            "minProperties": 1,
            "additionalProperties": generator.subschema_for::<Side>(),
        })
    }
}

/// `writes`: where unsafe methods of a split go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writes {
    /// By weight, as everything else: both sides share one store.
    Split,
}

impl Word for Writes {
    const WHAT: &'static str = "`split`";

    fn parse(scalar: &Scalar) -> Result<Self, Wrong> {
        match scalar.text.as_str() {
            "split" => Ok(Self::Split),
            other => Err(Wrong {
                message: format!("pinning writes to `{}` is not supported yet", excerpt(other)),
                help: Some("write `split` if both sides share one store".into()),
            }),
        }
    }

    fn schema() -> Schema {
        json_schema!({ "title": "split", "anyOf": [{ "const": "split" }, { "type": "string", "pattern": "\\$\\{" }] })
    }
}
