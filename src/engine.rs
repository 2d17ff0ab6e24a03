//! Makes the load.
