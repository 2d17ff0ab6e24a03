//! Connections of one engine thread to one host.
//!
//! hyper's connection is polled by the task that waits for an answer on it, not by a task of its own: the
//! bytes are stamped, decoded and accounted in the wake-up that read them.

use super::Sent;
use super::wire::{Stamps, Wire};
use crate::clock::Clock;
use crate::history::ErrorClass;
use crate::provider::Fault;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::net::TcpStream;

/// One connection, with at most one request on it.
pub(super) struct Conn {
    sender: SendRequest<Full<Bytes>>,
    /// `None` once the connection has come to its end.
    driver: Option<Connection<Wire, Full<Bytes>>>,
    stamps: Rc<Stamps>,
}

impl Conn {
    pub(super) fn stamps(&self) -> &Stamps {
        &self.stamps
    }

    /// Reads and writes what can be read and written now.
    pub(super) fn poll_driver(&mut self, cx: &mut Context<'_>) {
        if let Some(driver) = &mut self.driver
            && Pin::new(driver).poll(cx).is_ready()
        {
            self.driver = None;
        }
    }

    /// Whether it can take a request.
    fn poll_free(&mut self, cx: &mut Context<'_>) -> bool {
        self.poll_driver(cx);
        self.driver.is_some() && matches!(self.sender.poll_ready(cx), Poll::Ready(Ok(())))
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
        sent: Sent,
    ) -> Result<Response<Incoming>, hyper::Error> {
        self.stamps.arm(sent);
        let mut head = pin!(self.sender.send_request(request));
        let driver = &mut self.driver;
        poll_fn(|cx| {
            if let Some(running) = driver.as_mut()
                && Pin::new(running).poll(cx).is_ready()
            {
                *driver = None;
            }
            head.as_mut().poll(cx)
        })
        .await
    }
}

/// Idle connections to one host, and how to open more.
pub(super) struct Pool {
    host: String,
    port: u16,
    clock: Clock,
    #[expect(
        clippy::vec_box,
        reason = "a connection is large, and goes from hand to hand with every request"
    )]
    idle: RefCell<Vec<Box<Conn>>>,
}

impl Pool {
    pub(super) fn new(host: &str, port: u16, clock: Clock) -> Self {
        let host = host.trim_matches(['[', ']']).to_owned();
        Self { host, port, clock, idle: RefCell::new(Vec::new()) }
    }

    /// The connection used last, if it is still open: it is the warmest, and the others can age out.
    pub(super) async fn reuse(&self) -> Option<Box<Conn>> {
        poll_fn(|cx| {
            while let Some(mut conn) = self.idle.borrow_mut().pop() {
                conn.stamps.probe();
                if conn.poll_free(cx) {
                    return Poll::Ready(Some(conn));
                }
            }
            Poll::Ready(None)
        })
        .await
    }

    /// Takes a connection back when its answer has been read to the end, unless it must be closed.
    pub(super) fn give_back(&self, mut conn: Box<Conn>, cx: &mut Context<'_>) {
        if conn.poll_free(cx) {
            self.idle.borrow_mut().push(conn);
        }
    }

    /// Opens a connection.
    pub(super) async fn open(&self) -> Result<Box<Conn>, Fault> {
        let stream = self.connect(&self.addresses().await?).await.map_err(|error| {
            let message = format!("no connection to {} port {}: {error}", self.host, self.port);
            Fault::new(ErrorClass::Connect, message)
        })?;
        // Without it a request in two writes waits for the answer to the first.
        let _ = stream.set_nodelay(true);
        let wire = Wire::new(stream, self.clock);
        let stamps = wire.stamps();
        let (sender, driver) = http1::handshake(wire)
            .await
            .map_err(|error| Fault::new(ErrorClass::Connect, super::error::chain(&error)))?;
        Ok(Box::new(Conn { sender, driver: Some(driver), stamps }))
    }

    async fn addresses(&self) -> Result<Vec<SocketAddr>, Fault> {
        if let Ok(ip) = self.host.parse::<IpAddr>() {
            return Ok(vec![(ip, self.port).into()]);
        }
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await;
        found.map(Iterator::collect).map_err(|error| {
            let message = format!("the name {} could not be resolved: {error}", self.host);
            Fault::new(ErrorClass::Dns, message)
        })
    }

    async fn connect(&self, addresses: &[SocketAddr]) -> io::Result<TcpStream> {
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}
