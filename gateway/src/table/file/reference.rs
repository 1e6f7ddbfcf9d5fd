//! The reference of the routes file, made from the structs of this folder: the JSON schema and `docs/routes.md`.
//!
//! Nothing is documented here; each key's words stand on its field.

use std::fmt::Write as _;

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::File;
use super::answer::{Redirect, Respond};
use super::limit::{Limit, Limits};
use super::route::{Defaults, Route};
use super::server::{ClientTimeout, DrainPhases, LogSettings, Server};
use super::split::SideSettings;
use super::sticky::StickySettings;
use super::timeout::Phases;
use super::tls::{Certificate, TlsSettings};
use super::upstream::{UpstreamSettings, UpstreamTls};

/// The JSON schema (draft 2020-12), indented, with a newline at its end.
pub fn json() -> String {
    let mut schema = generator().into_root_schema_for::<File>().to_value();
    tidy(&mut schema);
    let mut text = format!("{schema:#}");
    text.push('\n');
    text
}

fn generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12().for_deserialize().into_generator()
}

/// A key that may be left out is not one that may be `null`; and a doc comment's line ends are not part of its text.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(object) => {
            if let Some(Value::Array(types)) = object.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = &types[..] {
                    let only = only.clone();
                    object.insert("type".into(), only);
                }
            }
            if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
                choices.retain(|choice| choice.get("type") != Some(&Value::from("null")));
                if let [Value::Object(only)] = &choices[..] {
                    let only = only.clone();
                    object.remove("anyOf");
                    object.extend(only);
                }
            }
            if let Some(Value::String(text)) = object.get_mut("description") {
                *text = text.replace('\n', " ");
            }
            object.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// `docs/routes.md`: one section for each map, one row for each key, in the structs' order.
pub fn markdown() -> String {
    let mut schema = generator().into_root_schema_for::<File>().to_value();
    tidy(&mut schema);
    let mut out = String::from(INTRODUCTION);
    section(&mut out, "The file", &schema, File::KNOWN);
    let maps = schema.get("$defs").and_then(Value::as_object);
    for (title, name, keys) in SECTIONS {
        if let Some(map) = maps.and_then(|maps| maps.get(name)) {
            section(&mut out, title, map, keys);
        }
    }
    out
}

/// The order of the page: each map's heading, its struct and its keys.
const SECTIONS: [(&str, &str, &[&str]); 17] = [
    ("server", "Server", Server::KNOWN),
    ("server.tls", "TlsSettings", TlsSettings::KNOWN),
    ("server.tls.certificates, an entry", "Certificate", Certificate::KNOWN),
    ("server.timeout", "ClientTimeout", ClientTimeout::KNOWN),
    ("server.limits", "Limits", Limits::KNOWN),
    ("server.drain, the long form", "DrainPhases", DrainPhases::KNOWN),
    ("server.access_log, the long form", "LogSettings", LogSettings::KNOWN),
    ("defaults", "Defaults", Defaults::KNOWN),
    ("upstreams, the long form of one", "UpstreamSettings", UpstreamSettings::KNOWN),
    ("upstreams, tls", "UpstreamTls", UpstreamTls::KNOWN),
    ("routes, an entry", "Route", Route::KNOWN),
    ("split, the long form of an entry", "SideSettings", SideSettings::KNOWN),
    ("sticky, the long form", "StickySettings", StickySettings::KNOWN),
    ("timeout, the long form", "Phases", Phases::KNOWN),
    ("limit", "Limit", Limit::KNOWN),
    ("respond", "Respond", Respond::KNOWN),
    ("redirect", "Redirect", Redirect::KNOWN),
];

const INTRODUCTION: &str = "\
# routes.yaml

<!-- Made by `gateway schema --markdown`; edit the doc comments in gateway/src/table/file. -->

One file says which share of which traffic goes where; saving it moves the traffic. `gateway check FILE` says everything
that is wrong with one. The JSON schema for editors is [routes.schema.json](routes.schema.json); whole files to start from
are in [examples](examples).

- `${NAME}` is filled from the environment and must be set; `${NAME:-default}` takes the default where NAME is unset or
  empty. Several may stand in one value, `$${` stands for the two characters themselves. Only values are filled, never
  keys, and a value can't add lines. Inside `{…}` and `[…]` such a value needs quotes: `{ movies: \"${PERCENT:-20}\" }`.
- Durations are whole numbers with a unit: `250ms`, `5s`, `10m`, `1h`; sizes too: `500B`, `64KiB`, `10MiB`, `1GiB`.
- Names are 1 to 64 letters, digits, spaces, `.`, `_` and `-`; they are metric labels.
- A pattern that begins with `~` is a regular expression (Rust's syntax), not anchored: write `^` and `$` where you mean them.
- Unknown keys, and keys of a later version, are refused, never ignored.
- Anchors, aliases and merges are YAML's: `- { <<: *base, name: b }` takes what it does not say itself from what is named `&base`.
  Tags other than YAML's own are refused, as is a file of more than 8 MiB.
";

fn section(out: &mut String, title: &str, map: &Value, keys: &[&str]) {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let required = map.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    _ = write!(out, "\n## {title}\n\n{}\n\n", text(map, "description"));
    out.push_str("| key | type | default | meaning | example |\n|---|---|---|---|---|\n");
    for key in keys {
        let Some(schema) = map.pointer(&format!("/properties/{key}")) else { continue };
        let default = match schema.get("default") {
            _ if required.contains(&Value::from(*key)) => "(required)".to_owned(),
            Some(default) => format!("`{}`", yaml(default)),
            None => String::new(),
        };
        let examples = schema.get("examples").and_then(Value::as_array).cloned().unwrap_or_default();
        let examples: Vec<String> = examples.iter().map(|example| format!("`{}`", yaml(example))).collect();
        let cells = [format!("`{key}`"), kind(schema), default, text(schema, "description"), examples.join(", ")];
        _ = writeln!(out, "| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | "));
    }
}

/// What a value is, in a few words.
fn kind(schema: &Value) -> String {
    if let Some(title) = schema.get("title").and_then(Value::as_str) {
        return title.to_owned();
    }
    if let Some(choices) = schema.get("anyOf").and_then(Value::as_array) {
        return choices.iter().map(kind).filter(|kind| !kind.is_empty()).collect::<Vec<_>>().join(", or ");
    }
    if let Some(word) = schema.get("const") {
        return format!("`{}`", yaml(word));
    }
    let of = |key: &str| schema.get(key).filter(|schema| schema.is_object()).map(kind);
    match schema.get("type").and_then(Value::as_str) {
        Some("array") => format!("list of {}", of("items").unwrap_or_default()),
        Some("object") => format!("map to {}", of("additionalProperties").unwrap_or_default()),
        _ => schema.get("$ref").and_then(Value::as_str).map(link).unwrap_or_default(),
    }
}

/// A map that has a section of its own.
fn link(reference: &str) -> String {
    let section = SECTIONS.iter().find(|(_, name, _)| reference.ends_with(&format!("/{name}")));
    let title = section.map_or("", |(title, ..)| title);
    let anchor = title.replace(' ', "-").replace([',', '.'], "");
    format!("[map](#{anchor})")
}

/// A value as one would write it in a line of YAML.
fn yaml(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(yaml).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let entries: Vec<_> = map.iter().map(|(key, value)| format!("{key}: {}", quoted(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        other => other.to_string(),
    }
}

/// A text inside `{…}` needs quotes where YAML would read it as something else.
fn quoted(value: &Value) -> String {
    match value {
        Value::String(text)
            if text.starts_with(|c: char| c.is_ascii_digit()) || ["yes", "no"].contains(&text.as_str()) =>
        {
            format!("{text:?}")
        }
        other => yaml(other),
    }
}
