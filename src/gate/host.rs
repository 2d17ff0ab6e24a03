//! Facts of the machine. Never a name of a user, a path or a secret.

use crate::history::{Host, Meta};

/// The machine that this process runs on, with the facts that the run left in its history.
#[must_use]
pub fn host(meta: &Meta) -> Host {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").ok();
    let cpus = std::thread::available_parallelism().map_or(0, |n| u32::try_from(n.get()).unwrap_or(u32::MAX));
    Host {
        os: std::env::consts::OS.to_owned(),
        arch: std::env::consts::ARCH.to_owned(),
        cpus,
        kernel: kernel.map(|text| text.trim().to_owned()),
        pacer: meta.pacer.clone(),
        threads: meta.threads,
    }
}
