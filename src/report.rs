//! Renders a summary; computes nothing.
