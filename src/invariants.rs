//! Judges evidence: one file per family, each check a function from evidence to a verdict.
