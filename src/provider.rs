//! Speaks one LLM API per file, as a client.
//!
//! A [`Client`] makes one attempt: it stamps it, reads the answer as it comes and says what became of it
//! in three arms. It never repeats anything; that is for the strategy.
