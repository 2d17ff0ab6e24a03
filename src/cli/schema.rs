//! `deadheat schema`: print the JSON Schema of a kind of file.

use super::output::print;
use crate::compare::Noise;
use crate::summary::Exit;
use crate::{scenario, summary};
use schemars::JsonSchema;

/// Print the JSON Schema of scenarios, summaries, comparisons or calibrations
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
    /// `comparison.json` of a comparison
    Comparison,
    /// `calibration.json` of a calibration
    Calibration,
}

pub(super) fn run(args: &Args) -> u8 {
    let schema = match args.which {
        Which::Scenario => scenario::schema(),
        Which::Summary => schema_of::<summary::Summary>(),
        Which::Comparison => schema_of::<summary::Compared>(),
        Which::Calibration => schema_of::<Noise>(),
    };
    print(&schema, Exit::Pass.code())
}

fn schema_of<T: JsonSchema>() -> String {
    let generator = schemars::generate::SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<T>().to_value();
    schema.sort_all_objects();
    format!("{schema:#}\n")
}
