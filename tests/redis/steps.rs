//! What Redis and the model of it are asked.

use proptest::prelude::*;

/// The keys of the locks `a` and `b`, of two answers, of the totals and two bookings.
pub(crate) const KEYS: [&str; 9] =
    ["lock:a", "lock:b", "fence:a", "fence:b", "answer:0", "answer:1", "totals", "booked:0", "booked:1"];

#[derive(Debug, Clone)]
pub(crate) enum Step {
    Acquire {
        lock: usize,
        owner: usize,
        lasting: bool,
    },
    Renew {
        lock: usize,
        owner: usize,
        lasting: bool,
    },
    Release {
        lock: usize,
        owner: usize,
    },
    ReleaseUnchecked {
        lock: usize,
    },
    Put {
        question: u64,
        text: String,
        lasting: bool,
    },
    Get {
        question: u64,
    },
    Open,
    Begin {
        id: usize,
    },
    Settle {
        id: usize,
        prompt: u64,
        completion: u64,
    },
    Withdraw {
        id: usize,
    },
    Read,
    Clear,
    Expire {
        key: usize,
    },
    Restart,
    /// A command of Redis; the word `KEY` stands for the key's name.
    Raw {
        key: usize,
        words: String,
    },
}

fn raw() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        Just("1"),
        Just("-7"),
        Just("007"),
        Just("x"),
        Just(""),
        Just("9223372036854775807"),
        Just("9223372036854775808")
    ];
    let ttl = prop_oneof![4 => Just("3600000"), 1 => Just("0"), 1 => Just("-5"), 1 => Just("x"),
        1 => Just("9223372036854775807")];
    prop_oneof![
        1 => number.clone().prop_map(|n| format!("SET KEY {n}")),
        1 => (number.clone(), ttl.clone()).prop_map(|(n, ttl)| format!("SET KEY {n} PX {ttl}")),
        1 => (number.clone(), ttl.clone()).prop_map(|(n, ttl)| format!("SET KEY {n} NX PX {ttl}")),
        1 => ttl.prop_map(|ttl| format!("PEXPIRE KEY {ttl}")),
        2 => (number, 0..3).prop_map(|(n, field)| format!("HINCRBY KEY field-{field} {n}")),
        8 => proptest::sample::select(vec![
            "GET KEY",
            "GET KEY",
            "INCR KEY",
            "PTTL KEY",
            "SCAN 0 MATCH deadheat:model\\[\\*\\]:0:a* COUNT 1000",
            "GET",
            "DEL KEY KEY",
            "UNLINK KEY",
            "EXISTS KEY KEY",
            "INCR KEY",
            "PTTL KEY",
            "HMGET KEY field-0 field-1 requests",
            "HMGET KEY",
            "SET KEY 1 NX NX",
            "SET KEY 1 PX",
            "SET KEY 1 PX 5 PX 3600000",
            "TIME",
            "PING",
            "SCAN 0 MATCH deadheat:model\\[\\*\\]:0:lock:* COUNT 1000",
        ])
        .prop_map(str::to_owned),
    ]
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let lasting = || proptest::bool::weighted(0.9);
    let text = proptest::sample::select(vec!["x", "", "sev\u{e9}n\n\0"]).prop_map(str::to_owned);
    prop_oneof![
        24 => (0..2_usize, 0..3_usize, lasting())
            .prop_map(|(lock, owner, lasting)| Step::Acquire { lock, owner, lasting }),
        12 => (0..2_usize, 0..3_usize, lasting())
            .prop_map(|(lock, owner, lasting)| Step::Renew { lock, owner, lasting }),
        12 => (0..2_usize, 0..3_usize).prop_map(|(lock, owner)| Step::Release { lock, owner }),
        3 => (0..2_usize).prop_map(|lock| Step::ReleaseUnchecked { lock }),
        6 => (0..2_u64, text, lasting())
            .prop_map(|(question, text, lasting)| Step::Put { question, text, lasting }),
        6 => (0..2_u64).prop_map(|question| Step::Get { question }),
        2 => Just(Step::Open),
        6 => (0..2_usize).prop_map(|id| Step::Begin { id }),
        6 => (0..2_usize, 0..1000_u64, 0..1000_u64)
            .prop_map(|(id, prompt, completion)| Step::Settle { id, prompt, completion }),
        4 => (0..2_usize).prop_map(|id| Step::Withdraw { id }),
        6 => Just(Step::Read),
        2 => Just(Step::Clear),
        6 => (0..KEYS.len()).prop_map(|key| Step::Expire { key }),
        1 => Just(Step::Restart),
        36 => (0..KEYS.len(), raw()).prop_map(|(key, words)| Step::Raw { key, words }),
    ]
}

/// What the random steps come to too seldom: keys that hold what they should not, under every kind of step.
pub(crate) fn spoilt() -> Vec<Step> {
    let raw = |key: usize, words: &str| Step::Raw { key, words: words.to_owned() };
    let (lock, owner, lasting) = (0, 0, true);
    vec![
        raw(0, "HINCRBY KEY field 1"),
        Step::Acquire { lock, owner, lasting },
        Step::Renew { lock, owner, lasting },
        Step::Release { lock, owner },
        Step::ReleaseUnchecked { lock },
        raw(2, "SET KEY x"),
        Step::Acquire { lock, owner, lasting },
        // Taken before the token was refused.
        raw(0, "GET KEY"),
        Step::Renew { lock, owner, lasting },
        raw(6, "SET KEY x"),
        Step::Open,
        Step::Begin { id: 0 },
        // Booked before the totals were refused.
        Step::Begin { id: 0 },
        Step::Settle { id: 0, prompt: 1, completion: 2 },
        Step::Settle { id: 0, prompt: 1, completion: 2 },
        Step::Withdraw { id: 0 },
        Step::Read,
        raw(4, "HINCRBY KEY field 1"),
        Step::Get { question: 0 },
        Step::Put { question: 0, text: "x".to_owned(), lasting },
        Step::Get { question: 0 },
        Step::Acquire { lock: 1, owner, lasting },
        raw(3, "PTTL KEY"),
        raw(1, "PTTL KEY"),
        raw(5, "INCR KEY"),
        raw(5, "INCR KEY"),
        raw(0, "SCAN 0 MATCH deadheat:model\\[\\*\\]:0:lock:* COUNT 1000"),
    ]
}
