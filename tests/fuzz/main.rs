//! Files of strangers, changed at random: an answer or an error, never a panic.
//!
//! `make fuzz` runs each target for ten minutes, led by coverage; `make test` for a moment. Seen
//! in 611 seconds each, three at a time on two cores, without a finding: image 3,007,427 inputs
//! (at most 68 MB resident), configuration 2,248,418 (64 MB), manifest 205,893 (46 MB). Found
//! before, and mended: a standard deviation of 1e-38 made a network's input infinite.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests may fail loudly and show their figures"
)]
#![cfg_attr(fuzzing, no_main)]

/// Changes to an input.
mod change;
/// Files that a target writes.
mod scratch;
/// What changes begin with.
mod seeds;

/// Sidecars, files of other libraries, class lists, palettes, flags.
mod configuration;
/// Image files.
mod image;
/// Lists of images.
mod manifest;
/// Model files.
mod model;
/// Tables that killed runs left behind.
mod table;

/// Every change led by what it reaches in the code.
#[cfg(fuzzing)]
mod guided;
/// A moment of changes as ordinary tests.
#[cfg(not(fuzzing))]
mod moment;

use scratch::Scratch;

/// Something that reads bytes of strangers.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    /// By which it is chosen.
    pub(crate) name: &'static str,
    /// Inputs to begin with.
    pub(crate) seeds: fn() -> Vec<Vec<u8>>,
    /// What such files are made of.
    pub(crate) words: &'static [&'static [u8]],
    /// Reads an input and panics where something is wrong with what comes out.
    pub(crate) run: fn(&Scratch, &[u8]),
}

pub(crate) const TARGETS: &[Target] = &[
    configuration::TARGET,
    image::TARGET,
    manifest::TARGET,
    model::TARGET,
    table::TARGET,
];
