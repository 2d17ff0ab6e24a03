//! Moves the moments of a record on the time line. Every field is named, so that a new one has to be decided
//! about.

use super::super::{Attempt, Event, Job, LedgerEntry};

impl Event {
    /// The same event so much later. The end of a cell has no place on the time line.
    pub(super) fn shifted(mut self, offset_ns: u64) -> Result<Self, String> {
        match &mut self {
            Self::Attempt(attempt) => shift(attempt_moments(attempt), offset_ns)?,
            Self::Job(job) => shift(job_moments(job), offset_ns)?,
            Self::CellEnd(_) => {}
        }
        Ok(self)
    }
}

impl LedgerEntry {
    /// The same entry so much later.
    pub(super) fn shifted(mut self, offset_ns: u64) -> Result<Self, String> {
        shift(ledger_moments(&mut self), offset_ns)?;
        Ok(self)
    }
}

fn shift<const N: usize>(moments: [Option<&mut u64>; N], offset_ns: u64) -> Result<(), String> {
    for moment in moments.into_iter().flatten() {
        *moment = moment.checked_add(offset_ns).ok_or("a moment is out of range")?;
    }
    Ok(())
}

fn attempt_moments(attempt: &mut Attempt) -> [Option<&mut u64>; 5] {
    let Attempt {
        due_ns,
        sent_ns,
        first_byte_ns,
        first_content_ns,
        done_ns,
        job: _,
        n: _,
        gaps_us: _,
        status: _,
        outcome: _,
        error: _,
        message: _,
        id: _,
        prompt_tokens: _,
        completion_tokens: _,
        text_hash: _,
        retry_after_ms: _,
        warmup: _,
    } = attempt;
    [Some(due_ns), sent_ns.as_mut(), first_byte_ns.as_mut(), first_content_ns.as_mut(), Some(done_ns)]
}

fn job_moments(job: &mut Job) -> [Option<&mut u64>; 3] {
    let Job {
        due_ns,
        begun_ns,
        done_ns,
        job: _,
        outcome: _,
        end: _,
        attempts: _,
        deliveries: _,
        id: _,
        text_hash: _,
        warmup: _,
    } = job;
    [Some(due_ns), Some(begun_ns), Some(done_ns)]
}

fn ledger_moments(entry: &mut LedgerEntry) -> [Option<&mut u64>; 4] {
    let LedgerEntry {
        arrived_ns,
        first_byte_ns,
        first_content_ns,
        ended_ns,
        target: _,
        seq: _,
        job: _,
        attempt: _,
        request_id: _,
        nonce: _,
        gaps_us: _,
        status: _,
        end: _,
        fault: _,
        permanent: _,
        retry_after_ms: _,
        prompt_tokens: _,
        delivered_tokens: _,
        billed_prompt_tokens: _,
        billed_completion_tokens: _,
        text_hash: _,
        body_hash: _,
        idempotency_key: _,
        sdk_retry: _,
        lock: _,
        lock_token: _,
        fenced: _,
        replayed: _,
    } = entry;
    [Some(arrived_ns), first_byte_ns.as_mut(), first_content_ns.as_mut(), Some(ended_ns)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// The fields of a record that differ between two lines.
    fn changed(before: &Value, after: &Value) -> Vec<String> {
        let fields = before.as_object().expect("a record");
        let changed = fields.iter().filter(|(name, value)| after[name.as_str()] != **value);
        changed.map(|(name, _)| name.clone()).collect()
    }

    fn event(line: &Value) -> Event {
        serde_json::from_value(line.clone()).expect("an event")
    }

    #[test]
    fn moments_come_later_and_nothing_else_changes() {
        let attempt = json!({ "attempt": {
            "job": "job:0001", "n": 7, "due_ns": 5, "sent_ns": 6, "first_byte_ns": 7, "first_content_ns": 8,
            "done_ns": 9, "gaps_us": [1, 2], "status": 200, "outcome": "ok", "prompt_tokens": 3,
            "retry_after_ms": 4 } });
        let later = serde_json::to_value(event(&attempt).shifted(10).expect("in range")).expect("JSON");
        let moments = ["due_ns", "sent_ns", "first_byte_ns", "first_content_ns", "done_ns"];
        assert_eq!(changed(&attempt["attempt"], &later["attempt"]), moments);
        assert_eq!((&later["attempt"]["due_ns"], &later["attempt"]["done_ns"]), (&json!(15), &json!(19)));

        let lengths = json!({ "cell-end": { "cell": 0, "planned": 1, "issued": 1, "not_issued": {},
            "elapsed_ns": 5, "cpu_busiest_ppm": 1, "cpu_ns": 2, "stuck_since_ns": 3 } });
        let same = serde_json::to_value(event(&lengths).shifted(10).expect("in range")).expect("JSON");
        assert_eq!(same, lengths);

        let job = json!({ "job": { "job": "job:0001", "due_ns": 1, "begun_ns": 2, "done_ns": u64::MAX,
            "outcome": "ok", "end": "answered", "attempts": 1 } });
        assert!(event(&job).shifted(1).is_err(), "a moment past the end of time");
    }
}
