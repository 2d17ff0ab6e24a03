//! A compressed line file and the thread that writes it.

use super::HistoryError;
use super::lines::{EndLine, EndMark, FileKind};
use super::{Event, Meta};
use crate::clock::Clock;
use serde::{Deserialize, Serialize};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// zstd's fastest ordinary level: about 10 times smaller, and faster than disks.
const LEVEL: i32 = 1;
/// The longest that lines wait until they are handed to the file, so that a killed run leaves all but its
/// last moments.
const FLUSH_AFTER: Duration = Duration::from_millis(500);

/// How far a file's writer fell behind its senders.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backlog {
    /// Most batches that waited at once.
    pub batches_max: u64,
    /// The longest time from the handing over of a batch until it was written.
    pub longest_ns: u64,
}

impl Backlog {
    /// The worse of two, figure by figure.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            batches_max: self.batches_max.max(other.batches_max),
            longest_ns: self.longest_ns.max(other.longest_ns),
        }
    }
}

/// A message to the writing thread.
enum Message<T> {
    /// Lines, and when they were handed over.
    Batch(Vec<T>, Duration),
    /// The end of the file. A backlog that is given stands in place of the writer's own.
    End(Option<Meta>, Option<Backlog>),
}

/// What a writer and its senders share.
#[derive(Debug, Default)]
struct Queue {
    failed: AtomicBool,
    /// Whether a batch found no room.
    overrun: AtomicBool,
    waiting: AtomicUsize,
    waiting_max: AtomicUsize,
}

/// A way to hand lines to a file's writer, or to keep them in memory. Clones feed the same place.
#[derive(Debug)]
pub struct BatchSender<T = Event> {
    to: To<T>,
    queue: Arc<Queue>,
}

/// Where lines go.
#[derive(Debug)]
enum To<T> {
    File(SyncSender<Message<T>>, Clock),
    Memory(Arc<Mutex<Vec<T>>>),
}

impl<T> Clone for BatchSender<T> {
    fn clone(&self) -> Self {
        let to = match &self.to {
            To::File(messages, clock) => To::File(messages.clone(), *clock),
            To::Memory(kept) => To::Memory(Arc::clone(kept)),
        };
        Self { to, queue: Arc::clone(&self.queue) }
    }
}

impl<T> BatchSender<T> {
    /// A way to keep lines in memory, unbounded, and where they are kept.
    #[must_use]
    pub fn in_memory() -> (Self, Arc<Mutex<Vec<T>>>) {
        let kept = Arc::new(Mutex::new(Vec::new()));
        (Self { to: To::Memory(Arc::clone(&kept)), queue: Arc::default() }, kept)
    }

    /// Hands over a batch, and waits while the disk is far behind. A batch that comes after the file's end
    /// makes [`BatchSender::failed`] true and gives `false`.
    pub fn send(&self, batch: Vec<T>) -> bool {
        self.hand_over(batch, |messages, message| messages.send(message).is_ok())
    }

    /// Hands over a batch without waiting. One that finds no room, or comes after the file's end, makes
    /// [`BatchSender::failed`] true and gives `false`.
    pub(super) fn offer(&self, batch: Vec<T>) -> bool {
        self.hand_over(batch, |messages, message| match messages.try_send(message) {
            Ok(()) => true,
            Err(TrySendError::Disconnected(_)) => false,
            Err(TrySendError::Full(_)) => {
                self.queue.overrun.store(true, Ordering::Release);
                false
            }
        })
    }

    fn hand_over(
        &self,
        batch: Vec<T>,
        to_file: impl FnOnce(&SyncSender<Message<T>>, Message<T>) -> bool,
    ) -> bool {
        if batch.is_empty() {
            return true;
        }
        match &self.to {
            To::File(messages, clock) => {
                let waiting = self.queue.waiting.fetch_add(1, Ordering::AcqRel) + 1;
                self.queue.waiting_max.fetch_max(waiting, Ordering::AcqRel);
                to_file(messages, Message::Batch(batch, clock.now())) || self.refused()
            }
            To::Memory(kept) => {
                kept.lock().unwrap_or_else(PoisonError::into_inner).extend(batch);
                true
            }
        }
    }

    /// Ends the file; `false` if its writer is gone.
    fn end(&self, meta: Option<Meta>, backlog: Option<Backlog>) -> bool {
        match &self.to {
            To::File(messages, _) => messages.send(Message::End(meta, backlog)).is_ok(),
            To::Memory(_) => false,
        }
    }

    /// Notes that a line could not be taken; always `false`.
    pub(super) fn refused(&self) -> bool {
        self.queue.failed.store(true, Ordering::Release);
        false
    }

    /// Whether the file can no longer be whole, such as on a full disk. A run should stop then.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.queue.failed.load(Ordering::Acquire)
    }
}

impl<T> std::fmt::Debug for Message<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if matches!(self, Self::Batch(..)) { "Batch" } else { "End" })
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

/// What a line file is, where it is, and what its writer does besides.
pub(super) struct LineFile<T> {
    pub(super) kind: FileKind,
    /// For messages.
    pub(super) path: PathBuf,
    /// The run's identity.
    pub(super) run: String,
    /// Batches that may wait for the disk.
    pub(super) batches_max: usize,
    pub(super) watch: Watch<T>,
}

/// A line file being written by a thread of its own.
#[derive(Debug)]
pub(super) struct LineWriter<T> {
    sender: BatchSender<T>,
    thread: JoinHandle<Result<u64, HistoryError>>,
    path: PathBuf,
    batches_max: usize,
}

impl<T: Serialize + Send + 'static> LineWriter<T> {
    /// Starts the thread.
    pub(super) fn start(disk: impl Disk, mut file: LineFile<T>) -> Result<Self, HistoryError> {
        let (path, batches_max) = (file.path.clone(), file.batches_max);
        let (messages, inbox) = sync_channel(batches_max);
        let (queue, clock) = (Arc::new(Queue::default()), Clock::start());
        let sender = BatchSender { to: To::File(messages, clock), queue: Arc::clone(&queue) };
        let thread = std::thread::Builder::new()
            .name(format!("{} writer", file.kind.kind))
            .spawn(move || {
                let mut ended = false;
                let written = write_file(disk, &mut file, &inbox, clock, &queue, &mut ended);
                if written.is_err() {
                    queue.failed.store(true, Ordering::Release);
                }
                // Senders that wait must be released. The end comes once: if the last write was what failed,
                // it has come already.
                while written.is_err() && !ended {
                    ended = !matches!(inbox.recv(), Ok(Message::Batch(..)));
                }
                written.map_err(HistoryError::io("write", &file.path))
            })
            .map_err(HistoryError::io("start a thread to write", &path))?;
        Ok(Self { sender, thread, path, batches_max })
    }

    pub(super) fn sender(&self) -> BatchSender<T> {
        self.sender.clone()
    }

    pub(super) fn failed(&self) -> bool {
        self.sender.failed()
    }

    /// Ends the file and waits until it is on the disk. Gives the number of lines.
    pub(super) fn finish(self, meta: Option<Meta>, backlog: Option<Backlog>) -> Result<u64, HistoryError> {
        let told = self.sender.end(meta, backlog);
        let overrun = self.sender.queue.overrun.load(Ordering::Acquire);
        match self.thread.join() {
            Ok(Ok(_)) if overrun => Err(HistoryError::Behind { path: self.path, waiting: self.batches_max }),
            Ok(Ok(_)) if !told || self.sender.failed() => Err(HistoryError::WriterGone(self.path)),
            Ok(result) => result,
            Err(_) => Err(HistoryError::WriterGone(self.path)),
        }
    }
}

/// The thread's work: header, batches as they come, end mark.
fn write_file<T: Serialize>(
    disk: impl Disk,
    file: &mut LineFile<T>,
    inbox: &Receiver<Message<T>>,
    clock: Clock,
    queue: &Queue,
    ended: &mut bool,
) -> io::Result<u64> {
    let mut encoder = zstd::Encoder::new(disk, LEVEL)?;
    encoder.include_checksum(true)?;
    encoder.write_all(file.kind.header_line(&file.run).as_bytes())?;
    encoder.flush()?;
    let (mut lines, mut text, mut longest) = (0, Vec::new(), Duration::ZERO);
    // When the oldest line came that the file does not have; `None` if it has all.
    let mut unflushed_since: Option<Duration> = None;
    let (meta, backlog) = loop {
        if unflushed_since.is_some_and(|since| clock.now() - since >= FLUSH_AFTER) {
            encoder.flush()?;
            unflushed_since = None;
        }
        match inbox.recv_timeout(FLUSH_AFTER) {
            Ok(Message::Batch(batch, handed_over)) => {
                (file.watch)(&batch);
                for value in &batch {
                    serde_json::to_writer(&mut text, value)?;
                    text.push(b'\n');
                }
                lines += batch.len() as u64;
                encoder.write_all(&text)?;
                text.clear();
                queue.waiting.fetch_sub(1, Ordering::AcqRel);
                let now = clock.now();
                longest = longest.max(now.saturating_sub(handed_over));
                unflushed_since = unflushed_since.or(Some(now));
            }
            Ok(Message::End(meta, backlog)) => {
                *ended = true;
                break (meta, backlog);
            }
            // All senders are gone without an end: the run was killed. Its lines are kept, without an end
            // mark.
            Err(RecvTimeoutError::Disconnected) => {
                encoder.finish()?.sync()?;
                return Ok(lines);
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    };
    let own = Backlog {
        batches_max: queue.waiting_max.load(Ordering::Acquire) as u64,
        longest_ns: crate::clock::ns(longest),
    };
    let end = EndMark { lines, meta, backlog: Some(backlog.unwrap_or(own)) };
    serde_json::to_writer(&mut text, &EndLine { end })?;
    text.push(b'\n');
    encoder.write_all(&text)?;
    encoder.finish()?.sync()?;
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::super::lines::HISTORY;
    use super::*;

    const ROOM: usize = 64;

    fn file() -> LineFile<u64> {
        let run = "r".to_owned();
        LineFile { kind: HISTORY, path: "x".into(), run, batches_max: ROOM, watch: Box::new(|_| {}) }
    }

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
    fn a_full_disk_fails_the_writer_and_blocks_no_sender() {
        for room in [0, 1, 40, 5_000] {
            let writer = LineWriter::start(SmallDisk(room), file()).unwrap();
            let sender = writer.sender();
            // Far more than the channel holds, so a writer that stopped reading would hang this test.
            for n in 0..4 * ROOM as u64 {
                sender.send(noise(n));
            }
            while !sender.failed() {
                sender.send(noise(7));
            }
            assert!(writer.failed());
            let error = writer.finish(None, None).unwrap_err();
            assert!(matches!(error, HistoryError::Io { doing: "write", .. }), "{error}");
        }
    }

    #[test]
    fn a_batch_after_the_end_is_refused_and_fails_the_writer() {
        let writer = LineWriter::start(SmallDisk(usize::MAX), file()).unwrap();
        let sender = writer.sender();
        assert!(sender.send(vec![1u64]));
        assert_eq!(writer.finish(None, None).unwrap(), 1);
        assert!(!sender.failed());
        assert!(!sender.send(vec![2u64]));
        assert!(sender.failed());
    }

    #[test]
    fn a_disk_that_is_full_at_the_end_mark_ends_the_wait() {
        for room in 0..200 {
            let writer = LineWriter::start(SmallDisk(room), file()).expect("a thread");
            let _other = writer.sender();
            writer.sender().send((0..20).collect());
            // Another sender is alive: a writer that waited for a second end would never return.
            let _ = writer.finish(None, None);
        }
    }
}
