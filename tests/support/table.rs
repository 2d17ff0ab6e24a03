//! Every strategy and every fault in a scenario's words, from the tables of the program: a new one is in all
//! properties at once.

use deadheat::faults::FaultKind;
use deadheat::scenario::schema;

/// The least that the schema asks of the strategy, and so much of it.
pub(crate) fn least_strategy(name: &str, n: u32) -> String {
    let schema: serde_json::Value = serde_json::from_str(&schema()).expect("a schema");
    let reference = &schema["properties"]["strategy"]["properties"][name]["$ref"];
    let parameters = &schema["$defs"][reference.as_str().expect(name).trim_start_matches("#/$defs/")];
    let needed = parameters["required"].as_array().into_iter().flatten().filter_map(|key| key.as_str());
    let value = |key: &str| match parameters["properties"][key]["type"].as_str() {
        Some("integer" | "number") => n.to_string(),
        _ => "\"1s\"".to_owned(),
    };
    let lines: String = needed.map(|key| format!("{key} = {}\n", value(key))).collect();
    format!("[strategy.{name}]\n{lines}")
}

/// A fault of each kind, as `kind = …`.
pub(crate) fn fault_kinds() -> Vec<String> {
    let text = |kind: FaultKind| format!("kind = {}", toml::Value::try_from(kind).expect("settings"));
    FaultKind::all().into_iter().map(text).collect()
}
