//! The chat-completions decoder, against captured shapes and under every cut.

use deadheat::history::ErrorClass;
use deadheat::provider::openai_chat::{ChatStream, read_unary};
use deadheat::provider::{DecodedAnswer, Fault, StreamDecoder as _};
use proptest::prelude::*;
use std::time::Duration;

const TEXT: &str = "[job:0042] für naïve 🏁\u{2028}done";

fn fixture(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/fixtures/wire/client-{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn hash(text: &str) -> Option<String> {
    Some(format!("{:016x}", xxhash_rust::xxh64::xxh64(text.as_bytes(), 0)))
}

/// Decodes pieces that arrive 1.5 ms apart, the first at 10 ms.
fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (DecodedAnswer, Result<(), Fault>) {
    let mut decoder = Box::new(ChatStream::new(16));
    for (i, piece) in (0u32..).zip(pieces) {
        decoder.push(piece, Duration::from_millis(10) + Duration::from_micros(1500) * i);
    }
    decoder.finish()
}

/// Everything in an answer that must not depend on when its bytes came.
fn timeless(
    answer: &DecodedAnswer,
) -> (Option<String>, Option<String>, Option<u64>, Option<u64>, bool, usize) {
    let a = answer;
    (a.id.clone(), a.text_hash(), a.prompt_tokens, a.completion_tokens, a.finished, a.gaps_us.len())
}

fn class(result: Result<(), Fault>) -> Option<ErrorClass> {
    result.err().map(|fault| fault.class)
}

const STREAMS: [(&str, Option<ErrorClass>); 8] = [
    ("stream-plain.sse", None),
    ("stream-filtered-crlf.sse", None),
    ("stream-gateway.sse", None),
    // Its role chunk has content, and its usage chunk a choice without a finish reason.
    ("litellm-stream.sse", None),
    ("stream-no-done.sse", None),
    ("stream-no-finish.sse", Some(ErrorClass::EarlyStop)),
    ("stream-error-first.sse", Some(ErrorClass::ErrorEvent)),
    ("stream-error-middle.sse", Some(ErrorClass::ErrorEvent)),
];

#[test]
fn whole_streams_of_every_shape_give_the_text_the_id_and_the_usage() {
    for (name, _) in STREAMS.into_iter().filter(|(_, class)| class.is_none()) {
        let (answer, result) = decode([&fixture(name)[..]]);
        assert_eq!(result, Ok(()), "{name}");
        let id = Some("chatcmpl-R-00000000000000aa".to_owned());
        assert_eq!(timeless(&answer), (id, hash(TEXT), Some(12), Some(5), true, 4), "{name}");
    }
}

#[test]
fn faults_have_their_class_and_keep_what_arrived_before() {
    let (answer, result) = decode([&fixture("stream-error-middle.sse")[..]]);
    let fault = result.expect_err("an error event");
    assert_eq!((fault.class, fault.message.as_str()), (ErrorClass::ErrorEvent, "529: Overloaded"));
    assert_eq!(answer.text_hash(), hash("[job:0042] für "));

    let (answer, result) = decode([&fixture("stream-error-first.sse")[..]]);
    assert!(result.expect_err("an error event").message.starts_with("rate_limit_exceeded: Rate limit"));
    assert_eq!((answer.text_hash(), answer.first_content), (None, None));

    assert_eq!(class(decode([&fixture("stream-no-finish.sse")[..]]).1), Some(ErrorClass::EarlyStop));
    assert_eq!(class(decode([]).1), Some(ErrorClass::CutStream));
}

#[test]
fn odd_events_by_example() {
    let ok = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\n";
    let done = "data: [DONE]\n\n";
    for (stream, expected) in [
        (format!("{ok}{done}"), None),
        (format!("{ok}{done}data: {{broken\n\n"), None),
        (format!("data: {{broken\n\n{ok}{done}"), Some(ErrorClass::MalformedStream)),
        (format!("data: 1\n\n{ok}{done}"), Some(ErrorClass::MalformedStream)),
        (
            format!("event: error\ndata: {{\"code\":\"x\",\"message\":\"y\"}}\n\n{ok}{done}"),
            Some(ErrorClass::ErrorEvent),
        ),
        (format!("event: error\ndata: plain words\n\n{done}"), Some(ErrorClass::ErrorEvent)),
        (format!("data: {{\"error\":\"plain words\"}}\n\n{done}"), Some(ErrorClass::ErrorEvent)),
        (format!("data: {{\"error\":null,\"choices\":null,\"usage\":null,\"id\":null}}\n\n{ok}{done}"), None),
        (ok.replace("stop", "error") + done, Some(ErrorClass::ErrorEvent)),
        // Without usage, the end without [DONE] may be a cut.
        (ok.to_owned(), Some(ErrorClass::CutStream)),
        (format!("{ok}data: {{\"choices\":[],\"usage\":{{}}}}\n\n"), None),
        (format!("{ok}data: {{\"choices\":[],\"usage\":{{}}}}\n\ndata: [DO"), Some(ErrorClass::CutStream)),
        ("<html>504</html>".to_owned(), Some(ErrorClass::CutStream)),
    ] {
        assert_eq!(class(decode([stream.as_bytes()]).1), expected, "{stream}");
    }
}

#[test]
fn other_choices_than_the_first_are_not_mixed_in() {
    let stream = "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"x\"}},{\"index\":0,\
    \"delta\":{\"content\":\"a\"}}]}\n\n\
        data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"y\"},\
        \"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let (answer, result) = decode([stream.as_bytes()]);
    assert_eq!(answer.text_hash(), hash("a"));
    assert_eq!(class(result), Some(ErrorClass::EarlyStop), "only the other choice was finished");
}

#[test]
fn the_last_usage_that_says_something_wins_and_nothing_is_summed() {
    let usage = |usage: &str| format!("data: {{\"choices\":[],\"usage\":{usage}}}\n\n");
    let parts =
        ["{\"prompt_tokens\":1,\"completion_tokens\":2}", "{\"prompt_tokens\":3,\"completion_tokens\":4}"];
    let stream =
        [usage(parts[0]), usage(parts[1]), usage("null"), usage("{\"prompt_tokens\":null}")].concat();
    let (answer, _) = decode([stream.as_bytes()]);
    assert_eq!((answer.prompt_tokens, answer.completion_tokens), (Some(3), Some(4)));
}

#[test]
fn stamps_are_those_of_the_bytes_and_the_role_chunk_has_none() {
    let bytes = fixture("stream-plain.sse");
    let text = String::from_utf8(bytes).expect("UTF-8");
    let events: Vec<&[u8]> = text.split_inclusive("\n\n").map(str::as_bytes).collect();
    let (answer, _) = decode(events);
    // The role chunk came at 10 ms, the first content 1.5 ms later.
    assert_eq!(answer.first_content, Some(Duration::from_micros(11_500)));
    assert_eq!(answer.gaps_us, [1500; 4]);
}

#[test]
fn chunks_that_come_in_one_read_share_its_stamp() {
    let (answer, _) = decode([&fixture("stream-plain.sse")[..]]);
    assert_eq!(answer.first_content, Some(Duration::from_millis(10)));
    assert_eq!(answer.gaps_us, [0; 4]);
}

#[test]
fn one_piece_says_the_same_as_the_stream() {
    let mut answer = DecodedAnswer::new(0);
    let body = [b"\n\n \n", &fixture("unary.json")[..]].concat();
    assert_eq!(read_unary(&body, &mut answer), Ok(()));
    let (streamed, _) = decode([&fixture("stream-plain.sse")[..]]);
    assert_eq!(answer.text_hash(), streamed.text_hash());
    assert_eq!((answer.prompt_tokens, answer.completion_tokens), (Some(12), Some(5)));
    assert_eq!(answer.id, streamed.id);
}

#[test]
fn one_piece_that_is_no_answer_is_no_success() {
    for (body, expected) in [
        ("", ErrorClass::MalformedStream),
        ("{}", ErrorClass::MalformedStream),
        ("{\"choices\":[]}", ErrorClass::MalformedStream),
        ("[{\"choices\":[]}]", ErrorClass::MalformedStream),
        ("<html>{\"choices\":[{}]}", ErrorClass::MalformedStream),
        ("{\"choices\":[{\"message\":{\"content\":\"cut", ErrorClass::MalformedStream),
        ("{\"error\":{\"message\":\"no\"}}", ErrorClass::ErrorEvent),
    ] {
        assert_eq!(class(read_unary(body.as_bytes(), &mut DecodedAnswer::new(0))), Some(expected), "{body}");
    }
}

#[test]
fn a_stream_cut_after_any_byte_is_never_a_success_while_anything_is_missing() {
    for (name, whole) in STREAMS.into_iter().filter(|(_, class)| class.is_none()) {
        let bytes = fixture(name);
        let complete = timeless(&decode([&bytes[..]]).0);
        for end in 0..bytes.len() {
            let (answer, result) = decode([&bytes[..end]]);
            let rest = String::from_utf8_lossy(&bytes[end..]);
            // All that may be missing is what says nothing: the terminator, and the LF of a last CRLF.
            let nothing_missing = ["data: [DONE]", "", "\n"].contains(&rest.trim_matches(['\r', '\n']))
                || rest.trim().is_empty();
            match result {
                Ok(()) => {
                    assert!(nothing_missing, "{name}: a success without {rest:?}");
                    assert_eq!(timeless(&answer), complete);
                }
                Err(fault) => assert_eq!(fault.class, ErrorClass::CutStream, "{name} without {rest:?}"),
            }
        }
        assert_eq!(whole, None);
    }
}

fn junk() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        "[ -~€\n]{0,8}".prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::btree_map("[a-z_]{1,6}", inner, 0..4)
                .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

proptest! {
    #[test]
    fn nothing_but_stamps_depends_on_how_the_bytes_were_cut(
        which in 0..STREAMS.len(), sizes in prop::collection::vec(1usize..40, 1..6),
    ) {
        let (name, expected) = STREAMS[which];
        let bytes = fixture(name);
        let (whole, _) = decode([&bytes[..]]);
        let mut pieces = Vec::new();
        let mut rest = &bytes[..];
        for size in sizes.iter().cycle() {
            if rest.is_empty() { break; }
            let (piece, tail) = rest.split_at((*size).min(rest.len()));
            pieces.push(piece);
            rest = tail;
        }
        let (answer, result) = decode(pieces);
        prop_assert_eq!(class(result), expected);
        prop_assert_eq!(timeless(&answer), timeless(&whole));
    }

    #[test]
    fn unknown_events_fields_and_finish_reasons_never_fail(
        junk in junk(), key in "x_[a-z]{1,6}", reason in "[a-z_]{1,12}", event in "x[a-z.]{0,8}",
            text in "[ -~€\n]{0,12}",
    ) {
        prop_assume!(reason != "error");
        let mut chunk = serde_json::json!({
            "choices": [{"index": 0, "delta": {"content": text.clone()}, "finish_reason": reason}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 2},
        });
        for place in ["", "/choices/0", "/choices/0/delta", "/usage"] {
            let object = chunk.pointer_mut(place).and_then(|v| v.as_object_mut()).expect("an object");
            object.insert(key.clone(), junk.clone());
        }
        let stream = format!("event: {event}\ndata: {junk}\n\n{key}: 1\ndata: {chunk}\n\ndata: [DONE]\n\n");
        let (answer, result) = decode([stream.as_bytes()]);
        prop_assert_eq!(result, Ok(()));
        prop_assert_eq!(answer.text_hash(), if text.is_empty() { None } else { hash(&text) });
        prop_assert_eq!(answer.completion_tokens, Some(2));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = decode([&bytes[..]]);
        let _ = decode([&b"data: "[..], &bytes, b"\n\n"]);
        let _ = read_unary(&bytes, &mut DecodedAnswer::new(0));
    }
}
