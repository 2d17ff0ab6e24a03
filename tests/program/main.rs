//! External programs under audit.
#![cfg(not(loom))]

mod drive;
mod honest;
mod perturb;
mod processes;
mod programs;
mod verdicts;
