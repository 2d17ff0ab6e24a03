//! The `deadheat` binary: parse, run, exit.

#[cfg(not(loom))]
fn main() -> std::process::ExitCode {
    std::process::ExitCode::from(deadheat::cli::main())
}

#[cfg(loom)]
fn main() {}
