//! Which values of a document are not shown.

use super::tree::{At, Node, Value};
use crate::secret::{hides, is_secret_name};

/// The places of all values under names that announce a secret, however they are written.
pub(super) fn secrets(root: &Node) -> Vec<At> {
    let mut found = Vec::new();
    collect(root, "", &mut found);
    found
}

fn collect(node: &Node, key: &str, found: &mut Vec<At>) {
    let secret = match &node.value {
        Value::Text(text) => hides(key, text),
        _ => is_secret_name(key),
    };
    if secret {
        return leaves(node, |_| true, found);
    }
    match &node.value {
        Value::Table(entries) => entries.iter().for_each(|entry| collect(&entry.node, &entry.key, found)),
        Value::Array(items) => items.iter().for_each(|item| collect(item, key, found)),
        _ => {}
    }
}

/// The places of all texts in a value. Under a key that is not known, any of them may be a secret.
pub(super) fn texts(node: &Node) -> Vec<At> {
    let mut found = Vec::new();
    leaves(node, |value| matches!(value, Value::Text(_)), &mut found);
    found
}

/// The places of the values at the ends of a tree that are meant.
fn leaves(node: &Node, meant: fn(&Value) -> bool, found: &mut Vec<At>) {
    match &node.value {
        Value::Table(entries) => entries.iter().for_each(|entry| leaves(&entry.node, meant, found)),
        Value::Array(items) => items.iter().for_each(|item| leaves(item, meant, found)),
        value if meant(value) => found.push(node.at.clone()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use crate::document::{Source, file};
    use proptest::prelude::*;
    use schemars::JsonSchema;
    use serde::Deserialize;

    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct File {
        #[expect(dead_code, reason = "only its key counts")]
        version: u32,
    }

    /// Everything that is printed of a file with this text, or of one with this setting.
    fn printed(text: &str, set: &[(String, String)]) -> String {
        let source = Source { path: "a.toml".into(), text: text.to_owned() };
        let schema = super::super::schema_of::<File>();
        let read = file::read::<File, ()>(&source, set, &schema, |_| None, |_, _| ());
        let wrong = read.expect_err("an unknown key");
        format!("{}\n{wrong}\n{:#}\n{}", wrong.render(false), wrong.to_json(), wrong.to_github())
    }

    /// Names that announce a secret, as people spell them.
    fn secret_name() -> impl Strategy<Value = String> {
        let word = prop::sample::select(vec![
            "token",
            "api_key",
            "apiKey",
            "password",
            "passwd",
            "secret",
            "client-secret",
            "auth",
            "cookie",
            "ACCESS_TOKEN",
            "authorization",
            "key",
            "pwd",
            "credentials",
        ]);
        ("([a-z]{1,6}[_-])?", word).prop_map(|(before, word)| format!("{before}{word}"))
    }

    /// A text that holds the secret, in every form that TOML has for it.
    fn texts(secret: &str, around: &str) -> Vec<String> {
        let text = format!("{around}{secret}{around}");
        let basic = toml::Value::from(text.as_str()).to_string();
        let plain = secret;
        vec![
            format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
            format!("'{plain}'"),
            format!("\"\"\"\n{plain}\"\"\""),
            format!("'''\n{plain}\n{plain}'''"),
            format!("[{basic}, '{plain}']"),
            format!("[\n  {basic},\n  [\"{plain}\"],\n]"),
            format!("{{ inner = {basic}, more = {{ deep = '{plain}' }} }}"),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Under any name that is not known, and in any form: no text is printed.
        #[test]
        fn a_text_under_an_unknown_key_is_not_printed(
            key in prop_oneof![secret_name(), "[a-z]{2,9}x", "[A-Z]{2,4}[0-9]x"],
            secret in "zq[a-z0-9]{8,20}",
            around in "[ =:#'\"\\\\,é]{0,3}",
        ) {
            for value in texts(&secret, &around) {
                for text in [
                    format!("version = 1\n{key} = {value}\n"),
                    format!("version = 1\n\"{key}\" = {value} # a remark\n"),
                    format!("version = 1\n{key}.inner = {value}\n"),
                    format!("version = 1\n[{key}]\ninner = {value}\n"),
                    format!("{key} = {value}\n"),
                    format!("version = \"one\"\r\n{key} = {value}\r\n"),
                ] {
                    let printed = printed(&text, &[]);
                    prop_assert!(!printed.contains(&secret), "{text}\n{printed}");
                }
                let printed = printed("version = 1", &[(key.clone(), value.clone())]);
                prop_assert!(!printed.contains(&secret), "--set {key}={value}\n{printed}");
            }
            let printed = printed("version = 1", &[(key.clone(), secret.clone())]);
            prop_assert!(!printed.contains(&secret), "--set {key}={secret}\n{printed}");
        }

        /// Under a name that announces a secret no value is printed, a number neither, and not if the file is
        /// no TOML.
        #[test]
        fn no_value_under_a_secret_name_is_printed(key in secret_name(), secret in 100_000_000u32..) {
            for text in [
                format!("version = 1\n{key} = {secret}\n"),
                format!("version = 1\n{key} = [{secret}, 1]\n"),
                format!("version = 1\n{key} = zq{secret}\n"),
                format!("version = 1\n{key} = \"zq{secret}\n"),
            ] {
                let printed = printed(&text, &[]);
                prop_assert!(!printed.contains(&secret.to_string()), "{text}\n{printed}");
            }
        }
    }

    #[test]
    fn what_is_no_secret_is_shown() {
        let printed = printed("version = 1\npermts = 10\n", &[]);
        assert!(printed.contains("permts = 10"), "{printed}");
    }
}
