//! Seeded pauses inside a program that is not changed for it: a script is laid where its interpreter looks
//! for one.

mod language;

use crate::schedule::Perturb;
use language::{Language, language};
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::PathBuf;

/// Chains to the `sitecustomize` that would have been there without it.
const PYTHON: &str = include_str!("perturb/sitecustomize.py");
const NODE: &str = include_str!("perturb/node.cjs");

/// The scripts of one run, laid out in a folder of their own.
#[derive(Debug)]
pub(super) struct Perturbation {
    folder: PathBuf,
    kind: Perturb,
    seed: u64,
    /// Whether several processes run: then even one thread alone has another process to let pass.
    several: bool,
}

/// What came of it in one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// No interpreter found the script.
    Missed,
    /// One did, and had nothing to pause.
    Idle,
    /// The program was made to pause.
    Paused,
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

    /// What came of it.
    pub(super) fn effect(&self) -> Effect {
        let has = |name: &str| self.folder.join(name).exists();
        match (has("loaded"), has("paused")) {
            (_, true) => Effect::Paused,
            (true, false) => Effect::Idle,
            (false, false) => Effect::Missed,
        }
    }
}

/// What fits a command, by its words and by the script that they name; `None` if neither does.
#[must_use]
pub fn perturb_for(words: &[String]) -> Option<Perturb> {
    match language(words, env::var_os("PATH").as_deref()) {
        Language::Known(known) => Some(known),
        Language::Compiled | Language::Unknown => None,
    }
}

/// What a report says of a command whose interpreter is not recognised, and that was therefore never made to
/// pause.
pub(super) fn perturb_unknown(words: &[String]) -> Option<String> {
    let unknown = language(words, env::var_os("PATH").as_deref()) == Language::Unknown;
    unknown.then(|| {
        "what the program does between two requests: nothing tells which language it is in, so its own \
         steps were \
         never made to change places (if it is in one of these, say --perturb python or --perturb node)"
            .to_owned()
    })
}

/// What a report says of runs whose own steps were to change places, and did not: of `asked` runs, `missed`
/// never loaded the script, and in `idle` others nothing paused.
pub(super) fn perturb_in_vain(asked: u64, missed: u64, idle: u64) -> Vec<String> {
    let mut notes = Vec::new();
    if missed > 0 {
        notes.push(format!(
            "what --perturb does: in {missed} of {asked} runs the program's interpreter never loaded it \
             (flags like \
             -I, -E and -S, a cleared environment, or another language)"
        ));
    }
    if idle > 0 {
        notes.push(format!(
            "what --perturb does: in {idle} of {asked} runs it found nothing to pause (one Python thread \
             alone, code that is installed in site-packages, or a Node program without events)"
        ));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

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
