//! The writers of the two large files of a run.

use super::lines::{HISTORY, LEDGER};
use super::write::{Backlog, Disk, LineFile, LineWriter, Watch};
use super::{BatchSender, Event, HistoryError, LedgerEntry, Meta};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Batches of events that may wait for the disk before the engine's threads wait too.
const HISTORY_BATCHES_MAX: usize = 64;
/// Batches of entries that may wait for the disk before the run fails: 262,144 entries, some 180 MB.
const LEDGER_BATCHES_MAX: usize = 1024;
/// Ledger entries that are handed to the writer at once.
const LEDGER_BATCH: usize = 256;
/// Once the oldest waiting entry is so much older than the newest, they are handed over, however few.
const LEDGER_BATCH_NS: u64 = 500_000_000;

/// Writes `history.jsonl.zst` on a thread of its own.
///
/// The file is one zstd stream of JSON Lines: a header line, one [`Event`] a line, and an end mark with
/// the number of lines and the run's [`Meta`], by which a reader sees that nothing was cut off.
#[derive(Debug)]
pub struct HistoryWriter(LineWriter<Event>);

impl HistoryWriter {
    pub(super) fn start(
        disk: impl Disk,
        path: PathBuf,
        run: &str,
        watch: Watch,
    ) -> Result<Self, HistoryError> {
        let (run, batches_max) = (run.to_owned(), HISTORY_BATCHES_MAX);
        LineWriter::start(disk, LineFile { kind: HISTORY, path, run, batches_max, watch }).map(Self)
    }

    /// A way to hand events to the file, for each engine thread its own.
    #[must_use]
    pub fn sender(&self) -> BatchSender {
        self.0.sender()
    }

    /// Whether writing has failed. A run should stop then: what it measures cannot be kept.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.0.failed()
    }

    /// Ends the file with `meta`, waits until it is on the disk, and gives the number of events. Call it
    /// when every sender has sent its last: later batches are refused.
    ///
    /// # Errors
    /// The first error of writing, whenever it happened.
    pub fn finish(self, meta: &Meta) -> Result<u64, HistoryError> {
        self.0.finish(Some(meta.clone()), None)
    }

    /// The same for a merged run, whose backlog is that of its parts.
    pub(super) fn finish_merged(self, meta: &Meta, backlog: Backlog) -> Result<u64, HistoryError> {
        self.0.finish(Some(meta.clone()), Some(backlog))
    }
}

/// Writes `ledger.jsonl.zst` on a thread of its own; the file is laid out as the history is.
#[derive(Debug)]
pub struct LedgerWriter {
    lines: LineWriter<LedgerEntry>,
    waiting: Waiting,
}

/// Entries on their way to the writer; `None` once the file has ended.
type Waiting = Arc<Mutex<Option<Vec<LedgerEntry>>>>;

/// A way to hand entries to the ledger's file. Clones feed the same file.
#[derive(Debug, Clone)]
pub struct LedgerSender {
    batches: BatchSender<LedgerEntry>,
    waiting: Waiting,
}

impl LedgerSender {
    /// Hands over one entry without waiting: the provider answers many clients on one thread. An entry that
    /// comes after the file's end, or finds no room because the disk is far behind, gives `false` and fails
    /// the writer.
    pub fn send(&self, entry: LedgerEntry) -> bool {
        self.hand_over(entry, BatchSender::offer)
    }

    /// Hands over one entry, and waits while the disk is far behind: for a source without a clock of its own.
    pub fn send_waiting(&self, entry: LedgerEntry) -> bool {
        self.hand_over(entry, BatchSender::send)
    }

    fn hand_over(
        &self,
        entry: LedgerEntry,
        send: fn(&BatchSender<LedgerEntry>, Vec<LedgerEntry>) -> bool,
    ) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(batch) = waiting.as_mut() else { return self.batches.refused() };
        let oldest_ns = batch.first().map_or(entry.ended_ns, |first| first.ended_ns);
        let old = entry.ended_ns.saturating_sub(oldest_ns) >= LEDGER_BATCH_NS;
        batch.push(entry);
        if batch.len() < LEDGER_BATCH && !old {
            return true;
        }
        // Sent under the lock: outside it, a batch could come after the end of the file.
        send(&self.batches, std::mem::replace(batch, Vec::with_capacity(LEDGER_BATCH)))
    }

    /// Whether writing has failed. A run should stop then.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.batches.failed()
    }
}

impl LedgerWriter {
    pub(super) fn start(disk: impl Disk, path: PathBuf, run: &str) -> Result<Self, HistoryError> {
        let waiting = Arc::new(Mutex::new(Some(Vec::with_capacity(LEDGER_BATCH))));
        let (run, batches_max, watch) = (run.to_owned(), LEDGER_BATCHES_MAX, Box::new(|_: &[_]| {}));
        let file = LineFile { kind: LEDGER, path, run, batches_max, watch };
        Ok(Self { lines: LineWriter::start(disk, file)?, waiting })
    }

    /// A way to hand entries to the file.
    #[must_use]
    pub fn sender(&self) -> LedgerSender {
        LedgerSender { batches: self.lines.sender(), waiting: Arc::clone(&self.waiting) }
    }

    /// Whether writing has failed.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.lines.failed()
    }

    /// Ends the file, waits until it is on the disk, and gives the number of entries.
    ///
    /// # Errors
    /// The first error of writing, whenever it happened.
    pub fn finish(self) -> Result<u64, HistoryError> {
        self.finish_with(None)
    }

    /// The same for a merged run, whose backlog is that of its parts.
    pub(super) fn finish_merged(self, backlog: Backlog) -> Result<u64, HistoryError> {
        self.finish_with(Some(backlog))
    }

    fn finish_with(self, backlog: Option<Backlog>) -> Result<u64, HistoryError> {
        let rest = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.lines.sender().send(rest.unwrap_or_default());
        self.lines.finish(None, backlog)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{self, Read, Write};
    use std::sync::Condvar;

    /// A disk that takes nothing until it is opened.
    #[derive(Debug, Clone, Default)]
    struct ClosedDisk {
        open: Arc<(Mutex<bool>, Condvar)>,
        bytes: Arc<Mutex<Vec<u8>>>,
    }

    impl ClosedDisk {
        fn open(&self) {
            *self.open.0.lock().expect("held by no panic") = true;
            self.open.1.notify_all();
        }

        /// The last line of what was written.
        fn last_line(&self) -> serde_json::Value {
            let (bytes, mut text) = (self.bytes.lock().expect("held by no panic"), String::new());
            let mut decoder = zstd::Decoder::new(&bytes[..]).expect("a decoder");
            decoder.read_to_string(&mut text).expect("a whole file");
            serde_json::from_str(text.lines().last().expect("a line")).expect("JSON")
        }
    }

    impl Write for ClosedDisk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let open = self.open.0.lock().expect("held by no panic");
            drop(self.open.1.wait_while(open, |open| !*open).expect("held by no panic"));
            self.bytes.lock().expect("held by no panic").extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Disk for ClosedDisk {
        fn sync(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn entry() -> LedgerEntry {
        let line = serde_json::json!({
            "target": "mock", "seq": 1, "job": "job:0000", "attempt": 1, "request_id": "x", "arrived_ns": 0,
            "ended_ns": 1, "end": "whole", "prompt_tokens": 1, "delivered_tokens": 1,
                "billed_prompt_tokens": 1,
            "billed_completion_tokens": 1, "body_hash": "0000000000000000" });
        serde_json::from_value(line).expect("an entry")
    }

    fn ledger(disk: &ClosedDisk) -> LedgerWriter {
        LedgerWriter::start(disk.clone(), "ledger".into(), "r").expect("a thread")
    }

    /// A provider that waited here would hang this test: the disk is opened only after the last entry.
    #[test]
    fn a_provider_never_waits_for_the_disk_and_the_file_says_how_far_that_was_behind() {
        let disk = ClosedDisk::default();
        let (writer, batches) = (ledger(&disk), 3 * HISTORY_BATCHES_MAX);
        let (sender, entry) = (writer.sender(), entry());
        assert!((0..batches * LEDGER_BATCH).all(|_| sender.send(entry.clone())));
        assert!(!writer.failed());
        disk.open();
        assert_eq!(writer.finish().expect("a whole file"), (batches * LEDGER_BATCH) as u64);
        let end = &disk.last_line()["end-of-file"];
        assert_eq!(end["backlog"]["batches_max"], batches);
        assert!(end["backlog"]["longest_ns"].as_u64().is_some_and(|longest_ns| longest_ns > 0), "{end}");
    }

    #[test]
    fn a_disk_that_is_too_far_behind_fails_the_run_instead_of_filling_the_memory() {
        let disk = ClosedDisk::default();
        let writer = ledger(&disk);
        let (sender, entry) = (writer.sender(), entry());
        // One batch more than the queue holds is with the writer already, at the most.
        let offered = (LEDGER_BATCHES_MAX + 2) * LEDGER_BATCH;
        let taken = (0..offered).filter(|_| sender.send(entry.clone())).count();
        assert!(taken < offered && writer.failed());
        disk.open();
        let error = writer.finish().expect_err("a lost entry");
        assert!(matches!(error, HistoryError::Behind { .. }), "{error}");
        assert!(error.to_string().contains("the disk is too slow"), "{error}");
    }
}
