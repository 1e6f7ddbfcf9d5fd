//! The JSON schema takes what the gateway takes: shipped files and examples fit it, `${…}` included, and slips of keys don't.

#![expect(clippy::unwrap_used, reason = "what a test can't read ends it")]

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn schema() -> Value {
    serde_json::from_str(&gateway::table::file::reference::json()).unwrap()
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

/// The keywords that our schema uses, and no others.
const KEYWORDS: [&str; 18] = [
    "$defs",
    "$ref",
    "$schema",
    "additionalProperties",
    "anyOf",
    "const",
    "default",
    "description",
    "enum",
    "examples",
    "items",
    "maximum",
    "minItems",
    "minimum",
    "minProperties",
    "pattern",
    "properties",
    "required",
];

/// Where `value` breaks `schema`; none where it fits.
fn misfit(schema: &Value, root: &Value, value: &Value, at: &str) -> Option<String> {
    let Value::Object(rules) = schema else { return None };
    for (keyword, rule) in rules {
        let broken = match keyword.as_str() {
            "$ref" => {
                let target = root.pointer(rule.as_str().unwrap().trim_start_matches('#')).unwrap();
                misfit(target, root, value, at)
            }
            "anyOf" => {
                let all: Vec<_> = rule.as_array().unwrap().iter().map(|one| misfit(one, root, value, at)).collect();
                all.iter().all(Option::is_some).then(|| format!("{at}: none of {all:?}"))
            }
            "type" => (!of_type(rule, value)).then(|| format!("{at}: not {rule}")),
            "enum" => (!rule.as_array().unwrap().contains(value)).then(|| format!("{at}: none of {rule}")),
            "const" => (rule != value).then(|| format!("{at}: not {rule}")),
            "pattern" => {
                let fits = |text| Regex::new(rule.as_str().unwrap()).unwrap().is_match(text);
                value.as_str().filter(|text| !fits(text)).map(|text| format!("{at}: {text} is not {rule}"))
            }
            "minimum" => value.as_f64().filter(|n| *n < rule.as_f64().unwrap()).map(|n| format!("{at}: {n} < {rule}")),
            "maximum" => value.as_f64().filter(|n| *n > rule.as_f64().unwrap()).map(|n| format!("{at}: {n} > {rule}")),
            "items" => {
                let items = value.as_array().into_iter().flatten().enumerate();
                items.map(|(i, item)| misfit(rule, root, item, &format!("{at}/{i}"))).find_map(|misfit| misfit)
            }
            "required" => {
                let missing = |key: &&Value| value.is_object() && value.get(key.as_str().unwrap()).is_none();
                rule.as_array().unwrap().iter().find(missing).map(|key| format!("{at}: no {key}"))
            }
            "properties" | "additionalProperties" => None,
            other => {
                assert!(KEYWORDS.contains(&other) || other == "title", "the schema uses `{other}`");
                None
            }
        };
        if broken.is_some() {
            return broken;
        }
    }
    let known = rules.get("properties").and_then(Value::as_object);
    value.as_object().into_iter().flatten().find_map(|(key, value)| {
        let at = format!("{at}/{key}");
        match (known.and_then(|known| known.get(key)), rules.get("additionalProperties")) {
            (Some(schema), _) => misfit(schema, root, value, &at),
            (None, Some(Value::Bool(false))) => Some(format!("{at}: unknown key")),
            (None, Some(schema)) => misfit(schema, root, value, &at),
            (None, None) => None,
        }
    })
}

fn of_type(rule: &Value, value: &Value) -> bool {
    let one = |name: &str| match name {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("type {other}"),
    };
    match rule {
        Value::Array(names) => names.iter().any(|name| one(name.as_str().unwrap())),
        name => one(name.as_str().unwrap()),
    }
}

#[test]
fn shipped_files_and_examples_fit_the_schema() {
    let schema = schema();
    let examples = fs::read_dir(root().join("docs/examples")).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<PathBuf> = examples.chain([root().join("routes.yaml")]).collect();
    assert!(files.len() >= 5);
    for file in files {
        let misfit = misfit(&schema, &schema, &yaml(&fs::read_to_string(&file).unwrap()), "");
        assert_eq!(misfit, None, "{}", file.display());
    }
}

#[test]
fn a_variable_fits_wherever_a_number_or_a_boolean_does() {
    let schema = schema();
    let text = "\
server: { workers: '${W:-2}', expose: '${E:-true}', access_log: '${L:-off}', listen: '0.0.0.0:${PORT:-8000}', drain: '${D}' }
upstreams: { a: '${A}' }
routes:
  - { name: a, path: '${P}', split: { a: '${PCT:-50}', b: { weight: '${PCT}' } }, enabled: '${G}', sticky: '${S}' }
  - { name: b, path: /b, respond: { status: '${S:-200}' }, methods: ['${M}'], timeout: { total: '${T}' } }
";
    assert_eq!(misfit(&schema, &schema, &yaml(text), ""), None);
}

#[test]
fn slips_do_not_fit_the_schema() {
    let schema = schema();
    for text in [
        "routes: []\nsever: {}\n",
        "upstreams: {}\n",
        "routes: [{ name: a, pth: / }]\n",
        "routes: [{ path: / }]\n",
        "routes: [{ name: a, path: api }]\n",
        "routes: [{ name: a, path: /, split: { a: 101 } }]\n",
        "routes: [{ name: a, path: /, split: { a: half } }]\n",
        "routes: [{ name: a, path: /, enabled: perhaps }]\n",
        "routes: [{ name: a, path: /, timeout: 5 }]\n",
        "routes: [{ name: a, path: /, sticky: ip }]\n",
        "routes: [{ name: a, path: /, writes: monolith }]\n",
        "server: { workers: 0 }\nroutes: []\n",
        "upstreams: { a: ftp://b }\nroutes: []\n",
    ] {
        assert!(misfit(&schema, &schema, &yaml(text), "").is_some(), "{text}");
    }
}
