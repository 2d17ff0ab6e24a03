//! Folds evidence into histograms, counters and fidelity.
