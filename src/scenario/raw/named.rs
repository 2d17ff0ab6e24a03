//! Tables whose keys are names or kinds, in the file's order.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{DeserializeOwned, Error as _};
use serde::ser::{Error as _, SerializeMap};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// A table with names of the user's choice as keys.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::scenario) struct Named<T>(pub(in crate::scenario) Vec<(String, T)>);

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let table = toml::Table::deserialize(d)?;
        let one = |(name, value): (String, toml::Value)| {
            value.try_into().map(|value| (name, value)).map_err(D::Error::custom)
        };
        table.into_iter().map(one).collect::<Result<_, _>>().map(Self)
    }
}

impl<T: Serialize> Serialize for Named<T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<T: JsonSchema> JsonSchema for Named<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Named{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "additionalProperties": generator.subschema_for::<T>() })
    }
}

/// A table with kinds as keys: each entry is one variant of the enum `T`, and no kind stands there twice.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::scenario) struct Kinds<T>(pub(in crate::scenario) Vec<T>);

impl<T> Default for Kinds<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Kinds<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let table = toml::Table::deserialize(d)?;
        let one = |entry: (String, toml::Value)| {
            toml::Value::Table(std::iter::once(entry).collect()).try_into().map_err(D::Error::custom)
        };
        table.into_iter().map(one).collect::<Result<_, _>>().map(Self)
    }
}

impl<T: Serialize> Serialize for Kinds<T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(Some(self.0.len()))?;
        for kind in &self.0 {
            let toml::Value::Table(entry) = toml::Value::try_from(kind).map_err(S::Error::custom)? else {
                return Err(S::Error::custom("a kind without a table of its own"));
            };
            for (name, value) in entry {
                map.serialize_entry(&name, &value)?;
            }
        }
        map.end()
    }
}

impl<T: JsonSchema> JsonSchema for Kinds<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Kinds{}", T::schema_name()).into()
    }

    /// The variants of the enum, each an object with one property, as properties of one object.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = T::json_schema(generator).to_value();
        let mut properties = Map::new();
        for variant in one["oneOf"].as_array().into_iter().flatten() {
            for (name, schema) in variant["properties"].as_object().into_iter().flatten() {
                let mut schema = schema.clone();
                if let (Some(schema), Some(text)) = (schema.as_object_mut(), variant.get("description")) {
                    schema.entry("description").or_insert_with(|| text.clone());
                }
                properties.insert(name.clone(), schema);
            }
        }
        json_schema!({ "type": "object", "properties": Value::Object(properties),
            "additionalProperties": false })
    }
}
