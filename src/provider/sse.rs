//! Server-sent events: bytes pushed in as they arrive, events handed out as soon as they are whole.
//!
//! The grammar is WHATWG's: lines end in LF, CRLF or CR; one leading BOM is skipped; a line is a comment
//! (`:`) or `field[:[ ]value]`; a blank line dispatches what `data` lines have gathered, joined by LF.
//! Only `event` and `data` mean anything here, and an event without data is never dispatched. U+2028
//! and U+0085 end no line. Text is decoded per complete event, so a character split over two
//! reads is never broken; what is no UTF-8 becomes U+FFFD.

use std::borrow::Cow;

/// The longest line, and the most data of one event, that [`Decoder::new`] accepts, in bytes.
pub const MAX_EVENT_BYTES: usize = 1 << 20;

const BOM: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// One dispatched event. Borrows from the bytes pushed when the event lies whole in them.
#[derive(Debug, PartialEq, Eq)]
pub struct SseEvent<'a> {
    /// The `event` field; empty if there was none.
    pub name: Cow<'a, str>,
    /// The `data` fields, joined by LF; never empty.
    pub data: Cow<'a, str>,
}

/// A line or an event beyond the decoder's limit: nothing after it can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event is longer than {limit} bytes")]
pub struct TooLong {
    /// The limit in bytes.
    pub limit: usize,
}

/// A push parser for one stream.
#[derive(Debug)]
pub struct Decoder {
    /// The beginning of a line whose end has not arrived.
    line: Vec<u8>,
    /// The data gathered so far, unless it still lies in the bytes being pushed.
    data: Vec<u8>,
    has_data: bool,
    name: Vec<u8>,
    /// A field was seen since the last dispatch.
    open: bool,
    /// The last byte was a CR, so an LF now is the second half of its line end.
    after_cr: bool,
    /// How many bytes of a BOM were seen at the start; `BOM.len()` once that is decided.
    bom: usize,
    limit: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new(MAX_EVENT_BYTES)
    }
}

impl Decoder {
    /// A decoder that refuses lines, and data of one event, longer than `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            line: Vec::new(),
            data: Vec::new(),
            has_data: false,
            name: Vec::new(),
            open: false,
            after_cr: false,
            bom: 0,
            limit,
        }
    }

    /// Takes the next bytes of the stream and hands every event that they complete to `on_event`.
    ///
    /// # Errors
    /// If a line or an event is too long. Events before it have been handed out.
    pub fn push(&mut self, bytes: &[u8], mut on_event: impl FnMut(SseEvent<'_>)) -> Result<(), TooLong> {
        let mut rest = self.skip_bom(bytes);
        // Data of the event in progress that needs no copy, because it lies in `bytes`.
        let mut borrowed: Option<&[u8]> = None;
        while let Some((&first, after)) = rest.split_first() {
            if std::mem::take(&mut self.after_cr) && first == b'\n' {
                rest = after;
                continue;
            }
            let Some(end) = rest.iter().position(|b| matches!(b, b'\n' | b'\r')) else { break };
            let (line, tail) = rest.split_at(end);
            self.after_cr = tail[0] == b'\r';
            rest = &tail[1..];
            if self.line.is_empty() {
                self.check(line.len())?;
                self.field(line, Some(line), &mut borrowed, &mut on_event)?;
            } else {
                self.check(self.line.len() + line.len())?;
                let mut whole = std::mem::take(&mut self.line);
                whole.extend_from_slice(line);
                self.field(&whole, None, &mut borrowed, &mut on_event)?;
                whole.clear();
                self.line = whole;
            }
        }
        self.check(self.line.len() + rest.len())?;
        self.line.extend_from_slice(rest);
        if let Some(data) = borrowed {
            self.data.extend_from_slice(data);
        }
        Ok(())
    }

    /// Whether the stream, if it ended here, would end inside a line or an event.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.open || !self.line.is_empty() || (1..BOM.len()).contains(&self.bom)
    }

    fn check(&self, bytes: usize) -> Result<(), TooLong> {
        if bytes > self.limit { Err(TooLong { limit: self.limit }) } else { Ok(()) }
    }

    /// Swallows a BOM at the start, which may come in pieces; what proves to be none is given back.
    fn skip_bom<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let mut rest = bytes;
        while self.bom < BOM.len() {
            match rest.split_first() {
                None => break,
                Some((&byte, tail)) if byte == BOM[self.bom] => {
                    self.bom += 1;
                    rest = tail;
                }
                Some(_) => {
                    self.line.extend_from_slice(&BOM[..self.bom]);
                    self.bom = BOM.len();
                }
            }
        }
        rest
    }

    /// Takes one complete line; `in_place` is the same line if it lies in the bytes being pushed.
    fn field<'a>(
        &mut self,
        line: &[u8],
        in_place: Option<&'a [u8]>,
        borrowed: &mut Option<&'a [u8]>,
        on_event: &mut impl FnMut(SseEvent<'_>),
    ) -> Result<(), TooLong> {
        let Some(&first) = line.first() else {
            self.dispatch(borrowed.take(), on_event);
            return Ok(());
        };
        if first == b':' {
            return Ok(());
        }
        self.open = true;
        let colon = line.iter().position(|b| *b == b':').unwrap_or(line.len());
        let space = usize::from(line.get(colon + 1) == Some(&b' '));
        let start = (colon + 1 + space).min(line.len());
        match &line[..colon] {
            b"data" => self.gather(&line[start..], in_place.map(|l| &l[start..]), borrowed),
            b"event" => {
                self.name.clear();
                self.name.extend_from_slice(&line[start..]);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Adds one `data` value.
    fn gather<'a>(
        &mut self,
        value: &[u8],
        in_place: Option<&'a [u8]>,
        borrowed: &mut Option<&'a [u8]>,
    ) -> Result<(), TooLong> {
        if !std::mem::replace(&mut self.has_data, true) {
            match in_place {
                Some(value) => *borrowed = Some(value),
                None => self.data.extend_from_slice(value),
            }
            return Ok(());
        }
        if let Some(first) = borrowed.take() {
            self.data.extend_from_slice(first);
        }
        self.check(self.data.len() + 1 + value.len())?;
        self.data.push(b'\n');
        self.data.extend_from_slice(value);
        Ok(())
    }

    fn dispatch(&mut self, borrowed: Option<&[u8]>, on_event: &mut impl FnMut(SseEvent<'_>)) {
        let data = borrowed.unwrap_or(&self.data);
        if !data.is_empty() {
            on_event(SseEvent { name: text(&self.name), data: text(data) });
        }
        self.data.clear();
        self.name.clear();
        self.has_data = false;
        self.open = false;
    }
}

/// As `String::from_utf8_lossy`, but what is good text, as nearly all is, is only checked, at many bytes at
/// once.
pub(super) fn text(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}
