//! The built-in provider, and its ledger.
