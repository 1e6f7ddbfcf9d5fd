//! The YAML text as a tree whose every key and value knows where it stands.
//!
//! First step of the cold path: text → [`Node`]. granit-parser says what stands where, and the tree is made of its events: serde
//! would give each word a type first, which nobody here asks for, and take as long again. Nothing here knows what a route is.

use foldhash::{HashMap, HashMapExt as _, HashSet, HashSetExt as _};
use granit_parser::{Event, Parser, ScalarStyle, StrInput, Tag};

use super::syntax::{self, Refusal, Refused};
use crate::table::environment::Filled;
use crate::table::problem::{Problem, Span};

/// The largest text that is looked at, in bytes. 10,000 routes are about 1.5 MiB.
pub const MAX_BYTES: usize = 8 * 1024 * 1024;

/// How deep maps and lists may be nested; the deepest legal file needs 8.
const MAX_DEPTH: usize = 24;

/// Keys, values, maps and lists in one file.
const MAX_NODES: usize = 1_000_000;

/// So many keys are looked through one by one.
const FEW: usize = 16;

/// How many of them all anchors may name, and all aliases unfold to.
const MAX_UNFOLDED: usize = 200_000;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where the value stands; for an alias or a merged key, where that does.
    pub span: Span,
    /// What stands there.
    pub value: Value,
}

/// What a YAML node is.
#[derive(Clone, Debug)]
pub enum Value {
    /// A word, number, text or nothing.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// A map, in the file's order.
    Map(Vec<(Key, Node)>),
    /// A list whose entries were passed on as they came: see [`parse`].
    Passed,
    /// A value that has been reported already; readers pass over it in silence.
    Broken,
}

/// The text of a scalar, and whether it is a plain one (unquoted: it may be a number, a boolean or nothing).
#[derive(Clone, Debug, Default)]
pub struct Scalar {
    /// The text, without quotes.
    pub text: String,
    /// Whether it may be read as a number, a boolean or null.
    pub plain: bool,
    /// What the environment put into it.
    pub filled: Option<Box<Filled>>,
}

impl Scalar {
    /// A quoted scalar with this text.
    pub fn text(text: String) -> Self {
        Self { text, ..Self::default() }
    }

    /// A plain scalar with this text.
    pub fn word(text: String) -> Self {
        Self { text, plain: true, ..Self::default() }
    }
}

/// A map's key.
#[derive(Clone, Debug)]
pub struct Key {
    /// Its text.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// Parses one YAML document.
///
/// The entries of the list `passed` of the outermost map go to `each` as they come, so that what is most of a long file never stands
/// in memory as a tree. They count for nothing where the text turns out not to be one.
///
/// # Errors
/// The first syntax error, duplicate key or exceeded limit.
pub fn parse(text: &str, passed: &str, each: impl FnMut(Node)) -> Result<Node, Box<Problem>> {
    if text.len() > MAX_BYTES {
        let size = format!("the file has {} bytes; at most {MAX_BYTES} are read", text.len());
        return Err(Box::new(Problem::error(Span::start(), size)));
    }
    let options = granit_parser::options! { emit_comments: false };
    let events = Parser::new_from_str_with_options(text, options);
    let read = Reader { events, passed, each, anchors: HashMap::new(), nodes: 0, unfolded: 0 }.document();
    read.map_err(|refused| Box::new(syntax::problem(&refused, text)))
}

struct Reader<'a, F> {
    events: Parser<'a, StrInput<'a>>,
    passed: &'a str,
    each: F,
    /// What anchors name, by the parser's number for them, once it has ended.
    anchors: HashMap<usize, Node>,
    nodes: usize,
    unfolded: usize,
}

impl<'a, F: FnMut(Node)> Reader<'a, F> {
    fn document(mut self) -> Result<Node, Box<Refused>> {
        let mut tree = Node { span: Span::start(), value: Value::Scalar(Scalar::word(String::new())) };
        let mut documents = 0;
        loop {
            match self.next()? {
                (Event::StreamStart | Event::DocumentEnd, _) => {}
                (Event::StreamEnd, _) => return Ok(tree),
                (Event::DocumentStart(..), span) if documents == 1 => return Err(Refusal::Second.at(span)),
                (Event::DocumentStart(..), _) => documents = 1,
                (event, span) => tree = self.node(event, span, 0)?,
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Box<Refused>> {
        match self.events.next_event() {
            Some(Ok((event, span))) => Ok((event, span.into())),
            Some(Err(error)) => Err(error.into()),
            None => Ok((Event::StreamEnd, Span::start())),
        }
    }

    /// The value that begins with this event.
    fn node(&mut self, event: Event<'a>, mut span: Span, depth: usize) -> Result<Node, Box<Refused>> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(Refusal::Large(MAX_NODES).at(span));
        }
        if depth >= MAX_DEPTH {
            return Err(Refusal::Deep.at(span));
        }
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && !is_text(tag.as_deref(), span)?;
                let text = if span.len == 0 { String::new() } else { text.into_owned() }; // the parser puts a `~` where nothing is
                (Value::Scalar(Scalar { text, plain, filled: None }), anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                is_text(tag.as_deref(), span)?;
                (Value::List(self.list(depth)?), anchor)
            }
            Event::MappingStart(_, anchor, tag) => {
                is_text(tag.as_deref(), span)?;
                let entries = self.map(depth)?;
                if let (0, Some((first, _))) = (span.len, entries.first()) {
                    span = first.span; // a map without braces begins with its first key
                }
                (Value::Map(entries), anchor)
            }
            Event::Alias(anchor) => {
                let named = self.anchors.get(&anchor).cloned().ok_or_else(|| Refusal::Itself.at(span))?;
                self.unfold(&named, span, depth)?;
                return Ok(Node { span, ..named });
            }
            _ => return Err(Refusal::Ended.at(span)),
        };
        let node = Node { span, value };
        if anchor != 0 {
            self.unfold(&node, span, depth)?;
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Box<Refused>> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    /// The list whose entries are passed on; an empty one stays what it is.
    fn pass(&mut self, span: Span) -> Result<Node, Box<Refused>> {
        let mut value = Value::List(Vec::new());
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Node { span, value }),
                (event, span) => {
                    let entry = self.node(event, span, 2)?;
                    (self.each)(entry);
                    value = Value::Passed;
                }
            }
        }
    }

    /// A map's own entries, and behind them those that `<<` merges into it, where it has none of that name.
    fn map(&mut self, depth: usize) -> Result<Vec<(Key, Node)>, Box<Refused>> {
        let (mut entries, mut merged) = (Vec::new(), Vec::new());
        loop {
            let (event, span) = match self.next()? {
                (Event::MappingEnd, _) => break,
                begun => begun,
            };
            let Value::Scalar(key) = self.node(event, span, depth + 1)?.value else {
                return Err(Refusal::Key.at(span));
            };
            let (event, at) = self.next()?;
            let value = match event {
                Event::SequenceStart(_, 0, None) if depth == 0 && key.text == self.passed => self.pass(at)?,
                event => self.node(event, at, depth + 1)?,
            };
            match key {
                key if key.is_null() => return Err(Refusal::Key.at(span)),
                key if key.plain && key.text == "<<" => merged.push(value),
                key => entries.push((Key { text: key.text, span }, value)),
            }
        }
        if let Some(again) = repeated(&entries) {
            return Err(Refusal::Twice(again.text.clone()).at(again.span));
        }
        if !merged.is_empty() {
            merge(&mut entries, merged)?;
        }
        Ok(entries)
    }

    /// Counts what an anchor or an alias at this place copies.
    fn unfold(&mut self, node: &Node, span: Span, depth: usize) -> Result<(), Box<Refused>> {
        self.unfolded += 1;
        if self.unfolded > MAX_UNFOLDED {
            return Err(Refusal::Unfolded.at(span));
        }
        if depth >= MAX_DEPTH {
            return Err(Refusal::Deep.at(span));
        }
        match &node.value {
            Value::List(items) => items.iter().try_for_each(|item| self.unfold(item, span, depth + 1)),
            Value::Map(entries) => entries.iter().try_for_each(|(_, value)| self.unfold(value, span, depth + 1)),
            Value::Scalar(_) | Value::Passed | Value::Broken => Ok(()),
        }
    }
}

/// The first key that was there before. Where there are few, as nearly everywhere, a look at all of them is quicker than a set.
fn repeated(entries: &[(Key, Node)]) -> Option<&Key> {
    let mut keys = entries.iter().map(|(key, _)| key);
    if entries.len() <= FEW {
        return keys
            .enumerate()
            .find(|(at, key)| entries[..*at].iter().any(|(known, _)| known.text == key.text))
            .map(|(_, key)| key);
    }
    let mut names = HashSet::with_capacity(entries.len());
    keys.find(|key| !names.insert(key.text.as_str()))
}

/// Adds what `<<` merges into a map, where the map has no key of that name; what was merged first counts.
fn merge(entries: &mut Vec<(Key, Node)>, merged: Vec<Node>) -> Result<(), Box<Refused>> {
    let mut names: HashSet<String> = entries.iter().map(|(key, _)| key.text.clone()).collect();
    for Node { span, value } in merged {
        let maps = match value {
            Value::List(maps) => maps,
            value => vec![Node { span, value }],
        };
        for Node { span, value } in maps {
            let Value::Map(more) = value else { return Err(Refusal::Merge.at(span)) };
            let new = more.into_iter().filter(|(key, _)| names.insert(key.text.clone()));
            entries.extend(new.map(|(key, value)| (Key { span, ..key }, Node { span, ..value })));
        }
    }
    Ok(())
}

/// Whether a tag makes text of a word that looks like a number or nothing; YAML's other tags say what a key says by itself.
fn is_text(tag: Option<&Tag>, span: Span) -> Result<bool, Box<Refused>> {
    let Some(tag) = tag else { return Ok(false) };
    match tag.core_suffix() {
        Some(kind) => Ok(kind == "str"),
        None if tag.original() == "!" => Ok(true),
        None => Err(Refusal::Tag(tag.original()).at(span)),
    }
}
