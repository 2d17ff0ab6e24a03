//! `/deadheat/registers/NAME`: numbers that clients read, change and write back, as the resource behind a
//! lock. Each keeps the highest fencing token that it has seen, of a write (in its body) or of a read (in
//! `x-fencing-token`); a client that sends none is not checked. Reads count: what a stale holder reads, it
//! would write back.

use super::arrival::{TAG_MAX, is_tag};
use super::body::{Answer, Broken};
use super::errors::{self, Reply};
use super::fence::Fence;
use super::routes::{plain, read, refuse};
use super::shared::Shared;
use crate::sync::lock;
use http::request::Parts;
use http::{Method, Response};
use hyper::body::Incoming;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Most registers there can be.
const REGISTERS_MAX: usize = 10_000;

/// One register; one that was never written holds 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Register {
    value: i64,
    fence: Fence,
    writes: u64,
}

/// What a register is shown as.
#[derive(Debug, Serialize, PartialEq, Eq)]
struct RegisterView {
    value: i64,
    /// The highest fencing token that it has seen; 0 if none.
    token: u64,
    writes: u64,
}

/// What a client wants written.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Write {
    value: i64,
    token: Option<u64>,
}

/// Every register that was written.
#[derive(Debug, Default)]
pub(super) struct Registers {
    written: HashMap<String, Register>,
}

impl Registers {
    fn show(&self, name: &str) -> RegisterView {
        let Register { value, fence, writes } = self.written.get(name).copied().unwrap_or_default();
        RegisterView { value, token: fence.highest(), writes }
    }

    /// Shows it to a holder with this token, unless a newer one has been seen.
    fn read(&mut self, name: &str, token: u64) -> Result<RegisterView, Reply> {
        let register = self.passed(name, Some(token))?;
        self.written.insert(name.to_owned(), register);
        Ok(self.show(name))
    }

    fn write(&mut self, name: &str, write: Write) -> Result<RegisterView, Reply> {
        let mut register = self.passed(name, write.token)?;
        register.value = write.value;
        register.writes += 1;
        self.written.insert(name.to_owned(), register);
        Ok(self.show(name))
    }

    /// The register after its fence has seen the token, to be put back.
    fn passed(&self, name: &str, token: Option<u64>) -> Result<Register, Reply> {
        let known = self.written.get(name).copied();
        if known.is_none() && self.written.len() >= REGISTERS_MAX {
            let message =
                format!("There are {REGISTERS_MAX} registers already: POST /deadheat/reset forgets them.");
            return Err(errors::invalid_request(400, &message, None));
        }
        let mut register = known.unwrap_or_default();
        if let Some(token) = token {
            register.fence.pass(token).map_err(|highest| errors::stale_token(token, highest))?;
        }
        Ok(register)
    }

    pub(super) fn clear(&mut self) {
        self.written.clear();
    }
}

/// Answers one request to the register `name`.
pub(super) async fn route(
    shared: &Shared,
    parts: &Parts,
    name: &str,
    body: Incoming,
) -> Result<Response<Answer>, Broken> {
    Ok(match answer(shared, parts, name, body).await {
        Ok(shown) => {
            let text = serde_json::json!(shown).to_string();
            plain(shared, 200, "application/json", text.into())
        }
        Err(reply) => refuse(shared, reply),
    })
}

async fn answer(shared: &Shared, parts: &Parts, name: &str, body: Incoming) -> Result<RegisterView, Reply> {
    if !is_tag(name) {
        let message = format!("A register's name is 1 to {TAG_MAX} of A-Z a-z 0-9 . _ : -");
        return Err(errors::invalid_request(400, &message, None));
    }
    let method = &parts.method;
    match *method {
        Method::GET => match parts.headers.get("x-fencing-token") {
            None => Ok(lock(&shared.registers).show(name)),
            Some(token) => {
                let number = token.to_str().ok().and_then(|token| token.parse().ok());
                let message = "x-fencing-token must be a whole number";
                let token = number.ok_or_else(|| errors::invalid_request(400, message, None))?;
                lock(&shared.registers).read(name, token)
            }
        },
        Method::PUT => {
            let write = serde_json::from_slice(&read(body).await?).map_err(|e| {
                let message = format!("Not {{\"value\": number, \"token\": number or none}}: {e}");
                errors::invalid_request(400, &message, None)
            })?;
            lock(&shared.registers).write(name, write)
        }
        _ => {
            let message = format!("Not allowed to {method} on /deadheat/registers/{name}.");
            Err(errors::invalid_request(405, &message, None))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_token_changes_nothing_and_none_changes_everything() {
        let mut registers = Registers::default();
        let mut write = |value, token| registers.write("r", Write { value, token }).ok();
        let shown = |value, token, writes| Some(RegisterView { value, token, writes });
        assert_eq!(write(5, Some(2)), shown(5, 2, 1));
        assert_eq!(write(6, Some(1)), None);
        assert_eq!(write(7, Some(2)), shown(7, 2, 2));
        assert_eq!(write(-8, None), shown(-8, 2, 3), "written blindly: the planted mistake");
        assert_eq!(Some(registers.show("r")), shown(-8, 2, 3));
        assert_eq!(Some(registers.show("other")), shown(0, 0, 0));
    }

    #[test]
    fn a_stale_reader_is_turned_down_and_a_newer_one_shuts_out_older_writers() {
        let mut registers = Registers::default();
        let seen = |shown: Result<RegisterView, Reply>| shown.ok().map(|shown| (shown.value, shown.token));
        assert_eq!(seen(registers.read("r", 2)), Some((0, 2)));
        assert_eq!(seen(registers.read("r", 3)), Some((0, 3)));
        assert_eq!(seen(registers.read("r", 2)), None, "it would write back what it has read");
        // Two have read before the first writes: only the later may.
        assert_eq!(seen(registers.write("r", Write { value: 5, token: Some(2) })), None);
        assert_eq!(seen(registers.write("r", Write { value: 6, token: Some(3) })), Some((6, 3)));
    }

    #[test]
    fn there_is_room_for_so_many_and_those_go_on_being_written() {
        let mut registers = Registers::default();
        let write = Write { value: 1, token: None };
        for n in 0..REGISTERS_MAX {
            assert!(registers.write(&n.to_string(), write).is_ok());
        }
        assert!(registers.write("one-more", write).is_err());
        assert!(registers.write("0", write).is_ok());
    }
}
