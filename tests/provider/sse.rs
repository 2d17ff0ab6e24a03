//! The event-stream codec: what it yields never depends on how bytes were cut or lines were ended.

use deadheat::provider::sse::{Decoder, TooLong};
use proptest::prelude::*;

type Pair = (String, String);

/// Decodes pieces pushed one after the other.
fn decode<'a>(
    limit: usize,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Pair>, Result<bool, TooLong>) {
    let mut decoder = Decoder::new(limit);
    let mut events = Vec::new();
    for piece in pieces {
        let pushed = decoder.push(piece, |e| events.push((e.name.into_owned(), e.data.into_owned())));
        if let Err(error) = pushed {
            return (events, Err(error));
        }
    }
    (events, Ok(decoder.is_truncated()))
}

fn whole(bytes: &[u8]) -> (Vec<Pair>, bool) {
    let (events, truncated) = decode(1 << 20, [bytes]);
    (events, truncated.expect("within the limit"))
}

/// Cuts `bytes` into pieces whose lengths follow `sizes`, round and round.
fn cut<'a>(mut bytes: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for size in sizes.iter().cycle() {
        if bytes.is_empty() {
            break;
        }
        let (piece, rest) = bytes.split_at((*size).clamp(1, bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

#[derive(Debug, Clone)]
struct Style {
    newlines: Vec<&'static str>,
    bom: bool,
    noise: Vec<&'static str>,
    space: bool,
}

/// The reference encoder.
fn encode(events: &[Pair], style: &Style) -> Vec<u8> {
    let mut newlines = style.newlines.iter().cycle();
    let mut noise = style.noise.iter().cycle();
    let mut out = if style.bom { "\u{feff}".to_owned() } else { String::new() };
    let space = if style.space { " " } else { "" };
    let mut line = |text: String, out: &mut String| {
        // A line that ends in CR before an empty line that ends in LF would read as one CRLF.
        let newline = newlines.next().expect("endless");
        let newline = if out.ends_with('\r') && text.is_empty() && *newline == "\n" { "\r" } else { newline };
        out.push_str(&text);
        out.push_str(newline);
    };
    for (name, data) in events {
        if !name.is_empty() {
            line(format!("event:{space}{name}"), &mut out);
        }
        for part in data.split('\n') {
            if let Some(noise) = noise.next().filter(|n| !n.is_empty()) {
                line((*noise).to_owned(), &mut out);
            }
            line(format!("data:{space}{part}"), &mut out);
        }
        line(String::new(), &mut out);
    }
    out.into_bytes()
}

fn events() -> impl Strategy<Value = Vec<Pair>> {
    let name = prop_oneof![3 => Just(String::new()), 1 => "[a-z.]{1,8}"];
    // With characters of two, three and four bytes, and two that look like line ends but are none.
    let data = "[a-z:{}\"üß€🏁\u{2028}\u{85}\n]{1,24}".prop_filter("not only empty", |d| !d.is_empty());
    prop::collection::vec((name, data), 0..8)
}

/// Without a space after the colon, a value that begins with one would lose it.
fn style() -> impl Strategy<Value = Style> {
    let newline = prop_oneof![Just("\n"), Just("\r\n"), Just("\r")];
    let noise = prop_oneof![
        Just(""),
        Just(":"),
        Just(": ping"),
        Just("id: 7"),
        Just("retry: 3000"),
        Just("unknown"),
        Just("x: y"),
    ];
    let (newlines, noise) = (prop::collection::vec(newline, 1..4), prop::collection::vec(noise, 1..4));
    (newlines, any::<bool>(), noise, any::<bool>()).prop_map(|(newlines, bom, noise, space)| Style {
        newlines,
        bom,
        noise,
        space,
    })
}

proptest! {
    #[test]
    fn every_style_and_every_cutting_yields_the_events_that_were_encoded(
        events in events(), style in style(), sizes in prop::collection::vec(1usize..9, 1..6),
    ) {
        let bytes = encode(&events, &style);
        prop_assert_eq!(whole(&bytes), (events.clone(), false));
        let single = bytes.chunks(1);
        prop_assert_eq!(decode(1 << 20, single), (events.clone(), Ok(false)));
        prop_assert_eq!(decode(1 << 20, cut(&bytes, &sizes)), (events, Ok(false)));
    }

    #[test]
    fn any_bytes_at_all_decode_alike_however_they_are_cut(
        bytes in prop::collection::vec(
            prop_oneof![Just(b'\n'), Just(b'\r'), Just(b':'), Just(b' '), Just(b'd'), any::<u8>()], 0..200),
        prefix in prop::sample::select(vec![&b""[..], b"data: ", b"\xef\xbb", b"\xef\xbb\xbfdata:"]),
        sizes in prop::collection::vec(1usize..7, 1..6),
        limit in 4usize..300,
    ) {
        let bytes = [prefix, &bytes].concat();
        let expected = decode(limit, [&bytes[..]]);
        prop_assert_eq!(decode(limit, bytes.chunks(1)), expected.clone());
        prop_assert_eq!(decode(limit, cut(&bytes, &sizes)), expected);
    }

    #[test]
    fn a_stream_cut_short_is_truncated_unless_it_was_cut_between_events(
        events in events().prop_filter("some", |e| !e.is_empty()), newline in prop_oneof![Just("\n"),
            Just("\r\n")],
    ) {
        let style = Style { newlines: vec![newline], bom: false, noise: vec![""], space: true };
        let bytes = encode(&events, &style);
        let blank = newline.repeat(2);
        for end in 0..bytes.len() {
            let (seen, truncated) = whole(&bytes[..end]);
            prop_assert!(events.starts_with(&seen));
            // A lone CR ends the line; the LF after it adds nothing.
            let text = &bytes[..end];
            let between = end == 0 || text.ends_with(blank.as_bytes()) || text.ends_with(b"\r\n\r");
            prop_assert_eq!(truncated, !between, "{:?}", String::from_utf8_lossy(text));
        }
    }
}

#[test]
fn the_grammar_by_example() {
    for (text, expected) in [
        ("data: a\n\n", vec![("", "a")]),
        ("data:a\n\n", vec![("", "a")]),
        ("data:  a\n\n", vec![("", " a")]),
        ("data: a\ndata: b\n\n", vec![("", "a\nb")]),
        ("data\ndata\n\n", vec![("", "\n")]),
        ("data\n\ndata:\n\n", vec![]),
        ("event: ping\n\ndata: a\n\n", vec![("", "a")]),
        ("event: x\nevent: y\ndata: a\n\n", vec![("y", "a")]),
        (": c\n\n:\n\nid: 4\n\ndata: a\n\n", vec![("", "a")]),
        ("Data: a\n\n data: b\n\n", vec![]),
        ("\u{feff}data: a\n\n\u{feff}data: b\n\n", vec![("", "a")]),
        ("data: a\r\rdata: b\r\n\r\ndata: c\n\r\n", vec![("", "a"), ("", "b"), ("", "c")]),
        ("data: a\u{2028}b\u{85}c\n\n", vec![("", "a\u{2028}b\u{85}c")]),
        ("data: lost", vec![]),
    ] {
        let expected: Vec<Pair> = expected.iter().map(|(n, d)| ((*n).to_owned(), (*d).to_owned())).collect();
        assert_eq!(whole(text.as_bytes()).0, expected, "{text:?}");
    }
}

#[test]
fn what_is_no_utf8_is_replaced_and_nothing_around_it_is_lost() {
    let (events, _) = whole(b"data: a\xffb\ndata: \xf0\x9f\n\ndata: c\n\n");
    assert_eq!(events, [(String::new(), "a\u{fffd}b\n\u{fffd}".to_owned()), (String::new(), "c".to_owned())]);
}

#[test]
fn an_event_that_lies_whole_in_the_bytes_is_borrowed_from_them() {
    let mut borrowed = false;
    let bytes = "data: abc\n\n".as_bytes();
    let push = Decoder::default().push(bytes, |event| {
        borrowed = matches!(event.data, std::borrow::Cow::Borrowed(data) if data.as_ptr() ==
            bytes[6..].as_ptr());
    });
    assert!(push.is_ok() && borrowed);
}

#[test]
fn a_line_or_an_event_beyond_the_limit_is_refused_after_the_events_before_it() {
    let one = vec![(String::new(), "ok".to_owned())];
    let refused = (one, Err(TooLong { limit: 16 }));
    assert_eq!(decode(16, [&b"data: ok\n\ndata: 12345678901"[..]]), refused);
    assert_eq!(decode(16, [&b"data: ok\n\ndata: 123456789\ndata: 1234567\n\n"[..]]), refused);
    assert_eq!(decode(16, [&b"data: 1234567890\n\n"[..]]).1, Ok(false));
}
