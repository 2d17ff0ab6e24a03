//! A TOML document that remembers where each value stands, in the file or in a `--set`.

use super::diagnostic::Diagnostic;
use crate::secret::masked;

use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A place: which text, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct At {
    /// Position in [`Document::texts`].
    pub(super) text: usize,
    /// Bytes of that text.
    pub(super) span: Range<usize>,
}

/// A value and its place.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) at: At,
}

/// A value.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    /// `None` if it does not fit into 64 bits.
    Integer(Option<i64>),
    Float(f64),
    Bool(bool),
    Date,
    Array(Vec<Node>),
    Table(Vec<Entry>),
}

/// An entry of a table.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_at: At,
    pub(super) node: Node,
}

/// A named text: the file, or one `--set`.
#[derive(Debug, Clone)]
pub(super) struct Text {
    pub(super) name: String,
    pub(super) text: String,
}

/// The document, and the texts it came from.
#[derive(Debug, Clone)]
pub(super) struct Document {
    /// The file first, then each `--set`.
    pub(super) texts: Vec<Text>,
    pub(super) root: Node,
}

impl Document {
    /// Reads the file's text; what is wrong with its syntax goes to `list`.
    pub(super) fn parse(file: Text, list: &mut Vec<Diagnostic>) -> Self {
        let (table, errors) = DeTable::parse_recoverable(&file.text);
        for error in errors {
            let span = error.span().unwrap_or(0..0);
            let what = format!("this is not TOML: {}", masked(error.message()));
            list.push(Diagnostic::new(
                &file,
                span,
                what,
                "correct the syntax; see https://toml.io".to_owned(),
            ));
        }
        let root = Node { value: table_value(table.get_ref(), 0), at: At { text: 0, span: 0..0 } };
        Self { texts: vec![file], root }
    }

    /// Applies `--set key=value`; what is wrong with it goes to `list`.
    pub(super) fn set(&mut self, key: &str, value: &str, list: &mut Vec<Diagnostic>) {
        let text = Text { name: format!("--set {}", masked(key)), text: value.to_owned() };
        let index = self.texts.len();
        let path: Vec<&str> = key.split('.').map(str::trim).collect();
        if path.iter().any(|part| part.is_empty()) {
            let help = "write it as in --set strategy.semaphore.permits=20".to_owned();
            list.push(Diagnostic::new(&text, 0..0, "not the name of a setting".to_owned(), help));
            self.texts.push(text);
            return;
        }
        let node = parse_value(value, index);
        let whole = At { text: index, span: 0..value.len() };
        if let Err(depth) = insert(&mut self.root, &path, node, &whole) {
            let parent = path[..path.len() - depth].join(".");
            let what = format!("`{parent}` is not a table, so nothing can be set in it");
            list.push(Diagnostic::new(&text, 0..value.len(), what, "set a key of a table".to_owned()));
        }
        self.texts.push(text);
    }

    /// The place of what stands at `path`, or of the nearest thing around it.
    pub(super) fn place(&self, path: &[String]) -> At {
        let mut node = &self.root;
        let mut at = At { text: 0, span: 0..0 };
        for (depth, part) in path.iter().enumerate() {
            let next = match &node.value {
                Value::Table(entries) => entries.iter().find(|entry| entry.key == *part).map(|entry| {
                    let inside = matches!(entry.node.value, Value::Table(_)) || depth + 1 < path.len();
                    (&entry.node, if inside { &entry.key_at } else { &entry.node.at })
                }),
                Value::Array(items) => {
                    part.parse::<usize>().ok().and_then(|i| items.get(i)).map(|node| (node, &node.at))
                }
                _ => None,
            };
            let Some((found, place)) = next else { break };
            (node, at) = (found, place.clone());
        }
        at
    }
}

impl Document {
    /// The place of the key at `path`.
    pub(super) fn key_place(&self, path: &[String]) -> At {
        let Some((last, around)) = path.split_last() else { return self.place(path) };
        match self.find(around).map(|node| &node.value) {
            Some(Value::Table(entries)) => {
                let entry = entries.iter().find(|entry| entry.key == *last);
                entry.map_or_else(|| self.place(path), |entry| entry.key_at.clone())
            }
            _ => self.place(path),
        }
    }

    /// The keys of the table at `path`.
    pub(super) fn keys(&self, path: &[String]) -> Vec<&str> {
        match self.find(path).map(|node| &node.value) {
            Some(Value::Table(entries)) => entries.iter().map(|entry| entry.key.as_str()).collect(),
            _ => Vec::new(),
        }
    }

    /// What stands at `path`.
    pub(super) fn find(&self, path: &[String]) -> Option<&Node> {
        path.iter().try_fold(&self.root, |node, part| match &node.value {
            Value::Table(entries) => entries.iter().find(|entry| entry.key == *part).map(|entry| &entry.node),
            Value::Array(items) => part.parse::<usize>().ok().and_then(|index| items.get(index)),
            _ => None,
        })
    }
}

/// A `--set`'s value: TOML if it is TOML, else a string.
fn parse_value(value: &str, text: usize) -> Node {
    let whole = At { text, span: 0..value.len() };
    match DeValue::parse(value) {
        Ok(parsed) => Node { value: convert(parsed.get_ref(), text), at: whole },
        Err(_) => Node { value: Value::Text(value.to_owned()), at: whole },
    }
}

/// Puts `node` at `path`, making tables on the way; the error is how much of it was left where
/// something else than a table stood.
fn insert(into: &mut Node, path: &[&str], node: Node, at: &At) -> Result<(), usize> {
    let [part, rest @ ..] = path else {
        *into = node;
        return Ok(());
    };
    if let (Value::Array(items), Ok(index)) = (&mut into.value, part.parse::<usize>()) {
        return items.get_mut(index).map_or(Err(path.len()), |item| insert(item, rest, node, at));
    }
    let Value::Table(entries) = &mut into.value else { return Err(path.len()) };
    if let Some(entry) = entries.iter_mut().find(|entry| entry.key == *part) {
        if rest.is_empty() {
            entry.key_at = at.clone();
        }
        return insert(&mut entry.node, rest, node, at);
    }
    let mut inner = Node { value: Value::Table(Vec::new()), at: at.clone() };
    insert(&mut inner, rest, node, at)?;
    entries.push(Entry { key: (*part).to_owned(), key_at: at.clone(), node: inner });
    Ok(())
}

fn table_value(table: &DeTable<'_>, text: usize) -> Value {
    let entry = |(key, value): (&Spanned<toml::de::DeString<'_>>, &Spanned<DeValue<'_>>)| Entry {
        key: key.get_ref().to_string(),
        key_at: At { text, span: key.span() },
        node: Node { value: convert(value.get_ref(), text), at: At { text, span: value.span() } },
    };
    Value::Table(table.iter().map(entry).collect())
}

fn convert(value: &DeValue<'_>, text: usize) -> Value {
    match value {
        DeValue::String(string) => Value::Text(string.to_string()),
        DeValue::Integer(number) => Value::Integer(i64::from_str_radix(number.as_str(), number.radix()).ok()),
        DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(value) => Value::Bool(*value),
        DeValue::Datetime(_) => Value::Date,
        DeValue::Array(items) => Value::Array(
            items
                .iter()
                .map(|item| Node { value: convert(item.get_ref(), text), at: At { text, span: item.span() } })
                .collect(),
        ),
        DeValue::Table(table) => table_value(table, text),
    }
}
