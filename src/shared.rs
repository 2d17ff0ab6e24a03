//! Everything two tasks may touch at once: small synchronous structs, each with a loom test.
