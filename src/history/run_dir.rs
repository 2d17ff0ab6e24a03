//! The directory of one run: written beside its final place, then renamed into it whole.

use super::claim::Claim as PlaceClaim;
use super::lines::{CLAIMS, HISTORY, LEDGER};
use super::{Claim, HistoryError, HistoryWriter, LedgerWriter, Watch};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Leftovers of crashed runs of one name, and runs of one second, that may stand beside each other.
const SIBLINGS_MAX: u32 = 1000;

/// The folder in which parts of a run are kept as they are, as long as some of them are missing.
pub const PARTS: &str = "parts";

/// A run's directory while it is written: a hidden sibling `.NAME.partial` of its final place.
///
/// [`RunDir::finish`] renames it into place. Dropped without that, it stays where it is: evidence is
/// never deleted, and `.NAME.partial` can be judged like any other run. One that nothing was written to is removed,
/// with the folder above it if that was made for it.
#[derive(Debug)]
pub struct RunDir {
    partial: PathBuf,
    place: PathBuf,
    /// The folder above, if it was not there before.
    made: Option<PathBuf>,
    /// Keeps other runs away from the place until this one has ended.
    claim: Option<PlaceClaim>,
}

impl Drop for RunDir {
    fn drop(&mut self) {
        // The parent can be removed only once the claim's file has gone.
        self.claim = None;
        // Neither call removes a folder that holds anything.
        if fs::remove_dir(&self.partial).is_ok()
            && let Some(made) = &self.made
        {
            let _ = fs::remove_dir(made);
        }
    }
}

impl RunDir {
    /// Begins `parent/<name>-<utc>-<seed>`; `name` is reduced to letters, digits and hyphens. A run of the
    /// same second, ended or not, makes it `…-2`, and so on.
    ///
    /// # Errors
    /// [`HistoryError::Occupied`] if a thousand such places are taken, [`HistoryError::Io`] if it cannot
    /// be made.
    pub fn create(parent: &Path, name: &str, started_utc_s: u64, seed: u64) -> Result<Self, HistoryError> {
        let base = format!("{}-{}-{seed}", slug(name), compact_utc(started_utc_s));
        let made = make_parent(parent)?;
        for n in 1..=SIBLINGS_MAX {
            let name = if n == 1 { base.clone() } else { format!("{base}-{n}") };
            let (place, partial) = (parent.join(&name), parent.join(format!(".{name}.partial")));
            // The partial directory is the claim on the name: whoever makes it has the name to itself.
            if place.exists() || !claim(&partial)? {
                continue;
            }
            if place.exists() {
                // Another run of this second was renamed into its place in between.
                fs::remove_dir(&partial).map_err(HistoryError::io("remove", &partial))?;
                continue;
            }
            return Ok(Self { partial, place, made, claim: None });
        }
        Err(HistoryError::Occupied(parent.join(base)))
    }

    /// Begins a run that will stand at `place`, and makes the directories above it. Until it ends, no other run can be
    /// begun there.
    ///
    /// # Errors
    /// [`HistoryError::Occupied`] if `place` holds anything, [`HistoryError::Link`] if it is a symbolic link,
    /// [`HistoryError::Busy`] if another run is being written to it, [`HistoryError::NoName`] if it has no last part,
    /// [`HistoryError::Io`] if it cannot be made.
    pub fn create_at(place: &Path) -> Result<Self, HistoryError> {
        let name = place.file_name().ok_or_else(|| HistoryError::NoName(place.to_owned()))?;
        refuse_occupied(place)?;
        let parent = parent_of(place);
        let made = make_parent(parent)?;
        let name = name.to_string_lossy();
        let claimed = PlaceClaim::on(place, parent.join(format!(".{name}.lock")))?;
        // A run that ended in between has left its result.
        refuse_occupied(place)?;
        for n in 1..=SIBLINGS_MAX {
            let partial = partial(place, &name, n);
            if claim(&partial)? {
                return Ok(Self { partial, place: place.to_owned(), made, claim: Some(claimed) });
            }
        }
        Err(HistoryError::Occupied(parent.join(format!(".{name}.partial"))))
    }

    /// What a run that was to stand at `place` left when it was broken off: the newest such directory.
    #[must_use]
    pub fn left_over(place: &Path) -> Option<PathBuf> {
        let name = place.file_name()?.to_string_lossy();
        (1..=SIBLINGS_MAX).map(|n| partial(place, &name, n)).take_while(|path| path.is_dir()).last()
    }

    /// Where the files stand while the run is written.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.partial
    }

    /// Where the run will stand.
    #[must_use]
    pub fn final_path(&self) -> &Path {
        &self.place
    }

    /// Writes a small file of this name, in place of an earlier one.
    ///
    /// # Errors
    /// [`HistoryError::Io`].
    pub fn write(&self, file: &str, text: &str) -> Result<(), HistoryError> {
        let path = self.partial.join(file);
        fs::write(&path, text).map_err(HistoryError::io("write", &path))
    }

    /// Keeps a copy of a part's files, in a folder of this number.
    ///
    /// # Errors
    /// [`HistoryError::Io`].
    pub fn keep_part(&self, number: usize, part: &Path) -> Result<(), HistoryError> {
        let folder = self.partial.join(PARTS).join(format!("{number:04}"));
        fs::create_dir_all(&folder).map_err(HistoryError::io("create", &folder))?;
        for entry in fs::read_dir(part).map_err(HistoryError::io("read", part))? {
            let from = entry.map_err(HistoryError::io("read", part))?.path();
            let Some(name) = from.file_name().filter(|_| from.is_file()) else { continue };
            fs::copy(&from, folder.join(name)).map_err(HistoryError::io("copy", &from))?;
        }
        Ok(())
    }

    /// The runs that `dir` holds: those in its [`PARTS`] in the order of their numbers, or itself.
    ///
    /// # Errors
    /// [`HistoryError::Io`].
    pub fn parts_of(dir: &Path) -> Result<Vec<PathBuf>, HistoryError> {
        let folder = dir.join(PARTS);
        if !folder.is_dir() {
            return Ok(vec![dir.to_owned()]);
        }
        let entries = fs::read_dir(&folder).map_err(HistoryError::io("read", &folder))?;
        let parts: io::Result<Vec<PathBuf>> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
        let mut parts = parts.map_err(HistoryError::io("read", &folder))?;
        parts.sort();
        Ok(parts)
    }

    /// Writes `claims.jsonl`.
    ///
    /// # Errors
    /// [`HistoryError::Io`].
    pub fn write_claims(&self, claims: &[Claim]) -> Result<(), HistoryError> {
        let mut text = CLAIMS.header_line();
        for claim in claims {
            let line = serde_json::to_string(claim).map_err(io::Error::from);
            text.push_str(&line.map_err(HistoryError::io("write", &self.partial.join(CLAIMS.name)))?);
            text.push('\n');
        }
        self.write(CLAIMS.name, &text)
    }

    /// Begins `history.jsonl.zst`.
    ///
    /// # Errors
    /// [`HistoryError::Io`].
    pub fn history_writer(&self) -> Result<HistoryWriter, HistoryError> {
        self.watched_history_writer(Box::new(|_| {}))
    }

    /// Begins `history.jsonl.zst`, and shows `watch` every batch of events on the writer's own thread: a display can
    /// follow a run without touching what makes its load.
    ///
    /// # Errors
    /// [`HistoryError::Io`].
    pub fn watched_history_writer(&self, watch: Watch) -> Result<HistoryWriter, HistoryError> {
        let path = self.partial.join(HISTORY.name);
        let file = File::create(&path).map_err(HistoryError::io("create", &path))?;
        HistoryWriter::start(file, path, watch)
    }

    /// Begins `ledger.jsonl.zst`. A run without a ledger writes an empty one, so that a lost one shows.
    ///
    /// # Errors
    /// [`HistoryError::Io`].
    pub fn ledger_writer(&self) -> Result<LedgerWriter, HistoryError> {
        let path = self.partial.join(LEDGER.name);
        let file = File::create(&path).map_err(HistoryError::io("create", &path))?;
        LedgerWriter::start(file, path)
    }

    /// Forces every file to the disk, then renames the directory into place. Finish the writers first.
    ///
    /// # Errors
    /// [`HistoryError::Occupied`] if the place was taken meanwhile, [`HistoryError::Io`]; the files
    /// stay at [`RunDir::path`].
    pub fn finish(self) -> Result<PathBuf, HistoryError> {
        sync_all(&self.partial)?;
        refuse_occupied(&self.place)?;
        if self.place.exists() {
            fs::remove_dir(&self.place).map_err(HistoryError::io("replace", &self.place))?;
        }
        fs::rename(&self.partial, &self.place).map_err(HistoryError::io("rename the run to", &self.place))?;
        sync_directory(parent_of(&self.place))?;
        Ok(self.place.clone())
    }
}

/// Makes the directories down to `parent`; gives it if it was not there.
fn make_parent(parent: &Path) -> Result<Option<PathBuf>, HistoryError> {
    let made = (!parent.exists()).then(|| parent.to_owned());
    fs::create_dir_all(parent).map_err(HistoryError::io("create", parent))?;
    Ok(made)
}

/// Makes the directory; `false` if it is there already.
fn claim(partial: &Path) -> Result<bool, HistoryError> {
    match fs::create_dir(partial) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(HistoryError::io("create", partial)(e)),
    }
}

/// The `n`th hidden directory in which a run for `place` may be written.
fn partial(place: &Path, name: &str, n: u32) -> PathBuf {
    let suffix = if n == 1 { String::new() } else { format!("-{n}") };
    parent_of(place).join(format!(".{name}.partial{suffix}"))
}

/// The directory that holds `place`; the current one for a bare name.
fn parent_of(place: &Path) -> &Path {
    place.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn refuse_occupied(place: &Path) -> Result<(), HistoryError> {
    if fs::symlink_metadata(place).is_ok_and(|found| found.is_symlink()) {
        return Err(HistoryError::Link(place.to_owned()));
    }
    match fs::read_dir(place).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(HistoryError::Occupied(place.to_owned())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::NotADirectory => match fs::symlink_metadata(place) {
            Ok(_) => Err(HistoryError::Occupied(place.to_owned())),
            // A file stands above it; making the directories will name that.
            Err(_) => Ok(()),
        },
        Err(e) => Err(HistoryError::io("look at", place)(e)),
    }
}

/// A directory and all that is in it.
fn sync_all(directory: &Path) -> Result<(), HistoryError> {
    for entry in fs::read_dir(directory).map_err(HistoryError::io("read", directory))? {
        let path = entry.map_err(HistoryError::io("read", directory))?.path();
        if path.is_dir() { sync_all(&path)? } else { sync(&path)? }
    }
    sync_directory(directory)
}

fn sync(path: &Path) -> Result<(), HistoryError> {
    // Windows can only flush a handle that may write.
    let file = File::options().read(true).write(path.is_file()).open(path);
    file.and_then(|f| f.sync_all()).map_err(HistoryError::io("flush", path))
}

/// A rename survives a power cut only if the directories do; other systems have no such call.
fn sync_directory(path: &Path) -> Result<(), HistoryError> {
    if cfg!(unix) { sync(path) } else { Ok(()) }
}

/// Letters, digits and single hyphens; `run` if nothing is left.
fn slug(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty());
    let slug = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    let short: String = slug.chars().take(60).collect();
    if short.is_empty() { "run".to_owned() } else { short }
}

/// `20261122T232837Z`, by the proleptic Gregorian calendar. Good for any `u64` of seconds.
fn compact_utc(utc_s: u64) -> String {
    let (days, second) = (utc_s / 86_400, utc_s % 86_400);
    // Counted from 1 March of year 0, leap days fall at the end of a year and of a 400-year cycle.
    let shifted = days + 719_468;
    let (cycle, day_of_cycle) = (shifted / 146_097, shifted % 146_097);
    let leap_days = day_of_cycle / 1_460 + day_of_cycle / 146_096 - day_of_cycle / 36_524;
    let year_of_cycle = (day_of_cycle - leap_days) / 365;
    let day_of_year = day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = cycle * 400 + year_of_cycle + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_as_directories() {
        assert_eq!(slug("three ways to call an API"), "three-ways-to-call-an-api");
        assert_eq!(slug("../../etc/passwd"), "etc-passwd");
        assert_eq!(slug("***"), "run");
        assert!(slug(&"x".repeat(1000)).len() <= 60);
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(compact_utc(0), "19700101T000000Z");
        assert_eq!(compact_utc(951_782_400), "20000229T000000Z");
        assert_eq!(compact_utc(1_709_251_199), "20240229T235959Z");
        assert_eq!(compact_utc(1_735_689_599), "20241231T235959Z");
        assert_eq!(compact_utc(4_107_542_400), "21000301T000000Z");
    }
}
