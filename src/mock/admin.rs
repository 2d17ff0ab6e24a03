//! `/deadheat/…`: the ledger, the counts, the faults, the schedule and the registers, for tests in any
//! language.

use super::body::{Answer, Broken};
use super::errors;
use super::fault_json::{fault_from_json, fault_to_json};
use super::registers;
use super::routes::{plain, read, refuse};
use super::shared::Shared;
use crate::schedule::Schedule;
use crate::sync::lock;
use http::{Method, Request, Response};
use hyper::body::Incoming;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How often, and how long apart, it is looked whether all attempts have ended.
const LOOKS: u32 = 40;
const LOOK: Duration = Duration::from_millis(25);

/// Why a schedule cannot be played to clients that come over a socket.
pub const NO_LOCKS: &str = "`[[nemesis]]` strikes the locks of deadheat's own strategies, which a provider \
    does not see: \
                            leave it out";

const JSON: &str = "application/json";

/// Answers one request to the admin API.
pub(super) async fn route(
    shared: &Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Answer>, Broken> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    let route = path.strip_prefix("/deadheat").unwrap_or(path);
    if let Some(name) = route.strip_prefix("/registers/") {
        return registers::route(shared, &parts, name, body).await;
    }
    Ok(match (&parts.method, route) {
        (&Method::GET, "/ledger") => ledger(shared),
        (&Method::GET, "/stats") => plain(shared, 200, JSON, stats(shared).into()),
        (&Method::POST, "/reset") => {
            shared.with_core(super::Core::reset);
            lock(&shared.registers).clear();
            if let Some(store) = &shared.store {
                lock(store).clear();
            }
            plain(shared, 200, JSON, "{\"reset\":true}".into())
        }
        (&Method::GET, "/faults") => plain(shared, 200, JSON, faults(shared).into()),
        (&Method::POST, "/faults") => match read(body).await {
            Err(reply) => refuse(shared, reply),
            Ok(body) => match fault_from_json(&body) {
                Err(why) => refuse(shared, errors::invalid_request(400, &why, None)),
                Ok(rule) => {
                    shared.with_core(|core| core.add_fault(rule));
                    plain(shared, 200, JSON, faults(shared).into())
                }
            },
        },
        (&Method::DELETE, "/faults") => {
            shared.with_core(super::Core::clear_faults);
            plain(shared, 200, JSON, faults(shared).into())
        }
        (&Method::GET, "/verdicts") => verdicts(shared, parts.uri.query().unwrap_or("")).await,
        (&Method::GET, "/trace") => {
            plain(shared, 200, JSON, json!(shared.with_core(|core| core.trace())).to_string().into())
        }
        (method, "/schedule") => schedule(shared, method, body).await,
        (method, "/ledger" | "/stats" | "/reset" | "/faults" | "/trace" | "/verdicts") => {
            let message = format!("Not allowed to {method} on /deadheat{route}.");
            refuse(shared, errors::invalid_request(405, &message, None))
        }
        _ => {
            let message = "There are /deadheat/ledger, /deadheat/stats, /deadheat/reset, /deadheat/faults, \
                           /deadheat/schedule, /deadheat/trace, /deadheat/verdicts and \
                           /deadheat/registers/NAME.";
            refuse(shared, errors::invalid_request(404, message, None))
        }
    })
}

/// The schedule as TOML: shown, set or taken away.
async fn schedule(shared: &Arc<Shared>, method: &Method, body: Incoming) -> Response<Answer> {
    let wrong = |status, why: &str| refuse(shared, errors::invalid_request(status, why, None));
    match *method {
        Method::GET => {}
        Method::DELETE => shared.set_schedule(None),
        Method::PUT => {
            let text = match read(body).await {
                Ok(text) => text,
                Err(reply) => return refuse(shared, reply),
            };
            let Ok(text) = std::str::from_utf8(&text) else {
                return wrong(400, "A schedule is UTF-8 text in TOML.");
            };
            match Schedule::from_toml("schedule", text) {
                Ok(schedule) if !schedule.nemeses.is_empty() => return wrong(400, NO_LOCKS),
                Ok(schedule) => shared.set_schedule(Some(schedule)),
                Err(faults) => return wrong(400, &faults.to_string()),
            }
        }
        _ => return wrong(405, &format!("Not allowed to {method} on /deadheat/schedule.")),
    }
    let text = shared.with_core(|core| core.schedule().map(Schedule::to_toml)).unwrap_or_default();
    plain(shared, 200, "application/toml", text.into())
}

fn ledger(shared: &Arc<Shared>) -> Response<Answer> {
    if shared.store.is_none() {
        let message = "This provider belongs to a run, which writes its ledger itself.";
        return refuse(shared, errors::invalid_request(404, message, None));
    }
    let mut response = plain(shared, 200, "application/jsonl", bytes::Bytes::new());
    *response.body_mut() = Answer::Ledger(Arc::clone(shared), 0);
    response
}

/// What the ledger is worth so far: 200 if nothing is broken, 409 if something is. A client that has just got
/// the last answer may be quicker than its ledger entry: what is about to end is waited for.
async fn verdicts(shared: &Arc<Shared>, declared: &str) -> Response<Answer> {
    let (Some(store), Some(judge)) = (&shared.store, &shared.judge) else {
        let message = "This provider belongs to a run, which is judged when it is over.";
        return refuse(shared, errors::invalid_request(404, message, None));
    };
    for _ in 0..LOOKS {
        if shared.with_core(|core| core.open()) == 0 {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    let entries = lock(store).entries();
    match judge(entries, declared) {
        Ok((true, text)) => plain(shared, 200, JSON, text.into()),
        Ok((false, text)) => plain(shared, 409, JSON, text.into()),
        Err(why) => refuse(shared, errors::invalid_request(400, &why, None)),
    }
}

fn stats(shared: &Shared) -> String {
    let mut stats = json!(shared.with_core(|core| core.stats()));
    let (entries, overflow) = shared.store.as_ref().map_or((0, 0), |store| lock(store).len());
    let doors = &shared.doors;
    stats["ledger_entries"] = json!(entries);
    stats["ledger_overflow"] = json!(overflow);
    stats["connections"] = json!(doors.connections.load(Ordering::Relaxed));
    stats["connections_refused"] = json!(doors.connections_refused.load(Ordering::Relaxed));
    stats["other_requests"] = json!(doors.other.load(Ordering::Relaxed));
    stats.to_string()
}

fn faults(shared: &Shared) -> String {
    let rules = shared.with_core(|core| core.faults().iter().map(fault_to_json).collect::<Vec<_>>());
    json!({ "faults": rules }).to_string()
}
