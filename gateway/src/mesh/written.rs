//! A routes file as it is written: the shape of what `import` makes.

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

#[derive(Debug, Default, Serialize)]
pub(super) struct File {
    #[serde(serialize_with = "pairs")]
    pub(super) upstreams: Vec<(String, Upstream)>,
    pub(super) routes: Vec<Route>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(super) enum Upstream {
    Url(String),
    Long { url: String, host: String },
}

#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Route {
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) exact: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) host: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) methods: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "pairs")]
    pub(super) headers: Vec<(String, String)>,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "pairs")]
    pub(super) query: Vec<(String, String)>,
    #[serde(flatten)]
    pub(super) action: Action,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) timeout: Option<String>,
}

impl Route {
    /// Whether it takes all that a later route would.
    pub(super) fn hides(&self, later: &Self) -> bool {
        let sorted = |pairs: &[(String, String)]| {
            let mut pairs = pairs.to_vec();
            pairs.sort_unstable();
            pairs
        };
        let path = |route: &Self| route.path.as_ref().map(|path| path.trim_end_matches('/').to_owned());
        self.host == later.host
            && path(self) == path(later)
            && self.exact == later.exact
            && self.methods.is_empty() == later.methods.is_empty()
            && later.methods.iter().all(|method| self.methods.contains(method))
            && sorted(&self.headers) == sorted(&later.headers)
            && sorted(&self.query) == sorted(&later.query)
    }
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Action {
    To(String),
    #[serde(serialize_with = "pairs")]
    Split(Vec<(String, Weight)>),
    Respond {
        status: u16,
    },
    Redirect(Redirect),
}

impl Default for Action {
    fn default() -> Self {
        Self::Respond { status: 500 }
    }
}

/// Hundredths of a per cent, or what the others leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    Hundredths(u16),
    Rest,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Redirect {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) scheme: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) prefix: Option<String>,
    pub(super) status: u16,
}

impl Serialize for Weight {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Rest => serializer.serialize_str("rest"),
            Self::Hundredths(weight) if weight % 100 == 0 => serializer.serialize_u16(weight / 100),
            Self::Hundredths(weight) => serializer.serialize_f64(f64::from(*weight) / 100.0),
        }
    }
}

/// A list of pairs as a map, in its order.
fn pairs<K: Serialize, V: Serialize, S: Serializer>(pairs: &[(K, V)], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(pairs.len()))?;
    pairs.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
    map.end()
}
