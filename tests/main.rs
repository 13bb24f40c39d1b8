//! One binary for all integration tests, because linking is what costs. Tests of the program need the
//! feature `cli`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::too_many_lines,
    reason = "tests may fail loudly, show their figures and list their cases"
)]

/// A real browser that opens pages from disk.
#[cfg(feature = "cli")]
mod browser;
/// The committed models and images, opened.
mod fixture;
/// Tests that cannot run on this machine.
mod skip;

/// Layers, forbidden crates, file sizes.
mod architecture;
/// Published architectures: verdicts, places and costs.
#[cfg(feature = "cli")]
mod architectures;
/// Policies: found, applied and refused.
#[cfg(feature = "cli")]
mod calibrate;
/// Promises of calibration, over and over.
mod calibration_splits;
/// Colors as the color-blind see them.
mod color_vision;
/// The program as a user types it: files, messages, exit codes.
#[cfg(feature = "cli")]
mod command_line;
/// Models that draw their masks themselves.
#[cfg(feature = "cli")]
mod convert;
/// Same bits whatever the batch, the threads, the order and the other images.
mod determinism;
/// Predictions against labels.
#[cfg(feature = "cli")]
mod evaluate;
/// Large folders of predictions: memory and speed.
#[cfg(feature = "cli")]
mod evaluation_size;
/// The programs of the folder `examples`.
mod examples;
/// Folders as exporters leave them.
#[cfg(feature = "cli")]
mod exports;
/// What goes wrong as a user meets it: messages, ways out, what stays written.
#[cfg(feature = "cli")]
mod faults;
/// The image that the model is opened for, and its single decoding.
mod first_image;
/// Formats, sizes, palettes and lines of JSON.
#[cfg(feature = "cli")]
mod formats;
/// What stratified draws gain over independent ones.
mod gain;
/// Models that differ in their last operators.
mod heads;
/// What the program says about itself: help on a screen, manual pages, completions.
#[cfg(feature = "cli")]
mod help;
/// Formats that are not read, frames, bands and bits.
#[cfg(feature = "cli")]
mod image_files;
/// Images of floating point, limits and orientation.
#[cfg(feature = "cli")]
mod image_kinds;
/// Files, folders, patterns and lists as IMAGES, and the rows they become.
#[cfg(feature = "cli")]
mod inputs;
/// A folder of many images, some of them broken in every way.
#[cfg(feature = "cli")]
mod many_images;
/// Memory against the number of samples.
#[cfg(feature = "cli")]
mod memory;
/// What can be typed wrong, with the exact answer to each.
#[cfg(feature = "cli")]
mod misuse;
/// Models that were cut or changed at random.
mod model_faults;
/// The models of the onnx package.
mod onnx_package;
/// Padding counts for nothing.
#[cfg(feature = "cli")]
mod padding;
/// Measures and probabilities against PyTorch's own dropout.
mod reference;
/// Pages of whole, older, half-written and hostile folders.
#[cfg(feature = "cli")]
mod report;
/// The page in a real browser.
#[cfg(all(feature = "cli", feature = "charts"))]
mod report_page;
/// Runs that are killed, stopped, starved of disk space, and started again.
#[cfg(feature = "cli")]
mod resume;
/// Images that take as many samples as they need.
#[cfg(feature = "cli")]
mod stop;
