//! `deadheat schema`: print the JSON Schema of scenarios or summaries.

use super::output::print;
use crate::gate::Exit;
use crate::{history, scenario};

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
    print(&schema, Exit::Pass.code())
}

fn summary_schema() -> String {
    let generator = schemars::generate::SchemaSettings::draft2020_12().into_generator();
    format!("{:#}\n", generator.into_root_schema_for::<history::Summary>().to_value())
}
