//! `deadheat schema`: print the JSON Schema of scenarios or summaries.

use crate::gate::Exit;
use crate::{history, scenario};
use std::io::Write;

/// Print the JSON Schema of scenarios or summaries
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which file's schema
    #[arg(value_enum, default_value_t = Which::Scenario)]
    which: Which,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Which {
    /// The scenario file
    Scenario,
    /// `summary.json` of a run
    Summary,
}

pub(super) fn run(args: &Args) -> u8 {
    let schema = match args.which {
        Which::Scenario => scenario::schema(),
        Which::Summary => summary_schema(),
    };
    let mut stdout = anstream::stdout();
    match stdout.write_all(schema.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Exit::Pass.code(),
        // A reader such as `head` may have had enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Exit::Pass.code(),
        Err(_) => Exit::Internal.code(),
    }
}

fn summary_schema() -> String {
    let generator = schemars::generate::SchemaSettings::draft2020_12().into_generator();
    format!("{:#}\n", generator.into_root_schema_for::<history::Summary>().to_value())
}
