//! What a Redis server answers to the words of a command, in the words of Redis 7.

use super::super::counters::{BEGIN, COMPLETION, OPEN, PROMPT, SETTLE, WITHDRAW};
use super::super::locks::{ACQUIRE, RELEASE, RENEW};
use crate::shared::{KeyError, Keys};
use redis::{Script, Value};
use std::sync::LazyLock;

/// The scripts and their digests, by which they are called.
static SCRIPTS: LazyLock<[(String, Scripted); 7]> = LazyLock::new(|| {
    let known = [
        (ACQUIRE, Scripted::Acquire),
        (RENEW, Scripted::Renew),
        (RELEASE, Scripted::Release),
        (OPEN, Scripted::Open),
        (BEGIN, Scripted::Begin),
        (SETTLE, Scripted::Settle),
        (WITHDRAW, Scripted::Withdraw),
    ];
    known.map(|(code, script)| (Script::new(code).get_hash().to_owned(), script))
});

#[derive(Clone, Copy)]
enum Scripted {
    Acquire,
    Renew,
    Release,
    Open,
    Begin,
    Settle,
    Withdraw,
}

/// The server's answer: a value, or an error as a value, as a connection hands it over.
pub(super) fn answer(keys: &mut Keys, command: &[&[u8]]) -> Value {
    let Some((name, arguments)) = command.split_first() else {
        return error("ERR no command");
    };
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    let answer = match name.as_str() {
        "evalsha" => script(keys, arguments),
        _ => plain(keys, &name, arguments),
    };
    answer.unwrap_or_else(|text| error(&text))
}

/// An error that the server answers with.
fn error(text: &str) -> Value {
    redis::parse_redis_value(format!("-{text}\r\n").as_bytes()).unwrap_or(Value::Nil)
}

fn plain(keys: &mut Keys, name: &str, arguments: &[&[u8]]) -> Result<Value, String> {
    let refused = |refusal: KeyError| refusal.to_string();
    let count = |count: usize| Value::Int(i64::try_from(count).unwrap_or(i64::MAX));
    Ok(match (name, arguments) {
        ("ping", []) => Value::SimpleString("PONG".to_owned()),
        ("time", []) => {
            let now = keys.time();
            Value::Array(vec![text(&now.as_secs()), text(&now.subsec_micros())])
        }
        ("set", [key, value, options @ ..]) => return set(keys, key, value, options),
        ("get", [key]) => bulk(keys.get(key).map_err(refused)?),
        ("exists", [_, ..]) => count(arguments.iter().filter(|key| keys.exists(key)).count()),
        ("del" | "unlink", [_, ..]) => count(arguments.iter().filter(|key| keys.delete(key)).count()),
        ("incr", [key]) => Value::Int(keys.increment(key).map_err(refused)?),
        ("hincrby", [key, field, more]) => {
            let more = Keys::number(more).map_err(refused)?;
            Value::Int(keys.add(key, field, more).map_err(refused)?)
        }
        ("hmget", [key, fields @ ..]) if !fields.is_empty() => {
            let shown = fields.iter().map(|field| keys.field(key, field));
            let shown = shown.map(|number| number.map(|number| number.map_or(Value::Nil, |n| text(&n))));
            Value::Array(shown.collect::<Result<_, _>>().map_err(refused)?)
        }
        ("pexpire", [key, ttl_ms]) => {
            let ttl_ms = Keys::number(ttl_ms).map_err(refused)?;
            Value::Int(keys.expire_in(key, ttl_ms).map_err(refused)?.into())
        }
        ("pttl", [key]) => Value::Int(keys.left_ms(key)),
        ("scan", [b"0", b"MATCH", pattern, b"COUNT", _]) => {
            let found = keys.beginning_with(&prefix(pattern)?);
            let found = found.into_iter().map(Value::BulkString).collect();
            Value::Array(vec![text(&0), Value::Array(found)])
        }
        (
            "get" | "exists" | "del" | "unlink" | "incr" | "hincrby" | "hmget" | "pexpire" | "pttl" | "set",
            _,
        ) => {
            return Err(format!("ERR wrong number of arguments for '{name}' command"));
        }
        _ => return Err(format!("ERR unknown command '{name}': the model of a server does not take it")),
    })
}

fn set(keys: &mut Keys, key: &[u8], value: &[u8], options: &[&[u8]]) -> Result<Value, String> {
    let (mut only_new, mut ttl_ms) = (false, None);
    let mut options = options.iter();
    while let Some(option) = options.next() {
        match option.to_ascii_uppercase().as_slice() {
            b"NX" => only_new = true,
            b"PX" => ttl_ms = Some(options.next().ok_or("ERR syntax error")?),
            _ => return Err("ERR syntax error".to_owned()),
        }
    }
    let ttl_ms = ttl_ms.map(|ttl_ms| Keys::number(ttl_ms)).transpose();
    let done = ttl_ms.and_then(|ttl_ms| keys.set(key, value, ttl_ms, only_new));
    Ok(if done.map_err(|refusal| refusal.to_string())? { Value::Okay } else { Value::Nil })
}

/// A script's answer. An error in it says where, as the server's does.
fn script(keys: &mut Keys, arguments: &[&[u8]]) -> Result<Value, String> {
    let [digest, numkeys, rest @ ..] = arguments else {
        return Err("ERR wrong number of arguments for 'evalsha' command".to_owned());
    };
    let known = SCRIPTS.iter().find(|(known, _)| known.as_bytes() == *digest);
    let (digest, script) = known.ok_or("NOSCRIPT No matching script. Please use EVAL.")?;
    let done = match (script, *numkeys, rest) {
        (Scripted::Acquire, b"2", [lock, fence, owner, ttl_ms, fence_ttl_ms]) => {
            let ttls = Keys::number(ttl_ms).and_then(|ttl| Ok((ttl, Keys::number(fence_ttl_ms)?)));
            let token = ttls.and_then(|ttls| keys.acquire(lock, fence, owner, ttls));
            token.map(|token| token.map_or(Value::Nil, Value::Int))
        }
        (Scripted::Renew, b"1", [lock, owner, ttl_ms]) => {
            let done = Keys::number(ttl_ms).and_then(|ttl_ms| keys.renew(lock, owner, ttl_ms));
            done.map(|done| Value::Int(done.into()))
        }
        (Scripted::Release, b"1", [lock, owner]) => {
            keys.release(lock, owner).map(|done| Value::Int(done.into()))
        }
        (Scripted::Open, b"1", [totals, ttl_ms]) => {
            let since_us = Keys::number(ttl_ms).and_then(|ttl_ms| keys.open_account(totals, ttl_ms));
            since_us.map(|since_us| text(&since_us))
        }
        (Scripted::Begin, b"2", [totals, booking, ttl_ms]) => {
            let done = Keys::number(ttl_ms).and_then(|ttl_ms| keys.begin(totals, booking, ttl_ms));
            done.map(|done| Value::Int(done.into()))
        }
        (Scripted::Settle, b"2", [totals, booking, ttl_ms, prompt, completion]) => {
            let numbers = Keys::number(ttl_ms)
                .and_then(|ttl| Ok((ttl, Keys::number(prompt)?, Keys::number(completion)?)));
            let done = numbers.and_then(|(ttl_ms, prompt, completion)| {
                let tokens = [(PROMPT.as_bytes(), prompt), (COMPLETION.as_bytes(), completion)];
                keys.settle(totals, booking, ttl_ms, tokens)
            });
            done.map(|done| Value::Int(done.into()))
        }
        (Scripted::Withdraw, b"2", [totals, booking]) => {
            keys.withdraw(totals, booking).map(|done| Value::Int(done.into()))
        }
        _ => return Err("ERR the model of a server has this script with other arguments".to_owned()),
    };
    done.map_err(|refusal| format!("{refusal} script: {digest}, on @user_script."))
}

fn bulk(text: Option<&[u8]>) -> Value {
    text.map_or(Value::Nil, |text| Value::BulkString(text.to_vec()))
}

fn text(number: &impl ToString) -> Value {
    Value::BulkString(number.to_string().into_bytes())
}

/// The prefix that a pattern means; a pattern that means something else is not modelled.
fn prefix(pattern: &[u8]) -> Result<Vec<u8>, String> {
    let mut prefix = Vec::new();
    let mut rest = pattern.iter();
    loop {
        match rest.next() {
            Some(b'*') if rest.as_slice().is_empty() => return Ok(prefix),
            Some(b'\\') => prefix.extend(rest.next()),
            Some(byte) if !b"*?[".contains(byte) => prefix.push(*byte),
            Some(_) | None => return Err("ERR the model of a server takes prefixes only".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_read_back_and_any_other_pattern_refused() {
        assert_eq!(prefix(b"a:\\[b\\*\\\\c*"), Ok(b"a:[b*\\c".to_vec()));
        for pattern in ["a", "a*b*", "a?*", "a[b]*", "**"] {
            assert!(prefix(pattern.as_bytes()).is_err(), "{pattern}");
        }
    }

    #[test]
    fn what_is_not_modelled_is_refused_by_name() {
        let mut keys = Keys::default();
        for command in ["FLUSHALL", "EVAL", "KEYS *"] {
            let words: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
            let Value::ServerError(refused) = answer(&mut keys, &words) else {
                panic!("{command} was taken")
            };
            let text = refused.to_string();
            assert!(text.contains("the model of a server does not take it"), "{text}");
        }
    }
}
