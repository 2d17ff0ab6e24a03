//! Reads a line file in blocks of whole lines, decompressing on a thread of its own.

use super::HistoryError;
use super::lines::{END_PREFIX, EndLine, EndMark, FileKind, Header, VERSION};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Bytes of text that are handed over at once.
const BLOCK: usize = 256 << 10;
/// Blocks that may wait to be parsed.
const BLOCKS_MAX: usize = 4;
/// No line comes near this; a longer one is damage, and must not fill the memory.
const LINE_MAX: usize = 64 << 20;
/// Bytes of a header line, at the most.
const HEADER_MAX: u64 = 4096;

/// What the decompressing thread hands over.
enum Block {
    /// Whole lines, each with its line feed.
    Lines(Vec<u8>),
    /// The file ended inside a line or a frame; what came before is good.
    Cut,
    /// The file cannot be read or decompressed any further.
    Damaged(io::Error),
}

/// How a line file ended.
#[derive(Debug)]
pub(super) struct LineFileEnd {
    /// The end mark; `None` if the file was cut.
    pub(super) mark: Option<EndMark>,
    /// Whole lines after the header.
    pub(super) lines: u64,
}

/// Gives every line after the header to `take`, which says what is wrong with a line it cannot take. The
/// header must name `run`.
///
/// A file that was cut, even inside its header, is no error: it gives the lines before the cut and an
/// [`LineFileEnd`] without mark.
pub(super) fn for_each_line(
    path: &Path,
    kind: FileKind,
    run: &str,
    take: &mut dyn FnMut(&[u8]) -> Result<(), String>,
) -> Result<LineFileEnd, HistoryError> {
    let text = open(path).map_err(HistoryError::io("read", path))?;
    let (sender, blocks) = sync_channel(BLOCKS_MAX);
    std::thread::scope(|scope| {
        scope.spawn(move || read_blocks(text, &sender));
        Lines { path, kind, run, number: 0, mark: None, take }.read(blocks)
    })
}

/// The text of a line file, which is compressed if its name says so.
fn open(path: &Path) -> io::Result<Box<dyn Read + Send>> {
    let file = File::open(path)?;
    if path.extension().is_some_and(|end| end == "zst") {
        return Ok(Box::new(zstd::Decoder::new(file)?));
    }
    Ok(Box::new(file))
}

/// The run that wrote a line file, if it is one and its header can be read.
pub(super) fn run_of(path: &Path) -> Option<String> {
    let mut line = Vec::new();
    BufReader::new(open(path).ok()?.take(HEADER_MAX)).read_until(b'\n', &mut line).ok()?;
    serde_json::from_slice::<Header>(&line).ok()?.run
}

/// Cuts a text into blocks that end with a line feed.
fn read_blocks(mut text: impl Read, blocks: &SyncSender<Block>) {
    let mut tail = Vec::new();
    loop {
        let mut block = Vec::with_capacity(BLOCK + tail.len());
        block.append(&mut tail);
        let read = fill(&mut text, &mut block);
        let whole = block.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        tail.extend_from_slice(&block[whole..]);
        block.truncate(whole);
        if !block.is_empty() && blocks.send(Block::Lines(block)).is_err() {
            return;
        }
        let last = match read {
            Ok(true) if tail.len() <= LINE_MAX => continue,
            Ok(true) => Block::Damaged(io::Error::other("a line is longer than 64 MiB")),
            Ok(false) => Block::Cut,
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Block::Cut,
            Err(e) => Block::Damaged(e),
        };
        // The end of a whole file is a cut too, but it follows the end mark. A receiver that is gone has
        // failed.
        let _gone = blocks.send(last);
        return;
    }
}

/// Reads up to a block's length; `false` at the end of the text. Keeps what came before an error.
fn fill(text: &mut impl Read, block: &mut Vec<u8>) -> io::Result<bool> {
    let mut room = text.by_ref().take(BLOCK as u64);
    // `read_to_end` keeps in the vector what it read before an error.
    Ok(room.read_to_end(block)? > 0)
}

/// The parsing side.
struct Lines<'a> {
    path: &'a Path,
    kind: FileKind,
    /// The run that must have written it.
    run: &'a str,
    /// Lines seen, header included: the number of the current line.
    number: u64,
    mark: Option<EndMark>,
    take: &'a mut dyn FnMut(&[u8]) -> Result<(), String>,
}

impl Lines<'_> {
    fn read(mut self, blocks: Receiver<Block>) -> Result<LineFileEnd, HistoryError> {
        for block in blocks {
            match block {
                Block::Lines(text) => self.block(&text)?,
                Block::Cut => break,
                Block::Damaged(why) => return Err(self.wrong(self.number + 1, why.to_string())),
            }
        }
        let extra = 1 + u64::from(self.mark.is_some());
        let lines = self.number.saturating_sub(extra);
        if let Some(mark) = self.mark.as_ref().filter(|mark| mark.lines != lines) {
            let why = format!("the end mark counts {} lines, but there are {lines}", mark.lines);
            return Err(self.wrong(self.number, why));
        }
        Ok(LineFileEnd { mark: self.mark, lines })
    }

    fn block(&mut self, text: &[u8]) -> Result<(), HistoryError> {
        let mut rest = text;
        while !rest.is_empty() {
            let all = rest;
            // The standard library's fastest search for a byte.
            let length = rest.skip_until(b'\n').unwrap_or(all.len());
            let line = all[..length].strip_suffix(b"\n").unwrap_or(&all[..length]);
            self.number += 1;
            self.line(line)?;
        }
        Ok(())
    }

    fn line(&mut self, line: &[u8]) -> Result<(), HistoryError> {
        if self.number == 1 {
            return check_header(self.path, self.kind, self.run, line);
        }
        if self.mark.is_some() {
            return Err(self.wrong(self.number, "there is a line after the end mark".to_owned()));
        }
        if line.starts_with(END_PREFIX) {
            let end: EndLine =
                serde_json::from_slice(line).map_err(|e| self.wrong(self.number, e.to_string()))?;
            self.mark = Some(end.end);
            return Ok(());
        }
        (self.take)(line).map_err(|why| self.wrong(self.number, why))
    }

    fn wrong(&self, line: u64, why: String) -> HistoryError {
        HistoryError::Line { path: self.path.to_owned(), line, why }
    }
}

/// Checks a file's first line.
fn check_header(path: &Path, kind: FileKind, run: &str, line: &[u8]) -> Result<(), HistoryError> {
    let wrong = |why: String| HistoryError::Header { path: path.to_owned(), expected: kind.kind, why };
    let header: Header = serde_json::from_slice(line).map_err(|e| wrong(e.to_string()))?;
    if header.file != kind.kind {
        return Err(wrong(format!("it is a \"{}\" file", header.file.escape_debug())));
    }
    if header.version != u64::from(VERSION) {
        return Err(HistoryError::Version { path: path.to_owned(), found: header.version, known: VERSION });
    }
    let found = header.run.ok_or_else(|| wrong("its header names no run".to_owned()))?;
    if found != run {
        return Err(HistoryError::OtherRun { path: path.to_owned(), found, run: run.to_owned() });
    }
    Ok(())
}
