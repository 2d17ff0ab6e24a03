//! The concurrency strategies under test, and the retry policies beside them.
//!
//! A strategy turns a job into attempts. It decides with the synchronous structs of `shared/` and waits
//! through [`Hands`], which the engine implements; it never touches a clock or a socket itself.

mod hands;

pub use hands::{Answer, Hands, LocalFuture, Strategy, Task, Usage};
