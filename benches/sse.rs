//! Chunks per second through the event-stream codec alone, and through codec, JSON and accounting.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use deadheat::provider::StreamDecoder as _;
use deadheat::provider::openai_chat::ChatStream;
use deadheat::provider::sse::Decoder;
use std::hint::black_box;
use std::time::Duration;

const CHUNKS: u64 = 1000;

/// The chunks of one answer as OpenAI sends them, each in a read of its own.
fn chunks() -> Vec<Vec<u8>> {
    let chunk = |n: u64| {
        format!(
            "data: {{\"id\":\"chatcmpl-R-00000000000000aa\",\"object\":\"chat.completion.chunk\",\
             \"created\":1700000000,\"model\":\"gpt-4.1\",\"service_tier\":\"default\",\
             \"system_fingerprint\":\"fp_1\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\" \
                 word{n}\"}},\
             \"logprobs\":null,\"finish_reason\":null}}],\"usage\":null}}\n\n"
        )
    };
    (0..CHUNKS).map(|n| chunk(n).into_bytes()).collect()
}

fn codec(c: &mut Criterion) {
    let chunks = chunks();
    let mut group = c.benchmark_group("sse");
    group.throughput(Throughput::Elements(CHUNKS));
    group.bench_function("codec", |b| {
        b.iter(|| {
            let mut decoder = Decoder::default();
            let mut bytes = 0;
            for chunk in &chunks {
                decoder.push(black_box(chunk), |event| bytes += event.data.len()).expect("within the limit");
            }
            bytes
        });
    });
    group.bench_function("codec, JSON and accounting", |b| {
        b.iter(|| {
            let mut decoder = Box::new(ChatStream::new(1000));
            for (chunk, at_us) in chunks.iter().zip(0..) {
                decoder.push(black_box(chunk), Duration::from_micros(at_us));
            }
            decoder.into_answer().text_hash()
        });
    });
    group.finish();
}

criterion_group!(benches, codec);
criterion_main!(benches);
