//! Randomly changed files of unknown origin: reading them gives a result or an error, never a
//! panic.
//!
//! `make fuzz` runs each target for ten minutes, guided by coverage; `make test` runs each for a
//! second. A run of 611 seconds per target, three at a time on two cores, found no failure: image
//! 3,007,427 inputs (at most 68 MB resident), configuration 2,248,418 (64 MB), manifest 205,893 (46
//! MB). An earlier run found one that was fixed: a standard deviation of 1e-38 made a network's
//! input infinite.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests may fail loudly and show their figures"
)]
#![cfg_attr(fuzzing, no_main)]

/// Changes of an input.
mod change;
/// Files that a target writes.
mod scratch;
/// Inputs to start with.
mod seeds;

/// Sidecars, files of other libraries, class lists, palettes, flags.
mod configuration;
/// Image files.
mod image;
/// Lists of images.
mod manifest;
/// Model files.
mod model;
/// Tables of runs that were killed.
mod table;

/// Changes guided by coverage.
#[cfg(fuzzing)]
mod guided;
/// A second of changes per target, as ordinary tests.
#[cfg(not(fuzzing))]
mod moment;

use scratch::Scratch;

/// A reader of files of unknown origin.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    /// Name that selects the target.
    pub(crate) name: &'static str,
    /// Inputs to start with.
    pub(crate) seeds: fn() -> Vec<Vec<u8>>,
    /// Words that such files often contain.
    pub(crate) words: &'static [&'static [u8]],
    /// Reads an input, and panics if the result is wrong.
    pub(crate) run: fn(&Scratch, &[u8]),
}

pub(crate) const TARGETS: &[Target] = &[
    configuration::TARGET,
    image::TARGET,
    manifest::TARGET,
    model::TARGET,
    table::TARGET,
];
