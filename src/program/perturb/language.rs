//! Which interpreter a command leads to, by its words and by the first lines of the script that it names.

use crate::schedule::Perturb;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// As much of a script as tells what runs it.
const BEGINNING: u64 = 512;

/// What a command is, as far as can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    /// It has an interpreter that can be made to pause.
    Known(Perturb),
    /// It is machine code.
    Compiled,
    /// Nothing tells.
    Unknown,
}

pub(super) fn language(words: &[String], path: Option<&OsStr>) -> Language {
    if let Some(known) = words.iter().find_map(|word| interpreter(word)) {
        return Language::Known(known);
    }
    // What a shell is told to do stands in one word.
    let inner = words.iter().flat_map(|word| word.split_whitespace());
    if let Some(known) = inner.filter(|_| begins_a_shell(words)).find_map(interpreter) {
        return Language::Known(known);
    }
    let launched = words.iter().find_map(|word| launcher(word));
    let beginning = words
        .iter()
        .find(|word| !passes_by(word))
        .and_then(|program| found(program, path))
        .and_then(|file| beginning(&file));
    match (beginning.as_deref().and_then(by_beginning), launched) {
        (Some(known), _) | (None, Some(known)) => Language::Known(known),
        (None, None) if beginning.is_some_and(|bytes| is_machine_code(&bytes)) && !begins_a_shell(words) => {
            Language::Compiled
        }
        (None, None) => Language::Unknown,
    }
}

/// The name of a program without its folder and version: `/usr/bin/python3.12` is `python`.
fn bare(word: &str) -> Option<String> {
    let name = Path::new(word).file_name()?.to_str()?.to_ascii_lowercase();
    Some(name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.').to_owned())
}

fn interpreter(word: &str) -> Option<Perturb> {
    let end = Path::new(word).extension().and_then(OsStr::to_str);
    match (bare(word)?.as_str(), end) {
        (
            "python" | "pypy" | "pytest" | "ipython" | "uvicorn" | "gunicorn" | "hypercorn" | "celery"
            | "flask" | "streamlit" | "litellm",
            _,
        )
        | (_, Some("py" | "pyz")) => Some(Perturb::Python),
        ("node" | "nodejs" | "tsx" | "ts-node" | "vitest" | "jest", _)
        | (_, Some("js" | "mjs" | "cjs" | "ts" | "mts" | "cts")) => Some(Perturb::Node),
        _ => None,
    }
}

/// What starts programs of one language, in most cases; its children inherit the environment.
fn launcher(word: &str) -> Option<Perturb> {
    match bare(word)?.as_str() {
        "uv" | "uvx" | "poetry" | "pipenv" | "pipx" | "pdm" | "hatch" | "rye" => Some(Perturb::Python),
        "npm" | "npx" | "pnpm" | "pnpx" | "yarn" | "corepack" => Some(Perturb::Node),
        _ => None,
    }
}

fn is_shell(word: &str) -> bool {
    bare(word).is_some_and(|name| ["sh", "bash", "dash", "zsh", "ksh"].contains(&name.as_str()))
}

fn begins_a_shell(words: &[String]) -> bool {
    words.iter().any(|word| is_shell(word))
}

/// Whether a word stands before the program proper: who starts it, and how.
fn passes_by(word: &str) -> bool {
    let starts = ["env", "nice", "nohup", "time", "timeout", "stdbuf", "make", "just", "run", "exec"];
    word.starts_with('-')
        || word.contains('=')
        || word.starts_with(|c: char| c.is_ascii_digit())
        || is_shell(word)
        || launcher(word).is_some()
        || bare(word).is_some_and(|name| starts.contains(&name.as_str()))
}

fn found(program: &str, path: Option<&OsStr>) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(PathBuf::from(program));
    }
    let folders = path.map(std::env::split_paths).into_iter().flatten();
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn beginning(file: &Path) -> Option<Vec<u8>> {
    // A pipe would be waited for.
    let file = File::open(file).ok().filter(|file| file.metadata().is_ok_and(|about| about.is_file()))?;
    let mut bytes = Vec::new();
    file.take(BEGINNING).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// By the first line, or by the second where the first only starts the shell that starts it, as pip writes it
/// if the path of its interpreter is long.
fn by_beginning(bytes: &[u8]) -> Option<Perturb> {
    let text = String::from_utf8_lossy(bytes);
    let first = text.strip_prefix("#!")?;
    let mut lines = first.lines().take(2);
    let words = |line: &str| {
        let parts = line.split(|c: char| c.is_whitespace() || c == '"' || c == '\'');
        parts.map(str::to_owned).collect::<Vec<_>>()
    };
    let first = words(lines.next()?).iter().find_map(|word| interpreter(word));
    let second = || {
        let words = words(lines.next()?);
        words.iter().any(|word| word == "exec").then(|| words.iter().find_map(|word| interpreter(word)))?
    };
    first.or_else(second)
}

/// ELF, and what macOS has.
fn is_machine_code(bytes: &[u8]) -> bool {
    [&b"\x7fELF"[..], b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe"].iter().any(|magic| bytes.starts_with(magic))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const PYTHON: Language = Language::Known(Perturb::Python);
    const NODE: Language = Language::Known(Perturb::Node);

    fn of(command: &str, path: &Path) -> Language {
        let words = command.split(' ').map(|word| word.replace('_', " ")).collect::<Vec<_>>();
        language(&words, Some(path.as_os_str()))
    }

    #[test]
    fn a_command_tells_what_runs_it() {
        let nowhere = Path::new("/nowhere");
        for command in [
            "python batch.py",
            "/usr/bin/python3.12 -m app",
            "uv run app.py",
            "pytest -q",
            "uvicorn app:app --port 4000",
            "gunicorn -w 4 app:app",
            "celery -A jobs worker",
            "poetry run batch",
            "pipenv run batch",
            "sh -c cd_x_&&_python_app.py",
        ] {
            assert_eq!(of(command, nowhere), PYTHON, "{command}");
        }
        for command in [
            "node app.js",
            "npx tsx app.ts",
            "./run app.mjs",
            "uv run node app",
            "pnpm start",
            "yarn start",
            "npm run batch",
            "vitest run",
            "jest --ci",
        ] {
            assert_eq!(of(command, nowhere), NODE, "{command}");
        }
        for command in ["./a.out --python", "make batch", "sh run.sh"] {
            assert_eq!(of(command, nowhere), Language::Unknown, "{command}");
        }
    }

    #[test]
    fn the_first_line_of_a_script_on_the_path_tells_it() {
        let folder = tempfile::tempdir().unwrap();
        let scripts = [
            ("batch", "#!/home/me/.venv/bin/python3\nimport sys\n", PYTHON),
            ("split", "#!/usr/bin/env -S node --no-warnings\n", NODE),
            ("long", "#!/bin/sh\n'''exec' \"/a very/long/python3.11\" \"$0\" \"$@\"\n", PYTHON),
            ("other", "#!/bin/sh\n./python-is-not-here\n", Language::Unknown),
            ("empty", "", Language::Unknown),
            ("machine", "\x7fELF...", Language::Compiled),
        ];
        for (name, text, wanted) in scripts {
            fs::write(folder.path().join(name), text).unwrap();
            assert_eq!(of(name, folder.path()), wanted, "{name}");
            assert_eq!(of(&format!("env A=b nice -n 5 {name} x"), folder.path()), wanted, "{name}");
        }
        assert_eq!(of("machine batch", folder.path()), Language::Compiled, "its arguments are no programs");
    }
}
