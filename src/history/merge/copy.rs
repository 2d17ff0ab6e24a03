//! A file that lines are copied into.

use super::super::lines::FileKind;
use super::super::write::LineWriter;
use super::super::{Event, HistoryError, Meta, RunDir};
use serde_json::Value;
use serde_json::value::RawValue;
use std::fs::File;
use std::path::PathBuf;

/// Lines that are handed to the writer at once.
const BATCH: usize = 1024;

pub(super) struct Copy {
    lines: LineWriter<Box<RawValue>>,
    batch: Vec<Box<RawValue>>,
    path: PathBuf,
}

impl Copy {
    pub(super) fn start(into: &RunDir, kind: FileKind) -> Result<Self, HistoryError> {
        let path = into.path().join(kind.name);
        let file = File::create(&path).map_err(HistoryError::io("create", &path))?;
        Ok(Self { lines: LineWriter::start(file, path.clone(), kind)?, batch: Vec::new(), path })
    }

    /// A line whose moments all come so much later; as it is, if they do not.
    pub(super) fn shifted(&mut self, line: &[u8], offset_ns: u64) -> Result<(), String> {
        if offset_ns == 0 {
            let text = std::str::from_utf8(line).map_err(|error| error.to_string())?;
            return self.text(text.trim_end().to_owned());
        }
        let mut value: Value = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        shift(&mut value, offset_ns)?;
        self.text(value.to_string())
    }

    pub(super) fn event(&mut self, event: &Event) -> Result<(), HistoryError> {
        let text = serde_json::to_string(event).map_err(|error| error.to_string());
        text.and_then(|text| self.text(text))
            .map_err(|why| HistoryError::io("write", &self.path)(std::io::Error::other(why)))
    }

    fn text(&mut self, text: String) -> Result<(), String> {
        self.batch.push(RawValue::from_string(text).map_err(|error| error.to_string())?);
        if self.batch.len() >= BATCH {
            self.lines.sender().send(std::mem::take(&mut self.batch));
        }
        Ok(())
    }

    pub(super) fn finish(mut self, meta: Option<Meta>) -> Result<u64, HistoryError> {
        self.lines.sender().send(std::mem::take(&mut self.batch));
        self.lines.finish(meta)
    }
}

/// Every number of a row that ends in `_ns` is a moment: lengths of time stand in the cells' last words alone.
fn shift(value: &mut Value, offset_ns: u64) -> Result<(), String> {
    let Value::Object(fields) = value else { return Ok(()) };
    for (name, field) in fields {
        match field.as_u64().filter(|_| name.ends_with("_ns")) {
            Some(at) => {
                let later = at.checked_add(offset_ns).ok_or_else(|| format!("{name} is out of range"))?;
                *field = later.into();
            }
            None => shift(field, offset_ns)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn moments_come_later_and_nothing_else_changes() {
        let mut line = json!({ "attempt": { "due_ns": 5, "sent_ns": null, "n": 7, "gaps_us": [1, 2] } });
        shift(&mut line, 10).expect("in range");
        assert_eq!(line, json!({ "attempt": { "due_ns": 15, "sent_ns": null, "n": 7, "gaps_us": [1, 2] } }));
        assert!(shift(&mut json!({ "ended_ns": u64::MAX }), 1).is_err());
    }
}
