//! Facts of the machine. Never a name of a user, a path or a secret.

use crate::history::Meta;
use crate::summary::Host;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::Path;

/// The part of an earlier summary that cannot be found out again on another machine.
#[derive(Deserialize)]
struct Earlier {
    host: Host,
}

/// The machine of a run: as the summary in `dir` has it, else (there is none yet) this one, with the facts
/// that the run left in its history.
#[must_use]
pub fn host(dir: &Path, meta: &Meta) -> Host {
    let earlier = std::fs::read(dir.join("summary.json")).ok();
    let earlier = earlier.and_then(|text| serde_json::from_slice::<Earlier>(&text).ok());
    earlier.map_or_else(|| here(meta), |earlier| earlier.host)
}

/// The machines of several parts of a run, with the facts of the whole: each name once; processors of the
/// largest.
#[must_use]
pub fn machines(parts: &[Host], meta: &Meta) -> Host {
    let names = |of: &dyn Fn(&Host) -> Option<&str>| {
        let names: BTreeSet<&str> = parts.iter().filter_map(of).collect();
        names.into_iter().collect::<Vec<_>>().join(", ")
    };
    let kernels = names(&|host| host.kernel.as_deref());
    Host {
        os: names(&|host| Some(&host.os)),
        arch: names(&|host| Some(&host.arch)),
        cpus: parts.iter().map(|host| host.cpus).max().unwrap_or(0),
        kernel: Some(kernels).filter(|kernels| !kernels.is_empty()),
        pacer: meta.pacer.clone(),
        threads: meta.threads,
    }
}

/// This machine, with the facts of a run on it.
#[must_use]
pub fn here(meta: &Meta) -> Host {
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
