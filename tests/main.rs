//! One binary for all integration tests: linking is what costs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helper functions of tests may fail loudly"
)]

/// Layers, forbidden crates, file sizes.
mod architecture;
