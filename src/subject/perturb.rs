//! Seeded pauses inside a program that is not changed for it: a script is laid where its interpreter looks for one.

use crate::schedule::Perturb;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Chains to the `sitecustomize` that would have been there without it.
const PYTHON: &str = include_str!("perturb/sitecustomize.py");
const NODE: &str = include_str!("perturb/node.cjs");

/// The scripts of one run, laid out in a folder of their own.
#[derive(Debug)]
pub(super) struct Perturbation {
    folder: PathBuf,
    kind: Perturb,
    seed: u64,
    /// Whether several processes run: then even one thread alone has somebody to let pass.
    several: bool,
}

impl Perturbation {
    /// Lays the script out in `folder`, which is made.
    pub(super) fn lay(folder: PathBuf, kind: Perturb, seed: u64, several: bool) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        let (name, text) = match kind {
            Perturb::Python => ("sitecustomize.py", PYTHON),
            Perturb::Node => ("node.cjs", NODE),
        };
        fs::write(folder.join(name), text)?;
        Ok(Self { folder, kind, seed, several })
    }

    /// Puts it into a program's environment, before what stands there already.
    pub(super) fn add(&self, environment: &mut Vec<(OsString, OsString)>) {
        let mut set = |name: &str, before: &OsStr, between: &str| {
            let mut value = before.to_owned();
            let known = environment.iter().position(|(known, _)| known == name);
            if let Some((_, old)) = known.map(|at| environment.swap_remove(at)).filter(|(_, v)| !v.is_empty())
            {
                value.push(between);
                value.push(old);
            }
            environment.push((name.into(), value));
        };
        match self.kind {
            Perturb::Python => set("PYTHONPATH", self.folder.as_os_str(), ":"),
            Perturb::Node => {
                // The value is split at blanks, but for those in quotes.
                let path = self.folder.join("node.cjs");
                let option = format!("--require \"{}\"", path.display());
                set("NODE_OPTIONS", option.as_ref(), " ");
            }
        }
        let mut put = |name: &str, value: String| environment.push((name.into(), value.into()));
        put("DEADHEAT_PERTURB_SEED", self.seed.to_string());
        if self.several {
            put("DEADHEAT_PERTURB_ALONE", "no".to_owned());
        }
    }

    /// Whether an interpreter has found the script.
    pub(super) fn loaded(&self) -> bool {
        self.folder.join("loaded").exists()
    }
}

/// What fits a command, by the words of it; `None` is neither.
#[must_use]
pub fn perturb_for(words: &[String]) -> Option<Perturb> {
    words.iter().find_map(|word| {
        let path = Path::new(word);
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        let end = path.extension().and_then(OsStr::to_str);
        let bare = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
        match (bare, end) {
            ("python" | "pypy" | "pytest" | "ipython", _) | (_, Some("py" | "pyz")) => Some(Perturb::Python),
            ("node" | "npx" | "npm" | "tsx" | "ts-node", _) | (_, Some("js" | "mjs" | "cjs" | "ts")) => {
                Some(Perturb::Node)
            }
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_tells_what_runs_it() {
        let of = |command: &str| perturb_for(&command.split(' ').map(str::to_owned).collect::<Vec<_>>());
        for command in ["python batch.py", "/usr/bin/python3.12 -m app", "uv run app.py", "pytest -q"] {
            assert_eq!(of(command), Some(Perturb::Python), "{command}");
        }
        for command in ["node app.js", "npx tsx app.ts", "./run app.mjs"] {
            assert_eq!(of(command), Some(Perturb::Node), "{command}");
        }
        assert_eq!(of("./a.out --python"), None);
    }

    #[test]
    fn what_stands_in_the_environment_stays_there() {
        let folder = tempfile::tempdir().unwrap();
        let at = |kind| Perturbation::lay(folder.path().join("a b"), kind, 7, false).unwrap();
        let mut environment =
            vec![("PYTHONPATH".into(), "/mine".into()), ("NODE_OPTIONS".into(), "-x".into())];
        at(Perturb::Python).add(&mut environment);
        at(Perturb::Node).add(&mut environment);
        let value = |name: &str| {
            let found = environment.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.to_string_lossy().into_owned()).unwrap_or_default()
        };
        assert!(value("PYTHONPATH").ends_with("a b:/mine"), "{}", value("PYTHONPATH"));
        assert!(value("NODE_OPTIONS").ends_with("node.cjs\" -x"), "{}", value("NODE_OPTIONS"));
        assert_eq!(value("DEADHEAT_PERTURB_SEED"), "7");
    }
}
