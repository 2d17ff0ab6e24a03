//! Prices of others, from a local file.

use crate::prices::{Format, Imported, import};
use jiff::civil::Date;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Whose JSON it is.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum Whose {
    /// `data.json` of genai-prices
    GenaiPrices,
    /// `model_prices_and_context_window.json` of LiteLLM
    Litellm,
    /// `api.json` of models.dev
    ModelsDev,
    /// `/api/v1/models` of OpenRouter
    Openrouter,
}

/// `litellm=model_prices.json`.
pub(super) fn whose(text: &str) -> Result<(Whose, PathBuf), String> {
    use clap::ValueEnum;
    let help = "write litellm=FILE, genai-prices=FILE, models-dev=FILE or openrouter=FILE";
    let (name, file) = text.split_once('=').ok_or_else(|| help.to_owned())?;
    let whose = Whose::from_str(name, false).map_err(|_| help.to_owned())?;
    Ok((whose, PathBuf::from(file)))
}

pub(super) fn read(whose: Whose, file: &std::path::Path, fetched: Date) -> Result<Imported, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let (format, set) = match whose {
        Whose::GenaiPrices => (Format::GenaiPrices, "genai-prices"),
        Whose::Litellm => (Format::Litellm, "litellm"),
        Whose::ModelsDev => (Format::ModelsDev, "models.dev"),
        Whose::Openrouter => (Format::Openrouter, "openrouter"),
    };
    import(format, &text, set, fetched).map_err(|error| format!("{}: {error}", file.display()))
}

/// How many rows were read, kept and dropped, and the reasons, most first.
pub(super) fn told(imported: &Imported) -> String {
    let cards = imported.book.cards().len();
    let kept = imported.read - imported.dropped.len();
    let mut text = format!(
        "{} rows read, {kept} kept as {cards} cards ({} of them in part), {} dropped\n",
        imported.read,
        imported.partly.len(),
        imported.dropped.len()
    );
    for (title, rows) in [("dropped", &imported.dropped), ("in part", &imported.partly)] {
        let mut reasons: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
        for row in rows {
            reasons.entry(&row.why).or_insert((0, &row.name)).0 += 1;
        }
        let mut reasons: Vec<_> = reasons.into_iter().collect();
        reasons.sort_by(|a, b| b.1.0.cmp(&a.1.0).then(a.0.cmp(b.0)));
        for (why, (many, example)) in reasons {
            text.push_str(&format!("  {title}: {many} × {why}, such as {example}\n"));
        }
    }
    crate::units::shown::plain_lines(&text)
}

/// The same for programs.
pub(super) fn json(imported: &Imported) -> serde_json::Value {
    let rows = |rows: &[crate::prices::Dropped]| -> Vec<serde_json::Value> {
        rows.iter().map(|row| serde_json::json!({ "name": row.name, "why": row.why })).collect()
    };
    serde_json::json!({
        "read": imported.read,
        "kept": imported.read - imported.dropped.len(),
        "cards": imported.book.cards().len(),
        "dropped": rows(&imported.dropped),
        "partly": rows(&imported.partly),
    })
}
