//! The targets of a run: starts the built-in ones, and checks that the others can be reached.

use super::Failure;
use crate::clock::Clock;
use crate::history::LedgerWriter;
use crate::mock::{LedgerSink, MockConfig, Server};
use crate::plan::{Place, Plan, Target};
use crate::provider::{ApiKey, Endpoint, is_proxied};
use crate::secret::shown_variable;
use crate::summary::Exit;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// The targets of a run; all can be reached.
pub(super) struct Targets {
    pub(super) endpoints: Vec<Endpoint>,
    servers: Vec<Server>,
}

/// Starts every built-in target and describes every other.
pub(super) fn start(plan: &Plan, clock: Clock, ledger: &LedgerWriter) -> Result<Targets, Failure> {
    let mut targets = Targets { endpoints: Vec::new(), servers: Vec::new() };
    for target in &plan.targets {
        let base_url = match (&target.place, MockConfig::of(plan, target)) {
            (Place::Url { url, .. }, _) => url.clone(),
            (Place::Mock(_), None) => continue,
            (Place::Mock(_), Some(config)) => {
                let server = serve(config, clock, ledger)?;
                let base_url = server.base_url();
                targets.servers.push(server);
                base_url.into()
            }
        };
        targets.endpoints.push(Endpoint::of(plan, target, base_url).with_key(key(target)?));
    }
    Ok(targets)
}

impl Targets {
    /// Ends the built-in targets, which writes the last lines of their ledgers.
    pub(super) fn stop(self) {
        for server in self.servers {
            server.stop();
        }
    }
}

fn serve(mut config: MockConfig, clock: Clock, ledger: &LedgerWriter) -> Result<Server, Failure> {
    let (sender, name) = (ledger.sender(), config.name.clone());
    config.ledger = LedgerSink::To(Box::new(move |entry| {
        // The disk is full if an entry is refused: the writer keeps the error, and the run stops by it.
        let _ = sender.send(entry);
    }));
    Server::start(config, clock).map_err(|error| {
        Failure::new(Exit::Unreachable, &format!("cannot start the built-in target {name}: {error}"))
    })
}

/// The key of a target, from its environment variable.
fn key(target: &Target) -> Result<Option<ApiKey>, Failure> {
    let Some(variable) = target.key_variable() else { return Ok(None) };
    match key_in_environment(variable) {
        Some(key) => Ok(Some(key)),
        None => Err(Failure::new(
            Exit::Unreachable,
            &format!(
                "target {}: the environment variable {} holds no key; export it first",
                target.name,
                shown_variable(variable)
            ),
        )),
    }
}

/// The key that a variable of the environment holds; `None` if it is not set or blank.
pub(in crate::cli) fn key_in_environment(variable: &str) -> Option<ApiKey> {
    std::env::var(variable).ok().filter(|key| !key.trim().is_empty()).map(ApiKey::new)
}

/// Tries a connection to every target that is not built in, so that an unreachable one is reported once
/// before the run and not by a thousand errors after it. Names host and port only: the rest of a URL may hold
/// a secret.
pub(super) fn reach(plan: &Plan) -> Result<(), Failure> {
    for target in &plan.targets {
        let Place::Url { url, .. } = &target.place else { continue };
        key(target)?;
        connect(url.expose(), plan.timeouts.connect).map_err(|error| {
            let message = format!("target {}: {error}; is it running, and is the URL right?", target.name);
            Failure::new(Exit::Unreachable, &message)
        })?;
    }
    Ok(())
}

fn connect(url: &str, timeout: Duration) -> Result<(), String> {
    let uri: http::Uri = url.parse().map_err(|_| "its url cannot be read".to_owned())?;
    let host = uri.host().ok_or("its url has no host")?.trim_matches(['[', ']']);
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    if is_proxied(&uri) {
        return Ok(());
    }
    let failed = |error: &dyn std::fmt::Display| format!("cannot reach {host} port {port}: {error}");
    let addresses = (host, port).to_socket_addrs().map_err(|error| failed(&error))?;
    let mut last = failed(&"the name has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&address, timeout) {
            Ok(_) => return Ok(()),
            Err(error) => last = failed(&error),
        }
    }
    Err(last)
}

/// Raises the limit of open files to what the system allows: a thousand streams need two thousand
/// descriptors.
pub(in crate::cli) fn raise_file_limit() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
    {
        // If that is refused, connections fail with a message of their own.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}
