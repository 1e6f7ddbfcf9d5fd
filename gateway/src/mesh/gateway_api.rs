//! The shape of Gateway API's HTTPRoute, as far as both directions use it; the API's own names.

use serde::{Deserialize, Serialize};

use super::Metadata;

/// Its group and version.
pub(super) const API: &str = "gateway.networking.k8s.io/v1";

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HttpRoute {
    pub(super) api_version: String,
    pub(super) kind: String,
    #[serde(default)]
    pub(super) metadata: Metadata,
    pub(super) spec: Spec,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Spec {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) parent_refs: Vec<Parent>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) hostnames: Vec<String>,
    #[serde(default)]
    pub(super) rules: Vec<Rule>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Parent {
    pub(super) name: String,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rule {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) matches: Vec<Match>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) filters: Vec<Filter>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) backend_refs: Vec<Backend>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) timeouts: Option<RuleTimeouts>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Match {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<PathOf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) method: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) headers: Vec<Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) query_params: Vec<Value>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PathOf {
    /// `PathPrefix`, `Exact` or `RegularExpression`
    #[serde(rename = "type", default = "prefix")]
    pub(super) kind: String,
    #[serde(default = "root")]
    pub(super) value: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Value {
    /// `Exact` or `RegularExpression`
    #[serde(rename = "type", default = "exact")]
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) value: String,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Filter {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) request_redirect: Option<RequestRedirect>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) url_rewrite: Option<UrlRewrite>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RequestRedirect {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) scheme: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) hostname: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<NewPath>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) port: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) status_code: Option<u16>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewPath {
    /// `ReplaceFullPath` or `ReplacePrefixMatch`
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) replace_full_path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) replace_prefix_match: Option<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct UrlRewrite {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) hostname: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<NewPath>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Backend {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) group: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<String>,
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) namespace: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) port: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) weight: Option<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) filters: Vec<Filter>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct RuleTimeouts {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) request: Option<String>,
}

pub(super) fn prefix() -> String {
    "PathPrefix".to_owned()
}

pub(super) fn exact() -> String {
    "Exact".to_owned()
}

pub(super) fn root() -> String {
    "/".to_owned()
}
