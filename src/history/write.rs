//! A compressed line file and the thread that writes it.

use super::HistoryError;
use super::lines::{EndLine, EndMark, FileKind};
use super::{Event, Meta};
use crate::clock::Clock;
use serde::Serialize;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Batches that may wait for the disk before senders wait too.
const BATCHES_MAX: usize = 64;
/// zstd's fastest ordinary level: about 10 times smaller, and faster than disks.
const LEVEL: i32 = 1;
/// Lines wait so long at the most until they are handed to the file, so that a killed run leaves all but
/// its last moments.
const FLUSH_AFTER: Duration = Duration::from_millis(500);

/// What the writing thread is told.
enum Message<T> {
    Batch(Vec<T>),
    End(Option<Meta>),
}

/// A way to hand lines to a file's writer, or to keep them in memory. Clones feed the same place.
#[derive(Debug)]
pub struct BatchSender<T = Event> {
    to: To<T>,
    failed: Arc<AtomicBool>,
}

/// Where lines go.
#[derive(Debug)]
enum To<T> {
    File(SyncSender<Message<T>>),
    Memory(Arc<Mutex<Vec<T>>>),
}

impl<T> Clone for BatchSender<T> {
    fn clone(&self) -> Self {
        let to = match &self.to {
            To::File(messages) => To::File(messages.clone()),
            To::Memory(kept) => To::Memory(Arc::clone(kept)),
        };
        Self { to, failed: Arc::clone(&self.failed) }
    }
}

impl<T> BatchSender<T> {
    /// A way to keep lines in memory, unbounded, and where they are kept.
    #[must_use]
    pub fn in_memory() -> (Self, Arc<Mutex<Vec<T>>>) {
        let kept = Arc::new(Mutex::new(Vec::new()));
        (Self { to: To::Memory(Arc::clone(&kept)), failed: Arc::default() }, kept)
    }

    /// Hands over a batch. Waits while the disk is far behind; nothing is dropped silently: a batch that
    /// comes after the file's end makes [`BatchSender::failed`] true and gives `false`.
    pub fn send(&self, batch: Vec<T>) -> bool {
        if batch.is_empty() {
            return true;
        }
        match &self.to {
            To::File(messages) => messages.send(Message::Batch(batch)).is_ok() || self.refused(),
            To::Memory(kept) => {
                kept.lock().unwrap_or_else(PoisonError::into_inner).extend(batch);
                true
            }
        }
    }

    /// Says that no more will come; whether anybody heard it.
    fn end(&self, meta: Option<Meta>) -> bool {
        match &self.to {
            To::File(messages) => messages.send(Message::End(meta)).is_ok(),
            To::Memory(_) => false,
        }
    }

    /// Notes that a line came too late; always `false`.
    pub(super) fn refused(&self) -> bool {
        self.failed.store(true, Ordering::Release);
        false
    }

    /// Whether the file can no longer be whole, such as on a full disk. A run should stop then.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }
}

impl<T> std::fmt::Debug for Message<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if matches!(self, Self::Batch(_)) { "Batch" } else { "End" })
    }
}

/// Where a file's bytes go: a disk, or a test's stand-in for one.
pub(super) trait Disk: Write + Send + 'static {
    /// Forces what was written to the medium.
    fn sync(&mut self) -> io::Result<()>;
}

impl Disk for std::fs::File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}

/// Looks at every batch on the writer's thread, before it is written.
pub type Watch<T = Event> = Box<dyn FnMut(&[T]) + Send>;

/// A line file being written by a thread of its own.
#[derive(Debug)]
pub(super) struct LineWriter<T> {
    sender: BatchSender<T>,
    thread: JoinHandle<Result<u64, HistoryError>>,
    path: PathBuf,
}

impl<T: Serialize + Send + 'static> LineWriter<T> {
    /// Starts the thread. `path` is for messages.
    pub(super) fn start(disk: impl Disk, path: PathBuf, kind: FileKind) -> Result<Self, HistoryError> {
        Self::watched(disk, path, kind, Box::new(|_| {}))
    }

    /// Starts the thread, and shows it what it writes.
    pub(super) fn watched(
        disk: impl Disk,
        path: PathBuf,
        kind: FileKind,
        mut watch: Watch<T>,
    ) -> Result<Self, HistoryError> {
        let (messages, inbox) = sync_channel(BATCHES_MAX);
        let failed = Arc::new(AtomicBool::new(false));
        let sender = BatchSender { to: To::File(messages), failed: Arc::clone(&failed) };
        let at = path.clone();
        let thread = std::thread::Builder::new()
            .name(format!("{} writer", kind.kind))
            .spawn(move || {
                let mut ended = false;
                let written = write_file(disk, kind, &inbox, &mut watch, &mut ended);
                if written.is_err() {
                    failed.store(true, Ordering::Release);
                }
                // Senders must neither wait for a reader that is gone nor mistake its end for theirs. The end
                // comes once: if the last write was what failed, nobody says it again.
                while written.is_err() && !ended {
                    ended = !matches!(inbox.recv(), Ok(Message::Batch(_)));
                }
                written.map_err(HistoryError::io("write", &at))
            })
            .map_err(HistoryError::io("start a thread to write", &path))?;
        Ok(Self { sender, thread, path })
    }

    pub(super) fn sender(&self) -> BatchSender<T> {
        self.sender.clone()
    }

    pub(super) fn failed(&self) -> bool {
        self.sender.failed()
    }

    /// Ends the file and waits until it is on the disk. Gives the number of lines.
    pub(super) fn finish(self, meta: Option<Meta>) -> Result<u64, HistoryError> {
        let told = self.sender.end(meta);
        match self.thread.join() {
            Ok(Ok(_)) if !told || self.sender.failed() => Err(HistoryError::WriterGone(self.path)),
            Ok(result) => result,
            Err(_) => Err(HistoryError::WriterGone(self.path)),
        }
    }
}

/// The thread's work: header, batches as they come, end mark.
fn write_file<T: Serialize>(
    disk: impl Disk,
    kind: FileKind,
    inbox: &Receiver<Message<T>>,
    watch: &mut Watch<T>,
    ended: &mut bool,
) -> io::Result<u64> {
    let mut encoder = zstd::Encoder::new(disk, LEVEL)?;
    encoder.include_checksum(true)?;
    encoder.write_all(kind.header_line().as_bytes())?;
    encoder.flush()?;
    let clock = Clock::start();
    let (mut lines, mut text) = (0, Vec::new());
    // When the oldest line came that the file does not have; `None` if it has all.
    let mut unflushed_since: Option<Duration> = None;
    let meta = loop {
        if unflushed_since.is_some_and(|since| clock.now() - since >= FLUSH_AFTER) {
            encoder.flush()?;
            unflushed_since = None;
        }
        match inbox.recv_timeout(FLUSH_AFTER) {
            Ok(Message::Batch(batch)) => {
                watch(&batch);
                for value in &batch {
                    serde_json::to_writer(&mut text, value)?;
                    text.push(b'\n');
                }
                lines += batch.len() as u64;
                encoder.write_all(&text)?;
                text.clear();
                unflushed_since = unflushed_since.or_else(|| Some(clock.now()));
            }
            Ok(Message::End(meta)) => {
                *ended = true;
                break meta;
            }
            // All senders gone without an end: the run broke off. What came is kept, without an end mark.
            Err(RecvTimeoutError::Disconnected) => {
                encoder.finish()?.sync()?;
                return Ok(lines);
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    };
    serde_json::to_writer(&mut text, &EndLine { end: EndMark { lines, meta } })?;
    text.push(b'\n');
    encoder.write_all(&text)?;
    encoder.finish()?.sync()?;
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::super::lines::HISTORY;
    use super::*;

    /// A disk with room for so many bytes.
    struct SmallDisk(usize);

    impl Write for SmallDisk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let n = bytes.len().min(self.0);
            self.0 -= n;
            if n == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(n) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Disk for SmallDisk {
        fn sync(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn noise(n: u64) -> Vec<u64> {
        (0..50u64).map(|i| (i + n).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(17)).collect()
    }

    #[test]
    fn a_full_disk_is_seen_during_the_run_and_never_blocks_it() {
        for room in [0, 1, 40, 5_000] {
            let writer = LineWriter::start(SmallDisk(room), "x".into(), HISTORY).unwrap();
            let sender = writer.sender();
            // Far more than the channel holds, so a writer that stopped reading would hang this test.
            for n in 0..4 * BATCHES_MAX as u64 {
                sender.send(noise(n));
            }
            while !sender.failed() {
                sender.send(noise(7));
            }
            assert!(writer.failed());
            let error = writer.finish(None).unwrap_err();
            assert!(matches!(error, HistoryError::Io { doing: "write", .. }), "{error}");
        }
    }

    #[test]
    fn what_comes_after_the_end_is_refused_aloud() {
        let writer = LineWriter::start(SmallDisk(usize::MAX), "x".into(), HISTORY).unwrap();
        let sender = writer.sender();
        assert!(sender.send(vec![1u64]));
        assert_eq!(writer.finish(None).unwrap(), 1);
        assert!(!sender.failed());
        assert!(!sender.send(vec![2u64]));
        assert!(sender.failed());
    }

    #[test]
    fn a_disk_that_is_full_at_the_very_end_ends_the_wait() {
        for room in 0..200 {
            let writer =
                LineWriter::<u64>::start(SmallDisk(room), PathBuf::from("h"), HISTORY).expect("a thread");
            let _other = writer.sender();
            writer.sender().send((0..20).collect());
            // With another sender alive, a writer that waits to be told of its end again would wait for ever.
            let _ = writer.finish(None);
        }
    }
}
