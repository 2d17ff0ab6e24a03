//! A file's text.

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

/// A TOML file that was read, whatever it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The file, for messages; `-` for standard input.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

/// The longest scenario that is read: 1 MiB.
pub const MAX_SOURCE_BYTES: u64 = 1 << 20;

/// Why a scenario's text could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// There is no such file.
    #[error("no file {}: check the path, or write one with `deadheat init`", .0.display())]
    Missing(PathBuf),
    /// It is a directory.
    #[error("{} is a directory: name the scenario file in it", .0.display())]
    Directory(PathBuf),
    /// It is not text.
    #[error("{} is not UTF-8 text: save the scenario as UTF-8", .0.display())]
    NotUtf8(PathBuf),
    /// It is longer than [`MAX_SOURCE_BYTES`].
    #[error("{} is longer than 1 MiB: that is no scenario", .0.display())]
    TooLong(PathBuf),
    /// Anything else.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Source {
    /// Reads a scenario from a file, or from standard input if `path` is `-`. A byte-order mark is left out.
    ///
    /// # Errors
    /// If there is no such file, or it is a directory, not UTF-8, or longer than [`MAX_SOURCE_BYTES`].
    pub fn read(path: &Path) -> Result<Self, SourceError> {
        if path == Path::new("-") {
            return Self::from_reader(path, std::io::stdin().lock());
        }
        if path.is_dir() {
            return Err(SourceError::Directory(path.to_owned()));
        }
        match std::fs::File::open(path) {
            Ok(file) => Self::from_reader(path, file),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(SourceError::Missing(path.to_owned())),
            Err(source) => Err(SourceError::Io { path: path.to_owned(), source }),
        }
    }

    fn from_reader(path: &Path, reader: impl Read) -> Result<Self, SourceError> {
        let mut bytes = Vec::new();
        reader
            .take(MAX_SOURCE_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(|source| SourceError::Io { path: path.to_owned(), source })?;
        if bytes.len() as u64 > MAX_SOURCE_BYTES {
            return Err(SourceError::TooLong(path.to_owned()));
        }
        let text = String::from_utf8(bytes).map_err(|_| SourceError::NotUtf8(path.to_owned()))?;
        let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
        Ok(Self { path: path.to_owned(), text })
    }
}
