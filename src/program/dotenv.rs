//! What a program's `.env` would add to its environment. Loaders leave alone what is set, so what has to be
//! replaced is replaced before they come.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The names that loaders look for.
const NAMES: [&str; 6] = [
    ".env",
    ".env.local",
    ".env.development",
    ".env.development.local",
    ".env.production",
    ".env.production.local",
];
/// Whatever is longer is none.
const MOST_BYTES: u64 = 1 << 20;

/// Variables in the files of `place`, of the folders in which files among the `words` of a command lie, and
/// of the folders above them: loaders search upwards.
pub(super) fn found(place: &Path, words: &[String]) -> Vec<(String, String)> {
    let files = words.iter().map(|word| place.join(word)).filter(|path| path.is_file());
    let mut starts = vec![place.to_owned()];
    starts.extend(files.filter_map(|path| path.canonicalize().ok()?.parent().map(Path::to_owned)));
    let folders: BTreeSet<&Path> = starts.iter().flat_map(|start| start.ancestors()).collect();
    let mut all = Vec::new();
    for path in folders.iter().flat_map(|folder| NAMES.map(|name| folder.join(name))) {
        if fs::metadata(&path).is_ok_and(|file| file.is_file() && file.len() <= MOST_BYTES) {
            let text = fs::read(&path).unwrap_or_default();
            all.extend(String::from_utf8_lossy(&text).lines().filter_map(variable));
        }
    }
    all
}

/// `NAME=value`, `export NAME="value"`; anything else is passed over, as loaders do. Only what a value is
/// like counts: it is not passed on.
fn variable(line: &str) -> Option<(String, String)> {
    let line = line.trim_start_matches('\u{feff}').trim();
    let (name, value) = line.strip_prefix("export ").unwrap_or(line).split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    let fits = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let quoted =
        ['"', '\'', '`'].into_iter().find_map(|quote| value.strip_prefix(quote)?.split(quote).next());
    let value = quoted.unwrap_or_else(|| value.split(" #").next().unwrap_or("").trim_end());
    fits.then(|| (name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_loaders_would_find_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let (app, place) = (folder.path().join("app/src"), folder.path().join("elsewhere"));
        fs::create_dir_all(&app).unwrap();
        fs::create_dir_all(&place).unwrap();
        fs::write(app.join("main.py"), "").unwrap();
        let text = "# A=1\nexport B = \"b b\" # c\nC='c#c'\nnonsense\nD=d#d # e\n=f\nG H=i\n";
        fs::write(folder.path().join("app/.env"), text).unwrap();
        fs::write(place.join(".env.local"), "E=e\n").unwrap();
        let main = app.join("main.py").display().to_string();
        let all = found(&place, &["python3".to_owned(), main]);
        let expected = [("B", "b b"), ("C", "c#c"), ("D", "d#d"), ("E", "e")];
        for (name, value) in expected {
            let of: Vec<_> = all.iter().filter(|(known, _)| known == name).collect();
            assert!(of.iter().any(|(_, found)| found == value), "{name}: {all:?}");
        }
        assert!(all.iter().all(|(name, _)| !["A", "G H", ""].contains(&&**name)), "{all:?}");
    }
}
