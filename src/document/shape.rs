//! Checks a document against the schema, collects everything that is wrong, and keeps what is sound.
//!
//! Something valid stands in for a value that is needed but wrong, so that all around it is checked as well.
//!
//! The schema is the one that the raw types generate, so the file that editors read and this check cannot
//! disagree. Only what schemars writes for those types is understood; the rest is checked later.

mod expect;
mod stand_in;

use super::file::Hint;
use super::findings::Findings;
use super::tree::{Entry, Node, Value};
use crate::secret::{is_secret_name, masked};
use crate::units::text;
pub(crate) use expect::nearest;
use expect::{close, describe, variants};
use serde_json::Value as Json;
use stand_in::stand_in;
use toml::Value as Toml;

/// Walks a document along the schema.
pub(super) struct Shape<'a, 'd> {
    pub(super) schema: &'a Json,
    pub(super) hint: Hint,
    pub(super) findings: &'a mut Findings<'d>,
    pub(super) path: Vec<String>,
}

impl<'a> Shape<'a, '_> {
    /// The sound part of `node`; `None` if nothing of it can be used.
    pub(super) fn check(&mut self, schema: &'a Json, node: &Node) -> Option<Toml> {
        let schema = self.resolve(schema);
        if let Some(choices) = schema["oneOf"].as_array() {
            return self.choice(schema, choices, node);
        }
        match (schema["type"].as_str(), &node.value) {
            (Some("object"), Value::Table(_)) => self.table(schema, node),
            (Some("array"), Value::Array(items)) => self.array(schema, items),
            (Some("string"), Value::Text(text)) => self.text(schema, text),
            (Some("integer"), Value::Integer(number)) => self.integer(schema, *number),
            (Some("number"), Value::Integer(Some(number))) => self.number(schema, *number as f64),
            (Some("number"), Value::Float(number)) => self.number(schema, *number),
            (Some("boolean"), Value::Bool(value)) => Some(Toml::Boolean(*value)),
            _ => self.wrong_type(schema, node),
        }
    }

    /// Follows a `$ref` into `$defs`.
    fn resolve(&self, schema: &'a Json) -> &'a Json {
        match schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) {
            Some(name) => &self.schema["$defs"][name],
            None => schema,
        }
    }

    fn fault(&mut self, what: impl Into<String>, help: impl Into<String>) {
        self.findings.shape(&self.path, what.into(), help.into());
    }

    fn wrong_type(&mut self, schema: &'a Json, node: &Node) -> Option<Toml> {
        let found = match &node.value {
            Value::Text(_) => "a string",
            Value::Integer(_) => "an integer",
            Value::Float(_) => "a number with a fraction",
            Value::Bool(_) => "true or false",
            Value::Date => "a date",
            Value::Array(_) => "an array",
            Value::Table(_) => "a table",
        };
        let wanted = describe(schema, self.schema);
        self.fault(format!("`{}` cannot be {found}", self.name()), format!("write {wanted}"));
        None
    }

    /// The path as the file would have it.
    fn name(&self) -> String {
        masked(&self.path.join("."))
    }

    fn table(&mut self, schema: &'a Json, node: &Node) -> Option<Toml> {
        let Value::Table(entries) = &node.value else { return None };
        let properties = &schema["properties"];
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
        let mut sound = toml::Table::new();
        for entry in entries {
            let any = Some(&schema["additionalProperties"]).filter(|schema| schema.is_object());
            let Some(inner) = properties.get(&entry.key).or(any) else {
                self.path.push(entry.key.clone());
                let known = properties.as_object().into_iter().flatten().map(|(name, _)| name.as_str());
                self.unknown_key(&entry.key, &known.collect::<Vec<_>>());
                self.path.pop();
                continue;
            };
            self.path.push(entry.key.clone());
            let value = self.check(inner, &entry.node);
            self.path.pop();
            // An optional value that is wrong counts as left out.
            let value = value
                .or_else(|| required.contains(&entry.key.as_str()).then(|| stand_in(inner, self.schema)));
            sound.extend(value.map(|value| (entry.key.clone(), value)));
        }
        for key in required {
            if !entries.iter().any(|entry| entry.key == key) {
                self.missing(key, &properties[key]);
                sound.insert(key.to_owned(), stand_in(&properties[key], self.schema));
            }
        }
        Some(Toml::Table(sound))
    }

    fn missing(&mut self, key: &str, schema: &'a Json) {
        let inner = self.resolve(schema);
        let text = schema["description"].as_str().or(inner["description"].as_str()).unwrap_or_default();
        let first = text.split(". ").next().unwrap_or_default().trim_end_matches('.');
        let help = format!("add `{key}`, {}: {first}", describe(inner, self.schema));
        let what = match self.path.is_empty() {
            true => format!("`{key}` is missing"),
            false => format!("`{}` has no `{key}`", self.name()),
        };
        self.path.push(key.to_owned());
        self.fault(what, help);
        self.path.pop();
    }

    fn unknown_key(&mut self, key: &str, known: &[&str]) {
        if let Some((what, help)) = (self.hint)(&self.path) {
            return self.findings.shape_key(&self.path, what, help);
        }
        let help = if is_secret_name(key) && known.contains(&"api_key_env") {
            "never put a key in a file: export it and write its variable's name, api_key_env = \"HOUSE_KEY\""
                .to_owned()
        } else {
            nearest(key, known)
        };
        let what = format!("unknown key `{}`", self.name());
        self.findings.shape_key(&self.path, what, help);
    }

    fn array(&mut self, schema: &'a Json, items: &[Node]) -> Option<Toml> {
        let least = schema["minItems"].as_u64().unwrap_or(0);
        let most = schema["maxItems"].as_u64().unwrap_or(u64::MAX);
        let count = items.len() as u64;
        if count < least || count > most {
            let wanted = if least == most { format!("exactly {least}") } else { format!("at least {least}") };
            let noun = |count| if count == 1 { "value" } else { "values" };
            let what = format!("`{}` has {count} {}", self.name(), noun(count));
            self.fault(what, format!("write {wanted} {}", noun(least)));
            return None;
        }
        let mut sound = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            self.path.push(index.to_string());
            let value = self.check(&schema["items"], item);
            // Something stands in for a wrong value, so that the places of the others stay right.
            sound.push(value.unwrap_or_else(|| stand_in(&schema["items"], self.schema)));
            self.path.pop();
        }
        Some(Toml::Array(sound))
    }

    fn text(&mut self, schema: &'a Json, value: &str) -> Option<Toml> {
        let format = schema["format"].as_str().unwrap_or_default();
        if format != text::URL && value.contains("${") {
            self.fault(
                format!("`{}` cannot hold a `${{VARIABLE}}`", self.name()),
                "only `url` and `redis` may; write the value itself here",
            );
            return None;
        }
        if let Some(known) = variants(schema) {
            return self.word(schema, &known, value);
        }
        if value.is_empty() && schema["minLength"].as_u64().is_some_and(|least| least > 0) {
            self.fault(format!("`{}` is empty", self.name()), "write at least one character");
            return None;
        }
        if let Err(error) = text::check(format, value) {
            let (what, help) = error.split_once(": ").unwrap_or((&error, "see `deadheat schema`"));
            let (what, help) = (format!("`{}`: {what}", self.name()), help.to_owned());
            self.fault(what, help);
            return None;
        }
        Some(Toml::String(value.to_owned()))
    }

    /// One word of a closed list.
    fn word(&mut self, schema: &'a Json, known: &[&str], value: &str) -> Option<Toml> {
        if known.contains(&value) {
            return Some(Toml::String(value.to_owned()));
        }
        let help = close(value, known).map_or_else(
            || format!("write {}", describe(schema, self.schema)),
            |best| format!("did you mean `{best}`?"),
        );
        self.fault(format!("`{}` cannot be \"{value}\"", self.name()), help);
        None
    }

    fn integer(&mut self, schema: &'a Json, number: Option<i64>) -> Option<Toml> {
        let least = schema["minimum"].as_i64().unwrap_or(i64::MIN);
        let most = schema["maximum"].as_i64().unwrap_or(i64::MAX);
        match number {
            Some(number) if (least..=most).contains(&number) => Some(Toml::Integer(number)),
            Some(number) if schema["const"].is_i64() && schema["const"].as_i64() != Some(number) => None,
            Some(number) if number < least => {
                self.fault(
                    format!("`{}` is too small: {number}", self.name()),
                    format!("write at least {least}"),
                );
                None
            }
            _ => {
                self.fault(format!("`{}` is too large", self.name()), format!("write at most {most}"));
                None
            }
        }
    }

    fn number(&mut self, schema: &'a Json, number: f64) -> Option<Toml> {
        let least = schema["minimum"].as_f64().unwrap_or(f64::MIN);
        let most = schema["maximum"].as_f64().unwrap_or(f64::MAX);
        let above = schema["exclusiveMinimum"].as_f64();
        if let Some(above) = above.filter(|above| number.is_nan() || number <= *above) {
            self.fault(format!("`{}` is {number}", self.name()), format!("write a number above {above}"));
            return None;
        }
        if (least..=most).contains(&number) && number.is_finite() {
            return Some(Toml::Float(number));
        }
        let least = if above.is_some() { "0".to_owned() } else { least.to_string() };
        self.fault(
            format!("`{}` is out of range: {number}", self.name()),
            format!("write a number from {least} to {most}"),
        );
        None
    }

    /// A value that may be one of several: words, tables with one key, numbers.
    fn choice(&mut self, schema: &'a Json, choices: &'a [Json], node: &Node) -> Option<Toml> {
        let of_type = |name: &str| choices.iter().find(|one| one["type"] == name);
        match &node.value {
            Value::Text(value) => match variants(schema) {
                Some(words) => self.word(schema, &words, value),
                None => match of_type("string") {
                    Some(inner) => self.check(inner, node),
                    None => self.wrong_type(schema, node),
                },
            },
            Value::Integer(_) if of_type("integer").is_some() => self.check(of_type("integer")?, node),
            Value::Table(entries) => {
                let tables: Vec<&Json> = choices.iter().filter(|one| one["type"] == "object").collect();
                if let ([only], true) =
                    (tables.as_slice(), of_type("string").or(of_type("integer")).is_some())
                {
                    return self.check(only, node);
                }
                if tables.is_empty() {
                    return self.wrong_type(schema, node);
                }
                self.kind(&tables, entries)
            }
            _ => self.wrong_type(schema, node),
        }
    }

    /// A table with one key, which says what kind it is.
    fn kind(&mut self, tables: &[&'a Json], entries: &[Entry]) -> Option<Toml> {
        let properties = tables.iter().filter_map(|one| one["properties"].as_object()).flatten();
        let known: Vec<(&'a str, &'a Json)> =
            properties.map(|(name, inner)| (name.as_str(), inner)).collect();
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        let [entry] = entries else {
            let help = format!("give exactly one of {}", names.join(", "));
            self.fault(format!("`{}` has {} kinds", self.name(), entries.len()), help);
            return None;
        };
        self.path.push(entry.key.clone());
        let value = match known.iter().find(|(name, _)| *name == entry.key) {
            Some((_, inner)) => {
                let value = self.check(inner, &entry.node);
                Some(value.unwrap_or_else(|| stand_in(inner, self.schema)))
            }
            None => {
                self.unknown_key(&entry.key, &names);
                None
            }
        };
        self.path.pop();
        value.map(|value| Toml::Table(std::iter::once((entry.key.clone(), value)).collect()))
    }
}
