//! When each job is due: pure, seeded, closed form.
