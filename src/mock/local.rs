//! The provider without a port: asked from within the same process, on the same runtime.

use super::body::{Answer, Broken};
use super::connection::Link;
use super::core::Core;
use super::dialect::Address;
use super::routes;
use super::server::{MockConfig, keep_time};
use super::shared::Shared;
use crate::clock::Clock;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use std::io;
use std::sync::Arc;

/// A provider in this process. Cheap to clone.
#[derive(Clone)]
pub struct Local {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Local {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Local(..)")
    }
}

impl Local {
    /// A provider on `clock`, whose epoch is `epoch_utc_s` seconds since 1970. [`Self::keep_time`] has to run
    /// beside it; address and threads of the configuration are not used.
    #[must_use]
    pub fn new(config: MockConfig, epoch_utc_s: u64, clock: Clock) -> Self {
        let core = Core::new(config.core(epoch_utc_s));
        Self { shared: Arc::new(Shared::new(core, config.model, epoch_utc_s, config.ledger, clock)) }
    }

    /// Answers a request to any path by its body, as the chat endpoint would. Dropping the future, or the
    /// body of what it gives, is the client going away.
    ///
    /// # Errors
    /// Where a connection would be reset ([`io::ErrorKind::ConnectionReset`]) or closed
    /// ([`io::ErrorKind::UnexpectedEof`]) instead of answered.
    pub async fn answer(self, request: Request<Bytes>) -> io::Result<Response<BoxBody<Bytes, io::Error>>> {
        let link = Arc::new(Link::default());
        let (parts, body) = request.into_parts();
        let response =
            routes::answer(self.shared, link.busy(), &Address::default(), &parts.headers, &body).await;
        let response = response.map_err(|broken| ended(&broken, &link))?;
        Ok(response.map(|body: Answer| body.map_err(move |broken| ended(&broken, &link)).boxed()))
    }

    /// Lets the provider's time pass, for ever.
    pub async fn keep_time(self) {
        keep_time(self.shared).await;
    }

    /// Something of the core that is no event.
    pub fn with_core<T>(&self, look: impl FnOnce(&mut Core) -> T) -> T {
        self.shared.with_core(look)
    }

    /// From now on what ends has been open when the ledger was closed.
    pub fn close(&self) {
        self.shared.close();
    }
}

fn ended(broken: &Broken, link: &Link) -> io::Error {
    let kind = if link.resets() { io::ErrorKind::ConnectionReset } else { io::ErrorKind::UnexpectedEof };
    io::Error::new(kind, broken.to_string())
}
